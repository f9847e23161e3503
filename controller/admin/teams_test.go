package admin

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

func TestTeams(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	seen := d.count(t)
	before, err := d.Teams(ctx, d.reader)
	want(t, err, nil, "list")
	if len(before) != 1 || !before[0].Automatic || len(before[0].People) != 2 {
		t.Fatalf("at first: %+v", before)
	}
	team, err := d.AddTeam(ctx, d.chief, EditTeam{Name: new("Web"), Members: &[]string{"BO", "bo"}, Labels: &map[string]string{"role": "web"},
		Hours: new("Mon-Fri 08:00-18:00 Europe/Berlin"), Escalate: &[]Rung{{2 * time.Hour, "approvers"}, {time.Hour, before[0].Name}}})
	want(t, err, elevation.ErrInvalid, "the same team twice on a ladder")
	team, err = d.AddTeam(ctx, d.chief, EditTeam{Name: new("Web"), Members: &[]string{"BO", "bo"}, Labels: &map[string]string{"role": "web"},
		Hours: new("Mon-Fri 08:00-18:00 Europe/Berlin"), Escalate: &[]Rung{{time.Hour, "approvers"}}})
	want(t, err, nil, "add")
	if len(team.People) != 1 || team.Hours != "Mon-Fri 08:00-18:00" || team.Zone != "Europe/Berlin" || len(team.Ladder) != 1 || team.Ladder[0].Team != "Approvers" {
		t.Errorf("made: %+v", team)
	}
	same, err := d.EditTeam(ctx, d.chief, "WEB", EditTeam{Members: &[]string{string(d.bo.User)}})
	want(t, err, nil, "edit without a change")
	if same.ID != team.ID {
		t.Errorf("edited %s", same.ID)
	}
	_, err = d.EditTeam(ctx, d.chief, "web", EditTeam{Hours: new("")})
	want(t, err, nil, "edit")
	_, err = d.EditTeam(ctx, d.chief, "Approvers", EditTeam{Members: &[]string{"chief"}})
	want(t, err, nil, "edit the approvers")
	if again, err := d.Team(ctx, d.reader, "Approvers"); err != nil || again.Automatic || len(again.People) != 1 {
		t.Errorf("the approvers once edited: %+v %v", again, err)
	}
	want(t, d.DeleteTeam(ctx, d.chief, "Approvers"), elevation.ErrConflict, "delete the approvers")
	want(t, d.DeleteTeam(ctx, d.chief, "nobody"), elevation.ErrNotFound, "delete an unknown team")
	want(t, d.DeleteTeam(ctx, d.chief, string(team.ID)), nil, "delete")
	kinds, last := d.events(t, seen)
	if got := strings.Join(kinds, " "); got != "team.changed team.changed team.changed team.changed" || last.Data["deleted"] != "true" {
		t.Errorf("events: %s %v", got, last.Data)
	}
}

