package held_test

import (
	"context"
	"errors"
	"log/slog"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/intercept/held"
	"github.com/assent-epm/assent/agent/intercept/held/fakeheld"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// This build has no entitlement: it says so, and opens nothing.
func TestNotHere(t *testing.T) {
	s, err := held.Open()
	if err == nil || s != nil || held.Usable() == nil {
		t.Errorf("%v, %v", s, err)
	}
}

// Without a source, and when one ends by itself, the rest of the agent goes on; one that
// can not be served is closed, so that nobody waits for it.
func TestServe(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	if err := held.Serve(t.Context(), held.Open, held.Config{Log: log}); err != nil {
		t.Error(err)
	}
	s := fakeheld.New()
	if err := held.Serve(t.Context(), func() (held.Source, error) { return s, nil }, held.Config{Log: log}); err == nil || !s.Start(held.Start{Deadline: time.Now().Add(time.Hour)}) {
		t.Errorf("%v", err)
	}
}

func TestToken(t *testing.T) {
	s := held.Token{10, 11, 12, 13, 14, 15, 16, 17}
	if s.EUID() != 11 || s.RUID() != 13 || s.PID() != 15 {
		t.Errorf("%v", s)
	}
}

func TestIncomplete(t *testing.T) {
	if _, err := held.New(held.Config{Source: fakeheld.New()}); err == nil {
		t.Error("a watcher without an agent")
	}
}

// harmless is a program that every system has and that does nothing.
const harmless = "/usr/bin/true"

// contract is what every source does; the real one needs Apple's entitlement and a Mac.
func contract(t *testing.T, s held.Source, start func(held.Start) bool) {
	t.Helper()
	for _, allow := range []bool{true, false} {
		ran := make(chan bool, 1)
		go func() { ran <- start(held.Start{Path: harmless, Deadline: time.Now().Add(time.Minute)}) }()
		x, err := s.Next(t.Context())
		if err != nil || x.Path != harmless || x.ID == 0 {
			t.Fatalf("%+v, %v", x, err)
		}
		if err := s.Answer(x, allow); err != nil || <-ran != allow {
			t.Errorf("answered %v: %v", allow, err)
		}
		if err := s.Answer(x, !allow); err == nil {
			t.Error("it can be answered twice")
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Next(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	ran := make(chan bool, 1)
	go func() { ran <- start(held.Start{Path: harmless, Deadline: time.Now().Add(time.Minute)}) }()
	if _, err := s.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil || !<-ran {
		t.Errorf("what is held at the end does not run: %v", err)
	}
	if _, err := s.Next(t.Context()); !errors.Is(err, held.ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestContract(t *testing.T) {
	t.Run("fake", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := fakeheld.New()
			contract(t, s, s.Start)
		})
	})
	t.Run("real", func(t *testing.T) {
		if err := held.Usable(); err != nil {
			t.Skip(err)
		}
		s, err := held.Open()
		if err != nil {
			t.Fatal(err)
		}
		contract(t, s, func(x held.Start) bool { return exec.CommandContext(t.Context(), x.Path).Run() == nil })
	})
}

// The fake takes a late answer as badly as the system does.
func TestLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fakeheld.New()
		if ran := s.Start(held.Start{Deadline: time.Now().Add(time.Second)}); !ran || !s.Killed() {
			t.Errorf("ran: %v, killed: %v", ran, s.Killed())
		}
	})
}

// refuses is a policy that refuses everything, and a rule that names nothing.
type refuses struct{ held.Flow }

func (refuses) Holds(elevation.Mechanism) bool { return true }
func (refuses) Lends(int) bool                 { return false }
func (refuses) Stance(elevation.Mechanism, intercept.Account) (elevation.Stance, wire.SeenKind) {
	return elevation.StanceDeny, wire.SeenObserved
}
func (refuses) Denies(elevation.Attempt) (string, bool) { return "", false }

// Whoever starts many programs at once does not get one more past a policy that refuses
// them.
func TestCrowded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, looked, readable := fakeheld.New(), 0, make(chan struct{})
		w, err := held.New(held.Config{Source: s, Flow: refuses{}, Salt: make([]byte, 32), Log: slog.New(slog.DiscardHandler),
			Masks:  func() intercept.Patterns { return intercept.Patterns{} },
			Lookup: func(uid uint32) (intercept.Account, error) { return intercept.Account{Name: "mia", UID: uid}, nil },
			Observe: func(intercept.Raw) (elevation.Attempt, intercept.Real, error) {
				looked++
				<-readable
				return elevation.Attempt{}, intercept.Real{}, errors.New("it can not be read")
			}})
		if err != nil {
			t.Fatal(err)
		}
		over := make(chan error, 1)
		go func() { over <- w.Run(t.Context()) }()
		start := func() bool {
			return s.Start(held.Start{Who: held.Token{1: 501, 3: 501, 5: 99}, Becomes: held.Token{1: 0, 3: 501, 5: 99}, Path: harmless, Cwd: "/", Deadline: time.Now().Add(time.Minute)})
		}
		ran := make(chan bool, 8)
		for range 8 {
			go func() { ran <- start() }()
			synctest.Wait()
		}
		if start() {
			t.Error("the ninth runs, whatever the policy says")
		}
		close(readable)
		for range 8 {
			if <-ran {
				t.Error("one of the first runs")
			}
		}
		if err := s.Close(); err != nil || looked != 8 {
			t.Errorf("%d were looked at: %v", looked, err)
		}
		<-over
	})
}
