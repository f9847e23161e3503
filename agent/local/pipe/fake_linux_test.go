package pipe

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// machine is a Windows with pipes: names, their ends, who a thread is, and what is
// open. What is closed twice or is not open any more fails.
type machine struct {
	mu      sync.Mutex // guards the fields below
	pipes   map[string]*place
	threads map[int]*account // those that are a client, by number
	broken  map[string]error // calls that fail
	open    int              // what was made and is not closed
	change  chan struct{}    // closed and made anew when something has changed
}

// account is a program as the machine knows it.
type account struct {
	facts
	name string
}

type place struct {
	owner string
	ends  []*half // of the server
}

// half is one end of a pipe.
type half struct {
	p      *program
	at     *place
	whose  string
	other  *half // who has met this end
	conn   net.Conn
	closed bool
}

// program is the machine as one program sees it.
type program struct {
	*machine
	is account
}

func newMachine() *machine {
	return &machine{pipes: map[string]*place{}, threads: map[int]*account{}, broken: map[string]error{}, change: make(chan struct{})}
}

func (m *machine) program(user string, elevated bool, pid uint32) *program {
	return &program{m, account{facts{level: levelIdentification, user: user, groups: []string{"S-1-5-4"}, session: 2, elevated: elevated, pid: pid}, `PC\` + user}}
}

func (m *machine) changed() {
	close(m.change)
	m.change = make(chan struct{})
}

var errHandle = errors.New("the handle is wrong")

func (p *program) self() (string, bool, error) { return p.is.user, p.is.elevated, p.broken["self"] }

func (p *program) exists(name string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pipes[name] != nil, p.broken["exists"]
}

func (p *program) serve(name, list string, first bool) (end, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.broken["serve"]; err != nil {
		return nil, err
	}
	owner, _, _ := strings.Cut(strings.TrimPrefix(list, "O:"), "D:")
	if owner != p.is.user && !(owner == sidAdministrators && (p.is.elevated || p.is.user == sidSystem)) {
		return nil, fmt.Errorf("%s may not make what is of %s", p.is.user, owner)
	}
	at := p.pipes[name]
	if at != nil && (first || at.owner != owner) {
		return nil, ErrTaken
	}
	if at == nil {
		at = &place{owner: owner}
		p.pipes[name] = at
	}
	h := &half{p: p, at: at, whose: owner}
	at.ends = append(at.ends, h)
	p.machine.open++
	p.changed()
	return h, nil
}

func (p *program) open(name string) (end, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.pipes[name]
	if at == nil {
		return nil, fs.ErrNotExist
	}
	i := slices.IndexFunc(at.ends, func(h *half) bool { return h.other == nil })
	if i < 0 {
		return nil, errBusy
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	mine := &half{p: p, at: at, whose: at.owner, other: at.ends[i], conn: connOf(fds[0])}
	at.ends[i].other, at.ends[i].conn = mine, connOf(fds[1])
	p.machine.open++
	p.changed()
	return mine, nil
}

func connOf(fd int) net.Conn {
	f := os.NewFile(uintptr(fd), "pipe")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		panic(err)
	}
	return c
}

func (p *program) free(_ string, within time.Duration) {
	p.mu.Lock()
	change := p.change
	p.mu.Unlock()
	select {
	case <-change:
	case <-time.After(within):
	}
}

func (p *program) event() (event, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.broken["event"]; err != nil {
		return nil, err
	}
	p.machine.open++
	return &gong{m: p.machine, rung: make(chan struct{})}, nil
}

// gong is an event.
type gong struct {
	m      *machine
	rung   chan struct{}
	closed bool
}

func (g *gong) ring() error { close(g.rung); return nil }

func (g *gong) close() error {
	g.m.mu.Lock()
	defer g.m.mu.Unlock()
	if g.closed {
		return errHandle
	}
	g.closed = true
	g.m.open--
	return nil
}

func (h *half) meet(over event) error {
	m := h.p.machine
	for {
		m.mu.Lock()
		closed, other, change := h.closed, h.other, m.change
		went := other != nil && other.closed
		m.mu.Unlock()
		switch {
		case closed:
			return errHandle
		case went:
			return errWent
		case other != nil:
			return nil
		}
		select {
		case <-change:
		case <-over.(*gong).rung:
			return net.ErrClosed
		}
	}
}

func (h *half) part() error {
	m := h.p.machine
	m.mu.Lock()
	defer m.mu.Unlock()
	if h.closed || h.other == nil {
		return errHandle
	}
	err := h.conn.Close()
	h.other, h.conn = nil, nil
	m.changed()
	return err
}

func (h *half) close() error {
	m := h.p.machine
	m.mu.Lock()
	defer m.mu.Unlock()
	if h.closed {
		return errHandle
	}
	h.closed = true
	m.open--
	h.at.ends = slices.DeleteFunc(h.at.ends, func(e *half) bool { return e == h })
	for name, at := range m.pipes {
		if len(at.ends) == 0 {
			delete(m.pipes, name)
		}
	}
	m.changed()
	if h.conn == nil {
		return nil
	}
	return h.conn.Close()
}

// flow closes the end as well.
type flow struct {
	net.Conn
	h *half
}

func (f flow) Close() error { return f.h.close() }

func (h *half) stream() stream { return flow{h.conn, h} }

func (h *half) owner() (string, error) { return h.whose, h.p.fails("owner") }

func (m *machine) fails(call string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.broken[call]
}

// act makes this thread the client.
func (h *half) act() error {
	m := h.p.machine
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.broken["act"]; err != nil || h.closed || h.other == nil {
		return errors.Join(errHandle, err)
	}
	m.threads[unix.Gettid()] = &h.other.p.is
	return nil
}

func (h *half) revert() error {
	m := h.p.machine
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.broken["revert"]; err != nil {
		return err
	}
	delete(m.threads, unix.Gettid())
	return nil
}

func (h *half) token() (token, error) {
	m := h.p.machine
	m.mu.Lock()
	defer m.mu.Unlock()
	who := m.threads[unix.Gettid()]
	if err := m.broken["token"]; err != nil || who == nil {
		return nil, errors.Join(errors.New("the thread is nobody else"), err)
	}
	m.open++
	return pass{m, *who}, nil
}

// pass is a token.
type pass struct {
	m  *machine
	is account
}

// facts are read as the program itself: a client's rights are not enough for it.
func (p pass) facts() (facts, string, error) {
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	if p.m.threads[unix.Gettid()] != nil {
		return facts{}, "", errors.New("it is read as the client")
	}
	f := p.is.facts
	f.pid = 0 // no token has it
	return f, p.is.name, p.m.broken["facts"]
}

func (p pass) close() {
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	p.m.open--
}

func (h *half) process() (uint32, error) { return h.other.p.is.pid, h.p.fails("process") }
func (h *half) session() (uint32, error) { return h.other.p.is.facts.session, h.p.fails("session") }
