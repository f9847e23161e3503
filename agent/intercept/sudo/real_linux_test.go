package sudo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// Tests with the real sudo run in a mount namespace of their own, where /etc and
// everything else that they change is a private copy: the test starts itself
// again inside. The machine's own sudo is never touched.
const insideEnv = "ASSENT_TEST_INSIDE"

// The people of these tests.
const (
	alice = 61501 // no rights
	bob   = 61502 // no rights
	carol = 61503 // may run everything
)

// inside makes the test run in its own namespace with the plugin installed.
// Outside it runs the same test again, inside, and returns false.
func inside(t *testing.T) bool {
	t.Helper()
	testgroup.Need(t, "sudo")
	testgroup.Need(t, "shim")
	if os.Getenv(insideEnv) == "" {
		t.Parallel() // each has a machine of its own, and most of them wait
		self, err := os.Executable()
		must(t, err)
		cmd := exec.Command(self, "-test.run=^"+regexp.QuoteMeta(t.Name())+"$", "-test.v=true", "-test.timeout=10m")
		cmd.Env = append(os.Environ(), insideEnv+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
		out, err := cmd.CombinedOutput()
		t.Logf("inside:\n%s", out)
		if err != nil {
			t.Fatalf("inside: %v", err)
		}
		return false
	}
	privateMachine(t)
	return true
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func privateMachine(t testing.TB) {
	t.Helper()
	scratch := t.TempDir()
	must(t, unix.Mount("tmpfs", scratch, "tmpfs", 0, "mode=0755"))
	t.Cleanup(func() { unix.Unmount(scratch, unix.MNT_DETACH) })
	for _, dir := range []string{"/etc", "/usr/libexec", "/usr/local"} {
		up, work := filepath.Join(scratch, "up"+dir), filepath.Join(scratch, "work"+dir)
		must(t, os.MkdirAll(up, 0o755))
		must(t, os.MkdirAll(work, 0o755))
		must(t, unix.Mount("overlay", dir, "overlay", 0, "lowerdir="+dir+",upperdir="+up+",workdir="+work))
	}
	for _, dir := range []string{"/run", "/var/lib/sudo", "/home"} {
		must(t, os.MkdirAll(dir, 0o755))
		must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755"))
	}
	// The machine itself may have an agent, for example one of `make run`.
	must(t, os.RemoveAll("/usr/libexec/assent"))
	write(t, sudoConf, 0o644, "# As delivered.\nSet disable_coredump false\n")
	host, err := os.Hostname()
	must(t, err)
	write(t, "/etc/hosts", 0o644, "127.0.0.1 localhost "+host+"\n")
	write(t, "/etc/nsswitch.conf", 0o644, "passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
	passwd, shadow := "root:x:0:0:root:/root:/bin/bash\n", "root:*:19000:0:99999:7:::\n"
	group := "root:x:0:\ndaemon:x:1:\ntty:x:5:\n"
	for name, id := range map[string]int{"alice": alice, "bob": bob, "carol": carol} {
		passwd += fmt.Sprintf("%s:x:%d:%d:%s:/home/%s:/bin/bash\n", name, id, id, name, name)
		shadow += name + ":*:19000:0:99999:7:::\n"
		group += fmt.Sprintf("%s:x:%d:\n", name, id)
		must(t, os.Mkdir("/home/"+name, 0o755))
		must(t, os.Chown("/home/"+name, id, id))
	}
	write(t, "/etc/passwd", 0o644, passwd)
	write(t, "/etc/shadow", 0o600, shadow)
	write(t, "/etc/group", 0o644, group)
	write(t, "/etc/sudoers", 0o440, "Defaults env_reset\nDefaults use_pty\nDefaults secure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n")
	write(t, "/etc/sudoers.d/carol", 0o440, "carol ALL=(ALL:ALL) NOPASSWD: ALL\n")
	write(t, "/usr/local/bin/show", 0o755, "#!/bin/sh\necho \"$0 $(id -u):$(id -g) $PWD\"\nfor a; do printf '<%s>\\n' \"$a\"; done\nexit 37\n")
}

func write(t testing.TB, path string, mode os.FileMode, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(content), mode))
	must(t, os.Chmod(path, mode))
}

const testSocket = "/run/assent/plugin.sock"

// installShim compiles the plugin and installs it inside.
func installShim(t *testing.T) {
	t.Helper()
	so := filepath.Join(t.TempDir(), "assent_sudo.so")
	cc := exec.Command("/usr/bin/cc", "-std=c11", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror",
		"-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-Wl,-z,relro,-z,now", "-o", so, "shim/assent_sudo.c")
	if out, err := cc.CombinedOutput(); err != nil {
		t.Fatalf("compile the plugin: %v\n%s", err, out)
	}
	must(t, InstallPlugin(t.Context(), Plugin{Source: so, Socket: testSocket}))
}

// fakeElevator answers as a test says; approve makes a fitting permit.
type fakeElevator struct {
	elevate func(ctx context.Context, ask intercept.Ask, p intercept.Person) (intercept.Permit, error)

	mu   sync.Mutex
	asks []intercept.Ask
	done []error
}

func (f *fakeElevator) Elevate(ctx context.Context, ask intercept.Ask, p intercept.Person) (intercept.Permit, error) {
	f.mu.Lock()
	f.asks = append(f.asks, ask)
	elevate := f.elevate
	f.mu.Unlock()
	permit, err := elevate(ctx, ask, p)
	f.mu.Lock()
	f.done = append(f.done, err)
	f.mu.Unlock()
	return permit, err
}

// answers changes what it does from now on.
func (f *fakeElevator) answers(elevate func(context.Context, intercept.Ask, intercept.Person) (intercept.Permit, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.elevate = elevate
}

func (f *fakeElevator) asked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asks)
}

