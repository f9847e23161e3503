package desk

import (
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/wire"
)

// squad makes a team by assentctl and returns its id.
func (d *Desk) squad(args ...string) string {
	d.T.Helper()
	return strings.TrimSpace(d.Works(d.Admin, append([]string{"team", "add", "--format", "id"}, args...)...))
}

// ties ties an account to a user of an endpoint.
func (d *Desk) ties(account string, e *Endpoint, user string) client.Link {
	d.T.Helper()
	name := string(e.ID)
	return Must(client.Post[client.Link](d.T.Context(), d.Admin.Client, "/links", client.NewLink{Account: account, Endpoint: &name, User: &user}))(d.T)
}

// answerers are who can answer a request, as its requester is told.
func answerers(r client.Request) string {
	if r.Queue == nil {
		return "no queue"
	}
	return strings.Join(r.Queue.CanAnswer, " ")
}

func TestA5StagesWithQuorum(t *testing.T) {
	d := New(t)
	bo, cy, dee := d.Person("bo", "approver"), d.Person("cy", "approver"), d.Person("dee", "approver")
	d.squad("Platform", "--member", "bo", "--member", "cy", "--member", "dee")
	d.squad("Security", "--member", "dee")
	d.Rules("rules:\n- name: two\n  match: {path: /usr/bin/systemctl, args: [{rest: true}]}\n  then: require\n" +
		"  require: {stages: [{team: Platform, quorum: 2}, {team: Security, quorum: 1}]}\n")
	e := d.Endpoint("web-1")
	id := e.Ask("ann", "/usr/bin/systemctl", "restart", "nginx")
	r := bo.Does("approve", id, nil)
	if r.Approvals.Have != 1 || r.Approvals.Need != 3 || r.State != "pending" {
		t.Fatalf("after one vote: %s %+v", r.State, r.Approvals)
	}
	if r := bo.Does("approve", id, nil); r.Approvals.Have != 1 {
		t.Errorf("the same person again: %+v", r.Approvals)
	}
	// dee is in both teams and is one human: one stage gets the vote.
	if r = dee.Does("approve", id, nil); r.Approvals.Have != 2 || r.State != "pending" {
		t.Fatalf("after two votes: %s %+v", r.State, r.Approvals)
	}
	d.Admin.Refused("forbidden", "approve", id, nil) // an administrator is in neither team
	if got := answerers(d.Admin.See(id)); got != "" {
		t.Errorf("can answer: %q; the last stage has nobody left but dee, who has voted", got)
	}
	// One denial denies, whatever was said before.
	if r = cy.Does("deny", id, client.Answer{Comment: "not today"}); r.State != "denied" {
		t.Fatalf("after a denial: %s", r.State)
	}
	id = e.Ask("ann", "/usr/bin/systemctl", "restart", "mariadb")
	bo.Does("approve", id, nil)
	cy.Does("approve", id, nil)
	if r = dee.Does("approve", id, nil); r.State != "available" || r.Approvals.Have != 3 {
		t.Fatalf("with every vote: %s %+v", r.State, r.Approvals)
	}
	if got := d.Kinds(id); strings.Count(got, "request.reviewed") != 3 || strings.Count(got, "request.approved") != 1 {
		t.Errorf("events: %s", got)
	}
}

