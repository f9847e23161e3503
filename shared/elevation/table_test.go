package elevation

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// inState makes a request in each state of the design's table. "denied, held" is
// a denial that can still be undone; "unused" is an approval whose time ran out.
func inState(t *testing.T, state string) Request {
	t.Helper()
	r := pending(t)
	r.Need.AfterReview = "team_approvers"
	r.Questions = []Question{{Text: "which?", At: t0}}
	yes := &Decision{Verdict: Approved, By: Actor{Kind: ByUser, ID: "bo"}, At: t0}
	granted := Window{Duration: time.Hour, UseWithin: 4 * time.Hour}
	give := func() {
		r.Decision, r.Granted, r.Grant = yes, granted, GrantFacts{ID: "gr_1", IssuedAt: t0}
	}
	switch state {
	case "draft":
		r = draft()
	case "pending":
	case "held":
		give()
		r.Grant, r.Decision.HeldUntil = GrantFacts{}, t0.Add(time.Minute)
	case "denied, held":
		r.Decision = &Decision{Verdict: Denied, By: yes.By, At: t0, HeldUntil: t0.Add(time.Minute)}
	case "approved":
		give()
		r.Granted.Start = t0.Add(2 * time.Hour)
	case "available":
		give()
	case "active":
		give()
		r.Grant.StartedAt = t0
	case "ended":
		give()
		r.Grant.StartedAt, r.Grant.EndedAt, r.Grant.EndReason = t0, t0, Completed
	case "expired":
		r.ExpiredAt = t0
	case "unused":
		give()
		r.WindowEndedAt = t0
	case "revoked":
		give()
		r.Grant.StartedAt, r.RevokedAt = t0, t0
	case "denied":
		r.Decision = &Decision{Verdict: Denied, By: yes.By, At: t0}
	case "cancelled":
		r.CancelledAt = t0
	case "cancelled later":
		give()
		r.CancelledAt = t0
	}
	return r
}

