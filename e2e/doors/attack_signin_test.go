package doors

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/desk"
)

// word is a password that somebody chooses.
const word = "a password of my own"

// TestA12IdleSessionChoosesNoFirstPassword: where an account has no password, a
// browser that was left alone chooses none: who sat down at it could prove to be
// there with it from then on.
func TestA12IdleSessionChoosesNoFirstPassword(t *testing.T) {
	d := calling(t)
	p := newProvider(t, d)
	p.add(nil)
	b := p.traveller()
	if s := b.signsIn(); s != "" {
		t.Fatal(s)
	}
	choose := func() error {
		return b.Call(t.Context(), "PUT", "/me/password", nil, map[string]string{"current": "", "password": word}, nil)
	}
	d.Pass(6 * time.Minute)
	if err := choose(); desk.Code(err) != "step_up_required" {
		t.Errorf("a password by an idle session: %v", err)
	}
	if err := b.Call(t.Context(), "POST", "/sessions", nil, map[string]string{"login": "eve@corp.example", "password": word}, nil); desk.Code(err) != "unauthenticated" {
		t.Errorf("it opens the account: %v", err)
	}
	if s := b.signsIn(); s != "" { // who can sign in again may
		t.Fatal(s)
	}
	if err := choose(); err != nil {
		t.Errorf("just signed in: %v", err)
	}
}

// TestA12IdleAdministratorSetsNoOwnPassword: the door for other people's
// passwords is no way around the proof that one's own needs.
func TestA12IdleAdministratorSetsNoOwnPassword(t *testing.T) {
	d := desk.New(t)
	ann := visits(d, d.Person("ann", "administrator"))
	d.Person("bo")
	set := func(code, who string) {
		t.Helper()
		ann.call(code, "PUT", "/users/"+who, map[string]string{"password": word})
	}
	d.Pass(6 * time.Minute)
	set("step_up_required", "ann")
	set("", "bo")
	ann.call("", "POST", "/sessions/step-up", map[string]string{"password": desk.Password})
	set("", "ann")
}

// TestA5WhoWritesTheAddressIsNoSecondPerson: whoever writes an account's e-mail
// address can be recognised as its owner by a provider, so it approves nothing
// for them.
func TestA5WhoWritesTheAddressIsNoSecondPerson(t *testing.T) {
	d := calling(t)
	p := newProvider(t, d)
	p.add(func(in *client.NewProvider) { in.CreateAccounts = false })
	ann, cy := d.Person("ann", "administrator").SignIn(), d.Person("cy", "approver")
	pat := d.Person("pat", "approver").SignIn()
	for _, own := range []*desk.Person{ann, pat} { // nobody else holds them any more
		if err := own.Call(t.Context(), "PUT", "/me/password", nil, map[string]string{"current": desk.Password, "password": word}, nil); err != nil {
			t.Fatal(err)
		}
	}
	ann = visit(d, ann).Person
	if err := ann.Call(t.Context(), "POST", "/sessions", nil, map[string]string{"login": "ann", "password": word}, nil); err != nil {
		t.Fatal(err)
	}
	web := d.Endpoint("web-1")
	link(d, ann, string(web.ID), "eve")
	d.Settings(map[string]any{"four_eyes_accounts": true})
	email := "ann@corp.example"
	if err := ann.Call(t.Context(), "PUT", "/users/pat", nil, client.EditUser{Email: &email}, nil); err != nil {
		t.Fatal(err)
	}
	p.is("sub-ann", email)
	b := p.traveller()
	if s := b.signsIn(); s != "" {
		t.Fatal(s)
	}
	if me := desk.Must(b.me())(t); me.Login != "pat" {
		t.Fatalf("signed in as %s", me.Login)
	}
	id := web.Ask("eve", "/usr/bin/id")
	if _, err := client.Post[client.Request](t.Context(), b.Client, "/requests/"+id+"/approve", struct{}{}); desk.Code(err) != "self_approval" {
		t.Errorf("approved by the account whose address the requester wrote: %v", err)
	}
	cy.Does("approve", id, nil)
}

// TestA12ResetOfFactorsFreesNoHolder: taking somebody's lost factors away does
// not make whoever set the password a second person.
func TestA12ResetOfFactorsFreesNoHolder(t *testing.T) {
	d := desk.New(t)
	ann := d.Person("ann", "administrator").SignIn()
	pat := d.Person("pat", "approver")
	cy := d.Person("cy", "approver")
	phrase := word
	if err := ann.Call(t.Context(), "PUT", "/users/pat", nil, client.EditUser{Password: &phrase}, nil); err != nil {
		t.Fatal(err)
	}
	b := visit(d, pat)
	b.call("", "POST", "/sessions", map[string]string{"login": "pat", "password": word})
	b.addsPasskey("phone")
	if err := d.Admin.ResetFactors(t.Context(), "pat"); err != nil {
		t.Fatal(err)
	}
	b.call("", "POST", "/sessions", map[string]string{"login": "pat", "password": word}) // it is ann
	web := d.Endpoint("web-1")
	link(d, ann, string(web.ID), "eve")
	d.Settings(map[string]any{"four_eyes_accounts": true})
	id := web.Ask("eve", "/usr/bin/id")
	b.Refused("self_approval", "approve", id, nil)
	cy.Does("approve", id, nil)
}

