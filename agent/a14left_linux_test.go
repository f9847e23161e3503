package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

// reborn is the endpoint after a restart of the agent, or of the machine; furnish
// gives it what belongs to the test.
func (d *desk) reborn(boot string, furnish func()) {
	d.t.Helper()
	d.Close()
	cfg := d.Config
	ledger, err := grants.Open(filepath.Join(d.dir, "grants"))
	if err != nil {
		d.t.Fatal(err)
	}
	cfg.Ledger, cfg.Log = ledger, slog.New(slog.DiscardHandler)
	cfg.Clock = func() grants.Moment { m := clock(); m.BootID = boot; return m }
	if d.Agent, err = New(d.t.Context(), cfg); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(d.Close)
	furnish()
}

func (o *office) reborn(boot string) { o.t.Helper(); o.desk.reborn(boot, o.furnish) }

// left is the state of a machine that lost power while bob was administrator: the
// ledger and the group, and no process.
func (o *office) left() grants.Entry {
	o.t.Helper()
	p := o.permit()
	c, leave := o.sits()
	e, err := o.join(o.t.Context(), p, c, privilege.Membership{File: o.file("group"), Group: "sudo", GID: sudoGID, User: "bob", UID: bobUID}, func(*grants.Entry) {})
	if err != nil {
		o.t.Fatal(err)
	}
	e.State = grants.Active
	if err := o.Ledger.Put(e); err != nil {
		o.t.Fatal(err)
	}
	leave()
	return e
}

func TestA14ReconcileRebootRemovesMember(t *testing.T) {
	o := newOffice(t)
	e := o.left()
	if !slices.Contains(o.members(), "bob") {
		t.Fatal("bob is not in the group")
	}
	o.reborn("boot-2")
	if got := o.members(); !slices.Equal(got, []string{"carol"}) {
		t.Errorf("in the group are %v", got)
	}
	if e := o.isEnded(e.ID); e.EndReason != elevation.Reboot {
		t.Errorf("it ended as %s", e.EndReason)
	}
}

// The same without the agent: the reaper reads the ledger and takes it back.
func TestReaperRemovesMember(t *testing.T) {
	o := newOffice(t)
	o.left()
	trees, err := privilege.NewTrees(privilege.Config{Realm: privilege.Realm(o.dir), Kinds: []privilege.TreeKind{privilege.TreeSessions}})
	if err != nil {
		t.Fatal(err)
	}
	r := &grants.Reaper{Dir: filepath.Join(o.dir, "grants"), Trees: trees, Log: slog.New(slog.DiscardHandler),
		Clock: func() grants.Moment {
			m := clock()
			m.Boot += 2 * time.Hour
			m.Wall = m.Wall.Add(2 * time.Hour)
			return m
		}}
	if n, _, err := r.Reap(t.Context()); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if got := o.members(); !slices.Equal(got, []string{"carol"}) {
		t.Errorf("in the group are %v", got)
	}
}

