package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
	"github.com/google/go-cmp/cmp"
)

// Twenty approvers answer at once: one decides, nineteen learn who it was.
func TestTwentyApproversAtOnce(t *testing.T) {
	b := newBed(t, "").people()
	const n = 20
	b.must(b.store.Update(context.Background(), func(tx *store.Tx) error {
		for i := range n {
			login := fmt.Sprintf("approver%02d", i)
			if err := tx.InsertUser(store.User{ID: elevation.UserID("usr_" + login), Login: login, Roles: []auth.Role{auth.Approver}}); err != nil {
				return err
			}
		}
		return tx.Append(audit.Event{At: day, Kind: audit.UserCreated, Actor: system()})
	}))
	id := b.submit("x")
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			verdict := elevation.Approved
			if i%2 == 1 {
				verdict = elevation.Denied
			}
			_, errs[i] = b.Review(context.Background(), who(fmt.Sprintf("approver%02d", i)), id, ReviewIn{Verdict: verdict, Comment: fmt.Sprint(i)})
		})
	}
	close(start)
	wg.Wait()
	v, err := b.Get(context.Background(), who("ada", auth.Administrator), id)
	b.must(err)
	first, won := v.Request.Decision.By, 0
	for i, err := range errs {
		if err == nil {
			won++
			continue
		}
		var decided *DecidedError
		if !errors.As(err, &decided) || !errors.Is(err, elevation.ErrAlreadyDecided) {
			t.Fatalf("approver %d: %v", i, err)
		}
		if decided.Decision.By != first || !strings.Contains(err.Error(), first.Name) {
			t.Errorf("approver %d learns of %q, it was %q", i, decided.Decision.By.Name, first.Name)
		}
	}
	if won != 1 {
		t.Errorf("%d approvers decided", won)
	}
	count := map[string]int{}
	for _, k := range b.kinds(id) {
		count[k]++
	}
	want := map[string]int{"request.submitted": 1, "request.reviewed": 1, "request.approved": 1, "grant.issued": 1, "auth.refused": n - 1}
	if v.Request.Decision.Verdict == elevation.Denied {
		want = map[string]int{"request.submitted": 1, "request.reviewed": 1, "request.denied": 1, "auth.refused": n - 1}
	}
	if d := cmp.Diff(want, count); d != "" {
		t.Error(d)
	}
	if frames := b.frames(); len(frames) != 1 || frames[0].Type != wire.TDecision {
		t.Errorf("%d frames", len(frames))
	}
}

func TestReviewByAPerson(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	id := b.submit("x")
	in := ReviewIn{Verdict: elevation.Approved, Comment: "fine", Duration: time.Minute}
	for range 2 { // the same answer again is success without an event
		v, err := b.Review(ctx, who("bo"), id, in)
		b.must(err)
		if v.State != elevation.StateAvailable || v.Request.Decision.By.Name != "bo" || v.Delivery != elevation.Waiting {
			t.Errorf("%s %+v %s", v.State, v.Request.Decision, v.Delivery)
		}
	}
	if d := cmp.Diff([]string{"request.submitted", "request.reviewed", "request.approved", "grant.issued"}, b.kinds(id)); d != "" {
		t.Error(d)
	}
	m := body[wire.Decision](t, b.frames()[0])
	var g elevation.Grant
	b.must(b.keys.Open(sign.Grant, m.Grant, day, &g))
	if g.Duration != time.Minute || len(g.Approvers) != 1 || g.Approvers[0].Name != "bo" || m.Text != "fine" || m.By != "bo" || m.Rule {
		t.Errorf("%+v %+v", m, g)
	}
	var decided *DecidedError
	_, err := b.Review(ctx, who("bo"), id, ReviewIn{Verdict: elevation.Denied})
	if !errors.As(err, &decided) || decided.Decision.By.Name != "bo" {
		t.Errorf("the other answer of the same person: %v", err)
	}
}

