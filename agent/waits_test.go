package agent

import (
	"context"
	"errors"
	"runtime"
	"strings"
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

// What was given beforehand and does not do is asked for again. Where nobody can
// be asked, it is said what is needed, and nothing is left that the same command
// would join.
func TestReasonThatDoesNotDo(t *testing.T) {
	need := func(id elevation.RequestID) wire.Need {
		return wire.Need{Request: id, ReasonMin: 8, Ticket: "OPS-[0-9]+"}
	}
	for name, c := range map[string]struct {
		reason, ticket string
		text           string
	}{
		"short":     {"short", "OPS-1", "at least 8 characters"},
		"blank":     {"   short  ", "OPS-1", "at least 8 characters"},
		"no ticket": {"replace the toner", "", "OPS-[0-9]+"},
		"other":     {"replace the toner", "OPS", "OPS-[0-9]+"},
		"both":      {"short", "OPS", "at least 8 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, t.TempDir())
			ask := intercept.Ask{Attempt: attempt(), Justification: c.reason, Ticket: c.ticket}
			done := d.elevate(t.Context(), ask, &person{err: intercept.ErrNobody})
			m := next[wire.Attempt](d)
			d.answer(wire.TNeed, need(m.Request))
			var unfit *intercept.Unfit
			if r := <-done; !errors.As(r.err, &unfit) || !strings.Contains(r.err.Error(), c.text) {
				t.Fatalf("got %v, want %q", r.err, c.text)
			}
			if _, waits := d.journal.waitingSame(attempt()); waits {
				t.Fatal("the same command would join it")
			}
			if w := next[wire.Withdraw](d); w.Request != m.Request {
				t.Errorf("withdrew %+v", w)
			}
		})
	}
	t.Run("at a terminal", func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		p := &person{reason: "replace the toner"}
		d.elevate(t.Context(), intercept.Ask{Attempt: attempt(), Justification: "short", Ticket: "OPS-7"}, p)
		m := next[wire.Attempt](d)
		d.answer(wire.TNeed, need(m.Request))
		if got := next[wire.Complete](d); got.Justification != "replace the toner" || got.Ticket != "OPS-7" {
			t.Errorf("completed %+v", got)
		}
	})
}

// What the controller does not take is not kept, and one who comes again with a
// better reason is heard.
func TestRefusedReasonIsNotKept(t *testing.T) {
	d := newDesk(t, t.TempDir())
	ask := intercept.Ask{Attempt: attempt(), Justification: "replace the toner"}
	done := d.elevate(t.Context(), ask, &person{err: intercept.ErrNobody})
	m := next[wire.Attempt](d)
	d.answer(wire.TNeed, wire.Need{Request: m.Request, ReasonMin: 8})
	next[wire.Complete](d)
	d.answer(wire.TError, wire.Error{Request: m.Request, Code: wire.CodeInvalid, Text: "not like this"})
	if r := <-done; r.err == nil || !strings.Contains(r.err.Error(), "not like this") {
		t.Fatalf("got %v", r.err)
	}
	if _, waits := d.journal.waitingSame(attempt()); waits {
		t.Fatal("the same command would join it")
	}
	next[wire.Withdraw](d)
	again := d.elevate(t.Context(), ask, &person{err: intercept.ErrNobody})
	if n := next[wire.Attempt](d); n.Request == m.Request {
		t.Error("the refused request is asked for again")
	} else {
		d.answer(wire.TDecision, d.grantFor(n.Request, n.Attempt, nil))
	}
	if r := <-again; r.err != nil {
		t.Error(r.err)
	}
}

// Who runs a command again that was not heard yet may give another reason.
func TestNewReasonCounts(t *testing.T) {
	d := newDesk(t, t.TempDir())
	ctx, leave := context.WithCancel(t.Context())
	done := d.elevate(ctx, intercept.Ask{Attempt: attempt(), Justification: "the first reason"}, &person{err: intercept.ErrNobody})
	m := next[wire.Attempt](d)
	d.answer(wire.TNeed, wire.Need{Request: m.Request, ReasonMin: 8})
	next[wire.Complete](d)
	leave()
	<-done
	d.elevate(t.Context(), intercept.Ask{Attempt: attempt(), Justification: "the second reason"}, &person{err: intercept.ErrNobody})
	n := next[wire.Attempt](d)
	d.answer(wire.TNeed, wire.Need{Request: n.Request, ReasonMin: 8})
	if got := next[wire.Complete](d); n.Request != m.Request || got.Justification != "the second reason" {
		t.Errorf("completed %+v, first %s", got, m.Request)
	}
}

// A machine that is enrolled anew asks anew: what it asked for under the identity
// that it gave up is over.
func TestEnrolledAnewAsksAnew(t *testing.T) {
	dir := t.TempDir()
	d := newDesk(t, dir)
	ctx, leave := context.WithCancel(t.Context())
	p := &person{reason: "replace the toner"}
	done := d.elevate(ctx, intercept.Ask{Attempt: attempt()}, p)
	m := next[wire.Attempt](d)
	d.answer(wire.TNeed, wire.Need{Request: m.Request, ReasonMin: 8})
	next[wire.Complete](d)
	d.answer(wire.TProgress, wire.Progress{Request: m.Request})
	leave()
	<-done
	for _, endpoint := range []elevation.EndpointID{d.Endpoint, "ep_anew"} {
		j, _, err := openJournal(d.journal.dir, endpoint)
		if err == nil {
			err = j.dropOld(d.now())
		}
		if _, waits := j.waitingSame(attempt()); err != nil || waits != (endpoint == d.Endpoint) {
			t.Errorf("as %s the same command would join it: %v (%v)", endpoint, waits, err)
		}
	}
}

// Who waits and gets an approval for later hears from when on; another terminal
// that was quicker is named only where there was one.
func TestApprovedForLaterWhileWaiting(t *testing.T) {
	d := newDesk(t, t.TempDir())
	p := &person{reason: "replace the toner"}
	done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, p)
	m := next[wire.Attempt](d)
	d.answer(wire.TNeed, wire.Need{Request: m.Request, ReasonMin: 8})
	next[wire.Complete](d)
	opens := d.now().Add(time.Hour)
	d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, func(g *elevation.Grant) {
		g.NotBefore, g.NotAfter = opens, opens.Add(time.Hour)
	}))
	var kept *intercept.Kept
	if r := <-done; !errors.As(r.err, &kept) || kept.Request != m.Request {
		t.Fatalf("got %v", r.err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if want := "approved from " + intercept.ClockTime(opens, d.now()); len(p.said) == 0 || !strings.Contains(p.said[len(p.said)-1], want) {
		t.Errorf("said %q, want %q", p.said, want)
	}
}
