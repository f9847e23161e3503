package console

import (
	"fmt"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/browser"
	"github.com/assent-epm/assent/e2e/desk"
)

// The house's rules: one of each kind, and one that observes.
const houseRules = `# Rules of the house. CHG-104.
rules:
  - name: apt-update
    match: {path: /usr/bin/apt, args: [update], access_type: [run], endpoint: {labels: {role: laptop}}}
    then: approve
    limits: {duration: 1h, hours: "Mon-Sun 00:00-24:00", tz: Europe/Berlin}
    message: {en: "Updates are approved.", de: "Aktualisierungen sind genehmigt."}
  - name: services-need-platform
    match: {path: /usr/bin/systemctl, args: [{regex: 'restart|reload'}, {any: true}]}
    then: require
    require: {stages: [{team: Approvers, quorum: 1}], ticket: 'INC-\d+', after_review: {team: Approvers, comment: true}}
  - name: no-netcat
    match: {path: nc}
    then: deny
    message: {en: "Ask the network team for a tunnel."}
  # what the helpdesk wishes for
  - name: modprobe-evdi
    match: {path: /usr/sbin/modprobe, args: [evdi], group: [users]}
    when: 'endpoint.labels.exists(k, k == "site")'
    then: approve
    limits: {duration: 15m}
    children: contain
    mode: observe
tests:
  - {name: updates, attempt: {path: /usr/bin/apt, args: [update], labels: {role: laptop}}, expect: approve, rule: apt-update}
`

// asked is what people asked for before and after the rules were there; a person
// approved most of it and denied one.
func asked(t *testing.T, d *desk.Desk) (web, laptop *desk.Endpoint, denied string) {
	t.Helper()
	web, laptop = d.Endpoint("web-0134", "role=web", "site=fra"), d.Endpoint("ubu-0810", "role=laptop", "site=fra")
	mika := d.Person("mika", "approver")
	for _, who := range []string{"ana.silva", "carl.meyer", "eve.novak"} {
		mika.Does("approve", laptop.Ask(who, "/usr/bin/apt", "install", "wireshark"), nil)
		mika.Does("approve", laptop.Ask(who, "/usr/sbin/modprobe", "evdi"), nil)
	}
	denied = laptop.Ask("farid.k", "/usr/bin/apt", "install", "wireshark")
	mika.Does("deny", denied, map[string]any{"comment": "not on this machine"})
	d.Rules(houseRules)
	laptop.Ask("dina.osei", "/usr/bin/apt", "update")
	laptop.Ask("luis", "/usr/bin/apt", "update")
	a := web.Attempt("hiro.sato", "/usr/bin/systemctl", "restart", "nginx")
	web.AskWith(a, "The new certificate needs a restart.", "INC-4821")
	return web, laptop, denied
}

func ruleset(t *testing.T, p *desk.Person) client.Ruleset {
	t.Helper()
	return get[client.Ruleset](t, p, "/rules", nil)
}

// set fills a field of the form, which is found by the words before it.
func set(b *browser.Tab, label, value string) {
	b.T.Helper()
	b.Until(`(() => {
		const f = [...document.querySelectorAll(".ruleform .field, .form .field")].find((f) => f.firstElementChild?.textContent.trim() === ` + browser.Quote(label) + `);
		const e = f?.querySelector("input, textarea");
		if (!e) return false;
		document.querySelectorAll("[data-test]").forEach((x) => x.removeAttribute("data-test"));
		e.dataset.test = "here";
		return true;
	})()`)
	b.Fill(`[data-test=here]`, value)
}

