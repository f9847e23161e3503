package console

import (
	"fmt"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/desk"
)

// staff is a small organisation: teams with ladders, somebody away, links, tokens
// and a provider.
type staff struct {
	helpdesk, platform client.Team
	hostile            string // login of somebody with a hostile name
}

// evil is a name of markup, of letters that run the other way, and longer than any
// column.
const evil = "<img src=x onerror=alert(1)>\u05e9\u05dc\u05d5\u05dd \U0001f600 an extraordinarily long name that nobody could mean seriously"

func hire(d *desk.Desk) staff {
	t := d.T
	t.Helper()
	add := func(login, name, email string, roles ...string) {
		desk.Must(client.Post[client.User](t.Context(), d.Admin.Client, "/users", client.NewUser{Login: login, Name: name, Email: email, Roles: roles}))(t)
	}
	add("ada", "Ada Lind", "ada@example.org", "approver")
	add("carl.meyer", "Carl Meyer", "carl@example.org", "approver")
	add("dina.osei", "Dina Osei", "dina@example.org", "approver", "rule_author")
	add("eve.novak", "Eve Novak", "", "auditor")
	add("farid.k", "Farid Khan", "farid@example.org", "security_admin")
	add("hiro.sato", "Hiro Sato", "", "requester")
	add("mallory", evil, "", "requester")
	var s staff
	s.hostile = "mallory"
	s.platform = desk.Must(client.Post[client.Team](t.Context(), d.Admin.Client, "/teams", client.NewTeam{Name: "Platform lead", Members: []string{"dina.osei"}}))(t)
	s.helpdesk = desk.Must(client.Post[client.Team](t.Context(), d.Admin.Client, "/teams", client.NewTeam{Name: "Helpdesk", Members: []string{"ada", "carl.meyer", "bo"},
		Scope:    &client.TeamScope{Labels: map[string]string{"role": "laptop"}, AccessTypes: []string{"run", "session"}},
		Escalate: []client.TeamStep{{AfterSeconds: 900, Team: "Platform lead"}, {AfterSeconds: 3600, Team: "Approvers"}}}))(t)
	desk.Must(client.Post[client.Team](t.Context(), d.Admin.Client, "/teams", client.NewTeam{Name: "Datenbank", Members: []string{"carl.meyer"},
		Scope: &client.TeamScope{Labels: map[string]string{"role": "db", "site": "fra"}}, Hours: nightly(d.Now()), TZ: "UTC",
		Escalate: []client.TeamStep{{AfterSeconds: 1800, Team: "Platform lead"}}}))(t)
	now := d.Now()
	desk.Must(client.Post[client.Delegation](t.Context(), d.Admin.Client, "/delegations", client.NewDelegation{User: "dina.osei", Delegate: "ada", Until: now.Add(6 * 24 * time.Hour)}))(t)
	from := now.Add(3 * 24 * time.Hour)
	desk.Must(client.Post[client.Delegation](t.Context(), d.Admin.Client, "/delegations", client.NewDelegation{User: "bo", Delegate: "carl.meyer", From: &from, Until: from.Add(48 * time.Hour)}))(t)
	desk.Must(client.Post[client.Provider](t.Context(), d.Admin.Client, "/identity-providers", client.NewProvider{Name: "Example ID", Issuer: "https://id.example.org", ClientID: "assent", ClientSecret: "not told",
		CreateAccounts: true, AllowedDomains: []string{"example.org"}, Groups: []client.GroupRoles{{ID: "it-helpdesk", Roles: []string{"approver"}}, {ID: "it-audit", Roles: []string{"auditor", "requester"}}}}))(t)
	return s
}

// nightly are hours that are over now and come again in three hours.
func nightly(now time.Time) string {
	now = now.UTC()
	return fmt.Sprintf("%02d:00-%02d:30", (now.Hour()+3)%24, (now.Hour()+5)%24)
}

// linked ties an account to a user of an endpoint, and lets others ask.
func linked(d *desk.Desk) {
	t := d.T
	t.Helper()
	ep := d.Endpoint("ubu-0810", "role=laptop")
	desk.Must(client.Post[client.Link](t.Context(), d.Admin.Client, "/links", client.NewLink{Account: "hiro.sato", Endpoint: new(string(ep.ID)), User: new("hsato")}))(t)
	desk.Must(client.Post[client.Link](t.Context(), d.Admin.Client, "/links", client.NewLink{Account: "bo", Directory: new("corp.example"), User: new("bchen"), UID: new("S-1-5-21-7")}))(t)
	ep.Ask("dina.osei", "/usr/bin/apt", "update")
	ep.Ask("luis", "/usr/bin/systemctl", "restart", "cups")
}

