package desk

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// link ties an account to a user of an endpoint.
func (d *Desk) link(p *Person, e *Endpoint, user string) {
	d.T.Helper()
	Must(d.Admin.Do("POST", "/links", map[string]any{"account": p.Login, "endpoint": string(e.ID), "user": user}))(d.T)
}

// team makes a team.
func (d *Desk) team(name string, members ...*Person) {
	d.T.Helper()
	logins := []string{}
	for _, m := range members {
		logins = append(logins, m.Login)
	}
	Must(d.Admin.Do("POST", "/teams", map[string]any{"name": name, "members": logins}))(d.T)
}

// TestA16AskBack: a question keeps the request pending and in its place, reaches
// the person at the endpoint, and is answered there or in the portal; what
// approvers note for each other reaches nobody else.
func TestA16AskBack(t *testing.T) {
	d := New(t)
	bo, cy, evelyn := d.Person("bo", "approver"), d.Person("cy", "approver"), d.Person("evelyn")
	web := d.Endpoint("web-1")
	d.link(evelyn, web, "eve")
	id, other := web.Ask("eve", "/usr/bin/systemctl", "restart", "nginx"), web.Ask("eve", "/usr/bin/id")
	if r := bo.Does("ask", id, map[string]any{"comment": "which server?"}); r.State != "pending" || *r.Queue.Position != 1 || len(r.Questions) != 1 {
		t.Errorf("asked: %s", JSON(r))
	}
	if q := web.Question(id); q.Text != "which server?" || q.By != "bo" {
		t.Errorf("the question at the endpoint: %+v", q)
	}
	web.Answer(id, "web-3")
	d.Eventually("the answer is there", func() bool { a := bo.See(id).Questions[0].Answer; return a != nil && *a == "web-3" })
	d.Works(cy, "approval", "ask", id, "--comment", "and why now?")
	cy.Refused("forbidden", "answer", id, map[string]any{"comment": "I know"})
	d.Works(evelyn, "request", "answer", id, "--comment", "the disk is full")
	r := evelyn.See(id)
	if q := r.Questions[1]; q.Answer == nil || *q.Answer != "the disk is full" || q.AnsweredAt == nil {
		t.Errorf("answered in the portal: %s", JSON(q))
	}
	if r := cy.See(id); r.State != "pending" || *r.Queue.Position != 1 || *cy.See(other).Queue.Position != 2 {
		t.Errorf("its place: %s", JSON(r.Queue))
	}
	bo.Does("approve", id, map[string]any{"comment": "go ahead"})
	evelyn.Refused("not_pending", "answer", id, map[string]any{"comment": "more"})
	cy.Refused("already_decided", "ask", id, map[string]any{"comment": "too late?"})
}

// TestA16NotesArePrivate looks for an approver's note wherever a requester can
// look, and in what webhooks would send.
func TestA16NotesArePrivate(t *testing.T) {
	d := New(t)
	bo, cy, evelyn := d.Person("bo", "approver"), d.Person("cy", "approver"), d.Person("evelyn")
	web := d.Endpoint("web-1")
	d.link(evelyn, web, "eve")
	id := web.Ask("eve", "/usr/bin/id")
	const secret = "xyzzy, she asks every Friday"
	bo.Does("ask", id, map[string]any{"note": secret})
	if n := cy.See(id).Notes; len(n) != 1 || n[0].Text != secret || n[0].By.Login != "bo" {
		t.Fatalf("another approver reads %s", JSON(n))
	}
	bo.Does("ask", id, map[string]any{"note": secret}) // the same note is one note
	bo.Does("deny", id, map[string]any{"comment": "please use the job", "note": secret + "!"})
	bo.Does("deny", id, map[string]any{"note": "and a thought"})
	if n := cy.See(id).Notes; len(n) != 3 || n[2].Text != "and a thought" {
		t.Errorf("after the answer: %s", JSON(n))
	}
	for _, path := range []string{"/requests/" + id, "/requests/" + id + "/timeline", "/requests/" + id + "/explain", "/requests?mine=true&status=all"} {
		status, _, text := d.Raw(evelyn, "GET", "/api/v1"+path, "")
		if status != 200 || strings.Contains(text, "xyzzy") || strings.Contains(text, "request.noted") {
			t.Errorf("%s answers her %d with %s", path, status, text)
		}
	}
	if _, _, text := d.Raw(d.Admin, "GET", "/api/v1/audit?request="+id, ""); strings.Contains(text, "xyzzy") || !strings.Contains(text, "request.noted") {
		t.Errorf("the events of it: %s", text)
	}
	if got := web.Decision(id); got.Text != "please use the job" {
		t.Errorf("at the endpoint: %+v", got)
	}
	if out := d.Works(evelyn, "request", "view", id); strings.Contains(out, "xyzzy") {
		t.Errorf("assentctl shows her %s", out)
	}
}

