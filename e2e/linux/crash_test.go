package linux

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// failAt makes the agent of a machine kill itself the hard way the next time it
// comes to a step. systemd starts it again a second later.
func (w *scene) failAt(step string) {
	w.t.Helper()
	unit := "[Service]\nEnvironment=\"ASSENT_FAIL=" + step + "\" ASSENT_FAIL_ONCE=/run/assent-fail\n"
	if err := w.machine.Write("/etc/systemd/system/assent-agent.service.d/fail.conf", []byte(unit), 0o644); err != nil {
		w.t.Fatal(err)
	}
	w.asRoot("/usr/bin/touch", "/run/assent-fail")
	w.asRoot("/usr/bin/systemctl", "daemon-reload")
	w.asRoot("/usr/bin/systemctl", "restart", "assent-agent.service")
	w.ready()
}

// ready waits until the agent of a machine is connected and sudo asks it.
func (w *scene) ready() {
	w.t.Helper()
	err := w.comes(20*time.Second, func() error {
		r := w.typed("alice", "assent status --format json")
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
		w.t.Fatal(err)
	}
}

// died is nil when the fail point was hit.
func (w *scene) died() error {
	if r := w.asRoot("/usr/bin/find", "/run/assent-fail"); r.Code == 0 {
		return errors.New("the agent did not come to the fail point")
	}
	return nil
}

// TestAgentKilledAtEachStep: whatever the step, nothing outlives its end,
// nothing is applied twice, and the agent and the controller agree at the end.
func TestAgentKilledAtEachStep(t *testing.T) {
	w := machineFor(t, "crash")
	w.rules("rules:\n  - {name: touch, match: {path: /usr/bin/tee, args: [-a, /root/count]}, then: approve}\n")
	for _, way := range []string{"sudo", "assent run --"} {
		for _, step := range []string{"decision received", "grant stored", "armed", "contained", "started", "ended"} {
			if way != "sudo" && step == "contained" {
				continue // the step is part of "started" there
			}
			t.Run(way+"/"+step, func(t *testing.T) {
				w := w.in(t)
				w.asRoot("/usr/bin/rm", "-f", "/root/count")
				w.failAt(step)
				command := "echo once | ASSENT_REASON='a crash test' " + way + " tee -a /root/count"
				first := w.typed("alice", command)
				if err := w.comes(waitLong, func() error { return w.died() }); err != nil {
					t.Fatalf("%v; the command said %s", err, first)
				}
				w.ready()
				w.nothingLeft()
				lines := strings.Count(w.asRoot("/usr/bin/cat", "/root/count").Stdout, "once")
				if lines > 1 {
					t.Errorf("it ran %d times", lines)
				}
				settled := w.comes(20*time.Second, func() error { return w.allSettled() })
				if settled != nil {
					t.Error(settled)
				}
				second := w.typed("alice", command)
				if second.Code != 0 {
					t.Errorf("afterwards: %s", second)
				}
				w.nothingLeft()
			})
		}
	}
}

// allSettled is nil when no grant of any request is neither unused nor ended.
func (w *scene) allSettled() error {
	for _, state := range []string{"active"} {
		list, err := w.list(state)
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
	w := machineFor(t, "crash")
	for way, code := range map[string]string{"sudo": "code 1", "assent run --": "code 75"} {
		t.Run(way, func(t *testing.T) {
			w := w.in(t)
			command := way + " id -u -n"
			s, id := w.waits("alice", command, "/usr/bin/id")
			w.asRoot("/usr/bin/systemctl", "kill", "-s", "KILL", "assent-agent.service")
			if r := w.ends(s); !strings.Contains(r.Stdout, code) || !strings.Contains(r.Stdout, "run the same command again") {
				t.Errorf("%s", r)
			}
			w.ready()
			again := w.terminal("alice", command)
			w.sees(again, id)
			w.act(id, "approve", "")
			if r := w.ends(again); r.Code != 0 || !strings.Contains(r.Stdout, "root") {
				t.Errorf("%s", r)
			}
			w.becomes(id, "ended")
		})
	}
}

// TestDeadAgentsGrantEndsOnTime: with the agent killed or stopped, the running
// command ends at its deadline and nothing stays behind.
func TestDeadAgentsGrantEndsOnTime(t *testing.T) {
	w := machineFor(t, "crash")
	w.rules("rules:\n  - {name: sleep, match: {path: /usr/bin/sleep, args: ['8642']}, then: approve, limits: {duration: 4s}}\n")
	for _, signal := range []string{"KILL", "STOP"} {
		for _, way := range []string{"sudo", "assent run --"} {
			t.Run(way+"/"+signal, func(t *testing.T) {
				w := w.in(t)
				s := w.terminal("bob", way+" sleep 8642")
				w.until(waitLong, func() error { return w.active("/usr/bin/sleep") })
				w.asRoot("/usr/bin/systemctl", "kill", "-s", signal, "assent-agent.service")
				err := w.comes(15*time.Second, func() error {
					if r := w.asRoot("/usr/bin/pgrep", "-f", `^(/usr/bin/)?sleep 8642$`); r.Code == 0 {
						return errors.New("the command is still running")
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				w.asRoot("/usr/bin/systemctl", "kill", "-s", "CONT", "assent-agent.service")
				_ = s.Hangup()
				w.ready()
				w.nothingLeft()
				if err := w.comes(20*time.Second, func() error { return w.allSettled() }); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestRebootEndsEverything: a power cut with a running grant leaves nothing.
func TestRebootEndsEverything(t *testing.T) {
	w := machineFor(t, "crash")
	w.rules("rules:\n  - {name: sleep, match: {path: /usr/bin/sleep, args: ['7531']}, then: approve}\n")
	s := w.terminal("bob", "sudo sleep 7531")
	w.until(waitLong, func() error { return w.active("/usr/bin/sleep") })
	if err := w.machine.PowerCut(); err != nil {
		t.Fatal(err)
	}
	_ = s.Hangup()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := w.machine.Boot(ctx); err != nil {
		t.Fatal(err)
	}
	w.ready()
	w.nothingLeft()
	err := w.comes(20*time.Second, func() error { return w.allSettled() })
	if err != nil {
		t.Error(err)
	}
}

// TestControllerKilled: what was acknowledged is there after kill -9; an answer
// given right before it reaches the endpoint.
func TestControllerKilled(t *testing.T) {
	w := machineFor(t, "crash")
	s, id := w.waits("alice", "sudo id -u", "/usr/bin/id")
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
	if got := w.pending(program("/usr/bin/id")).ID; got != id {
		t.Fatalf("%s is waiting, not %s", got, id)
	}
	w.connected()
	w.act(id, "approve", "")
	restart()
	if r := w.ends(s); !strings.Contains(r.Stdout, "code 0") {
		t.Errorf("%s", r)
	}
	w.connected()
	w.becomes(id, "ended")
	w.nothingLeft()
}

// TestControllerDown: one clear line within five seconds, nothing is kept, and
// a running grant ends on time.
func TestControllerDown(t *testing.T) {
	w := machineFor(t, "crash")
	if err := w.machine.Unplug(t.Context()); err != nil {
		t.Fatal(err)
	}
	plug := func() {
		if err := w.machine.Plug(context.Background()); err != nil {
			t.Error(err)
		}
	}
	defer plug()
	if err := w.controller.Kill(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	plug()
	r := w.typed("alice", "ASSENT_REASON='a test' sudo id -u")
	if took := time.Since(began); r.Code != 1 || took > 7*time.Second {
		t.Errorf("took %v: %s", took, r)
	}
	if r := w.typed("alice", "assent run --reason 'a test' -- id -u"); r.Code != 69 {
		t.Errorf("assent run without a controller: %s", r)
	}
	if err := w.controller.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	w.connected()
	t.Logf("both agents were back %v after the controller", time.Since(began).Round(100*time.Millisecond))
}
