package local

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/local/pipe"
)

// Who it is, is known by their first byte, which is not lost; who says nothing is
// not waited for longer than others are.
func TestHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go func() {
			_, _ = theirs.Write([]byte("hello"))
			_ = theirs.Close()
		}()
		h := &heard{Conn: ours}
		if err := h.hear(); err != nil {
			t.Fatal(err)
		}
		if n, err := h.Read(nil); n != 0 || err != nil {
			t.Errorf("read nothing: %d, %v", n, err)
		}
		if text, err := io.ReadAll(h); string(text) != "hello" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		ours, theirs = net.Pipe()
		began := time.Now()
		if err := (&heard{Conn: ours}).hear(); !errors.Is(err, errSilent) || time.Since(began) != firstWithin {
			t.Errorf("nothing was said for %v: %v", time.Since(began), err)
		}
		_ = theirs.Close()
		if err := (&heard{Conn: ours}).hear(); err == nil {
			t.Error("who is gone was heard")
		}
	})
}

// visitor is a client of a pipe that says something.
type visitor struct {
	who     pipe.Peer
	unknown error // who it is
	nowhere error // in which session
	heard   func() bool
	t       *testing.T
}

func (v visitor) Peer() (pipe.Peer, error) {
	if !v.heard() {
		v.t.Error("it was asked who it is before it said anything")
	}
	return v.who, v.unknown
}

func (v visitor) Session() (uint32, error) { return v.who.Session, v.nowhere }

// visit is a connection of somebody who says text.
func visit(t *testing.T, v visitor, text string) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	go func() {
		_, _ = theirs.Write([]byte(text))
		_ = theirs.Close()
	}()
	c := &pipeConn{heard: heard{Conn: ours}}
	v.t, v.heard = t, func() bool { return len(c.first) == 1 }
	c.client = v
	return c
}

// pipeClientContract is what every client of a pipe is, once it has said something:
// one person in one session, whoever asks and how often.
func pipeClientContract(t *testing.T, c pipeClient, want pipe.Peer) {
	t.Helper()
	for range 2 {
		who, err := c.Peer()
		if err != nil || who.User != want.User || who.PID != want.PID || who.Session != want.Session {
			t.Errorf("it is %+v, %v; want %+v", who, err, want)
		}
		if n, err := c.Session(); err != nil || n != want.Session {
			t.Errorf("it sits in session %d, %v; want %d", n, err, want.Session)
		}
	}
}

func TestVisitor(t *testing.T) {
	bo := pipe.Peer{User: "S-1-5-21-1-2-3-1001", PID: 77, Session: 2}
	pipeClientContract(t, visitor{who: bo, heard: func() bool { return true }, t: t}, bo)
}

func TestPeerOfPipe(t *testing.T) {
	bo := pipe.Peer{User: "S-1-5-21-1-2-3-1001", PID: 77, Session: 2}
	began := func(pid int) (uint64, error) { return uint64(pid) * 10, nil }
	c := visit(t, visitor{who: bo}, "hello")
	p, err := peerOfPipe(c, began)
	if err != nil || p.user != bo.User || p.pid != 77 || p.from != (Caller{PID: 77, Started: 770, User: bo.User, Session: 2}) {
		t.Errorf("%+v %v", p, err)
	}
	if text, err := io.ReadAll(c); string(text) != "hello" || err != nil {
		t.Errorf("what it said is %q, %v", text, err)
	}
	gone := func(int) (uint64, error) { return 5, errors.New("it is gone") }
	if p, err := peerOfPipe(visit(t, visitor{who: bo}, "x"), gone); err != nil || p.user != bo.User || p.from.Started != 0 {
		t.Errorf("its process is gone: %+v %v", p, err)
	}
	if p, err := peerOfPipe(visit(t, visitor{who: bo, unknown: pipe.ErrPeer}, "x"), began); !errors.Is(err, pipe.ErrPeer) || p.user != "" {
		t.Errorf("nobody knows who it is: %+v %v", p, err)
	}
	if p, err := peerOfPipe(visit(t, visitor{who: bo}, ""), began); !errors.Is(err, errSilent) || p.user != "" {
		t.Errorf("it says nothing: %+v %v", p, err)
	}
	if p, err := peerOfPipe(&heard{}, began); err == nil || p.user != "" {
		t.Errorf("it is no pipe: %+v", p)
	}
}

func TestCrowdOfPipe(t *testing.T) {
	a, b := visitor{who: pipe.Peer{Session: 2}}, visitor{who: pipe.Peer{Session: 3}}
	if crowdOfPipe(visit(t, a, "")) != "session 2" || crowdOfPipe(visit(t, b, "")) != "session 3" {
		t.Error("a crowd is not a session")
	}
	a.nowhere, b.nowhere = errors.New("no"), errors.New("no")
	if one, other := crowdOfPipe(visit(t, a, "")), crowdOfPipe(visit(t, b, "")); one != other || one == "" || one == "session 2" {
		t.Errorf("whose session is not told are %q and %q", one, other)
	}
	if crowdOfPipe(&heard{}) != crowdOfPipe(visit(t, a, "")) {
		t.Error("what is no pipe is another crowd")
	}
}

func TestEnds(t *testing.T) {
	for s, want := range map[syscall.Signal]bool{syscall.SIGINT: true, syscall.SIGTERM: true, syscall.SIGHUP: false, syscall.SIGKILL: false, 0: false, 99: false} {
		if ends(s) != want {
			t.Errorf("%d: %v", s, !want)
		}
	}
}

// A line counts if it is there before the prompt is taken away.
func TestLineUnless(t *testing.T) {
	typed, stop := make(chan string, 1), make(chan struct{})
	read := func() (string, error) { return <-typed, nil }
	typed <- "yes"
	if line, err := lineUnless(stop, read); line != "yes" || err != nil {
		t.Errorf("%q %v", line, err)
	}
	close(stop)
	if line, err := lineUnless(stop, read); line != "" || !errors.Is(err, errStopped) {
		t.Errorf("taken away: %q %v", line, err)
	}
	typed <- "late"
}
