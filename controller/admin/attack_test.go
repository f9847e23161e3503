package admin

import (
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// signedIn is a session of somebody who has just shown to be there.
func signedIn(d *desk, u store.User) auth.Actor {
	return auth.Actor{User: u.ID, Login: u.Login, Roles: u.Roles, Scope: u.Scope, Session: true, SeenAt: d.now}
}

// The second person is another one: no account of one's own making, nor who made
// one's own, nor the puppet of a puppet.
func TestPuppetsAreNoSecondPerson(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	other, err := d.AddUser(ctx, Local(), NewUser{Login: "other", Roles: []auth.Role{auth.RuleAuthor}})
	want(t, err, nil, "a colleague")
	author, err := d.AddUser(ctx, d.chief, NewUser{Login: "author", Roles: []auth.Role{auth.Administrator}})
	want(t, err, nil, "a puppet of the chief")
	second, err := d.AddUser(ctx, signedIn(d, author), NewUser{Login: "second", Roles: []auth.Role{auth.RuleAuthor}})
	want(t, err, nil, "a puppet of the puppet")
	_, err = d.EditSettings(ctx, d.chief, func(s *store.Settings) { s.FourEyesRules = true })
	want(t, err, nil, "four eyes")
	for name, who := range map[string]struct{ by, second auth.Actor }{
		"its maker":                 {signedIn(d, author), d.chief},
		"its maker's maker":         {signedIn(d, second), d.chief},
		"a puppet":                  {d.chief, signedIn(d, author)},
		"the puppet of a puppet":    {d.chief, signedIn(d, second)},
		"the author":                {d.chief, d.chief},
		"with a token of the maker": {d.chief, auth.Actor{User: other.ID, Login: "other", Roles: other.Roles, Token: "tok_1", Full: true, MadeBy: author.HeldBy}},
	} {
		r, _, err := d.ApplyRules(ctx, who.by, ApplyRules{YAML: "# " + name + "\n" + idRule})
		want(t, err, nil, name)
		if r.Proposal == nil {
			t.Fatalf("%s: applied at once", name)
		}
		_, _, err = d.ConfirmRules(ctx, who.second, r.Proposal.ID)
		want(t, err, elevation.ErrSelfApproval, name)
		_, err = d.RejectRules(ctx, d.chief, r.Proposal.ID)
		want(t, err, nil, name)
	}
	r, _, err := d.ApplyRules(ctx, d.chief, ApplyRules{YAML: idRule})
	want(t, err, nil, "apply")
	_, _, err = d.ConfirmRules(ctx, signedIn(d, other), r.Proposal.ID)
	want(t, err, nil, "a colleague")
}

// Who can not take a link away can not take away the account that it ties.
func TestLinksOutliveTheirAccount(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	d.endpoint(t, "web-1", nil)
	boss, err := d.AddUser(ctx, Local(), NewUser{Login: "boss", Roles: []auth.Role{auth.Administrator}})
	want(t, err, nil, "add")
	_, err = d.AddLink(ctx, d.chief, EditLink{Account: new("boss"), Endpoint: new("web-1"), User: new("robert")})
	want(t, err, nil, "link")
	puppet, err := d.AddUser(ctx, signedIn(d, boss), NewUser{Login: "puppet", Roles: []auth.Role{auth.Administrator}})
	want(t, err, nil, "make a puppet")
	want(t, d.DeleteUser(ctx, signedIn(d, puppet), "boss"), elevation.ErrNotAllowed, "by the puppet")
	want(t, d.DeleteUser(ctx, signedIn(d, boss), "boss"), elevation.ErrNotAllowed, "by oneself")
	token := d.chief
	token.MadeBy = elevation.Actor{Kind: elevation.ByUser, ID: string(boss.ID), Name: "boss"}
	want(t, d.DeleteUser(ctx, token, "boss"), elevation.ErrNotAllowed, "by a token of their making")
	want(t, d.DeleteUser(ctx, d.chief, "boss"), nil, "by another administrator")
}

// One person makes only so many times out of office: all readers look at them.
func TestDelegationsOfOnePersonAreBounded(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	_, err := d.AddUser(ctx, Local(), NewUser{Login: "cy", Roles: []auth.Role{auth.Approver}})
	want(t, err, nil, "add")
	for i := range maxAwayOf + 1 {
		from := d.now.Add(time.Duration(i) * time.Hour)
		until := from.Add(time.Minute)
		_, err = d.AddDelegation(ctx, d.bo, EditAway{Delegate: new("cy"), From: &from, Until: &until})
		if i < maxAwayOf {
			want(t, err, nil, "within the bound")
		}
	}
	want(t, err, elevation.ErrLimit, "one more")
}

// An administrator of some endpoints does not learn of the tokens of the others.
func TestTokensFollowTheScope(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	owners := map[string]auth.Actor{}
	for login, scope := range map[string]string{"webber": "web", "dbadmin": "db", "keeper": "db"} {
		u, err := d.AddUser(ctx, Local(), NewUser{Login: login, Roles: []auth.Role{auth.Administrator}, Scope: map[string]string{"role": scope}})
		want(t, err, nil, login)
		owners[login] = signedIn(d, u)
		_, _, err = d.AddToken(ctx, owners[login], NewToken{Name: "of " + login})
		want(t, err, nil, login)
	}
	list, err := d.Tokens(ctx, owners["dbadmin"])
	want(t, err, nil, "list")
	for _, x := range list {
		if x.Name == "of webber" {
			t.Error("a token of another scope is listed")
		}
	}
	if len(list) != 2 {
		t.Errorf("%d tokens, not one's own and the colleague's", len(list))
	}
}

// Many who check at the same time do not fill the memory.
func TestChecksAreBounded(t *testing.T) {
	d := newDesk(t)
	d.checking.Add(maxChecks)
	_, err := d.CheckRules(ctxOf(t), d.chief, idRule)
	want(t, err, auth.ErrRate, "one more")
	d.checking.Add(-maxChecks)
	_, err = d.CheckRules(ctxOf(t), d.chief, idRule)
	want(t, err, nil, "afterwards")
}
