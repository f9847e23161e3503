package agent

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// TestSameThingWaitsElsewhere: the controller knows the same attempt under
// another id, at once or when the reason comes; that one is followed.
func TestSameThingWaitsElsewhere(t *testing.T) {
	for _, late := range []bool{false, true} {
		d := newDesk(t, t.TempDir())
		done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{reason: "long enough"})
		m := next[wire.Attempt](d)
		if late {
			d.answer(wire.TNeed, wire.Need{Request: m.Request, ReasonMin: 8})
			next[wire.Complete](d)
		}
		other := elevation.NewRequestID(time.Now())
		d.answer(wire.TNeed, wire.Need{Request: m.Request, Joined: other})
		for d.holdersOf(other) == 0 {
			runtime.Gosched()
		}
		d.answer(wire.TProgress, wire.Progress{Request: other, Position: 1})
		filed := m.Attempt // from the portal: the same thing, written down differently
		filed.Mechanism, filed.Duration = "portal", time.Minute
		d.answer(wire.TDecision, d.grantFor(other, filed, nil))
		if r := <-done; r.err != nil || r.permit.Grant.Request != other {
			t.Errorf("late %v: %+v", late, r)
		}
		if open := d.journal.list(func(n note) bool { return n.open() }); len(open) != 0 {
			t.Errorf("late %v: still open: %+v", late, open)
		}
	}
}

// A controller that takes two things for one must not make a grant for one of
// them start the other.
func TestJoinedToSomethingElse(t *testing.T) {
	d := newDesk(t, t.TempDir())
	ctx, leave := context.WithCancel(t.Context())
	waiting := d.elevate(ctx, intercept.Ask{Attempt: attempt()}, &person{reason: "long enough"})
	first := next[wire.Attempt](d)
	d.answer(wire.TNeed, wire.Need{Request: first.Request, ReasonMin: 8})
	next[wire.Complete](d)
	leave()
	<-waiting // the request is kept
	other := attempt()
	other.Subject.Path = "/usr/bin/env"
	joined := d.elevate(t.Context(), intercept.Ask{Attempt: other}, &person{reason: "long enough"})
	second := next[wire.Attempt](d)
	d.answer(wire.TNeed, wire.Need{Request: second.Request, Joined: first.Request})
	for d.holdersOf(first.Request) == 0 {
		runtime.Gosched()
	}
	d.answer(wire.TDecision, d.grantFor(first.Request, first.Attempt, nil))
	var refused *intercept.Refused
	if r := <-joined; !errors.As(r.err, &refused) {
		t.Errorf("the other program: %+v", r)
	}
	if r := <-d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{}); r.err != nil || r.permit.Grant.Subject.Path != "/usr/bin/id" {
		t.Errorf("the one that was approved: %+v", r)
	}
}

func TestNoControllerIsSaidInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		d.down = true
		began := time.Now()
		if _, err := d.Elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{}); !errors.Is(err, intercept.ErrUnreachable) {
			t.Fatalf("got %v", err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		d.Close()
	})
}

// slow is a person who thinks before typing the reason.
type slow struct{ person }

func (p *slow) Ask(context.Context, wire.Need) (string, string, error) {
	time.Sleep(time.Minute)
	return "printer driver", "", nil
}

// The time in which the controller has to answer once ran while the person was
// typing: whoever took longer over the reason was told that the request is kept,
// and got the prompt back instead of the waiting line.
func TestTheReasonMayTakeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		p := &slow{}
		done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, p)
		m := next[wire.Attempt](d)
		d.answer(wire.TNeed, wire.Need{Request: m.Request, ReasonMin: 8})
		time.Sleep(time.Minute + time.Second)
		next[wire.Complete](d)
		time.Sleep(answerWithin / 2)
		d.answer(wire.TProgress, wire.Progress{Request: m.Request, Position: 1})
		time.Sleep(time.Hour)
		d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, nil))
		if r := <-done; r.err != nil || r.permit.Grant.Request != m.Request {
			t.Errorf("%+v", r)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.lines) == 0 || time.Since(p.lines[0].Since) > time.Hour+time.Minute {
			t.Errorf("shown %+v, want the time since the request was made", p.lines)
		}
		d.Close()
	})
}

func TestRulesOnlyNeverAsks(t *testing.T) {
	d := newDesk(t, t.TempDir())
	done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt(), RulesOnly: true}, nil)
	m := next[wire.Attempt](d)
	if !m.RulesOnly {
		t.Error("the controller was not told")
	}
	d.answer(wire.TClosed, wire.Closed{Request: m.Request, Why: wire.ClosedNeedsPerson})
	if r := <-done; !errors.Is(r.err, intercept.ErrNeedsPerson) {
		t.Fatalf("got %v", r.err)
	}
}

func TestUnknownVerdictDenies(t *testing.T) {
	for _, v := range []elevation.Verdict{"", "APPROVED", "yes", elevation.Denied} {
		d := newDesk(t, t.TempDir())
		done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{})
		m := next[wire.Attempt](d)
		decision := d.grantFor(m.Request, m.Attempt, nil)
		decision.Verdict = v
		d.answer(wire.TDecision, decision)
		if r := <-done; r.err == nil {
			t.Errorf("verdict %q was a permit", v)
		}
	}
}

// TestLockedEndpoint: a lock stops everything new, also what was granted before.
func TestLockedEndpoint(t *testing.T) {
	d := newDesk(t, t.TempDir())
	done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{})
	m := next[wire.Attempt](d)
	d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, nil))
	d.Release((<-done).permit.Grant.ID)
	d.answer(wire.TLock, wire.Lock{Locked: true, Text: "stolen"})
	var refused *intercept.Refused
	if r := <-d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{}); !errors.As(r.err, &refused) || refused.Text != "stolen" {
		t.Fatalf("got %+v", r)
	}
	d.answer(wire.TLock, wire.Lock{})
	if r := <-d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{}); r.err != nil {
		t.Fatalf("got %+v", r)
	}
}
