package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/browser"
	"github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// sees makes an endpoint tell of what it let go on.
func sees(d *desk.Desk, e *desk.Endpoint, kind wire.SeenKind, times int, user string, argv ...string) {
	d.T.Helper()
	a := e.Attempt(user, argv...)
	if err := e.Link.Tell(wire.Seen{ID: a.Request, Kind: kind, Attempt: a.Attempt, Times: times, At: d.Now()}); err != nil {
		d.T.Fatal(err)
	}
	d.Eventually("what was seen is known", func() bool { return e.Link.Waiting() == 0 })
}

// put saves policies by REST.
func put(d *desk.Desk, items ...client.Policy) {
	d.T.Helper()
	if err := d.Admin.Call(d.T.Context(), http.MethodPut, "/policies", nil, client.PutPolicies{Items: items}, nil); err != nil {
		d.T.Fatal(err)
	}
}

func names(p client.Policies) string {
	var out []string
	for _, e := range p.Items {
		out = append(out, e.Name)
	}
	return strings.Join(out, ", ")
}

func policies(t testing.TB, p *desk.Person) client.Policies {
	t.Helper()
	return get[client.Policies](t, p, "/policies", nil)
}

// ordered waits until the policies stand in this order on the screen.
func ordered(b *browser.Tab, want string) {
	b.T.Helper()
	b.Until(`[...document.querySelectorAll(".policy:not(.rest) .policyname b")].map((e) => e.innerText).join(", ") === ` + browser.Quote(want))
}