func approve(ask intercept.Ask) intercept.Permit {
	a := ask.Attempt
	return intercept.Permit{Grant: elevation.Grant{ID: elevation.NewGrantID(time.Now()), AccessType: a.AccessType,
		User: a.User, Subject: a.Subject, Uses: 1, Duration: time.Hour}}
}

func approveAll(_ context.Context, ask intercept.Ask, _ intercept.Person) (intercept.Permit, error) {
	return approve(ask), nil
}

// fakeEffects writes down what it is told.
type fakeEffects struct {
	mu     sync.Mutex
	events []string
	onArm  func(dropin string, sudoPID int)
}

func (f *fakeEffects) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = nil
}

// atArm has something done when a permit is armed, from now on.
func (f *fakeEffects) atArm(do func(dropin string, sudoPID int)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onArm = do
}

func (f *fakeEffects) add(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, s)
}

func (f *fakeEffects) list() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.events)
}

func (f *fakeEffects) Arm(_ context.Context, _ intercept.Permit, dropin string, pid int) error {
	f.add("arm")
	f.mu.Lock()
	then := f.onArm
	f.mu.Unlock()
	if then != nil {
		then(dropin, pid)
	}
	return nil
}

func (f *fakeEffects) Release(elevation.GrantID) { f.add("release") }

func (f *fakeEffects) Start(context.Context, elevation.GrantID) error { f.add("start"); return nil }

func (f *fakeEffects) Fail(_ context.Context, _ elevation.GrantID, why error) error {
	f.add("fail")
	return nil
}

func (f *fakeEffects) Nested(_ context.Context, _ elevation.GrantID, p intercept.Permit) error {
	f.add("nested " + p.Grant.Subject.Path)
	return nil
}

func (f *fakeEffects) Listed(_ elevation.GrantID, s elevation.Subject, why string) {
	f.add("listed " + s.Path + ": " + why)
}

// fakeHouse asks, unless a test says otherwise, and writes down what was seen.
type fakeHouse struct {
	mu     sync.Mutex
	stance elevation.Stance // "" = ask
	why    wire.SeenKind
	seen   []string
}

