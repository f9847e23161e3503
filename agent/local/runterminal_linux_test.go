package local

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/wire"
)

func TestRunUnderATerminal(t *testing.T) {
	d := &desk{}
	master, cmd := terminal(t, open(t, d, book{}), "sh", "-c",
		`trap 'stty size' WINCH; stty size; echo ready; while ! read x; do :; done; echo "got $x"; stty -echo; echo quiet; read y; echo "then $y"; exit 5`)
	if text := until(t, master, "ready\r\n"); !strings.Contains(text, "24 80") {
		t.Errorf("no size in %q", text)
	}
	if err := pty.Setsize(master, &pty.Winsize{Rows: 40, Cols: 100}); err != nil {
		t.Fatal(err)
	}
	until(t, master, "40 100\r\n") // the shell's trap runs when its read is interrupted
	if _, err := master.WriteString("one\n"); err != nil {
		t.Fatal(err)
	}
	until(t, master, "got one\r\nquiet\r\n")
	if _, err := master.WriteString("two\n"); err != nil {
		t.Fatal(err)
	}
	if text := until(t, master, "then two\r\n"); strings.Count(text, "two") != 1 {
		t.Errorf("echoed though the program turned that off: %q", text)
	}
	if code := exitCode(t, cmd, cmd.Wait()); code != 5 {
		t.Errorf("exit %d", code)
	}
}

func TestCtrlCReachesTheProgram(t *testing.T) {
	// A shell that is just starting sleep may lose the signal to it: exec leaves nothing between.
	master, cmd := terminal(t, open(t, &desk{}, book{}), "sh", "-c", "echo ready; exec sleep 300")
	until(t, master, "ready\r\n")
	if _, err := master.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	if code := exitCode(t, cmd, cmd.Wait()); code != 130 {
		t.Errorf("exit %d", code)
	}
}

