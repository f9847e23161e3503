package queue

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
	"github.com/google/go-cmp/cmp"
)

// linked gives eve an account of her own: a strong link to the user eve.
func (b *bed) linked() *bed {
	b.t.Helper()
	b.must(b.store.Update(context.Background(), func(tx *store.Tx) error {
		if err := tx.InsertUser(store.User{ID: "usr_evelyn", Login: "evelyn", Roles: []auth.Role{auth.Requester}, CreatedAt: day}); err != nil {
			return err
		}
		if err := tx.PutLink(store.Link{ID: elevation.LinkID(elevation.NewID(elevation.LinkPrefix, day)),
			Link: delegation.Link{User: "usr_evelyn", Endpoint: ep, UID: "1000"}, MadeAt: day}); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: day, Kind: audit.LinkChanged, Actor: system()})
	}))
	return b
}

func evelyn() auth.Actor { return who("evelyn", auth.Requester) }

func TestAskAndAnswer(t *testing.T) {
	b := newBed(t, "").people().linked()
	ctx := context.Background()
	id := b.submit("x")
	before, err := b.Get(ctx, who("bo"), id)
	b.must(err)
	for range 2 { // the same question is asked once
		v, err := b.Ask(ctx, who("bo"), id, "which server?", "")
		b.must(err)
		if v.State != elevation.StatePending || v.Position != before.Position || len(v.Request.Questions) != 1 {
			t.Errorf("%s at %d with %d questions", v.State, v.Position, len(v.Request.Questions))
		}
	}
	if m := body[wire.Question](t, b.frames()[0]); m.Request != id || m.Text != "which server?" || m.By != "bo" || len(b.frames()) != 1 {
		t.Errorf("%+v", m)
	}
	_, err = b.Reply(ctx, who("eve"), id, "web-3")
	wantErr(t, "an answer by the weak link", err, elevation.ErrNotAllowed)
	_, err = b.Reply(ctx, who("cy"), id, "web-3")
	wantErr(t, "an answer of somebody else", err, elevation.ErrNotAllowed)
	for range 2 {
		v, err := b.Reply(ctx, evelyn(), id, "web-3")
		b.must(err)
		if q := v.Request.Questions[0]; q.Answer != "web-3" || !q.AnsweredAt.Equal(day) {
			t.Errorf("%+v", q)
		}
	}
	_, err = b.Ask(ctx, who("cy"), id, "and why?", "")
	b.must(err)
	b.must(b.Answer(ctx, ep, wire.Answer{Request: id, Text: "the disk is full"}))
	wantErr(t, "an answer to nothing", b.Answer(ctx, ep, wire.Answer{Request: id, Text: "x"}), elevation.ErrNotPending)
	want := []string{"request.submitted", "request.asked", "auth.refused", "auth.refused", "request.answered", "request.asked", "request.answered"}
	if d := cmp.Diff(want, b.kinds(id)); d != "" {
		t.Error(d)
	}
}

// Approvers' notes are nowhere where the requester looks.
func TestNotesStayPrivate(t *testing.T) {
	b := newBed(t, "").people().linked()
	ctx := context.Background()
	id := b.submit("x")
	const secret = "she always asks on Fridays"
	_, err := b.Ask(ctx, who("bo"), id, "", secret)
	b.must(err)
	v, err := b.Claim(ctx, who("bo"), id, "mine")
	b.must(err)
	if len(v.Request.Notes) != 2 || v.Request.Notes[0].Text != secret || v.Request.Notes[0].By.Name != "bo" || !v.Notes {
		t.Errorf("%+v", v.Request.Notes)
	}
	if len(b.frames()) != 0 {
		t.Error("a note was sent to the endpoint")
	}
	for name, reader := range map[string]auth.Actor{"her account": evelyn(), "an approver who is her by name": who("eve"), "an account with a strong link and a role": who("evelyn")} {
		v, err := b.Get(ctx, reader, id)
		if err == nil && (len(v.Request.Notes) != 0 || v.Notes) {
			t.Errorf("%s reads %+v", name, v.Request.Notes)
		}
		lines, err2 := b.Timeline(ctx, reader, id)
		if (err == nil) != (err2 == nil) {
			t.Errorf("%s: %v, timeline %v", name, err, err2)
		}
		for _, l := range lines {
			if l.Kind == "request.noted" || strings.Contains(l.Text, secret) {
				t.Errorf("%s finds %+v in the timeline", name, l)
			}
		}
	}
	rows, err := b.store.AuditWaiting(ctx, 100)
	b.must(err)
	for _, row := range rows {
		if strings.Contains(string(row.Leaf)+string(row.Text), secret) {
			t.Error("the text of a note is in an event, which webhooks send")
		}
	}
	page, err := b.List(ctx, who("cy"), Filter{Text: "Fridays"})
	b.must(err)
	if len(page.Items) != 0 {
		t.Error("a note is found by search")
	}
}