func (f *fakeHouse) is(s elevation.Stance, why wire.SeenKind) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stance, f.why, f.seen = s, why, nil
}

func (f *fakeHouse) Stance(elevation.Mechanism, intercept.Account) (elevation.Stance, wire.SeenKind) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stance == "" {
		return elevation.StanceAsk, ""
	}
	return f.stance, f.why
}

func (f *fakeHouse) Saw(kind wire.SeenKind, a elevation.Attempt) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, string(kind)+" "+a.User.Name+" "+a.Subject.Path+" "+strings.Join(a.Subject.Args, " "))
}

func (f *fakeHouse) list() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}

// testLog sends the server's log to the test.
type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	fmt.Fprint(os.Stderr, string(b))
	return len(b), nil
}

type machine struct {
	t        *testing.T
	elevator *fakeElevator
	effects  *fakeEffects
	house    *fakeHouse
	server   *Server
}

// forgotten says that no program is held any more in what it starts.
func (m *machine) forgotten() bool {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	return len(m.server.inner) == 0
}

// serve starts a server inside; it ends with the test.
func serve(t *testing.T, elevate func(context.Context, intercept.Ask, intercept.Person) (intercept.Permit, error), change ...func(*Config)) *machine {
	t.Helper()
	m := &machine{t: t, elevator: &fakeElevator{elevate: elevate}, effects: &fakeEffects{}, house: &fakeHouse{}}
	cfg := Config{Socket: testSocket, Elevator: m.elevator, Effects: m.effects, House: m.house, Salt: bytes.Repeat([]byte{7}, 32),
		Log: slog.New(slog.NewTextHandler(testLog{t}, nil))}
	for _, c := range change {
		c(&cfg)
	}
	var err error
	m.server, err = New(cfg)
	must(t, err)
	must(t, durable.Remove(testSocket)) // of an agent that was killed
	must(t, m.server.Listen())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.server.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if left, _ := filepath.Glob("/etc/sudoers.d/zz-*"); len(left) > 0 {
			t.Errorf("left in sudoers.d: %v", left)
		}
	})
	return m
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	until := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(until) {
			t.Fatalf("waited too long for %s", what)
		}
		<-time.After(5 * time.Millisecond) // real processes give no other sign
	}
}

// result is how a command ended.
type result struct {
	out, err string
	code     int
	took     time.Duration
}

// as prepares a command of a user, without a terminal.
func as(uid uint32, argv ...string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/home", "LANG=C.UTF-8", "SHELL=/bin/bash"}
	cmd.Dir = "/usr"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL,
		Credential: &syscall.Credential{Uid: uid, Gid: uid, Groups: []uint32{uid}}}
	return cmd
}

func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	timer := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode(), time.Since(began)}
}

func sudo(t *testing.T, uid uint32, args ...string) result {
	t.Helper()
	return finish(t, as(uid, append([]string{"/usr/bin/sudo"}, args...)...))
}

// within runs a command again that took too long: a busy machine is slow now and
// then, a plugin that waits in vain always is.
func within(t *testing.T, most time.Duration, run func() result) {
	t.Helper()
	var r result
	for range 5 {
		if r = run(); r.took <= most {
			return
		}
	}
	t.Errorf("each time longer than %v: %v", most, r)
}

func (r result) String() string {
	return fmt.Sprintf("exit %d after %v\nstdout: %s\nstderr: %s", r.code, r.took, r.out, r.err)
}

// expect fails unless the command ended with code and wrote all of the parts.
func (r result) expect(t *testing.T, code int, parts ...string) {
	t.Helper()
	bad := r.code != code
	for _, p := range parts {
		bad = bad || !strings.Contains(r.out+r.err, p)
	}
	if bad {
		t.Errorf("want exit %d and %q, got %v", code, parts, r)
	}
}
