package pipe

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// system is Windows, as far as it is needed for pipes: calls of this program.
type system interface {
	// self is who this program is.
	self() (user string, elevated bool, err error)
	// exists reports whether a pipe of that name is there, without opening it.
	exists(name string) (bool, error)
	// serve makes one more end for a client, of a pipe with that access list. The
	// first is refused ([ErrTaken]) where somebody has the name.
	serve(name, list string, first bool) (end, error)
	// open is what a client does: errBusy when all ends have a client.
	open(name string) (end, error)
	// free waits for so long at most until an end has no client.
	free(name string, within time.Duration)
	// event is one that can be rung once.
	event() (event, error)
}

// end is one end of a pipe.
type end interface {
	// meet waits until a client has opened this end, net.ErrClosed when over was
	// rung before, errWent when a client came and went.
	meet(over event) error
	// part makes the end free for another client.
	part() error
	close() error
	// stream is what is read and written; closing it closes the end.
	stream() stream
	// owner is whose the pipe is.
	owner() (string, error)
	remote
}

// event is something that is waited for.
type event interface {
	ring() error
	close() error
}

var (
	errBusy = errors.New("all ends of the pipe are in use")
	errWent = errors.New("a client came and went")
)

// Listener waits for clients. There is always one free end of the pipe, so that
// the name never belongs to nobody.
type Listener struct {
	name, list string
	sys        system
	closing    event

	accepting sync.Mutex // one Accept at a time
	mu        sync.Mutex // guards the fields below
	free      end
	over      bool
}

func listen(sys system, name string) (*Listener, error) {
	if err := checkName(name); err != nil {
		return nil, fmt.Errorf("listen on a pipe: %w", err)
	}
	user, elevated, err := sys.self()
	if err != nil {
		return nil, fmt.Errorf("listen on a pipe: %w", err)
	}
	l := &Listener{name: name, list: access(ownerFor(user, elevated)), sys: sys}
	if there, err := sys.exists(name); err != nil || there {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", name, ErrTaken), err)
	}
	if l.free, err = sys.serve(name, l.list, true); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", name, err)
	}
	if l.closing, err = sys.event(); err != nil {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", name, err), l.free.close())
	}
	return l, nil
}

// Accept waits for the next client. After Close it answers net.ErrClosed.
func (l *Listener) Accept() (*Conn, error) {
	l.accepting.Lock()
	defer l.accepting.Unlock()
	l.mu.Lock()
	e, over := l.free, l.over
	l.mu.Unlock()
	if over {
		return nil, net.ErrClosed
	}
	if err := l.meet(e); err != nil {
		return nil, fmt.Errorf("accept on %s: %w", l.name, err)
	}
	next, err := l.sys.serve(l.name, l.list, false)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("accept on %s: %w", l.name, err), e.part())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over { // Close ends the client's
		return nil, errors.Join(net.ErrClosed, next.close())
	}
	l.free = next
	return newConn(e, l.name), nil
}

// meet waits for a client that stays.
func (l *Listener) meet(e end) error {
	for {
		if err := e.meet(l.closing); !errors.Is(err, errWent) {
			return err
		}
		if err := e.part(); err != nil {
			return err
		}
	}
}

// Close ends the waiting. Clients that were accepted stay.
func (l *Listener) Close() error {
	l.mu.Lock()
	if l.over {
		l.mu.Unlock()
		return nil
	}
	l.over = true
	l.mu.Unlock()
	err := l.closing.ring()
	l.accepting.Lock() // whoever waited is out
	defer l.accepting.Unlock()
	return errors.Join(err, l.free.close(), l.closing.close())
}

// Name is the pipe's.
func (l *Listener) Name() string { return l.name }
