package sudo

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// terminal is a command on a terminal of its own.
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	pty  *os.File
	text chan string
	seen string
}

func onTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	cmd.SysProcAttr.Setctty = true
	// A terminal's programs are not deaf to its end, even when these tests were
	// started by something that is (nohup, a job of CI): a caught signal is reset
	// for the child, an ignored one would be inherited.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT)
	f, err := pty.StartWithAttrs(cmd, &pty.Winsize{Rows: 24, Cols: 120}, cmd.SysProcAttr)
	must(t, err)
	x := &terminal{t: t, cmd: cmd, pty: f, text: make(chan string, 1000)}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := f.Read(buf)
			if n > 0 {
				x.text <- string(buf[:n])
			}
			if err != nil {
				close(x.text)
				return
			}
		}
	}()
	return x
}

func (x *terminal) until(part string) {
	x.t.Helper()
	x.untilThere(part, 1)
}

// redrawn waits until the line that tells of the waiting was drawn again. Which second
// it shows then is up to the machine.
func (x *terminal) redrawn() {
	x.t.Helper()
	const line = "waiting for approval"
	x.untilThere(line, strings.Count(x.seen, line)+2)
}

func (x *terminal) untilThere(part string, times int) {
	x.t.Helper()
	timeout := time.After(time.Minute)
	for strings.Count(x.seen, part) < times {
		select {
		case s, ok := <-x.text:
			if !ok {
				x.t.Fatalf("the terminal closed before %q; it shows %q", part, x.seen)
			}
			x.seen += s
		case <-timeout:
			x.t.Fatalf("no %q on the terminal; it shows %q", part, x.seen)
		}
	}
}

func (x *terminal) typed(s string) { x.pty.WriteString(s) }

// insists types a key again until the command has ended, as a person does. Sudo
// looks at a signal only when its read of the terminal was interrupted: one that
// comes between its prompt and that read waits for the next key.
func (x *terminal) insists(key string) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		x.typed(key)
		again := time.After(300 * time.Millisecond)
		for waiting := true; waiting; {
			select {
			case s, ok := <-x.text:
				if !ok {
					return
				}
				x.seen += s
			case <-again:
				waiting = false
			}
		}
	}
}

// atOnce is what "at once" may take on a busy machine. What is not at once here comes
// never, and is killed after a minute.
const atOnce = 30 * time.Second

// end waits for the command and returns its exit code.
func (x *terminal) end() (int, time.Duration) {
	x.t.Helper()
	began := time.Now()
	timer := time.AfterFunc(time.Minute, func() { x.cmd.Process.Kill() })
	defer timer.Stop()
	for s := range x.text {
		x.seen += s
	}
	x.cmd.Wait()
	return x.cmd.ProcessState.ExitCode(), time.Since(began)
}

// asking asks for a reason, then waits for the answer until released.
func asking(id elevation.RequestID, release <-chan bool) func(context.Context, intercept.Ask, intercept.Person) (intercept.Permit, error) {
	return func(ctx context.Context, ask intercept.Ask, p intercept.Person) (intercept.Permit, error) {
		reason := ask.Justification
		if reason == "" {
			var err error
			if reason, _, err = p.Ask(ctx, wire.Need{ReasonMin: 8, GoesTo: []string{"Approvers"}}); err != nil {
				return intercept.Permit{}, err
			}
		}
		p.Waiting(intercept.Waiting{Request: id, Since: time.Now(), Position: 2, UsualWait: 3 * time.Minute})
		select {
		case ok := <-release:
			if !ok {
				return intercept.Permit{}, &intercept.Refused{By: "bo", Text: reason + "?"}
			}
			return approve(ask), nil
		case <-ctx.Done():
			return intercept.Permit{}, context.Cause(ctx)
		}
	}
}