// TestA16CannedTexts: questions and denials to choose from, for a team.
func TestA16CannedTexts(t *testing.T) {
	d := New(t)
	bo, cy := d.Person("bo", "approver"), d.Person("cy", "approver")
	d.team("Platform", bo)
	d.Settings(map[string]any{"canned": []map[string]any{{"team": "", "questions": []string{"which server?"}, "denials": []string{}},
		{"team": "platform", "questions": []string{}, "denials": []string{"please use the deployment job"}},
		{"team": "approvers", "questions": []string{"why now?"}, "denials": []string{}}}})
	if out := d.Works(bo, "approval", "canned", "--format", "csv"); out != "kind,text\nquestion,which server?\nquestion,why now?\ndenial,please use the deployment job\n" {
		t.Errorf("for the team: %q", out)
	}
	if out := d.Works(cy, "approval", "canned", "--format", "csv"); out != "kind,text\nquestion,which server?\nquestion,why now?\n" {
		t.Errorf("for others: %q", out)
	}
}

// TestA15PriorityByAnApprover: it moves in the queue, and says who moved it.
func TestA15PriorityByAnApprover(t *testing.T) {
	d := New(t)
	bo, evelyn := d.Person("bo", "approver"), d.Person("evelyn", "approver")
	web := d.Endpoint("web-1")
	d.link(evelyn, web, "eve")
	first, second := web.Ask("eve", "/usr/bin/id"), web.Ask("eve", "/usr/bin/true")
	list := func() string {
		return strings.Join(strings.Fields(d.Works(bo, "approval", "list", "--format", "id")), " ")
	}
	if got := list(); got != first+" "+second {
		t.Fatalf("before: %s", got)
	}
	evelyn.Refused("self_approval", "prioritize", second, map[string]any{"priority": "urgent"})
	bo.Refused("invalid", "prioritize", second, map[string]any{"priority": "soon"})
	d.Works(bo, "approval", "prioritize", second, "--priority", "urgent")
	if r := bo.See(second); r.Priority.Value != "urgent" || r.Priority.SetBy == nil || *r.Priority.SetBy != "bo" || *r.Queue.Position != 1 {
		t.Errorf("%s %s", JSON(r.Priority), JSON(r.Queue))
	}
	if got := list(); got != second+" "+first {
		t.Errorf("after: %s", got)
	}
	if got := strings.Count(d.Kinds(second), "request.prioritized"); got != 1 {
		t.Errorf("%d events", got)
	}
	bo.Does("prioritize", second, map[string]any{"priority": "urgent"})
	if got := strings.Count(d.Kinds(second), "request.prioritized"); got != 1 {
		t.Errorf("%d events after the same again", got)
	}
}

