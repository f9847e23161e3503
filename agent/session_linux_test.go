package agent

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// session is one in force for a terminal of this process.
func (d *desk) session() grants.Entry {
	d.t.Helper()
	id := elevation.NewRequestID(time.Now())
	a := elevation.Attempt{AccessType: elevation.Session, Mechanism: "assent", User: elevation.User{Name: "alice", UID: "1001"}, Subject: elevation.Subject{RunAs: "root"}}
	d.Lookup = func(string) (intercept.Account, error) { return intercept.Account{Name: "alice", UID: aliceUID}, nil }
	d.answer(wire.TDecision, d.grantFor(id, a, func(g *elevation.Grant) { g.AccessType = elevation.Session }))
	p, ok := d.claimWaiting(a)
	if !ok {
		d.t.Fatal("the grant was not taken")
	}
	started, err := privilege.Started(os.Getpid())
	if err != nil {
		d.t.Fatal(err)
	}
	e, _, err := d.arm(d.t.Context(), p, func(e *grants.Entry) {
		e.Access, e.Effect.Tree = elevation.Session, privilege.TreeRef{}
		e.Effect.Seat = &privilege.Seat{Leader: os.Getpid(), Started: started, TTY: 34816, Login: "7"}
	})
	if err != nil {
		d.t.Fatal(err)
	}
	e.State = grants.Active
	if err := d.Ledger.Put(e); err != nil {
		d.t.Fatal(err)
	}
	return e
}

// A command inside of a session is an entry of its own that never outlives it: it
// is listed once it begins, ends with it, and none begins once it ends.
func TestSessionCommandsNeverOutliveIt(t *testing.T) {
	d := newDesk(t, t.TempDir())
	e := d.session()
	d.down = true
	p, err := d.Admit(t.Context(), e.ID, attempt())
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := d.Ledger.Get(p.Grant.ID); !ok || c.Parent != e.ID || c.State != grants.Held || p.Grant.Duration > time.Hour {
		t.Fatalf("%+v", c)
	}
	if _, ok := d.claimWaiting(attempt()); ok {
		t.Error("it is an approval of the same command elsewhere")
	}
	if _, ok := d.claimWaiting(elevation.Attempt{AccessType: elevation.Session, User: elevation.User{Name: "alice", UID: "1001"}, Subject: elevation.Subject{RunAs: "root"}}); ok {
		t.Error("it is an approval of another session")
	}
	if _, _, err := d.arm(t.Context(), p, func(*grants.Entry) {}); err != nil {
		t.Fatal(err)
	}
	late, err := d.Admit(t.Context(), e.ID, attempt())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(t.Context(), p.Grant.ID); err != nil {
		t.Fatal(err)
	}
	if n, r := d.reported(e.Request, elevation.ReportListed); n != 1 || r.Grant != e.ID || r.Subject == nil || r.Subject.Path != "/usr/bin/id" {
		t.Errorf("%d %+v", n, r)
	}
	if n, _ := d.reported(e.Request, elevation.ReportStarted); n != 0 {
		t.Error("a command is reported like a grant")
	}
	if err := d.end(t.Context(), e.ID, elevation.CheckedIn); err != nil {
		t.Fatal(err)
	}
	if left := d.Ledger.Within(e.ID); len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
	if _, ok := d.Ledger.Get(p.Grant.ID); ok {
		t.Error("the ledger keeps every command for ever")
	}
	if _, _, err := d.arm(t.Context(), late, func(*grants.Entry) {}); err == nil {
		t.Error("one that was let through begins after the end")
	}
	var refused *intercept.Refused
	if _, err := d.Admit(t.Context(), e.ID, attempt()); !errors.As(err, &refused) {
		t.Errorf("after the end: %v", err)
	}
	if n, r := d.reported(e.Request, elevation.ReportEnded); n != 1 || r.Grant != e.ID || r.Reason != elevation.CheckedIn {
		t.Errorf("%d %+v", n, r)
	}
}

// The controller's denial holds; whatever else it says does not matter, and a
// controller that does not answer holds nothing up for long.
func TestRulesDenyInsideASession(t *testing.T) {
	d := newDesk(t, t.TempDir())
	e := d.session()
	admit := func(answer func(wire.Attempt)) error {
		done := make(chan error, 1)
		go func() {
			_, err := d.Admit(context.Background(), e.ID, attempt())
			done <- err
		}()
		m := next[wire.Attempt](d)
		if m.Inside != e.ID || !m.RulesOnly {
			t.Errorf("sent %+v", m)
		}
		answer(m)
		return <-done
	}
	err := admit(func(m wire.Attempt) {
		d.answer(wire.TClosed, wire.Closed{Request: m.Request, Why: wire.ClosedNeedsPerson})
	})
	if err != nil {
		t.Errorf("no rule: %v", err)
	}
	var refused *intercept.Refused
	err = admit(func(m wire.Attempt) {
		d.answer(wire.TDecision, wire.Decision{Request: m.Request, Verdict: elevation.Denied, By: "no-ids", Rule: true, Text: "not here"})
	})
	if !errors.As(err, &refused) || refused.Text != "not here" {
		t.Errorf("denied: %v", err)
	}
}

// A lock of the screen ends what was opened from that login session, and nothing
// of others.
func TestLockEndsSessions(t *testing.T) {
	d := newDesk(t, t.TempDir())
	e := d.session()
	d.LoginChanged(privilege.LoginEvent{Session: "8", Locked: true})
	d.LoginChanged(privilege.LoginEvent{})
	if is, _ := d.Ledger.Get(e.ID); is.State != grants.Active {
		t.Errorf("another session's lock ended it: %+v", is)
	}
	d.LoginChanged(privilege.LoginEvent{Session: "7", Locked: true})
	until := time.Now().Add(10 * time.Second)
	for is, _ := d.Ledger.Get(e.ID); is.State != grants.Ended; is, _ = d.Ledger.Get(e.ID) {
		if time.Now().After(until) {
			t.Fatal("it goes on")
		}
		<-time.After(5 * time.Millisecond)
	}
	if is, _ := d.Ledger.Get(e.ID); is.EndReason != elevation.Lock {
		t.Errorf("it ended as %s", is.EndReason)
	}
}