func TestTeamInputIsRefused(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	many := func(n int) *[]string {
		out := make([]string, n)
		for i := range out {
			out[i] = "bo"
		}
		return &out
	}
	rungs := func(n int) *[]Rung {
		out := make([]Rung, n)
		for i := range out {
			out[i] = Rung{time.Hour, "Approvers"}
		}
		return &out
	}
	for name, in := range map[string]EditTeam{
		"no name": {}, "long name": {Name: new(strings.Repeat("x", maxName+1))}, "like an id": {Name: new("team_1")}, "slash": {Name: new("a/b")},
		"unknown member": {Name: new("x"), Members: &[]string{"ghost"}}, "too many members": {Name: new("x"), Members: many(maxMembers + 1)},
		"unknown type": {Name: new("x"), AccessTypes: &[]elevation.AccessType{"all"}}, "too many types": {Name: new("x"), AccessTypes: &[]elevation.AccessType{"run", "run", "run", "run", "run", "run", "run", "run", "run"}},
		"label": {Name: new("x"), Labels: &map[string]string{"a b": "c"}}, "hours": {Name: new("x"), Hours: new("by day")}, "zone": {Name: new("x"), Hours: new("08:00-09:00"), Zone: new("Local")},
		"long hours":       {Name: new("x"), Hours: new(strings.Repeat("08:00-09:00,", 60) + "08:00-09:00")},
		"ladder to nobody": {Name: new("x"), Escalate: &[]Rung{{time.Hour, "ghost"}}}, "at once": {Name: new("x"), Escalate: &[]Rung{{0, "Approvers"}}},
		"too late": {Name: new("x"), Escalate: &[]Rung{{maxRungAfter + 1, "Approvers"}}}, "too many steps": {Name: new("x"), Escalate: rungs(maxRungs + 1)}} {
		_, err := d.AddTeam(ctx, d.chief, in)
		want(t, err, elevation.ErrInvalid, name)
	}
	for name, in := range map[string]EditTeam{"approvers": {Name: new("APPROVERS")}} {
		_, err := d.AddTeam(ctx, d.chief, in)
		want(t, err, elevation.ErrConflict, name)
	}
	_, err := d.EditTeam(ctx, d.chief, "Approvers", EditTeam{Labels: &map[string]string{"a": "b"}})
	want(t, err, elevation.ErrInvalid, "a scope for the approvers")
	_, err = d.EditTeam(ctx, d.chief, "Approvers", EditTeam{Name: new("Others")})
	want(t, err, elevation.ErrConflict, "another name for the approvers")
}

func TestTeamsKeepTheirScope(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	web, db := map[string]string{"role": "web"}, map[string]string{"role": "db"}
	_, err := d.AddTeam(ctx, d.chief, EditTeam{Name: new("Databases"), Labels: &db, Members: &[]string{"bo"}})
	want(t, err, nil, "add")
	narrow := d.chief
	narrow.Scope = web
	seen := d.count(t)
	for name, in := range map[string]EditTeam{"everything": {Name: new("x")}, "elsewhere": {Name: new("x"), Labels: &db}} {
		_, err := d.AddTeam(ctx, narrow, in)
		want(t, err, elevation.ErrNotAllowed, name)
	}
	if kinds, _ := d.events(t, seen); strings.Join(kinds, " ") != "auth.refused auth.refused" {
		t.Errorf("events: %v", kinds)
	}
	own, err := d.AddTeam(ctx, narrow, EditTeam{Name: new("Mine"), Labels: &web})
	want(t, err, nil, "inside")
	_, err = d.EditTeam(ctx, narrow, string(own.ID), EditTeam{Labels: &map[string]string{}})
	want(t, err, elevation.ErrNotAllowed, "grow beyond")
	_, err = d.EditTeam(ctx, narrow, "Approvers", EditTeam{Members: &[]string{"chief"}})
	want(t, err, elevation.ErrNotAllowed, "the approvers")
	_, err = d.EditTeam(ctx, narrow, "Databases", EditTeam{Name: new("y")})
	want(t, err, elevation.ErrNotFound, "a team of others")
	want(t, d.DeleteTeam(ctx, narrow, "Databases"), elevation.ErrNotFound, "delete a team of others")
	_, err = d.EditTeam(ctx, narrow, string(own.ID), EditTeam{Escalate: &[]Rung{{time.Hour, "Approvers"}}})
	want(t, err, nil, "a ladder to the approvers")
}

