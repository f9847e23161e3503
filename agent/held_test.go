package agent

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/intercept/held"
	"github.com/assent-epm/assent/agent/intercept/held/fakeheld"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

const noShells = "rules:\n- name: noshells\n  match: {path: /usr/bin/sh}\n  then: deny\n- name: id\n  match: {path: /usr/bin/id}\n  then: approve\n"

// holder of programs: an agent on a machine whose system holds them as they start.
type holding struct {
	*desk
	system *fakeheld.System
	looks  func() // before a file is looked at
}

// hold is such an agent, with rules of its own, in a mode for setuid programs.
func hold(t *testing.T, setuid string) *holding {
	t.Helper()
	h := &holding{desk: newDesk(t, t.TempDir()), system: fakeheld.New(), looks: func() {}}
	h.equip(1, noShells)
	h.stance(2, setuid)
	cfg := held.Config{Flow: h.Agent, Salt: make([]byte, 32), Masks: h.Masks, Log: h.Log,
		Lookup:  func(uid uint32) (intercept.Account, error) { return intercept.Account{Name: "alice", UID: uid}, nil },
		Observe: h.observe}
	ctx, end := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- held.Serve(ctx, func() (held.Source, error) { return h.system, nil }, cfg) }()
	t.Cleanup(func() {
		end()
		if err := <-over; err != nil {
			t.Error(err)
		}
		h.Close()
	})
	return h
}

func (h *holding) stance(version uint64, setuid string) {
	h.send(elevation.Policy{Cluster: "c", Endpoint: "ep_1", Name: "x", Version: version, Mode: elevation.ModeAsk, Mechanisms: map[string]string{"setuid": setuid}, Offline: elevation.Offline{Rules: true}})
}

// observe finds the file that the system holds; /usr/bin/swapped is another one by now.
func (h *holding) observe(raw intercept.Raw) (elevation.Attempt, intercept.Real, error) {
	h.looks()
	a := attempt()
	a.Mechanism, a.Subject.Path, a.User.UID = raw.Mechanism, raw.Command, raw.User
	real := intercept.Real{Dev: 1, Ino: 7}
	if raw.Command == "/usr/bin/swapped" {
		real.Ino = 8
	}
	return a, real, nil
}

// start is a program that alice starts, which would make her root, and has ten seconds
// to be judged.
func start(path string, change ...func(*held.Start)) held.Start {
	s := held.Start{Who: held.Token{1: 1001, 3: 1001, 5: 400, 7: 1}, Becomes: held.Token{1: 0, 3: 1001, 5: 400, 7: 2}, Path: path, Cwd: "/", Dev: 1, Ino: 7, Deadline: time.Now().Add(10 * time.Second)}
	for _, c := range change {
		c(&s)
	}
	return s
}

// begins starts a program, and later says whether it ran.
func (h *holding) begins(s held.Start) <-chan bool {
	ran := make(chan bool, 1)
	go func() { ran <- h.system.Start(s) }()
	return ran
}

// What the controller says of a held start counts: a denial keeps it from starting, an
// approval is spent once, and a start that waits for a person goes on before the
// system takes it badly.
func TestHeldStartIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hold(t, "ask")
		ran := h.begins(start("/usr/bin/su"))
		m := next[wire.Attempt](h.desk)
		if m.Attempt.Subject.Path != "/usr/bin/su" || m.Attempt.User.UID != "1001" || m.Attempt.Mechanism != "setuid" {
			t.Errorf("%+v", m.Attempt)
		}
		h.answer(wire.TDecision, wire.Decision{Request: m.Request, Verdict: elevation.Denied, By: "bo"})
		if <-ran {
			t.Error("it was denied, and runs")
		}
		ran = h.begins(start("/usr/bin/su"))
		m = next[wire.Attempt](h.desk)
		h.answer(wire.TDecision, h.grantFor(m.Request, m.Attempt, nil))
		if !<-ran {
			t.Error("it was approved, and does not run")
		}
		for _, e := range h.Ledger.All() {
			if !e.Used || e.EndReason != elevation.Completed {
				t.Errorf("%+v", e)
			}
		}
		began := time.Now()
		ran = h.begins(start("/usr/bin/su"))
		m = next[wire.Attempt](h.desk)
		h.answer(wire.TProgress, wire.Progress{Request: m.Request, Position: 1})
		if took := func() time.Duration { <-ran; return time.Since(began) }(); took >= 10*time.Second || h.system.Killed() {
			t.Errorf("it waited %v, killed: %v", took, h.system.Killed())
		}
	})
}

