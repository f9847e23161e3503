package console

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/browser"
	"github.com/assent-epm/assent/e2e/desk"
)

// A team is made, seen with its ladder, changed and deleted; what depends on it
// keeps it.
func TestTeamsPage(t *testing.T) {
	d, _, b := open(t, "administrator")
	s := hire(d)
	b.Go("#/people/teams")
	form(b, "New team", "Name", "Night watch")
	b.Fill(`input[aria-label="Members: add a login"]`, "ada")
	b.ClickText(".newone button", "Add")
	b.Fill(`input[aria-label="Members: add a login"]`, "dina.osei")
	b.Key("Enter")
	b.Sees(".picked:nth-of-type(2)")
	label(b, "", "site", "ber")
	check(b, "Has working hours")
	b.Choose(`select[aria-label="Last day"]`, "Thu")
	b.ClickText("button", "Ask another team too")
	b.Choose(`select[aria-label="Step 1: team"]`, "Helpdesk")
	b.ClickText("dialog button", "Make the team")
	b.Reads("main h1", "Night watch")
	b.Reads(".ladder", "After 15 minutes")
	b.Reads(".ladder", "Helpdesk")
	made := get[client.Team](t, d.Admin, "/teams/Night%20watch", nil)
	if strings.Join(made.Members, " ") != "ada dina.osei" || made.Scope.Labels["site"] != "ber" || made.Hours != "Mon-Thu 08:00-18:00" || made.TZ == "" || len(made.Escalate) != 1 || made.Escalate[0] != (client.TeamStep{AfterSeconds: 900, Team: "Helpdesk"}) {
		t.Errorf("the team is %s", desk.JSON(made))
	}

	b.Go("#/people/teams/" + s.platform.ID)
	b.Reads("main", "It is on the ladder of")
	b.Reads(".ladder", "ada for dina.osei") // who is away is stood in for
	b.ClickText("main button", "Delete")
	b.ClickText("dialog button", "Delete it")
	b.Expect("409")
	b.Reads("dialog .note.no", "ladder of team")
	b.ClickText("dialog button", "Cancel")

	b.Go("#/people/teams/" + made.ID)
	b.ClickText("main button", "Edit")
	b.Fill(field(b, "Name"), "Nachtwache")
	check(b, "Answers at any time")
	b.Click(`button[aria-label="Remove step 1"]`)
	b.ClickText("dialog button", "Save")
	b.Reads("main h1", "Nachtwache")
	if now := get[client.Team](t, d.Admin, "/teams/"+made.ID, nil); now.Hours != "" || len(now.Escalate) != 0 || now.Name != "Nachtwache" || now.Scope.Labels["site"] != "ber" {
		t.Errorf("changed: %s", desk.JSON(now))
	}
	b.ClickText("main button", "Delete")
	b.ClickText("dialog button", "Delete it")
	b.Reads("main", "Datenbank")
	if all := desk.JSON(get[client.List[client.Team]](t, d.Admin, "/teams", nil)); strings.Contains(all, "Nachtwache") {
		t.Error("the team is still there")
	}
	b.Expect("404")
	b.Eval(`history.back(), 0`, nil) // whoever goes back to it is told, and does not wait for ever
	b.Reads("main", "There is no such thing here")
}

// An approver says who stands in for them, and ends it; others' they only see.
func TestStandingInPage(t *testing.T) {
	d, p, b := open(t, "approver")
	hire(d)
	b.Go("#/people/delegations")
	b.Reads(".panel:nth-of-type(2)", "ada")
	if n := b.Number(".panel:nth-of-type(2) button"); n != 0 {
		t.Errorf("%d buttons at what belongs to others", n)
	}
	b.ClickText("button", "Say who stands in")
	b.Reads("dialog", "Answers meanwhile")
	b.Fill(`input[aria-label="Answers meanwhile"]`, "hiro.sato")
	b.ClickText("dialog button", "Save")
	b.Expect("400")
	b.Reads("dialog .note.no", "can not answer requests")
	b.Fill(`input[aria-label="Answers meanwhile"]`, "ada")
	until := time.Now().Add(40 * time.Hour).In(time.Local).Format("2006-01-02T15:04")
	b.Eval(`(() => { const e = [...document.querySelectorAll("input[type=datetime-local]")].at(-1); e.value = `+browser.Quote(until)+`; e.dispatchEvent(new Event("input", {bubbles: true})); return 0; })()`, nil)
	b.ClickText("dialog button", "Save")
	b.Reads(".panel", "ada answers for bo (you)")
	var mine client.Delegation
	for _, x := range get[client.List[client.Delegation]](t, p, "/delegations", nil).Items {
		if x.User == "bo" && x.Delegate == "ada" {
			mine = x
		}
	}
	if left := time.Until(mine.Until); left < 39*time.Hour || left > 41*time.Hour {
		t.Fatalf("it is %s", desk.JSON(mine))
	}
	b.Click(`button[aria-label="End: ada for bo"]`)
	b.ClickText("dialog button", "End it")
	b.Until(`![...document.querySelectorAll("main li")].some((l) => l.innerText.includes("ada answers for bo"))`)
}