func TestLinks(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	ep, other := d.endpoint(t, "web-1", map[string]string{"role": "web"}), d.endpoint(t, "db-1", map[string]string{"role": "db"})
	seen := d.count(t)
	l, err := d.AddLink(ctx, d.chief, EditLink{Account: new("bo"), Endpoint: new("web-1"), User: new("bchen")})
	want(t, err, nil, "add")
	if l.Login != "bo" || l.Endpoint != "web-1" || l.Link.Link.Endpoint != ep.ID {
		t.Errorf("made: %+v", l)
	}
	for name, in := range map[string]EditLink{
		"no account": {Endpoint: new("web-1"), User: new("x")}, "unknown account": {Account: new("ghost"), Endpoint: new("web-1"), User: new("x")},
		"no endpoint": {Account: new("bo"), User: new("x")}, "unknown endpoint": {Account: new("bo"), Endpoint: new("web-9"), User: new("x")},
		"no user": {Account: new("bo"), Endpoint: new("web-1")}, "both": {Account: new("bo"), Endpoint: new("web-1"), Directory: new("d"), User: new("x")},
		"long": {Account: new("bo"), Endpoint: new("web-1"), User: new(strings.Repeat("x", maxUserName+1))}, "control": {Account: new("bo"), Endpoint: new("web-1"), UID: new("1\n2")}} {
		_, err := d.AddLink(ctx, d.chief, in)
		want(t, err, elevation.ErrInvalid, name)
	}
	_, err = d.AddLink(ctx, d.chief, EditLink{Account: new("bo"), Endpoint: new(string(ep.ID)), User: new("bchen")})
	want(t, err, elevation.ErrConflict, "twice")
	_, err = d.AddLink(ctx, d.bo, EditLink{Account: new("bo"), Endpoint: new("web-1"), User: new("root")})
	want(t, err, elevation.ErrNotAllowed, "an approver")
	narrow := d.chief
	narrow.Scope = map[string]string{"role": "web"}
	_, err = d.AddLink(ctx, narrow, EditLink{Account: new("bo"), Endpoint: new(string(other.ID)), User: new("x")})
	want(t, err, elevation.ErrInvalid, "an endpoint outside the scope is unknown")
	_, err = d.AddLink(ctx, narrow, EditLink{Account: new("bo"), Directory: new("corp"), User: new("x")})
	want(t, err, elevation.ErrInvalid, "an account that sees more")
	mine, err := d.AddLink(ctx, d.chief, EditLink{Account: new("chief"), Directory: new("corp.example"), User: new("boss")})
	want(t, err, nil, "a directory")
	_, err = d.EditLink(ctx, d.chief, mine.ID, EditLink{User: new("nobody")})
	want(t, err, elevation.ErrNotAllowed, "change a link of one's own")
	want(t, d.DeleteLink(ctx, d.chief, mine.ID), elevation.ErrNotAllowed, "delete a link of one's own")
	if own, err := d.Links(ctx, d.bo); err != nil || len(own) != 1 || own[0].ID != l.ID {
		t.Errorf("bo's own: %+v %v", own, err)
	}
	_, err = d.Link(ctx, d.bo, mine.ID)
	want(t, err, elevation.ErrNotFound, "a link of somebody else")
	_, err = d.EditLink(ctx, d.chief, l.ID, EditLink{UID: new("1001")})
	want(t, err, nil, "edit")
	want(t, d.DeleteLink(ctx, d.chief, l.ID), nil, "delete")
	want(t, d.DeleteLink(ctx, d.chief, l.ID), elevation.ErrNotFound, "delete again")
	kinds, _ := d.events(t, seen)
	if got := strings.Join(kinds, " "); got != "link.changed auth.refused link.changed auth.refused auth.refused link.changed link.changed" {
		t.Errorf("events: %s", got)
	}
}