func TestClaim(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	id := b.submit("x")
	for range 2 {
		v, err := b.Claim(ctx, who("bo"), id, "")
		b.must(err)
		if v.Request.ClaimedBy(day).Name != "bo" {
			t.Errorf("%+v", v.Request.Claim)
		}
	}
	_, err := b.Claim(ctx, who("cy"), id, "")
	wantErr(t, "somebody else's claim", err, elevation.ErrConflict)
	_, err = b.Review(ctx, who("cy"), id, ReviewIn{Verdict: elevation.Denied})
	wantErr(t, "a claim binds nobody", err, nil)
	var decided *DecidedError
	if _, err = b.Claim(ctx, who("bo"), id, ""); !errors.As(err, &decided) || decided.Decision.By.Name != "cy" {
		t.Errorf("a claim of what is decided: %v", err)
	}
	want := []string{"request.submitted", "request.claimed", "auth.refused", "request.reviewed", "request.denied", "auth.refused"}
	if d := cmp.Diff(want, b.kinds(id)); d != "" {
		t.Error(d)
	}
}

func TestNudgeIsBounded(t *testing.T) {
	b := newBed(t, "").people().linked()
	ctx := context.Background()
	id := b.submit("x")
	_, err := b.Nudge(ctx, who("eve"), id)
	wantErr(t, "by the weak link", err, elevation.ErrNotAllowed)
	for range 4 {
		_, err = b.Nudge(ctx, evelyn(), id)
		b.must(err)
		_, err = b.Nudge(ctx, evelyn(), id)
		var rate *auth.RateError
		if !errors.As(err, &rate) || rate.Wait != 15*time.Minute && rate.Wait < 6*time.Hour {
			t.Errorf("too soon: %v", err)
		}
		b.pass(15 * time.Minute)
	}
	_, err = b.Nudge(ctx, evelyn(), id)
	wantErr(t, "a fifth", err, auth.ErrRate)
	if n := strings.Count(strings.Join(b.kinds(id), " "), "request.nudged"); n != 4 {
		t.Errorf("%d reminders in the log", n)
	}
}

func TestPrioritizeMovesIt(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	first, second := b.submit("x"), b.submit("y")
	_, err := b.Prioritize(ctx, who("eve"), second, elevation.Urgent, "")
	wantErr(t, "one's own", err, elevation.ErrSelfApproval)
	_, err = b.Prioritize(ctx, who("audrey", auth.Auditor), second, elevation.Urgent, "")
	wantErr(t, "an auditor", err, elevation.ErrNotAllowed)
	for range 2 {
		v, err := b.Prioritize(ctx, who("bo"), second, elevation.Urgent, "")
		b.must(err)
		if v.Position != 1 || v.Request.PrioritySetBy.Name != "bo" || v.Request.Priority != elevation.Urgent {
			t.Errorf("%d %+v", v.Position, v.Request.PrioritySetBy)
		}
	}
	page, err := b.List(ctx, who("bo"), Filter{Status: []string{"pending"}})
	b.must(err)
	if page.Items[0].Request.ID != second || page.Items[1].Request.ID != first {
		t.Error("the order of the queue is the old one")
	}
	if d := cmp.Diff([]string{"request.submitted", "auth.refused", "auth.refused", "request.prioritized"}, b.kinds(second)); d != "" {
		t.Error(d)
	}
	_, err = b.Prioritize(ctx, who("bo"), second, "soon", "")
	wantErr(t, "an unknown priority", err, elevation.ErrInvalid)
}