// Somebody is added, changed, kept out, let in and deleted; a password that is set
// works; lost factors go.
func TestAccountsPage(t *testing.T) {
	d, _, b := open(t, "administrator")
	s := hire(d)
	b.Go("#/people/users")
	form(b, "Add a person", "Login", "nina.k", "Name", "Nina Kern")
	check(b, "Approver")
	check(b, "Requester")
	check(b, "With a first password")
	b.Fill(field(b, "First password"), desk.Password)
	b.ClickText("dialog button", "Add the person")
	b.Gone("dialog")
	b.Reads("main h1", "nina.k")
	u := get[client.User](t, d.Admin, "/users/nina.k", nil)
	if strings.Join(u.Roles, " ") != "approver" || !u.HasPassword || u.Name != "Nina Kern" || u.SignedInAt != nil {
		t.Errorf("made: %s", desk.JSON(u))
	}
	other := browse(t, d)
	other.SignIn("nina.k", desk.Password)
	if u = get[client.User](t, d.Admin, "/users/nina.k", nil); u.SignedInAt == nil {
		t.Error("nobody knows that they signed in")
	}

	b.ClickText("main button", "Edit")
	check(b, "Auditor")
	b.Fill(field(b, "E-mail address"), "nina@example.org")
	label(b, "", "site", "fra")
	b.ClickText("dialog button", "Save")
	b.Gone("dialog")
	b.Reads("main", "site=fra")
	if u = get[client.User](t, d.Admin, "/users/nina.k", nil); strings.Join(u.Roles, " ") != "approver auditor" || u.Scope["site"] != "fra" || u.Email != "nina@example.org" {
		t.Errorf("changed: %s", desk.JSON(u))
	}
	b.ClickText("main button", "Disable")
	b.ClickText("dialog button", "Disable")
	b.Reads("main", "nobody can sign in with it")
	b.ClickText("main button", "Let in again")
	b.ClickText("dialog button", "Let in")
	b.Gone("main .note.no")
	b.Click(`button[aria-label="Take the password away"]`)
	b.ClickText("dialog button", "Take it away")
	b.Reads("main", "None: a password does not sign in")
	b.Expect("404") // what the page reads once more when it hears of it
	b.ClickText("main button", "Delete")
	b.ClickText("dialog button", "Delete it")
	b.Reads("main .grid", "carl.meyer")
	if _, err := d.Admin.Do("GET", "/users/nina.k", nil); desk.Code(err) != "not_found" {
		t.Errorf("after deleting: %v", err)
	}
	b.Fill(`input[type=search]`, "sato")
	b.Until(`document.querySelectorAll(".gridrow").length === 1`)
	b.Until(`location.hash.includes("q=sato")`)
	b.Fill(`input[type=search]`, "")
	b.Choose(`select[aria-label=Role]`, "auditor")
	b.Until(`document.querySelectorAll(".gridrow").length === 1 && document.querySelector(".gridrow").innerText.includes("eve.novak")`)
	b.Go("#/people/users/" + s.hostile)
	b.Reads("main", "<img src=x onerror=alert(1)>")
	if b.Number("main img") != 0 {
		t.Error("a name became markup")
	}
	b.Fits()
}

// A token is shown once and works until it is withdrawn.
func TestTokensPage(t *testing.T) {
	d, p, b := open(t, "approver")
	b.Go("#/people/tokens")
	b.ClickText("button", "New token")
	if n := b.Number(`input[aria-label=Owner]`); n != 0 {
		t.Error("an approver chooses the owner of a token")
	}
	b.Fill(field(b, "Name"), "night job")
	check(b, "See requests")
	b.ClickText("dialog button", "Make the token")
	b.Reads("dialog", "It is kept nowhere")
	text := strings.TrimSpace(b.Text("dialog .copytext code"))
	by := desk.Must(client.New(d.URL, text))(t)
	me := desk.Must(client.Get[client.Me](t.Context(), by, "/me", nil))(t)
	if me.Login != "bo" || strings.Contains(strings.Join(me.Permissions, " "), "requests.decide") {
		t.Errorf("with the token: %s", desk.JSON(me))
	}
	b.ClickText("dialog button", "I have it")
	b.Reads("main", "night job")
	if strings.Contains(b.Text("body"), text) {
		t.Error("the token is still on the page")
	}
	b.Click(`button[aria-label="Withdraw night job"]`)
	b.ClickText("dialog button", "Withdraw it")
	b.Until(`!document.querySelector("main").innerText.includes("night job")`)
	if _, err := client.Get[client.Me](t.Context(), by, "/me", nil); desk.Code(err) != "unauthenticated" {
		t.Errorf("the token still opens: %v", err)
	}
	_ = p
}