func TestReviewIsRefused(t *testing.T) {
	tests := []struct {
		name  string
		actor auth.Actor
		in    ReviewIn
		want  error
		why   string // in the audit log, "" = not there
	}{
		{"auditor", who("audrey", auth.Auditor), ReviewIn{Verdict: elevation.Approved}, elevation.ErrNotAllowed, "not_allowed"},
		{"requester only", who("rae", auth.Requester), ReviewIn{Verdict: elevation.Approved}, elevation.ErrNotFound, "outside_scope"},
		{"no role", auth.Actor{User: "usr_x", Login: "x"}, ReviewIn{Verdict: elevation.Approved}, elevation.ErrNotAllowed, "not_allowed"},
		{"nobody", auth.Actor{}, ReviewIn{Verdict: elevation.Approved}, auth.ErrUnauthenticated, ""},
		{"token that only reads", auth.Actor{User: "usr_bo", Login: "bo", Roles: []auth.Role{auth.Approver}, Token: "tok_1", Scopes: []string{auth.ScopeRequestsRead}},
			ReviewIn{Verdict: elevation.Approved}, elevation.ErrNotAllowed, "not_allowed"},
		{"outside the scope", auth.Actor{User: "usr_dee", Login: "dee", Roles: []auth.Role{auth.Approver}, Scope: map[string]string{"role": "db"}},
			ReviewIn{Verdict: elevation.Approved}, elevation.ErrNotFound, "outside_scope"},
		{"approver without account", who("zed"), ReviewIn{Verdict: elevation.Approved}, elevation.ErrNotAllowed, "not_allowed"},
		{"own request", who("eve", auth.Administrator), ReviewIn{Verdict: elevation.Approved}, elevation.ErrSelfApproval, "self_approval"},
		{"own request, capitals and domain", who(`CORP\EVE`, auth.Administrator), ReviewIn{Verdict: elevation.Approved}, elevation.ErrSelfApproval, "self_approval"},
		{"own request, by a token that the requester made for another", madeBy(who("bo", auth.Approver), "eve"), ReviewIn{Verdict: elevation.Approved}, elevation.ErrSelfApproval, "self_approval"},
		{"own request, denied", who("eve", auth.Administrator), ReviewIn{Verdict: elevation.Denied}, elevation.ErrSelfApproval, "self_approval"},
		{"no answer", who("bo"), ReviewIn{}, elevation.ErrInvalid, ""},
		{"comment too long", who("bo"), ReviewIn{Verdict: elevation.Denied, Comment: strings.Repeat("a", 2001)}, elevation.ErrInvalid, ""},
		{"longer than a run may last", who("bo"), ReviewIn{Verdict: elevation.Approved, Duration: 9 * time.Hour}, elevation.ErrInvalid, ""},
		{"negative", who("bo"), ReviewIn{Verdict: elevation.Approved, Duration: -1}, elevation.ErrInvalid, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t, "").people()
			id := b.submit("x")
			_, err := b.Review(context.Background(), tt.actor, id, tt.in)
			wantErr(t, "review", err, tt.want)
			if s := b.state(id); s != elevation.StatePending {
				t.Errorf("it is %s", s)
			}
			why := ""
			b.must(b.store.View(context.Background(), func(tx *store.Tx) error {
				events, err := tx.EventsOf(id)
				for _, e := range events[1:] {
					if e.Kind != audit.AuthRefused {
						t.Errorf("event %s", e.Kind)
					}
					why = e.Data["why"]
				}
				return err
			}))
			if why != tt.why {
				t.Errorf("audited as %q, want %q", why, tt.why)
			}
		})
	}
	b := newBed(t, "").people()
	_, err := b.Review(context.Background(), who("bo"), "req_none", ReviewIn{Verdict: elevation.Approved})
	wantErr(t, "an unknown request", err, elevation.ErrNotFound)
}

func TestQuorum(t *testing.T) {
	b := newBed(t, `{rules: [{name: two, match: {path: /usr/bin/id}, then: require, require: {stages: [{team: Approvers, quorum: 2}]}}]}`).people()
	ctx := context.Background()
	id := b.submit("x")
	for range 2 {
		v, err := b.Review(ctx, who("bo"), id, ReviewIn{Verdict: elevation.Approved})
		b.must(err)
		if v.State != elevation.StatePending || v.Request.ApprovalsHave() != 1 {
			t.Errorf("%s with %d", v.State, v.Request.ApprovalsHave())
		}
	}
	_, err := b.Review(ctx, who("bo"), id, ReviewIn{Verdict: elevation.Denied})
	wantErr(t, "a second, other vote", err, elevation.ErrNotAllowed)
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i, login := range []string{"ada", "cy"} {
		wg.Go(func() { _, errs[i] = b.Review(ctx, who(login), id, ReviewIn{Verdict: elevation.Approved}) })
	}
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("of two at once: %v, %v", errs[0], errs[1])
	}
	if s := b.state(id); s != elevation.StateAvailable {
		t.Error(s)
	}
}

func session(login string) auth.Actor {
	a := who(login)
	a.Token, a.Session = "", true
	return a
}

