package pipe

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"testing"
	"time"
)

// People of the machine.
const (
	mia = "S-1-5-21-1-2-3-1001"
	bob = "S-1-5-21-1-2-3-1002"
)

// all closes what is open, and says when something is left.
func (m *machine) all(t *testing.T, close ...interface{ Close() error }) {
	t.Helper()
	for _, c := range close {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open != 0 || len(m.threads) != 0 {
		t.Errorf("%d things are still open, %d threads are somebody else", m.open, len(m.threads))
	}
}

func TestMachine(t *testing.T) {
	m := newMachine()
	contract(t, m.program(mia, false, 7), known{user: mia, pid: 7, session: 2})
	m.all(t)
}

// TestWhosePipe: a program that somebody runs has the agent's name (E 21). A client
// sends nothing to another user's, and one with an administrator's rights nothing to
// what has fewer, be it of the same user; the agent shares no name with anybody.
func TestWhosePipe(t *testing.T) {
	for name, row := range map[string]struct {
		server, client account
		refused        bool
	}{
		"the service":                        {account{facts: facts{user: sidSystem}}, account{facts: facts{user: mia}}, false},
		"an administrator's":                 {account{facts: facts{user: bob, elevated: true}}, account{facts: facts{user: mia}}, false},
		"an administrator's, elevated":       {account{facts: facts{user: mia, elevated: true}}, account{facts: facts{user: mia, elevated: true}}, false},
		"another user's":                     {account{facts: facts{user: bob}}, account{facts: facts{user: mia}}, true},
		"another user's, of the system":      {account{facts: facts{user: bob}}, account{facts: facts{user: sidSystem, elevated: true}}, true},
		"their own, run by hand":             {account{facts: facts{user: mia}}, account{facts: facts{user: mia}}, false},
		"their own with fewer rights":        {account{facts: facts{user: mia}}, account{facts: facts{user: mia, elevated: true}}, true},
		"a service's with few rights":        {account{facts: facts{user: "S-1-5-19"}}, account{facts: facts{user: mia}}, true},
		"an administrator's of the platform": {account{facts: facts{user: "S-1-5-20", elevated: true}}, account{facts: facts{user: sidSystem, elevated: true}}, false},
	} {
		m := newMachine()
		theirs, err := listen(&program{m, row.server}, Name("e21"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		agent := m.program(sidSystem, true, 4)
		if l, err := listen(agent, Name("e21")); !errors.Is(err, ErrTaken) {
			t.Errorf("%s: the agent shares the name: %v, %v", name, l, err)
		}
		c, err := dial(t.Context(), &program{m, row.client}, Name("e21"))
		if row.refused != errors.Is(err, ErrServer) || row.refused != (err != nil) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			_ = c.Close()
		}
		m.all(t, theirs)
		l, err := listen(agent, Name("e21"))
		if err != nil {
			t.Fatalf("%s: they are gone: %v", name, err)
		}
		m.all(t, l)
	}
}

// TestOwnerIsNotKnown: what can not be asked is no agent's.
func TestOwnerIsNotKnown(t *testing.T) {
	for _, call := range []string{"owner", "self"} {
		m := newMachine()
		l, err := listen(m.program(sidSystem, true, 4), Name("x"))
		if err != nil {
			t.Fatal(err)
		}
		m.broken[call] = errors.New("no answer")
		if _, err := dial(t.Context(), m.program(mia, false, 7), Name("x")); !errors.Is(err, ErrServer) {
			t.Errorf("%s: %v", call, err)
		}
		m.all(t, l)
	}
}

// met is a connection of a client that has something about it.
func met(t *testing.T, m *machine, change func(*account)) (l *Listener, c, client *Conn) {
	t.Helper()
	l, err := listen(m.program(sidSystem, true, 4), Name("met"))
	if err != nil {
		t.Fatal(err)
	}
	p := m.program(mia, false, 7)
	if change != nil {
		change(&p.is)
	}
	if client, err = dial(t.Context(), p, Name("met")); err != nil {
		t.Fatal(err)
	}
	if c, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return l, c, client
}

// TestWhoIsRefused: clients of other machines (E 22) and nobodies (E 23) are no
// peers, and the thread that has looked is itself again.
func TestWhoIsRefused(t *testing.T) {
	for name, change := range map[string]func(*account){
		"E22 from another machine": func(a *account) { a.groups = append(a.groups, sidNetwork) },
		"E23 as nobody":            func(a *account) { a.level = 0 },
		"E23 the anonymous":        func(a *account) { a.user = sidAnonymous },
		"without a process":        func(a *account) { a.pid = 0 },
	} {
		m := newMachine()
		l, c, client := met(t, m, change)
		if p, err := c.Peer(); !errors.Is(err, ErrPeer) || p != (Peer{}) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		m.all(t, c, client, l)
	}
}

// TestItselfAgain: whatever fails, no thread stays the client: it becomes itself
// again, or it ends.
func TestItselfAgain(t *testing.T) {
	for _, call := range []string{"act", "token", "facts", "process", "session", "revert"} {
		m := newMachine()
		l, c, client := met(t, m, nil)
		m.broken[call] = errors.New("no answer")
		if p, err := c.Peer(); call != "session" && (!errors.Is(err, ErrPeer) || p != (Peer{})) {
			t.Errorf("%s: %+v, %v", call, p, err)
		}
		if _, err := c.Session(); (err != nil) != (call == "session") {
			t.Errorf("%s: the session: %v", call, err)
		}
		m.mu.Lock()
		for thread := range m.threads {
			if call != "revert" {
				t.Errorf("%s: a thread is still the client", call)
			}
			ends(t, thread)
			delete(m.threads, thread)
		}
		m.mu.Unlock()
		m.all(t, c, client, l)
	}
}

// ends waits until a thread is gone. The first one of a program is set aside instead.
func ends(t *testing.T, thread int) {
	t.Helper()
	if thread == os.Getpid() {
		return
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for late := time.After(10 * time.Second); ; {
		if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", thread)); errors.Is(err, fs.ErrNotExist) {
			return
		}
		select {
		case <-again.C:
		case <-late:
			t.Error("the thread that is the client is used for something else")
			return
		}
	}
}

// TestNothingIsLeftOpen: a listener that can not begin has nothing open, one that
// can not go on gives its client up, and one that is closed while a client comes
// closes everything once.
func TestNothingIsLeftOpen(t *testing.T) {
	for _, call := range []string{"self", "exists", "serve", "event"} {
		m := newMachine()
		m.broken[call] = errors.New("no more")
		if l, err := listen(m.program(sidSystem, true, 4), Name("x")); err == nil {
			t.Errorf("%s: %v", call, l)
		}
		m.all(t)
	}
	m := newMachine()
	l, err := listen(m.program(sidSystem, true, 4), Name("x"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := dial(t.Context(), m.program(mia, false, 7), Name("x"))
	if err != nil {
		t.Fatal(err)
	}
	m.broken["serve"] = errors.New("no more")
	if c, err := l.Accept(); err == nil {
		t.Errorf("there is no other end: %v", c)
	}
	if err := client.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Error(err)
	}
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the client was not given up: %v", err)
	}
	m.all(t, client, l)
}

// late is an end whose listener is closed as soon as it has met a client.
type late struct {
	end
	met func()
}

func (l *late) meet(over event) error {
	err := l.end.meet(over)
	l.met()
	return err
}

func TestClosedWhileAClientComes(t *testing.T) {
	m := newMachine()
	l, err := listen(m.program(sidSystem, true, 4), Name("x"))
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	l.free = &late{l.free, func() {
		go func() { closed <- l.Close() }()
		for over := false; !over; {
			l.mu.Lock()
			over = l.over
			l.mu.Unlock()
		}
	}}
	client, err := dial(t.Context(), m.program(mia, false, 7), Name("x"))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v, %v", c, err)
	}
	if err := <-closed; err != nil {
		t.Errorf("close: %v", err)
	}
	m.all(t, client)
}
