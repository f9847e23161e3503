package agent

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/localgroup"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/agent/tamper"
	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// Administrators for a while of Windows and macOS, on a machine whose group is one
// of memory. What is started in their name are real programs of this one.

const (
	pcSID    = "S-1-5-21-1-2-3-1001"
	pcBoss   = "S-1-5-21-1-2-3-500"
	macUUID  = "0A1B2C3D-0000-4000-8000-0123456789AB"
	macBoss  = "0A1B2C3D-0000-4000-8000-0123456789AC"
	pcsGroup = "Administratoren"
)

// pc is a desk whose endpoint has one group of administrators.
type pc struct {
	*desk
	group  *localgroup.Memory
	user   string // elevation's UID of who asks
	sid    string
	groups []intercept.Group // of theirs
	way    privilege.AdminWay
	leader *exec.Cmd // where they sit
	typing *os.File  // into what was started
	specs  []privilege.Spec
	spoil  error // of every start
	step   func(string)
	seat   privilege.Seat
}

func newPC(t *testing.T, way privilege.AdminWay) *pc {
	t.Helper()
	testgroup.Need(t, "root")
	p := &pc{user: pcSID, sid: pcSID, way: way, groups: []intercept.Group{{Name: "Benutzer", GID: privilege.NoUID}}}
	boss := pcBoss
	if way == privilege.AdminHere {
		p.user, p.sid, boss = privilege.UserOf(bobUID), macUUID, macBoss
	}
	p.group = &localgroup.Memory{Called: pcsGroup, Accounts: []localgroup.Member{{SID: p.sid, Name: "bob", Kind: localgroup.User}, {SID: boss, Name: "boss", Kind: localgroup.User}}}
	if err := p.group.Add(boss); err != nil {
		t.Fatal(err)
	}
	p.desk = newDeskOn(t, t.TempDir(), p.machine())
	p.furnish()
	p.sits()
	return p
}

func (p *pc) machine() privilege.Config {
	return privilege.Config{Administrators: p.group, Identify: func(user string) (string, error) {
		if user != p.user {
			return "", localgroup.ErrNoAccount
		}
		return p.sid, nil
	}}
}

func (p *pc) furnish() {
	p.StageDir = filepath.Join(p.dir, "stage")
	p.Lookup = func(user string) (intercept.Account, error) {
		if user != p.user {
			return intercept.Account{}, intercept.ErrNoUser
		}
		a := intercept.Account{Name: "bob", UID: privilege.NoUID, GID: privilege.NoUID, SID: p.sid, Groups: p.groups}
		if p.way == privilege.AdminHere {
			a.UID, a.GID, a.SID = bobUID, bobUID, ""
		}
		return a, nil
	}
	p.Admins = Admins{Way: p.way, Snapshot: func(context.Context) tamper.Snapshot { return tamper.Snapshot{} }, Start: p.start,
		Seat: func(pid int, started uint64, user string) (privilege.Seat, error) {
			if user != p.user || pid != os.Getpid() {
				return privilege.Seat{}, privilege.ErrSeat
			}
			return p.seat, nil
		}}
	p.FailPoint = func(step string) {
		if p.step != nil {
			p.step(step)
		}
	}
}

// sits is a process that stands for the shell that somebody types in.
func (p *pc) sits() {
	p.t.Helper()
	p.leader = exec.Command("/bin/sleep", "300")
	if err := p.leader.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(p.leaves)
	begun, err := privilege.Started(p.leader.Process.Pid)
	if err != nil {
		p.t.Fatal(err)
	}
	p.seat = privilege.Seat{Leader: p.leader.Process.Pid, Started: begun, TTY: 2, Login: "2"}
}

func (p *pc) leaves() {
	_ = p.leader.Process.Kill()
	_ = p.leader.Wait()
}

func (p *pc) caller() local.Caller { return local.Caller{PID: os.Getpid(), User: p.user, Session: 2} }

