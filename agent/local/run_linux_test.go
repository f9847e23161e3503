package local

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
)

const someRequest = elevation.RequestID("req_01a1fffc-7b9d-7152-a85a-4e800f9fd3b7")

// client is a real process that does what `assent run` does, without a
// terminal.
func client(path string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), clientEnv+"="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// terminal starts the client under a terminal of its own.
func terminal(t *testing.T, path string, args ...string) (*os.File, *exec.Cmd) {
	t.Helper()
	cmd := client(path, args...)
	master, err := pty.StartWithAttrs(cmd, &pty.Winsize{Rows: 24, Cols: 80}, &syscall.SysProcAttr{Setsid: true, Setctty: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	return master, cmd
}

// until reads from a terminal up to a text.
func until(t *testing.T, r io.Reader, text string) string {
	t.Helper()
	var got []byte
	b := make([]byte, 1)
	for !bytes.HasSuffix(got, []byte(text)) {
		if _, err := r.Read(b); err != nil {
			t.Fatalf("%q, then %v; want %q", got, err, text)
		}
		got = append(got, b...)
	}
	return string(got)
}

func exitCode(t *testing.T, cmd *exec.Cmd, err error) int {
	t.Helper()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

func TestRunByPipes(t *testing.T) {
	path := open(t, &desk{}, book{})
	for name, c := range map[string]struct {
		args   []string
		stdin  string
		code   int
		stdout string
		stderr string
	}{
		"output":               {[]string{"echo", "a b", "", "*"}, "", 0, "a b  *\n", ""},
		"input":                {[]string{"cat"}, "through", 0, "through", ""},
		"errors":               {[]string{"sh", "-c", "echo no >&2; exit 7"}, "", 7, "", "no\n"},
		"bytes":                {[]string{"printf", "\xff\n\t%s", "\xfe"}, "", 0, "\xff\n\t\xfe", ""},
		"ended by a signal":    {[]string{"sh", "-c", "kill -9 $$"}, "", 137, "", ""},
		"leaves a child":       {[]string{"sh", "-c", "sleep 300 >/dev/null 2>&1 & echo x"}, "", 0, "x\n", ""},
		"root":                 {[]string{"id", "-u"}, "", 0, "0\n", ""},
		"not there":            {[]string{"no-such-program"}, "", 127, "", "not_found: command not found: no-such-program\n"},
		"a folder":             {[]string{"/usr"}, "", 127, "", "not_found: command not found: /usr\n"},
		"without an argument":  {[]string{""}, "", 2, "", "invalid: the arguments can not be passed on: there is no program\n"},
		"many arguments":       {append([]string{"true"}, strings.Fields(strings.Repeat("x ", 3000))...), "", 0, "", ""},
		"too long for a frame": {[]string{"true", strings.Repeat("x", 100_000)}, "", 2, "", "invalid: the command line is too long: 61440 bytes at most\n"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := client(path, c.args...)
			var stdout, stderr bytes.Buffer
			cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(c.stdin), &stdout, &stderr
			code := exitCode(t, cmd, cmd.Run())
			if code != c.code || stdout.String() != c.stdout || stderr.String() != c.stderr {
				t.Errorf("exit %d, stdout %q, stderr %q; want %d, %q, %q", code, stdout.String(), stderr.String(), c.code, c.stdout, c.stderr)
			}
		})
	}
}

// 2 MB of arguments do not fit into a frame; a client without manners that
// sends NUL, an empty command or too much in pieces is refused as well.
func TestRunRefusesBadAttempts(t *testing.T) {
	d := &desk{}
	path := open(t, d, book{})
	out := Client{Path: path}.Run(t.Context(), RunOptions{Command: "true", Args: strings.Fields(strings.Repeat("x ", 1<<20))},
		Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	if out.Kind != Invalid {
		t.Errorf("2 MB of arguments: %+v", out)
	}
	for name, q := range map[string]runAsk{
		"NUL in an argument":     {Version: Version, Command: []byte("id"), Args: [][]byte{[]byte("a\x00b")}, Cwd: []byte("/")},
		"NUL in the command":     {Version: Version, Command: []byte("id\x00"), Cwd: []byte("/")},
		"no command":             {Version: Version, Cwd: []byte("/")},
		"no folder":              {Version: Version, Command: []byte("id")},
		"a relative folder":      {Version: Version, Command: []byte("id"), Cwd: []byte("tmp")},
		"another version":        {Version: Version + 1, Command: []byte("id"), Cwd: []byte("/")},
		"an unknown user":        {Version: Version, Command: []byte("id"), Cwd: []byte("/"), As: []byte("no-such-user")},
		"uid -1":                 {Version: Version, Command: []byte("id"), Cwd: []byte("/"), As: []byte("#4294967295")},
		"uid -1 as a number":     {Version: Version, Command: []byte("id"), Cwd: []byte("/"), As: []byte("#-1")},
		"uid 0 in hex":           {Version: Version, Command: []byte("id"), Cwd: []byte("/"), As: []byte("#0x0")},
		"too many arguments":     {Version: Version, Command: []byte("id"), Cwd: []byte("/"), Args: make([][]byte, 5000)},
		"a user with an escape":  {Version: Version, Command: []byte("id"), Cwd: []byte("/"), As: []byte("\x1b[2J")},
		"a long path as command": {Version: Version, Command: bytes.Repeat([]byte("/x"), 5000), Cwd: []byte("/")},
	} {
		t.Run(name, func(t *testing.T) {
			c := &conn{c: unixConn{raw(t, path)}}
			if err := c.write(kRun, q); err != nil {
				t.Fatal(err)
			}
			f, _, err := c.read(time.Minute, 0)
			if err != nil || f.Kind != kEnded {
				t.Fatalf("%s, %v", f.Kind, err)
			}
			var e ended
			if err := f.into(&e); err != nil || e.Exit == 0 || e.Text == "" || strings.Contains(e.Text, "\x1b") {
				t.Errorf("%+v, %v", e, err)
			}
		})
	}
	if asks, runs, _ := d.count(); asks != 0 || runs != 0 {
		t.Errorf("%d attempts, %d runs", asks, runs)
	}
}

func TestRunOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		code int
		text string
	}{
		"denied":              {&intercept.Refused{By: "bo", Text: "not today"}, 77, "denied: denied by bo: not today"},
		"denied with escapes": {&intercept.Refused{By: "bo", Text: "\x1b]0;x\x07\nroot# "}, 77, `denied by bo: \x1b]0;x\x07\nroot# `},
		"kept":                {&intercept.Kept{Request: someRequest}, 75, string(someRequest)},
		"cancelled":           {intercept.ErrCancelled, 130, "cancelled"},
		"expired":             {intercept.ErrExpired, 124, "nobody answered"},
		"unreachable":         {intercept.ErrUnreachable, 69, "can not be reached"},
		"no reason":           {intercept.ErrNobody, 2, "a reason is needed"},
		"waited":              {intercept.ErrWaitOver, 75, ""}, // nobody said how long
		"anything else":       {errors.New("disk full"), 1, "disk full"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{elevate: func(context.Context, intercept.Ask, intercept.Person) error { return c.err }}
			cmd := client(open(t, d, book{}), "echo", "ran")
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if code := exitCode(t, cmd, cmd.Run()); code != c.code || !strings.Contains(stderr.String(), c.text) || stdout.Len() > 0 {
				t.Errorf("exit %d, %q, %q", code, stdout.String(), stderr.String())
			}
			if _, runs, _ := d.count(); runs != 0 {
				t.Error("it ran")
			}
		})
	}
}

