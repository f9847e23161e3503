package agent

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// later elevates beside a mechanism that has refused for now, and waits until the
// person's own list shows that a reason is wanted.
func (d *desk) later(t *testing.T, need wire.Need) (<-chan result, elevation.RequestID, elevation.Attempt) {
	t.Helper()
	a := attempt()
	a.Mechanism = "polkit"
	watch, stop, err := d.Watch("1001")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	done := d.elevate(t.Context(), intercept.Ask{Attempt: a}, &intercept.Later{Desk: d, Attempt: a, Tell: func(string) {}})
	m := next[wire.Attempt](d)
	need.Request = m.Request
	d.answer(wire.TNeed, need)
	if n := <-watch; n.Request != m.Request || !strings.Contains(n.Line, "assent answer "+elevation.ShortID(string(m.Request))) {
		t.Errorf("told %+v", n)
	}
	return done, m.Request, a
}

// TestReasonIsGivenLater: what was refused for now waits for its reason in the
// person's list, `assent answer` gives it, and the approval waits for the next try.
func TestReasonIsGivenLater(t *testing.T) {
	d := newDesk(t, t.TempDir())
	done, id, a := d.later(t, wire.Need{ReasonMin: 8, Presets: []string{"Planned maintenance"}, Ticket: "OPS-[0-9]+"})
	list := d.List("1001")
	if len(list) != 1 || list[0].ID != id || list[0].State != "pending" || !strings.Contains(list[0].Question, "at least 8 characters") {
		t.Fatalf("listed %+v", list)
	}
	if len(d.List("1002")) != 0 {
		t.Error("others see it")
	}
	if _, err := d.View("1002", id); !errors.Is(err, local.ErrNotFound) {
		t.Errorf("others view it: %v", err)
	}
	if err := d.Answer("1002", id, "a long reason"); !errors.Is(err, local.ErrNotFound) {
		t.Errorf("others answer it: %v", err)
	}
	for _, bad := range []string{"", "short", "\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
		if err := d.Answer("1001", id, bad); !errors.Is(err, local.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := d.Answer("1001", id, "1"); err != nil {
		t.Fatal(err)
	}
	if it, err := d.View("1001", id); err != nil || !strings.Contains(it.Question, "OPS-") || it.Justification != "Planned maintenance" {
		t.Errorf("next is %+v, %v", it, err)
	}
	answered := make(chan error, 1)
	go func() { answered <- d.Answer("1001", id, "OPS-7") }()
	c := next[wire.Complete](d)
	if c.Justification != "Planned maintenance" || c.Ticket != "OPS-7" || c.Request != id {
		t.Errorf("completed %+v", c)
	}
	d.answer(wire.TAccepted, wire.Accepted{Request: id})
	if err := <-answered; err != nil {
		t.Error(err)
	}
	d.answer(wire.TDecision, d.grantFor(id, a, nil))
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	if _, ok := d.Claim(a); ok {
		t.Error("claimed twice at once")
	}
	d.Release(r.permit.Grant.ID)
	permit, ok := d.Claim(a)
	if !ok {
		t.Fatal("the approval does not wait for the next try")
	}
	if err := d.Spend(permit); err != nil {
		t.Fatal(err)
	}
	if err := d.Spend(permit); !errors.Is(err, grants.ErrNoEntry) {
		t.Errorf("spent twice: %v", err)
	}
	if _, ok := d.Claim(a); ok {
		t.Error("claimed after it was spent")
	}
	d.waitEnded(t, permit.Grant.ID)
}

// TestDraftIsTakenBack: `assent cancel` ends the wait for a reason; nothing is left.
func TestDraftIsTakenBack(t *testing.T) {
	d := newDesk(t, t.TempDir())
	done, id, _ := d.later(t, wire.Need{ReasonMin: 8})
	if err := d.Cancel("1002", id); !errors.Is(err, local.ErrNotFound) {
		t.Errorf("others take it back: %v", err)
	}
	if err := d.Cancel("1001", id); err != nil {
		t.Fatal(err)
	}
	if r := <-done; !errors.Is(r.err, intercept.ErrWithdrawn) {
		t.Errorf("got %v", r.err)
	}
	if list := d.List("1001"); len(list) != 0 {
		t.Errorf("left %+v", list)
	}
}

// TestDraftsAreBounded: one person has a few attempts that wait for a reason.
func TestDraftsAreBounded(t *testing.T) {
	d := newDesk(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, draftsEach)
	for range draftsEach {
		need := wire.Need{Request: elevation.NewRequestID(time.Now()), ReasonMin: 8}
		if err := d.drafted(&draft{attempt: attempt(), need: need, done: make(chan given, 1)}); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	go func() {
		_, _, err := d.AwaitReason(ctx, attempt(), wire.Need{Request: elevation.NewRequestID(time.Now())})
		ended <- err
	}()
	if err := <-ended; !errors.Is(err, intercept.ErrNobody) {
		t.Errorf("one more: %v", err)
	}
	if _, _, err := d.AwaitReason(ctx, attempt(), wire.Need{Request: "req_../../x"}); !errors.Is(err, intercept.ErrNobody) {
		t.Errorf("an id that is a path: %v", err)
	}
}

// TestSpentIsReported: what was used up at once is told as started and completed.
func TestSpentIsReported(t *testing.T) {
	d := newDesk(t, t.TempDir())
	done := d.elevate(t.Context(), intercept.Ask{Attempt: attempt()}, &person{err: intercept.ErrNobody})
	m := next[wire.Attempt](d)
	d.answer(wire.TDecision, d.grantFor(m.Request, m.Attempt, nil))
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	permit := r.permit
	if err := d.Spend(permit); err != nil {
		t.Fatal(err)
	}
	d.waitEnded(t, permit.Grant.ID)
	d.mu.Lock()
	var kinds []string
	for _, r := range d.reps {
		kinds = append(kinds, string(r.Kind)+" "+string(r.Reason))
	}
	d.mu.Unlock()
	if got := strings.Join(kinds, ", "); got != "delivered , started , ended completed" {
		t.Errorf("reported %s", got)
	}
}

// waitEnded stops the agent, which waits for what it has begun.
func (d *desk) waitEnded(t *testing.T, id elevation.GrantID) {
	t.Helper()
	d.Close()
	if e, ok := d.Ledger.Get(id); !ok || e.State != grants.Ended || e.EndReason != elevation.Completed {
		t.Errorf("it is %+v", e)
	}
}