// TestTableOfVerbs holds every verb against every state: what is not named here
// is refused.
func TestTableOfVerbs(t *testing.T) {
	states := []string{"draft", "pending", "held", "denied, held", "approved", "available", "active", "ended", "expired", "unused", "revoked", "denied", "cancelled", "cancelled later"}
	is := map[string]State{"draft": StateDraft, "pending": StatePending, "held": StateHeld, "denied, held": StateHeld, "approved": StateApproved,
		"available": StateAvailable, "active": StateActive, "ended": StateEnded, "expired": StateExpired, "unused": StateExpired,
		"revoked": StateRevoked, "denied": StateDenied, "cancelled": StateCancelled, "cancelled later": StateCancelled}
	over := "ended expired unused revoked denied cancelled, cancelled-later"
	bo := Actor{Kind: ByUser, ID: "bo", Name: "bo"}
	d := DefaultTimes()
	rows := []struct {
		verb, allowed string
		do            func(r Request) (Request, error)
	}{
		{"submit", "draft", func(r Request) (Request, error) { return r.Submit("printer driver", "", d, t0) }},
		{"answer by a rule", "draft", func(r Request) (Request, error) {
			return r.DecideByRule(Approved, Actor{Kind: ByRule, ID: "x@1"}, "", Window{}, d, t0)
		}},
		{"approve", "pending", func(r Request) (Request, error) { return r.Review(vote("cy", Approved), d, t0) }},
		{"deny", "pending", func(r Request) (Request, error) { return r.Review(vote("cy", Denied), d, t0) }},
		{"undo", "held denied,-held", func(r Request) (Request, error) { return r.Undo(bo, t0) }},
		{"cancel", "draft pending held denied,-held approved available", func(r Request) (Request, error) { return r.Cancel(t0) }},
		{"revoke", "held approved available active", func(r Request) (Request, error) { return r.Revoke(bo, "", t0) }},
		{"check in", "available active", func(r Request) (Request, error) { return r.CheckIn(t0) }},
		{"remove", over, func(r Request) (Request, error) { return r.Remove(t0) }},
		{"clear", "pending " + over, func(r Request) (Request, error) { return r.RemoveByTeam(t0) }},
		{"ask", "pending", func(r Request) (Request, error) { return r.Ask(bo, "why?", t0) }},
		{"answer", "pending held denied,-held", func(r Request) (Request, error) { return r.Answer("because", t0) }},
		{"claim", "pending", func(r Request) (Request, error) { return r.TakeUp(bo, t0) }},
		{"nudge", "pending", func(r Request) (Request, error) { return r.Nudge(time.Minute, 4, t0) }},
		{"escalate", "pending", func(r Request) (Request, error) { return r.Escalate(Escalation{Team: "team_b", By: bo}, t0) }},
		{"prioritize", "pending", func(r Request) (Request, error) { return r.Prioritize(Urgent, bo, t0) }},
		{"review after use", "ended revoked", func(r Request) (Request, error) { return r.LookBack(bo, "seen", t0) }},
		{"ask again", "ended expired unused revoked denied", func(r Request) (Request, error) { return r, r.Again(t0) }},
		{"more time", "active", func(r Request) (Request, error) { _, err := r.MoreTime(time.Minute, d, t0); return r, err }},
	}
	for _, row := range rows {
		for _, state := range states {
			r := inState(t, state)
			if got := r.State(t0); got != is[state] {
				t.Fatalf("%s is %s", state, got)
			}
			before := r
			want := slices.Contains(strings.Fields(strings.ReplaceAll(row.allowed, "cancelled,", "cancelled")), strings.ReplaceAll(state, " ", "-"))
			next, err := row.do(r)
			if (err == nil) != want {
				t.Errorf("%s while %s: %v, allowed should be %v", row.verb, state, err, want)
			}
			if err != nil && next.State(t0) != before.State(t0) {
				t.Errorf("%s while %s is refused and still changes it to %s", row.verb, state, next.State(t0))
			}
			then := map[string]State{"submit": StatePending, "answer by a rule": StateAvailable, "approve": StateAvailable, "deny": StateDenied,
				"undo": StatePending, "cancel": StateCancelled, "revoke": StateRevoked}[row.verb]
			if row.verb == "clear" && state == "pending" {
				then = StateExpired
			}
			if err == nil && then != "" && next.State(t0) != then {
				t.Errorf("%s while %s makes it %s, not %s", row.verb, state, next.State(t0), then)
			}
			if err == nil && before.State(t0).Final() && !next.State(t0).Final() {
				t.Errorf("%s while %s brings it back to %s", row.verb, state, next.State(t0))
			}
		}
	}
}

// TestVotesThatCount counts by hand what a stage has.
func TestVotesThatCount(t *testing.T) {
	by := func(kind ActorKind, id string, v Verdict, teams ...TeamID) Review {
		return Review{By: Actor{Kind: kind, ID: id}, Verdict: v, Stages: teams}
	}
	rows := []struct {
		name    string
		reviews []Review
		have    int
	}{
		{"none", nil, 0},
		{"one", []Review{by(ByUser, "ann", Approved, "a")}, 1},
		{"the same person twice", []Review{by(ByUser, "ann", Approved, "a"), by(ByUser, "ann", Approved, "a")}, 1},
		{"more than the quorum", []Review{by(ByUser, "ann", Approved, "a"), by(ByUser, "bo", Approved, "a"), by(ByUser, "cy", Approved, "a")}, 2},
		{"of another team", []Review{by(ByUser, "ann", Approved, "c")}, 0},
		{"a denial", []Review{by(ByUser, "ann", Denied, "a")}, 0},
		{"a rule", []Review{by(ByRule, "x@1", Approved, "a")}, 0},
		{"the system", []Review{by(BySystem, "s", Approved, "a")}, 0},
		{"both stages", []Review{by(ByUser, "ann", Approved, "a"), by(ByUser, "bo", Approved, "b")}, 2},
	}
	for _, row := range rows {
		r := Request{Need: Need{Stages: []Stage{{Team: "a", Quorum: 2}, {Team: "b", Quorum: 2}}}, Reviews: row.reviews}
		if got := r.ApprovalsHave(); got != row.have || r.ApprovalsNeeded() != 4 {
			t.Errorf("%s: %d of %d, want %d of 4", row.name, got, r.ApprovalsNeeded(), row.have)
		}
	}
}

