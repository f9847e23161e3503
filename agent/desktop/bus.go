package desktop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	busName    = "org.assent.Desktop" // one of us on a bus
	noticeName = "org.freedesktop.Notifications"
	noticePath = dbus.ObjectPath("/org/freedesktop/Notifications")
	busWithin  = 5 * time.Second
	maxShown   = 64 // notices that are known at a time
)

// ErrRuns says that another one serves this session already.
var ErrRuns = errors.New("it runs in this session already")

// Bus shows notices by the service of the desktop.
type Bus struct {
	conn    *dbus.Conn
	pressed chan Press
	work    sync.WaitGroup // listen

	mu      sync.Mutex // guards the fields below
	markup  bool       // its texts are markup
	buttons bool       // it has buttons
	asked   bool       // it was asked for both
	shown   []shownNotice
}

type shownNotice struct {
	name string
	id   uint32
}

// SessionBus is the address of the person's own bus, "" = there is none. Nothing
// is started for it.
func SessionBus(env func(name string) string) string {
	if address := env("DBUS_SESSION_BUS_ADDRESS"); address != "" {
		return address
	}
	if dir := env("XDG_RUNTIME_DIR"); strings.HasPrefix(dir, "/") {
		return "unix:path=" + dir + "/bus"
	}
	return ""
}

// Connect joins the bus at an address. [ErrRuns] when another one has.
func Connect(ctx context.Context, address string) (*Bus, error) {
	return connect(ctx, address, dbus.NameFlagDoNotQueue|dbus.NameFlagAllowReplacement)
}

// Replace is [Connect] by a program that does more: one that has joined leaves. It
// is [ErrRuns] when that one does as much.
func Replace(ctx context.Context, address string) (*Bus, error) {
	return connect(ctx, address, dbus.NameFlagDoNotQueue|dbus.NameFlagReplaceExisting)
}

func connect(ctx context.Context, address string, how dbus.RequestNameFlags) (*Bus, error) {
	conn, err := dbus.Connect(address, dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("join the session's bus: %w", err)
	}
	b := &Bus{conn: conn, pressed: make(chan Press, 8)}
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals) // before the name is taken, which can be lost at once
	reply, err := conn.RequestName(busName, how)
	if err == nil && reply != dbus.RequestNameReplyPrimaryOwner {
		err = ErrRuns
	}
	if err == nil {
		err = conn.AddMatchSignal(dbus.WithMatchSender(noticeName), dbus.WithMatchInterface(noticeName), dbus.WithMatchObjectPath(noticePath))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("join the session's bus: %w", err), conn.Close())
	}
	b.work.Go(func() { b.listen(signals) })
	return b, nil
}

// Close leaves the bus, and returns when nothing of it is heard any more.
func (b *Bus) Close() error {
	err := b.conn.Close()
	b.work.Wait()
	return err
}

// Done is closed when the bus is gone, and the session with it.
func (b *Bus) Done() <-chan struct{} { return b.conn.Context().Done() }

// Pressed implements [Notices].
func (b *Bus) Pressed() <-chan Press { return b.pressed }

// listen passes buttons on; it ends with the connection.
func (b *Bus) listen(signals <-chan *dbus.Signal) {
	for {
		select {
		case <-b.conn.Context().Done():
			return
		case s, ok := <-signals:
			if !ok {
				return
			}
			b.heard(s)
		}
	}
}

// lost reports whether another program serves the session from now on.
func lost(s *dbus.Signal) bool {
	if s.Sender != "org.freedesktop.DBus" || s.Name != "org.freedesktop.DBus.NameLost" || len(s.Body) != 1 {
		return false
	}
	name, _ := s.Body[0].(string)
	return name == busName
}

func (b *Bus) heard(s *dbus.Signal) {
	if lost(s) {
		_ = b.conn.Close() // its end is the end of this program
		return
	}
	if len(s.Body) < 2 || s.Path != noticePath {
		return
	}
	id, _ := s.Body[0].(uint32)
	name := b.named(id)
	switch key, _ := s.Body[1].(string); {
	case name == "":
	case s.Name == noticeName+".NotificationClosed":
		b.forget(id)
	case s.Name == noticeName+".ActionInvoked":
		select {
		case b.pressed <- Press{Name: name, Key: key}:
		default: // nobody presses that fast
		}
	}
}

func (b *Bus) named(id uint32) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.shown {
		if s.id == id {
			return s.name
		}
	}
	return ""
}

// idLocked is what the service calls a notice that is shown, 0 = it is not.
func (b *Bus) idLocked(name string) uint32 {
	for _, s := range b.shown {
		if s.name == name {
			return s.id
		}
	}
	return 0
}

func (b *Bus) forget(id uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shown = slices.DeleteFunc(b.shown, func(s shownNotice) bool { return s.id == id })
}

// can asks once what the service can do.
func (b *Bus) can(ctx context.Context, service dbus.BusObject) error {
	b.mu.Lock()
	asked := b.asked
	b.mu.Unlock()
	if asked {
		return nil
	}
	var what []string
	if err := service.CallWithContext(ctx, noticeName+".GetCapabilities", 0).Store(&what); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked, b.markup, b.buttons = true, slices.Contains(what, "body-markup"), slices.Contains(what, "actions")
	return nil
}

// Show implements [Notices].
func (b *Bus) Show(name string, n Notice) error {
	ctx, cancel := context.WithTimeout(b.conn.Context(), busWithin)
	defer cancel()
	service := b.conn.Object(noticeName, noticePath)
	if err := b.can(ctx, service); err != nil {
		return fmt.Errorf("show a notice: %w", err)
	}
	b.mu.Lock()
	text, replaces, actions := n.Text, b.idLocked(name), []string{}
	if b.markup {
		text = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
	}
	for _, button := range n.Buttons {
		if b.buttons {
			actions = append(actions, button.Key, button.Text)
		}
	}
	b.mu.Unlock()
	urgency := byte(1)
	if n.Urgent {
		urgency = 2
	}
	hints := map[string]dbus.Variant{"urgency": dbus.MakeVariant(urgency), "desktop-entry": dbus.MakeVariant("assent-desktop")}
	var id uint32
	if err := service.CallWithContext(ctx, noticeName+".Notify", 0, "Assent", replaces, "dialog-password", n.Title, text, actions, hints, int32(-1)).Store(&id); err != nil {
		return fmt.Errorf("show a notice: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shown = slices.DeleteFunc(b.shown, func(s shownNotice) bool { return s.name == name || s.id == id })
	b.shown = append(b.shown, shownNotice{name, id})
	b.shown = b.shown[max(0, len(b.shown)-maxShown):]
	return nil
}

// Remove implements [Notices].
func (b *Bus) Remove(name string) {
	b.mu.Lock()
	id := b.idLocked(name)
	b.mu.Unlock()
	if id == 0 {
		return
	}
	b.forget(id)
	ctx, cancel := context.WithTimeout(b.conn.Context(), busWithin)
	defer cancel()
	_ = b.conn.Object(noticeName, noticePath).CallWithContext(ctx, noticeName+".CloseNotification", 0, id).Err // it may be closed already
}