// team stores a team.
func (b *bed) team(name string, steps []delegation.Step, members ...string) elevation.TeamID {
	b.t.Helper()
	t := store.Team{ID: elevation.TeamID("team_" + strings.ToLower(name)), Name: name, Escalate: steps, MadeAt: day}
	for _, m := range members {
		t.Members = append(t.Members, elevation.UserID("usr_"+m))
	}
	b.must(b.store.Update(context.Background(), func(tx *store.Tx) error {
		if err := tx.PutTeam(t); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: day, Kind: audit.TeamChanged, Actor: system()})
	}))
	return t.ID
}

const platformFirst = `{rules: [{name: p, match: {path: /usr/bin/id}, then: require, require: {stages: [{team: Platform, quorum: 1}]}}]}`

func TestEscalateByHand(t *testing.T) {
	b := newBed(t, platformFirst).people()
	ctx := context.Background()
	b.team("Lead", nil, "cy", "bo")
	b.team("Other", nil, "cy")
	b.team("Platform", []delegation.Step{{After: time.Hour, Team: "team_lead"}}, "bo")
	id := b.submit("x")
	ada := who("ada", auth.Administrator)
	_, err := b.Review(ctx, who("cy"), id, ReviewIn{Verdict: elevation.Approved})
	wantErr(t, "before it is escalated", err, elevation.ErrNotAllowed)
	_, err = b.Escalate(ctx, who("cy"), id, "Lead", "", "")
	wantErr(t, "by an outsider", err, elevation.ErrNotAllowed)
	_, err = b.Escalate(ctx, who("bo"), id, "Other", "", "")
	wantErr(t, "off the ladder", err, elevation.ErrNotAllowed)
	_, err = b.Escalate(ctx, who("bo"), id, "Nowhere", "", "")
	wantErr(t, "to a team that is not there", err, elevation.ErrInvalid)
	for range 2 {
		v, err := b.Escalate(ctx, who("bo"), id, "", "production is down", "")
		b.must(err)
		if e := v.Request.Escalations; len(e) != 1 || e[0].Name != "Lead" || e[0].By.Name != "bo" || e[0].Why != "production is down" || !slices.Contains(v.CanAnswer, "cy") {
			t.Errorf("%+v %v", e, v.CanAnswer)
		}
	}
	page, err := b.List(ctx, ada, Filter{Status: []string{"escalated"}})
	b.must(err)
	if len(page.Items) != 1 {
		t.Errorf("%d escalated", len(page.Items))
	}
	_, err = b.Review(ctx, who("cy"), id, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	if s := b.state(id); s != elevation.StateAvailable {
		t.Error(s)
	}
}

// Whoever opens a request to a team has no vote by it.
func TestWhoEscalatesGainsNoVote(t *testing.T) {
	b := newBed(t, platformFirst).people()
	ctx := context.Background()
	b.team("Platform", nil, "bo")
	ada := who("ada", auth.Administrator)
	id := b.submit("x")
	_, err := b.Escalate(ctx, ada, id, "Approvers", "", "")
	b.must(err)
	_, err = b.Review(ctx, ada, id, ReviewIn{Verdict: elevation.Approved})
	wantErr(t, "who escalated", err, elevation.ErrNotAllowed)
	_, err = b.Review(ctx, who("cy"), id, ReviewIn{Verdict: elevation.Approved})
	wantErr(t, "somebody else of the team", err, nil)
}

const reviewedAfter = `{rules: [{name: r, match: {path: /usr/bin/id}, then: require, require: {after_review: {team: Audit, comment: true, blocks: true}}}]}`

func TestReviewAfterUse(t *testing.T) {
	b := newBed(t, reviewedAfter).people()
	ctx := context.Background()
	b.team("Audit", nil, "audrey", "cy")
	audrey := who("audrey", auth.Auditor)
	id := b.granted("x")
	_, err := b.LookBack(ctx, audrey, id, "seen", "")
	wantErr(t, "while it is not over", err, elevation.ErrNotPending)
	g := b.grantID(id)
	b.must(b.Report(ctx, ep, wire.Report{Seq: 1, Request: id, Grant: g, Kind: elevation.ReportStarted, At: day}))
	b.must(b.Report(ctx, ep, wire.Report{Seq: 2, Request: id, Grant: g, Kind: elevation.ReportEnded, Reason: elevation.Completed, At: day}))
	due := func(team string) int {
		page, err := b.List(ctx, audrey, Filter{Status: []string{"pending_review"}, Team: team})
		b.must(err)
		return len(page.Items)
	}
	if due("") != 1 || due("audit") != 1 || due("team_audit") != 1 || due("Approvers") != 0 {
		t.Errorf("due: %d, of audit %d, of its id %d, of approvers %d", due(""), due("audit"), due("team_audit"), due("Approvers"))
	}
	in := attempt("x")
	answer, err := b.Draft(ctx, ep, in)
	b.must(err)
	if answer.Closed == nil || !strings.Contains(answer.Closed.Text, "must be reviewed first") {
		t.Errorf("the same again: %+v", answer)
	}
	if answer, err = b.Draft(ctx, ep, attempt("y")); err != nil || answer.Need == nil {
		t.Errorf("something else: %+v %v", answer, err)
	}
	_, err = b.LookBack(ctx, who("bo"), id, "seen", "")
	wantErr(t, "who is not of the team", err, elevation.ErrNotAllowed)
	_, err = b.LookBack(ctx, who("eve", auth.Administrator), id, "seen", "")
	wantErr(t, "the requester", err, elevation.ErrSelfApproval)
	_, err = b.LookBack(ctx, audrey, id, " ", "")
	wantErr(t, "without a comment", err, elevation.ErrInvalid)
	narrow := audrey
	narrow.Scopes = []string{auth.ScopeRequestsRead}
	_, err = b.LookBack(ctx, narrow, id, "seen", "")
	wantErr(t, "a token that only reads", err, elevation.ErrNotAllowed)
	for range 2 {
		v, err := b.LookBack(ctx, audrey, id, "as agreed", "")
		b.must(err)
		if v.Request.After == nil || v.Request.After.By.Name != "audrey" || v.Request.After.Comment != "as agreed" {
			t.Errorf("%+v", v.Request.After)
		}
	}
	_, err = b.LookBack(ctx, who("cy"), id, "me too", "")
	wantErr(t, "a second review", err, elevation.ErrConflict)
	if answer, err = b.Draft(ctx, ep, attempt("x")); err != nil || answer.Need == nil || due("") != 0 {
		t.Errorf("after the review: %+v %v, %d due", answer, err, due(""))
	}
	kinds := strings.Join(b.kinds(id), " ")
	if strings.Count(kinds, "review.due") != 1 || strings.Count(kinds, "request.after_review") != 1 || !strings.Contains(kinds, "grant.ended review.due") {
		t.Error(kinds)
	}
}

// A review that a team should have made which is gone blocks nobody for ever.
func TestReviewOfATeamThatIsGone(t *testing.T) {
	b := newBed(t, reviewedAfter).people()
	ctx := context.Background()
	id := b.granted("x")
	b.must(b.Report(ctx, ep, wire.Report{Seq: 1, Request: id, Grant: b.grantID(id), Kind: elevation.ReportStarted, At: day}))
	b.must(b.Report(ctx, ep, wire.Report{Seq: 2, Request: id, Grant: b.grantID(id), Kind: elevation.ReportEnded, Reason: elevation.Completed, At: day}))
	_, err := b.LookBack(ctx, who("bo"), id, "seen", "")
	wantErr(t, "an approver", err, elevation.ErrNotAllowed)
	_, err = b.LookBack(ctx, who("ada", auth.Administrator), id, "seen", "")
	wantErr(t, "an administrator", err, nil)
	b.team("Audit", nil, "audrey")
	other := b.granted("y")
	b.must(b.Report(ctx, ep, wire.Report{Seq: 3, Request: other, Grant: b.grantID(other), Kind: elevation.ReportStarted, At: day}))
	b.must(b.Report(ctx, ep, wire.Report{Seq: 4, Request: other, Grant: b.grantID(other), Kind: elevation.ReportEnded, Reason: elevation.Completed, At: day}))
	_, err = b.LookBack(ctx, who("ada", auth.Administrator), other, "seen", "")
	wantErr(t, "an administrator who is not of the team", err, elevation.ErrNotAllowed)
}

// Time and revocation make a review due as well; what was never used needs none.
func TestReviewIsDueHoweverItEnds(t *testing.T) {
	b := newBed(t, reviewedAfter).people()
	ctx := context.Background()
	b.team("Audit", nil, "audrey")
	revoked, unused, timed := b.granted("x"), b.granted("y"), b.granted("z")
	for i, id := range []elevation.RequestID{revoked, timed} {
		b.must(b.Report(ctx, ep, wire.Report{Seq: uint64(i + 1), Request: id, Grant: b.grantID(id), Kind: elevation.ReportStarted, At: day}))
	}
	_, err := b.Revoke(ctx, who("sam", auth.SecurityAdmin), revoked, "stop", "")
	b.must(err)
	b.pass(9 * time.Hour)
	_, _, err = b.Sweep(ctx)
	b.must(err)
	for id, want := range map[elevation.RequestID]int{revoked: 1, unused: 0, timed: 1} {
		if n := strings.Count(strings.Join(b.kinds(id), " "), "review.due"); n != want {
			t.Errorf("%s: %d reviews due, want %d: %v", id, n, want, b.kinds(id))
		}
	}
}

func TestSecurityAdminOnlyEnds(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	sam := who("sam", auth.SecurityAdmin)
	id := b.submit("x")
	_, err := b.Review(ctx, sam, id, ReviewIn{Verdict: elevation.Approved})
	wantErr(t, "approve", err, elevation.ErrNotAllowed)
	_, err = b.Claim(ctx, sam, id, "")
	wantErr(t, "claim", err, elevation.ErrNotAllowed)
	_, err = b.Review(ctx, who("bo"), id, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	v, err := b.Revoke(ctx, sam, id, "", "")
	b.must(err)
	if v.State != elevation.StateRevoked || v.Delivery != elevation.Revoking {
		t.Errorf("%s %s", v.State, v.Delivery)
	}
}

func TestStepUpBySetting(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	set := store.DefaultSettings()
	set.StepUpRisky = true
	b.must(b.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.PutSettings(set); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: day, Kind: audit.SettingsChanged, Actor: system()})
	}))
	in := attempt("x")
	in.Attempt.Subject.Marks = []string{elevation.MarkShell}
	_, err := b.Draft(ctx, ep, in)
	b.must(err)
	_, err = b.Complete(ctx, ep, wire.Complete{Request: in.Request, Justification: "because I must"})
	b.must(err)
	_, err = b.Review(ctx, who("bo"), in.Request, ReviewIn{Verdict: elevation.Approved})
	wantErr(t, "a shell, by token", err, elevation.ErrStepUp)
	ordinary := b.submit("y")
	_, err = b.Review(ctx, who("bo"), ordinary, ReviewIn{Verdict: elevation.Approved})
	wantErr(t, "an ordinary run, by token", err, nil)
	fresh := session("bo")
	fresh.SeenAt = day
	v, err := b.Review(ctx, fresh, in.Request, ReviewIn{Verdict: elevation.Approved})
	wantErr(t, "a shell, just signed in", err, nil)
	if v.State != elevation.StateAvailable {
		t.Errorf("an approval of high risk is %s, as if it could be undone", v.State)
	}
}