// start runs a shell of somebody who has nothing here in place of the program.
func (p *pc) start(ctx context.Context, s privilege.Spec) (*privilege.Running, error) {
	p.specs = append(p.specs, s)
	if p.spoil != nil {
		return nil, p.spoil
	}
	in, typing, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.typing = typing
	p.t.Cleanup(func() { _ = typing.Close() })
	out, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	errs, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	path, _, err := privilege.Resolve("/bin/sh")
	if err != nil {
		return nil, err
	}
	id, err := intercept.Identify(path)
	if err != nil {
		return nil, err
	}
	bob := privilege.Account{Name: "bob", UID: bobUID, GID: bobUID, Groups: []uint32{bobUID}, Home: "/", Shell: "/bin/sh"}
	s.Path, s.SHA256, s.Args, s.Cwd, s.Requester, s.RunAs, s.Own = path, id.SHA256, nil, "/", bob, bob, true
	s.Files = [3]*os.File{in, out, errs}
	return p.Trees.Start(ctx, s)
}

func (p *pc) permit() intercept.Permit {
	p.t.Helper()
	a := elevation.Attempt{AccessType: elevation.Admin, Mechanism: "assent", User: elevation.User{Name: "bob", UID: p.user}, Subject: elevation.Subject{RunAs: "root"}}
	p.answer(wire.TDecision, p.grantFor(elevation.NewRequestID(time.Now()), a, func(g *elevation.Grant) { g.AccessType = elevation.Admin }))
	permit, ok := p.claimWaiting(a)
	if !ok {
		p.t.Fatal("the grant was not taken")
	}
	return permit
}

func (p *pc) admin(permit intercept.Permit) (*privilege.Running, error) {
	return p.Admin(p.t.Context(), permit, p.caller(), privilege.Spec{Path: `C:\Windows\System32\cmd.exe`}, func(string) {})
}

func (p *pc) in() bool {
	p.t.Helper()
	list, err := p.group.Members()
	if err != nil {
		p.t.Fatal(err)
	}
	if len(list) > 2 || !slices.ContainsFunc(list, func(m localgroup.Member) bool { return m.Name == "boss" }) {
		p.t.Errorf("in the group are %+v", list)
	}
	return slices.ContainsFunc(list, func(m localgroup.Member) bool { return m.SID == p.sid })
}

func (p *pc) isEnded(permit intercept.Permit) grants.Entry {
	p.t.Helper()
	return (&office{desk: p.desk}).isEnded(permit.Grant.ID)
}

func (p *pc) reborn(boot string) { p.t.Helper(); p.desk.reborn(boot, p.furnish) }

// A user of Windows gets a program with rights, in a window of its own: nothing that
// runs already has them. They are in the group once that is in the ledger, and are
// told to log off when it is over.
func TestAdministratorOfWindows(t *testing.T) {
	p := newPC(t, privilege.AdminConsole)
	permit := p.permit()
	ordered := false
	p.step = func(step string) {
		if step == "armed" {
			e, _ := p.Ledger.Get(permit.Grant.ID)
			g := e.Effect.Group
			ordered = !p.in() && e.State == grants.Armed && g != nil && g.SID == pcSID && g.User == "bob" && g.Group == pcsGroup
		}
	}
	n := note{ID: permit.Grant.Request, Attempt: elevation.Attempt{AccessType: elevation.Admin, User: permit.Grant.User}, Grant: permit.Grant.ID, Phase: phaseApproved, Accepted: true, At: p.now()}
	if err := p.journal.put(n, p.now()); err != nil {
		t.Fatal(err)
	}
	notices, stop, err := p.Watch(p.user)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if _, err := p.admin(permit); err != nil {
		t.Fatal(err)
	}
	if !ordered {
		t.Error("the group came before the ledger")
	}
	if !p.in() {
		t.Error("nobody was put into the group")
	}
	if !p.LentGroup(pcSID, pcsGroup) || p.LentGroup("bob", pcsGroup) || p.LentGroup(pcBoss, pcsGroup) {
		t.Error("a place for a while is told as a standing right, or one for good is not")
	}
	if s := p.specs[0]; s.Own || s.Grant != permit.Grant.ID || len(s.Env) > 0 || s.TTL <= 0 || s.StageDir != p.StageDir || s.StageDir == "" {
		t.Errorf("what is started has no rights, or is not of the grant: %+v", s)
	}
	if err := p.MayBecome(t.Context(), p.user); err != nil {
		t.Errorf("who is administrator by us can not ask for more: %v", err)
	}
	_ = p.typing.Close()
	if e := p.isEnded(permit); e.EndReason != elevation.Completed {
		t.Errorf("it ended as %s", e.EndReason)
	}
	if p.in() {
		t.Error("they are still in the group")
	}
	if n, r := p.reported(permit.Grant.Request, elevation.ReportEnded); n != 1 || r.Failed {
		t.Errorf("%d %+v", n, r)
	}
	late := time.NewTimer(10 * time.Second)
	defer late.Stop()
	for kinds := []string{}; !slices.Contains(kinds, "log_off"); {
		select {
		case n := <-notices:
			kinds = append(kinds, n.Kind)
		case <-late.C:
			t.Fatalf("told %v", kinds)
		}
	}
}

