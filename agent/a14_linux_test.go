package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/agent/standing"
	"github.com/assent-epm/assent/agent/tamper"
	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// The cases of temporary administrators that went wrong elsewhere, as ours. The
// account files are real ones in a folder of the test; the number of the user is
// nobody's on the machine that tests.

const (
	bobUID  = 64101
	sudoGID = 64027
)

// TestMain lets the test binary be the gate, as the agent's binary is.
func TestMain(m *testing.M) {
	if privilege.IsGate(os.Args) {
		os.Exit(privilege.Gate())
	}
	os.Exit(m.Run())
}

// office is a desk whose endpoint has account files of its own.
type office struct {
	*desk
	root string
	user string // who has bob's number
	boot string
	fail func(step string)
	said chan string // what the last shell's person was told
}

func (o *office) file(name string) string { return filepath.Join(o.root, "etc", name) }

func newOffice(t *testing.T) *office {
	t.Helper()
	testgroup.Need(t, "root")
	o := &office{root: t.TempDir(), user: "bob", boot: "boot-1", said: make(chan string, 100)}
	for name, text := range map[string]string{
		"passwd":  fmt.Sprintf("root:x:0:0::/root:/bin/sh\ncarol:x:64102:64102::/:/bin/sh\nbob:x:%d:%d:Bob:/:/bin/sh\n", bobUID, bobUID),
		"group":   fmt.Sprintf("root:x:0:\nsudo:x:%d:carol\nbob:x:%d:\n", sudoGID, bobUID),
		"gshadow": "root:*::\nsudo:*::carol\nbob:!::\n",
		"sudoers": "root ALL=(ALL) ALL\n%sudo\tALL=(ALL:ALL) ALL\n",
	} {
		if err := os.MkdirAll(filepath.Dir(o.file(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(o.file(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o.desk = newDesk(t, t.TempDir())
	o.furnish()
	return o
}

func (o *office) furnish() {
	o.Lookup = func(user string) (intercept.Account, error) {
		if user != privilege.UserOf(bobUID) {
			return intercept.Account{}, intercept.ErrNoUser
		}
		return intercept.Account{Name: o.user, UID: bobUID, GID: bobUID, Home: "/", Shell: "/bin/sh", Groups: o.groups()}, nil
	}
	o.Admins = Admins{GroupFile: o.file("group"),
		Full:     func() ([]string, error) { return standing.FullGroups(o.root) },
		Allows:   func(_ context.Context, user string) (bool, error) { return slices.Contains(o.members(), user), nil },
		Snapshot: func(ctx context.Context) tamper.Snapshot { return tamper.Take(ctx, o.root) }}
	o.FailPoint = func(step string) {
		if o.fail != nil {
			o.fail(step)
		}
	}
}

func (o *office) groups() []intercept.Group {
	list := []intercept.Group{{Name: "bob", GID: bobUID}}
	if slices.Contains(o.members(), o.user) {
		list = append(list, intercept.Group{Name: "sudo", GID: sudoGID})
	}
	return list
}

// members are those of the group that sudo gives everything to.
func (o *office) members() []string {
	raw, err := os.ReadFile(o.file("group"))
	if err != nil {
		o.t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), fmt.Sprintf("sudo:x:%d:", sudoGID)); ok {
			return strings.FieldsFunc(rest, func(r rune) bool { return r == ',' })
		}
	}
	return nil
}

func (o *office) edit(name, old, new string) {
	o.t.Helper()
	raw, err := os.ReadFile(o.file(name))
	if err != nil || !strings.Contains(string(raw), old) {
		o.t.Fatalf("%s: %v\n%s", name, err, raw)
	}
	if err := os.WriteFile(o.file(name), []byte(strings.Replace(string(raw), old, new, 1)), 0o644); err != nil {
		o.t.Fatal(err)
	}
}

// sits is a process of bob's.
func (o *office) sits() (local.Caller, func()) {
	o.t.Helper()
	cmd := exec.Command("/bin/sleep", "300")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: bobUID, Gid: bobUID}, Setsid: true}
	if err := cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	leave := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	o.t.Cleanup(leave)
	started, err := privilege.Started(cmd.Process.Pid)
	if err != nil {
		o.t.Fatal(err)
	}
	return local.Caller{PID: cmd.Process.Pid, Started: started, User: privilege.UserOf(bobUID)}, leave
}

// permit is that of an approval to be administrator.
func (o *office) permit() intercept.Permit {
	o.t.Helper()
	id := elevation.NewRequestID(time.Now())
	a := elevation.Attempt{AccessType: elevation.Admin, Mechanism: "assent", User: elevation.User{Name: "bob", UID: fmt.Sprint(bobUID)},
		Subject: elevation.Subject{RunAs: "root"}}
	o.answer(wire.TDecision, o.grantFor(id, a, func(g *elevation.Grant) { g.AccessType = elevation.Admin }))
	p, ok := o.claimWaiting(a)
	if !ok {
		o.t.Fatal("the grant was not taken")
	}
	return p
}

// shell starts administrator's time; the shell runs until its input ends.
func (o *office) shell(p intercept.Permit, c local.Caller) (*privilege.Running, func(), error) {
	o.t.Helper()
	in, typing, err := os.Pipe()
	if err != nil {
		o.t.Fatal(err)
	}
	out, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		o.t.Fatal(err)
	}
	out2, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		o.t.Fatal(err)
	}
	path, _, err := privilege.Resolve("/bin/sh")
	if err != nil {
		o.t.Fatal(err)
	}
	id, err := intercept.Identify(path)
	if err != nil {
		o.t.Fatal(err)
	}
	bob := privilege.Account{Name: "bob", UID: bobUID, GID: bobUID, Groups: []uint32{bobUID}, Home: "/", Shell: "/bin/sh"}
	leave := func() { _ = typing.Close() }
	o.t.Cleanup(leave)
	running, err := o.Admin(o.t.Context(), p, c, privilege.Spec{Path: path, SHA256: id.SHA256, Called: "-sh", Cwd: "/", Requester: bob, RunAs: bob,
		Files: [3]*os.File{in, out, out2}, Caller: c.PID}, func(text string) { o.said <- text })
	return running, leave, err
}

