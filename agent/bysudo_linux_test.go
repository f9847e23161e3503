package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/intercept/sudo"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// lender is a desk on a machine where sudo is lent rules, and a terminal of alice's
// that waits to become sudo.
type lender struct {
	*desk
	caller local.Caller
	in     io.Writer // a line lets it become, a second one ends it
	kill   func()
}

func newLender(t *testing.T) *lender {
	t.Helper()
	testgroup.Need(t, "root")
	testgroup.Need(t, "sudo")
	l := &lender{}
	mine := func(name string) string { // in no folder that others can change
		dir, err := os.MkdirTemp("/run", name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		return dir
	}
	l.desk = newDesk(t, mine("assent-data-"))
	l.SudoDir, l.SudoHelper = mine("assent-sudoers-"), "/usr/bin/true"
	ctx, end := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- l.ServeErrands(ctx) }()
	t.Cleanup(func() {
		end()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	for begin := time.Now(); !l.errands.lends(); runtime.Gosched() {
		if time.Since(begin) > 10*time.Second {
			t.Fatal("the door does not open")
		}
	}
	cmd := exec.Command("sh", "-c", "read x; exec bash -c '(read y); :'")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1001, Gid: 1001}}
	cmd.Dir = "/"
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { _ = cmd.Wait(); close(over) }()
	l.kill = func() { _ = cmd.Process.Kill(); <-over }
	t.Cleanup(l.kill)
	started, err := privilege.Started(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	l.in, l.caller = in, local.Caller{PID: cmd.Process.Pid, Started: started, User: "1001"}
	return l
}

func (l *lender) permit() intercept.Permit {
	l.t.Helper()
	done := l.elevate(l.t.Context(), intercept.Ask{Attempt: attempt()}, &person{})
	m := next[wire.Attempt](l.desk)
	l.answer(wire.TDecision, l.grantFor(m.Request, m.Attempt, nil))
	r := <-done
	if r.err != nil {
		l.t.Fatal(r.err)
	}
	return r.permit
}

func (l *lender) spec() privilege.Spec {
	l.t.Helper()
	raw, err := os.ReadFile("/usr/bin/id")
	if err != nil {
		l.t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	return privilege.Spec{Path: "/usr/bin/id", SHA256: hex.EncodeToString(sum[:]), Args: []string{"-u"}, Cwd: "/", Requester: privilege.Account{Name: "alice", UID: 1001}, RunAs: privilege.Account{Name: "root"}}
}

func (l *lender) rules() []string {
	l.t.Helper()
	list, err := filepath.Glob(filepath.Join(l.SudoDir, "*"))
	if err != nil {
		l.t.Fatal(err)
	}
	return list
}

// until waits for an entry to come so far.
func (l *lender) until(id elevation.GrantID, state grants.State) grants.Entry {
	l.t.Helper()
	for begin := time.Now(); time.Since(begin) < 10*time.Second; runtime.Gosched() {
		if e, ok := l.Ledger.Get(id); ok && e.State == state {
			return e
		}
	}
	e, _ := l.Ledger.Get(id)
	l.t.Fatalf("it is %s, not %s", e.State, state)
	return e
}

// The ledger knows of a rule before it is there; it is gone once sudo has begun, and
// the command is followed to its end.
func TestSudoIsLentARule(t *testing.T) {
	l := newLender(t)
	steps := map[string]int{}
	p := l.permit()
	l.FailPoint = func(step string) {
		if e, ok := l.Ledger.Get(p.Grant.ID); (step == "lending" || step == "lent") && (!ok || e.State != grants.Armed || e.Effect.Dropin == "" || e.Effect.Tree.PID != l.caller.PID) {
			t.Errorf("at %s the ledger has %+v", step, e)
		}
		steps[step] = len(l.rules())
	}
	if _, err := l.BySudo(t.Context(), p, l.caller, l.spec()); err != nil {
		t.Fatal(err)
	}
	if steps["lending"] != 0 || steps["lent"] != 1 {
		t.Errorf("rules at each step: %v", steps)
	}
	if _, err := io.WriteString(l.in, "\n"); err != nil {
		t.Fatal(err)
	}
	if e := l.until(p.Grant.ID, grants.Active); e.Effect.Dropin != "" || len(l.rules()) != 0 {
		t.Errorf("a rule is left: %+v, %v", e.Effect, l.rules())
	}
	if _, err := io.WriteString(l.in, "\n"); err != nil {
		t.Fatal(err)
	}
	if e := l.until(p.Grant.ID, grants.Ended); e.EndReason != elevation.Completed {
		t.Errorf("%+v", e)
	}
	if _, err := l.BySudo(t.Context(), p, l.caller, l.spec()); err == nil {
		t.Error("twice")
	}
}

func TestSudoThatNeverBegins(t *testing.T) {
	l := newLender(t)
	p := l.permit()
	if _, err := l.BySudo(t.Context(), p, l.caller, l.spec()); err != nil {
		t.Fatal(err)
	}
	l.kill()
	if e := l.until(p.Grant.ID, grants.Ended); e.EndReason != elevation.Failed || len(l.rules()) != 0 {
		t.Errorf("%+v, %v", e, l.rules())
	}
	p = l.permit()
	if _, err := l.BySudo(t.Context(), p, l.caller, l.spec()); err == nil || errors.Is(err, local.ErrNotBySudo) || len(l.rules()) != 0 {
		t.Errorf("the caller is gone: %v", err)
	}
	if e, _ := l.Ledger.Get(p.Grant.ID); e.Used {
		t.Error("the grant is used")
	}
}

// Whoever has the number of a caller that is gone is not followed, nor ended later.
func TestSudoOfAnotherPerson(t *testing.T) {
	l := newLender(t)
	started, err := privilege.Started(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	p := l.permit()
	_, err = l.BySudo(t.Context(), p, local.Caller{PID: os.Getpid(), Started: started, User: "1001"}, l.spec())
	if e, _ := l.Ledger.Get(p.Grant.ID); !errors.Is(err, privilege.ErrSeat) || e.Used || len(l.rules()) != 0 {
		t.Errorf("%v, %+v", err, e)
	}
}

// A rule that can not be written leaves nothing in force.
func TestRuleThatCanNotBeWritten(t *testing.T) {
	l := newLender(t)
	l.SudoDir = filepath.Join(l.SudoDir, "none")
	p := l.permit()
	if _, err := l.BySudo(t.Context(), p, l.caller, l.spec()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if e := l.until(p.Grant.ID, grants.Ended); e.EndReason != elevation.Failed {
		t.Errorf("%+v", e)
	}
}

// What sudo can not be told exactly is not lent, and can still run another way.
func TestNotBySudo(t *testing.T) {
	l := newLender(t)
	own := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(own, []byte("#!/bin/sh\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	dir := l.SudoDir
	for name, change := range map[string]func(*elevation.Grant, *privilege.Spec){
		"no folder of rules":        func(*elevation.Grant, *privilege.Spec) { l.SudoDir = "" },
		"no door":                   func(*elevation.Grant, *privilege.Spec) { l.errands.opens(false) },
		"our program can change":    func(*elevation.Grant, *privilege.Spec) { l.SudoHelper = own },
		"as somebody else":          func(_ *elevation.Grant, s *privilege.Spec) { s.RunAs.UID = 1002 },
		"children are denied":       func(g *elevation.Grant, _ *privilege.Spec) { g.Children = elevation.ChildrenDeny },
		"children are contained":    func(g *elevation.Grant, _ *privilege.Spec) { g.Children = elevation.ChildrenContain },
		"others can change it":      func(_ *elevation.Grant, s *privilege.Spec) { s.Path = own },
		"called by another name":    func(_ *elevation.Grant, s *privilege.Spec) { s.Called = "other" },
		"an empty argument":         func(_ *elevation.Grant, s *privilege.Spec) { s.Args = []string{""} },
		"a line break in it":        func(_ *elevation.Grant, s *privilege.Spec) { s.Args = []string{"a\nb"} },
		"somebody without a number": func(_ *elevation.Grant, s *privilege.Spec) { s.Requester.UID = 0 },
	} {
		s, p := l.spec(), l.permit()
		change(&p.Grant, &s)
		_, err := l.BySudo(t.Context(), p, l.caller, s)
		l.SudoDir, l.SudoHelper = dir, "/usr/bin/true"
		l.errands.opens(true)
		if e, ok := l.Ledger.Get(p.Grant.ID); !errors.Is(err, local.ErrNotBySudo) || !ok || e.Used || len(l.rules()) != 0 {
			t.Errorf("%s: %v, %+v", name, err, e)
		}
		l.use(p)
	}
}

// An agent that dies while a rule is in force leaves a ledger that the next one, or
// the reaper, takes it back by.
func TestRuleIsTakenBackAfterACrash(t *testing.T) {
	l := newLender(t)
	after, p := t.TempDir(), l.permit()
	l.FailPoint = func(step string) {
		if step == "lent" { // what is on the disk at that moment
			if err := errors.Join(os.Remove(l.lender().Door), os.CopyFS(after, os.DirFS(l.dir))); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := l.BySudo(t.Context(), p, l.caller, l.spec()); err != nil {
		t.Fatal(err)
	}
	if len(l.rules()) != 1 {
		t.Fatalf("rules %v", l.rules())
	}
	if err := os.Chmod(filepath.Join(after, "grants"), 0o700); err != nil {
		t.Fatal(err)
	}
	next := newDesk(t, after)
	if e, ok := next.Ledger.Get(p.Grant.ID); !ok || e.State != grants.Ended || e.EndReason != elevation.Failed || len(l.rules()) != 0 {
		t.Errorf("%+v, rules %v", e, l.rules())
	}
}

// What is approved is given out once: to our own program, by the process that asked, in
// its time, while the grant is in force, and by nothing that is left after a crash.
func TestAnErrandIsRunOnce(t *testing.T) {
	lend := func(l *lender) elevation.GrantID {
		t.Helper()
		p := l.permit()
		argv, err := l.BySudo(t.Context(), p, l.caller, l.spec())
		if err != nil || len(argv) != 4 || argv[0] != "/usr/bin/true" || argv[3] != string(p.Grant.ID) || !sudo.IsErrand(argv) {
			t.Fatalf("%q, %v", argv, err)
		}
		raw, err := os.ReadFile(l.rules()[0])
		if err != nil || strings.Contains(string(raw), "/usr/bin/id") || !strings.Contains(string(raw), "/usr/bin/true errand") {
			t.Errorf("%s, %v", raw, err)
		}
		return p.Grant.ID
	}
	l := newLender(t)
	id := lend(l)
	door := l.lender().Door
	if info, err := os.Stat(door); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for name, ask := range map[string]func() (sudo.Errand, error){
		"another process": func() (sudo.Errand, error) { return sudo.Fetch(door, id, os.Getpid()) },
		"no process":      func() (sudo.Errand, error) { return sudo.Fetch(door, id, 0) },
		"another grant":   func() (sudo.Errand, error) { return sudo.Fetch(door, elevation.NewGrantID(time.Now()), l.caller.PID) },
		"no grant":        func() (sudo.Errand, error) { return sudo.Fetch(door, "", l.caller.PID) },
		"a very long request": func() (sudo.Errand, error) {
			return sudo.Fetch(door, elevation.GrantID(strings.Repeat("g", 4096)), l.caller.PID)
		},
	} {
		if e, err := ask(); err == nil || len(e.Path) > 0 {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	if e, err := sudo.Fetch(door, id, l.caller.PID); err != nil || string(e.Path) != "/usr/bin/id" || string(e.Args[0]) != "-u" || string(e.Cwd) != "/" || e.SHA256 != l.spec().SHA256 {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err := sudo.Fetch(door, id, l.caller.PID); !errors.Is(err, sudo.ErrErrand) {
		t.Errorf("a second time: %+v, %v", e, err)
	}

	l = newLender(t)
	id = lend(l)
	if err := l.end(t.Context(), id, elevation.RevokedEnd); err != nil {
		t.Fatal(err)
	}
	if e, err := l.errand(id, l.caller.PID); !errors.Is(err, sudo.ErrErrand) {
		t.Errorf("revoked: %+v, %v", e, err)
	}

	l = newLender(t)
	id = lend(l)
	l.Clock = func() grants.Moment { m := clock(); m.Boot += sudo.LentFor + time.Second; return m }
	if e, err := l.errand(id, l.caller.PID); !errors.Is(err, sudo.ErrErrand) {
		t.Errorf("late: %+v, %v", e, err)
	}
	l.Clock = clock
	if e, err := l.errand(id, l.caller.PID); !errors.Is(err, sudo.ErrErrand) {
		t.Errorf("late, and the clock is set back: %+v, %v", e, err)
	}

	l = newLender(t)
	id = lend(l)
	l.kill()
	l.until(id, grants.Ended)
	if e, err := l.errand(id, l.caller.PID); !errors.Is(err, sudo.ErrErrand) {
		t.Errorf("whoever asked is gone: %+v, %v", e, err)
	}
}
