package linux

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/lab"
	"github.com/assent-epm/assent/e2e/machine"
)

// grantKind is one kind of grant: how it is asked for, and how a program gets to
// run by it that must be gone at its end.
type grantKind struct {
	name, user string
	command    string // typed in a shell of the user
	chosen     func(client.Request) bool
	inside     string // typed when it is approved, "" for a command of its own
	sleep      string // the program
	leave      string // typed to end it, "" where the program ends
}

func grantKinds() []grantKind {
	argument := func(path, arg string) func(client.Request) bool {
		return func(r client.Request) bool {
			return r.Subject.Path == path && (arg == "" || strings.Join(r.Subject.Args, " ") == arg)
		}
	}
	return []grantKind{
		{"run", machine.Alice, "sudo sleep 9001", argument("/usr/bin/sleep", "9001"), "", "sleep 9001", ""},
		{"assent run", machine.Alice, "assent run -- sleep 9002", argument("/usr/bin/sleep", "9002"), "", "sleep 9002", ""},
		{"shell", machine.Alice, "sudo -i", argument("/usr/bin/bash", ""), "sleep 9003 &\n", "sleep 9003", "exit\n"},
		{"session", machine.Alice, "assent session", access("session"), "sudo sleep 9004 &\n", "sleep 9004", "exit\n"},
		{"admin", machine.Bob, "assent admin", access("admin"), "setsid -f sleep 9005\n", "sleep 9005", "exit\n"},
	}
}

// inForce is one grant that is in use.
type inForce struct {
	grantKind
	term *machine.Session
	id   string
}

// way is one way in which grants end. do ends all of them at once; it is called
// while what they started runs.
type way struct {
	name          string
	short         bool // they end by themselves soon
	state, reason string
	do            func(s *scene, all []inForce)
	but           map[string]string // kinds with another reason
}

// each ends grants one after the other.
func each(end func(s *scene, g inForce)) func(*scene, []inForce) {
	return func(s *scene, all []inForce) {
		for _, g := range all {
			end(s, g)
		}
	}
}

func quietEnds() []way {
	return []way{
		{name: "exit", state: "ended", reason: "completed", do: each(func(s *scene, g inForce) {
			s.asRoot("/usr/bin/pkill", "-fx", "(/usr/bin/)?"+g.sleep)
			if g.leave != "" {
				s.types(g.term, g.leave)
			}
		}), but: map[string]string{"session": "logout"}}, // of a job "completed": TestE16SessionForAJob
		{name: "deadline", short: true, state: "expired", reason: "deadline", do: each(func(*scene, inForce) {})},
		{name: "revoke", state: "revoked", reason: "revoked", do: each(func(s *scene, g inForce) { s.act(g.id, "revoke", "enough") })},
		{name: "check-in", state: "ended", reason: "checked_in", do: each(func(s *scene, g inForce) {
			s.as(g.user, "assent", "checkin", g.id) // a program of an administrator for a while may end with it
		})},
		{name: "logout", state: "ended", reason: "completed", do: each(func(s *scene, g inForce) {
			if err := g.term.Hangup(); err != nil {
				s.t.Error(err)
			}
		}), but: map[string]string{"run": "logout|completed", "assent run": "logout|completed", "shell": "logout|completed", "session": "logout", "admin": "logout"}},
	}
}