func TestA6TeamsByLabelAndAccessType(t *testing.T) {
	d := New(t)
	bo, cy := d.Person("bo", "approver"), d.Person("cy", "approver")
	d.squad("Web", "--member", "bo", "--label", "role=web")
	d.squad("Web sessions", "--member", "cy", "--label", "role=web", "--access-type", "session")
	web, db := d.Endpoint("web-1", "role=web"), d.Endpoint("db-1", "role=db")
	id := web.Ask("ann", "/usr/bin/id")
	if got := bo.See(id).Approvals.Stages; len(got) != 1 || got[0].Name != "Web" {
		t.Errorf("a web machine goes to %+v", got)
	}
	cy.Refused("forbidden", "approve", id, nil)
	bo.Does("approve", id, nil)
	if got := bo.See(db.Ask("ann", "/usr/bin/id")).Approvals.Stages; len(got) != 1 || got[0].Name != "Approvers" {
		t.Errorf("another machine goes to %+v", got)
	}
	// The labels of a machine change where its next request goes.
	d.Works(d.Admin, "endpoint", "edit", "db-1", "--label", "role=web")
	if got := bo.See(db.Ask("ann", "/usr/bin/whoami")).Approvals.Stages; len(got) != 1 || got[0].Name != "Web" {
		t.Errorf("after its label has changed: %+v", got)
	}
	list := d.Works(d.Admin, "team", "list")
	for _, want := range []string{"Approvers", "Web sessions", "role=web", "session"} {
		if !strings.Contains(list, want) {
			t.Errorf("team list does not have %q:\n%s", want, list)
		}
	}
	for name, bad := range map[string]client.NewTeam{
		"taken": {Name: "web"}, "reserved": {Name: "approvers"}, "nobody": {Name: "x", Members: []string{"nobody"}},
		"hours": {Name: "x", Hours: "always"}, "zone": {Name: "x", Hours: "08:00-18:00", TZ: "Mars/Base"}, "self": {Name: "x", Escalate: []client.TeamStep{{AfterSeconds: 1, Team: "x"}}},
		"label": {Name: "x", Scope: &client.TeamScope{Labels: map[string]string{"": "y"}}}} {
		if _, err := client.Post[client.Team](t.Context(), d.Admin.Client, "/teams", bad); Code(err) != "invalid" && Code(err) != "conflict" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestA6WorkingHours(t *testing.T) {
	d := Open(t, time.Date(2026, 3, 27, 15, 0, 0, 0, time.UTC)) // a Friday, two days before summer time
	bo := d.Person("bo", "approver")
	d.squad("Web", "--member", "bo", "--label", "role=web", "--hours", "Mon-Fri 08:00-18:00", "--tz", "Europe/Berlin")
	e := d.Endpoint("web-1", "role=web")
	id := e.Ask("ann", "/usr/bin/id")
	if r := bo.See(id); answerers(r) != "bo" || r.Queue.CanAnswerFrom != nil {
		t.Errorf("at 16:00 in Berlin: %s, from %v", answerers(r), r.Queue.CanAnswerFrom)
	}
	// 8 hours of the team: two on Friday, six on Monday, when Berlin is UTC+2.
	if at := bo.See(id).ExpiresAt; at == nil || !at.Truncate(time.Minute).Equal(time.Date(2026, 3, 30, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("it expires at %v", at)
	}
	d.Pass(3 * time.Hour) // 19:00 in Berlin
	monday := time.Date(2026, 3, 30, 6, 0, 0, 0, time.UTC)
	r := bo.See(id)
	if answerers(r) != "" || r.Queue.CanAnswerFrom == nil || !r.Queue.CanAnswerFrom.Equal(monday) {
		t.Errorf("in the evening: %q can answer, from %v", answerers(r), r.Queue.CanAnswerFrom)
	}
	bo.Refused("forbidden", "approve", id, nil)
	late := e.Attempt("ann", "/usr/bin/whoami")
	e.AskWith(late, "it can wait until Monday", "")
	p := Wait(e, wire.TProgress, func(m wire.Progress) bool { return m.Request == late.Request })
	if len(p.CanAnswer) != 0 || !p.CanAnswerFrom.Equal(monday) {
		t.Errorf("the endpoint is told %v, from %v", p.CanAnswer, p.CanAnswerFrom)
	}
	// What is urgent does not wait for Monday.
	bo.Does("prioritize", id, map[string]any{"priority": "urgent"})
	if r := bo.Does("approve", id, nil); r.State != "available" {
		t.Errorf("urgent: %s", r.State)
	}
	d.Pass(60 * time.Hour) // Monday, 09:00 in Berlin: the wait was not counted
	if r := bo.Does("approve", string(late.Request), nil); r.State != "available" {
		t.Errorf("on Monday: %s", r.State)
	}
}

func TestA6OutOfOfficeDelegate(t *testing.T) {
	d := New(t)
	bo, cy, dee := d.Person("bo", "approver"), d.Person("cy", "approver"), d.Person("dee", "approver")
	d.squad("Web", "--member", "bo", "--label", "role=web")
	e := d.Endpoint("web-1", "role=web")
	id := e.Ask("ann", "/usr/bin/id")
	cy.Refused("forbidden", "approve", id, nil)
	d.Works(bo, "delegation", "add", "cy", "--until", d.Now().Add(7*24*time.Hour).Format(time.RFC3339))
	if got := answerers(bo.See(id)); got != "cy" {
		t.Errorf("while bo is away %q can answer", got)
	}
	// No chain: who stands in for cy does not stand in for bo.
	d.Works(cy, "delegation", "add", "dee", "--until", d.Now().Add(time.Hour).Format(time.RFC3339))
	dee.Refused("forbidden", "approve", id, nil)
	for name, in := range map[string]client.NewDelegation{
		"oneself":       {Delegate: "bo", Until: d.Now().Add(time.Hour)},
		"twice":         {Delegate: "dee", Until: d.Now().Add(time.Hour)},
		"over":          {Delegate: "dee", Until: d.Now().Add(-time.Hour)},
		"for ever":      {Delegate: "dee", Until: d.Now().Add(10000 * time.Hour)},
		"somebody else": {User: "dee", Delegate: "bo", Until: d.Now().Add(time.Hour)},
	} {
		if _, err := client.Post[client.Delegation](t.Context(), bo.Client, "/delegations", in); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := client.Post[client.Delegation](t.Context(), dee.Client, "/delegations", client.NewDelegation{Delegate: "cy", Until: d.Now().Add(time.Hour)}); Code(err) != "conflict" {
		t.Errorf("in a circle: %v", err)
	}
	r := cy.Does("approve", id, nil)
	if r.State != "available" || r.Reviews[0].By.Login != "cy" {
		t.Errorf("%s, voted by %+v", r.State, r.Reviews)
	}
	// The seat has one vote: bo has none beside cy.
	d.Rules("rules:\n- name: two\n  match: {path: /usr/bin/id}\n  then: require\n  require: {stages: [{team: Web, quorum: 2}]}\n")
	id = e.Ask("eve", "/usr/bin/id")
	cy.Does("approve", id, nil)
	bo.Refused("forbidden", "approve", id, nil)
	d.Pass(8 * 24 * time.Hour)
	if got := d.Works(bo, "delegation", "list", "--format", "json"); !strings.Contains(got, `"cy"`) {
		t.Errorf("delegations: %s", got)
	}
	if got := answerers(bo.See(e.Ask("kim", "/usr/bin/whoami"))); got != "bo" {
		t.Errorf("after his return %q can answer", got)
	}
}

func TestA6EscalationLadder(t *testing.T) {
	d := New(t)
	bo, mo := d.Person("bo", "approver"), d.Person("mo", "approver")
	d.squad("Managers", "--member", "mo")
	d.squad("Web", "--member", "bo", "--label", "role=web", "--escalate", "15m=Managers")
	e := d.Endpoint("web-1", "role=web")
	id := e.Ask("ann", "/usr/bin/id")
	mo.Refused("forbidden", "approve", id, nil)
	if n := len(d.escalated(bo)); n != 0 {
		t.Errorf("%d are escalated at first", n)
	}
	d.Pass(14 * time.Minute)
	mo.Refused("forbidden", "approve", id, nil)
	d.Pass(2 * time.Minute)
	if got := d.escalated(bo); !slices.Contains(got, id) || len(got) != 1 {
		t.Errorf("escalated: %v", got)
	}
	if got := d.Kinds(id); strings.Count(got, "request.escalated") != 1 {
		t.Errorf("events: %s", got)
	}
	own := e.Ask("lee", "/usr/bin/true") // of the team Web alone
	for team, want := range map[string]string{"Managers": id, "Web": id + " " + own} {
		page := Must(client.Get[client.List[client.Request]](t.Context(), mo.Client, "/requests", url.Values{"team": {team}, "status": {"pending"}, "sort": {"queue"}}))(t)
		var ids []string
		for _, r := range page.Items {
			ids = append(ids, r.ID)
		}
		if strings.Join(ids, " ") != want || int(page.Total) != len(ids) {
			t.Errorf("pending of team %s: %v of %d, want %s", team, ids, page.Total, want)
		}
	}
	if got := d.Works(mo, "approval", "list", "--team", "Managers", "--format", "id"); got != id+"\n" {
		t.Errorf("approval list --team Managers: %q", got)
	}
	bo.Does("approve", own, nil)
	if got := answerers(bo.See(id)); got != "bo mo" {
		t.Errorf("%q can answer", got)
	}
	if r := mo.Does("approve", id, nil); r.State != "available" {
		t.Errorf("answered by a manager: %s", r.State)
	}
	// A ladder that is put up later holds for what waits already.
	id = e.Ask("kim", "/usr/bin/whoami")
	d.Works(d.Admin, "team", "edit", "Web", "--escalate", "5m=Managers")
	d.Pass(2 * time.Minute)
	d.Pass(4 * time.Minute)
	if got := d.escalated(bo); !slices.Contains(got, id) {
		t.Errorf("escalated: %v", got)
	}
	if _, err := d.Admin.Do("DELETE", "/teams/Managers", nil); Code(err) != "conflict" || !strings.Contains(err.Error(), "ladder of team Web") {
		t.Errorf("a team that a ladder names was deleted: %v", err)
	}
	d.Works(d.Admin, "team", "edit", "Web", "--from", d.inFile(`{"escalate":[]}`))
	d.Works(d.Admin, "team", "delete", "Managers")
	d.Rules("rules:\n- name: two\n  match: {path: /usr/bin/id}\n  then: require\n  require: {stages: [{team: Web}]}\n")
	if r := d.Ctl(d.Admin, "team", "delete", "Web"); r.Code != 6 || !strings.Contains(r.Err, "rule two names it") {
		t.Errorf("a team that a rule names was deleted: %+v", r)
	}
}

// escalated are the ids of the status escalated.
func (d *Desk) escalated(p *Person) []string {
	d.T.Helper()
	return strings.Fields(d.Works(p, "approval", "list", "--status", "escalated", "--format", "id"))
}

func TestA8NoSelfApprovalByAnyDoor(t *testing.T) {
	d := New(t)
	ann, bo := d.Person("ann", "approver"), d.Person("bo", "approver", "administrator")
	e := d.Endpoint("web-1")
	// Weak: an equal login takes away, and gives nothing.
	id := e.Ask("ann", "/usr/bin/id")
	ann.Refused("self_approval", "approve", id, nil)
	ann.Refused("self_approval", "deny", id, nil)
	if r := d.Ctl(ann, "approval", "approve", id); r.Code != 4 {
		t.Errorf("assentctl: %+v", r)
	}
	if page := Must(client.Get[client.List[client.Request]](t.Context(), ann.Client, "/requests", url.Values{"mine": {"true"}}))(t); len(page.Items) != 0 {
		t.Error("a weak link makes a request mine")
	}
	// Strong: any account tied to the user.
	d.ties("bo", e, "bchen")
	id = e.Ask("bchen", "/usr/bin/id")
	bo.Refused("self_approval", "approve", id, nil)
	if page := Must(client.Get[client.List[client.Request]](t.Context(), bo.Client, "/requests", url.Values{"mine": {"true"}}))(t); len(page.Items) != 1 {
		t.Errorf("%d requests are mine by a strong link", len(page.Items))
	}
	// ... and no way to get rid of it oneself.
	links := Must(client.All[client.Link](t.Context(), d.Admin.Client, "/links", nil, 0))(t)
	session := bo.SignIn()
	if _, err := session.Do("DELETE", "/links/"+links[0].ID, nil); Code(err) != "forbidden" {
		t.Errorf("bo frees himself: %v", err)
	}
	// A token that the requester made, an account that the requester made, a
	// password that the requester set, a delegate whom the requester appointed.
	tok := Must(client.Post[client.Token](t.Context(), session.Client, "/tokens", client.NewToken{Name: "x", User: "ann"}))(t)
	d.bearer("ann", tok.Token).Refused("self_approval", "approve", id, nil)
	made := Must(client.Post[client.User](t.Context(), session.Client, "/users", client.NewUser{Login: "puppet", Roles: []string{"approver"}, Password: Password}))(t)
	d.Token("puppet").Refused("self_approval", "approve", id, nil)
	d.Person("cy", "approver")
	word := "another good password"
	if err := session.Call(t.Context(), "PUT", "/users/cy", nil, client.EditUser{Password: &word}, nil); err != nil {
		t.Fatal(err)
	}
	d.Token("cy").Refused("self_approval", "approve", id, nil)
	d.squad("Web", "--member", "bo", "--label", "x=y")
	dee := d.Person("dee", "approver")
	if _, err := session.Do("POST", "/delegations", map[string]any{"delegate": "dee", "until": d.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	alone := d.Endpoint("web-2", "x=y")
	d.ties("bo", alone, "bchen")
	dee.Refused("self_approval", "approve", alone.Ask("bchen", "/usr/bin/id"), nil)
	if got := answerers(d.Admin.See(id)); strings.Contains(got, "puppet") || strings.Contains(got, "cy") || strings.Contains(got, "bo") {
		t.Errorf("can answer: %s (%s)", got, made.ID)
	}
	// The owner chooses a password: then the account is theirs.
	own := d.Signed("cy", word)
	if _, err := own.Do("PUT", "/me/password", client.NewPassword{Current: "wrong wrong wrong", Password: "my own good password"}); Code(err) != "forbidden" {
		t.Errorf("with a wrong password: %v", err)
	}
	if err := own.Call(t.Context(), "PUT", "/me/password", nil, client.NewPassword{Current: word, Password: "my own good password"}, nil); err != nil {
		t.Fatal(err)
	}
	d.Token("cy").Refused("self_approval", "deny", e.Ask("cy", "/usr/bin/id"), nil)
	if r := d.CtlWith(nil, Password+"\n"+"a puppet's good password\n", "user", "password", "puppet", "--password-stdin"); r.Code != 0 {
		t.Errorf("assentctl user password: %+v", r)
	}
	if r := d.CtlWith(nil, "wrong wrong wrong\n"+"a puppet's good password\n", "user", "password", "puppet", "--password-stdin"); r.Code != 3 {
		t.Errorf("assentctl user password with a wrong one: %+v", r)
	}
	if r := d.Token("cy").Does("approve", id, nil); r.State != "available" {
		t.Errorf("cy with a password of her own: %s", r.State)
	}
}

// Signed is a session with a password.
func (d *Desk) Signed(login, password string) *Person {
	d.T.Helper()
	p := &Person{Client: Must(client.New(d.URL, ""))(d.T), Login: login, desk: d}
	p.HTTP = &http.Client{Jar: Must(cookiejar.New(nil))(d.T)}
	if err := p.Call(d.T.Context(), "POST", "/sessions", nil, map[string]string{"login": login, "password": password}, nil); err != nil {
		d.T.Fatal(err)
	}
	return p
}

func TestA8AReusedUIDIsAnotherPerson(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	e := d.Endpoint("web-1")
	uid, name := UID("dina"), string(e.ID)
	Must(client.Post[client.Link](t.Context(), d.Admin.Client, "/links", client.NewLink{Account: "bo", Endpoint: &name, UID: &uid}))(t)
	first := e.Ask("dina", "/usr/bin/id")
	bo.Refused("self_approval", "approve", first, nil)
	if got := d.Works(d.Admin, "link", "list"); !strings.Contains(got, "dina") {
		t.Errorf("the link has not learned whose uid it is:\n%s", got)
	}
	a := e.Attempt("mallory", "/usr/bin/id")
	a.Attempt.User.UID = uid
	second := e.AskWith(a, "I am somebody else", "")
	page := Must(client.Get[client.List[client.Request]](t.Context(), bo.Client, "/requests", url.Values{"mine": {"true"}}))(t)
	if len(page.Items) != 1 || page.Items[0].ID != first {
		t.Errorf("mine: %s", JSON(page.Items))
	}
	if r := bo.Does("approve", second, nil); r.State != "available" {
		t.Errorf("the request of somebody else: %s", r.State)
	}
}

func TestA13PositionUsualWaitWhoAndWhen(t *testing.T) {
	d := New(t)
	bo, cy := d.Person("bo", "approver"), d.Person("cy", "approver")
	d.squad("Web", "--member", "bo", "--label", "role=web")
	web, db := d.Endpoint("web-1", "role=web"), d.Endpoint("db-1")
	for _, user := range []string{"u1", "u2", "u3", "u9", "u10"} {
		id := web.Ask(user, "/usr/bin/id")
		d.Pass(2 * time.Minute)
		bo.Does("approve", id, nil)
	}
	for _, user := range []string{"u4", "u5", "u6"} {
		db.Ask(user, "/usr/bin/id")
	}
	d.Pass(6 * time.Second)
	mine := web.Ask("u7", "/usr/bin/id")
	r := bo.See(mine)
	if r.Queue.Position == nil || *r.Queue.Position != 1 {
		t.Errorf("position %v: three of another team wait before it", r.Queue.Position)
	}
	if r.Queue.UsualWaitSeconds == nil || *r.Queue.UsualWaitSeconds != 120 {
		t.Errorf("usual wait %v, want two minutes", r.Queue.UsualWaitSeconds)
	}
	if answerers(r) != "bo" {
		t.Errorf("%q can answer", answerers(r))
	}
	other := cy.See(db.Ask("u8", "/usr/bin/id"))
	if other.Queue.Position == nil || *other.Queue.Position != 4 || other.Queue.UsualWaitSeconds != nil {
		t.Errorf("in the other team: %s", JSON(other.Queue))
	}
	// Nobody is there until bo is back, and the requester is told.
	until := d.Now().Add(30 * time.Hour).UTC().Truncate(time.Second)
	d.Person("away", "requester")
	d.Works(bo, "delegation", "add", "cy", "--until", until.Format(time.RFC3339))
	disabled := true
	if err := d.Admin.Call(t.Context(), "PUT", "/users/cy", nil, client.EditUser{Disabled: &disabled}, nil); err != nil {
		t.Fatal(err)
	}
	if r := bo.See(mine); answerers(r) != "bo" { // who stands in is gone, so bo is not away
		t.Errorf("%q can answer, from %v", answerers(r), r.Queue.CanAnswerFrom)
	}
	if err := d.Admin.Call(t.Context(), "DELETE", "/users/bo", nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	if r := d.Admin.See(mine); answerers(r) != "" || r.Queue.CanAnswerFrom != nil {
		t.Errorf("%q can answer, from %v", answerers(r), r.Queue.CanAnswerFrom)
	}
}

func TestA6NothingOutsideTheScopeIsSeen(t *testing.T) {
	d := New(t)
	web, db := d.Endpoint("web-1", "role=web"), d.Endpoint("db-secret", "role=db")
	mine, theirs := web.Ask("ann", "/usr/bin/id"), db.Ask("hidden-user", "/usr/bin/passwd")
	d.squad("Databases", "--label", "role=db")
	bo := d.Scoped("bo", map[string]string{"role": "web"}, "approver", "auditor")
	d.Scoped("db-admin", map[string]string{"role": "db"}, "approver")
	unknown := "req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77"
	for _, path := range []string{"/requests/ID", "/requests/ID/timeline", "/requests/ID/explain", "/requests/ID/proof"} {
		s1, _, a := d.Raw(bo, "GET", "/api/v1"+strings.Replace(path, "ID", theirs, 1), "")
		s2, _, b := d.Raw(bo, "GET", "/api/v1"+strings.Replace(path, "ID", unknown, 1), "")
		if s1 != 404 || s2 != 404 || strings.ReplaceAll(a, theirs, unknown) != b {
			t.Errorf("%s: outside %d %s, unknown %d %s", path, s1, a, s2, b)
		}
	}
	for _, verb := range []string{"approve", "deny", "ask", "claim", "escalate", "prioritize", "revoke", "remove", "cancel", "nudge"} {
		body := map[string]string{"prioritize": `{"priority":"high"}`, "escalate": `{"comment":"hm"}`, "ask": `{"comment":"hm"}`}[verb]
		if body == "" {
			body = "{}"
		}
		s1, _, a := d.Raw(bo, "POST", "/api/v1/requests/"+theirs+"/"+verb, body)
		s2, _, b := d.Raw(bo, "POST", "/api/v1/requests/"+unknown+"/"+verb, body)
		if s1 != 404 && s1 != 403 || s1 != s2 || strings.ReplaceAll(a, theirs, unknown) != b {
			t.Errorf("%s: outside %d %s, unknown %d %s", verb, s1, a, s2, b)
		}
	}
	for _, path := range []string{"/requests", "/requests?q=secret", "/requests?endpoint=db-secret", "/requests?q=hidden", "/requests?group_by=endpoint&status=pending",
		"/requests?group_by=user&status=pending", "/counts", "/teams", "/users", "/endpoints", "/delegations", "/links", "/requests?team=Databases"} {
		status, _, text := d.Raw(bo, "GET", "/api/v1"+path, "")
		if status != 200 || strings.Contains(text, "secret") || strings.Contains(text, "hidden") || strings.Contains(text, "Databases") || strings.Contains(text, "db-admin") {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	if n := Must(client.Get[client.Counts](t.Context(), bo.Client, "/counts", nil))(t); n.Pending != 1 || n.All != 1 {
		t.Errorf("counts: %+v", n)
	}
	away := Must(client.Post[client.Delegation](t.Context(), d.Admin.Client, "/delegations", client.NewDelegation{User: "db-admin", Delegate: "admin", Until: d.Now().Add(time.Hour)}))(t)
	tie := d.ties("db-admin", db, "hidden-user")
	for path, none := range map[string]string{"/teams/Databases": "/teams/Nothing", "/users/db-admin": "/users/nobody", "/endpoints/" + string(db.ID): "/endpoints/ep_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77",
		"/delegations/" + away.ID: "/delegations/dlg_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77", "/links/" + tie.ID: "/links/link_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77"} {
		s1, _, a := d.Raw(bo, "GET", "/api/v1"+path, "")
		s2, _, b := d.Raw(bo, "GET", "/api/v1"+none, "")
		_, last, _ := strings.Cut(path[1:], "/")
		_, other, _ := strings.Cut(none[1:], "/")
		if s1 != 404 || s2 != 404 || strings.ReplaceAll(a, last, other) != b {
			t.Errorf("outside %d %s, unknown %d %s", s1, a, s2, b)
		}
	}
	_, _, batch := d.Raw(bo, "POST", "/api/v1/requests/batch", `{"action":"approve","ids":["`+theirs+`","`+unknown+`"]}`)
	if strings.Count(batch, `"not_found"`) != 2 || strings.Contains(batch, "secret") {
		t.Errorf("batch: %s", batch)
	}
	if status, _, _ := d.Raw(bo, "GET", "/api/v1/audit", ""); status != 403 {
		t.Errorf("the audit log with a scope: %d", status)
	}
	bo.Does("approve", mine, nil)
}

func TestA6NothingWaitsOnADeletedEndpoint(t *testing.T) {
	d := New(t)
	e := d.Endpoint("web-1")
	id := e.Ask("ann", "/usr/bin/id")
	d.Works(d.Admin, "endpoint", "delete", "web-1")
	if r := d.Admin.See(id); r.State != "cancelled" {
		t.Errorf("its request is %s", r.State)
	}
	if n := Must(client.Get[client.Counts](t.Context(), d.Admin.Client, "/counts", nil))(t); n.Pending != 0 {
		t.Errorf("%d wait", n.Pending)
	}
}

// inFile puts text into a file and returns its path.
func (d *Desk) inFile(text string) string {
	d.T.Helper()
	f := Must(os.CreateTemp(d.Data, "body-*.json"))(d.T)
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		d.T.Fatal(err)
	}
	return f.Name()
}

// TestA6TheEventsOfOthersAreNotFollowed: the stream of a scoped approver has the
// events of what is inside their scope, and no word of the rest.
func TestA6TheEventsOfOthersAreNotFollowed(t *testing.T) {
	d := New(t)
	bo := d.Scoped("bo", map[string]string{"role": "web"}, "approver")
	web, db := d.Endpoint("web-1", "role=web"), d.Endpoint("db-secret", "role=db")
	theirs := db.Ask("hidden-user", "/usr/bin/passwd")
	d.Admin.Does("approve", theirs, nil)
	mine := web.Ask("ann", "/usr/bin/id")
	bo.Does("approve", mine, nil)
	seen := 0
	enough := errors.New("enough")
	err := bo.Follow(t.Context(), "0", func(e client.Event) error {
		if text := JSON(e); strings.Contains(text, "secret") || strings.Contains(text, "hidden") || strings.Contains(text, theirs) {
			t.Errorf("it tells of what is outside: %s", text)
		}
		if seen++; e.Kind == "request.approved" {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || seen < 3 {
		t.Errorf("after %d events: %v", seen, err)
	}
}

// TestA8WhoIsGoneAnswersNothing: a disabled or deleted account is out at once, by
// every door, and is named to nobody.
func TestA8WhoIsGoneAnswersNothing(t *testing.T) {
	d := New(t)
	bo, cy := d.Person("bo", "approver"), d.Person("cy", "approver")
	session := bo.SignIn()
	e := d.Endpoint("web-1")
	id := e.Ask("ann", "/usr/bin/id")
	if got := answerers(d.Admin.See(id)); got != "admin bo cy" {
		t.Errorf("can answer: %q", got)
	}
	d.Works(d.Admin, "user", "edit", "bo", "--disable")
	for name, p := range map[string]*Person{"token": bo, "session": session} {
		if _, err := p.Do("POST", "/requests/"+id+"/approve", struct{}{}); Code(err) != "unauthenticated" {
			t.Errorf("by %s of a disabled account: %v", name, err)
		}
	}
	if err := d.Admin.Call(t.Context(), "DELETE", "/users/cy", nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := cy.Do("POST", "/requests/"+id+"/approve", struct{}{}); Code(err) != "unauthenticated" {
		t.Errorf("by a deleted account: %v", err)
	}
	if got := answerers(d.Admin.See(id)); got != "admin" {
		t.Errorf("can answer: %q", got)
	}
}