// What is on stdin belongs to the command: before an approval nothing of it is
// read.
func TestStdinIsUntouchedUntilApproval(t *testing.T) {
	file := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(file, []byte("for the command"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	d := &desk{elevate: func(_ context.Context, _ intercept.Ask, p intercept.Person) error {
		p.Waiting(intercept.Waiting{Request: someRequest})
		return &intercept.Refused{By: "bo"}
	}}
	cmd := client(open(t, d, book{}), "cat")
	cmd.Stdin = in
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if code := exitCode(t, cmd, cmd.Run()); code != 77 || !strings.Contains(stderr.String(), "waiting for approval "+string(someRequest)) {
		t.Errorf("exit %d, %q", code, stderr.String())
	}
	if at, err := in.Seek(0, io.SeekCurrent); err != nil || at != 0 {
		t.Errorf("%d bytes were read, %v", at, err)
	}
}

// TestMute: who shows how it stands gets the words of the program alone.
func TestMute(t *testing.T) {
	d := &desk{elevate: func(_ context.Context, _ intercept.Ask, p intercept.Person) error {
		p.Waiting(intercept.Waiting{Request: someRequest})
		return nil
	}}
	for mute, want := range map[string]string{"": "waiting for approval", "1": ""} {
		cmd := client(open(t, d, book{}), "sh", "-c", "echo of the program >&2")
		cmd.Env = append(cmd.Env, "MUTE="+mute)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		code := exitCode(t, cmd, cmd.Run())
		before, rest, found := strings.Cut(stderr.String(), "of the program\n")
		if code != 0 || !found || rest != "" || !strings.Contains(before, want) || (before == "") != (want == "") {
			t.Errorf("mute %q: exit %d, %q", mute, code, stderr.String())
		}
	}
}

// waitingDesk shows the waiting line and waits; why it ended comes out of the
// channel.
func waitingDesk() (*desk, <-chan error) {
	why := make(chan error, 1)
	return &desk{elevate: func(ctx context.Context, _ intercept.Ask, p intercept.Person) error {
		p.Waiting(intercept.Waiting{Request: someRequest, Since: time.Now(), Position: 3})
		<-ctx.Done()
		why <- context.Cause(ctx)
		if errors.Is(context.Cause(ctx), intercept.ErrWithdrawn) {
			return intercept.ErrWithdrawn
		}
		return &intercept.Kept{Request: someRequest}
	}}, why
}

func TestSignalsWhileWaiting(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			d, why := waitingDesk()
			cmd := client(open(t, d, book{}), "echo", "ran")
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			until(t, stderr, "waiting for approval "+string(someRequest))
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			rest, _ := io.ReadAll(stderr)
			if code := exitCode(t, cmd, cmd.Wait()); code != 130 || !bytes.Contains(rest, []byte("withdrawn")) {
				t.Errorf("exit %d, %q", code, rest)
			}
			if err := <-why; !errors.Is(err, intercept.ErrWithdrawn) {
				t.Errorf("ended by %v", err)
			}
		})
	}
}