// A rule author sees the rules in the order in which they decide, with how often
// they counted, switches one, and changes another in fields and in YAML.
func TestRulesListAndEditor(t *testing.T) {
	d, p, b := open(t, "rule_author")
	_, _, _ = asked(t, d)
	b.Go("#/rules")
	b.Reads(".page", "services-need-platform")
	b.Until(`[...document.querySelectorAll(".gridrow")].findIndex((r) => r.innerText.includes("no-netcat")) < [...document.querySelectorAll(".gridrow")].findIndex((r) => r.innerText.includes("apt-update"))`)
	b.Until(`[...document.querySelectorAll(".gridrow")].find((r) => r.innerText.includes("apt-update")).innerText.includes("2")`)
	b.Reads(".page", "/usr/bin/systemctl ‹restart|reload› ‹any›")
	b.Looks("rules", nil)

	b.Go("#/rules?q=evdi")
	b.Until(`document.querySelectorAll(".gridrow").length === 1`)
	b.Click(`button[aria-label="Enforce modprobe-evdi"]`)
	b.Until(`document.querySelector(".r-switch").getAttribute("aria-checked") === "true"`)
	if set := ruleset(t, p); set.Version != 2 || !strings.Contains(set.YAML, "  # what the helpdesk wishes for\n") || strings.Contains(set.YAML, "mode: observe") {
		t.Errorf("after the switch: version %d\n%s", set.Version, set.YAML)
	}

	b.Go("#/rules/edit/apt-update")
	b.Reads(".r-sentence", "/usr/bin/apt update on endpoints with role=laptop")
	set(b, "At most", "2h")
	b.Reads(".r-sentence", "2h at most")
	b.Reads(".r-views .r-state", "Ready to publish")
	set(b, "Program", "apt")
	b.Reads(".ruleform .field.wrong", "anybody can give a program the name")
	b.Reads(".r-views .r-state", "Has errors")
	b.Click(".r-faults .r-link")
	b.Until(`document.activeElement?.matches(".codearea textarea")`)
	b.Sees(".codearea pre .error")
	b.Eval(`(() => { const e = document.querySelector(".codearea textarea"); e.value = e.value.replace("path: apt,", "path: /usr/bin/apt, # kept\n      ").replace("# kept\n      ", ""); e.dispatchEvent(new Event("input", {bubbles: true})); return 0; })()`, nil)
	b.Reads(".r-views .r-state", "Ready to publish")
	b.Axe()
	b.ClickText(".r-views button", "Fields")
	b.Click(`.ruleform .r-args button.quiet`)
	b.Until(`document.querySelector('[aria-label="Argument 2: how"]')`)
	b.Choose(`[aria-label="Argument 2: how"]`, "any")
	b.Reads(".r-sentence", "/usr/bin/apt update ‹any›")
	b.Click(`[aria-label="Remove argument 2"]`)
	b.Until(`!document.querySelector('[aria-label="Argument 2: how"]')`)
	b.Reads(".r-replay", "In the last 30 days this would change")
	b.Looks("rules-edit", nil)
	b.ClickText("button", "Review and publish")
	b.Reads(".r-publish .r-diff", "duration: 2h")
	b.Reads(".r-publish", "In the last 30 days")
	b.Fill("textarea[name=comment]", "CHG-112, two hours are needed")
	b.Looks("rules-publish", nil)
	b.Click("button[name=publish]")
	b.Reads(".tabs", "In force")
	if set := ruleset(t, p); set.Version != 3 || !strings.Contains(set.YAML, "duration: 2h") || !strings.Contains(set.YAML, "# Rules of the house. CHG-104.\n") || !strings.Contains(set.YAML, "args: [update]") {
		t.Errorf("after publishing: version %d\n%s", set.Version, set.YAML)
	}
	b.Go("#/rules/versions")
	b.Reads(".r-versions", "CHG-112, two hours are needed")
	b.Looks("rules-versions", nil)
	b.Go("#/rules/versions/3")
	b.Reads(".r-diff", "duration: 2h")
	b.Looks("rules-version", nil)
	b.Go("#/rules/versions/1")
	b.ClickText("button", "Put in force again")
	b.Reads(".dialog", "In the last 30 days")
	b.ClickText(".dialog button", "Put it in force")
	b.Reads(".r-versions", "Version 4")
	if set := ruleset(t, p); set.Version != 4 || set.YAML != houseRules {
		t.Errorf("rolled back: version %d\n%s", set.Version, set.YAML)
	}
}