// Who is administrator without us is refused before anybody is asked and after, by
// themselves or by a group that is in the group, and keeps it.
func TestAdministratorAlready(t *testing.T) {
	for name, make := range map[string]func(p *pc) error{
		"by themselves": func(p *pc) error { return p.group.Add(p.sid) },
		"by a group": func(p *pc) error {
			p.groups = append(p.groups, intercept.Group{Name: pcsGroup, GID: privilege.NoUID})
			return nil
		},
	} {
		for _, way := range []privilege.AdminWay{privilege.AdminConsole, privilege.AdminHere} {
			t.Run(name+", "+string(way), func(t *testing.T) {
				p := newPC(t, way)
				permit := p.permit()
				if err := make(p); err != nil {
					t.Fatal(err)
				}
				if err := p.MayBecome(t.Context(), p.user); !errors.Is(err, errAlready) {
					t.Errorf("asking: %v", err)
				}
				was := p.in()
				_, err := p.admin(permit)
				if way == privilege.AdminHere {
					permit = p.permit()
					_, err = p.AdminHere(t.Context(), permit, p.caller())
				}
				if !errors.Is(err, errAlready) || len(p.specs) > 0 {
					t.Errorf("given: %v", err)
				}
				if err := p.end(t.Context(), permit.Grant.ID, elevation.RevokedEnd); err != nil {
					t.Error(err)
				}
				if p.in() != was {
					t.Error("they were demoted")
				}
			})
		}
	}
}