// Policies are written in the editor, ordered by keys, saved as a whole, and not over
// somebody else's.
func TestD11PoliciesPage(t *testing.T) {
	d, bo, b := open(t, "administrator")
	for i := range 6 {
		d.Able(able, fmt.Sprintf("lap-%04d", i), "role=laptop", fmt.Sprint("ring=", 1+i/3))
	}
	d.Able(able, "kiosk-1", "role=kiosk")
	put(d, client.Policy{Name: "ring one", Labels: map[string]string{"role": "laptop", "ring": "1"}, Mode: "ask", Presets: []string{"Planned maintenance", "Repair"}, ReasonMin: 12,
		BreakGlass: "wheel", Offline: &client.PolicyOffline{Rules: true, Codes: true}, Words: &client.PolicyWords{Company: "Example Ltd", Help: "ext. 100"}},
		client.Policy{Name: "laptops", Labels: map[string]string{"role": "laptop"}, Mode: "observe", Mechanisms: map[string]string{"polkit": "off"}})
	b.Go("#/endpoints/policies")
	ordered(b, "ring one, laptops")
	b.Reads(".policies", "3 endpoints")
	b.Reads(".policies", "1 endpoint")
	b.Looks("policies", nil)

	b.ClickText("button", "New policy")
	b.Fill("dialog input", "servers")
	label(b, "Endpoints with these labels", "role", "kiosk")
	b.Reads("dialog", "These labels fit 1 endpoint")
	b.Click(`dialog details:last-of-type summary`)
	b.Eval(`[...document.querySelectorAll("dialog summary")].find((e) => e.innerText.includes("Your words")).click(), 0`, nil)
	b.Type(`dialog input[inputmode=url]`, "http://example.com")
	b.ClickText("dialog button", "Put it into the list")
	b.Reads("dialog .field.wrong", "https://")
	b.Looks("policy-fault", nil)
	b.Fill(`dialog input[inputmode=url]`, "https://example.com/rights")
	b.Fill("dialog textarea.code", "(")
	b.ClickText("dialog button", "Put it into the list")
	b.Gone("dialog")
	ordered(b, "ring one, laptops, servers")
	b.Reads(".unsaved", "not saved")
	b.Expect("400", "422")
	b.ClickText("button", "Save policies")
	b.Reads("dialog .field.wrong", "mask") // only the controller knows
	b.Fill("dialog textarea.code", "")
	b.Eval(`[...document.querySelectorAll("dialog summary")].find((e) => e.innerText.includes("Authorization rights")).click(), 0`, nil)
	b.Fill("dialog textarea.rights", "system.preferences.printing = user\nsystem.privilege.admin: nobody")
	b.ClickText("dialog button", "Take over the changes")
	b.Gone("dialog")
	b.ClickText("button", "Save policies")
	b.Reads("dialog .field.wrong", "system.privilege.admin") // as well
	b.Eval(`document.querySelector("dialog textarea.rights").scrollIntoView({block: "center"}), 0`, nil)
	b.Looks("policy-rights", nil)
	b.Fill("dialog textarea.rights", "system.preferences.printing = user")
	b.ClickText("dialog button", "Take over the changes")
	b.Gone("dialog")
	b.Reads(".policies", "1 authorization right of macOS")
	b.Eval(`document.querySelector(".policy").focus(), 0`, nil)
	b.Key("Alt+ArrowDown")
	ordered(b, "laptops, ring one, servers")
	b.Key("Alt+ArrowUp")
	ordered(b, "ring one, laptops, servers")
	b.Eval(`(() => { // the third one is dragged to the second place
		const all = document.querySelectorAll(".policy"), held = new DataTransfer();
		for (const [n, kind] of [[2, "dragstart"], [1, "dragover"], [1, "drop"], [2, "dragend"]]) all[n].dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: held}));
		return 0;
	})()`, nil)
	ordered(b, "ring one, servers, laptops")
	b.Looks("policies-unsaved", nil)
	b.ClickText("button", "Save policies")
	b.Gone(".unsaved")
	now := policies(t, bo)
	if names(now) != "ring one, servers, laptops" || now.Items[1].Words == nil || now.Items[1].Words.Link != "https://example.com/rights" || now.Items[1].Mode != "ask" || len(now.Items[1].Mask) != 0 ||
		len(now.Items[1].AuthorizationRights) != 1 || now.Items[1].AuthorizationRights["system.preferences.printing"] != "user" ||
		now.Items[0].Presets[1] != "Repair" || !now.Items[0].Offline.Codes || now.Items[2].Mechanisms["polkit"] != "off" {
		t.Errorf("saved: %s", desk.JSON(now.Items))
	}

	// Two at once: the other one was first.
	b.ClickText("button", "Move servers up")
	ordered(b, "servers, ring one, laptops")
	put(d, client.Policy{Name: "theirs", Mode: "observe"})
	b.Reads(".unsaved", "Somebody saved other policies meanwhile")
	b.ClickText("button", "Drop…")
	b.ClickText("dialog button", "Drop them")
	ordered(b, "theirs")
	b.ClickText("button", "Remove theirs")
	b.ClickText("dialog button", "Remove")
	b.ClickText("button", "Save policies")
	b.Gone(".unsaved")
	b.Reads(".page", "No policy yet")
	if p := policies(t, bo); len(p.Items) != 0 {
		t.Errorf("left: %s", names(p))
	}
	b.ClickText("button", "Make the first one")
	b.Sees("dialog .fl-choice")
	b.Looks("policy-new", nil)
}

