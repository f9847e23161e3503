package desk

import (
	"net/url"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
)

// Who would answer, and when, is told before anything is asked: by the hours of
// the team, with who is away stood in for, and without the names of people whom
// the caller may not know of. A request then meets the same.
func TestA6PreviewOfALadder(t *testing.T) {
	d := New(t) // a Tuesday at noon
	d.Person("ada", "approver")
	d.Person("bo", "approver")
	d.Scoped("cy", map[string]string{"role": "db"}, "approver")
	d.Person("dee", "approver")
	team := func(in client.NewTeam) client.Team {
		return Must(client.Post[client.Team](t.Context(), d.Admin.Client, "/teams", in))(t)
	}
	team(client.NewTeam{Name: "Lead", Members: []string{"dee", "cy"}})
	team(client.NewTeam{Name: "Web", Members: []string{"ada", "bo"}, Scope: &client.TeamScope{Labels: map[string]string{"role": "web"}},
		Hours: "Mon-Fri 14:00-18:00", TZ: "UTC", Escalate: []client.TeamStep{{AfterSeconds: 1800, Team: "Lead"}}})
	from := d.Now().Add(-time.Hour)
	Must(client.Post[client.Delegation](t.Context(), d.Admin.Client, "/delegations", client.NewDelegation{User: "ada", Delegate: "dee", From: &from, Until: from.Add(72 * time.Hour)}))(t)

	p := Must(client.Get[client.TeamPreview](t.Context(), d.Admin.Client, "/teams/Web/preview", nil))(t)
	if len(p.Steps) != 2 || p.Team != "Web" {
		t.Fatalf("the preview is %s", JSON(p))
	}
	web, lead := p.Steps[0], p.Steps[1]
	if web.AnswersFrom == nil || web.AnswersFrom.Format("Mon 15:04") != "Tue 14:00" || JSON(web.People) != `[{"login":"bo","stands_in_for":null},{"login":"dee","stands_in_for":"ada"}]` {
		t.Errorf("the team itself: %s", JSON(web))
	}
	if lead.AfterSeconds != 1800 || lead.At == nil || lead.At.Format("Mon 15:04") != "Tue 14:30" || lead.Count != 1 || lead.People[0].Login != "dee" {
		t.Errorf("the step, half an hour after the team opens: %s", JSON(lead)) // cy sees no web endpoints
	}

	ep := d.Endpoint("web-1", "role=web")
	r := d.Admin.See(ep.Ask("luis", "/usr/bin/apt", "update"))
	if r.Queue == nil || r.Queue.CanAnswerFrom == nil || !r.Queue.CanAnswerFrom.Equal(*web.AnswersFrom) {
		t.Errorf("a request is answered from %s, the preview says %v", JSON(r.Queue), web.AnswersFrom)
	}

	narrow := d.Scoped("eve", map[string]string{"role": "db"}, "approver")
	if _, err := client.Get[client.TeamPreview](t.Context(), narrow.Client, "/teams/Web/preview", url.Values{}); Code(err) != "not_found" {
		t.Errorf("a team of other endpoints: %v", err)
	}
	d.Scoped("fay", map[string]string{"role": "web"}, "approver")
	team(client.NewTeam{Name: "All", Members: []string{"fay", "bo"}})
	if seen := Must(client.Get[client.TeamPreview](t.Context(), narrow.Client, "/teams/All/preview", nil))(t); seen.Steps[0].Count != 1 || len(seen.Steps[0].People) != 1 {
		t.Errorf("an unscoped team: %s", JSON(seen)) // fay may not answer everywhere, so she does not count
	}
}

// An account tells its factors and when it last signed in, to who may see it.
func TestAccountsTellTheirFactors(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	at := d.Now()
	bo.SignIn()
	u := Must(client.Get[client.User](t.Context(), d.Admin.Client, "/users/bo", nil))(t)
	if u.SignedInAt == nil || u.SignedInAt.Before(at.Add(-time.Second)) || !u.HasPassword || u.HasPasskey || u.HasTOTP {
		t.Errorf("after signing in: %s", JSON(u))
	}
	for _, other := range Must(client.Get[client.List[client.User]](t.Context(), d.Admin.Client, "/users", nil))(t).Items {
		if other.Login == "bo" && (other.SignedInAt == nil || !other.SignedInAt.Equal(*u.SignedInAt)) || other.Login == "admin" && other.SignedInAt != nil {
			t.Errorf("in the list: %s", JSON(other))
		}
	}
}
