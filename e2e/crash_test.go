package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/machine"
)

// failAt makes the agent of a machine kill itself the hard way the next time it
// comes to a step. systemd starts it again a second later.
func failAt(t *testing.T, m *machine.Machine, step string) {
	t.Helper()
	unit := "[Service]\nEnvironment=\"ASSENT_FAIL=" + step + "\" ASSENT_FAIL_ONCE=/run/assent-fail\n"
	if err := m.Write("/etc/systemd/system/assent-agent.service.d/fail.conf", []byte(unit), 0o644); err != nil {
		t.Fatal(err)
	}
	asRoot(t, m, "/usr/bin/touch", "/run/assent-fail")
	asRoot(t, m, "/usr/bin/systemctl", "daemon-reload")
	asRoot(t, m, "/usr/bin/systemctl", "restart", "assent-agent.service")
	ready(t, m)
}

// ready waits until the agent of a machine is connected and sudo asks it.
func ready(t *testing.T, m *machine.Machine) {
	t.Helper()
	err := until(t.Context(), 20*time.Second, func() error {
		r := typed(t, m, "alice", "assent status --format json")
		var s struct {
			Connected bool
			Sudo      string
		}
		if err := json.Unmarshal([]byte(r.Stdout), &s); err != nil || !s.Connected || s.Sudo != "on" {
			return fmt.Errorf("the agent is not ready: %s", r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// died is nil when the fail point was hit.
func died(t *testing.T, m *machine.Machine) error {
	if r := asRoot(t, m, "/usr/bin/find", "/run/assent-fail"); r.Code == 0 {
		return errors.New("the agent did not come to the fail point")
	}
	return nil
}

// TestAgentKilledAtEachStep: whatever the step, nothing outlives its end,
// nothing is applied twice, and the agent and the controller agree at the end.
func TestAgentKilledAtEachStep(t *testing.T) {
	w := theWorld(t)
	w.rules(t, "rules:\n  - {name: touch, match: {path: /usr/bin/tee, args: [-a, /root/count]}, then: approve}\n")
	for _, way := range []string{"sudo", "assent run --"} {
		for _, step := range []string{"decision received", "grant stored", "armed", "contained", "started", "ended"} {
			if way != "sudo" && step == "contained" {
				continue // the step is part of "started" there
			}
			t.Run(way+"/"+step, func(t *testing.T) {
				asRoot(t, w.desk, "/usr/bin/rm", "-f", "/root/count")
				failAt(t, w.desk, step)
				command := "echo once | ASSENT_REASON='a crash test' " + way + " tee -a /root/count"
				first := typed(t, w.desk, "alice", command)
				if err := until(t.Context(), waitLong, func() error { return died(t, w.desk) }); err != nil {
					t.Fatalf("%v; the command said %s", err, first)
				}
				ready(t, w.desk)
				nothingLeft(t, w.desk)
				lines := strings.Count(asRoot(t, w.desk, "/usr/bin/cat", "/root/count").Stdout, "once")
				if lines > 1 {
					t.Errorf("it ran %d times", lines)
				}
				settled := until(t.Context(), 20*time.Second, func() error { return w.allSettled(t) })
				if settled != nil {
					t.Error(settled)
				}
				second := typed(t, w.desk, "alice", command)
				if second.Code != 0 {
					t.Errorf("afterwards: %s", second)
				}
				nothingLeft(t, w.desk)
			})
		}
	}
}

// allSettled is nil when no grant of any request is neither unused nor ended.
func (w *world) allSettled(t *testing.T) error {
	for _, state := range []string{"active"} {
		list, err := w.list(t, state)
		if err != nil {
			return err
		}
		if len(list) > 0 {
			return fmt.Errorf("%d requests are %s", len(list), state)
		}
	}
	return nil
}

// TestAgentKilledWhileWaiting: the request is kept, the same command joins it.
func TestAgentKilledWhileWaiting(t *testing.T) {
	w := theWorld(t)
	for way, code := range map[string]string{"sudo": "code 1", "assent run --": "code 75"} {
		t.Run(way, func(t *testing.T) {
			command := way + " id -u -n"
			s, id := w.waits(t, w.desk, "alice", command, "/usr/bin/id")
			asRoot(t, w.desk, "/usr/bin/systemctl", "kill", "-s", "KILL", "assent-agent.service")
			if r := ends(t, s); !strings.Contains(r.Stdout, code) || !strings.Contains(r.Stdout, "run the same command again") {
				t.Errorf("%s", r)
			}
			ready(t, w.desk)
			again := terminal(t, w.desk, "alice", command)
			sees(t, again, id)
			w.act(t, id, "approve", "")
			if r := ends(t, again); r.Code != 0 || !strings.Contains(r.Stdout, "root") {
				t.Errorf("%s", r)
			}
			w.becomes(t, id, "ended")
		})
	}
}

// TestDeadAgentsGrantEndsOnTime: with the agent killed or stopped, the running
// command ends at its deadline and nothing stays behind.
func TestDeadAgentsGrantEndsOnTime(t *testing.T) {
	w := theWorld(t)
	w.rules(t, "rules:\n  - {name: sleep, match: {path: /usr/bin/sleep, args: ['8642']}, then: approve, limits: {duration: 4s}}\n")
	for _, signal := range []string{"KILL", "STOP"} {
		for _, way := range []string{"sudo", "assent run --"} {
			t.Run(way+"/"+signal, func(t *testing.T) {
				s := terminal(t, w.rack, "bob", way+" sleep 8642")
				if err := until(t.Context(), waitLong, func() error { return w.active(t, "/usr/bin/sleep") }); err != nil {
					t.Fatal(err)
				}
				asRoot(t, w.rack, "/usr/bin/systemctl", "kill", "-s", signal, "assent-agent.service")
				err := until(t.Context(), 15*time.Second, func() error {
					if r := asRoot(t, w.rack, "/usr/bin/pgrep", "-f", `^(/usr/bin/)?sleep 8642$`); r.Code == 0 {
						return errors.New("the command is still running")
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				asRoot(t, w.rack, "/usr/bin/systemctl", "kill", "-s", "CONT", "assent-agent.service")
				_ = s.Hangup()
				ready(t, w.rack)
				nothingLeft(t, w.rack)
				if err := until(t.Context(), 20*time.Second, func() error { return w.allSettled(t) }); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestRebootEndsEverything: a power cut with a running grant leaves nothing.
func TestRebootEndsEverything(t *testing.T) {
	w := theWorld(t)
	w.rules(t, "rules:\n  - {name: sleep, match: {path: /usr/bin/sleep, args: ['7531']}, then: approve}\n")
	s := terminal(t, w.rack, "bob", "sudo sleep 7531")
	if err := until(t.Context(), waitLong, func() error { return w.active(t, "/usr/bin/sleep") }); err != nil {
		t.Fatal(err)
	}
	if err := w.rack.PowerCut(); err != nil {
		t.Fatal(err)
	}
	_ = s.Hangup()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := w.rack.Boot(ctx); err != nil {
		t.Fatal(err)
	}
	ready(t, w.rack)
	nothingLeft(t, w.rack)
	err := until(t.Context(), 20*time.Second, func() error { return w.allSettled(t) })
	if err != nil {
		t.Error(err)
	}
}

// TestControllerKilled: what was acknowledged is there after kill -9; an answer
// given right before it reaches the endpoint.
func TestControllerKilled(t *testing.T) {
	w := theWorld(t)
	s, id := w.waits(t, w.desk, "alice", "sudo id -u", "/usr/bin/id")
	restart := func() {
		t.Helper()
		if err := w.controller.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := w.controller.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	restart()
	if got := w.pending(t, "/usr/bin/id").ID; got != id {
		t.Fatalf("%s is waiting, not %s", got, id)
	}
	if err := w.connected(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	w.act(t, id, "approve", "")
	restart()
	if r := ends(t, s); !strings.Contains(r.Stdout, "code 0") {
		t.Errorf("%s", r)
	}
	if err := w.connected(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	w.becomes(t, id, "ended")
	nothingLeft(t, w.desk)
}

// TestControllerDown: one clear line within five seconds, nothing is kept, and
// a running grant ends on time.
func TestControllerDown(t *testing.T) {
	w := theWorld(t)
	if err := w.desk.Unplug(t.Context()); err != nil {
		t.Fatal(err)
	}
	plug := func() {
		if err := w.desk.Plug(context.Background()); err != nil {
			t.Error(err)
		}
	}
	defer plug()
	if err := w.controller.Kill(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	plug()
	r := typed(t, w.desk, "alice", "ASSENT_REASON='a test' sudo id -u")
	if took := time.Since(began); r.Code != 1 || took > 7*time.Second {
		t.Errorf("took %v: %s", took, r)
	}
	if r := typed(t, w.desk, "alice", "assent run --reason 'a test' -- id -u"); r.Code != 69 {
		t.Errorf("assent run without a controller: %s", r)
	}
	if err := w.controller.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	if err := w.connected(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	t.Logf("both agents were back %v after the controller", time.Since(began).Round(100*time.Millisecond))
}