// Without an answer of the controller only what a deny rule names is kept from
// starting: also when looking at the file never ends, and for any number at once.
func TestHeldStartWithoutAnAnswer(t *testing.T) {
	for name, row := range map[string]struct{ gone, hangs bool }{"it says nothing": {}, "it is gone": {gone: true}, "the file hangs": {hangs: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := hold(t, "ask")
				h.cut(row.gone)
				hung := make(chan struct{})
				if row.hangs {
					h.looks = func() { <-hung }
				}
				defer close(hung)
				var wait sync.WaitGroup
				for i := range 60 {
					path, runs := "/usr/bin/su", true
					if i%2 == 0 {
						path, runs = "/usr/bin/sh", false
					}
					wait.Go(func() {
						s := start(path, func(s *held.Start) {
							s.Who[3], s.Who[1], s.Becomes[3] = uint32(1001+i%20), uint32(1001+i%20), uint32(1001+i%20)
						})
						if got := h.system.Start(s); got != runs {
							t.Errorf("%s of %d ran: %v", path, s.Who.RUID(), got)
						}
					})
				}
				wait.Wait()
				if h.system.Killed() {
					t.Error("the system has ended the client for being late")
				}
				if _, denies := h.Denies(attempt()); denies {
					t.Error("an approve rule denies")
				}
			})
		})
	}
}

// What nobody may wait for goes on at once: the system itself, services, what makes
// nobody root, log-ins; with a policy that observes everything does, and is told.
func TestStartsThatAreNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hold(t, "ask")
		h.looks = func() { t.Error("it is looked at") }
		began := time.Now()
		for name, change := range map[string]func(*held.Start){
			"of root":             func(s *held.Start) { s.Who[1], s.Who[3] = 0, 0 },
			"of a service":        func(s *held.Start) { s.Who[1], s.Who[3] = 88, 88 },
			"as somebody else":    func(s *held.Start) { s.Who[1] = 0 },
			"without more rights": func(s *held.Start) { s.Becomes[1] = 1001 },
			"of nobody":           func(s *held.Start) { s.Who[1], s.Who[3] = ^uint32(1), ^uint32(1) },
			"a log-in":            func(s *held.Start) { s.Path = "/usr/bin/login" },
		} {
			if !h.system.Start(start("/usr/bin/sh", change)) {
				t.Errorf("a start %s does not run", name)
			}
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("they waited %v", took)
		}
		h.looks = func() {}
		h.stance(3, "allow")
		if !h.system.Start(start("/usr/bin/sh")) || time.Since(began) > 0 {
			t.Error("it is only observed, and was held")
		}
		synctest.Wait()
		if all := h.seen(); len(all) != 1 || all[0].Kind != wire.SeenAround || all[0].Attempt.Subject.Path != "/usr/bin/sh" {
			t.Errorf("%+v", all)
		}
		h.stance(4, "deny")
		if h.system.Start(start("/usr/bin/su")) {
			t.Error("the policy denies, and it runs")
		}
		if h.system.Start(start("/usr/bin/swapped")) {
			t.Error("another file than the one that is held, and it runs")
		}
		h.stance(5, "off")
		if !h.system.Start(start("/usr/bin/sh")) {
			t.Error("it is off")
		}
	})
}

// The sudo that the agent itself has lent a rule is not asked for again; a process that
// has only its number is.
func TestHeldStartOfALentSudo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hold(t, "deny")
		started, err := privilege.Started(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		id := elevation.NewGrantID(time.Now())
		for _, row := range []struct {
			state   grants.State
			started uint64
			lent    bool
		}{{grants.Armed, started, true}, {grants.Armed, started + 1, false}, {grants.Active, started, false}} {
			e := grants.Entry{ID: id, UID: 1001, UserName: "alice", Grant: []byte{1}, Used: true, UseBy: clock().After(time.Hour), EndBy: clock().After(time.Hour), State: row.state, Effect: grants.Effect{Tree: privilege.TreeRef{Kind: privilege.TreeSessions, Name: "x", PID: os.Getpid(), Started: row.started}}}
			if err := h.Ledger.Put(e); err != nil {
				t.Fatal(err)
			}
			ours := func(s *held.Start) { s.Who[5], s.Becomes[5] = uint32(os.Getpid()), uint32(os.Getpid()) }
			if ran := h.system.Start(start("/usr/bin/sudo", ours)); ran != row.lent {
				t.Errorf("%+v: ran: %v", row, ran)
			}
			if ran := h.system.Start(start("/usr/bin/sudo")); ran {
				t.Error("somebody else's sudo runs")
			}
		}
	})
}

// An agent that stops, or whose system ends it, keeps nobody waiting.
func TestHeldStartsAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hold(t, "ask")
		var all []<-chan bool
		for i := range 5 {
			all = append(all, h.begins(start(fmt.Sprint("/usr/bin/su", i))))
		}
		for range 5 {
			next[wire.Attempt](h.desk)
		}
		if err := h.system.Close(); err != nil {
			t.Fatal(err)
		}
		for _, ran := range all {
			if !<-ran {
				t.Error("it does not run")
			}
		}
	})
}
