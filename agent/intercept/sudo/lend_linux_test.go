package sudo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

// lentProgram is our own program where sudo starts it.
const lentProgram = "/usr/local/bin/assent-agent"

// exitNoErrand is how that ends when it is no errand.
const exitNoErrand = 2

// TestMain is that program, too. It is that even with arguments that are none of its
// own: once it ran all of these tests then, as root and for as long as a rule is lent.
func TestMain(m *testing.M) {
	if IsErrand(os.Args) {
		os.Exit(RunErrand(os.Args, os.Stderr))
	}
	if os.Args[0] == lentProgram {
		os.Exit(exitNoErrand)
	}
	os.Exit(m.Run())
}

// sudo runs the real one as a user who has no rights, as the client of a Mac becomes it.
func (l *lending) sudo(uid uint32, argv ...string) (string, int) {
	l.Helper()
	cmd := exec.Command(sudoPath, append([]string{"-n", "-u", "#0", "--"}, argv...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	cmd.Dir = "/"
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	l.mu.Lock()
	err := cmd.Start()
	if err == nil {
		l.pid = cmd.Process.Pid
	}
	l.mu.Unlock()
	must(l, err)
	_ = cmd.Wait() // the code says it
	return out.String(), cmd.ProcessState.ExitCode()
}

// lending is a machine whose sudo starts our own program, and a door that gives each
// errand out once.
type lending struct {
	*testing.T
	Lender
	mu    sync.Mutex // guards the fields below
	pid   int        // of the sudo that runs
	waits map[elevation.GrantID]Errand
}

func newLending(t *testing.T) *lending {
	must(t, os.MkdirAll(sudoersDir, 0o755))
	must(t, os.MkdirAll("/run/assent data", 0o700)) // a blank, as on a Mac
	self, err := os.Executable()
	must(t, err)
	raw, err := os.ReadFile(self)
	must(t, err)
	must(t, os.WriteFile(lentProgram, raw, 0o755))
	must(t, os.Chmod(lentProgram, 0o755))
	l := &lending{T: t, Lender: Lender{Dir: sudoersDir, Program: lentProgram, Door: "/run/assent data/errand.sock"}, waits: map[elevation.GrantID]Errand{}}
	ctx, end := context.WithCancel(t.Context())
	ready, over := make(chan struct{}), make(chan error, 1)
	go func() {
		over <- Door{Path: l.Door, Answer: l.answer, Log: slog.New(slog.DiscardHandler)}.Serve(ctx, func() { close(ready) })
	}()
	select {
	case <-ready:
	case err := <-over:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		end()
		must(t, <-over)
	})
	return l
}

func (l *lending) answer(id elevation.GrantID, pid int) (Errand, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.waits[id]
	delete(l.waits, id)
	started, err := privilege.Started(l.pid)
	if !ok || err != nil || !privilege.ComesFrom(pid, l.pid, started) || privilege.ComesFrom(os.Getpid(), l.pid, started) {
		return Errand{}, errors.Join(ErrErrand, err)
	}
	return e, nil
}

// lend gives alice a rule for a program.
func (l *lending) lend(s privilege.Spec, until time.Time) Lent {
	l.Helper()
	id := elevation.NewGrantID(time.Now())
	rule, err := l.Rule(id, s, until)
	must(l, err)
	l.mu.Lock()
	l.waits[id] = rule.Errand
	l.mu.Unlock()
	must(l, rule.Give(l.Context()))
	return rule
}

func (l *lending) spec(path string, args ...string) privilege.Spec {
	l.Helper()
	raw, err := os.ReadFile(path)
	must(l, err)
	sum := sha256.Sum256(raw)
	return privilege.Spec{Path: path, SHA256: hex.EncodeToString(sum[:]), Args: args, Cwd: "/", Requester: privilege.Account{UID: alice}}
}

// A lent rule lets the real sudo run exactly that program of that person, once, as long
// as it is there and its time is not over.
func TestLentRule(t *testing.T) {
	if !inside(t) {
		return
	}
	l := newLending(t)
	later := time.Now().Add(time.Hour) // what is refused is refused for another reason
	rule := l.lend(l.spec("/usr/bin/id", "-u"), later)
	other := append(slices.Clone(rule.Argv[:3]), string(elevation.NewGrantID(time.Now())))
	for _, argv := range [][]string{{"/usr/bin/id", "-u"}, {"/usr/bin/id"}, {"/bin/sh"}, rule.Argv[:1], rule.Argv[:3], other, append(slices.Clone(rule.Argv), "x"),
		{rule.Argv[0], "errand", "/tmp/door", rule.Argv[3]}, {rule.Argv[0], "run"}} {
		if out, code := l.sudo(alice, argv...); code == 0 {
			t.Errorf("%v ran: %q", argv, out)
		}
	}
	if out, code := l.sudo(bob, rule.Argv...); code == 0 {
		t.Errorf("somebody else: %q", out)
	}
	// Sudo compares joined arguments; our program wants each in its place.
	if out, code := l.sudo(alice, rule.Argv[0], "errand", "/run/assent", "data/errand.sock", rule.Argv[3]); code != exitNoErrand {
		t.Errorf("in other pieces: %q, %d", out, code)
	}
	if out, code := l.sudo(alice, rule.Argv...); strings.TrimSpace(out) != "0" || code != 0 {
		t.Errorf("%q, %d", out, code)
	}
	if out, code := l.sudo(alice, rule.Argv...); code != exitErrand || strings.Contains(out, "0\n") {
		t.Errorf("a second time, the rule being there: %q, %d", out, code)
	}
	must(t, rule.TakeBack())
	must(t, rule.TakeBack())
	again := l.lend(l.spec("/usr/bin/id", "-u"), later)
	must(t, again.TakeBack())
	if out, code := l.sudo(alice, again.Argv...); code == 0 || code == exitErrand {
		t.Errorf("taken back: %q", out)
	}
	late := l.lend(l.spec("/usr/bin/id", "-u"), time.Now().Add(-2*time.Second))
	if out, code := l.sudo(alice, late.Argv...); code == 0 || code == exitErrand {
		t.Errorf("its time is over: %q", out)
	}
	must(t, late.TakeBack())
}

// What our program becomes is exactly what was approved: the file, its arguments, its
// folder, its exit code; and sudo's own variables tell of it.
func TestWhatAnErrandBecomes(t *testing.T) {
	if !inside(t) {
		return
	}
	l := newLending(t)
	later := time.Now().Add(time.Hour) // what is refused is refused for another reason
	run := func(s privilege.Spec) (string, int) {
		t.Helper()
		rule := l.lend(s, later)
		defer func() { must(t, rule.TakeBack()) }()
		return l.sudo(alice, rule.Argv...)
	}
	changed := l.spec("/usr/bin/id", "-u")
	changed.SHA256 = strings.Repeat("0", 64)
	if out, code := run(changed); code != exitErrand || !strings.Contains(out, "another file") {
		t.Errorf("another file than was approved: %q, %d", out, code)
	}
	if out, code := run(l.spec("/usr/local/bin/show", "a", "*")); code != 37 || !strings.Contains(out, "/usr/local/bin/show 0:0 /") || !strings.Contains(out, "<a>\n<*>") {
		t.Errorf("%q, %d", out, code)
	}
	there := l.spec("/usr/bin/pwd")
	there.Cwd = "/usr/local"
	if out, code := run(there); strings.TrimSpace(out) != "/usr/local" || code != 0 {
		t.Errorf("it runs in %q, %d, and was approved for another folder", out, code)
	}
	if out, code := run(l.spec("/usr/bin/env")); code != 0 || !strings.Contains(out, "SUDO_COMMAND=/usr/bin/env\n") || !strings.Contains(out, "SUDO_USER=alice\n") {
		t.Errorf("%q, %d", out, code)
	}
	moved := l.spec("/usr/local/bin/show")
	rule := l.lend(moved, later)
	must(t, os.Chmod("/usr/local/bin/show", 0o777))
	if out, code := l.sudo(alice, rule.Argv...); code != exitErrand || !strings.Contains(out, "others than root") {
		t.Errorf("others can change it by now: %q, %d", out, code)
	}
	must(t, rule.TakeBack())
	gone := l.lend(l.spec("/usr/bin/id", "-u"), later)
	must(t, os.Remove(l.Door))
	if out, code := l.sudo(alice, gone.Argv...); code != exitErrand {
		t.Errorf("the agent does not answer: %q, %d", out, code)
	}
	must(t, gone.TakeBack())
	if left, err := CleanDropins(sudoersDir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// A door in a folder of others is not opened, and without root nothing is run.
func TestErrandElsewhere(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o777))
	if err := (Door{Path: filepath.Join(dir, "errand.sock")}).Serve(t.Context(), func() { t.Error("it is open") }); err == nil {
		t.Error("no error")
	}
	for _, args := range [][]string{nil, {"a"}, {"a", "errand"}, {"a", "errand", "b"}, {"a", "run", "b", "c"}, {"a", "errand", "b", "c", "d"}} {
		if IsErrand(args) {
			t.Errorf("%q", args)
		}
	}
	var said strings.Builder
	if code := RunErrand([]string{"a", "errand", filepath.Join(dir, "none"), "gr_1"}, &said); code != exitErrand || said.Len() == 0 {
		t.Errorf("%d, %q", code, said.String())
	}
}

// What sudo itself could not be told exactly is left to another way, and so is what does
// not run as root.
func TestNotLent(t *testing.T) {
	good := privilege.Spec{Path: "/usr/bin/id", SHA256: strings.Repeat("0", 64), Args: []string{"-u", "alice"}, Cwd: "/usr", Requester: privilege.Account{UID: alice}}
	lender := Lender{Dir: "/etc/sudoers.d", Program: "/usr/bin/true", Door: "/run/assent/errand.sock"}
	for name, change := range map[string]func(*privilege.Spec){
		"as somebody else":            func(s *privilege.Spec) { s.RunAs.UID = 7 },
		"an unknown file":             func(s *privilege.Spec) { s.SHA256 = "" },
		"nothing":                     func(*privilege.Spec) {},
		"a blank in an argument":      func(s *privilege.Spec) { s.Args = []string{"/home/alice/x /etc/shadow"} },
		"a tab in an argument":        func(s *privilege.Spec) { s.Args = []string{"a\tb"} },
		"an empty argument":           func(s *privilege.Spec) { s.Args = []string{"a", "", "b"} },
		"words of a shell":            func(s *privilege.Spec) { s.Path, s.Args = "/bin/sh", []string{"-c", ":", "$(id)"} },
		"no folder":                   func(s *privilege.Spec) { s.Cwd = "" },
		"a folder by a pattern":       func(s *privilege.Spec) { s.Cwd = "/*" },
		"a folder with a blank":       func(s *privilege.Spec) { s.Cwd = "/a b" },
		"a folder that is not in one": func(s *privilege.Spec) { s.Cwd = "~root" },
	} {
		s := good
		change(&s)
		if _, err := lender.Rule(elevation.NewGrantID(time.Now()), s, time.Now()); (err == nil) != (name == "nothing") || err != nil && !errors.Is(err, ErrNotLent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good.Path, good.Args, good.Cwd = "/bin/sh", nil, "/"
	if _, err := lender.Rule(elevation.NewGrantID(time.Now()), good, time.Now()); err != nil {
		t.Errorf("a shell alone: %v", err)
	}
}