// peoplePages are all pages of this part with something that shows it is there.
func peoplePages(s staff, user string) []struct{ name, hash, says string } {
	return []struct{ name, hash, says string }{
		{"people-teams", "#/people/teams", "Helpdesk"},
		{"people-team", "#/people/teams/" + s.helpdesk.ID, "After 15 minutes"},
		{"people-delegations", "#/people/delegations", "answers for"},
		{"people-users", "#/people/users", "carl.meyer"},
		{"people-user", "#/people/users/" + user, "Ways to sign in"},
		{"people-tokens", "#/people/tokens", "nightly export"},
		{"people-links", "#/people/links", "luis"},
		{"people-sign-in", "#/people/sign-in", "Example ID"},
		{"settings", "#/settings", "A request waits for an answer"},
		{"me", "#/me", "How I am told"},
	}
}

// Every page about people in each width and theme, by the rules of accessibility,
// and with a name that would deceive.
func TestPeoplePages(t *testing.T) {
	d, _, b := open(t, "administrator")
	s := hire(d)
	linked(d)
	desk.Must(client.Post[client.Token](t.Context(), d.Admin.Client, "/tokens", client.NewToken{Name: "nightly export", User: "bo", Scopes: []string{"audit.read"}}))(t)
	desk.Must(client.Post[client.Token](t.Context(), d.Admin.Client, "/tokens", client.NewToken{Name: evil, User: "ada", TTLSeconds: 3 * 86400}))(t)
	for _, p := range peoplePages(s, "hiro.sato") {
		b.Size(1440, 900, 1)
		b.Go(p.hash)
		b.Reads("main", p.says)
		b.Gone(".waiting")
		b.Looks(p.name, nil)
		if n := b.Number("main img, main script"); n != 0 {
			t.Errorf("%s: a name became markup", p.name)
		}
	}
}

// The forms of these pages, in each width and theme.
func TestPeopleForms(t *testing.T) {
	d, _, b := open(t, "administrator")
	s := hire(d)
	for _, f := range []struct {
		name, hash, button string
		then               func()
	}{
		{"people-form-team", "#/people/teams/" + s.helpdesk.ID, "Edit", func() { check(b, "Has working hours") }},
		{"people-form-user", "#/people/users", "Add a person", func() { check(b, "With a first password") }},
		{"people-form-token", "#/people/tokens", "New token", nil},
		{"people-form-link", "#/people/links", "Make a link", nil},
		{"people-form-provider", "#/people/sign-in", "Edit Example ID", nil},
		{"people-form-delegation", "#/people/delegations", "Say who stands in", nil},
		{"settings-changed", "#/settings", "", func() {
			b.Fill(field(b, "A request waits for an answer"), "0")
			check(b, "Off")
			b.Reads(".savebar", "2 changes")
		}},
	} {
		b.Size(1440, 900, 1)
		b.Go(f.hash)
		if f.button != "" {
			b.ClickText("main button", f.button)
			b.Sees("dialog form")
		}
		if f.then != nil {
			f.then()
		}
		b.Looks(f.name, nil)
		if f.button != "" {
			b.Key("Escape")
			b.Gone("dialog")
		}
	}
}

// A page of accounts that can not be read is asked for once, not for ever.
func TestAccountsThatCanNotAllBeRead(t *testing.T) {
	_, _, b := open(t, "administrator")
	b.Go("#/settings")
	b.Reads("main", "A request waits for an answer")
	b.Eval(`(() => {
		const real = window.fetch;
		window.tried = 0;
		window.fetch = async (...a) => {
			if (!String(a[0]).includes("/users?")) return real(...a);
			const first = await (await real(a[0].split("&cursor")[0])).json(), more = String(a[0]).includes("cursor=");
			if (more) [window.tried, window.since] = [window.tried + 1, performance.now()];
			const items = Array.from({length: 500}, (_, n) => ({...first.items[0], id: "usr_" + n, login: "user" + n}));
			return new Response(JSON.stringify({items, total: 501, next_cursor: "x"}), {status: more ? 503 : 200, headers: {"Content-Type": "application/json"}});
		};
	})(), 0`, nil)
	b.Eval(`location.hash = "#/people/users", 0`, nil)
	b.Reads(".page", "What you see may be old")
	b.Until(`window.tried > 20 || performance.now() - window.since > 1000`)
	var tried int
	if b.Eval("window.tried", &tried); tried > 3 {
		t.Errorf("asked %d times", tried)
	}
	b.ClickText("button", "Try again")
	b.Until(`window.tried > 1`)
}