// TestOddAnswers are those that no door lets through; the model refuses them too.
func TestOddAnswers(t *testing.T) {
	r := pending(t)
	r.Need.Stages[0].Quorum = 2
	if next, err := r.Review(vote("bo", "maybe"), DefaultTimes(), t0); !errors.Is(err, ErrInvalid) || len(next.Reviews) > 0 {
		t.Errorf("an answer that is none: %v", err)
	}
	if _, err := draft().DecideByRule(Approved, Actor{Kind: ByUser, ID: "bo"}, "", Window{}, DefaultTimes(), t0); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("a person as a rule: %v", err)
	}
	if _, err := draft().DecideByRule("maybe", Actor{Kind: ByRule, ID: "x@1"}, "", Window{}, DefaultTimes(), t0); !errors.Is(err, ErrInvalid) {
		t.Errorf("a rule that answers nothing: %v", err)
	}
	unknown := pending(t)
	unknown.Decision = &Decision{Verdict: "maybe", At: t0}
	if s := unknown.State(t0); s != StateDenied {
		t.Errorf("an unknown verdict is %s", s)
	}
}

// TestWindowEnds works out by hand when a window is over.
func TestWindowEnds(t *testing.T) {
	rows := []struct {
		name string
		r    Request
		want time.Time
	}{
		{"nothing given", Request{}, time.Time{}},
		{"denied", Request{Decision: &Decision{Verdict: Denied, At: t0}, Granted: Window{Duration: time.Hour}}, time.Time{}},
		{"not used", Request{Decision: &Decision{Verdict: Approved, At: t0}, Granted: Window{Duration: time.Hour, UseWithin: 4 * time.Hour}}, t0.Add(4 * time.Hour)},
		{"not used, held before", Request{Decision: &Decision{Verdict: Approved, At: t0, HeldUntil: t0.Add(time.Minute)}, Granted: Window{Duration: time.Hour, UseWithin: 4 * time.Hour}},
			t0.Add(4*time.Hour + time.Minute)},
		{"in use", Request{Decision: &Decision{Verdict: Approved, At: t0}, Granted: Window{Duration: time.Hour, UseWithin: 4 * time.Hour}, Grant: GrantFacts{StartedAt: t0.Add(time.Minute)}},
			t0.Add(61 * time.Minute)},
		{"with a start", Request{Decision: &Decision{Verdict: Approved, At: t0}, Granted: Window{Start: t0.Add(2 * time.Hour), Duration: time.Hour, UseWithin: 4 * time.Hour}}, t0.Add(3 * time.Hour)},
		{"with a start, in use since later", Request{Decision: &Decision{Verdict: Approved, At: t0}, Granted: Window{Start: t0.Add(2 * time.Hour), Duration: time.Hour},
			Grant: GrantFacts{StartedAt: t0.Add(150 * time.Minute)}}, t0.Add(3 * time.Hour)},
	}
	for _, row := range rows {
		if got := row.r.WindowEnd(); !got.Equal(row.want) {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

// TestLastingAnswerIsSomebodys wants a person behind an answer that lasts.
func TestLastingAnswerIsSomebodys(t *testing.T) {
	bo := Actor{Kind: ByUser, ID: "bo", Name: "bo"}
	for name, row := range map[string]struct {
		id   AccessID
		by   Actor
		want error
	}{
		"bo":         {"acc_1", bo, nil},
		"no answer":  {"", bo, ErrNotAllowed},
		"a rule":     {"acc_1", Actor{Kind: ByRule, ID: "x@1", Name: "x"}, ErrNotAllowed},
		"nobody":     {"acc_1", Actor{}, ErrNotAllowed},
		"no account": {"acc_1", Actor{Kind: ByUser, Name: "bo"}, ErrNotAllowed},
	} {
		r, err := draft().ByLastingAnswer(row.id, row.by, Window{Duration: time.Minute}, DefaultTimes(), t0)
		if !errors.Is(err, row.want) || row.want == nil && (err != nil || r.Decision.Access != row.id || r.Granted.Duration != time.Minute) {
			t.Errorf("by %s: %v, %+v", name, err, r.Decision)
		}
	}
}