func TestGroups(t *testing.T) {
	b := newBed(t, "").people()
	ctx := context.Background()
	for _, arg := range []string{"a", "b", "c"} {
		b.submit(arg)
	}
	groups, next, err := b.Groups(ctx, who("bo"), Filter{}, "program")
	b.must(err)
	if len(groups) != 1 || groups[0].Key != "id" || groups[0].Count != 3 || next != "" {
		t.Fatalf("%+v %q", groups, next)
	}
	if g, _, err := b.Groups(ctx, who("bo"), Filter{}, "endpoint"); err != nil || g[0].Name != "web-1" || g[0].Key != string(ep) {
		t.Errorf("%+v %v", g, err)
	}
	_, _, err = b.Groups(ctx, who("bo"), Filter{}, "colour")
	wantErr(t, "by something else", err, elevation.ErrInvalid)
	_, err = b.Members(ctx, who("bo"), "colour", "x")
	wantErr(t, "of something else", err, elevation.ErrInvalid)
	ids, err := b.Members(ctx, who("bo"), "program", "id")
	b.must(err)
	if len(ids) != 3 {
		t.Error(ids)
	}
	dee := auth.Actor{User: "usr_dee", Login: "dee", Roles: []auth.Role{auth.Approver}, Scope: map[string]string{"role": "db"}}
	if g, _, err := b.Groups(ctx, dee, Filter{}, "program"); err != nil || len(g) != 0 {
		t.Errorf("outside the scope: %+v %v", g, err)
	}
	if ids, err := b.Members(ctx, dee, "program", "id"); err != nil || len(ids) != 0 {
		t.Errorf("outside the scope: %v %v", ids, err)
	}
}