// The rollout page says what the rules cover at a ring, what people would be asked,
// what went around, and pauses the ring.
func TestD11RolloutPage(t *testing.T) {
	d, bo, b := open(t, "administrator")
	d.Rules("rules:\n  - name: updates\n    match: {path: /usr/bin/apt, args: [update]}\n    then: approve\n  - name: clock\n    match: {path: /usr/sbin/ntpdate, args: [{rest: true}]}\n    then: approve\n")
	lap, srv := d.Able(able, "lap-0001", "role=laptop", "ring=1"), d.Able(able, "srv-0001", "role=server", "ring=2")
	put(d, client.Policy{Name: "ring one", Labels: map[string]string{"ring": "1"}, Mode: "observe", BreakGlass: "wheel"}, client.Policy{Name: "everything else", Mode: "observe"})
	sees(d, lap, wire.SeenObserved, 180, "dina.osei", "/usr/bin/apt", "update")
	sees(d, lap, wire.SeenObserved, 16, "eve.novak", "/usr/bin/systemctl", "restart", "nginx")
	sees(d, lap, wire.SeenObserved, 4, "eve.novak", "/usr/bin/mount", "/dev/sdb1", "/mnt")
	sees(d, srv, wire.SeenObserved, 50, "luis", "/usr/bin/journalctl", "-f")
	sees(d, lap, wire.SeenAround, 1, "mallory", "/usr/bin/su", "-")
	sees(d, srv, wire.SeenBreakGlass, 1, "oncall", "/usr/bin/bash")
	b.Go("#/endpoints/rollout")
	b.Reads(".headline", "rules cover 72 % of 250 attempts; people would be asked 70 times a day.")
	b.Reads(`[aria-label="What people would be asked for"]`, "/usr/bin/journalctl")
	b.Reads(`[aria-label="What went on without a question"]`, "mallory")
	b.Looks("rollout", nil)
	b.ClickText(".ring", "ring one\nObserves\n1 endpoint")
	b.Reads(".headline", "rules cover 90 % of 200 attempts; people would be asked 20 times a day.")
	b.Reads(`[aria-label="What people would be asked for"]`, "/usr/bin/systemctl")
	b.Choose(`select[aria-label=Kind]`, "Break-glass")
	b.Reads(`[aria-label="What went on without a question"]`, "Nothing of this kind") // it was at the other ring
	b.Choose(`select[aria-label=Kind]`, "All of it")
	b.Reads(`[aria-label="What went on without a question"]`, "Around Assent")
	b.Looks("rollout-ring", nil)

	b.ClickText("button", "Pause these endpoints…")
	b.Choose("dialog select", "until a time…")
	end := time.Now().Add(2 * time.Hour)
	b.Eval(`(() => { const e = document.querySelector("dialog input[type=datetime-local]"); const d = new Date(`+fmt.Sprint(end.UnixMilli())+`); e.value = new Date(d - d.getTimezoneOffset() * 60000).toISOString().slice(0, 16); e.dispatchEvent(new Event("input", {bubbles: true})); return 0; })()`, nil)
	b.Type("dialog input[name=comment]", "the ticket system is down")
	d.Pass(6 * time.Minute) // it is too long ago that bo showed to be there
	b.ClickText("dialog button", "Pause")
	b.Type(".stepup input[name=password]", desk.Password)
	b.ClickText(".stepup button", "Confirm")
	b.Reads(`[aria-label=Pauses]`, "the ticket system is down")
	list := get[client.List[client.Pause]](t, bo, "/pauses", url.Values{"active": {"true"}}).Items
	if len(list) != 1 || list[0].Labels["ring"] != "1" || list[0].Until.Sub(end).Abs() > time.Minute {
		t.Fatalf("pauses: %s", desk.JSON(list))
	}
	b.ClickText(`[aria-label=Pauses] button`, "Resume…")
	b.ClickText("dialog button", "Resume")
	b.Reads(`[aria-label=Pauses]`, "Nothing is paused")
	b.Reads(`[aria-label=Pauses]`, "1 pause before")
	b.ClickText("a", "Let them ask…")
	b.Reads("dialog h2", "Edit policy")
	b.Reads("dialog", "ring=1")
	b.Sees("dialog .fl-choice.on:first-of-type") // asks
	b.ClickText("dialog button", "Take over the changes")
	b.ClickText("button", "Save policies")
	b.Gone(".unsaved")
	if p := policies(t, bo); names(p) != "ring one, everything else" || p.Items[0].Mode != "ask" || p.Items[0].BreakGlass != "wheel" {
		t.Errorf("policies: %s", desk.JSON(p.Items))
	}
	if e := endpoint(t, bo, lap.ID); e.Mode != "ask" {
		t.Errorf("the first ring: %s", desk.JSON(e))
	}
}

