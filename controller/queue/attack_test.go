package queue

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// A token that was made for reading changes nothing, not even what is its
// owner's.
func TestReadingTokenWritesNothing(t *testing.T) {
	b := newBed(t, "").people().linked()
	ctx := context.Background()
	reader := evelyn()
	reader.Scopes = []string{auth.ScopeRequestsRead}
	waiting, used, over := b.submit("x"), b.granted("y"), b.ended("z")
	b.report(used, elevation.ReportStarted, "")
	_, err := b.Ask(ctx, who("bo"), waiting, "why?", "")
	b.must(err)
	for name, do := range map[string]func() (View, error){
		"cancel":   func() (View, error) { return b.Cancel(ctx, reader, waiting) },
		"nudge":    func() (View, error) { return b.Nudge(ctx, reader, waiting) },
		"answer":   func() (View, error) { return b.Reply(ctx, reader, waiting, "because") },
		"check in": func() (View, error) { return b.CheckIn(ctx, reader, used) },
		"remove":   func() (View, error) { return b.Remove(ctx, reader, over) },
	} {
		_, err := do()
		wantErr(t, name, err, elevation.ErrNotAllowed)
	}
	if v := b.seen(waiting); v.State != elevation.StatePending || v.Request.Nudges != 0 {
		t.Errorf("%s, %d reminders", v.State, v.Request.Nudges)
	}
	outside := who("dee")
	outside.Scope, outside.Scopes = map[string]string{"role": "db"}, reader.Scopes
	_, err = b.Cancel(ctx, outside, waiting)
	wantErr(t, "outside of the scope", err, elevation.ErrNotFound)
	if errors.Is(err, elevation.ErrNotAllowed) {
		t.Errorf("it tells that the request is there: %v", err)
	}
	reader.Scopes = append(reader.Scopes, auth.ScopeRequestsDecide)
	_, err = b.Cancel(ctx, reader, waiting)
	wantErr(t, "with the scope for writing", err, nil)
}

// Where approvers are hidden, neither an error nor a signed order names them.
func TestHiddenApproversAreNamedNowhere(t *testing.T) {
	b := newBed(t, "").people().linked()
	ctx := context.Background()
	b.staff(func(tx *store.Tx) error {
		set := tx.Settings()
		set.ShowApprovers = false
		return tx.PutSettings(set)
	})
	id := b.submit("x")
	_, err := b.Review(ctx, who("bo"), id, ReviewIn{Verdict: elevation.Approved, Duration: time.Hour})
	b.must(err)
	_, err = b.Nudge(ctx, evelyn(), id)
	var decided *DecidedError
	if !errors.As(err, &decided) || decided.Decision.By.ID != "" || strings.Contains(err.Error(), "bo") {
		t.Errorf("a reminder that comes late is told %v", err)
	}
	if _, err = b.Claim(ctx, who("cy"), id, ""); !errors.As(err, &decided) || decided.Decision.By.Name != "bo" {
		t.Errorf("an approver is told %v", err)
	}
	b.report(id, elevation.ReportStarted, "")
	v, err := b.Extend(ctx, evelyn(), id, AgainIn{Duration: time.Minute, Justification: "it takes longer"})
	b.must(err)
	_, err = b.Review(ctx, who("bo"), v.Request.ID, ReviewIn{Verdict: elevation.Approved, Duration: time.Minute})
	b.must(err)
	frames := b.frames()
	var am elevation.Amendment
	b.must(b.keys.Open(sign.Amendment, body[wire.Signed](t, frames[len(frames)-1]).Raw, day, &am))
	if am.By.Name != veiled {
		t.Errorf("the amendment names %q", am.By.Name)
	}
	_, err = b.Revoke(ctx, who("bo"), id, "", "")
	b.must(err)
	if by := b.revocation().By; by.Name != veiled || by.ID != "usr_bo" {
		t.Errorf("the revocation names %+v", by)
	}
}

