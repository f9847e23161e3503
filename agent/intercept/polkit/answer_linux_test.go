package polkit

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// TestMain: with this variable the test program is a pkexec that waits.
func TestMain(m *testing.M) {
	if os.Getenv("ASSENT_TEST_PKEXEC") != "" {
		os.Stdout.Write([]byte("."))
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// flow is the agent behind the server: it holds what was approved and counts what
// is asked.
type flow struct {
	mu      sync.Mutex // guards the fields below
	stance  elevation.Stance
	granted []elevation.Attempt
	asked   []elevation.Attempt
	reasons []string
	saw     []elevation.Attempt
	spent   int
	armed   []int
	started int
	failed  int
	fault   error
	news    chan struct{}
}

func (f *flow) Stance(elevation.Mechanism, intercept.Account) (elevation.Stance, wire.SeenKind) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stance, wire.SeenObserved
}

func (f *flow) Saw(_ wire.SeenKind, a elevation.Attempt) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.saw = append(f.saw, a)
	f.news <- struct{}{}
}

func (f *flow) Elevate(ctx context.Context, ask intercept.Ask, _ intercept.Person) (intercept.Permit, error) {
	f.mu.Lock()
	f.asked, f.reasons = append(f.asked, ask.Attempt), append(f.reasons, ask.Justification)
	f.mu.Unlock()
	f.news <- struct{}{}
	<-ctx.Done()
	return intercept.Permit{}, context.Cause(ctx)
}

func (f *flow) Claim(a elevation.Attempt) (intercept.Permit, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, g := range f.granted {
		if g.Same(a) {
			f.granted = append(f.granted[:i], f.granted[i+1:]...)
			return intercept.Permit{Grant: elevation.Grant{AccessType: a.AccessType, User: a.User, Subject: a.Subject, Uses: 1}}, true
		}
	}
	return intercept.Permit{}, false
}

func (f *flow) Release(elevation.GrantID) {}
func (f *flow) Spend(intercept.Permit) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spent++
	return f.fault
}
func (f *flow) Arm(_ context.Context, _ intercept.Permit, _ string, pid int) error {
	f.armed = append(f.armed, pid)
	return f.fault
}
func (f *flow) Start(context.Context, elevation.GrantID) error       { f.started++; return nil }
func (f *flow) Fail(context.Context, elevation.GrantID, error) error { f.failed++; return nil }
func (f *flow) AwaitReason(context.Context, elevation.Attempt, wire.Need) (string, string, error) {
	return "", "", intercept.ErrNobody
}

// scene is a server with a folder of policies and a user of its own.
type scene struct {
	*Server
	*flow
	ctx context.Context
	who intercept.Account
}

const policyText = `<policyconfig>
 <action id="org.example.admin"><description>Do it</description><defaults><allow_any>auth_admin</allow_any><allow_inactive>auth_admin</allow_inactive><allow_active>yes</allow_active></defaults></action>
 <action id="org.example.self"><defaults><allow_any>auth_self</allow_any></defaults></action>
 <action id="org.freedesktop.policykit.exec"><defaults><allow_any>auth_admin</allow_any></defaults></action>
</policyconfig>`