// A token is made, shown once with what to type, and deleted.
func TestEnrolmentPage(t *testing.T) {
	_, bo, b := open(t, "administrator")
	b.Go("#/endpoints/enrol")
	b.Reads(".page", "No token")
	b.ClickText("button", "New token")
	b.Fill("dialog input[type=number]", "500")
	b.Fill(`input[aria-label="Good for"]`, "7")
	b.Choose(`select[aria-label="Good for: unit"]`, "days")
	b.Fill(`input[aria-label="Good for"]`, "7")
	label(b, "Labels they get", "role", "laptop")
	b.Looks("enrol-new", nil)
	b.ClickText("dialog button", "Make the token")
	b.Reads(".made", "asn1_")
	list := get[client.List[client.EnrollToken]](t, bo, "/enrollment-tokens", nil).Items
	if len(list) != 1 || list[0].MaxUses != 500 || list[0].Labels["role"] != "laptop" || list[0].Mode == nil || *list[0].Mode != "observe" || time.Until(list[0].ExpiresAt).Round(time.Hour) != 168*time.Hour {
		t.Fatalf("tokens: %s", desk.JSON(list))
	}
	b.Reads(".commands code", "ASSENT_CONTROLLER_URL="+list[0].Controller+" ASSENT_ENROLL_TOKEN=asn1_")
	b.Reads(".commands code", "apt install ./assent-agent_")
	b.Looks("enrol", nil)
	b.ClickText(".segments button", "Red Hat, Fedora, SUSE")
	b.Reads(".commands code", "dnf install")
	b.ClickText(".segments button", "Agent is there")
	b.Reads(".commands code", "assent-agent enroll --controller "+list[0].Controller+" --token asn1_")
	b.ClickText("button", "I have it")
	b.Gone(".made")
	if strings.Contains(b.Text("body"), "asn1_") {
		t.Error("the token is shown again")
	}
	b.ClickText(".gridrow button", "Delete the token that bo made")
	b.ClickText("dialog button", "Delete")
	b.Reads(".page", "No token")
	if n := get[client.List[client.EnrollToken]](t, bo, "/enrollment-tokens", nil).Total; n != 0 {
		t.Errorf("%d tokens are left", n)
	}
}

