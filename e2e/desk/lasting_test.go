package desk

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/wire"
)

// answers are the lasting answers that somebody sees.
func (p *Person) answers() []client.Access {
	p.desk.T.Helper()
	return Must(client.Get[client.List[client.Access]](p.desk.T.Context(), p.Client, "/access", nil))(p.desk.T).Items
}

// A yes that lasts: the same user, endpoint, program and arguments run without a
// person until it ends; nothing else does.
func TestU11LastingAnswer(t *testing.T) {
	d := New(t)
	bo, dina, other := d.Person("bo", "approver"), d.Person("dina"), d.Person("other")
	web, db := d.Endpoint("web-1", "role=web"), d.Endpoint("db-1", "role=db")
	linked(dina, web, "dina")
	restart := []string{"/usr/bin/systemctl", "restart", "nginx"}
	id := web.Ask("dina", restart...)
	bo.Refused("invalid", "approve", id, map[string]any{"lasts": "3h"})
	bo.Refused("invalid", "approve", id, map[string]any{"lasts": "91d"})
	bo.Does("approve", id, map[string]any{"lasts": "8h"})
	if kinds := d.Kinds(id); !strings.Contains(kinds, "access.granted") {
		t.Errorf("it happened: %s", kinds)
	}
	again := web.Attempt("dina", restart...)
	if got := web.Send(again); got != wire.TDecision {
		t.Fatalf("the same again is answered by %s", got)
	}
	r := bo.See(string(again.Request))
	if r.State != "available" || r.Decision.Rule == nil || !strings.HasPrefix(*r.Decision.Rule, "acc_") || r.Decision.By != nil {
		t.Errorf("it is approved by the lasting answer: %s", JSON(r))
	}
	if g := web.Uses(r.ID); !strings.HasPrefix(g.Rule, "acc_") {
		t.Errorf("its grant: %+v", g)
	}
	for what, a := range map[string]wire.Attempt{
		"another argument": web.Attempt("dina", "/usr/bin/systemctl", "restart", "sshd"),
		"another user":     web.Attempt("eve", restart...),
		"another program":  web.Attempt("dina", "/usr/bin/service", "restart", "nginx"),
	} {
		if got := web.Send(a); got != wire.TNeed {
			t.Errorf("%s is answered by %s", what, got)
		}
	}
	if got := db.Send(db.Attempt("dina", restart...)); got != wire.TNeed {
		t.Errorf("another endpoint is answered by %s", got)
	}
	// Root's file may be updated, an ordinary user's may not.
	updated := web.Attempt("dina", restart...)
	updated.Attempt.Subject.SHA256 = strings.Repeat("ab", 32)
	if got := web.Send(updated); got != wire.TDecision {
		t.Errorf("after an update of the package: %s", got)
	}
	updated = web.Attempt("dina", restart...)
	updated.Attempt.Subject.SHA256, updated.Attempt.Subject.Marks = strings.Repeat("ab", 32), []string{"user_writable"}
	if got := web.Send(updated); got != wire.TNeed {
		t.Errorf("a file that its user can change: %s", got)
	}
	// It never beats a denial or a newer rule that wants a person.
	d.Rules("rules:\n  - name: never\n    match: {path: /usr/bin/systemctl}\n    then: deny\n")
	denied := web.Attempt("dina", restart...)
	if got := web.Send(denied); got != wire.TDecision || web.Decision(string(denied.Request)).Verdict != "denied" {
		t.Errorf("a denial is stronger: %s", got)
	}
	d.Rules("rules:\n  - name: newer\n    match: {path: /usr/bin/systemctl}\n    then: require\n    require: {stages: [{team: Approvers, quorum: 1}]}\n")
	if got := web.Send(web.Attempt("dina", restart...)); got != wire.TNeed {
		t.Errorf("a newer rule wants a person: %s", got)
	}
	d.Rules("rules: []\n")
	d.Settings(map[string]any{"show_approvers": false})
	if mine := dina.answers(); len(mine) != 1 || strings.Contains(JSON(mine), `"bo"`) || bo.answers()[0].By.Login != "bo" {
		t.Errorf("who answered is shown: %s", JSON(mine))
	}
	d.Settings(map[string]any{"show_approvers": true})
	// Who sees it and who may end it.
	if mine := dina.answers(); len(mine) != 1 || mine[0].User != "dina" || *mine[0].Endpoint.Name != "web-1" || mine[0].By.Login != "bo" || mine[0].Pin != "path" {
		t.Fatalf("my access: %s", JSON(mine))
	}
	acc := dina.answers()[0].ID
	if len(other.answers()) != 0 || len(d.Scoped("dba", map[string]string{"role": "db"}, "approver").answers()) != 0 || len(bo.answers()) != 1 {
		t.Error("others see it, or approvers do not")
	}
	if err := other.EndAccess(t.Context(), acc); Code(err) != "not_found" {
		t.Errorf("somebody else ends it: %v", err)
	}
	if err := d.Token("dina", "requests.read").EndAccess(t.Context(), acc); Code(err) != "forbidden" {
		t.Errorf("a token for reading ends it: %v", err)
	}
	d.Works(dina, "access", "delete", acc)
	if err := dina.EndAccess(t.Context(), acc); err != nil {
		t.Errorf("ended twice: %v", err)
	}
	if out := d.Works(bo, "access", "--format", "id"); out != "" {
		t.Errorf("after its end there is %q", out)
	}
	if got := web.Send(web.Attempt("dina", restart...)); got != wire.TNeed {
		t.Errorf("after its end: %s", got)
	}
}