// TestA7DurationAndStart: an approver gives less, more or later than was asked.
func TestA7DurationAndStart(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	web := d.Endpoint("web-1")
	ask := func(arg string) string {
		a := web.Attempt("eve", "/usr/bin/id", arg)
		a.Attempt.Duration = time.Hour
		return web.AskWith(a, "because I must", "")
	}
	shorter, longer, later := ask("a"), ask("b"), ask("c")
	d.Works(bo, "approval", "approve", shorter, "--for", "30m")
	bo.Does("approve", longer, map[string]any{"duration_seconds": 7200})
	start := d.Now().Add(3 * time.Hour).UTC().Truncate(time.Second)
	bo.Refused("invalid", "approve", later, map[string]any{"start": d.Now().Add(-time.Hour).UTC().Format(time.RFC3339)})
	bo.Refused("invalid", "deny", later, map[string]any{"start": start.Format(time.RFC3339)})
	bo.Refused("invalid", "approve", later, map[string]any{"duration_seconds": 9 * 3600})
	r := bo.Does("approve", later, map[string]any{"start": start.Format(time.RFC3339), "duration_seconds": 600})
	if r.State != "approved" || !r.Granted.Start.Equal(start) || r.Granted.DurationSeconds != 600 || *r.Requested.DurationSeconds != 3600 || r.Reviews[0].Start == nil {
		t.Errorf("later: %s", JSON(r))
	}
	for id, want := range map[string]time.Duration{shorter: 30 * time.Minute, longer: 2 * time.Hour, later: 10 * time.Minute} {
		if g := web.Grant(id); g.Duration != want {
			t.Errorf("the grant is for %v, want %v", g.Duration, want)
		}
	}
	if g := web.Grant(later); !g.NotBefore.Equal(start) || !g.NotAfter.Equal(start.Add(10*time.Minute)) {
		t.Errorf("the grant's window is %v to %v", g.NotBefore, g.NotAfter)
	}
	d.Pass(3 * time.Hour)
	if r := bo.See(later); r.State != "available" {
		t.Errorf("at the start it is %s", r.State)
	}
	d.Pass(11 * time.Minute)
	if r := bo.See(later); r.State != "expired" {
		t.Errorf("after its window it is %s", r.State)
	}
}

// TestA9FirstDecisionWins: the second is told who was first, at every door.
func TestA9FirstDecisionWins(t *testing.T) {
	d := New(t)
	bo, cy := d.Person("bo", "approver"), d.Person("cy", "approver")
	id := d.Endpoint("web-1").Ask("eve", "/usr/bin/id")
	bo.Does("deny", id, map[string]any{"comment": "use the job"})
	bo.Does("deny", id, map[string]any{"comment": "use the job"}) // the same again is success
	_, err := cy.Act(t.Context(), id, "approve", client.Answer{})
	if Code(err) != "already_decided" || !strings.Contains(fmt.Sprint(err), "bo") {
		t.Errorf("REST: %v", err)
	}
	r := d.Ctl(cy, "approval", "approve", id)
	if r.Code != 6 || !strings.Contains(r.Err, "already denied by bo") || !strings.Contains(r.Err, "use the job") {
		t.Errorf("assentctl: %d %s", r.Code, r.Err)
	}
	if got := d.Kinds(id); strings.Count(got, "request.reviewed") != 1 || strings.Count(got, "request.denied") != 1 {
		t.Error(got)
	}
}

// TestA10UndoNeverForHighRisk: an answer can be taken back for seconds, but not
// one that gives the whole machine.
func TestA10UndoNeverForHighRisk(t *testing.T) {
	d := New(t)
	bo, cy := d.Person("bo", "approver"), d.Person("cy", "approver")
	d.Settings(map[string]any{"undo_seconds": 60})
	signed := bo.SignIn()
	web := d.Endpoint("web-1")
	ask := func(argv ...string) string {
		a := web.Attempt("eve", argv...)
		a.AtTerminal = false
		return web.AskWith(a, "because I must", "")
	}
	id := ask("/usr/bin/id", "-u")
	r := signed.Does("approve", id, nil)
	if r.State != "pending" || r.Decision == nil || r.Decision.HeldUntil == nil || r.Grant != nil {
		t.Fatalf("held: %s", JSON(r))
	}
	cy.Refused("forbidden", "undo", id, nil)
	if r := signed.Does("undo", id, nil); r.State != "pending" || r.Decision != nil || len(r.Reviews) != 0 {
		t.Errorf("taken back: %s", JSON(r))
	}
	signed.Does("approve", id, nil)
	d.Pass(61 * time.Second)
	signed.Refused("not_pending", "undo", id, nil)
	if g := web.Grant(id); string(g.Request) != id {
		t.Errorf("after the hold: %+v", g)
	}
	shell := ask("/usr/bin/bash")
	if r := signed.Does("approve", shell, nil); r.State != "available" || r.Decision.HeldUntil != nil {
		t.Errorf("a shell is held: %s", JSON(r))
	}
	signed.Refused("not_pending", "undo", shell, nil)
}