func (o *office) entry(id elevation.GrantID) grants.Entry {
	o.t.Helper()
	e, ok := o.Ledger.Get(id)
	if !ok {
		o.t.Fatal("the ledger does not have it")
	}
	return e
}

// isEnded waits until a grant is over.
func (o *office) isEnded(id elevation.GrantID) grants.Entry {
	o.t.Helper()
	until := time.Now().Add(20 * time.Second)
	for {
		if e := o.entry(id); e.State == grants.Ended && e.Reported {
			return e
		} else if time.Now().After(until) {
			o.t.Fatalf("%s, %s, reported %v: it has not ended", e.State, e.EndReason, e.Reported)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// A look that takes long is said.
func TestAdminIsToldOfALongLook(t *testing.T) {
	o := newOffice(t)
	looked := make(chan string, 1)
	o.Admins.Snapshot = func(context.Context) tamper.Snapshot {
		looked <- <-o.said // it takes until the person is told
		return tamper.Snapshot{}
	}
	c, _ := o.sits()
	if _, _, err := o.shell(o.permit(), c); err != nil {
		t.Fatal(err)
	}
	if text := <-looked; text != "one moment: what can be changed is noted first" {
		t.Errorf("told: %q", text)
	}
}

func TestAdminForAWhile(t *testing.T) {
	o := newOffice(t)
	before, err := os.ReadFile(o.file("group"))
	if err != nil {
		t.Fatal(err)
	}
	p := o.permit()
	c, _ := o.sits()
	running, leave, err := o.shell(p, c)
	if err != nil {
		t.Fatal(err)
	}
	if text := <-o.said; !strings.HasPrefix(text, "you are administrator until ") || !strings.HasSuffix(text, " (exit ends it); sudo asks for your password") {
		t.Errorf("told: %q", text)
	}
	if got := o.members(); !slices.Equal(got, []string{"carol", "bob"}) {
		t.Errorf("in the group are %v", got)
	}
	if raw, err := os.ReadFile(o.file("gshadow")); err != nil || !strings.Contains(string(raw), "sudo:*::carol,bob\n") {
		t.Errorf("gshadow: %v %s", err, raw)
	}
	if has, err := privilege.HasGroup(running.PID, sudoGID); err != nil || !has {
		t.Errorf("the shell has the group: %v %v", has, err)
	}
	if o.Lent(bobUID, running.PID) || !o.Lent(bobUID, c.PID) {
		t.Error("what has no group counts as having it, or the other way round")
	}
	if err := os.MkdirAll(o.file("sudoers.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.file("sudoers.d/x"), []byte("# mine\nbob ALL=(ALL) NOPASSWD: ALL\n"), 0o440); err != nil {
		t.Fatal(err)
	}
	leave()
	e := o.isEnded(p.Grant.ID)
	if e.EndReason != elevation.Completed {
		t.Errorf("it ended as %s", e.EndReason)
	}
	if after, err := os.ReadFile(o.file("group")); err != nil || string(after) != string(before) {
		t.Errorf("the groups are not as before: %v\n%s", err, after)
	}
	_, r := o.reported(p.Grant.Request, elevation.ReportEnded)
	if len(r.Changes) != 1 || r.Changes[0].What != tamper.Sudoers || r.Changes[0].Name != "/etc/sudoers.d/x" || r.Changes[0].How != "added" ||
		r.Changes[0].Text != "bob ALL=(ALL) NOPASSWD: ALL" {
		t.Errorf("changes %+v", r.Changes)
	}
	if _, err := os.Stat(o.snapshotPath(p.Grant.ID)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was there before is kept for ever: %v", err)
	}
}

// Who is administrator already is refused, also when it happened after the
// question, and keeps it.
func TestA14NaturalAdminRefused(t *testing.T) {
	o := newOffice(t)
	p := o.permit()
	o.edit("group", "sudo:x:64027:carol", "sudo:x:64027:carol,bob")
	if err := o.MayBecome(t.Context(), privilege.UserOf(bobUID)); !errors.Is(err, errAlready) {
		t.Errorf("asking: %v", err)
	}
	c, _ := o.sits()
	if _, _, err := o.shell(p, c); !errors.Is(err, errAlready) {
		t.Errorf("got %v", err)
	}
	if err := o.end(t.Context(), p.Grant.ID, elevation.RevokedEnd); err != nil {
		t.Fatal(err)
	}
	if got := o.members(); !slices.Equal(got, []string{"carol", "bob"}) {
		t.Errorf("in the group are %v", got)
	}
	if err := o.MayBecome(t.Context(), "0"); err == nil {
		t.Error("root may ask")
	}
}

// Whom and what is on the disk before anything is done.
func TestA14GrantPersistsTargetAndIdentityBeforeElevation(t *testing.T) {
	o := newOffice(t)
	p := o.permit()
	c, _ := o.sits()
	seen := false
	o.fail = func(step string) {
		if step != "armed" {
			return
		}
		seen = true
		if slices.Contains(o.members(), "bob") {
			t.Error("the group came before the ledger")
		}
		l, err := grants.Open(filepath.Join(o.dir, "grants"))
		if err != nil {
			t.Fatal(err)
		}
		e, ok := l.Get(p.Grant.ID)
		want := privilege.Membership{File: o.file("group"), Group: "sudo", GID: sudoGID, User: "bob", UID: bobUID}
		if !ok || e.State != grants.Armed || e.UID != bobUID || e.UserName != "bob" || e.Effect.Group == nil || *e.Effect.Group != want {
			t.Errorf("on the disk is %+v", e)
		}
	}
	_, leave, err := o.shell(p, c)
	if err != nil || !seen {
		t.Fatal(err, seen)
	}
	leave()
	o.isEnded(p.Grant.ID)
}

// What fails in the middle leaves nothing provisional.
func TestA14FailedElevationClearsProvisionalState(t *testing.T) {
	for name, spoil := range map[string]func(o *office){
		"the group file can not be replaced": func(o *office) {
			if err := os.MkdirAll(o.file("group.assent/x"), 0o755); err != nil {
				o.t.Fatal(err)
			}
		},
		"the group gives nothing": func(o *office) {
			o.Admins.Allows = func(context.Context, string) (bool, error) { return false, nil }
		},
		"sudo can not be asked": func(o *office) {
			n := 0
			o.Admins.Allows = func(context.Context, string) (bool, error) {
				if n++; n > 1 {
					return false, errors.New("no answer")
				}
				return false, nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			p := o.permit()
			c, _ := o.sits()
			spoil(o)
			if _, _, err := o.shell(p, c); err == nil {
				t.Fatal("it was given")
			}
			if got := o.members(); !slices.Equal(got, []string{"carol"}) {
				t.Errorf("in the group are %v", got)
			}
			if e := o.isEnded(p.Grant.ID); e.EndReason != elevation.Failed {
				t.Errorf("%+v", e)
			}
			if n, r := o.reported(p.Grant.Request, elevation.ReportEnded); n != 1 || r.Reason != elevation.Failed {
				t.Errorf("%d %+v", n, r)
			}
		})
	}
}
