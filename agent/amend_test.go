package agent

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// inUse is a grant of one hour in use.
func (d *desk) inUse() elevation.Grant {
	d.t.Helper()
	done := d.elevate(d.t.Context(), intercept.Ask{Attempt: attempt()}, &person{})
	m := next[wire.Attempt](d)
	d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, nil))
	r := <-done
	if r.err != nil {
		d.t.Fatal(r.err)
	}
	d.use(r.permit)
	return r.permit.Grant
}

// amend sends a signed amendment; change spoils it.
func (d *desk) amend(g elevation.Grant, by elevation.RequestID, total time.Duration, change func(*elevation.Amendment)) {
	d.t.Helper()
	am := elevation.Amendment{Cluster: "c", Endpoint: "ep_1", Grant: g.ID, Of: g.Request, Request: by, Duration: total,
		By: elevation.Actor{Kind: elevation.ByUser, Name: "bo"}, At: time.Now(), Nonce: make([]byte, 16)}
	if change != nil {
		change(&am)
	}
	raw, err := d.key.Sign(sign.Amendment, am)
	if err != nil {
		d.t.Fatal(err)
	}
	d.answer(wire.TAmend, wire.Signed{Raw: raw})
}

// reported counts the reports about a request of a kind.
func (d *desk) reported(id elevation.RequestID, kind elevation.ReportKind) (n int, last wire.Report) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.reps {
		if r.Request == id && r.Kind == kind {
			n, last = n+1, r
		}
	}
	return n, last
}

func TestExtendAndAmend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		g := d.inUse()
		before, _ := d.Ledger.Get(g.ID)
		go func() {
			m := next[wire.Extend](d)
			if m.Request != g.Request || m.Duration != 30*time.Minute || m.Reason != "not done yet" {
				t.Errorf("sent %+v", m)
			}
			d.answer(wire.TAccepted, wire.Accepted{Request: m.New})
		}()
		id, err := d.Extend(alice, g.Request, 30*time.Minute, " not done yet ")
		if err != nil {
			t.Fatal(err)
		}
		if it, err := d.View(alice, id); err != nil || it.Extends != g.Request || it.State != "pending" {
			t.Errorf("%+v, %v", it, err)
		}
		var said []string
		d.says[g.ID] = func(s string) { said = append(said, s) }
		for range 2 { // delivered again: applied once
			d.amend(g, id, 90*time.Minute, nil)
		}
		after, _ := d.Ledger.Get(g.ID)
		if got := after.EndBy.Wall.Sub(before.EndBy.Wall); got != 30*time.Minute || after.EndBy.Boot-before.EndBy.Boot != got {
			t.Errorf("%v more", got)
		}
		if len(said) != 1 || !strings.HasPrefix(said[0], "30 min more") {
			t.Errorf("said %q", said)
		}
		if n, r := d.reported(id, elevation.ReportDelivered); n == 0 || r.Grant != g.ID {
			t.Errorf("reported %+v", r)
		}
		if it, _ := d.View(alice, id); it.State != "ended" || it.By != "bo" {
			t.Errorf("the extension is %+v", it)
		}
		if it, _ := d.View(alice, g.Request); it.Until != after.EndBy.Wall {
			t.Errorf("until %v", it.Until)
		}
		d.amend(g, elevation.NewRequestID(time.Now()), time.Minute, nil)
		if e, _ := d.Ledger.Get(g.ID); e.EndBy != after.EndBy {
			t.Error("an amendment made it shorter")
		}
		d.Close()
	})
}