func TestDelegations(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	_, err := d.AddUser(ctx, Local(), NewUser{Login: "cy", Roles: []auth.Role{auth.Approver}})
	want(t, err, nil, "add cy")
	hour, week := d.now.Add(time.Hour), d.now.Add(7*24*time.Hour)
	seen := d.count(t)
	x, err := d.AddDelegation(ctx, d.bo, EditAway{Delegate: new("cy"), Until: &week})
	want(t, err, nil, "add")
	if x.Login != "bo" || x.DelegateLogin != "cy" || !x.From.Equal(d.now) || x.By.ID != string(d.bo.User) {
		t.Errorf("made: %+v", x)
	}
	early, past, far := d.now.Add(8*24*time.Hour), d.now.Add(-time.Hour), d.now.Add(maxAwayTime+time.Hour)
	for name, in := range map[string]EditAway{"nobody": {Until: &hour}, "ghost": {Delegate: new("ghost"), Until: &hour}, "oneself": {Delegate: new("bo"), Until: &hour},
		"no end": {Delegate: new("cy")}, "backwards": {Delegate: new("cy"), From: &early, Until: &week}, "over": {Delegate: new("cy"), From: &past, Until: &past},
		"too long": {Delegate: new("cy"), Until: &far}, "who can not answer": {Delegate: new("reader"), Until: &hour}} {
		_, err := d.AddDelegation(ctx, d.bo, in)
		want(t, err, elevation.ErrInvalid, name)
	}
	_, err = d.AddDelegation(ctx, d.bo, EditAway{Delegate: new("chief"), Until: &hour})
	want(t, err, elevation.ErrConflict, "twice at a time")
	_, err = d.AddDelegation(ctx, d.chief, EditAway{Delegate: new("bo"), Until: &hour})
	want(t, err, elevation.ErrConflict, "to somebody who is away")
	_, err = d.AddDelegation(ctx, d.bo, EditAway{User: new("chief"), Delegate: new("cy"), Until: &hour})
	want(t, err, elevation.ErrNotAllowed, "for somebody else")
	_, err = d.AddDelegation(ctx, d.reader, EditAway{Delegate: new("cy"), Until: &hour})
	want(t, err, elevation.ErrNotAllowed, "by who can not answer")
	_, err = d.AddDelegation(ctx, auth.Actor{}, EditAway{Delegate: new("cy"), Until: &hour})
	want(t, err, auth.ErrUnauthenticated, "by nobody")
	x, err = d.EditDelegation(ctx, d.chief, x.ID, EditAway{Until: &early})
	want(t, err, nil, "an administrator changes it")
	if x.By.ID != string(d.chief.User) || !x.Until.Equal(early) {
		t.Errorf("changed: %+v", x)
	}
	_, err = d.EditDelegation(ctx, d.bo, "dlg_unknown", EditAway{Until: &early})
	want(t, err, elevation.ErrNotFound, "an unknown one")
	want(t, d.DeleteDelegation(ctx, d.bo, x.ID), nil, "delete")
	kinds, _ := d.events(t, seen)
	if got := strings.Join(kinds, " "); got != "delegation.changed auth.refused auth.refused delegation.changed delegation.changed" {
		t.Errorf("events: %s", got)
	}
}

// TestPuppetsFreeNobody: an account that somebody made does not free them.
func TestPuppetsFreeNobody(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	d.endpoint(t, "web-1", nil)
	l, err := d.AddLink(ctx, d.chief, EditLink{Account: new("bo"), Endpoint: new("web-1"), User: new("bchen")})
	want(t, err, nil, "add")
	boss := d.bo
	boss.Roles = []auth.Role{auth.Administrator}
	puppet, err := d.AddUser(ctx, boss, NewUser{Login: "puppet", Roles: []auth.Role{auth.Administrator}})
	want(t, err, nil, "make a puppet")
	second, err := d.AddUser(ctx, auth.Actor{User: puppet.ID, Login: "puppet", Roles: puppet.Roles, Session: true}, NewUser{Login: "second", Roles: puppet.Roles})
	want(t, err, nil, "make a puppet of the puppet")
	for _, u := range []store.User{puppet, second} {
		act := auth.Actor{User: u.ID, Login: u.Login, Roles: u.Roles, Session: true}
		want(t, d.DeleteLink(ctx, act, l.ID), elevation.ErrNotAllowed, u.Login)
	}
	token := d.chief
	token.MadeBy = d.bo.Elevation()
	want(t, d.DeleteLink(ctx, token, l.ID), elevation.ErrNotAllowed, "by a token of their making")
	tok, _, err := d.AddToken(ctx, signedIn(d, puppet), NewToken{Name: "kept"})
	want(t, err, nil, "a token of the puppet")
	if tok.MadeBy.Name != "bo" {
		t.Errorf("the puppet's token is made by %q", tok.MadeBy.Name)
	}
	want(t, d.DeleteLink(ctx, d.chief, l.ID), nil, "by another administrator")
}

