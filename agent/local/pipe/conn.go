package pipe

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"time"
)

// remote is who is at the other end, as the system knows them.
type remote interface {
	// act makes this thread the client, and revert makes it itself again.
	act() error
	revert() error
	// token is that of who this thread is.
	token() (token, error)
	process() (pid uint32, err error)
	session() (uint32, error)
}

// token says who somebody is.
type token interface {
	// facts are all but the process; name is DOMAIN\name, "" when it is not known.
	facts() (f facts, name string, err error)
	close()
}

// stream is what goes through a pipe.
type stream interface {
	io.ReadWriteCloser
	SetDeadline(time.Time) error
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// Conn is one open pipe.
type Conn struct {
	stream
	name string

	mu   sync.Mutex // held while the end is looked at, so that it is not closed
	gone bool
	end  end
}

var _ net.Conn = (*Conn)(nil)

func newConn(e end, name string) *Conn { return &Conn{stream: e.stream(), end: e, name: name} }

// Close closes this end. What was written before can still be read at the other.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return nil
	}
	c.gone = true
	return c.stream.Close()
}

// Peer is who opened this accepted connection, by the token that the kernel keeps
// of them. It can be asked at any time; clients that let their identity be known
// only with what they send can not be known before that was read.
func (c *Conn) Peer() (Peer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return Peer{}, fmt.Errorf("look who is at the pipe: %w", net.ErrClosed)
	}
	type answer struct {
		facts facts
		name  string
		err   error
	}
	said := make(chan answer, 1)
	go func() { // a thread of its own: one that can not become itself again ends with this
		runtime.LockOSThread()
		f, name, reverted, err := asClient(c.end)
		if reverted {
			runtime.UnlockOSThread()
		}
		said <- answer{f, name, err}
	}()
	a := <-said
	if a.err == nil {
		a.facts.pid, a.err = c.end.process()
	}
	if a.err != nil {
		return Peer{}, fmt.Errorf("look who is at the pipe: %w: %w", ErrPeer, a.err)
	}
	p, err := judge(a.facts)
	if err != nil {
		return Peer{}, fmt.Errorf("look who is at the pipe: %w", err)
	}
	p.Name = a.name
	return p, nil
}

// asClient reads the client's token as this thread, which is itself again before
// anything is read of it; reverted is false where it is not.
func asClient(r remote) (f facts, name string, reverted bool, err error) {
	if err := r.act(); err != nil {
		return f, "", true, err
	}
	theirs, err := r.token()
	if err == nil {
		defer theirs.close()
	}
	if revert := r.revert(); revert != nil {
		return f, "", false, errors.Join(revert, err)
	}
	if err != nil {
		return f, "", true, err
	}
	f, name, err = theirs.facts()
	return f, name, true, err
}

// Session is in which session the client sits, as the kernel wrote it down when the
// pipe was opened: before a byte was read, and not enough to know who it is.
func (c *Conn) Session() (n uint32, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return 0, fmt.Errorf("look who is at the pipe: %w", net.ErrClosed)
	}
	if n, err = c.end.session(); err != nil {
		return 0, fmt.Errorf("look who is at the pipe: %w", err)
	}
	return n, nil
}

// address is the pipe's name in the words of package net.
type address string

func (a address) Network() string { return "pipe" }
func (a address) String() string  { return string(a) }

// LocalAddr is the pipe's name.
func (c *Conn) LocalAddr() net.Addr { return address(c.name) }

// RemoteAddr is the pipe's name.
func (c *Conn) RemoteAddr() net.Addr { return address(c.name) }