// What was granted is not undone when the clock is set back.
func TestClockSetBackUndoesNothing(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	bo := who("bo")
	bo.Token, bo.Session = "", true
	id := b.submit("x")
	_, err := b.Review(ctx, bo, id, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	b.pass(3 * time.Second)
	b.sweeps()
	if b.grantID(id) == "" {
		t.Fatal("no grant after the hold")
	}
	b.pass(-time.Minute)
	_, err = b.Undo(ctx, bo, id)
	wantErr(t, "undo of what was sent", err, elevation.ErrNotPending)
	if s := b.state(id); s != elevation.StateAvailable {
		t.Errorf("it is %s", s)
	}
	n := len(b.frames())
	b.sweeps()
	if len(b.frames()) != n {
		t.Error("it was granted twice")
	}
}

// One human with two accounts, which links to the same user show, is one vote.
func TestTwoAccountsOfOneHumanVoteOnce(t *testing.T) {
	b := newBed(t, `{rules: [{name: p, match: {path: /usr/bin/id}, then: require, require: {stages: [{team: Approvers, quorum: 2}]}}]}`).people()
	ctx := context.Background()
	b.staff(func(tx *store.Tx) error {
		for i, login := range []string{"bo", "cy"} {
			l := store.Link{ID: elevation.LinkID(elevation.NewID(elevation.LinkPrefix, day.Add(time.Duration(i)))), MadeAt: day,
				Link: delegation.Link{User: elevation.UserID("usr_" + login), Endpoint: ep, UID: "1007", Name: "bchen"}}
			if err := tx.PutLink(l); err != nil {
				return err
			}
		}
		return nil
	})
	id := b.submit("x")
	_, err := b.Review(ctx, who("bo"), id, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	_, err = b.Review(ctx, who("cy"), id, ReviewIn{Verdict: elevation.Approved})
	wantErr(t, "the other account of the same human", err, elevation.ErrNotAllowed)
	if v := b.seen(id); v.State != elevation.StatePending || len(v.CanAnswer) != 1 || v.CanAnswer[0] != "ada" {
		t.Errorf("%s, %v can answer", v.State, v.CanAnswer)
	}
	_, err = b.Review(ctx, who("ada", auth.Administrator), id, ReviewIn{Verdict: elevation.Approved})
	wantErr(t, "somebody else", err, nil)
	if s := b.state(id); s != elevation.StateAvailable {
		t.Errorf("it is %s", s)
	}
}

// Who may not deny a request may not close it either.
func TestOutsidersCloseNothing(t *testing.T) {
	b := newBed(t, platformFirst).people()
	b.team("Platform", nil, "bo")
	ctx := context.Background()
	id := b.submit("x")
	_, err := b.Remove(ctx, who("cy"), id)
	wantErr(t, "an approver of another team", err, elevation.ErrNotAllowed)
	if s := b.state(id); s != elevation.StatePending {
		t.Errorf("it is %s", s)
	}
	_, err = b.Remove(ctx, who("ada", auth.Administrator), id)
	wantErr(t, "an administrator", err, nil)
}

// A revocation that comes between the look at a lasting answer and its use wins.
func TestRevokedLastingAnswerIsNotUsed(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	id := b.submit("x")
	_, err := b.Review(ctx, who("bo"), id, ReviewIn{Verdict: elevation.Approved, Lasts: "8h"})
	b.must(err)
	in := attempt("x")
	c := &change{now: day, insert: true, next: elevation.Request{ID: in.Request, Origin: elevation.FromEndpoint, Endpoint: ep, Attempt: in.Attempt, DraftedAt: day}}
	e, err := b.store.Endpoint(ctx, ep)
	b.must(err)
	out := b.rules().Evaluate(input(e, in.Attempt, "", "", elevation.Normal), day)
	done, err := b.byAccess(ctx, b.rules(), c, out, "")
	if err != nil || !done {
		t.Fatalf("%v %v", done, err)
	}
	_, err = b.Revoke(ctx, who("cy"), id, "", "")
	b.must(err)
	wantErr(t, "use after the revocation", b.commitUnder(ctx, b.rules(), c), store.ErrStale)
}

// The approval that filing ahead gives does not outlive the role that lets its
// owner give it.
func TestFilingLooksAtStaffAgain(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	from := b.ended("x")
	var f filing
	b.must(b.store.View(ctx, func(tx *store.Tx) (err error) {
		f, err = b.filing(tx, who("bo"), FileIn{ID: elevation.NewRequestID(day), AccessType: elevation.Run, Endpoint: string(ep), FromRequest: from,
			ForUser: "eve", Justification: "planned work", Start: day.Add(time.Hour), Duration: time.Hour}, elevation.User{}, day)
		return err
	}))
	b.staff(func(tx *store.Tx) error {
		u, err := tx.User("usr_bo")
		if err != nil {
			return err
		}
		u.Roles = []auth.Role{auth.Requester}
		return tx.PutUser(u)
	})
	_, _, err := b.make(ctx, &f, day)
	wantErr(t, "filed by somebody who may not any more", err, store.ErrStale)
}

// What a ticket system says against a ticket counts in whatever shape, and also
// when it says too much.
func TestTicketSystemIsTakenAtItsWord(t *testing.T) {
	for text, want := range map[string]bool{ // is it against the ticket
		``: false, `ok`: false, `<html>{"valid":false}</html>`: false, `{}`: false, `{"valid":true}`: false, `{"valid":true,"reason":{"a":1}}`: false, `[]`: false,
		`{"valid":null}`: true, `{"valid":false}`: true, ` {"valid":"false"}`: true, `{"valid":0}`: true, `{"valid":"true"}`: true, `{"valid":[]}`: true,
		`{"comments":"` + strings.Repeat("x", 100): true, `{"valid":false,`: true,
	} {
		if no, _ := says([]byte(text)); no != want {
			t.Errorf("%.40q is against it: %v", text, no)
		}
	}
	if _, why := says([]byte(`{"valid":false,"reason":"closed\u001b[31m"}`)); !strings.Contains(why, "closed") || strings.Contains(why, "\x1b") {
		t.Errorf("the reason is %q", why)
	}
}

// One person does not use up the places of a slow ticket system.
func TestTicketsOfOneCallerAreBounded(t *testing.T) {
	b := newBed(t, "").people()
	release, started := make(chan struct{}), make(chan struct{}, 10)
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		started <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	b.cfg.Outside = slow.Client()
	b.staff(func(tx *store.Tx) error {
		s := tx.Settings()
		s.TicketValidator = store.TicketValidator{URL: slow.URL, Timeout: 10 * time.Second}
		return tx.PutSettings(s)
	})
	ctx := context.Background()
	var wg sync.WaitGroup
	for range ticketsOfOne {
		wg.Go(func() { wantErr(t, "within the bound", b.lookUpFor(ctx, "usr_eve", "INC-1"), nil) })
		<-started
	}
	wantErr(t, "one more", b.lookUpFor(ctx, "usr_eve", "INC-1"), elevation.ErrLimit)
	wg.Go(func() { wantErr(t, "somebody else", b.lookUpFor(ctx, "usr_bo", "INC-1"), nil) })
	<-started
	close(release)
	wg.Wait()
	wantErr(t, "afterwards", b.lookUpFor(ctx, "usr_eve", "INC-1"), nil)
	if len(b.asking) != 0 {
		t.Errorf("still asking: %v", b.asking)
	}
}

// What a rule gives at the most is not grown by asking the same rule again.
func TestExtensionsStayWithinTheRule(t *testing.T) {
	b := newBed(t, approveID).people().linked()
	ctx := context.Background()
	in := attempt("x")
	a, err := b.Draft(ctx, ep, in)
	if err != nil || !a.Decided {
		t.Fatalf("%+v %v", a, err)
	}
	b.report(in.Request, elevation.ReportStarted, "")
	if d := b.seen(in.Request).Request.Granted.Duration; d != time.Hour {
		t.Fatalf("granted for %s", d)
	}
	v, err := b.Extend(ctx, evelyn(), in.Request, AgainIn{Duration: time.Minute, Justification: "it takes longer"})
	if err == nil {
		t.Errorf("more than the rule gives: %s, granted %s", v.State, b.seen(in.Request).Request.Granted.Duration)
	}
}

// What somebody may is asked of the actor, whatever the teams say.
func TestReviewAndClearAskTheRole(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	id, over := b.submit("x"), b.ended("y")
	_, err := b.Review(ctx, who("bo", auth.Auditor), id, ReviewIn{Verdict: elevation.Approved})
	wantErr(t, "a member who may only read by now", err, elevation.ErrNotAllowed)
	_, err = b.Ask(ctx, who("bo", auth.Auditor), id, "why?", "")
	wantErr(t, "a question of theirs", err, elevation.ErrNotAllowed)
	_, err = b.Remove(ctx, who("audrey", auth.Auditor), over)
	wantErr(t, "an auditor clears", err, elevation.ErrNotAllowed)
	if v := b.seen(over); !v.Request.RemovedByTeamAt.IsZero() {
		t.Error("it is cleared")
	}
}
