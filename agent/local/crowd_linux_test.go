package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// crowdDoor is a plainDoor at which sessions can be told before people are, who are
// known only once they have sent something: those of the noisy one have that in the
// name of their socket.
type crowdDoor struct{ plainDoor }

func (d crowdDoor) peer(c net.Conn) (peer, error) {
	if d.crowd(c) == "session noisy" {
		_, err := c.Read(make([]byte, 1))
		return peer{}, errors.Join(errors.New("it said nothing"), err)
	}
	return d.plainDoor.peer(c)
}

func (crowdDoor) crowd(c net.Conn) string {
	if a := c.RemoteAddr(); a != nil && strings.Contains(a.String(), "noisy") {
		return "session noisy"
	}
	return "session calm"
}

// Whoever says nothing does not hold up the end of the agent: on Windows its service
// waited for them as long as they may be silent.
func TestEndWithoutAWord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- serverAt(crowdDoor{plainDoor{l: l, socket: socket{l}}}, Config{}).Serve(ctx) }()
	c, err := net.DialUnix("unix", &net.UnixAddr{Name: "@" + path + ".noisy", Net: "unix"}, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cancel()
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute): // they may be silent for ever at this door
		t.Error("it waits for somebody who says nothing")
	}
}

// Whoever opens connections and says nothing keeps nobody of another session out,
// although it is not known yet who they are.
func TestSilentCrowd(t *testing.T) {
	path := open(t, &desk{}, book{}) + ".crowd"
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	s := serverAt(crowdDoor{plainDoor{l: l, socket: socket{l}}}, Config{Flow: book{}, Elevator: &desk{}, Salt: bytes.Repeat([]byte("s"), 32)})
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	var held []net.Conn
	defer func() {
		for _, c := range held {
			c.Close()
		}
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	for i := range maxConnections + maxSilent {
		from := &net.UnixAddr{Name: fmt.Sprintf("@%s.noisy%d", path, i), Net: "unix"}
		c, err := net.DialUnix("unix", from, &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	refused := make(chan struct{}, len(held))
	for _, c := range held {
		go func() {
			_, _ = io.Copy(io.Discard, c) // until it is closed by one side
			refused <- struct{}{}
		}()
	}
	late := time.After(time.Minute)
	for n := range len(held) - maxSilent {
		select {
		case <-refused:
		case <-late:
			t.Fatalf("only %d of %d silent connections were refused", n, len(held))
		}
	}
	if _, err := (Client{Path: path, dialer: dialPlain}).Status(t.Context()); err != nil {
		t.Errorf("another session is kept out: %v", err)
	}
}
