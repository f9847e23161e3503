//go:build linux || windows

package pipe

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"testing"
	"time"
)

// known is what a system says of the program that the contract is.
type known struct {
	user    string
	pid     int
	session uint32
}

// contract is what every system with pipes does, for a server and a client that are
// one program.
func contract(t *testing.T, sys system, self known) {
	t.Helper()
	name := Name("contract")
	if c, err := dial(t.Context(), sys, name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing listens: %v, %v", c, err)
	}
	l, err := listen(sys, name)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := listen(sys, name); !errors.Is(err, ErrTaken) {
		t.Errorf("our own, a second time: %v, %v", again, err)
	}
	client, err := dial(t.Context(), sys, name)
	if err != nil {
		t.Fatal(err)
	}
	full, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if c, err := dial(full, sys, name); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before somebody accepts: %v, %v", c, err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	spoken(t, c, client)
	p, err := c.Peer()
	if err != nil || p.User != self.user || p.PID != self.pid || p.Session != self.session {
		t.Errorf("the client is %+v, %v", p, err)
	}
	if n, err := c.Session(); err != nil || n != self.session {
		t.Errorf("session %d, %v", n, err)
	}
	if _, err := c.Write([]byte("good bye")); err != nil { // what was written before an end was closed arrives
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if raw, err := io.ReadAll(client); string(raw) != "good bye" || err != nil {
		t.Errorf("%q, %v", raw, err)
	}
	_ = client.Close()
	if _, err := c.Peer(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("peer of a closed connection: %v", err)
	}
	if _, err := c.Session(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("session of a closed connection: %v", err)
	}
	cameAndWent(t, sys, l)
	closing(t, l)
	if c, err := dial(t.Context(), sys, name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing listens any more: %v, %v", c, err)
	}
}

// spoken lets both ends say something, and wait for nothing.
func spoken(t *testing.T, c, client *Conn) {
	t.Helper()
	for _, ends := range [][2]*Conn{{c, client}, {client, c}} {
		if err := ends[0].SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, err := ends[0].Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d, %v", n, err)
		}
		if err := ends[0].SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		if _, err := ends[1].Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if n, err := ends[0].Read(make([]byte, 4)); n != 1 || err != nil {
			t.Errorf("after a deadline: %d, %v", n, err)
		}
	}
}

// cameAndWent: who is gone before they are accepted keeps nobody from being served.
func cameAndWent(t *testing.T, sys system, l *Listener) {
	t.Helper()
	gone, err := dial(t.Context(), sys, l.Name())
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Close(); err != nil {
		t.Error(err)
	}
	said := make(chan string, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				said <- err.Error()
				return
			}
			text := make([]byte, 64)
			n, _ := c.Read(text) // nothing of who is gone
			_ = c.Close()
			if n > 0 {
				said <- string(text[:n])
				return
			}
		}
	}()
	next, err := dial(t.Context(), sys, l.Name())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := next.Write([]byte("the next")); err != nil {
		t.Error(err)
	}
	if got := <-said; got != "the next" {
		t.Errorf("served %q", got)
	}
	_ = next.Close()
}

// closing ends an Accept that waits, and each later one.
func closing(t *testing.T, l *Listener) {
	t.Helper()
	said, begun := make(chan error, 1), make(chan struct{})
	go func() {
		close(begun)
		_, err := l.Accept()
		said <- err
	}()
	<-begun
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := <-said; !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after close: %v", err)
	}
}