// What a person denied stops a publication until it is acknowledged; who was
// faster stops it too, and nothing is lost.
func TestRulesDeniedAndOvertaken(t *testing.T) {
	d, p, b := open(t, "rule_author")
	_, _, denied := asked(t, d)
	b.Expect("409")
	b.Go("#/rules/new")
	b.Reads(".page", "New rule")
	set(b, "Name", "apt-wireshark")
	b.ClickText(".ruleform .r-choice button", "Approve")
	b.ClickText(".ruleform .r-choice button", "Enforce")
	set(b, "Program", "/usr/bin/apt")
	b.ClickText(".ruleform .r-args button", "Add an argument")
	b.Fill(`[aria-label="Argument 1"]`, "install")
	b.ClickText(".ruleform .r-args button", "Add an argument")
	b.Fill(`[aria-label="Argument 2"]`, "wireshark")
	b.Reads(".r-replay", "a person denied")
	b.Until(`document.querySelector(".r-changes li").classList.contains("r-bad") && document.querySelector(".r-changes li a").href.includes(` + browser.Quote(denied) + `)`)
	b.Looks("rules-denied", nil)
	b.ClickText("button", "Review and publish")
	b.Reads(".r-publish", "I know that this approves what a person denied")
	b.Until(`document.querySelector("button[name=publish]").disabled`)
	b.Click("input[name=acknowledge]")
	// Meanwhile somebody else publishes.
	d.Rules(strings.Replace(houseRules, "CHG-104", "CHG-105", 1))
	b.Until(`document.querySelector("button[name=publish]") === null || !document.querySelector("button[name=publish]").disabled`)
	b.Until(`(() => { document.querySelector("button[name=publish]:enabled")?.click(); return document.querySelector(".overtaken"); })()`)
	b.Until(`!document.querySelector("dialog[open]") || document.querySelector("button[name=publish]:enabled")`)
	b.Reads(".overtaken", "Nothing of yours is lost")
	if set := ruleset(t, p); set.Version == 2 {
		if b.Number("dialog[open]") == 0 {
			b.ClickText("button", "Review and publish")
			b.Click("input[name=acknowledge]")
		}
		b.Click("button[name=publish]")
	}
	b.Reads(".toasts", "is in force")
	if set := ruleset(t, p); !strings.Contains(set.YAML, "CHG-105") || !strings.Contains(set.YAML, "apt-wireshark") || !strings.Contains(set.YAML, "args: [install, wireshark]") {
		t.Errorf("both are in force:\n%s", set.YAML)
	}
}

// With four eyes a change becomes a proposal, which its author can not confirm.
func TestRulesProposals(t *testing.T) {
	d, p, b := open(t, "rule_author")
	asked(t, d)
	d.Settings(map[string]any{"four_eyes_rules": true})
	account(d, "rita", "rule_author")
	b.Go("#/rules/edit/modprobe-evdi?view=yaml")
	b.Reads(".r-sentence", "/usr/sbin/modprobe evdi")
	b.Eval(`(() => { const e = document.querySelector(".codearea textarea"); e.value = e.value.replace("duration: 15m", "duration: 20m"); e.dispatchEvent(new Event("input", {bubbles: true})); return 0; })()`, nil)
	b.Reads(".r-views .r-state", "Ready to publish")
	b.Looks("rules-yaml", nil)
	b.ClickText("button", "Review and publish")
	b.Fill("textarea[name=comment]", "the helpdesk asked for it")
	b.Click("button[name=publish]")
	b.Reads(".page", "You proposed this")
	b.Reads(".r-diff", "duration: 20m")
	b.Until(`[...document.querySelectorAll("button")].find((x) => x.innerText === "Confirm").disabled`)
	b.Looks("rules-proposal", nil)
	if set := ruleset(t, p); set.Version != 1 {
		t.Errorf("it is in force already: version %d", set.Version)
	}
	other := browse(t, d)
	other.SignIn("rita", desk.Password)
	other.Go("#/rules/proposals")
	other.Reads(".r-cardlist", "the helpdesk asked for it")
	other.Looks("rules-proposals", nil)
	other.Click(".r-cardlink")
	other.Reads(".r-diff", "duration: 20m")
	other.ClickText("button", "Confirm")
	other.Reads(".r-proposed", "Confirmed")
	if set := ruleset(t, p); set.Version != 2 || !strings.Contains(set.YAML, "duration: 20m") {
		t.Errorf("confirmed: version %d", set.Version)
	}
	b.Reads(".r-proposed", "Confirmed") // the author's page hears of it
}