// TestA17OneAnswerForAGroup: the same thing from many places, answered at once,
// each with its own result.
func TestA17OneAnswerForAGroup(t *testing.T) {
	d := New(t)
	bo, dee := d.Person("bo", "approver"), d.Scoped("dee", map[string]string{"role": "db"}, "approver")
	var ids []string
	for i := range 3 {
		ids = append(ids, d.Endpoint(fmt.Sprintf("web-%d", i), "role=web").Ask("eve", "/usr/bin/apt", "update"))
	}
	db := d.Endpoint("db-1", "role=db").Ask("eve", "/usr/bin/apt", "update")
	d.Endpoint("web-9", "role=web").Ask("mallory", "/usr/bin/id")
	groups := Must(client.Get[client.List[client.RequestGroup]](t.Context(), bo.Client, "/requests", map[string][]string{"group_by": {"program"}}))(t).Items
	if len(groups) != 2 || groups[0].Key != "apt" || groups[0].Count != 4 || groups[0].Sample.ID != ids[0] {
		t.Fatalf("%s", JSON(groups))
	}
	for by, want := range map[string]int64{"user": 4, "endpoint": 1, "publisher": 5} {
		got := Must(client.Get[client.List[client.RequestGroup]](t.Context(), bo.Client, "/requests", map[string][]string{"group_by": {by}}))(t).Items
		if got[0].Count != want {
			t.Errorf("by %s: %s", by, JSON(got))
		}
	}
	if out := d.Works(dee, "approval", "list", "--group-by", "program", "--format", "csv", "--columns", "group,count"); out != "group,count\nprogram=apt,1\n" {
		t.Errorf("dee, who sees one endpoint: %q", out)
	}
	batch := func(p *Person, body map[string]any) client.BatchResults {
		return Must(client.Post[client.BatchResults](t.Context(), p.Client, "/requests/batch", body))(t)
	}
	out := batch(dee, map[string]any{"action": "deny", "group": map[string]string{"by": "program", "key": "apt"}, "comment": "not now"})
	if len(out.Results) != 1 || out.Results[0].ID != db || out.Results[0].State != "denied" {
		t.Errorf("dee answers %s", JSON(out))
	}
	d.Works(bo, "approval", "approve", "--group", "program=apt", "--for", "10m", "--yes")
	for _, id := range ids {
		if r := bo.See(id); r.State != "available" || r.Granted.DurationSeconds != 600 {
			t.Errorf("%s", JSON(r))
		}
	}
	// Who may write rules is offered the one that answers these from now on.
	d.Endpoint("web-5").Ask("eve", "/usr/bin/apt", "upgrade")
	d.Endpoint("web-6").Ask("eve", "/usr/bin/apt", "upgrade")
	r := d.Ctl(d.Admin, "approval", "approve", "--group", "program=apt", "--yes")
	_, id, ok := strings.Cut(r.Err, "hint: a rule can answer these from now on: assentctl rule from ")
	if r.Code != 0 || !ok || !strings.Contains(d.Works(d.Admin, "rule", "from", strings.TrimSpace(id)), "/usr/bin/apt") {
		t.Errorf("the offer: %d %s", r.Code, r.Err)
	}
	for name, body := range map[string]map[string]any{
		"both":          {"action": "deny", "ids": ids, "group": map[string]string{"by": "program", "key": "apt"}},
		"neither":       {"action": "deny"},
		"unknown group": {"action": "deny", "group": map[string]string{"by": "colour", "key": "red"}},
	} {
		if _, err := bo.Do("POST", "/requests/batch", body); Code(err) != "invalid" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestA3ManyAtOnce: several ids, each with its own result, and a denial's text
// at the endpoint.
func TestA3ManyAtOnce(t *testing.T) {
	d := New(t)
	bo, cy := d.Person("bo", "approver"), d.Person("cy", "approver")
	web := d.Endpoint("web-1")
	a, b, c := web.Ask("eve", "/usr/bin/id", "a"), web.Ask("eve", "/usr/bin/id", "b"), web.Ask("eve", "/usr/bin/id", "c")
	cy.Does("approve", b, nil)
	r := d.Ctl(bo, "approval", "action", "--approve", a, "--deny", b, "--deny", c, "--comment", "please use the job", "--yes")
	if r.Code != 7 || !strings.Contains(r.Out, "approved, now available") || !strings.Contains(r.Out, "denied") || !strings.Contains(r.Err, "already approved by cy") {
		t.Errorf("%d\n%s%s", r.Code, r.Out, r.Err)
	}
	if got := web.Decision(c); got.Verdict != elevation.Denied || got.Text != "please use the job" || got.By != "bo" {
		t.Errorf("%+v", got)
	}
	many := make([]string, 501)
	for i := range many {
		many[i] = a
	}
	if _, err := bo.Do("POST", "/requests/batch", map[string]any{"action": "deny", "ids": many}); Code(err) != "invalid" {
		t.Errorf("501 at once: %v", err)
	}
	out := Must(client.Post[client.BatchResults](t.Context(), bo.Client, "/requests/batch", client.Batch{Action: "deny", IDs: []string{c, "req_nonsense", a}}))(t)
	if len(out.Results) != 3 || !out.Results[0].OK || out.Results[1].Error.Code != "not_found" || out.Results[2].Error.Code != "already_decided" {
		t.Errorf("%s", JSON(out))
	}
}

// TestA19RemoveByAnApprover: it leaves approvers' lists; one that waits closes
// unanswered, and the person at the endpoint is told.
func TestA19RemoveByAnApprover(t *testing.T) {
	d := New(t)
	bo, cy, aud := d.Person("bo", "approver"), d.Person("cy", "approver"), d.Person("aud", "auditor")
	web := d.Endpoint("web-1")
	id := web.Ask("eve", "/usr/bin/id")
	aud.Refused("forbidden", "remove", id, nil)
	d.Works(bo, "approval", "action", "--remove", id, "--yes")
	if c := web.Closed(id); c.Why != wire.ClosedRemoved || c.By != "bo" {
		t.Errorf("at the endpoint: %+v", c)
	}
	if out := d.Works(cy, "approval", "list", "--status", "all", "--format", "id"); out != "" {
		t.Errorf("still listed: %s", out)
	}
	if r := cy.See(id); r.Decision != nil || r.State != "expired" {
		t.Errorf("closed: %s", JSON(r))
	}
	cy.Refused("not_pending", "approve", id, nil)
	busy := web.Ask("eve", "/usr/bin/true")
	bo.Does("approve", busy, nil)
	bo.Refused("not_pending", "remove", busy, nil)
	web.Uses(busy)
	if out := d.Works(bo, "approval", "action", "--remove", "@approved", "--yes"); out != "" {
		t.Errorf("what runs is removed: %s", out)
	}
	web.Ends(busy, elevation.Completed)
	if out := d.Works(bo, "approval", "action", "--remove", "@approved", "--yes"); !strings.Contains(out, "removed") {
		t.Errorf("what was approved and is over: %q", out)
	}
}

// TestR4RemoveByTheRequester: what is over leaves the requester's list, and no
// other; what is not over can not be removed.
func TestR4RemoveByTheRequester(t *testing.T) {
	d := New(t)
	bo, evelyn := d.Person("bo", "approver"), d.Person("evelyn")
	web := d.Endpoint("web-1")
	d.link(evelyn, web, "eve")
	id := web.Ask("eve", "/usr/bin/id")
	evelyn.Refused("not_pending", "remove", id, nil)
	bo.Does("deny", id, nil)
	d.Works(evelyn, "request", "remove", id)
	if out := d.Works(evelyn, "request", "list", "--status", "all", "--format", "id"); out != "" {
		t.Errorf("her list: %s", out)
	}
	if out := d.Works(bo, "approval", "list", "--status", "denied", "--format", "id"); out != id+"\n" {
		t.Errorf("approvers' list: %s", out)
	}
}

const reviewedAfterwards = `rules:
  - name: looked-at
    match: {path: /usr/bin/id, args: [{rest: true}]}
    then: require
    require: {after_review: {team: Audit, comment: true, blocks: true}}
`

// TestR6ReviewAfterCheckIn: checking in ends it and hands it to the reviewers.
func TestR6ReviewAfterCheckIn(t *testing.T) {
	d := New(t)
	bo, aud, evelyn := d.Person("bo", "approver"), d.Person("aud", "auditor"), d.Person("evelyn")
	d.team("Audit", aud)
	d.Rules(reviewedAfterwards)
	web := d.Endpoint("web-1")
	d.link(evelyn, web, "eve")
	id := web.Ask("eve", "/usr/bin/id")
	bo.Does("approve", id, nil)
	web.Uses(id)
	if r := evelyn.Does("check-in", id, nil); r.Delivery != "revoking" {
		t.Errorf("checked in: %s", r.Delivery)
	}
	if r := web.Revocation(id); r.Reason != elevation.CheckedIn {
		t.Errorf("at the endpoint: %+v", r)
	}
	web.Ends(id, elevation.CheckedIn)
	if out := d.Works(aud, "approval", "list", "--status", "pending_review", "--team", "Audit", "--format", "id"); out != id+"\n" {
		t.Errorf("pending review: %q", out)
	}
	if got := d.Kinds(id); !strings.Contains(got, "grant.ended review.due") {
		t.Error(got)
	}
}

// TestR12ReviewAfterUse: only the named team reviews, with the comment that the
// rule wants; until then the rule keeps the same from being asked for again.
func TestR12ReviewAfterUse(t *testing.T) {
	d := New(t)
	bo, aud := d.Person("bo", "approver"), d.Person("aud", "auditor")
	d.team("Audit", aud)
	d.Rules(reviewedAfterwards)
	web := d.Endpoint("web-1")
	id := web.Ask("eve", "/usr/bin/id")
	aud.Refused("not_pending", "after-review", id, map[string]any{"comment": "early"})
	bo.Does("approve", id, nil)
	web.Uses(id)
	web.Ends(id, elevation.Completed)
	if r := bo.See(id).AfterReview; r == nil || !r.CommentRequired || !r.Blocks || r.DueAt == nil || r.By != nil {
		t.Errorf("due: %s", JSON(r))
	}
	if got := web.Send(web.Attempt("eve", "/usr/bin/id")); got != wire.TClosed {
		t.Errorf("the same again is answered by %s", got)
	}
	if got := web.Send(web.Attempt("eve", "/usr/bin/true")); got != wire.TNeed {
		t.Errorf("something else is answered by %s", got)
	}
	bo.Refused("forbidden", "after-review", id, map[string]any{"comment": "fine"})
	aud.Refused("invalid", "after-review", id, nil)
	d.Works(aud, "approval", "after-review", id, "--comment", "as agreed")
	aud.Does("after-review", id, map[string]any{"comment": "as agreed"}) // the same again is success
	if r := bo.See(id).AfterReview; r.By == nil || r.By.Login != "aud" || *r.Comment != "as agreed" {
		t.Errorf("reviewed: %s", JSON(r))
	}
	if out := d.Works(aud, "approval", "list", "--status", "pending_review", "--format", "id"); out != "" {
		t.Errorf("still pending: %q", out)
	}
	if out := d.Works(aud, "approval", "list", "--status", "reviewed", "--format", "id"); out != id+"\n" {
		t.Errorf("reviewed: %q", out)
	}
	if got := web.Send(web.Attempt("eve", "/usr/bin/id")); got != wire.TNeed {
		t.Errorf("after the review the same is answered by %s", got)
	}
	if got := d.Kinds(id); strings.Count(got, "review.due") != 1 || strings.Count(got, "request.after_review") != 1 {
		t.Error(got)
	}
}

// TestR7RevokeWhatIsLive: revoking ends what runs, is "revoking" until the
// endpoint confirms it, and a security administrator may do it anywhere.
func TestR7RevokeWhatIsLive(t *testing.T) {
	d := New(t)
	bo, sam := d.Person("bo", "approver"), d.Person("sam", "security_admin")
	web := d.Endpoint("web-1")
	id := web.Ask("eve", "/usr/bin/id")
	sam.Refused("forbidden", "approve", id, nil)
	bo.Does("approve", id, nil)
	web.Uses(id)
	live := Must(client.Get[client.List[client.Request]](t.Context(), sam.Client, "/live", nil))(t)
	if len(live.Items) != 1 || live.Items[0].ID != id {
		t.Errorf("what runs: %s", JSON(live))
	}
	Must(sam.Do("POST", "/live/"+id+"/terminate", map[string]any{"comment": "stop that"}))(t)
	if r := bo.See(id); r.State != "revoked" || r.Delivery != "revoking" {
		t.Errorf("before the endpoint confirms: %s %s", r.State, r.Delivery)
	}
	if r := web.Revocation(id); r.Reason != elevation.RevokedEnd || r.By.Name != "sam" || r.Comment != "stop that" {
		t.Errorf("at the endpoint: %+v", r)
	}
	web.Ends(id, elevation.RevokedEnd)
	if r := bo.See(id); r.State != "revoked" || r.Delivery != "confirmed" {
		t.Errorf("confirmed: %s %s", r.State, r.Delivery)
	}
	bo.Refused("not_pending", "revoke", id, nil)
}

// TestA6ClaimNudgeAndEscalate: who looks at it, who reminds, who else may answer.
func TestA6ClaimNudgeAndEscalate(t *testing.T) {
	d := New(t)
	bo, cy, evelyn := d.Person("bo", "approver"), d.Person("cy", "approver"), d.Person("evelyn")
	d.team("Platform", bo)
	d.team("Lead", cy)
	d.Rules("rules:\n  - name: p\n    match: {path: /usr/bin/id, args: [{rest: true}]}\n    then: require\n    require: {stages: [{team: Platform, quorum: 1}]}\n")
	web := d.Endpoint("web-1")
	d.link(evelyn, web, "eve")
	id := web.Ask("eve", "/usr/bin/id")
	d.Works(bo, "approval", "claim", id)
	if r := evelyn.See(id); r.Claim == nil || r.Claim.By.Login != "bo" {
		t.Errorf("claimed: %s", JSON(r.Claim))
	}
	d.Admin.Refused("conflict", "claim", id, nil)
	d.Pass(10 * time.Minute)
	if r := bo.See(id); r.Claim != nil {
		t.Errorf("a claim after ten minutes: %s", JSON(r.Claim))
	}
	d.Works(evelyn, "request", "nudge", id)
	status, header, text := d.Raw(evelyn, "POST", "/api/v1/requests/"+id+"/nudge", "{}")
	if status != 429 || !strings.Contains(text, "rate_limited") || header.Get("Retry-After") == "" {
		t.Errorf("a second reminder: %d %s", status, text)
	}
	bo.Refused("forbidden", "nudge", id, nil)
	cy.Refused("forbidden", "approve", id, nil)
	bo.Refused("forbidden", "escalate", id, map[string]any{"team": "Lead"})
	r := d.Admin.Does("escalate", id, map[string]any{"team": "Lead", "comment": "production is down"})
	if len(r.Escalations) != 1 || r.Escalations[0].Name != "Lead" || r.Escalations[0].By.Login != "admin" || *r.Escalations[0].Comment != "production is down" {
		t.Errorf("escalated: %s", JSON(r.Escalations))
	}
	if out := d.Works(bo, "approval", "view", id, "--timeline"); !strings.Contains(out, "to Lead: production is down") {
		t.Errorf("the timeline: %s", out)
	}
	if out := d.Works(cy, "approval", "list", "--status", "escalated", "--format", "id"); out != id+"\n" {
		t.Errorf("the list of what was escalated: %q", out)
	}
	if r := cy.Does("approve", id, nil); r.State != "available" {
		t.Errorf("%s", r.State)
	}
}

// TestR1MyRequests: the filters with their counts, and the text search, of one's
// own requests.
func TestR1MyRequests(t *testing.T) {
	d := New(t)
	bo, evelyn := d.Person("bo", "approver"), d.Person("evelyn")
	web := d.Endpoint("web-1")
	d.link(evelyn, web, "eve")
	denied, available, pending := web.Ask("eve", "/usr/bin/id", "a"), web.Ask("eve", "/usr/bin/id", "b"), web.Ask("eve", "/usr/bin/systemctl", "restart")
	web.Ask("mallory", "/usr/bin/id", "c")
	bo.Does("deny", denied, nil)
	bo.Does("approve", available, nil)
	counts := Must(client.Get[client.Counts](t.Context(), evelyn.Client, "/counts", map[string][]string{"mine": {"true"}}))(t)
	if want := (client.Counts{All: 3, Available: 1, Pending: 1, Denied: 1}); counts != want {
		t.Errorf("%+v, want %+v", counts, want)
	}
	for status, want := range map[string]string{"denied": denied, "available": available, "pending": pending} {
		if out := d.Works(evelyn, "request", "list", "--status", status, "--format", "id"); out != want+"\n" {
			t.Errorf("%s: %q", status, out)
		}
	}
	found := Must(client.Get[client.List[client.Request]](t.Context(), evelyn.Client, "/requests", map[string][]string{"q": {"systemctl"}, "status": {"all"}}))(t)
	if len(found.Items) != 1 || found.Items[0].ID != pending {
		t.Errorf("found %s", JSON(found))
	}
}

// TestR2RequestsOpenToMore: every field is there for scripts, and the terminal
// shows what is known; where there is no terminal, a list cuts nothing off.
func TestR2RequestsOpenToMore(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	id := d.Endpoint("a-machine-with-quite-a-long-name", "role=web").Ask("a-user-with-a-long-name", "/usr/lib/x86_64-linux-gnu/some/program", strings.Repeat("argument ", 20))
	whole := Must(bo.Do("GET", "/requests/"+id, nil))(t)
	for _, field := range []string{"id", "origin", "state", "end_reason", "access_type", "user", "endpoint", "account", "subject", "justification", "ticket",
		"priority", "submitted_at", "expires_at", "requested", "granted", "approvals", "reviews", "questions", "decision", "grant", "rules", "caution", "queue",
		"previous_id", "delivery", "emergency", "claim", "notes", "escalations", "nudges", "after_review"} {
		if _, ok := whole[field]; !ok {
			t.Errorf("there is no field %s", field)
		}
	}
	view := d.Works(bo, "approval", "view", id)
	for _, empty := range regexp.MustCompile(`(?m)^[a-z_0-9]+ *$`).FindAllString(view, -1) {
		t.Errorf("a line without anything: %q", empty)
	}
	if list := d.Works(bo, "approval", "list"); !strings.Contains(list, "/usr/lib/x86_64-linux-gnu/some/program") || strings.Contains(list, "…") {
		t.Errorf("the list cuts something off: %s", list)
	}
}

// TestA12StepUpByPassword: what a rule wants presence for is approved only after
// a sign-in of the last five minutes; the program says where.
func TestA12StepUpByPassword(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	d.Rules("rules:\n  - name: here\n    match: {path: /usr/bin/id, args: [{rest: true}]}\n    then: require\n    require: {step_up: true}\n")
	web := d.Endpoint("web-1")
	id := web.Ask("eve", "/usr/bin/id")
	bo.Refused("step_up_required", "approve", id, nil)
	r := d.Ctl(bo, "approval", "approve", id)
	if r.Code != 4 || !strings.Contains(r.Err, "hint: sign in again") || !strings.Contains(r.Err, d.URL+"/#/requests/"+id) {
		t.Errorf("%d %s", r.Code, r.Err)
	}
	signed := bo.SignIn()
	d.Pass(6 * time.Minute)
	signed.Refused("step_up_required", "approve", id, nil)
	if err := signed.Call(t.Context(), "POST", "/sessions", nil, map[string]string{"login": "bo", "password": Password}, nil); err != nil {
		t.Fatal(err)
	}
	if r := signed.Does("approve", id, nil); r.State != "available" {
		t.Errorf("%s", r.State)
	}
}