// TestWhoHoldsAnAccount: who makes an account or sets its password could sign in
// as its owner; that is kept until the owner sets one.
func TestWhoHoldsAnAccount(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	word, other := "a good password", "another good password"
	held := func(who string) string {
		t.Helper()
		u, err := d.User(ctx, d.chief, who)
		want(t, err, nil, "see "+who)
		return u.HeldBy.Name
	}
	if got := held("bo"); got != "" {
		t.Errorf("an account made on the controller's machine is held by %q", got)
	}
	_, err := d.AddUser(ctx, d.chief, NewUser{Login: "dee", Roles: []auth.Role{auth.Approver}})
	want(t, err, nil, "add")
	if got := held("dee"); got != "chief" {
		t.Errorf("an account made by chief is held by %q", got)
	}
	_, err = d.EditUser(ctx, d.chief, "bo", EditUser{Password: &word})
	want(t, err, nil, "set a password")
	if got := held("bo"); got != "chief" {
		t.Errorf("with a password of chief's it is held by %q", got)
	}
	d.chief.SeenAt = d.now.Add(-time.Hour)
	_, err = d.EditUser(ctx, d.chief, "chief", EditUser{Password: &other})
	want(t, err, elevation.ErrStepUp, "set one's own without being there")
	d.chief.SeenAt = d.now
	_, err = d.EditUser(ctx, d.chief, "chief", EditUser{Password: &other})
	want(t, err, nil, "set one's own")
	if got := held("chief"); got != "" {
		t.Errorf("with a password of his own chief's account is held by %q", got)
	}
	puppet := d.chief
	puppet.MadeBy = d.bo.Elevation() // a token that bo made
	_, err = d.EditUser(ctx, puppet, "chief", EditUser{Password: &word})
	want(t, err, nil, "by a token of somebody else")
	if got := held("chief"); got != "bo" {
		t.Errorf("with a password set by bo's token it is held by %q", got)
	}
}

func TestLabelsOfEndpoints(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	ep := d.endpoint(t, "web-1", map[string]string{"role": "web"})
	seen := d.count(t)
	e, err := d.EditEndpoint(ctx, d.chief, ep.ID, EditEndpoint{Labels: &map[string]string{"role": "db", "site": "b"}})
	want(t, err, nil, "edit")
	if e.Labels["role"] != "db" {
		t.Errorf("labels: %v", e.Labels)
	}
	_, err = d.EditEndpoint(ctx, d.chief, ep.ID, EditEndpoint{Labels: &map[string]string{"site": "b", "role": "db"}})
	want(t, err, nil, "the same again")
	_, err = d.EditEndpoint(ctx, d.chief, ep.ID, EditEndpoint{Labels: &map[string]string{"": "x"}})
	want(t, err, elevation.ErrInvalid, "no name")
	_, err = d.EditEndpoint(ctx, d.bo, ep.ID, EditEndpoint{Labels: &map[string]string{}})
	want(t, err, elevation.ErrNotAllowed, "an approver")
	narrow := d.chief
	narrow.Scope = map[string]string{"role": "db"}
	_, err = d.EditEndpoint(ctx, narrow, ep.ID, EditEndpoint{Labels: &map[string]string{"role": "web"}})
	want(t, err, elevation.ErrNotAllowed, "out of one's own scope")
	narrow.Scope = map[string]string{"role": "web"}
	_, err = d.EditEndpoint(ctx, narrow, ep.ID, EditEndpoint{Labels: &map[string]string{"role": "web"}})
	want(t, err, elevation.ErrNotFound, "outside of the scope")
	found, err := d.Endpoints(ctx, d.chief, store.EndpointFilter{Scope: map[string]string{"role": "db"}})
	if err != nil || len(found) != 1 {
		t.Errorf("by its new label: %v %v", found, err)
	}
	kinds, _ := d.events(t, seen)
	if got := fmt.Sprint(kinds); got != "[endpoint.changed auth.refused auth.refused]" {
		t.Errorf("events: %s", got)
	}
}