func TestTerminal(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	id := elevation.NewRequestID(time.Now())
	release := make(chan bool)
	m := serve(t, asking(id, release))

	cmd := as(alice, "/bin/sh", "-c", "/usr/bin/sudo show x 2>/run/stderr.$$; echo code $?")
	must(t, os.Chmod("/run", 0o777))
	x := onTerminal(t, cmd)
	x.until("Reason: ")
	x.typed("short\r")
	x.until("at least 8")
	x.typed("disk is full\r")
	x.until("waiting for approval ")
	x.until("s " + string(id) + " place 2 ~3m") // sudo knows 80 columns here
	x.redrawn()                                 // the line lives by itself
	release <- true
	x.until("0:0 /usr")
	x.until("code 37")
	x.end()
	for _, f := range glob(t, "/run/stderr.*") {
		if b, _ := os.ReadFile(f); strings.Contains(string(b), "waiting") {
			t.Errorf("the waiting line is in stderr: %q", b)
		}
	}

	x = onTerminal(t, as(alice, "/usr/bin/sudo", "show"))
	x.until("Reason: ")
	x.typed("disk is full\r")
	x.until("waiting for approval")
	release <- false
	if code, _ := x.end(); code != 1 || !strings.Contains(x.seen, "denied by bo: disk is full?") {
		t.Errorf("exit %d, terminal %q", code, x.seen)
	}
	if n := m.elevator.asked(); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	must(t, err)
	return names
}

func TestWithdrawnOrLost(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	id := elevation.NewRequestID(time.Now())
	m := serve(t, asking(id, nil))
	last := func() error {
		waitFor(t, "the elevator", func() bool {
			m.elevator.mu.Lock()
			defer m.elevator.mu.Unlock()
			return len(m.elevator.done) == len(m.elevator.asks)
		})
		return m.elevator.done[len(m.elevator.done)-1]
	}
	tests := []struct {
		name      string
		act       func(x *terminal)
		withdrawn bool
		code      int
	}{
		{"Ctrl-C while waiting", func(x *terminal) { x.typed("long enough\r"); x.until("waiting for"); x.typed("\x03") }, true, 1},
		{"Ctrl-C at the prompt", func(x *terminal) { x.insists("\x03") }, true, 1},
		{"SIGTERM", func(x *terminal) {
			x.typed("long enough\r")
			x.until("waiting for")
			x.cmd.Process.Signal(syscall.SIGTERM)
		}, true, 1},
		{"kill -9", func(x *terminal) { x.typed("long enough\r"); x.until("waiting for"); x.cmd.Process.Kill() }, false, -1},
		{"the terminal is gone", func(x *terminal) { x.typed("long enough\r"); x.until("waiting for"); x.pty.Close() }, false, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := onTerminal(t, as(alice, "/usr/bin/sudo", "show"))
			x.t = t
			x.until("Reason: ")
			tt.act(x)
			code, took := x.end()
			if err := last(); errors.Is(err, intercept.ErrWithdrawn) != tt.withdrawn {
				t.Errorf("the elevator was told %v", err)
			}
			if code != tt.code || took > atOnce {
				t.Errorf("exit %d after %v, terminal %q", code, took, x.seen)
			}
		})
	}
	if got := m.effects.list(); len(got) != 0 {
		t.Errorf("effects: %v", got)
	}
}

// TestSecretIsNotShown: a password is asked for through the plugin, and what is
// typed does not stand on the terminal.
func TestSecretIsNotShown(t *testing.T) {
	if !inside(t) {
		return
	}
	installShim(t)
	got := make(chan string, 1)
	serve(t, func(ctx context.Context, _ intercept.Ask, p intercept.Person) (intercept.Permit, error) {
		secret, err := p.(intercept.Confirmer).Secret(ctx, "alice")
		got <- secret
		return intercept.Permit{}, errors.Join(err, &intercept.Refused{By: "the test", Rule: true})
	})
	x := onTerminal(t, as(alice, "/usr/bin/sudo", "show"))
	x.until("Password of alice, to confirm: ")
	x.typed("geheim wie nie\r")
	if secret := <-got; secret != "geheim wie nie" {
		t.Errorf("got %q", secret)
	}
	if x.end(); strings.Contains(x.seen, "geheim") {
		t.Errorf("it stands on the terminal: %q", x.seen)
	}
}