// A weak link is made strong from who asked lately, and deleted.
func TestLinksPage(t *testing.T) {
	d, _, b := open(t, "administrator")
	hire(d)
	linked(d)
	b.Go("#/people/links")
	b.Reads("main", "Weak: dina.osei")
	b.ClickText("main button", "Make strong")
	b.ClickText("dialog button", "Make the link")
	b.Until(`!document.querySelector("main").innerText.includes("Weak:")`)
	found := false
	for _, l := range get[client.List[client.Link]](t, d.Admin, "/links", nil).Items {
		found = found || l.Account == "dina.osei" && l.Endpoint != nil && *l.Endpoint == "ubu-0810" && l.User != nil && *l.User == "dina.osei"
	}
	if !found {
		t.Error("there is no strong link")
	}
	b.Click(`button[aria-label="Delete the link of dina.osei and dina.osei"]`)
	b.ClickText("dialog button", "Delete it")
	b.Reads("main", "Weak: dina.osei")
	b.Click(`button[aria-label="Delete the link of bo and bchen"]`) // one's own
	b.ClickText("dialog button", "Delete it")
	b.Reads("dialog .note.no", "ask another administrator")
}

// A provider is added with groups that give roles; its secret is never told; the
// groups of the directory are given meaning.
func TestSignInMethodsPage(t *testing.T) {
	d, _, b := open(t, "administrator")
	hire(d)
	b.Go("#/people/sign-in")
	form(b, "Add a provider", "Name", "Second ID", "Issuer", "https://second.example.org", "Client id", "assent-2", "Client secret", "a secret of ours")
	b.ClickText("button", "Add a group")
	b.Fill(`input[aria-label="Group 1"]`, "ops")
	b.ClickText(".roletoggles button", "Approver")
	b.ClickText("dialog button", "Add it")
	b.Reads("main", "Second ID")
	b.Reads("main", "ops")
	var p client.Provider
	for _, x := range get[client.List[client.Provider]](t, d.Admin, "/identity-providers", nil).Items {
		if x.Name == "Second ID" {
			p = x
		}
	}
	if !p.SecretSet || !p.Enabled || desk.JSON(p.Groups) != `[{"id":"ops","roles":["requester","approver"]}]` {
		t.Errorf("made: %s", desk.JSON(p))
	}
	b.Click(`button[aria-label="Edit Second ID"]`)
	check(b, "Offered on the sign-in page")
	b.ClickText("dialog button", "Save")
	b.Gone("dialog")
	if now := get[client.Provider](t, d.Admin, "/identity-providers/"+p.ID, nil); now.Enabled || !now.SecretSet || now.CallbackURL != p.CallbackURL {
		t.Errorf("changed: %s", desk.JSON(now))
	}
	b.Click(`button[aria-label="Delete Second ID"]`)
	b.ClickText("dialog button", "Delete it")
	b.Until(`!document.querySelector("main").innerText.includes("Second ID")`)
	b.ClickText("main button", "Edit")
	check(b, "Take over accounts")
	b.ClickText("button", "Add a group")
	b.Fill(`input[aria-label="Group 1"]`, "S-1-5-21-513")
	b.ClickText("dialog button", "Save")
	b.Reads("main", "are taken over")
	if dir := get[client.Directory](t, d.Admin, "/directory", nil); !dir.AdoptAccounts || len(dir.Groups) != 1 || dir.Groups[0].ExternalID != "S-1-5-21-513" {
		t.Errorf("the directory is %s", desk.JSON(dir))
	}
}

