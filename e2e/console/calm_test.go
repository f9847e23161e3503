package console

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/browser"
	"github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/shared/elevation"
)

// An answer that is pressed while the claim before it is on its way follows it, and
// is not lost.
func TestQueueAnswerFollowsTheClaim(t *testing.T) {
	d, p, b, ids := atDesk(t, "approver", 2)
	b.EveryPage(`const real = window.fetch;
		window.fetch = async (to, how) => { if (String(to).endsWith("/claim")) await new Promise((go) => { window.letGo = go; }); return real(to, how); };`)
	b.Go("#/")
	b.Until(on(ids[0]))
	b.Key("c")
	b.Until(`window.letGo !== undefined`)
	b.Key("a")
	b.Until(`document.querySelector("button.approve").disabled`)
	if r := p.See(ids[0]); r.Decision != nil || r.Claim != nil {
		t.Errorf("before the claim has arrived it has %s", desk.JSON(r))
	}
	b.Eval(`window.letGo(), 0`, nil)
	b.Reads(".decided", "Approved by you")
	if kinds := d.Kinds(ids[0]); !strings.Contains(kinds, "request.claimed request.reviewed") {
		t.Errorf("it happened: %s", kinds)
	}
}

// An empty queue says who answered last and how long people waited today.
func TestEmptyQueueSaysWhatWas(t *testing.T) {
	d, _, b := open(t, "approver")
	mika := d.Person("mika", "approver")
	e := d.Endpoint("ubu-0810")
	b.Go("#/")
	b.Reads(".empty", "Nothing is waiting")
	b.Gone(".lately")
	mika.Does("approve", e.Ask("dina", "/usr/bin/id"), nil)
	b.Go("#/")
	b.Reads(".lately", "by mika")
	mine := e.Ask("dina", "/usr/bin/apt", "update")
	b.Until(on(mine))
	b.Key("d")
	b.Key("Control+Enter")
	b.Reads(".decided", "Denied by you")
	b.Go("#/")
	b.Reads(".lately", "by you. Half of today's answers came within")
	b.Looks("calm", nil)
}

// A group is answered as it is narrowed, and no key answers a request that is not
// in sight.
func TestGroupsAsTheyAreNarrowed(t *testing.T) {
	d, p, b, ids := atDesk(t, "approver", 8)
	other := d.Endpoint("lap-8").Ask("dina.osei", "/usr/bin/id")
	b.Key("j")
	b.Choose(".toolbar select", "user")
	b.Reads(".grouped", "dina.osei")
	b.Press("a")
	b.Press("a")
	if got := pending(t, p); len(got) != 9 {
		t.Errorf("%d wait, want 9", len(got))
	}
	b.Looks("groups", nil)
	b.Go("#/?group=user&program=apt")
	b.Reads(".grouped", "dina.osei")
	b.ClickText(".grouped button", "Approve all 2 of dina.osei")
	b.Reads("dialog .summary", "2 requests, 1 user")
	b.ClickText("dialog button", "Approve 2")
	b.Gone("dialog[open]")
	for _, id := range []string{ids[0], ids[6]} {
		if r := p.See(id); r.Decision == nil || r.Decision.Verdict != "approved" {
			t.Errorf("%s of the group has %s", id, desk.JSON(r.Decision))
		}
	}
	if r := p.See(other); r.Decision != nil {
		t.Errorf("what is not of the filter has %s", desk.JSON(r.Decision))
	}
}

// A program of Windows goes by its name without its folder as well: in the list, in
// what is filtered, and in the news of it.
func TestProgramsOfWindows(t *testing.T) {
	d, _, b, _ := atDesk(t, "approver", 2)
	b.Go("#/?program=setup.exe")
	b.Sees(".empty")
	id := d.Endpoint("lap-8").Ask("dina.osei", `C:\Program Files\Tool\setup.exe`, "/quiet")
	b.Sees(`[id="` + id + `"]`)
	b.Until(`document.querySelector(".row .prog").innerText === "setup.exe"`)
	b.Go("#/all?program=setup.exe")
	b.Until(`document.querySelector(".gridrow .prog").innerText === "setup.exe"`)
}

// On a phone nothing that matters is cut: commands in the queue, the choices of
// selects; tabs show that more follow, and notices lie over no row.
func TestPhoneCutsNothing(t *testing.T) {
	_, _, b, ids := atDesk(t, "administrator", 4)
	b.Phone()
	b.Go("#/")
	b.Sees(`[id="` + ids[0] + `"]`)
	b.Until(`[...document.querySelectorAll(".row .cmd")].slice(0, 4).every((e) => e.scrollWidth <= e.clientWidth)`)
	whole := `[...document.querySelectorAll("main select")].every((e) => { const c = document.createElement("canvas").getContext("2d"), s = getComputedStyle(e);
		c.font = s.font; return c.measureText(e.selectedOptions[0].text).width + 30 <= e.clientWidth; })`
	b.Choose(".toolbar select", "publisher")
	b.Until(whole)
	b.Choose(".toolbar select", "")
	b.Go("#/all")
	b.Sees(".gridrow")
	b.Until(whole)
	b.Until(`getComputedStyle(document.querySelector(".tabs")).maskImage.includes("gradient")`)
	b.Eval(`document.querySelector(".tabs").scrollLeft = 1e6, 0`, nil)
	b.Until(`getComputedStyle(document.querySelector(".tabs")).maskImage.includes("to right")`)
	b.Size(1440, 900, 1)
	b.Until(`getComputedStyle(document.querySelector(".tabs")).maskImage === "none"`)
	b.Phone()
	b.Go("#/")
	b.Click(`.row .box input`)
	b.ClickText(".bulk button", "Claim")
	b.Reads(".toasts", "1 request marked as yours")
	b.Until(`document.querySelector(".toast").getBoundingClientRect().bottom <= document.querySelector(".top").getBoundingClientRect().bottom + 6`)
	b.Picture("phone-notice")
}

