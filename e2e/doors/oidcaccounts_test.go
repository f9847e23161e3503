package doors

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oauth2-proxy/mockoidc"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/desk"
)

// TestA12OIDCFindsAccountsOnce: an account is found by its verified address once;
// after that only the subject counts, so that an address that somebody else gets
// later opens nothing.
func TestA12OIDCFindsAccountsOnce(t *testing.T) {
	d := calling(t)
	p := newProvider(t, d)
	p.add(func(in *client.NewProvider) {
		in.CreateAccounts = false
		in.Groups = []client.GroupRoles{{ID: "g-1", Roles: []string{"auditor"}}}
	})
	d.Person("bo", "approver")
	p.is("sub-bo", "bo@corp.example")
	p.traveller().refused("There is no account")
	email := "Bo@corp.example"
	if err := d.Admin.Call(t.Context(), "PUT", "/users/bo", nil, client.EditUser{Email: &email}, nil); err != nil {
		t.Fatal(err)
	}
	p.is("sub-bo", "bo@corp.example", "g-1")
	b := p.traveller()
	if s := b.signsIn(); s != "" {
		t.Fatal(s)
	}
	if me := desk.Must(b.me())(t); me.Login != "bo" || !slices.Equal(me.Roles, []string{"approver", "auditor"}) {
		t.Errorf("signed in as %s %v", me.Login, me.Roles)
	}
	p.is("sub-mallory", "bo@corp.example", "g-1")
	p.traveller().refused("belongs to another")
	p.is("sub-bo", "bo@corp.example")
	b = p.traveller() // what an administrator gave stays
	if s := b.signsIn(); s != "" {
		t.Fatal(s)
	}
	if me := desk.Must(b.me())(t); !slices.Equal(me.Roles, []string{"approver"}) {
		t.Errorf("without the group: %v", me.Roles)
	}
	d.Person("bobo")
	if err := d.Admin.Call(t.Context(), "PUT", "/users/bobo", nil, client.EditUser{Email: &email}, nil); err != nil {
		t.Fatal(err)
	}
	p.is("sub-third", "bo@corp.example", "g-1")
	p.traveller().refused("Several accounts")
	if err := d.Admin.Call(t.Context(), "PUT", "/users/bo", nil, client.EditUser{Disabled: new(true)}, nil); err != nil {
		t.Fatal(err)
	}
	p.is("sub-bo", "bo@corp.example", "g-1")
	p.traveller().refused("disabled")
}

// TestA12OIDCKeepsTheLastAdministrator: a group that is gone does not leave the
// desk without anybody, and lets nobody in either.
func TestA12OIDCKeepsTheLastAdministrator(t *testing.T) {
	d := calling(t)
	p := newProvider(t, d)
	p.add(func(in *client.NewProvider) {
		in.Groups = []client.GroupRoles{{ID: "g-1", Roles: []string{"administrator"}}}
	})
	p.is("sub-eve", "eve@corp.example", "g-1")
	eve := p.traveller()
	if s := eve.signsIn(); s != "" {
		t.Fatal(s)
	}
	if err := eve.Call(t.Context(), "DELETE", "/users/admin", nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := eve.DeleteProvider(t.Context(), p.id); desk.Code(err) != "conflict" {
		t.Errorf("the provider of the last administrator is deleted: %v", err)
	}
	if _, err := eve.EditProvider(t.Context(), p.id, client.EditProvider{Groups: &[]client.GroupRoles{}}); desk.Code(err) != "conflict" {
		t.Errorf("its group is taken away: %v", err)
	}
	p.is("sub-eve", "eve@corp.example")
	p.traveller().refused("last administrator")
	if _, err := eve.me(); desk.Code(err) != "unauthenticated" {
		t.Errorf("an older session: %v", err)
	}
	p.is("sub-eve", "eve@corp.example", "g-1")
	if s := eve.signsIn(); s != "" {
		t.Fatal(s)
	}
}

// TestA12OIDCWithAnotherImplementation: a provider that others wrote.
func TestA12OIDCWithAnotherImplementation(t *testing.T) {
	d := calling(t)
	m := desk.Must(mockoidc.Run())(t)
	t.Cleanup(func() { _ = m.Shutdown() })
	m.CodeChallengeMethodsSupported = []string{"S256"}
	m.FastForward(time.Until(d.Now()))
	p := &provider{t: t, d: d}
	made := desk.Must(d.Admin.AddProvider(t.Context(), client.NewProvider{Name: "Other", Issuer: m.Issuer(), ClientID: m.ClientID, ClientSecret: m.ClientSecret,
		Scopes: []string{"openid", "email", "profile", "groups"}, CreateAccounts: true, AllowedDomains: []string{"example.com"},
		Groups: []client.GroupRoles{{ID: "design", Roles: []string{"approver"}}}}))(t)
	p.id = made.ID
	m.QueueUser(&mockoidc.MockUser{Subject: "123", Email: "jane@example.com", EmailVerified: true, Groups: []string{"engineering", "design"}})
	b := p.traveller()
	if s := b.signsIn(); s != "" {
		t.Fatal(s)
	}
	if me := desk.Must(b.me())(t); me.Login != "jane@example.com" || !slices.Equal(me.Roles, []string{"approver"}) {
		t.Errorf("signed in as %s %v", me.Login, me.Roles)
	}
}

// TestA12OIDCAsksForWhatTokensLeaveOut: claims that stand only at the provider's
// user address are read there, of the same person and no other.
func TestA12OIDCAsksForWhatTokensLeaveOut(t *testing.T) {
	d := calling(t)
	p := newProvider(t, d)
	p.add(func(in *client.NewProvider) { in.Groups = []client.GroupRoles{{ID: "g-1", Roles: []string{"auditor"}}} })
	told := map[string]any{"sub": "sub-eve", "email": "eve@corp.example", "email_verified": true, "groups": []string{"g-1"}}
	answers := func(p *provider) {
		p.lie = func(c map[string]any) { delete(c, "groups"); delete(c, "email"); delete(c, "email_verified") }
		p.serve = func(w http.ResponseWriter, r *http.Request) bool {
			switch r.URL.Path {
			case "/.well-known/openid-configuration":
				p.json(w, map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
					"userinfo_endpoint": p.URL + "/me", "id_token_signing_alg_values_supported": []string{"ES256"}})
			case "/me":
				if r.Header.Get("Authorization") != "Bearer access" {
					t.Errorf("asked with %q", r.Header.Get("Authorization"))
				}
				p.json(w, told)
			default:
				return false
			}
			return true
		}
	}
	p.lies(answers)
	told["sub"] = "sub-mallory"
	p.traveller().refused("could not be checked")
	told["sub"] = "sub-eve"
	b := p.traveller()
	if s := b.signsIn(); s != "" {
		t.Fatal(s)
	}
	if me := desk.Must(b.me())(t); me.Login != "eve@corp.example" || !slices.Equal(me.Roles, []string{"auditor"}) {
		t.Errorf("signed in as %s %v", me.Login, me.Roles)
	}
	b = p.traveller()
	if s := b.goOn(b.begin() + "&iss=https%3A%2F%2Flogin.evil.example"); !strings.Contains(s, "could not be checked") {
		t.Errorf("an answer of another provider: %q", s)
	}
	b = p.traveller()
	back := b.begin()
	if s := b.goOn(strings.Replace(back, "code=", "error=access_denied&nothing=", 1)); !strings.Contains(s, "did not let you") {
		t.Errorf("a refusal of the provider: %q", s)
	}
}
