package local

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/assent-epm/assent/agent/local/pipe"
)

// heard is a connection of which a byte was read to know who it is; who reads it
// gets that byte first. A pipe of Windows is one.
type heard struct {
	net.Conn
	first []byte
}

// pipeClient is who is at the other end of a pipe of Windows.
type pipeClient interface {
	Peer() (pipe.Peer, error)
	Session() (uint32, error)
}

// pipeConn is an accepted pipe.
type pipeConn struct {
	heard
	client pipeClient
}

// peerOfPipe hears a byte first: Windows knows who somebody is by what they send.
// Where it does not tell when their process began, nothing is opened for it.
func peerOfPipe(c net.Conn, started func(pid int) (uint64, error)) (peer, error) {
	pc, ok := c.(*pipeConn)
	if !ok {
		return peer{}, errors.ErrUnsupported
	}
	if err := pc.hear(); err != nil {
		return peer{}, err
	}
	who, err := pc.client.Peer()
	if err != nil {
		return peer{}, err
	}
	began, err := started(who.PID)
	if err != nil {
		began = 0 // no process began then
	}
	return peer{user: who.User, pid: who.PID, from: Caller{PID: who.PID, Started: began, User: who.User, Session: who.Session}}, nil
}

// crowdOfPipe is the session: it is known of who says nothing, too, and people can not
// choose another one. All whose session is not told are one crowd.
func crowdOfPipe(c net.Conn) string {
	if pc, ok := c.(*pipeConn); ok {
		if n, err := pc.client.Session(); err == nil {
			return fmt.Sprintf("session %d", n)
		}
	}
	return "session unknown"
}

// ends reports whether a signal of a client stands for the end of its program, where a
// system has no signals.
func ends(s syscall.Signal) bool { return s == syscall.SIGINT || s == syscall.SIGTERM }

var errSilent = errors.New("nothing was said")

// hear reads the byte. Who says nothing for too long is nobody.
func (h *heard) hear() error {
	if err := h.SetReadDeadline(time.Now().Add(firstWithin)); err != nil {
		return err
	}
	var first [1]byte
	if n, err := h.Conn.Read(first[:]); n == 0 || err != nil {
		return errors.Join(errSilent, err)
	}
	h.first = first[:]
	return nil
}

func (h *heard) Read(p []byte) (int, error) {
	if len(h.first) > 0 && len(p) > 0 {
		n := copy(p, h.first)
		h.first = h.first[n:]
		return n, nil
	}
	return h.Conn.Read(p)
}
