package companion

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const (
	ann = "S-1-5-21-1-2-3-1001"
	bob = "S-1-12-1-9-9-9-9"
)

// office is a system whose programs stay until they are killed, but where they are
// broken. Who sits down in a session keeps what they found, whoever comes next.
type office struct {
	mu       sync.Mutex // guards the fields below; held while a step is done
	unwanted bool
	sessions []Session
	left     []uint32 // sessions that nobody is connected to
	admins   []string // people with an administrator's rights, without being asked
	fails    error
	broken   bool // it starts, and ends at once
	alive    map[string]bool
	starts   []string // when, and whose
	began    time.Time
	held     int // seats that were not left
}

func (o *office) Wanted() (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.unwanted, nil
}

func (o *office) Sessions() (all []Place, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.sessions {
		all = append(all, Place{s.ID, !slices.Contains(o.left, s.ID)})
	}
	return all, o.fails
}

func (o *office) at(id uint32) int {
	return slices.IndexFunc(o.sessions, func(s Session) bool { return s.ID == id })
}

func (o *office) Sit(id uint32) (Seat, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := o.at(id)
	if i < 0 {
		return nil, errors.New("no such session")
	}
	o.held++
	return &chair{o, o.sessions[i]}, nil
}

func (o *office) here(person string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.alive[person]
}

// chair is a seat of an office.
type chair struct {
	o *office
	s Session
}

func (c *chair) Who() (Sitter, error) {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	if c.s.Person == "?" {
		return Sitter{}, errors.New("the token can not be read")
	}
	return Sitter{Person: c.s.Person, Administrator: slices.Contains(c.o.admins, c.s.Person)}, nil
}

func (c *chair) Start() error {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	c.o.starts = append(c.o.starts, fmt.Sprintf("%s %d@%s", c.s.Person, c.s.ID, time.Since(c.o.began)))
	if c.o.broken {
		return errors.New("no such file")
	}
	c.o.alive[c.s.Person] = true
	return nil
}

func (c *chair) Leave() {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	c.o.held--
}

// kept runs a keeper over an office; each step is done after so long.
func kept(t *testing.T, o *office, steps ...any) (log string) {
	var out strings.Builder
	synctest.Test(t, func(t *testing.T) {
		o.alive, o.began = map[string]bool{}, time.Now()
		k := &Keeper{Desk: o, Alive: o.here, Log: slog.New(slog.NewTextHandler(&out, nil))}
		go func() { _ = k.Keep(t.Context()) }()
		for _, step := range steps {
			switch s := step.(type) {
			case time.Duration:
				<-time.After(s)
				synctest.Wait()
			case func():
				o.mu.Lock()
				s()
				o.mu.Unlock()
			}
		}
		if o.held != 0 {
			t.Errorf("%d seats are still held", o.held)
		}
	})
	return out.String()
}

func (o *office) started(t *testing.T, want ...string) {
	t.Helper()
	if got := strings.Join(o.starts, ", "); got != strings.Join(want, ", ") {
		t.Errorf("started %q, want %q", got, want)
	}
}

// TestStartedAgain: at log-in the session itself is given time; a program that was
// killed comes back, for its person alone, in one session.
func TestStartedAgain(t *testing.T) {
	o := &office{sessions: []Session{{3, ann}, {2, ann}, {5, bob}}}
	kept(t, o, 5*time.Second, func() { o.alive[bob] = true }, time.Minute, func() { o.started(t, ann+" 2@40s") },
		time.Hour, func() { o.alive[bob] = false }, time.Minute)
	o.started(t, ann+" 2@40s", bob+" 5@1h1m40s")
}

// TestNeverForTheSystem: there is none for the system, its services and windows,
// for root, or for nobody; none where the entry was taken away, and none for who
// has logged out.
func TestNeverForTheSystem(t *testing.T) {
	var all []Session
	for i, who := range []string{"S-1-5-18", "S-1-5-19", "S-1-5-20", "S-1-5-90-0-1", "S-1-5-32-544", "0", "root", ""} {
		all = append(all, Session{uint32(i), who})
	}
	o := &office{sessions: all}
	kept(t, o, time.Hour)
	o.started(t)
	o = &office{sessions: []Session{{1, ann}, {2, bob}}, left: []uint32{1}} // somebody else sits at the screen now
	kept(t, o, 45*time.Second)
	o.started(t, bob+" 2@40s")
	o = &office{sessions: []Session{{1, ann}}, unwanted: true}
	kept(t, o, time.Hour)
	o.started(t)
	o = &office{sessions: []Session{{1, ann}}}
	kept(t, o, 20*time.Second, func() { o.sessions = nil }, time.Hour)
	o.started(t)
}

// TestWhoIsFoundDecides: nothing is started for who came to sit there after they were
// looked at, for an administrator, or for who can not be known.
func TestWhoIsFoundDecides(t *testing.T) {
	for name, row := range map[string]struct {
		o   *office
		log string
	}{
		"an administrator": {&office{sessions: []Session{{1, ann}}, admins: []string{ann}}, ErrAdministrator.Error()},
		"not known":        {&office{sessions: []Session{{1, "?"}}}, ""},
	} {
		log := kept(t, row.o, 45*time.Second)
		row.o.started(t)
		if !strings.Contains(log, row.log) {
			t.Errorf("%s: the log: %s", name, log)
		}
	}
	o := &office{sessions: []Session{{1, ann}}, alive: map[string]bool{}}
	var log strings.Builder
	k := &Keeper{Desk: o, Log: slog.New(slog.NewTextHandler(&log, nil)), missing: map[string]*absence{ann: {wait: soonest}},
		Alive: func(string) bool { o.sessions[0].Person = bob; return false }}
	k.look(time.Now())
	o.started(t)
	if !strings.Contains(log.String(), "somebody else's now") || o.held != 0 {
		t.Errorf("%d seats are held, the log: %s", o.held, log.String())
	}
	if err := k.start(Session{2, bob}); err == nil {
		t.Error("it was started where no session is")
	}
}

// TestEverMoreRarely: what does not stay is not started all the time, the log says
// so once, and it is begun anew when it has been there.
func TestEverMoreRarely(t *testing.T) {
	o := &office{sessions: []Session{{1, ann}}, broken: true}
	log := kept(t, o, 24*time.Hour, func() {
		if n := len(o.starts); n < 40 || n > 60 {
			t.Errorf("%d tries in a day", n)
		}
	}, func() { o.starts, o.alive[ann] = nil, true }, time.Minute, func() { o.alive[ann], o.broken, o.began = false, false, time.Now() }, time.Minute)
	o.started(t, ann+" 1@40s")
	if strings.Count(log, "does not start") != 1 {
		t.Errorf("the log: %s", log)
	}
	o = &office{sessions: []Session{{1, ann}}, fails: errors.New("no sessions")}
	if log := kept(t, o, time.Hour); strings.Count(log, "who is logged in") != 1 {
		t.Errorf("the log: %s", log)
	}
	o.started(t)
}

// TestBounded: of very many sessions some are looked at.
func TestBounded(t *testing.T) {
	o := &office{}
	for i := range uint32(most + 10) {
		o.sessions = append(o.sessions, Session{i, fmt.Sprintf("S-1-5-21-1-2-3-%d", 1000+i)})
	}
	kept(t, o, time.Minute)
	if len(o.starts) != most {
		t.Errorf("%d were started", len(o.starts))
	}
}
