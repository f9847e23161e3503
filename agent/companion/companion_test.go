package companion

import (
	"errors"
	"fmt"
	"log/slog"
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
// broken.
type office struct {
	mu       sync.Mutex // guards the fields below; held while a step is done
	unwanted bool
	sessions []Session
	fails    error
	broken   bool // it starts, and ends at once
	alive    map[string]bool
	starts   []string // when, and whose
	began    time.Time
}

func (o *office) Wanted() (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.unwanted, nil
}

func (o *office) Sessions() ([]Session, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sessions, o.fails
}

func (o *office) here(person string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.alive[person]
}

func (o *office) Start(s Session) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.starts = append(o.starts, fmt.Sprintf("%s %d@%s", s.Person, s.ID, time.Since(o.began)))
	if o.broken {
		return errors.New("no such file")
	}
	o.alive[s.Person] = true
	return nil
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
	o = &office{sessions: []Session{{1, ann}}, unwanted: true}
	kept(t, o, time.Hour)
	o.started(t)
	o = &office{sessions: []Session{{1, ann}}}
	kept(t, o, 20*time.Second, func() { o.sessions = nil }, time.Hour)
	o.started(t)
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