// Packs, suggestions and the page to try.
func TestRulesPacksSuggestionsTry(t *testing.T) {
	d, p, b := open(t, "rule_author")
	_, laptop, _ := asked(t, d)
	mika := d.Person("mika2", "approver")
	for n := range 3 {
		e := d.Endpoint(fmt.Sprintf("ubu-09%02d", n), "role=laptop", "site=muc")
		for _, who := range []string{"ana.silva", "carl.meyer"} {
			mika.Does("approve", e.Ask(who, "/usr/bin/systemctl", "start", "cups"), nil)
		}
	}
	b.Go("#/rules/packs")
	b.Reads(".page", "sudoers")
	b.ClickText(`[aria-label="Pack network"] button`, "What each rule does")
	b.Reads(`[aria-label="Pack network"]`, "Looking for wireless networks is approved.")
	b.Looks("rules-packs", nil)
	b.ClickText(`[aria-label="Pack network"] button`, "Observe")
	b.Reads(`[aria-label="Pack network"] h2`, "Observes")
	b.ClickText(`[aria-label="Pack network"] button`, "Enforce")
	b.ClickText(".dialog button", "Enforce")
	b.Reads(`[aria-label="Pack network"] h2`, "In force")
	state := ""
	for _, x := range ruleset(t, p).Packs {
		if x.Name == "network" {
			state = x.State
		}
	}
	if state != "enforce" {
		t.Errorf("the pack is %s", state)
	}
	b.Go("#/rules?mode=pack")
	b.Reads(".grid", "network.radio")

	b.Go("#/rules/suggestions")
	b.Reads(".r-suggestion", "/usr/bin/systemctl start cups")
	b.Looks("rules-suggestions", nil)
	b.ClickText(".r-suggestion a", "Look at it")
	b.Reads(".r-sentence", "/usr/bin/systemctl start cups")
	b.Reads(".page", "Review and publish")

	id := laptop.Ask("dina.osei", "/usr/bin/dmesg")
	b.Go("#/rules/new?request=" + id)
	b.Reads(".r-sentence", "/usr/bin/dmesg without arguments by dina.osei")
	if b.Number(`[aria-label="Tests"] .r-block`) != 2 {
		t.Error("the tests of a made rule are not shown")
	}

	b.Expect("409")
	b.Go("#/rules/new?request=" + laptop.Ask("dina.osei", "/usr/bin/bash"))
	b.Reads(".page", "No rule can be made from this")
	b.Go("#/rules/new?copy=apt-update")
	b.Until(`document.querySelector("input[name=rule-name]").value === "apt-update-2"`)
	b.Go("#/rules/packs")
	b.ClickText(`[aria-label="Pack updaters"] button`, "What each rule does")
	b.Click(`[aria-label="Pack updaters"] .packrules a`)
	b.Reads(".page", "Ready to publish")

	b.Go("#/rules/why")
	b.Reads(".page", "Say what somebody would do")
	b.Fill("input[name=path]", "/usr/bin/apt")
	b.Fill("textarea[name=args]", "update")
	b.ClickText("form .primary", "Try it")
	b.Reads(".r-verdict", "the rule wants role=laptop")
	b.Looks("rules-why", nil)
	b.Go("#/rules/why?request=" + id)
	b.Reads(".r-verdict", "No rule answers this")

	b.Go("#/rules/text")
	b.Until(`document.querySelector(".codearea textarea").value.includes("CHG-104")`)
	b.Eval(`(() => { const e = document.querySelector(".codearea textarea"); e.value = e.value.replace("CHG-104", "CHG-106"); e.dispatchEvent(new Event("input", {bubbles: true})); return 0; })()`, nil)
	b.ClickText("button", "Review and publish")
	b.Reads(".r-publish .r-diff", "CHG-106")
	b.ClickText(".r-publish button", "Back")
	b.Looks("rules-text", nil)
}

