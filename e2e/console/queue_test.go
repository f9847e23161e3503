package console

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/browser"
	"github.com/assent-epm/assent/e2e/desk"
)

// on says in the page's language that the row of a request is the chosen one.
func on(id string) string {
	return `document.querySelector(".row[aria-selected=true]")?.id === ` + browser.Quote(id)
}

// pending are the requests that wait, in their order.
func pending(t *testing.T, p *desk.Person, query ...string) (ids []string) {
	t.Helper()
	q := url.Values{"status": {"pending"}, "limit": {"500"}}
	for i := 0; i+1 < len(query); i += 2 {
		q.Set(query[i], query[i+1])
	}
	for _, r := range get[client.List[client.Request]](t, p, "/requests", q).Items {
		if r.Decision == nil {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// atDesk opens the queue with what waits there.
func atDesk(t *testing.T, role string, n int) (*desk.Desk, *desk.Person, *browser.Tab, []string) {
	t.Helper()
	d, p, b := open(t, role)
	ids := busy(d, n)
	b.Go("#/")
	b.Until(fmt.Sprintf(`document.querySelectorAll(".list .row:not(.hole)").length === %d`, n))
	b.Until(on(ids[0]))
	return d, p, b, ids
}

// The whole flow without a mouse: move, choose, answer many at once, take it back,
// approve with choices, deny, ask back, claim; each is so by REST.
func TestQueueByKeyboard(t *testing.T) {
	d, p, b, ids := atDesk(t, "approver", 8)
	d.Settings(map[string]any{"undo_seconds": 60})
	b.Key("x")
	b.Key("J")
	b.Key("J")
	b.Reads(".bulk", "3 requests chosen")
	b.Key("a")
	b.Reads("dialog .summary", "3 requests, 3 users, 3 endpoints")
	b.Until(`document.activeElement?.tagName === "TEXTAREA"`)
	b.Type("dialog textarea", "all of you, once")
	b.Key("Control+Enter")
	b.Gone("dialog")
	b.Reads(".toasts", "3 requests approved")
	for _, id := range ids[:3] {
		if r := p.See(id); r.Decision == nil || r.Decision.Verdict != "approved" || r.Decision.By.Login != "bo" || *r.Decision.Comment != "all of you, once" {
			t.Errorf("%s has %+v", id, r.Decision)
		}
	}
	b.Key("J") // Shift+J over what is answered chooses only what waits
	b.Until(on(ids[3]))
	b.Key("Escape")
	b.Gone(".bulk")

	b.Key("c")
	b.Reads(".details .company", "look at it")
	if r := p.See(ids[3]); r.Claim == nil || r.Claim.By.Login != "bo" {
		t.Errorf("claimed: %+v", r.Claim)
	}
	b.Key("A")
	b.Sees("dialog .scopes")
	b.Key("ArrowDown") // 8 hours
	b.Until(`document.querySelector("dialog .approve").innerText.includes("8 hours")`)
	b.Key("Control+Enter")
	b.Gone("dialog")
	b.Reads(".decided", "Approved by you")

	b.Key("j")
	b.Until(on(ids[4]))
	b.Key("d")
	b.Until(`document.activeElement?.id === "comment"`)
	b.Type("#comment", "ask the storage team")
	b.Key("Control+Enter")
	b.Reads(".decided", "Denied by you")
	b.Press("z")
	b.Sees(".details .answer")
	if r := p.See(ids[4]); r.Decision != nil {
		t.Errorf("taken back, but it has %+v", r.Decision)
	}
	b.Key("b")
	b.Type("dialog textarea", "which folder?")
	b.Key("Control+Enter")
	b.Reads(".questions", "which folder?")
	b.Gone("dialog") // the reply comes after the event
	if r := p.See(ids[4]); len(r.Questions) != 1 || r.State != "pending" {
		t.Errorf("asked back: %s, %+v", r.State, r.Questions)
	}
	b.Key("Enter")
	b.Until(`location.hash === "#/all/` + ids[4] + `"`)
	b.Reads("h1", "Pending approval")
	b.Key("g")
	b.Key("q")
	b.Until(on(ids[4]))
}

// An answer to many is taken back as one, by the key, and they are chosen again.
func TestQueueUndoesMany(t *testing.T) {
	d, p, b, ids := atDesk(t, "approver", 3)
	d.Settings(map[string]any{"undo_seconds": 60})
	b.Go("#/")
	b.Until(on(ids[0]))
	b.Key("x")
	b.Key("J")
	b.Key("d")
	b.Type("dialog textarea", "not today")
	b.ClickText("dialog button", "Deny 2")
	b.Reads(".toasts", "2 requests denied")
	b.Until(`document.querySelectorAll(".row.over").length === 2`)
	b.Press("z")
	b.Reads(".toasts", "2 answers taken back") // both: else it says of how many
	if got := pending(t, p); len(got) != 3 {
		t.Errorf("%d wait, want 3", len(got))
	}
	b.Reads(".bulk", "2 requests chosen")
}

// One of the chosen was answered by somebody else meanwhile: the others are done,
// that one says why not, and stays chosen as long as there is something to do.
func TestQueueSaysWhatBecameOfEach(t *testing.T) {
	d, p, b, ids := atDesk(t, "approver", 3)
	mika := d.Person("mika", "approver")
	b.EveryPage(`const real = window.fetch;
		window.fetch = (to, how) => String(to).endsWith("/events") ? Promise.resolve(new Response(new ReadableStream())) : real(to, how);`) // hears nothing
	b.Go("#/")
	b.Until(on(ids[0]))
	b.Key("x")
	b.Key("J")
	b.Key("J")
	b.Key("a")
	b.Sees("dialog .summary")
	mika.Does("deny", ids[1], map[string]any{"comment": "not on this one"})
	b.Click("dialog .approve")
	b.Reads("dialog", "2 of 3 approved")
	b.Reads("dialog .bulkresults", "decided")
	b.Picture("busy-results")
	b.ClickText("dialog button", "Done")
	for i, want := range []string{"approved", "denied", "approved"} {
		if r := p.See(ids[i]); r.Decision == nil || r.Decision.Verdict != want {
			t.Errorf("%d: %+v, want %s", i, r.Decision, want)
		}
	}
}

// What can do anything is not approved among others: it stays chosen, to be opened.
func TestQueueGraveOnesAreOpenedOneByOne(t *testing.T) {
	d, p, b := open(t, "approver")
	m := fill(d)
	b.Go("#/")
	b.Sees(`[id="` + m.shell + `"] .flag`)
	b.Click(`.toolbar input[type=checkbox]`)
	b.Reads(".bulk", "2 requests chosen")
	b.Press("a")
	b.Reads("dialog .summary", "1 needs to be opened one by one")
	b.Picture("busy-grave")
	b.ClickText("dialog button", "Approve 1")
	b.Reads("dialog", "1 of 1 approved")
	b.ClickText("dialog button", "Done")
	b.Reads(".bulk", "1 request chosen")
	if got := pending(t, p); !slices.Equal(got, []string{m.shell}) {
		t.Errorf("%q wait", got)
	}
}

// Filters stand in the address and in saved views, which are the same person's at
// every screen; groups are answered at once.
func TestQueueFiltersViewsAndGroups(t *testing.T) {
	d, p, b, ids := atDesk(t, "approver", 8)
	b.ClickText(".toolbar button", "Filter")
	b.Type(`dialog input[placeholder="such as systemctl"]`, "apt")
	b.Picture("busy-filters")
	b.ClickText("dialog button", "Show")
	b.Until(`document.querySelectorAll(".list .row").length === 2 && location.hash.endsWith("?program=apt")`)
	b.Reads(".facets", "apt")
	b.ClickText(".views button", "Save this view")
	b.Type("dialog input", "Packages <b>")
	b.ClickText("dialog button", "Save")
	b.Reads(".views .on", "Packages <b>")
	if s := get[client.MySettings](t, p, "/me/settings", nil); len(s.Views) != 1 || s.Views[0].Query != "queue?program=apt" {
		t.Errorf("kept: %+v", s.Views)
	}
	more := d.Endpoint("lap-9").Ask("farid", "/usr/bin/id") // not of this view
	same := d.Endpoint("lap-8").Ask("farid", "/usr/bin/apt", "upgrade")
	b.Sees(`[id="` + same + `"]`)
	b.Gone(`[id="` + more + `"]`)
	b.ClickText(".views button", "Everything")
	b.Sees(`[id="` + more + `"]`)

	b.Go("#/?q=certificate")
	b.Until(`document.querySelectorAll(".list .row").length === 2`)
	b.Reads(".list", "systemctl")
	b.Go("#/?q=nobodysaysthis")
	b.Reads(".list", "Nothing here matches")
	b.ClickText(".list button", "Clear filters")
	b.Until(`document.querySelectorAll(".list .row").length === 10`)

	b.Choose(".toolbar select", "user")
	b.Reads(".grouped", "dina.osei")
	b.ClickText(".grouped button", "Approve all 2 of dina.osei")
	b.Reads("dialog .summary", "dina.osei")
	b.Reads("dialog .summary", "2 requests, 1 user")
	unseen := d.Endpoint("lap-7").Ask("dina.osei", "/usr/bin/apt", "install", "./mine.deb") // while the approver reads
	b.ClickText("dialog button", "Approve 2")
	b.Until(`!document.querySelector("dialog[open]")`)
	if r := p.See(unseen); r.Decision != nil {
		t.Errorf("what joined the group unseen has %+v", r.Decision)
	}
	for _, id := range []string{ids[0], ids[6]} {
		if r := p.See(id); r.Decision == nil || r.Decision.Verdict != "approved" {
			t.Errorf("%s of the group has %+v", id, r.Decision)
		}
	}
}

// Columns, density and single keys are mine, at every screen.
func TestQueueAsILikeIt(t *testing.T) {
	_, p, b, ids := atDesk(t, "approver", 4)
	b.ClickText(".toolbar button", "Columns and density")
	b.ClickText("dialog label", "Compact: one line each")
	b.ClickText("dialog label", "Ticket")
	b.ClickText("dialog button", "Ticket: further left")
	b.Picture("busy-columns")
	b.ClickText("dialog button", "Done")
	b.Until(`document.querySelector(".row").getBoundingClientRect().height === 38`)
	b.Until(`document.querySelectorAll(".row .c-ticket").length === 4`)
	b.Looks("busy-compact", nil)
	b.Key("?")
	b.ClickText("dialog label", "Single keys\nOff: letters alone do nothing; everything is on buttons and under Ctrl+K.")
	b.Until(`document.querySelector(".keyswitch input").checked === false`)
	b.Key("Escape")
	b.Gone("dialog")
	b.Key("j")
	b.Key("ArrowDown")
	b.Until(on(ids[1])) // by the arrow, not by the letter as well
	var s client.MySettings
	for range 100 {
		if s = get[client.MySettings](t, p, "/me/settings", nil); s.Keys["single"] == "off" {
			break
		}
	}
	if s.Density != "compact" || s.Keys["single"] != "off" || !slices.Equal(s.Columns["queue"], []string{"waited", "request", "who", "ticket", "caution"}) {
		t.Errorf("kept: %s, %v, %v", s.Density, s.Keys, s.Columns)
	}
}

// Of a long queue only what is in sight is in the document, wherever one looks.
func TestQueueIsLong(t *testing.T) {
	d, p, b := open(t, "approver")
	last := d.Endpoint("web-0134").Ask("dina.osei", "/usr/bin/apt", "update")
	throng(t, d, last, 3000)
	b.Go("#/")
	few := `(document.querySelectorAll(".list .row").length <= 60 || null) && `
	b.Until(few + `document.querySelectorAll(".row:not(.hole)").length > 10`)
	b.Reads(".side .on", "3,001")
	first := pending(t, p)
	for i := range 3 {
		b.Until(on(first[i]))
		b.Key("j")
	}
	b.Eval(`document.querySelector(".lines").scrollTop = 1500 * 64, 0`, nil)
	want := pending(t, p, "skip", "1505", "limit", "1")[0]
	b.Until(few + `document.querySelector('[id="` + want + `"]')?.getBoundingClientRect().top > 0`)
	b.Click(`[id="` + want + `"] .c-request`)
	b.Until(on(want))
	b.Eval(`document.querySelector(".lines").focus(), 0`, nil)
	b.Key("End")
	b.Until(few + `document.querySelector(".row[aria-selected=true]")?.ariaRowIndex === "3001"`)
	b.Key("Home")
	b.Until(few + on(first[0]))
	b.Key("Escape")
	b.Click(`.toolbar input[type=checkbox]`)
	b.Until(`document.querySelector(".bulk").innerText.includes("requests chosen")`)
}

// Two screens on one queue: what one does the other sees, live; offline, nothing
// can be answered, and what happened meanwhile is there afterwards.
func TestQueueOnTwoScreens(t *testing.T) {
	d, _, b, ids := atDesk(t, "approver", 4)
	account(d, "mika", "approver")
	m := browse(t, d)
	m.SignIn("mika", desk.Password)
	m.Until(on(ids[0]))
	m.Key("c")
	m.Reads(".details .company", "look at it")
	b.Reads(`[id="`+ids[0]+`"]`, "mika looks at it")
	b.Reads(".details .company", "mika looks at it")
	m.Key("a")
	b.Reads(".decided", "Approved by mika")
	b.Reads(`[id="`+ids[0]+`"]`, "Approved by mika")
	b.Key("j")
	b.Gone(`[id="` + ids[0] + `"]`) // after a moment it leaves, and the chosen row stays
	b.Until(on(ids[1]))
}

// What strangers write reaches the list, the summary, the groups, the palette and
// the page of all requests as text, and breaks nothing.
func TestQueueHostileText(t *testing.T) {
	d, _, b := open(t, "approver")
	e := d.Endpoint("lap-66")
	long := "/opt/" + strings.Repeat("very-long-folder/", 200) + "tool"
	a := e.Attempt("<b>x</b>\u202Eeve", long, "--x=<img src=x onerror=alert(1)>", strings.Repeat("م", 300), "🦊🦊", "z\u0301\u0302\u0303\u0304\u0305")
	id := e.AskWith(a, "<script>window.hit=1</script> \u202Etxt.exe \u2066 عربي "+strings.Repeat("long", 400), "")
	for _, at := range []string{"#/", "#/?group=user", "#/?group=program", "#/all", "#/all/" + id} {
		b.Go(at)
		b.Until(`document.querySelector(".row, .gridrow, .onepage h1") !== null`)
		b.Fits()
		b.Until(`document.querySelectorAll("main img, main script").length === 0 && window.hit === undefined && !/[\u202E\u2066]/.test(document.body.innerText)`)
	}
	b.Picture("busy-hostile")
	b.Key("Control+k")
	b.Type(".palettefield input", "eve")
	b.Sees(".palette li")
	b.Until(`!/[\u202E\u2066]/.test(document.body.innerText)`)
	b.Size(390, 844, 2)
	b.Fits()
}

// All requests: tabs with their numbers, search, columns, the page of one, and
// that page on paper.
func TestAllRequests(t *testing.T) {
	d, p, b := open(t, "auditor")
	m := fill(d)
	b.Go("#/all")
	n := get[client.Counts](t, p, "/counts", nil)
	b.Reads(".tabs", fmt.Sprintf("All\n%d", n.All))
	b.Until(fmt.Sprintf(`document.querySelectorAll(".gridrow").length === %d`, n.All))
	b.Click(`.tabs a[href="#/all?status=denied"]`)
	b.Until(`document.querySelectorAll(".gridrow").length === 1`)
	b.Reads(".gridrow", "Denied by mika")
	b.Click(".gridrow")
	b.Until(`location.hash === "#/all/` + m.denied + `"`)
	b.Reads(".onepage", "use the share that is there already")
	b.ClickText(".onepage button", "Show the proof")
	b.Reads(".proof", "audit log")
	b.Looks("busy-page", func(int) { b.Eval(`document.querySelector(".page").scrollTop = 0`, nil) })
	b.Do(emulation.SetEmulatedMedia().WithMedia("print"))
	b.Until(`!document.querySelector(".side").checkVisibility() && !document.querySelector(".pageacts, .back-to")?.checkVisibility() && document.querySelector(".onepage h1").checkVisibility()`)
	b.Picture("busy-print")
	b.Do(emulation.SetEmulatedMedia().WithMedia(""))
	b.Go("#/all?q=wireshark")
	b.Until(`document.querySelectorAll(".gridrow").length === 1`)
	b.Go("#/all?priority=urgent")
	b.Reads("main", "Nothing here matches")
	b.ClickText("main button", "Show all requests")
	b.Until(fmt.Sprintf(`document.querySelectorAll(".gridrow").length === %d`, n.All))
	b.Key("/")
	b.Until(`document.activeElement?.type === "search"`)
	b.Go("#/")
	b.Sees(".row")
	b.Gone(".details .approve:enabled") // an auditor looks only
	b.Reads(".details", "that needs the role approver")
}

// The palette leads to pages, requests and endpoints.
func TestPalette(t *testing.T) {
	d, _, b := open(t, "administrator")
	m := fill(d)
	b.Go("#/all")
	b.Sees(".gridrow")
	b.Key("Control+k")
	b.Type(".palettefield input", "audit")
	b.Key("Enter")
	b.Until(`location.hash === "#/audit"`)
	b.Key("Control+k")
	b.Type(".palettefield input", "wireshark")
	b.Reads(".palette", "wireshark")
	b.Looks("busy-palette-found", nil)
	b.Click(".palette [data-group=Requests]")
	b.Until(`location.hash === "#/all/` + m.install + `"`)
	b.Key("Control+k")
	b.Type(".palettefield input", "build-7")
	b.Click(".palette [data-group=Endpoints]")
	b.Until(`location.hash.startsWith("#/endpoints/ep_")`)
}

// Nothing that a program can check keeps somebody out, in both themes, and the
// queue looks right in every width.
func TestQueueLooks(t *testing.T) {
	d, _, b, _ := atDesk(t, "administrator", 14)
	fill(d)
	b.Until(`document.querySelectorAll(".list .row:not(.hole)").length === 16`)
	b.Looks("busy-queue", nil)
	b.Key("x")
	b.Key("J")
	b.Picture("busy-chosen")
	for _, key := range []string{"a", "A", "e", "?"} {
		b.Key(key)
		b.Sees("dialog[open]")
		b.Looks("busy-dialog-"+map[string]string{"a": "bulk", "A": "choices", "e": "escalate", "?": "keys"}[key], nil)
		b.Key("Escape")
		b.Gone("dialog[open]")
		if key == "a" {
			b.Key("Escape")
		}
	}
	b.Go("#/?group=program&priority=normal,high")
	b.Sees(".grouped .gridrow")
	b.Looks("busy-groups", nil)
	b.Go("#/all")
	b.Sees(".gridrow")
	b.Looks("busy-all", nil)
}