// A new installation has the defaults that the page tells; only what was changed
// is sent; a bad value stands at its field.
func TestSettingsPage(t *testing.T) {
	d, _, b := open(t, "administrator")
	b.Go("#/settings")
	b.Reads("main", "A request waits for an answer")
	b.Reads(".set-counted", "0 of ")
	if n := b.Number(".setting.unusual"); n != 0 {
		t.Errorf("%d settings of a new installation differ from the defaults told: %s", n, b.Text(".setting.unusual"))
	}
	var keys, known []string
	b.Eval(`[...document.querySelectorAll(".setting")].map((e) => e.id.slice(4)).sort()`, &known)
	b.Eval(`fetch("/api/v1/settings").then((r) => r.json()).then((s) => Object.entries(s).flatMap(([k, v]) => v && typeof v === "object" && !Array.isArray(v) ? Object.keys(v).map((i) => k + "-" + i) : [k]).filter((k) => k !== "canned").sort())`, &keys)
	if strings.Join(keys, " ") != strings.Join(known, " ") {
		t.Errorf("the page has\n%s\nbut the settings are\n%s", known, keys)
	}

	b.Fill(field(b, "A request waits for an answer"), "6")
	check(b, "Off") // the first switch that is off
	b.Reads(".savebar", "2 changes")
	b.ClickText("button", "Save")
	b.Gone(".savebar")
	s := get[client.Settings](t, d.Admin, "/settings", nil)
	if s.PendingTTLSeconds != 6*3600 || !s.StepUpRisky {
		t.Errorf("saved: %s", desk.JSON(s))
	}
	events := get[client.AuditPage](t, d.Admin, "/audit", url.Values{"kind": {"settings.changed"}})
	if n := len(events.Items); n != 1 || len(events.Items[0].Data) != 2 {
		t.Errorf("what was written: %s", desk.JSON(events.Items))
	}
	b.Reads(".setting.unusual", "Default is 8 hours")

	b.Fill(field(b, "A session in a terminal"), "6")
	b.Choose(`select[aria-label="A session in a terminal: unit"]`, "hours")
	b.Reads(".setting.edited", "4 hours at most")
	b.Until(`document.querySelector(".savebar .primary").disabled`)
	b.ClickText("button", "Discard")
	b.Gone(".savebar")
	b.Fill(field(b, "Sessions and administrators, at most"), "1")
	b.Choose(`select[aria-label="Sessions and administrators, at most: unit"]`, "minutes") // below the usual session
	b.Expect("400")
	b.ClickText("button", "Save")
	b.Sees(".savebar .note.no")
	if s := get[client.Settings](t, d.Admin, "/settings", nil); s.AdminCapSeconds != 4*3600 {
		t.Errorf("a bad value was saved: %d", s.AdminCapSeconds)
	}
	b.ClickText("button", "Discard")
	b.Eval(`(() => { const e = document.querySelector("textarea.code"); e.value = "(unclosed"; e.dispatchEvent(new Event("change", {bubbles: true})); return 0; })()`, nil)
	b.ClickText("button", "Save")
	b.Reads("#set-mask_patterns .fault", "mask_patterns")
	b.ClickText("button", "Discard")
	b.Fill("input[type=search]", "ticket")
	b.Until(`document.querySelectorAll(".setting").length === 2`)
}

// Each role sees the parts that are theirs, and no button that would be refused.
func TestPeopleByRole(t *testing.T) {
	d, b := browsing(t)
	account(d, "bo", "approver")
	s := hire(d)
	for _, who := range []struct {
		login, tabs, buttons string
		settings, users      bool
	}{
		{"ada", "Teams, Standing in, API tokens", "", false, false},
		{"eve.novak", "Teams, Standing in, Accounts, API tokens, Local users, Sign-in", "", true, true},
		{"farid.k", "Teams, API tokens", "", false, false},
		{"hiro.sato", "API tokens", "", false, false},
	} {
		d.Password(who.login)
		b.SignIn(who.login, desk.Password)
		b.Go("#/people")
		b.Reads("main h1", "People")
		b.Until(`[...document.querySelectorAll(".tabs .tab")].map((e) => e.innerText.trim()).join(", ") === ` + browser.Quote(who.tabs))
		if got := b.Number(`.side a[href="#/people"]`) == 1; got != (who.login != "hiro.sato") {
			t.Errorf("%s: the side bar has People: %v", who.login, got)
		}
		if strings.HasPrefix(who.tabs, "Teams") {
			b.Go("#/people/teams/" + s.helpdesk.ID)
			b.Reads("main", "If nobody answers")
			b.Sees(".ladder li")
			if n := b.Number("main .pageacts button"); n != 0 {
				t.Errorf("%s: %d buttons at a team", who.login, n)
			}
		}
		b.Go("#/people/users")
		if who.users {
			b.Reads(".grid", "carl.meyer")
			b.Go("#/people/users/carl.meyer")
			b.Reads("main", "Ways to sign in")
			if n := b.Number("main .pageacts button, main .rows button"); n != 0 {
				t.Errorf("%s: %d buttons at an account", who.login, n)
			}
		} else {
			b.Reads("main", "not open to you")
		}
		b.Go("#/settings")
		if who.settings {
			b.Reads("main", "You may read them")
			if n := b.Number(".setting :is(input, select, textarea, button)"); n != 0 {
				t.Errorf("%s: %d fields of settings", who.login, n)
			}
		} else {
			b.Reads("main", "not open to you")
		}
		b.SignOut()
	}
}