// Who is made administrator by somebody else at that very moment has it from them: it
// is not given, and not taken when that fails.
func TestAdministratorMeanwhile(t *testing.T) {
	p := newPC(t, privilege.AdminConsole)
	permit := p.permit()
	p.step = func(step string) {
		if step == "armed" {
			if err := p.group.Add(p.sid); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := p.admin(permit); !errors.Is(err, errAlready) {
		t.Errorf("given: %v", err)
	}
	if e := p.isEnded(permit); e.EndReason != elevation.Failed || e.Effect.Group != nil {
		t.Errorf("%+v", e)
	}
	if !p.in() {
		t.Error("what somebody else gave was taken")
	}
}

// Whatever fails leaves nobody in the group, or an alarm that is tried again.
func TestAdministratorFails(t *testing.T) {
	broken := errors.New("the service does not answer")
	for name, spoil := range map[string]func(p *pc){
		"nothing starts":           func(p *pc) { p.spoil = broken },
		"the group can not change": func(p *pc) { p.group.Fail = failing("add", broken) },
		"the person is gone":       func(p *pc) { p.leaves() },
		"an account that is gone":  func(p *pc) { p.group.Accounts = p.group.Accounts[1:] },
		"somebody else has a shell": func(p *pc) {
			p.Admins.Seat = func(int, uint64, string) (privilege.Seat, error) { return privilege.Seat{}, privilege.ErrSeat }
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPC(t, privilege.AdminConsole)
			permit := p.permit()
			spoil(p)
			if _, err := p.admin(permit); err == nil {
				t.Fatal("it was given")
			}
			p.group.Fail = nil
			list, err := p.group.Members()
			if err != nil || len(list) != 1 {
				t.Errorf("in the group are %+v, %v", list, err)
			}
			if e, ok := p.Ledger.Get(permit.Grant.ID); !ok || e.State != grants.Ended && e.State != grants.Held {
				t.Errorf("%+v", e)
			}
		})
	}
}

func failing(what string, err error) func(string) error {
	return func(asked string) error {
		if asked == what {
			return err
		}
		return nil
	}
}

// What can not be taken back is tried until it is, and nobody gets more meanwhile.
func TestAdministratorTakenBackLate(t *testing.T) {
	p := newPC(t, privilege.AdminConsole)
	permit := p.permit()
	if _, err := p.admin(permit); err != nil {
		t.Fatal(err)
	}
	p.group.Fail = failing("remove", errors.New("the service does not answer"))
	for range 3 {
		_ = p.end(t.Context(), permit.Grant.ID, elevation.Deadline)
	}
	if e := p.isEnded(permit); e.EndReason != elevation.Abandoned || !p.in() {
		t.Errorf("%+v", e)
	}
	if err := p.MayBecome(t.Context(), p.user); !errors.Is(err, errNotHere) {
		t.Errorf("meanwhile: %v", err)
	}
	p.group.Fail = nil
	e, _ := p.Ledger.Get(permit.Grant.ID)
	p.retry(t.Context(), e, p.Clock(), time.Hour)
	if p.in() {
		t.Error("they are still in the group")
	}
}

// A crash, a start of the machine and the reaper take it back without the agent.
func TestAdministratorAfterACrash(t *testing.T) {
	left := func(t *testing.T) (*pc, intercept.Permit) {
		p := newPC(t, privilege.AdminConsole)
		permit := p.permit()
		if _, err := p.admin(permit); err != nil {
			t.Fatal(err)
		}
		p.Close()
		return p, permit
	}
	t.Run("the machine starts", func(t *testing.T) {
		p, permit := left(t)
		p.reborn("boot-2")
		if e := p.isEnded(permit); e.EndReason != elevation.Reboot || p.in() {
			t.Errorf("%+v", e)
		}
	})
	t.Run("the agent starts again", func(t *testing.T) {
		p, permit := left(t)
		p.reborn("boot-1")
		if e, _ := p.Ledger.Get(permit.Grant.ID); e.State != grants.Active || !p.in() {
			t.Errorf("what runs in its time was ended: %+v", e)
		}
		_ = p.typing.Close()
		if e := p.isEnded(permit); e.EndReason != elevation.Completed || p.in() {
			t.Errorf("%+v", e)
		}
	})
	t.Run("the agent is dead", func(t *testing.T) {
		p, _ := left(t)
		late := func() grants.Moment {
			m := clock()
			m.Boot, m.Wall = m.Boot+2*time.Hour, m.Wall.Add(2*time.Hour)
			return m
		}
		r := &grants.Reaper{Dir: filepath.Join(p.dir, "grants"), Trees: p.Trees, Log: slog.New(slog.DiscardHandler), Clock: late}
		if n, _, err := r.Reap(t.Context()); n != 1 || err != nil || p.in() {
			t.Errorf("%d, %v", n, err)
		}
	})
}

// On macOS nothing is started: the group counts where somebody sits, and ends with
// that terminal, the lock of its screen, and what is checked in.
func TestAdministratorOfMacOS(t *testing.T) {
	for name, row := range map[string]struct {
		end  func(p *pc, r elevation.RequestID) error
		want elevation.EndReason
	}{
		"the terminal is closed": {func(p *pc, _ elevation.RequestID) error { p.leaves(); return nil }, elevation.Logout},
		"the screen is locked": {func(p *pc, _ elevation.RequestID) error {
			p.LoginChanged(privilege.LoginEvent{Session: "2", Locked: true})
			return nil
		}, elevation.Lock},
		"they log out": {func(p *pc, _ elevation.RequestID) error {
			p.LoginChanged(privilege.LoginEvent{Session: "2"})
			return nil
		}, elevation.Logout},
		"the agent is new": {func(p *pc, _ elevation.RequestID) error { p.reborn("boot-1"); p.leaves(); return nil }, elevation.Logout},
		"the machine is":   {func(p *pc, _ elevation.RequestID) error { p.reborn("boot-2"); return nil }, elevation.Reboot},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPC(t, privilege.AdminHere)
			permit := p.permit()
			opened, err := p.AdminHere(t.Context(), permit, p.caller())
			if err != nil || !p.in() || opened.Request != permit.Grant.Request || !opened.Terminal {
				t.Fatalf("%+v, %v", opened, err)
			}
			e, _ := p.Ledger.Get(permit.Grant.ID)
			if g := e.Effect.Group; g == nil || g.SID != macUUID || g.UID != bobUID || g.GID != localgroup.MacAdminGID || e.Effect.Tree.Planned() || len(p.specs) > 0 {
				t.Errorf("%+v", e.Effect)
			}
			if err := row.end(p, opened.Request); err != nil {
				t.Fatal(err)
			}
			if e := p.isEnded(permit); e.EndReason != row.want || p.in() {
				t.Errorf("it ended as %s", e.EndReason)
			}
		})
	}
}