func newScene(t *testing.T) *scene {
	t.Helper()
	testgroup.Need(t, "root")
	dir, err := os.MkdirTemp("/var/lib", "assent-polkit-test-") // below folders of root's alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "x.policy"), []byte(policyText), 0o644); err != nil {
		t.Fatal(err)
	}
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := &flow{stance: elevation.StanceAsk, news: make(chan struct{}, 64)}
	s := &scene{flow: f, who: intercept.Account{Name: "alice", UID: 1001, GID: 1001, Home: "/home/alice", Groups: []intercept.Group{{Name: "alice", GID: 1001}, {Name: "staff", GID: 50}}}}
	s.Server, err = New(Config{Socket: filepath.Join(t.TempDir(), "s"), Asker: uint32(os.Getuid()), Elevator: f, Effects: f, House: f, Desk: f, Salt: bytes.Repeat([]byte{7}, 32),
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), dirs: []string{dir}, pkexec: me,
		lookup: func(name string) (intercept.Account, error) {
			if name == s.who.Name {
				return s.who, nil
			}
			return intercept.Account{}, intercept.ErrNoUser
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.ctx = ctx
	t.Cleanup(func() {
		cancel()
		s.work.Wait()
	})
	return s
}

func (s *scene) ask(t *testing.T, action, user string, details ...string) reply {
	t.Helper()
	q, err := parse(append([]string{version, action, "0", user, "false", "false", "unix-group:sudo,unix-user:0"}, details...))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := s.answer(s.ctx, q)
	return got
}

// TestOnlyWhatNeedsAnAdministrator: everything that polkit would not refer to an
// administrator is left to it, and so is every error.
func TestOnlyWhatNeedsAnAdministrator(t *testing.T) {
	s := newScene(t)
	for name, got := range map[string]reply{
		"their own password": s.ask(t, "org.example.self", "alice"),
		"an unknown action":  s.ask(t, "org.example.none", "alice"),
		"an unknown user":    s.ask(t, "org.example.admin", "nobody-knows"),
		"a user of a service": func() reply {
			s.who.UID = 999
			defer func() { s.who.UID = 1001 }()
			return s.ask(t, "org.example.admin", "alice")
		}(),
		"root": func() reply {
			s.who.UID = 0
			defer func() { s.who.UID = 1001 }()
			return s.ask(t, "org.example.admin", "alice")
		}(),
		"nobody": func() reply {
			s.who.UID = nobodyUID
			defer func() { s.who.UID = 1001 }()
			return s.ask(t, "org.example.admin", "alice")
		}(),
	} {
		if got != pass {
			t.Errorf("%s: %s", name, got.word())
		}
	}
	q, err := parse([]string{version, "org.example.admin", "0", "alice", "true", "true", ""})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := s.answer(s.ctx, q); got != pass {
		t.Errorf("what polkit says yes to: %s", got.word())
	}
	for _, admins := range []string{"unix-user:alice", "unix-user:1001", "unix-group:staff", "unix-user:0,unix-group:50"} {
		q, err := parse([]string{version, "org.example.admin", "0", "alice", "false", "false", admins})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := s.answer(s.ctx, q); got != pass {
			t.Errorf("an administrator by %s: %s", admins, got.word())
		}
	}
	if len(s.asked) > 0 {
		t.Errorf("asked for %+v", s.asked)
	}
}

// TestStances: off and observe leave it to polkit, deny and whatever is unknown
// refuse, ask refuses for now.
func TestStances(t *testing.T) {
	for stance, want := range map[elevation.Stance]reply{elevation.StanceOff: pass, elevation.StanceObserve: pass, elevation.StanceDeny: no, "": no, elevation.StanceAsk: no} {
		s := newScene(t)
		s.stance = stance
		if got := s.ask(t, "org.example.admin", "alice"); got != want {
			t.Errorf("%q: %s", stance, got.word())
		}
		switch stance {
		case elevation.StanceObserve, elevation.StanceAsk:
			<-s.news
		}
		s.flow.mu.Lock()
		if asked, saw := len(s.asked) == 1, len(s.saw) == 1; asked != (stance == elevation.StanceAsk) || saw != (stance == elevation.StanceObserve) {
			t.Errorf("%q: asked %v, saw %v", stance, asked, saw)
		}
		s.flow.mu.Unlock()
	}
}

// TestActionIsKeyedAndOneShot: an approval is for one action with its details, and
// good once; the same thing is asked for once, however often it is tried.
func TestActionIsKeyedAndOneShot(t *testing.T) {
	s := newScene(t)
	hostile := "a.service;$(reboot)`id`\n\"'"
	for range 3 {
		if got := s.ask(t, "org.example.admin", "alice", "unit", hostile); got != no {
			t.Fatal(got.word())
		}
	}
	<-s.news
	s.flow.mu.Lock()
	if len(s.asked) != 1 {
		t.Fatalf("asked %d times", len(s.asked))
	}
	a := s.asked[0]
	s.granted = append(s.granted, a)
	s.flow.mu.Unlock()
	if a.Mechanism != "polkit" || a.Subject.RunAs != "root" || !strings.HasSuffix(a.Subject.Path, "/x.policy") || len(a.Subject.SHA256) != 64 ||
		strings.Join(a.Subject.Args, "|") != "org.example.admin|unit="+hostile || a.Valid() != nil {
		t.Errorf("asked for %+v", a)
	}
	for _, other := range [][]string{nil, {"unit", "b.service"}, {"unit", hostile, "verb", "start"}, {"verb", hostile}} {
		if got := s.ask(t, "org.example.admin", "alice", other...); got != no {
			t.Errorf("%q: %s", other, got.word())
		}
	}
	if got := s.ask(t, "org.example.admin", "alice", "unit", hostile); got != yes {
		t.Errorf("approved: %s", got.word())
	}
	if got := s.ask(t, "org.example.admin", "alice", "unit", hostile); got != no || s.spent != 1 {
		t.Errorf("used twice: %s, %d", got.word(), s.spent)
	}
}

// TestFaultIsNo: what is approved and can not be put into force does not happen.
func TestFaultIsNo(t *testing.T) {
	s := newScene(t)
	s.ask(t, "org.example.admin", "alice")
	<-s.news
	s.flow.mu.Lock()
	s.granted, s.fault = append(s.granted, s.asked[0]), errors.New("the disk is full")
	s.flow.mu.Unlock()
	if got := s.ask(t, "org.example.admin", "alice"); got != no {
		t.Errorf("got %s", got.word())
	}
}

// TestBounds: one person has a few things asked for at a time, and is not listened
// to more often than people type.
func TestBounds(t *testing.T) {
	s := newScene(t)
	for i := range maxOfUser + 3 {
		s.ask(t, "org.example.admin", "alice", "n", strings.Repeat("x", i+1))
	}
	for range maxOfUser {
		<-s.news
	}
	if len(s.raised) != maxOfUser {
		t.Errorf("%d are asked for", len(s.raised))
	}
	now := time.Now()
	for i := range maxInWindow {
		if s.tooOften(7, now) {
			t.Fatalf("question %d is too many", i)
		}
	}
	if !s.tooOften(7, now) || s.tooOften(8, now) || s.tooOften(7, now.Add(window+time.Second)) {
		t.Error("the bound of questions does not hold, or for others, or for ever")
	}
}

// waiting starts a process that looks like a pkexec with this command line.
func waiting(t *testing.T, argv ...string) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args, cmd.Env, cmd.Dir = argv, []string{"ASSENT_TEST_PKEXEC=1", "ASSENT_REASON= the disk is full "}, "/usr"
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

func pkexecQuestion(t *testing.T, line string) question {
	t.Helper()
	return question{action: "org.freedesktop.policykit.exec", pid: os.Getpid(), user: "alice",
		details: []detail{{"command_line", line}, {"program", strings.Fields(line)[0]}, {"user", "root"}}}
}

// TestRealArgumentsAreFound: polkit tells joined arguments; the real ones are those
// of the one process that waits, and nothing is guessed.
func TestRealArgumentsAreFound(t *testing.T) {
	s := newScene(t)
	me := intercept.Account{Name: "alice", UID: uint32(os.Getuid())}
	if _, err := s.findPkexec(pkexecQuestion(t, "/usr/bin/id -u"), me); !errors.Is(err, errArgv) {
		t.Errorf("without a process: %v", err)
	}
	waiting(t, "pkexec", "--keep-cwd", "/usr/bin/id", "a b", "")
	c, err := s.findPkexec(pkexecQuestion(t, "/usr/bin/id a b "), me)
	if err != nil || len(c.args) != 2 || c.args[0] != "a b" || c.args[1] != "" || c.cwd != "/usr" {
		t.Fatalf("got %+v, %v", c, err)
	}
	if err := c.still(); err != nil {
		t.Error(err)
	}
	if _, err := s.findPkexec(pkexecQuestion(t, "/usr/bin/id a b c"), me); !errors.Is(err, errArgv) {
		t.Errorf("another line: %v", err)
	}
	if _, err := s.findPkexec(pkexecQuestion(t, "/usr/bin/id a b "), intercept.Account{UID: 1}); !errors.Is(err, errArgv) {
		t.Errorf("another user: %v", err)
	}
	waiting(t, "pkexec", "--keep-cwd", "/usr/bin/id", "a", "b", "")
	if _, err := s.findPkexec(pkexecQuestion(t, "/usr/bin/id a b "), me); !errors.Is(err, errSeveral) {
		t.Errorf("two that look alike: %v", err)
	}
}

func TestPkexecCommandLines(t *testing.T) {
	for _, tt := range []struct {
		argv          []string
		program, line string
		want          bool
	}{
		{[]string{"pkexec", "id", "-u"}, "/usr/bin/id", "/usr/bin/id -u", true},
		{[]string{"pkexec", "--user", "bob", "--keep-cwd", "/usr/bin/id"}, "/usr/bin/id", "/usr/bin/id", true},
		{[]string{"pkexec", "-u", "bob", "--disable-internal-agent", "./id"}, "/home/a/id", "/home/a/id", true},
		{[]string{"pkexec"}, "/bin/bash", "/bin/bash", true},
		{[]string{"pkexec", "--user", "bob"}, "/bin/sh", "/bin/sh", true},
		{[]string{"pkexec"}, "/bin/bash", "/bin/bash -c id", false},
		{[]string{"pkexec", "/bin/id"}, "/usr/bin/id", "/usr/bin/id", false},
		{[]string{"pkexec", "id", "--user", "x"}, "/usr/bin/id", "/usr/bin/id --user x", true},
		{[]string{"pkexec", "id"}, "/usr/bin/whoami", "/usr/bin/whoami", false},
	} {
		typed, err := parsePkexec(tt.argv)
		if err != nil {
			t.Errorf("%q: %v", tt.argv, err)
			continue
		}
		if got := typed.makes(tt.program, tt.line); got != tt.want {
			t.Errorf("%q as %s: %v", tt.argv, tt.line, got)
		}
	}
	for _, argv := range [][]string{nil, {"pkexec", "--help"}, {"pkexec", "--version", "id"}, {"pkexec", "--user"}} {
		if typed, err := parsePkexec(argv); err == nil {
			t.Errorf("%q is %+v", argv, typed)
		}
	}
}

// TestPkexecApproved: the process is contained before polkit is told, and what
// polkit does not hear is taken back.
func TestPkexecApproved(t *testing.T) {
	s := newScene(t)
	s.who.UID = uint32(os.Getuid())
	waiting(t, "pkexec", "id", "-u")
	q := pkexecQuestion(t, "/usr/bin/id -u")
	act, _ := s.actions.of(q.action)
	target, err := s.target(q, s.who, act)
	if err != nil {
		t.Fatal(err)
	}
	if s := target.attempt.Subject; s.Path != "/usr/bin/id" || len(s.Args) != 1 || s.Args[0] != "-u" || s.RunAs != "root" || s.Cwd != "/root" {
		t.Errorf("asked for %+v", s)
	}
	if reason, _ := intercept.Wish(target.caller.pid); reason != " the disk is full " {
		t.Errorf("the reason is %q", reason)
	}
	s.granted = []elevation.Attempt{target.attempt}
	permit, ok := s.Claim(target.attempt)
	if !ok {
		t.Fatal("not claimed")
	}
	got, undo := s.allow(s.ctx, target, permit, intercept.Terminal{})
	if got != yes || undo == nil || len(s.armed) != 1 || s.armed[0] != target.caller.pid || s.started != 1 {
		t.Fatalf("%s, armed %v, started %d", got.word(), s.armed, s.started)
	}
	undo(errors.New("polkit is gone"))
	if s.failed != 1 {
		t.Error("it is not taken back")
	}
	s.granted, s.fault = []elevation.Attempt{target.attempt}, errors.New("no cgroup")
	permit, _ = s.Claim(target.attempt)
	if got, _ := s.allow(s.ctx, target, permit, intercept.Terminal{}); got != no {
		t.Errorf("not contained: %s", got.word())
	}
	s.fault = nil
	strict := permit
	strict.Grant.Children = elevation.ChildrenContain
	if got, _ := s.allow(s.ctx, target, strict, intercept.Terminal{}); got != no {
		t.Errorf("with conditions that nobody keeps: %s", got.word())
	}
	other := permit
	other.Grant.Subject.RunAs = "bob"
	if got, _ := s.allow(s.ctx, target, other, intercept.Terminal{}); got != no {
		t.Errorf("for something else: %s", got.word())
	}
}

// TestSocket: the helper reaches the agent, and nobody but polkitd is heard.
func TestSocket(t *testing.T) {
	s := newScene(t)
	l, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(s.Server.cfg.Socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is open: %v", info.Mode())
	}
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(s.ctx)
	go func() { done <- s.Serve(ctx, l) }()
	help := func(args ...string) string {
		var out bytes.Buffer
		if code := Help(append([]string{"agent", Verb, s.Server.cfg.Socket}, args...), &out); code != 0 {
			t.Errorf("exit %d", code)
		}
		return strings.TrimSpace(out.String())
	}
	if got := help(version, "org.example.admin", "0", "alice", "false", "false", "", "k", "v;$(id)"); got != "no" {
		t.Errorf("asked: %s", got)
	}
	<-s.news
	s.flow.mu.Lock()
	s.granted = append(s.granted, s.asked[0])
	s.flow.mu.Unlock()
	if got := help(version, "org.example.admin", "0", "alice", "false", "false", "", "k", "v;$(id)"); got != "yes" {
		t.Errorf("approved: %s", got)
	}
	for name, args := range map[string][]string{"nothing": {}, "another version": {"9", "a.b", "1", "alice", "true", "true", ""}, "garbage": {version, "\xff"}, "too long": {version, strings.Repeat("x", maxFrame)}} {
		if got := help(args...); got != "pass" {
			t.Errorf("%s: %s", name, got)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := help(version, "org.example.admin", "0", "alice", "false", "false", ""); got != "pass" {
		t.Errorf("without an agent: %s", got)
	}
}

// TestNobodyElseAsks: whoever is not polkitd by the kernel's word is not answered.
func TestNobodyElseAsks(t *testing.T) {
	s := newScene(t)
	s.Server.cfg.Asker = 54321
	l, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	question := parts()
	question[1] = "org.example.admin"
	if got := askAgent(s.Server.cfg.Socket, question); got != pass {
		t.Errorf("root is answered: %s", got.word())
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(s.asked) > 0 {
		t.Errorf("asked for %+v", s.asked)
	}
}

// TestHelperLeavesWhoDoesNotGreet: an agent that is stopped costs polkit little.
func TestHelperLeavesWhoDoesNotGreet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := askAgent(path, []string{version}); got != pass {
		t.Errorf("got %s", got.word())
	}
}