func hardEnds() []way {
	signal := func(name string) func(*scene, []inForce) {
		return func(s *scene, _ []inForce) {
			s.asRoot("/usr/bin/systemctl", "kill", "-s", name, "assent-agent.service")
		}
	}
	return []way{
		{name: "agent kill -9", short: true, state: "expired", reason: "deadline", do: signal("KILL")},
		{name: "agent SIGSTOP", short: true, state: "expired", reason: "deadline", do: func(s *scene, all []inForce) {
			signal("STOP")(s, all)
			for _, g := range all {
				s.until(90*time.Second, func() error { return s.gone(g.sleep) })
			}
			s.isNoAdmin(machine.Bob)
			s.nothing()
			signal("CONT")(s, all)
		}},
		{name: "reboot", state: "ended", reason: "reboot", do: func(s *scene, _ []inForce) {
			if err := s.machine.PowerCut(); err != nil {
				s.t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(s.t.Context(), 90*time.Second)
			defer cancel()
			if err := s.machine.Boot(ctx); err != nil {
				s.t.Fatal(err)
			}
			if err := lab.AwaitConnected(ctx, s.machine); err != nil {
				s.t.Fatal(err)
			}
		}},
		{name: "uninstall", do: func(s *scene, _ []inForce) {
			if r := s.asRoot("/usr/local/bin/assent-agent", "uninstall"); r.Code != 0 {
				s.t.Errorf("uninstall: %s", r)
			}
		}},
	}
}

// endAll starts every kind of grant once for each way, ends them all in that way,
// and looks at each of them.
func endAll(t *testing.T, m *matrix, name string, ways []way) {
	s := machineFor(t, name)
	for _, w := range ways {
		all := s.allInForce(w.short)
		began := time.Now()
		w.do(s, all)
		for _, g := range all {
			m.cell(s, w.name, g.name, func(s *scene) { s.isOver(w, g) })
		}
		for _, g := range all {
			_ = g.term.Hangup() // gone already in most ways
		}
		t.Logf("%s: %v", w.name, time.Since(began).Round(100*time.Millisecond))
	}
}

// allInForce has one grant of each kind in use at the same moment. Those that end
// soon are asked for again with more time when this machine was too slow for it.
func (s *scene) allInForce(short bool) []inForce {
	s.t.Helper()
	seconds := int64(3600)
	if short {
		seconds = 5
	}
	for {
		all := s.started(seconds)
		missing := ""
		for _, g := range all {
			if s.gone(g.sleep) == nil {
				missing = g.sleep
			}
		}
		if missing == "" {
			return all
		}
		for _, g := range all {
			_ = g.term.Hangup()
		}
		s.isNoAdmin(machine.Bob)
		s.nothing()
		if seconds *= 2; seconds > 80 {
			s.t.Fatalf("%s does not run", missing)
		}
	}
}

func (s *scene) started(seconds int64) []inForce {
	s.t.Helper()
	var all []inForce
	for _, k := range grantKinds() {
		term := s.terminal(k.user, "PS1='ready> ' bash --norc -i")
		s.sees(term, "ready> ")
		s.types(term, "ASSENT_REASON='one of many' "+k.command+"; "+"echo ended=$?\n")
		all = append(all, inForce{k, term, ""})
	}
	for i, g := range all {
		all[i].id = s.pending(g.chosen).ID
	}
	for _, g := range all {
		if _, err := s.api.Act(s.t.Context(), g.id, "approve", client.Answer{DurationSeconds: seconds}); err != nil {
			s.t.Fatalf("approve %s: %v", g.name, err)
		}
	}
	for _, g := range all {
		if g.inside != "" {
			s.until(20*time.Second, func() error {
				r, err := s.api.Request(s.t.Context(), g.id)
				if err == nil && (r.State == "pending" || r.State == "available") {
					err = fmt.Errorf("%s is %s", g.name, r.State)
				}
				return err
			})
			s.types(g.term, g.inside)
		}
	}
	for _, g := range all {
		s.until(20*time.Second, func() error {
			if s.gone(g.sleep) != nil {
				return nil
			}
			r, err := s.api.Request(s.t.Context(), g.id)
			if err == nil && (r.State == "active" || r.State == "available") {
				err = fmt.Errorf("%s is %s but %s does not run:\n%s", g.name, r.State, g.sleep, tail(g.term.Text(), 8))
			}
			return err // over already: the caller tries with more time
		})
	}
	return all
}

// isOver looks at one grant after its end: what it started is gone, nothing of it
// is left on the machine, and the history says how it ended.
func (s *scene) isOver(w way, g inForce) {
	s.t.Helper()
	s.until(60*time.Second, func() error { return s.gone(g.sleep) })
	if g.name == "admin" {
		s.isNoAdmin(g.user)
	}
	s.nothing()
	reason := w.reason
	if other := w.but[g.name]; other != "" {
		reason = other
	}
	if w.name == "uninstall" {
		if left := s.asRoot("/bin/sh", "-c", "ls -d /var/lib/assent/grants /run/assent 2>/dev/null; cat /proc/[0-9]*/cgroup | grep assent-"); strings.Contains(left.Stdout, ".scope") {
			s.t.Errorf("left: %s", left)
		}
		return // the endpoint is no more there to tell
	}
	if one, other, either := strings.Cut(reason, "|"); either { // the program's own end may be seen first
		reason = one
		s.until(20*time.Second, func() error {
			r, err := s.api.Request(s.t.Context(), g.id)
			if err == nil && r.EndReason == nil {
				err = fmt.Errorf("%s has not ended at its endpoint", g.id)
			}
			if err == nil && *r.EndReason == other {
				reason = other
			}
			return err
		})
	}
	s.endedAs(g.id, w.state, reason)
	s.asks(g.user)
}
