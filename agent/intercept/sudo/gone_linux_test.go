package sudo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
)

// agentEnv makes TestAgentProcess be an agent of its own, which can be killed.
const agentEnv = "ASSENT_TEST_AGENT"

// deadly are effects of an agent that ends or stops at a point.
type deadly struct{ how string }

func (d deadly) Arm(_ context.Context, _ intercept.Permit, dropin string, _ int) error {
	self := os.Getpid()
	switch d.how {
	case "die in arm":
		syscall.Kill(self, syscall.SIGKILL)
	case "die armed", "stop armed":
		sig := d.signal()
		go func() {
			for { // as soon as the rule is there, before sudo can have read it
				if _, err := os.Stat(dropin); err == nil {
					syscall.Kill(self, sig)
				}
			}
		}()
	}
	return nil
}

func (d deadly) signal() syscall.Signal {
	return map[string]syscall.Signal{"die armed": syscall.SIGKILL, "stop armed": syscall.SIGSTOP}[d.how]
}

func (d deadly) Release(elevation.GrantID) {}

func (d deadly) Start(context.Context, elevation.GrantID) error {
	switch d.how {
	case "die in start":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "die armed", "stop armed":
		syscall.Kill(os.Getpid(), d.signal()) // on a busy machine the rule may come and go unseen
		select {}                             // nothing may start by this agent
	}
	return nil
}

func (d deadly) Fail(context.Context, elevation.GrantID, error) error { return nil }

func (d deadly) Nested(context.Context, elevation.GrantID, intercept.Permit) error { return nil }

func (d deadly) Listed(elevation.GrantID, elevation.Subject, string) {}

