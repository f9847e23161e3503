package sudo

import (
	"context"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
)

const bHint = "b leaves it waiting, Ctrl-C withdraws it"

// lineMode fails unless the terminal reads lines and shows what is typed.
func (x *terminal) lineMode(want bool) {
	x.t.Helper()
	got := x.mode()
	if got != want {
		x.t.Errorf("the terminal reads lines: %v, want %v; it shows %q", got, want, x.seen)
	}
}

func (x *terminal) mode() bool {
	x.t.Helper()
	mode, err := unix.IoctlGetTermios(int(x.pty.Fd()), unix.TCGETS)
	must(x.t, err)
	return mode.Lflag&unix.ICANON != 0 && mode.Lflag&unix.ECHO != 0
}

// watched waits until the terminal is watched for b, which is after the hint.
func (x *terminal) watched() {
	x.t.Helper()
	waitFor(x.t, "the terminal to be watched", func() bool { return !x.mode() })
}

// onlyWaiting waits for the answer without a question.
func onlyWaiting(id elevation.RequestID, release <-chan bool) func(context.Context, intercept.Ask, intercept.Person) (intercept.Permit, error) {
	return func(ctx context.Context, ask intercept.Ask, p intercept.Person) (intercept.Permit, error) {
		ask.Justification = "given before"
		return asking(id, release)(ctx, ask, p)
	}
}

// TestBLeavesSudoWaiting: one key ends the sudo and nothing else.
func TestBLeavesSudoWaiting(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	id, release := elevation.NewRequestID(time.Now()), make(chan bool)
	m := serve(t, onlyWaiting(id, release))
	x := onTerminal(t, as(alice, "/usr/bin/sudo", "show"))
	x.until(bHint)
	x.until("waiting for approval")
	x.watched()
	x.typed("b")
	code, took := x.end()
	if code != 1 || took > atOnce || !strings.Contains(x.seen, "kept as "+string(id)+", run the same command again") || strings.Contains(x.seen, "withdrawn") {
		t.Errorf("exit %d after %v, terminal %q", code, took, x.seen)
	}
	waitFor(t, "the elevator", func() bool { m.elevator.mu.Lock(); defer m.elevator.mu.Unlock(); return len(m.elevator.done) == 1 })
	if err := m.elevator.done[0]; !errors.Is(err, errLeft) || errors.Is(err, intercept.ErrWithdrawn) {
		t.Errorf("the elevator was told %v", err)
	}
	m.elevator.answers(approveAll) // meanwhile it was approved: the same command uses it
	sudo(t, alice, "show").expect(t, 37, "0:0")
}

// TestTerminalComesBack: whatever ends the wait, the shell finds its terminal.
func TestTerminalComesBack(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	id, release := elevation.NewRequestID(time.Now()), make(chan bool)
	serve(t, onlyWaiting(id, release))
	for name, act := range map[string]func(x *terminal, sudo int){
		"b":       func(x *terminal, _ int) { x.typed("b") },
		"Ctrl-C":  func(x *terminal, _ int) { x.typed("\x03") },
		"Ctrl-\\": func(x *terminal, _ int) { x.typed("\x1c") },
		"SIGTERM": func(_ *terminal, sudo int) { syscall.Kill(sudo, syscall.SIGTERM) },
		"SIGHUP":  func(_ *terminal, sudo int) { syscall.Kill(sudo, syscall.SIGHUP) },
		"SIGSEGV": func(_ *terminal, sudo int) { syscall.Kill(sudo, syscall.SIGSEGV) },
		"SIGABRT": func(_ *terminal, sudo int) { syscall.Kill(sudo, syscall.SIGABRT) },
		"denied":  func(*terminal, int) { release <- false },
		"allowed": func(*terminal, int) { release <- true },
	} {
		t.Run(name, func(t *testing.T) {
			// The shell keeps the terminal open, and never touches its mode.
			x := onTerminal(t, as(alice, "/bin/sh", "-c", "trap : INT QUIT HUP; /usr/bin/sudo show; echo over; read x"))
			x.t = t
			x.until("waiting for approval")
			x.watched()
			act(x, childOf(t, x.cmd.Process.Pid))
			x.until("over")
			x.lineMode(true)
			x.typed("\r")
			x.end()
		})
	}
}

// childOf is the process that a shell waits for.
func childOf(t *testing.T, shell int) (pid int) {
	t.Helper()
	out, err := exec.Command("/usr/bin/pgrep", "-P", strconv.Itoa(shell)).Output()
	must(t, err)
	for _, c := range strings.TrimSpace(string(out)) {
		pid = pid*10 + int(c-'0')
	}
	return pid
}

// TestTypedAheadReachesTheProgram: what is typed while sudo waits is the
// program's, as without Assent; a b in it leaves nothing.
func TestTypedAheadReachesTheProgram(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	release := make(chan bool)
	serve(t, onlyWaiting(elevation.NewRequestID(time.Now()), release))
	for name, act := range map[string]func(x *terminal){
		"at once":        func(x *terminal) { x.typed("abba\r") },
		"key by key":     func(x *terminal) { x.typed("a"); x.typed("b"); x.typed("b"); x.typed("a\r") },
		"with a mistake": func(x *terminal) { x.typed("abx"); x.typed("\x7fba\r") },
	} {
		t.Run(name, func(t *testing.T) {
			x := onTerminal(t, as(alice, "/usr/bin/sudo", "sh", "-c", "read x; echo got=$x."))
			x.t = t
			x.until("waiting for approval")
			x.watched()
			act(x)
			x.redrawn()
			release <- true
			x.until("got=abba.")
			x.end()
		})
	}
}

// TestJobControl: a stop gives the shell its terminal as it was, a job in the
// background is not watched, and one that comes back is.
func TestJobControl(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	id, release := elevation.NewRequestID(time.Now()), make(chan bool)
	serve(t, onlyWaiting(id, release))
	x := onTerminal(t, as(alice, "/bin/bash", "--norc", "--noprofile", "--noediting", "-i"))
	x.typed("PS1='$''> '\r")
	x.until("$> ")
	x.typed("/usr/bin/sudo show\r")
	x.until("waiting for approval")
	x.watched()
	x.typed("\x1a")
	x.until("Stopped")
	x.lineMode(true)
	x.typed("bg\r")
	x.typed("echo b; echo ba''ck\r")
	x.until("back")
	x.until("waiting for approval 2s") // it waits, and reads nothing
	x.lineMode(true)
	x.typed("fg\r")
	x.watched()
	x.typed("b")
	x.until("kept as " + string(id))
	x.typed("echo code=$?.\r")
	x.until("code=1.")
	x.lineMode(true)
	x.typed("exit\r")
	x.end()
}

// TestTerminalOfOthers: in a pipeline another program may read the terminal, so
// it is left alone.
func TestTerminalOfOthers(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	release := make(chan bool)
	serve(t, onlyWaiting(elevation.NewRequestID(time.Now()), release))
	for name, line := range map[string]string{
		"output": "/usr/bin/sudo show | cat", "input": "true | /usr/bin/sudo show", "a password from stdin": "/usr/bin/sudo -S show </dev/null",
	} {
		t.Run(name, func(t *testing.T) {
			x := onTerminal(t, as(alice, "/bin/sh", "-c", line+"; true"))
			x.t = t
			x.until("waiting for approval")
			x.typed("b")
			x.lineMode(true)
			release <- true
			x.until("0:0")
			if strings.Contains(x.seen, bHint) {
				t.Errorf("b is offered: %q", x.seen)
			}
			x.cmd.Process.Kill()
			x.end()
		})
	}
}