func TestAmendmentsThatAreNotFollowed(t *testing.T) {
	rows := map[string]struct {
		change func(*elevation.Amendment)
		said   bool // to the controller
	}{
		"another cluster":     {func(a *elevation.Amendment) { a.Cluster = "d" }, false},
		"another endpoint":    {func(a *elevation.Amendment) { a.Endpoint = "ep_2" }, false},
		"another grant":       {func(a *elevation.Amendment) { a.Grant = elevation.NewGrantID(time.Now()) }, true},
		"another request":     {func(a *elevation.Amendment) { a.Of = elevation.NewRequestID(time.Now()) }, true},
		"no nonce":            {func(a *elevation.Amendment) { a.Nonce = nil }, true},
		"no time":             {func(a *elevation.Amendment) { a.Duration = 0 }, true},
		"years":               {func(a *elevation.Amendment) { a.Duration = 1000 * time.Hour }, true},
		"a request of no one": {func(a *elevation.Amendment) { a.Request = "../x" }, false},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, t.TempDir())
			g := d.inUse()
			before, _ := d.Ledger.Get(g.ID)
			by := elevation.NewRequestID(time.Now())
			d.amend(g, by, 2*time.Hour, row.change)
			if e, _ := d.Ledger.Get(g.ID); e.EndBy != before.EndBy || e.Total != before.Total {
				t.Error("it lasts longer")
			}
			if n, r := d.reported(by, elevation.ReportEnded); (n == 1) != row.said || row.said && (r.Reason != elevation.Failed || r.Text == "") {
				t.Errorf("reported %d, %+v", n, r)
			}
		})
	}
	t.Run("signed by somebody else", func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		g := d.inUse()
		d.answer(wire.TAmend, wire.Signed{Raw: []byte("forged")})
		raw, err := d.key.Sign(sign.Revocation, elevation.Amendment{Cluster: "c", Endpoint: "ep_1", Grant: g.ID, Of: g.Request, Duration: 2 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		d.answer(wire.TAmend, wire.Signed{Raw: raw})
		if e, _ := d.Ledger.Get(g.ID); e.Total != time.Hour {
			t.Error("a forged amendment was followed")
		}
	})
	t.Run("of what is over", func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		g := d.inUse()
		if err := d.end(t.Context(), g.ID, elevation.Completed); err != nil {
			t.Fatal(err)
		}
		by := elevation.NewRequestID(time.Now())
		d.amend(g, by, 2*time.Hour, nil)
		if n, _ := d.reported(by, elevation.ReportEnded); n != 1 {
			t.Error("the controller was not told")
		}
	})
}

func TestExtendRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		g := d.inUse()
		for name, c := range map[string]struct {
			user string
			more time.Duration
			why  string
			want error
		}{
			"somebody else's": {"1002", time.Minute, "", local.ErrNotFound},
			"no time":         {alice, 0, "", local.ErrInvalid},
			"less time":       {alice, -time.Minute, "", local.ErrInvalid},
			"years":           {alice, 1000 * time.Hour, "", local.ErrInvalid},
			"no text":         {alice, time.Minute, "\xff", local.ErrInvalid},
		} {
			if _, err := d.Extend(c.user, g.Request, c.more, c.why); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		d.down = true
		if _, err := d.Extend(alice, g.Request, time.Minute, ""); !errors.Is(err, local.ErrOffline) {
			t.Errorf("offline: %v", err)
		}
		d.down = false
		go func() {
			m := next[wire.Extend](d)
			d.answer(wire.TError, wire.Error{Request: m.New, Code: wire.CodeInvalid, Text: "eight hours at the most"})
		}()
		if _, err := d.Extend(alice, g.Request, time.Minute, ""); err == nil || !strings.Contains(err.Error(), "eight hours") {
			t.Errorf("refused: %v", err)
		}
		if len(d.List(alice)) != 1 {
			t.Error("a refused extension is listed")
		}
		if err := d.end(t.Context(), g.ID, elevation.Completed); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Extend(alice, g.Request, time.Minute, ""); !errors.Is(err, local.ErrConflict) {
			t.Errorf("what is over: %v", err)
		}
		d.Close()
	})
}

// Grants that nobody asked for from here: the portal, an approver ahead of time
// or on somebody's behalf, a resubmission.

// filed is a grant for a request that was made elsewhere.
func (d *desk) filed(change func(*elevation.Grant)) (elevation.RequestID, elevation.Grant) {
	d.t.Helper()
	d.Lookup = func(user string) (intercept.Account, error) {
		if user != alice {
			return intercept.Account{}, intercept.ErrNoUser
		}
		return intercept.Account{Name: "alice", UID: aliceUID}, nil
	}
	id := elevation.NewRequestID(time.Now())
	var g elevation.Grant
	d.answer(wire.TDecision, d.grantFor(id, attempt(), func(is *elevation.Grant) {
		if change != nil {
			change(is)
		}
		g = *is
	}))
	return id, g
}

func TestGrantThatNobodyAskedFor(t *testing.T) {
	d := newDesk(t, t.TempDir())
	id, _ := d.filed(nil)
	if n, _ := d.reported(id, elevation.ReportDelivered); n != 1 {
		t.Error("its delivery is not reported")
	}
	if it, err := d.View(alice, id); err != nil || it.State != "available" {
		t.Errorf("%+v, %v", it, err)
	}
	other := attempt()
	other.Subject.ArgsDigest = []byte("other arguments")
	if _, ok := d.claimWaiting(other); ok {
		t.Error("it is used for something else")
	}
	renamed := attempt()
	renamed.User.Name = "mallory" // the number is somebody else's by now
	if _, ok := d.claimWaiting(renamed); ok {
		t.Error("a reused number uses it")
	}
	r := <-d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{})
	if r.err != nil || r.permit.Grant.Request != id {
		t.Errorf("%+v", r)
	}
}