// Without a terminal that stays, or on the wrong system, nobody is made one.
func TestAdministratorNeedsAPlace(t *testing.T) {
	p := newPC(t, privilege.AdminHere)
	if _, err := p.admin(p.permit()); !errors.Is(err, errNotHere) {
		t.Errorf("a window on macOS: %v", err)
	}
	p.leaves()
	if _, err := p.AdminHere(t.Context(), p.permit(), p.caller()); !errors.Is(err, privilege.ErrSeat) || p.in() {
		t.Errorf("without a terminal: %v", err)
	}
	w := newPC(t, privilege.AdminConsole)
	if _, err := w.AdminHere(t.Context(), w.permit(), w.caller()); !errors.Is(err, errNotHere) || w.in() {
		t.Errorf("in the terminal on Windows: %v", err)
	}
	for _, user := range []string{"0", "", "S-1-5-18", "S-1-5-21-9-9-9-9", "502"} {
		if err := w.MayBecome(t.Context(), user); err == nil {
			t.Errorf("%q may", user)
		}
	}
}

// Who was administrator on Windows is told to log off, and nobody else is.
func TestLogOffIsOffered(t *testing.T) {
	for name, row := range map[string]struct {
		way  privilege.AdminWay
		why  elevation.EndReason
		want bool
	}{
		"its time is over": {privilege.AdminConsole, elevation.Deadline, true},
		"revoked":          {privilege.AdminConsole, elevation.RevokedEnd, true},
		"never begun":      {privilege.AdminConsole, elevation.Failed, false},
		"started anew":     {privilege.AdminConsole, elevation.Reboot, false},
		"of macOS":         {privilege.AdminHere, elevation.Deadline, false},
		"of Linux":         {privilege.AdminShell, elevation.Deadline, false},
	} {
		d := newDesk(t, t.TempDir())
		d.Admins.Way = row.way
		e := grants.Entry{Access: elevation.Admin, EndReason: row.why, Effect: grants.Effect{Group: &privilege.Membership{}}}
		if got := d.offersLogOff(e); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
		line := noticeLine(local.Notice{Kind: "log_off", Path: "administrator", Request: elevation.NewRequestID(time.Now())}, time.Now())
		if !strings.Contains(line, "log off") {
			t.Errorf("%q", line)
		}
	}
}