// An approver reads and tries, and is offered nothing that would be refused.
func TestRulesForApprovers(t *testing.T) {
	d, p, b := open(t, "approver")
	asked(t, d)
	b.Go("#/rules")
	b.Reads(".page", "apt-update")
	b.Until(`[...document.querySelectorAll(".r-switch")].every((e) => e.disabled)`)
	if n := b.Number(`a[href="#/rules/new"]`); n != 0 {
		t.Error("an approver is offered a new rule")
	}
	b.Go("#/rules/edit/apt-update")
	b.Reads(".page", "Publishing needs the role rule author")
	if strings.Contains(b.Text(".page"), "Review and publish") {
		t.Error("an approver is offered to publish")
	}
	b.Go("#/rules/packs")
	b.Reads(".page", "sudoers")
	b.Until(`[...document.querySelectorAll(".r-pack .r-choice button")].every((e) => e.disabled)`)
	for _, page := range []string{"proposals", "versions", "suggestions", "why", "text"} {
		b.Go("#/rules/" + page)
		b.Sees(".tabs .on")
	}
	if _, err := client.Post[client.Ruleset](t.Context(), p.Client, "/rules/apply", client.ApplyRules{YAML: "rules: []\n"}); desk.Code(err) != "forbidden" {
		t.Errorf("an approver publishes: %v", err)
	}
}

// What strangers wrote in rules is only ever text.
func TestRulesHostileText(t *testing.T) {
	d, _, b := open(t, "rule_author")
	evil := `<img src=x onerror=document.title=1>`
	d.Rules("rules:\n  - name: x\n    match: {path: /usr/bin/id, args: ['" + evil + "', '" + strings.Repeat("long", 300) + "', 'שלום'], user: ['<b>bo</b>'], endpoint: {labels: {'" + evil + "': 'v'}}}\n" +
		"    then: deny\n    message: {en: '" + evil + "', de: '👩‍👩‍👧 schön'}\n")
	if err := d.Admin.Call(t.Context(), "POST", "/rules/apply", nil, client.ApplyRules{YAML: "rules: []\n", Comment: "<script>document.title=2</script>\u202egnp"}, nil); err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"versions", "versions/1", "versions/2", "versions/1?view=text"} {
		b.Go("#/rules/" + page)
		b.Sees(".page h1")
		b.Fits()
	}
	b.Go("#/rules/versions/2")
	b.Reads("blockquote .ctl", "RLO")
	if err := d.Admin.Call(t.Context(), "POST", "/rules/rollback", nil, client.Rollback{Version: 1}, nil); err != nil {
		t.Fatal(err)
	}
	b.Go("#/rules")
	b.Reads(".grid", "<img")
	b.Size(390, 844, 2)
	b.Fits()
	b.Size(1440, 900, 1)
	b.Go("#/rules/edit/x")
	b.Reads(".r-sentence", "<img")
	b.Fits()
	b.Size(390, 844, 2)
	b.Fits()
	b.Size(1440, 900, 1)
	b.Until(`document.querySelectorAll("img, main script").length === 0 && !/^[12]$/.test(document.title)`)
}