func TestGrantsThatNobodyAskedForAreRefused(t *testing.T) {
	rows := map[string]struct {
		change func(*elevation.Grant)
		text   string
	}{
		"a reused number":   {func(g *elevation.Grant) { g.User.Name = "mallory" }, "is alice here, not mallory"},
		"an unknown number": {func(g *elevation.Grant) { g.User.UID = "1002" }, "no user alice"},
		"uid -1":            {func(g *elevation.Grant) { g.User.UID = "4294967295" }, "no user of this machine"},
		"a tunnel":          {func(g *elevation.Grant) { g.AccessType = "ssh" }, `access of type "ssh"`},
		"five hours of a session": {func(g *elevation.Grant) {
			g.AccessType, g.Duration = elevation.Session, 5*time.Hour
		}, "its times are not served"},
		"any arguments":        {func(g *elevation.Grant) { g.Subject.ArgsDigest = nil }, "nothing about arguments"},
		"a start without end":  {func(g *elevation.Grant) { g.NotBefore = time.Now().Add(time.Hour) }, "no end"},
		"a window of ten days": {func(g *elevation.Grant) { g.NotBefore = time.Now(); g.NotAfter = time.Now().AddDate(0, 0, 10) }, "window"},
		"in ten years": {func(g *elevation.Grant) {
			g.NotBefore = time.Now().AddDate(10, 0, 0)
			g.NotAfter = g.NotBefore.Add(time.Hour)
		}, "too far"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, t.TempDir())
			id, _ := d.filed(row.change)
			if len(d.Ledger.All()) != 0 {
				t.Error("the ledger took it")
			}
			if n, r := d.reported(id, elevation.ReportEnded); n != 1 || r.Reason != elevation.Failed || !strings.Contains(r.Text, row.text) {
				t.Errorf("reported %d, %+v", n, r)
			}
			if _, ok := d.claimWaiting(attempt()); ok {
				t.Error("it is used")
			}
		})
	}
}

func TestWindowInTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		id, g := d.filed(func(g *elevation.Grant) {
			g.NotBefore = time.Now().Add(50 * time.Hour)
			g.NotAfter = g.NotBefore.Add(2 * time.Hour)
			g.Duration, g.ValidFor = 2*time.Hour, 2*time.Hour
		})
		if it, err := d.View(alice, id); err != nil || it.State != "approved" || it.From.IsZero() {
			t.Errorf("%+v, %v", it, err)
		}
		if _, ok := d.claimWaiting(attempt()); ok {
			t.Error("it is used before its time")
		}
		p := &person{}
		done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt(), NoWait: true}, p)
		m := next[wire.Attempt](d)
		if m.Request == id || len(p.said) != 1 || !strings.Contains(p.said[0], "approved from") {
			t.Errorf("asked %s, said %q", m.Request, p.said)
		}
		d.answer(wire.TClosed, wire.Closed{Request: m.Request, Why: wire.ClosedRefused})
		<-done
		time.Sleep(50*time.Hour + time.Minute)
		d.look(t.Context())
		d.skew = 11 * time.Minute
		if _, ok := d.claimWaiting(attempt()); ok {
			t.Error("it is used though this clock is wrong")
		}
		d.skew = time.Second
		permit, ok := d.claimWaiting(attempt())
		if !ok || permit.Grant.ID != g.ID {
			t.Fatal("it is not used in its time")
		}
		d.use(permit)
		e, _ := d.Ledger.Get(g.ID)
		if left := e.EndBy.Left(clock()); left > 119*time.Minute+time.Second {
			t.Errorf("it ends in %v, after its window", left)
		}
		d.Close()
	})
}

func TestWindowInTheFutureOutlivesARestartOfTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		_, g := d.filed(func(g *elevation.Grant) {
			g.NotBefore = time.Now().Add(5 * time.Hour)
			g.NotAfter = g.NotBefore.Add(time.Hour)
		})
		_, ordinary := d.filed(nil)
		booted := time.Now().Add(time.Hour)
		time.Sleep(time.Hour + time.Minute)
		d.Clock = func() grants.Moment {
			return grants.Moment{Wall: time.Now(), Boot: time.Since(booted) + time.Second, BootID: "boot-2"}
		}
		d.recover(t.Context())
		if e, _ := d.Ledger.Get(ordinary.ID); e.State != grants.Ended || e.EndReason != elevation.Reboot {
			t.Errorf("an ordinary grant is %s", e.State)
		}
		time.Sleep(4 * time.Hour)
		if permit, ok := d.claimWaiting(attempt()); !ok || permit.Grant.ID != g.ID {
			t.Error("the window is lost")
		}
		d.Close()
	})
}