// What can not be taken back stays to be tried, is an alarm, and is done as soon
// as it can be.
func TestA14RevertFailureRetainsExpiredStateForRetry(t *testing.T) {
	o := newOffice(t)
	e := o.left()
	if err := os.MkdirAll(o.file("group.assent/x"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := o.end(t.Context(), e.ID, elevation.Deadline); err != nil && i == 2 {
			t.Fatal(err)
		}
		if is := o.entry(e.ID); i < 2 && (is.State == grants.Ended || !is.Due(clock())) {
			t.Errorf("after try %d: %+v", i+1, is)
		}
	}
	if is := o.entry(e.ID); is.EndReason != elevation.Abandoned || is.Effect.Group == nil {
		t.Errorf("%+v", is)
	}
	if n, r := o.reported(e.Request, elevation.ReportEnded); n != 1 || !r.Failed {
		t.Errorf("the alarm: %d %+v", n, r)
	}
	old := clock()
	old.Wall = old.Wall.Add(100 * time.Hour)
	o.tidy(o.entry(e.ID), old)
	o.retry(t.Context(), o.entry(e.ID), old, time.Hour)
	if is := o.entry(e.ID); is.EndReason != elevation.Abandoned {
		t.Errorf("it was forgotten or called done: %+v", is)
	}
	if err := os.RemoveAll(o.file("group.assent")); err != nil {
		t.Fatal(err)
	}
	old.Wall = old.Wall.Add(retryEvery)
	o.retry(t.Context(), o.entry(e.ID), old, time.Hour)
	if got := o.members(); !slices.Equal(got, []string{"carol"}) {
		t.Errorf("in the group are %v", got)
	}
	if is := o.entry(e.ID); is.EndReason == elevation.Abandoned {
		t.Error("it is still an alarm")
	}
}

// A record that would take root, or somebody else, out of a group is no record.
func TestA14RestoreRejectsUidZeroRecord(t *testing.T) {
	o := newOffice(t)
	e := o.left()
	for name, change := range map[string]func(m *privilege.Membership){
		"root's number":  func(m *privilege.Membership) { m.UID = 0 },
		"root's name":    func(m *privilege.Membership) { m.User = "root" },
		"another person": func(m *privilege.Membership) { m.User = "carol" },
		"root's group":   func(m *privilege.Membership) { m.GID = 0 },
	} {
		m, bad := *e.Effect.Group, e
		change(&m)
		bad.Effect.Group = &m
		if err := o.Ledger.Put(bad); !errors.Is(err, grants.ErrInvalid) {
			t.Errorf("%s: the ledger says %v", name, err)
		}
	}
	m := *e.Effect.Group
	m.UID = 0
	if _, err := m.Leave(); err == nil {
		t.Error("it was obeyed")
	}
	if got := o.members(); !slices.Equal(got, []string{"carol", "bob"}) {
		t.Errorf("in the group are %v", got)
	}
}

// A number or a name that is somebody else's by now is neither demoted nor given
// anything; the record is used up.
func TestA14ExpiredUidReusedConsumesWithoutDemoting(t *testing.T) {
	t.Run("the number", func(t *testing.T) {
		o := newOffice(t)
		e := o.left()
		o.edit("passwd", "bob:x:64101", "mallory:x:64101")
		o.edit("group", "carol,bob", "carol,mallory")
		if err := o.end(t.Context(), e.ID, elevation.Deadline); err != nil {
			t.Fatal(err)
		}
		if got := o.members(); !slices.Equal(got, []string{"carol", "mallory"}) {
			t.Errorf("in the group are %v", got)
		}
	})
	t.Run("the name", func(t *testing.T) {
		o := newOffice(t)
		e := o.left()
		o.edit("passwd", "bob:x:64101", "bob:x:64999")
		if err := o.end(t.Context(), e.ID, elevation.Deadline); err != nil {
			t.Fatal(err)
		}
		if got := o.members(); !slices.Equal(got, []string{"carol", "bob"}) {
			t.Errorf("in the group are %v", got)
		}
		if is := o.isEnded(e.ID); is.EndReason != elevation.Deadline {
			t.Errorf("%+v", is)
		}
	})
	t.Run("nobody has the name", func(t *testing.T) {
		o := newOffice(t)
		e := o.left()
		o.edit("passwd", "bob:x:64101", "robert:x:64101")
		if err := o.end(t.Context(), e.ID, elevation.Deadline); err != nil {
			t.Fatal(err)
		}
		if got := o.members(); !slices.Equal(got, []string{"carol"}) {
			t.Errorf("who gets the name later finds %v", got)
		}
	})
}

func TestA14RefreshRefusedWhenUidReusedMidSession(t *testing.T) {
	o := newOffice(t)
	e := o.left()
	g := elevation.Grant{ID: e.ID, Request: e.Request}
	o.edit("passwd", "bob:x:64101", "mallory:x:64101")
	by := elevation.NewRequestID(time.Now())
	o.amend(g, by, 2*time.Hour, nil)
	if is := o.entry(e.ID); is.Total != e.Total || !is.EndBy.Wall.Equal(e.EndBy.Wall) {
		t.Errorf("it lasts %v now", is.Total)
	}
	if n, r := o.reported(by, elevation.ReportEnded); n != 1 || r.Reason != elevation.Failed {
		t.Errorf("%d %+v", n, r)
	}
	o.edit("passwd", "mallory:x:64101", "bob:x:64101")
	o.amend(g, elevation.NewRequestID(time.Now()), 2*time.Hour, nil)
	if is := o.entry(e.ID); is.Total != 2*time.Hour {
		t.Errorf("bob's own lasts %v", is.Total)
	}
}

func TestA14GrantRefusedWhileTeardownRetryPending(t *testing.T) {
	o := newOffice(t)
	e := o.left()
	if err := os.MkdirAll(o.file("group.assent/x"), 0o755); err != nil {
		t.Fatal(err)
	}
	c, _ := o.sits()
	for i := range 3 {
		if err := o.end(t.Context(), e.ID, elevation.Deadline); err == nil && i < 2 {
			t.Fatal("it was taken back")
		}
		p := o.permit()
		if _, _, err := o.shell(p, c); err == nil || !strings.Contains(err.Error(), "still being taken back") {
			t.Errorf("after try %d: %v", i+1, err)
		}
		if err := o.end(t.Context(), p.Grant.ID, elevation.CheckedIn); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(o.file("group.assent")); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Ledger.Retry(t.Context(), o.Trees, e.ID); err != nil {
		t.Fatal(err)
	}
	_, leave, err := o.shell(o.permit(), c)
	if err != nil {
		t.Fatal(err)
	}
	leave()
}

// Who went away between the answer and the effect gets nothing.
func TestA14ApplyEffectRefusesGrantWhenSessionEndsMidAuth(t *testing.T) {
	for name, gone := range map[string]func(o *office, c local.Caller, leave func()) (context.Context, local.Caller){
		"the process ended": func(o *office, c local.Caller, leave func()) (context.Context, local.Caller) {
			leave()
			return o.t.Context(), c
		},
		"another process has the number": func(o *office, c local.Caller, _ func()) (context.Context, local.Caller) {
			c.Started++
			return o.t.Context(), c
		},
		"somebody else's process": func(o *office, c local.Caller, _ func()) (context.Context, local.Caller) {
			started, err := privilege.Started(os.Getpid())
			if err != nil {
				o.t.Fatal(err)
			}
			return o.t.Context(), local.Caller{PID: os.Getpid(), Started: started, User: privilege.UserOf(bobUID)}
		},
		"the connection ended": func(o *office, c local.Caller, _ func()) (context.Context, local.Caller) {
			ctx, cancel := context.WithCancel(o.t.Context())
			cancel()
			return ctx, c
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			p := o.permit()
			c, leave := o.sits()
			ctx, c := gone(o, c, leave)
			m, err := o.membership(t.Context(), fmt.Sprint(bobUID), "bob")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := o.join(ctx, p, c, m, func(*grants.Entry) {}); err == nil {
				t.Fatal("it was given")
			}
			if got := o.members(); !slices.Equal(got, []string{"carol"}) {
				t.Errorf("in the group are %v", got)
			}
			if e := o.entry(p.Grant.ID); e.State != grants.Held || e.Used {
				t.Errorf("the approval is used up: %+v", e)
			}
		})
	}
}