func TestU11LastingAnswerEnds(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	web := d.Endpoint("web-1")
	d.Admin = d.Person("boss", "administrator") // the first token is good for a day
	d.Rules("rules:\n  - name: asked\n    match: {path: /usr/bin/apt}\n    then: require\n    require: {stages: [{team: Approvers, quorum: 1}]}\n")
	id := web.Ask("eve", "/usr/bin/apt", "update")
	d.Works(bo, "approval", "approve", id, "--lasts", "7d")
	if acc := bo.answers(); len(acc) != 1 || len(acc[0].Rules) != 1 || !acc[0].Until.Equal(acc[0].At.Add(7*24*time.Hour)) {
		t.Fatalf("for seven days: %s", JSON(acc))
	}
	d.Pass(6 * 24 * time.Hour)
	if got := web.Send(web.Attempt("eve", "/usr/bin/apt", "update")); got != wire.TDecision {
		t.Errorf("under the rule that wanted a person: %s", got)
	}
	// Another rule comes: the one under which it was given still says the same.
	d.Rules("rules:\n  - name: asked\n    match: {path: /usr/bin/apt}\n    then: require\n    require: {stages: [{team: Approvers, quorum: 1}]}\n" +
		"  - name: elsewhere\n    match: {path: /usr/bin/dnf}\n    then: require\n    require: {stages: [{team: Approvers, quorum: 1}]}\n")
	if got := web.Send(web.Attempt("eve", "/usr/bin/apt", "update")); got != wire.TDecision {
		t.Errorf("after a change of other rules: %s", got)
	}
	d.Rules("rules:\n  - name: asked\n    match: {path: /usr/bin/apt}\n    then: require\n    require: {stages: [{team: Approvers, quorum: 2}]}\n")
	if got := web.Send(web.Attempt("eve", "/usr/bin/apt", "update")); got != wire.TNeed {
		t.Errorf("the rule wants two people now: %s", got)
	}
	d.Rules("rules: []\n")
	d.Pass(24*time.Hour + time.Minute)
	if got := web.Send(web.Attempt("eve", "/usr/bin/apt", "update")); got != wire.TNeed {
		t.Errorf("after seven days: %s", got)
	}
	if len(bo.answers()) != 0 {
		t.Error("it is still listed")
	}
	// Taking back what was answered ends what lasts of it.
	id = web.Ask("eve", "/usr/bin/id")
	bo.Does("approve", id, map[string]any{"lasts": "8h"})
	bo.Does("revoke", id, nil)
	if got := web.Send(web.Attempt("eve", "/usr/bin/id")); got != wire.TNeed {
		t.Errorf("after the revocation: %s", got)
	}
}