func TestAKilledClientKeepsTheRequest(t *testing.T) {
	d, why := waitingDesk()
	cmd := client(open(t, d, book{}), "echo", "ran")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, stderr, string(someRequest))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as it should
	if err := <-why; errors.Is(err, intercept.ErrWithdrawn) {
		t.Error("the request was taken back")
	}
	if _, runs, _ := d.count(); runs != 0 {
		t.Error("it ran")
	}
}

// The client dies between the approval and its descriptors: the permit goes
// back and nothing runs.
func TestAKilledClientGivesThePermitBack(t *testing.T) {
	d := &desk{}
	path := open(t, d, book{})
	c := &conn{c: unixConn{raw(t, path)}}
	if err := c.write(kRun, runAsk{Version: Version, Command: []byte("true"), Cwd: []byte("/")}); err != nil {
		t.Fatal(err)
	}
	if f, _, err := c.read(time.Minute, 0); err != nil || f.Kind != kReady {
		t.Fatalf("%s, %v", f.Kind, err)
	}
	c.c.Close()
	for {
		if _, runs, released := d.count(); released == 1 || runs > 0 {
			if runs > 0 {
				t.Error("it ran")
			}
			return
		}
		if t.Context().Err() != nil {
			return
		}
	}
}

func TestTheAgentGoesAway(t *testing.T) {
	for name, c := range map[string]struct {
		id   elevation.RequestID
		code int
	}{"with a request": {someRequest, 75}, "before there is one": {"", 69}} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := pair(t)
			go func() {
				f := &conn{c: unixConn{theirs}}
				if _, _, err := f.read(time.Minute, 0); err == nil && c.id != "" {
					_ = f.write(kWaiting, waiting{Waiting: intercept.Waiting{Request: c.id}})
				}
				theirs.Close()
			}()
			s := &session{con: &conn{c: unixConn{ours}}, std: Streams{Err: os.Stderr}, frames: make(chan received), over: make(chan struct{})}
			defer close(s.over)
			if err := s.con.write(kRun, runAsk{}); err != nil {
				t.Fatal(err)
			}
			go s.listen()
			if out := s.converse(t.Context(), nil); out.Exit != c.code || out.Request != c.id {
				t.Errorf("%+v", out)
			}
		})
	}
}