func TestHoldAndUndo(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	id := b.submit("x")
	v, err := b.Review(ctx, session("bo"), id, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	if v.State != elevation.StateHeld || !v.Request.Decision.HeldUntil.Equal(day.Add(3*time.Second)) {
		t.Fatalf("%s %+v", v.State, v.Request.Decision)
	}
	_, err = b.Review(ctx, session("ada"), id, ReviewIn{Verdict: elevation.Denied})
	wantErr(t, "another answer while held", err, elevation.ErrAlreadyDecided)
	_, err = b.Undo(ctx, session("ada"), id)
	wantErr(t, "undo of somebody else's", err, elevation.ErrNotAllowed)
	b.pass(2999 * time.Millisecond)
	if n, next, err := b.Sweep(ctx); n != 0 || err != nil || !next.Equal(day.Add(3*time.Second)) {
		t.Errorf("a sweep before the end changed %d, next %v, %v", n, next, err)
	}
	_, err = b.Undo(ctx, session("bo"), id)
	b.must(err)
	if s := b.state(id); s != elevation.StatePending || len(b.frames()) != 0 {
		t.Errorf("%s, %d frames", s, len(b.frames()))
	}
	_, err = b.Review(ctx, session("bo"), id, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	b.pass(3 * time.Second)
	_, err = b.Undo(ctx, session("bo"), id)
	wantErr(t, "undo after the end", err, elevation.ErrNotPending)
	for _, want := range []int{1, 0} {
		if n, _, err := b.Sweep(ctx); n != want || err != nil {
			t.Errorf("swept %d, %v; want %d", n, err, want)
		}
	}
	want := []string{"request.submitted", "request.reviewed", "auth.refused", "auth.refused", "request.undone", "request.reviewed",
		"auth.refused", "request.approved", "grant.issued"}
	if d := cmp.Diff(want, b.kinds(id)); d != "" {
		t.Error(d)
	}
	if m := body[wire.Decision](t, b.frames()[0]); m.Verdict != elevation.Approved || m.Grant == nil {
		t.Errorf("%+v", m)
	}
	if s := b.state(id); s != elevation.StateAvailable {
		t.Error(s)
	}
}

func TestHeldDenialTakesEffect(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	id := b.submit("x")
	_, err := b.Review(ctx, session("bo"), id, ReviewIn{Verdict: elevation.Denied, Comment: "no"})
	b.must(err)
	b.pass(3 * time.Second)
	for range 2 {
		_, _, err = b.Sweep(ctx)
		b.must(err)
	}
	if d := cmp.Diff([]string{"request.submitted", "request.reviewed", "request.denied"}, b.kinds(id)); d != "" {
		t.Error(d)
	}
	if frames := b.frames(); len(frames) != 1 || body[wire.Decision](t, frames[0]).Verdict != elevation.Denied {
		t.Errorf("%+v", frames)
	}
	n, err := b.Counts(ctx, who("bo"), false)
	b.must(err)
	if d := cmp.Diff(Counts{All: 1, Denied: 1}, n); d != "" {
		t.Error(d)
	}
}

func TestNoHold(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	in := attempt("t")
	in.AtTerminal = true
	_, err := b.Draft(ctx, ep, in)
	b.must(err)
	_, err = b.Complete(ctx, ep, wire.Complete{Request: in.Request, Justification: "because I must"})
	b.must(err)
	withToken := session("bo")
	withToken.Token = "tok_1"
	for name, c := range map[string]struct {
		id    elevation.RequestID
		actor auth.Actor
	}{"somebody waits at a terminal": {in.Request, session("bo")}, "by token": {b.submit("x"), who("bo")}, "session and token": {b.submit("y"), withToken}} {
		v, err := b.Review(ctx, c.actor, c.id, ReviewIn{Verdict: elevation.Approved})
		b.must(err)
		if v.State != elevation.StateAvailable {
			t.Errorf("%s: %s", name, v.State)
		}
	}
}

func TestPresence(t *testing.T) {
	b := newBed(t, `{rules: [{name: here, match: {path: /usr/bin/id}, then: require, require: {step_up: true}}]}`).people()
	seen := func(ago time.Duration) auth.Actor { a := session("bo"); a.SeenAt = day.Add(-ago); return a }
	token := who("bo")
	token.SeenAt = day
	for i, tt := range []struct {
		name  string
		actor auth.Actor
		in    elevation.Verdict
		want  error
	}{
		{"a token", token, elevation.Approved, elevation.ErrStepUp},
		{"never seen", session("bo"), elevation.Approved, elevation.ErrStepUp},
		{"long ago", seen(5*time.Minute + 1), elevation.Approved, elevation.ErrStepUp},
		{"in the future", seen(-time.Second), elevation.Approved, elevation.ErrStepUp},
		{"a denial by token", token, elevation.Denied, nil},
		{"just now", seen(5 * time.Minute), elevation.Approved, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := b.Review(context.Background(), tt.actor, b.submit(string(rune('a'+i))), ReviewIn{Verdict: tt.in})
			wantErr(t, "review", err, tt.want)
		})
	}
}

// madeBy is a with a token that somebody else made for them.
func madeBy(a auth.Actor, login string) auth.Actor {
	a.MadeBy = elevation.Actor{Kind: elevation.ByUser, ID: "usr_" + login, Name: login}
	return a
}