// TestAgentProcess is no test of its own: it is the agent that others kill.
func TestAgentProcess(t *testing.T) {
	how := os.Getenv(agentEnv)
	if how == "" {
		return
	}
	elevate := approveAll
	if how == "wait" {
		elevate = asking(elevation.NewRequestID(time.Now()), nil)
	}
	s, err := New(Config{Socket: testSocket, Elevator: &fakeElevator{elevate: elevate}, Effects: deadly{how}, House: &fakeHouse{},
		Salt: bytes.Repeat([]byte{7}, 32), Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	must(t, err)
	must(t, s.Serve(t.Context()))
}

// agentProcess starts an agent inside, in its own process.
func agentProcess(t *testing.T, how string) *exec.Cmd {
	t.Helper()
	must(t, durable.Remove(testSocket))
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self, "-test.run=^TestAgentProcess$", "-test.timeout=10m")
	cmd.Env = append(os.Environ(), agentEnv+"="+how)
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	waitFor(t, "the agent", func() bool { // it closes the socket to others once it listens
		info, err := os.Stat(testSocket)
		return err == nil && info.Mode().Perm() == 0o600
	})
	return cmd
}

// askedForPassword is how sudo ends for somebody without rights and without a
// terminal when nobody helps.
const askedForPassword = "a terminal is required"

func TestAgentGoneOrStopped(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	everybodyElse := func(t *testing.T, most time.Duration) {
		t.Helper()
		within(t, most, func() result {
			r := sudo(t, alice, "id", "-u")
			r.expect(t, 1, askedForPassword)
			return r
		})
		within(t, 2*most, func() result {
			r := sudo(t, carol, "id", "-u")
			if r.code != 0 || r.out != "0\n" || r.err != "" {
				t.Errorf("carol: %v", r)
			}
			return r
		})
		within(t, time.Second, func() result {
			r := sudo(t, 0, "id", "-u")
			if r.code != 0 {
				t.Errorf("root: %v", r)
			}
			return r
		})
	}
	t.Run("never there", func(t *testing.T) { everybodyElse(t, time.Second) })
	t.Run("dead", func(t *testing.T) {
		a := agentProcess(t, "wait")
		a.Process.Kill()
		a.Wait()
		everybodyElse(t, time.Second)
	})
	t.Run("stopped", func(t *testing.T) {
		a := agentProcess(t, "wait")
		must(t, a.Process.Signal(syscall.SIGSTOP))
		waitFor(t, "the agent to stop", func() bool { return stopped(a.Process.Pid) })
		everybodyElse(t, 4*time.Second)
	})
	for name, sig := range map[string]syscall.Signal{"killed while it waits": syscall.SIGKILL, "stopped while it waits": syscall.SIGSTOP} {
		t.Run(name, func(t *testing.T) {
			a := agentProcess(t, "wait")
			x := onTerminal(t, as(alice, "/usr/bin/sudo", "id", "-u"))
			x.until("Reason: ")
			x.typed("long enough\r")
			x.until("waiting for approval")
			must(t, a.Process.Signal(sig))
			code, took := x.end()
			if code != 1 || took > atOnce || !strings.Contains(x.seen, "kept as req_") {
				t.Errorf("exit %d after %v, terminal %q", code, took, x.seen)
			}
		})
	}
}

// stopped reports whether every thread of a process stands still: until then it
// may answer, as the signal takes its time.
func stopped(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, file := range threads {
		raw, err := os.ReadFile(file)
		_, rest, ok := strings.Cut(string(raw), ") ")
		if err != nil || !ok || !strings.HasPrefix(rest, "T") {
			return false
		}
	}
	return len(threads) > 0
}

func TestAgentDiesWithARuleInForce(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	for _, how := range []string{"die in arm", "die armed", "stop armed", "die in start"} {
		t.Run(how, func(t *testing.T) {
			a := agentProcess(t, how)
			r := sudo(t, alice, "touch", "/run/ran")
			if _, err := os.Stat("/run/ran"); err == nil || r.code != 1 || r.took > atOnce {
				t.Errorf("it ran: %v", r)
			}
			r = sudo(t, alice, "touch", "/run/ran") // whatever is left gives nothing to a second sudo
			if r.code != 1 {
				t.Errorf("a second one: %v", r)
			}
			sudo(t, carol, "id", "-u").expect(t, 0, "0\n")
			a.Process.Kill()
			a.Wait()
			os.Remove("/run/ran")
			m := serve(t, func(context.Context, intercept.Ask, intercept.Person) (intercept.Permit, error) {
				return intercept.Permit{}, &intercept.Refused{By: "bo"}
			})
			if left := glob(t, "/etc/sudoers.d/zz-*"); len(left) > 0 {
				t.Errorf("the next agent left %v", left)
			}
			sudo(t, alice, "touch", "/run/ran").expect(t, 1, "denied by bo")
			if m.elevator.asked() != 1 {
				t.Error("not asked")
			}
		})
	}
}

func TestSudoStopsOrDiesArmed(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	m := serve(t, approveAll, func(c *Config) { c.Armed = time.Second })
	held := make(chan int, 1)
	m.effects.atArm(func(_ string, pid int) {
		syscall.Kill(pid, syscall.SIGSTOP)
		held <- pid
	})
	done := make(chan result, 1)
	go func() { done <- sudo(t, alice, "touch", "/run/ran") }()
	waitFor(t, "the rule taken back", func() bool { return strings.Join(m.effects.list(), " ") == "arm fail" })
	if left := glob(t, filepath.Join(sudoersDir, "zz-*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	syscall.Kill(<-held, syscall.SIGCONT)
	if r := <-done; r.code != 1 {
		t.Errorf("it went on: %v", r)
	}
	if _, err := os.Stat("/run/ran"); err == nil {
		t.Error("it ran")
	}
	m.effects.atArm(func(_ string, pid int) { syscall.Kill(pid, syscall.SIGKILL) })
	sudo(t, alice, "touch", "/run/ran")
	waitFor(t, "the second taken back", func() bool { return strings.Join(m.effects.list(), " ") == "arm fail arm fail" })
}

func TestPluginSocketRefuses(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	m := serve(t, approveAll)
	// A sudo that sees other files, as in a container, gets no help.
	cmd := as(0, "/usr/bin/unshare", "-m", "/usr/bin/setpriv", "--reuid", "61501", "--regid", "61501", "--clear-groups", "/usr/bin/sudo", "id", "-u")
	finish(t, cmd).expect(t, 1, askedForPassword)
	// Somebody else than root can not even connect.
	finish(t, as(alice, "/usr/bin/python3", "-c", "import socket; socket.socket(socket.AF_UNIX).connect('"+testSocket+"')")).expect(t, 1, "denied")
	if n := m.elevator.asked(); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

// TestOneUserCanNotKeepOthersOut: alice stops hundreds of sudos in the middle of
// their calls; bob's is served.
func TestOneUserCanNotKeepOthersOut(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	serve(t, func(context.Context, intercept.Ask, intercept.Person) (intercept.Permit, error) {
		return intercept.Permit{}, &intercept.Refused{By: "bo"}
	})
	// A process of alice's that is root for now, as sudo is.
	crowd := exec.Command("/usr/bin/python3", "-c", `
import os, socket, sys
os.setresuid(61501, 0, 0)
held = []
for i in range(600):
    s = socket.socket(socket.AF_UNIX)
    s.connect("`+testSocket+`")
    held.append(s)
print("there", flush=True)
sys.stdin.read()
`)
	in, err := crowd.StdinPipe()
	must(t, err)
	out, err := crowd.StdoutPipe()
	must(t, err)
	must(t, crowd.Start())
	defer crowd.Wait()
	defer in.Close()
	if _, err := io.ReadFull(out, make([]byte, len("there"))); err != nil {
		t.Fatal(err)
	}
	sudo(t, bob, "id", "-u").expect(t, 1, "denied by bo")
}

// dieEnv names the step at which TestInstallDies kills itself.
const dieEnv = "ASSENT_TEST_DIE"

// TestInstallDies is no test of its own: it is killed between two steps.
func TestInstallDies(t *testing.T) {
	at := os.Getenv(dieEnv)
	if at == "" {
		return
	}
	name, removing := strings.CutPrefix(at, "remove ")
	p := Plugin{Source: "/run/so", Socket: testSocket, step: func(step string) {
		if step == name {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}}
	if removing {
		must(t, RemovePlugin(t.Context(), p))
		return
	}
	must(t, InstallPlugin(t.Context(), p))
}

func TestInstallHeals(t *testing.T) {
	if !inside(t) {
		return
	}
	before, err := os.ReadFile(sudoConf)
	must(t, err)
	installShim(t)
	so, err := os.ReadFile(pluginTarget)
	must(t, err)
	write(t, "/run/so", 0o644, string(so))
	p := Plugin{Source: "/run/so", Socket: testSocket}
	restored := func(t *testing.T) {
		t.Helper()
		must(t, RemovePlugin(t.Context(), p))
		after, err := os.ReadFile(sudoConf)
		if err != nil || !bytes.Equal(before, after) {
			t.Errorf("sudo.conf is not as before: %v\n%s", err, after)
		}
		if left := append(glob(t, "/usr/libexec/assent*"), glob(t, "/etc/sudo.conf.*")...); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
	restored(t)
	self, err := os.Executable()
	must(t, err)
	for _, at := range []string{"written", "copied", "conf written", "edited", "remove conf written", "remove unnamed", "remove removed"} {
		t.Run(at, func(t *testing.T) {
			if strings.HasPrefix(at, "remove") {
				must(t, InstallPlugin(t.Context(), p))
			}
			// The child shares this namespace: it must not make one of its own.
			cmd := exec.Command(self, "-test.run=^TestInstallDies$")
			cmd.Env = append(os.Environ(), dieEnv+"="+at)
			if err := cmd.Run(); cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the child was not killed: %v", err)
			}
			sudo(t, 0, "id", "-u").expect(t, 0, "0\n") // sudo works whenever it is interrupted
			sudo(t, carol, "id", "-u").expect(t, 0, "0\n")
			must(t, InstallPlugin(t.Context(), p))
			if !installed(p) {
				t.Error("not installed after a second try")
			}
			sudo(t, carol, "id", "-u").expect(t, 0, "0\n")
			restored(t)
		})
	}
	t.Run("a plugin that does not load", func(t *testing.T) {
		write(t, "/run/bad", 0o644, "\x7fELF, not really")
		if err := InstallPlugin(t.Context(), Plugin{Source: "/run/bad", Socket: testSocket}); err == nil {
			t.Error("installed")
		}
		sudo(t, carol, "id", "-u").expect(t, 0, "0\n")
		restored(t)
	})
	t.Run("no sudo.conf", func(t *testing.T) {
		must(t, os.Remove(sudoConf))
		must(t, InstallPlugin(t.Context(), p))
		must(t, RemovePlugin(t.Context(), p))
		if _, err := os.Stat(sudoConf); err == nil {
			t.Error("sudo.conf was not there before")
		}
	})
}

// installed reports whether sudo.conf has our lines, all of them and for
// this socket, and the plugin is in place.
func installed(p Plugin) bool {
	p = p.withDefaults()
	b, err := os.ReadFile(p.Conf)
	if err != nil || !strings.Contains(string(b), p.block()) {
		return false
	}
	return rootOwned(p.Target) == nil
}