// Who may not see a page is told whom to ask, in a page that everybody can read.
func TestForbiddenPageLooks(t *testing.T) {
	_, _, b := open(t, "approver")
	b.Go("#/settings")
	b.Reads("main", "needs the role administrator or auditor")
	b.Looks("forbidden", nil)
}

// My requests on paper: the requests and what happened, none of the buttons.
func TestPortalOnPaper(t *testing.T) {
	_, _, mika, laptop, b := portal(t)
	id := laptop.Ask("dina.osei", "/usr/bin/mount", "-t", "cifs", "//files/finance", "/mnt/finance")
	mika.Does("deny", id, map[string]any{"comment": "Use the share that is there already."})
	b.Go("#/mine/" + id)
	b.Reads(".tilebody", "Use the share")
	b.Do(emulation.SetEmulatedMedia().WithMedia("print"))
	b.Until(`document.querySelector(".tilebody").checkVisibility() && ![...document.querySelectorAll(".side, .top, .tileacts, .pageacts, .back-to, .own")].some((e) => e.checkVisibility())`)
	b.Picture("mine-print-one")
	b.Do(emulation.SetEmulatedMedia().WithMedia(""))
	b.Go("#/mine")
	b.Click(".tilehead")
	b.Reads(".tilebody", "Use the share")
	b.Do(emulation.SetEmulatedMedia().WithMedia("print"))
	b.Until(`document.querySelector(".tilebody").checkVisibility() && ![...document.querySelectorAll(".tabs, .search, .tileacts, .own")].some((e) => e.checkVisibility())`)
	b.Picture("mine-print")
	b.Do(emulation.SetEmulatedMedia().WithMedia(""))
	if n := len(get[client.List[client.Request]](t, mika, "/requests", nil).Items); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

// The keys that the flow of the queue does not need: up and up with what is passed,
// a rule from a request, escalation, the newest rows, the search.
func TestQueueOtherKeys(t *testing.T) {
	d, p, b, ids := atDesk(t, "administrator", 3)
	d.Settings(map[string]any{"undo_seconds": 60})
	b.Key("j")
	b.Key("ArrowDown")
	b.Until(on(ids[2]))
	b.Key("k")
	b.Until(on(ids[1]))
	b.Key("K")
	b.Until(on(ids[0]))
	b.Reads(".bulk", "2 requests chosen")
	b.Key("Escape")
	b.Gone(".bulk")
	b.Key("e")
	b.Type("dialog textarea", "somebody of storage should look")
	b.ClickText("dialog button", "Cancel")
	b.Gone("dialog[open]")
	if r := p.See(ids[0]); len(r.Escalations) != 0 {
		t.Errorf("it was left, but it has %s", desk.JSON(r.Escalations))
	}
	b.Key("/")
	b.Until(`document.activeElement?.type === "search"`)
	b.Type(`input[type="search"]`, "clock")
	b.Until(`document.querySelectorAll(".list .row").length === 1`)
	b.Press("g")
	b.Key("a")
	b.Until(`location.hash === "#/all"`)
	b.Go("#/")
	b.Until(on(ids[0]))
	b.Key("r")
	b.Until(`location.hash === "#/rules/new?request=` + ids[0] + `"`)
}

// Somebody who needs everything four times as large has a window of 320 pixels:
// nothing has to be pushed sideways there.
func TestNarrowestWindow(t *testing.T) {
	_, _, b, ids := atDesk(t, "administrator", 3)
	b.Size(320, 640, 2)
	for _, at := range []string{"#/", "#/?group=program&priority=normal,high", "#/requests/" + ids[0], "#/all", "#/all/" + ids[0], "#/mine", "#/ask", "#/me", "#/b", "#/device"} {
		b.Go(at)
		b.Sees("main, .door")
		b.Until(`!document.querySelector("[aria-busy=true]")`)
		b.Fits()
		b.Until(`[...document.querySelectorAll("main")].every((e) => e.scrollWidth <= e.clientWidth)`)
	}
}

// An approver plans for somebody what they asked for before: with a time of its own
// it is approved by who plans it, and stands in the queue of nobody.
func TestR14PlannedInTheConsole(t *testing.T) {
	d, p, b := open(t, "approver")
	mika := d.Person("mika", "approver")
	web := d.Endpoint("web-0134")
	id := web.Ask("vendor", "/usr/bin/systemctl", "restart", "nginx")
	mika.Does("approve", id, nil)
	web.Uses(id)
	web.Ends(id, elevation.Completed)
	b.Go("#/all/" + id)
	b.ClickText("a", "Plan it for them")
	b.Reads("h1", "Access for vendor")
	b.ClickText(".check", "At a time of its own, approved by you now")
	b.Looks("ask-ahead", nil)
	start := d.Now().Add(24 * time.Hour).UTC().Truncate(time.Minute)
	b.Eval(`(() => { const at = new Date(`+browser.Quote(start.Format(time.RFC3339))+`);
		document.querySelector("input[name=start]").value = new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16); return 0; })()`, nil)
	b.Fill("textarea[name=reason]", "maintenance on Wednesday")
	b.ClickText(".ask-form .answers button", "Send the request")
	b.Reads("h1", "Approved")
	made := get[client.List[client.Request]](t, p, "/requests", url.Values{"status": {"approved"}}).Items
	if len(made) != 1 || made[0].Origin != "behalf" || made[0].User.Name != "vendor" || made[0].FiledBy.Login != "bo" || !made[0].Granted.Start.Equal(start) {
		t.Errorf("planned: %s", desk.JSON(made))
	}
}