// The first steps tick themselves off as each happens.
func TestFirstSteps(t *testing.T) {
	d, bo, b := open(t, "administrator")
	if err := d.Admin.Call(t.Context(), http.MethodDelete, "/users/admin", nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	d.Admin = bo // who is alone now
	b.Go("#/start")
	b.Reads(".fl-step.now", "Enrol an endpoint")
	b.Looks("start", nil)
	b.ClickText("button", "Make a token")
	b.Reads(".fl-step.now", "Waiting for the machine")
	b.Looks("start-token", nil)
	e := d.Able(able, "first-1")
	b.Reads(".fl-step.done", "first-1")
	b.Type("input[name=login]", "mika")
	b.ClickText("button", "Add as approver")
	b.Reads(".fl-step.done .handed", "Tell mika this password")
	b.Looks("start-approver", nil)
	if u := get[client.User](t, bo, "/users/mika", nil); strings.Join(u.Roles, "") != "approver" || !u.HasPassword {
		t.Errorf("mika is %s", desk.JSON(u))
	}
	b.Reads(".fl-step.now", "Try a request")
	id := e.Ask("carl", "/usr/bin/id")
	b.Until(`document.querySelectorAll(".fl-step.done").length === 3`)
	b.Reads(".steps", "carl")
	b.Reads(".page", "That was it")
	b.Looks("start-done", nil)
	b.ClickText("a", "Open it")
	b.Until(`location.hash === "#/requests/` + id + `"`)
}

// Each role sees of the fleet what it may, and no button that would be refused.
func TestFleetForEachRole(t *testing.T) {
	d, b := browsing(t)
	web := d.Able(able, "web-0134", "role=web")
	tells(d, web, usual(), nil)
	put(d, client.Policy{Name: "all", Mode: "ask"})
	for login, role := range map[string]string{"ap": "approver", "au": "auditor", "sa": "security_admin", "rq": "requester"} {
		account(d, login, role)
	}
	for _, c := range []struct{ login, tabs, page, lacks string }{
		{"ap", "Endpoints|Policies|Rollout", "Granted now", "Standing rights"},
		{"au", "Endpoints|Standing rights|Policies|Rollout|Enrolment", "Standing rights", "Take over"},
		{"sa", "Endpoints|Standing rights|Policies|Rollout", "Revoke all grants…", "Take over"},
	} {
		b.SignIn(c.login, desk.Password)
		b.Go("#/endpoints")
		b.Reads(".grid", "web-0134")
		var tabs string
		b.Eval(`[...document.querySelectorAll(".tabs a")].map((e) => e.innerText.trim()).join("|")`, &tabs)
		if tabs != c.tabs {
			t.Errorf("%s sees the tabs %s", c.login, tabs)
		}
		b.Go("#/endpoints/list/" + string(web.ID))
		b.Reads(".page", c.page)
		if text := b.Text(".page"); strings.Contains(text, c.lacks) || strings.Contains(text, "Lock…") || strings.Contains(text, "Pause…") || strings.Contains(text, "Delete this") {
			t.Errorf("%s is offered too much: %s", c.login, text)
		}
		b.Go("#/endpoints/policies")
		b.Reads(".policies", "all")
		if b.Number(".policyacts .ghost") > 0 {
			t.Errorf("%s may change policies", c.login)
		}
		b.Go("#/start")
		b.Reads(".page", "An administrator does this")
		b.SignOut()
	}
	b.SignIn("rq", desk.Password)
	b.Expect("403")
	b.Go("#/endpoints")
	b.Reads(".page", "This is not open to you")
}

// Text of strangers is inert in every place of these pages, and breaks none.
func TestFleetHostileText(t *testing.T) {
	d, _, b := open(t, "administrator")
	evil := "<img src=x onerror=alert(1)>\u202eabc"
	long := "/opt/" + strings.Repeat("very-long-", 90)
	web := d.Able(able, "web\u202eevil<b>", "role=web")
	tells(d, web, []elevation.Right{right(1, elevation.RightSudoers, evil, "", long, evil+strings.Repeat(" ALL", 200), ""), right(2, elevation.RightGroup, "عمر 👩‍💻", "sudo", "/etc/group", long, evil)}, nil)
	put(d, client.Policy{Name: "<b onclick=alert(1)>x", Mode: "observe", Words: &client.PolicyWords{Company: "<b>Example"}})
	sees(d, web, wire.SeenAround, 1, evil, long, evil, strings.Repeat("x", 3000))
	b.EveryPage(`window.alert = () => { window.hacked = true; }`)
	for _, page := range []string{"#/endpoints", "#/endpoints/list/" + string(web.ID), "#/endpoints/rights", "#/endpoints/policies", "#/endpoints/rollout"} {
		b.Go(page)
		b.Until(`document.querySelector(".page") && !document.querySelector("[aria-busy=true]")`)
		b.Until(`!window.hacked && document.querySelectorAll(".page img, .page script").length === 0`)
		b.Fits()
		b.Size(390, 844, 2)
		b.Fits()
		b.Picture("hostile-fleet-" + strings.NewReplacer("#/", "", "/", "-", string(web.ID), "one").Replace(page) + "-390")
		b.Size(1440, 900, 1)
		b.Picture("hostile-fleet-" + strings.NewReplacer("#/", "", "/", "-", string(web.ID), "one").Replace(page) + "-1440")
	}
	b.Go("#/endpoints/rights")
	b.Reads(".grid", "RLO")
	b.Reads(".grid", "<img src=x")
}