// TestD9WhomAnAdministratorDisablesStaysSo: the directory lets nobody in again
// whom an administrator has shut out, even if it had done so first.
func TestD9WhomAnAdministratorDisablesStaysSo(t *testing.T) {
	d := calling(t)
	p := newProvider(t, d)
	p.add(func(in *client.NewProvider) {
		in.Groups = []client.GroupRoles{{ID: "g-1", Roles: []string{"approver"}}}
	})
	p.is("sub-eve", "eve@corp.example", "g-1")
	if s := p.traveller().signsIn(); s != "" {
		t.Fatal(s)
	}
	p.is("sub-eve", "eve@corp.example")
	p.traveller().refused("None of your groups")
	if err := d.Admin.Call(t.Context(), "PUT", "/users/eve@corp.example", nil, client.EditUser{Disabled: new(true)}, nil); err != nil {
		t.Fatal(err)
	}
	p.is("sub-eve", "eve@corp.example", "g-1")
	p.traveller().refused("disabled")
}

// TestD9WhomTheDirectoryTurnsOffStaysSo: an account that a provider had shut out
// and that the directory then takes over as not active is not let in by that.
func TestD9WhomTheDirectoryTurnsOffStaysSo(t *testing.T) {
	d := calling(t)
	p := newProvider(t, d)
	p.add(func(in *client.NewProvider) {
		in.Groups = []client.GroupRoles{{ID: "g-1", Roles: []string{"approver"}}}
	})
	p.is("sub-eve", "eve@corp.example", "g-1")
	if s := p.traveller().signsIn(); s != "" {
		t.Fatal(s)
	}
	p.is("sub-eve", "eve@corp.example")
	p.traveller().refused("None of your groups")
	if err := d.Admin.Call(t.Context(), "PUT", "/directory", nil, map[string]any{"adopt_accounts": true}, nil); err != nil {
		t.Fatal(err)
	}
	c := newCompany(t, d)
	out := c.does("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"eve@corp.example","active":false,"emails":[{"value":"eve@corp.example","primary":true}]}`)
	if out["active"] != false {
		t.Errorf("adopted as active: %s", desk.JSON(out))
	}
	p.is("sub-eve", "eve@corp.example", "g-1")
	p.traveller().refused("disabled")
	c.does("PATCH", "/Users/"+out["id"].(string), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":true}]}`)
	if s := p.traveller().signsIn(); s != "" {
		t.Errorf("active again: %s", s)
	}
}

// TestC1DevicesAreLimitedByNetwork: whoever has an IPv6 address has its whole
// /64; another address of it gives no other allowance.
func TestC1DevicesAreLimitedByNetwork(t *testing.T) {
	t.Parallel()
	d := desk.Open(t, noon(), func(c *controller.Config) { c.TrustedProxy = []string{"127.0.0.1"} })
	ask := func(from string) int {
		t.Helper()
		status, _, _ := d.Raw(nil, "POST", "/api/v1/sessions/device", `{"name":"laptop"}`, "X-Forwarded-For", from)
		return status
	}
	limited := false
	for i := range 60 {
		limited = limited || ask(fmt.Sprintf("2001:db8:1:2::%x", i+1)) == http.StatusTooManyRequests
	}
	if !limited {
		t.Error("60 devices began in one network")
	}
	if status := ask("2001:db8:1:3::1"); status != http.StatusOK {
		t.Errorf("from another network: %d", status)
	}
}

// TestC1TokensFollowNoRedirect: neither a token nor a body goes to where an
// answer points.
func TestC1TokensFollowNoRedirect(t *testing.T) {
	t.Parallel()
	reached := make(chan string, 100)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached <- r.Method + " " + r.Header.Get("Authorization")
		fmt.Fprint(w, "{}")
	}))
	defer other.Close()
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+r.URL.Path, status)
		}))
		for _, own := range []*http.Client{nil, {}} {
			c := desk.Must(client.New(first.URL, "ast_secret"))(t)
			c.HTTP = own
			_, err := client.Get[client.Me](t.Context(), c, "/me", nil)
			if err == nil || !strings.Contains(err.Error(), "not an answer of a controller") {
				t.Errorf("%d: %v", status, err)
			}
			if err := c.Call(t.Context(), "PUT", "/me/password", nil, map[string]string{"password": word}, nil); err == nil {
				t.Errorf("%d: a password went on", status)
			}
		}
		first.Close()
	}
	select {
	case got := <-reached:
		t.Errorf("it went to another place: %s", got)
	default:
	}
}