// A program that can do anything gets a lasting answer only from somebody who
// has just signed in.
func TestU11UnboundedNeedsPresence(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	web := d.Endpoint("web-1")
	id := web.Ask("eve", "/usr/bin/python3", "/opt/job.py")
	bo.Refused("step_up_required", "approve", id, map[string]any{"lasts": "8h"})
	if out := d.Ctl(bo, "approval", "approve", id, "--lasts", "8h"); out.Code != 4 {
		t.Errorf("by assentctl: %+v", out)
	}
	here := bo.SignIn()
	here.Does("approve", id, map[string]any{"lasts": "8h"})
	d.Pass(4 * time.Second) // it could be undone until now
	if got := web.Send(web.Attempt("eve", "/usr/bin/python3", "/opt/job.py")); got != wire.TDecision {
		t.Errorf("the same again: %s", got)
	}
	elsewhere := web.Attempt("eve", "/usr/bin/python3", "/opt/job.py")
	elsewhere.Attempt.Subject.Cwd = "/tmp"
	if got := web.Send(elsewhere); got != wire.TNeed {
		t.Errorf("in another folder: %s", got)
	}
}

// Emergency access is granted at once, to whom the settings name and who is
// there; everybody who was not asked is named, and it is reviewed afterwards.
func TestR10EmergencyAccess(t *testing.T) {
	d := New(t)
	d.Person("bo", "approver")
	d.Person("cy", "approver")
	ann := d.Person("ann", "administrator")
	dina := d.Person("dina")
	web := d.Able([]string{"session", "admin"}, "web-1")
	linked(ann, web, "root-ann")
	linked(dina, web, "dina")
	urgent := client.NewRequest{AccessType: "session", Endpoint: "web-1", Emergency: true, Justification: "the shop is down"}
	dina.notFiled("forbidden", urgent)
	ann.notFiled("step_up_required", urgent)
	out := d.Ctl(ann, "request", "new", "--type", "session", "--endpoint", "web-1", "--reason", "the shop is down", "--emergency")
	if out.Code != 4 || !strings.Contains(out.Err, d.URL) {
		t.Errorf("by assentctl: %+v", out)
	}
	here := ann.SignIn()
	short := urgent
	short.Justification = "now"
	here.notFiled("invalid", short)
	r := here.files(urgent)
	if r.State != "available" || !r.Emergency || r.Decision == nil || r.User.Name != "root-ann" {
		t.Fatalf("granted at once: %s", JSON(r))
	}
	if kinds := d.Kinds(r.ID); kinds != "emergency.used request.approved grant.issued" && kinds != "emergency.used request.approved grant.issued grant.delivered" {
		t.Errorf("it happened: %s", kinds)
	}
	_, _, log := d.Raw(d.Admin, "GET", "/api/v1/audit?kind=emergency.used&limit=10", "")
	for _, name := range []string{"bo", "cy", "admin"} {
		if !strings.Contains(log, name) {
			t.Errorf("%s was skipped and is not told: %s", name, log)
		}
	}
	web.Uses(r.ID)
	web.Ends(r.ID, "completed")
	if r = here.See(r.ID); r.AfterReview == nil {
		t.Errorf("it is to be reviewed: %s", JSON(r))
	}
	if !strings.Contains(d.Kinds(r.ID), "review.due") {
		t.Errorf("nobody is told of the review: %s", d.Kinds(r.ID))
	}
	d.Rules("rules:\n  - name: never\n    match: {access_type: [session]}\n    then: deny\n")
	if r = here.files(urgent); r.State != "denied" {
		t.Errorf("a rule that denies is stronger: %s", r.State)
	}
	d.Rules("rules: []\n")
	here.files(urgent)
	here.files(urgent)
	here.notFiled("rate_limited", urgent)
	d.Settings(map[string]any{"emergency": map[string]any{"enabled": false}})
	here.notFiled("forbidden", urgent)
	d.Settings(map[string]any{"emergency": map[string]any{"enabled": true, "roles": []string{"requester"}}})
	here.notFiled("forbidden", urgent)
	dina.SignIn().files(urgent)
}