// Nothing is left when the client is killed: the program loses its terminal, or
// is hung up where it has none.
func TestAKilledClientLeavesNoOrphan(t *testing.T) {
	const script = "echo ready; sleep 300; sleep 300"
	for name, start := range map[string]func(t *testing.T, path string) (io.Reader, *exec.Cmd){
		"under a terminal": func(t *testing.T, path string) (io.Reader, *exec.Cmd) {
			master, cmd := terminal(t, path, "sh", "-c", script)
			return master, cmd
		},
		"by pipes": func(t *testing.T, path string) (io.Reader, *exec.Cmd) {
			cmd := client(path, "sh", "-c", script)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			return out, cmd
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{}
			out, cmd := start(t, open(t, d, book{}))
			if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // killed, as it should
			if code, err := d.last().Wait(); err != nil || code != 128+int(syscall.SIGHUP) {
				t.Errorf("exit %d, %v", code, err)
			}
			if err := d.trees.Gone(t.Context(), d.last().Tree); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSignalsArePassedOn(t *testing.T) {
	cmd := client(open(t, &desk{}, book{}), "sh", "-c", `trap 'echo told; exit 9' TERM; echo ready; sleep 300 & wait`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, out, "ready\n")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, out, "told\n")
	if code := exitCode(t, cmd, cmd.Wait()); code != 9 {
		t.Errorf("exit %d", code)
	}
}

func TestTheReasonIsAskedAtTheTerminal(t *testing.T) {
	asked := make(chan string, 2)
	d := &desk{elevate: func(ctx context.Context, _ intercept.Ask, p intercept.Person) error {
		why, ticket, err := p.Ask(ctx, wire.Need{ReasonMin: 8, Ticket: "OPS-[0-9]+", GoesTo: []string{"Approvers\x1b[2J"}})
		asked <- why
		asked <- ticket
		return err
	}}
	master, cmd := terminal(t, open(t, d, book{}), "echo", "ran")
	text := until(t, master, "Reason: ")
	if strings.Contains(text, "\x1b[2J") {
		t.Errorf("an escape went through: %q", text)
	}
	for _, typed := range []string{"short\n", "because of the certificate\n"} {
		if _, err := master.WriteString(typed); err != nil {
			t.Fatal(err)
		}
		if typed == "short\n" {
			until(t, master, "Reason: ")
		}
	}
	until(t, master, "Ticket: ")
	if _, err := master.WriteString("OPS-7\n"); err != nil {
		t.Fatal(err)
	}
	until(t, master, "ran\r\n")
	if code := exitCode(t, cmd, cmd.Wait()); code != 0 {
		t.Errorf("exit %d", code)
	}
	if why, ticket := <-asked, <-asked; why != "because of the certificate" || ticket != "OPS-7" {
		t.Errorf("asked %q, %q", why, ticket)
	}
}

func TestCtrlCAtTheQuestionWithdraws(t *testing.T) {
	why := make(chan error, 1)
	d := &desk{elevate: func(ctx context.Context, _ intercept.Ask, p intercept.Person) error {
		_, _, err := p.Ask(ctx, wire.Need{ReasonMin: 8})
		why <- err
		return err
	}}
	master, cmd := terminal(t, open(t, d, book{}), "echo", "ran")
	until(t, master, "Reason: ")
	if _, err := master.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	if code := exitCode(t, cmd, cmd.Wait()); code != 130 {
		t.Errorf("exit %d", code)
	}
	if err := <-why; !errors.Is(err, intercept.ErrWithdrawn) {
		t.Error(err)
	}
}

// An approval that comes after the hold does not start anything behind a
// person's back.
func TestALateApprovalAsksForEnter(t *testing.T) {
	d := &desk{elevate: func(context.Context, intercept.Ask, intercept.Person) error { return nil }}
	path := open(t, d, book{})
	late := filepath.Join(filepath.Dir(path), "late.sock")
	s, err := Listen(Config{Path: late, Flow: book{}, Elevator: d, Runner: d, Salt: bytes.Repeat([]byte("s"), 32), Hold: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	for name, c := range map[string]struct {
		key  string
		code int
	}{"Enter": {"\n", 0}, "Ctrl-C": {"\x03", 130}} {
		t.Run(name, func(t *testing.T) {
			master, cmd := terminal(t, late, "true")
			until(t, master, "Press Enter")
			_, before, _ := d.count()
			if _, err := master.WriteString(c.key); err != nil {
				t.Fatal(err)
			}
			if code := exitCode(t, cmd, cmd.Wait()); code != c.code {
				t.Errorf("exit %d", code)
			}
			if _, after, _ := d.count(); (after > before) != (c.code == 0) {
				t.Errorf("%d runs, before %d", after, before)
			}
		})
	}
}

// pair is a connection of two ends.
func pair(t *testing.T) (a, b *net.UnixConn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ends := make([]*net.UnixConn, 2)
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "end")
		c, err := net.FileConn(f)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		ends[i] = c.(*net.UnixConn)
		t.Cleanup(func() { c.Close() })
	}
	return ends[0], ends[1]
}

// With only the input on a terminal (`assent run … | cat`) typed lines reach
// the program, the output is the pipe itself, and nothing is echoed twice.
func TestInputFromATerminalOutputToAPipe(t *testing.T) {
	path := open(t, &desk{}, book{})
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	cmd := client(path, "sh", "-c", `[ -t 0 ] && echo in; [ -t 1 ] || echo pipe; stty -a | grep -c -- "-echo "; read x; echo "got $x"; exit 3`)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	cmd.Stdin, cmd.Stderr = slave, slave
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	until(t, out, "in\npipe\n1\n")
	if _, err := master.WriteString("word\n"); err != nil {
		t.Fatal(err)
	}
	until(t, out, "got word\n")
	if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
	if code := exitCode(t, cmd, cmd.Wait()); code != 3 {
		t.Errorf("exit %d", code)
	}
}
