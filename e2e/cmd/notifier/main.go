// Command notifier is the notification service of a desktop for tests: it takes
// notices on the session's bus and prints each as a line, and presses buttons
// that it reads from stdin as "press ID KEY". It shows nothing and stores nothing.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
)

const (
	name = "org.freedesktop.Notifications"
	path = dbus.ObjectPath("/org/freedesktop/Notifications")
)

type service struct {
	mu   sync.Mutex // guards the field below
	last uint32
}

// GetCapabilities is of the interface, as are the other methods.
func (*service) GetCapabilities() ([]string, *dbus.Error) {
	return []string{"body", "actions"}, nil
}

func (s *service) Notify(_ string, replaces uint32, _, summary, body string, actions []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := replaces
	if id == 0 {
		s.last++
		id = s.last
	}
	fmt.Printf("notice %d %s | %s | %s\n", id, summary, strings.ReplaceAll(body, "\n", " / "), strings.Join(actions, ","))
	return id, nil
}

func (*service) CloseNotification(uint32) *dbus.Error { return nil }

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func serve() error {
	conn, err := dbus.ConnectSessionBus()
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Export(&service{}, path, name); err != nil {
		return err
	}
	if _, err := conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil {
		return err
	}
	fmt.Println("notices are taken")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var id uint32
		var key string
		if _, err := fmt.Sscanf(lines.Text(), "press %d %s", &id, &key); err != nil {
			return fmt.Errorf("not understood: %q", lines.Text())
		}
		if err := conn.Emit(path, name+".ActionInvoked", id, key); err != nil {
			return err
		}
	}
	return nil
}