// What waits at a terminal becomes an emergency by its person's word elsewhere,
// and goes on there.
func TestR15EmergencyOfWhatWaits(t *testing.T) {
	d := New(t)
	bo, ann := d.Person("bo", "approver"), d.Person("ann", "administrator")
	web := d.Endpoint("web-1")
	linked(ann, web, "root-ann")
	id := web.Ask("root-ann", "/usr/bin/systemctl", "restart", "nginx")
	in := client.NewRequest{AccessType: "run", Endpoint: "web-1", FromRequest: id, Emergency: true, Justification: "the shop is down"}
	ann.notFiled("step_up_required", in)
	bo.SignIn().notFiled("forbidden", in)
	here := ann.SignIn()
	r := here.files(in)
	if r.ID != id || r.State != "available" || !r.Emergency || *r.Justification != "the shop is down" {
		t.Fatalf("it is an emergency now: %s", JSON(r))
	}
	if g := web.Uses(id); string(g.Request) != id {
		t.Errorf("the grant: %+v", g)
	}
	bo.Refused("already_decided", "deny", id, nil)
	if kinds := d.Kinds(id); !strings.HasPrefix(kinds, "request.submitted") || !strings.Contains(kinds, "emergency.used request.approved grant.issued") {
		t.Errorf("it happened: %s", kinds)
	}
	in.FromRequest = web.Ask("root-ann", "/usr/bin/systemctl", "stop", "nginx")
	d.Rules("rules:\n  - name: never\n    match: {path: /usr/bin/systemctl}\n    then: deny\n")
	here.notFiled("forbidden", in)
}

// The only approver is told what to do with an own request.
func TestR15LoneAdministratorIsTold(t *testing.T) {
	d := New(t)
	web := d.Endpoint("web-1")
	id := web.Ask("admin", "/usr/bin/id")
	_, _, text := d.Raw(d.Admin, "POST", "/api/v1/requests/"+id+"/approve", "{}")
	if !strings.Contains(text, "self_approval") || !strings.Contains(text, "add one") || !strings.Contains(text, "--emergency") {
		t.Errorf("the only approver is told: %s", text)
	}
}

// Every door counts against the same limits.
func TestR13FloodIsBounded(t *testing.T) {
	d := New(t)
	bo, dina := d.Person("bo", "approver"), d.Person("dina")
	web := d.Endpoint("web-1")
	linked(dina, web, "dina")
	d.Settings(map[string]any{"quota": map[string]any{"pending_per_user": 2, "pending_per_endpoint": 3}})
	old := seen(web, bo, "dina", "/usr/bin/id")
	first := web.Ask("dina", "/usr/bin/apt", "update")
	web.Ask("dina", "/usr/bin/apt", "upgrade")
	run := client.NewRequest{AccessType: "run", Endpoint: "web-1", FromRequest: old}
	dina.notFiled("rate_limited", run)
	status, head, _ := d.Raw(dina, "POST", "/api/v1/requests", JSON(client.NewRequest{AccessType: "run", Endpoint: "web-1", FromRequest: old, Justification: "the disk is full again"}))
	if status != http.StatusTooManyRequests || head.Get("Retry-After") == "" {
		t.Errorf("over the limit: %d %v", status, head)
	}
	web.Ask("eve", "/usr/bin/id")
	run.ForUser = "eve"
	run.FromRequest = first
	bo.notFiled("rate_limited", run) // the endpoint's
	if got := web.Send(web.Attempt("fay", "/usr/bin/id")); got != wire.TClosed {
		t.Errorf("at the prompt: %s", got)
	}
	bo.Does("deny", first, nil)
	run.ForUser = ""
	dina.notFiled("rate_limited", run) // the pause after a denial
	d.Pass(2 * time.Minute)
	dina.files(run)
}
