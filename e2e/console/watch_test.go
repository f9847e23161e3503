package console

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/desk"
)

// hostile is what a stranger could write: marks of a page, signs that turn the
// direction of writing, and a line that is no line.
const hostile = "<img src=x onerror=alert(1)>\u202e\u0007 {{7*7}} \"';--"

// The audit page shows what REST says, lives, seeks, narrows and proves.
func TestAuditPage(t *testing.T) {
	d, bo, b := open(t, "auditor")
	m := fill(d)
	eve := d.Endpoint("lab-1")
	eve.AskWith(eve.Attempt("mallory", "/usr/bin/id", hostile), "because "+hostile+" I say so", "")
	b.Go("#/audit")
	b.Reads(".grid", "Asked")
	b.Reads(".seal", "events, signed at")
	b.Reads(".page", "<img src=x onerror")
	b.Reads(".ctl", "RLO")
	b.Looks("audit", nil)

	// New events come by themselves.
	m.web.Ask("carl.meyer", "/usr/bin/uptime")
	b.Reads(".grid", "/usr/bin/uptime")

	// One event and its proof, which the browser counts itself.
	b.Choose("select[aria-label='Kind of event']", "request.denied")
	b.Until(`document.querySelectorAll(".grid .kind").length === 1`)
	b.Until(`location.hash === "#/audit?kind=request.denied"`)
	b.Click(".gridrow.opens .kind")
	b.Reads("dialog", "use the share that is there already")
	b.Reads("dialog .proofmark", "lead from the event to the root")
	q := url.Values{"kind": {"request.denied"}}
	e := get[client.AuditPage](t, bo, "/audit", q).Items[0]
	b.Reads("dialog .proofmark", fmt.Sprintf("In the log as number %d", e.Seq))
	b.Reads("dialog", e.ID)
	b.Looks("audit-event", nil)
	b.Key("Escape")
	b.Gone("dialog")
	b.Until(`location.hash === "#/audit?kind=request.denied"`)

	// A proof that was tampered with does not hold.
	b.Eval(`{const real = fetch; window.fetch = async (u, o) => { const r = await real(u, o); if (!String(u).includes("/audit/proof/")) return r;
		const p = await r.json(); p.event.leaf = btoa("another leaf"); return new Response(JSON.stringify(p), {status: 200, headers: {"Content-Type": "application/json"}}); }}`, nil)
	b.Click(".gridrow.opens .kind")
	b.Reads("dialog .proofmark.no", "This proof does not hold")
	b.Looks("audit-forged", nil)
	b.Key("Escape")

	// By text, by actor, by time.
	b.Go("#/audit?q=watch+the+error+rate")
	b.Until(`document.querySelectorAll(".grid .kind").length >= 1`)
	b.Reads(".grid", "Request approved")
	b.Go("#/audit?actor=mika&kind=requests")
	b.Reads(".grid", "mika")
	b.Until(`[...document.querySelectorAll(".gridrow .cell:nth-child(3)")].every((c) => c.innerText.trim() === "mika")`)
	b.Go("#/audit?until=2001-01-01T00:00:00.000Z")
	b.Reads(".page", "No event is like this")
	b.ClickText("button", "Clear the filters")
	b.Reads(".grid", "Asked")
	b.Go("#/audit?request=" + m.denied)
	b.Reads(".grid", "Request denied")
	if n := len(get[client.AuditPage](t, bo, "/audit", url.Values{"request": {m.denied}}).Items); b.Number(".grid .kind") != n {
		t.Errorf("%d events of the request are shown, REST has %d", b.Number(".grid .kind"), n)
	}

	// The checkpoint and the export.
	b.Go("#/audit")
	b.Click(".seal")
	b.Reads("dialog", get[client.Checkpoint](t, bo, "/audit/checkpoint", nil).Key)
	b.Looks("audit-seal", nil)
	b.Key("Escape")
	b.ClickText("button", "Export…")
	b.ClickText("dialog label", "CEF")
	b.Until(`document.querySelector("dialog a[download]").getAttribute("href") === "/api/v1/audit/export?as=cef"`)
	b.Looks("audit-export", nil)
	var lines int
	b.Eval(`fetch(document.querySelector("dialog a[download]").href).then((r) => r.text()).then((t) => t.split("\n").filter((l) => l.startsWith("CEF:0|")).length)`, &lines)
	if lines < 20 {
		t.Errorf("the export has %d lines", lines)
	}
}

// Far back in a long log the rows stay where they are while new events come.
func TestAuditPageFarBack(t *testing.T) {
	d, _, b := open(t, "auditor")
	web := d.Endpoint("web-1")
	for i := range 130 {
		desk.Must(d.Admin.Do("POST", "/users", map[string]any{"login": fmt.Sprintf("person-%03d", i)}))(t)
	}
	b.Go("#/audit")
	b.Reads(".grid", "person-129")
	b.Eval(`document.querySelector(".grid").scrollTo(0, 3000)`, nil)
	b.Reads(".grid", "person-060")
	b.Eval(`document.querySelector(".grid").scrollTo(0, 5000)`, nil)
	b.Until(`document.querySelector(".grid").scrollHeight > 5000`)
	web.Ask("dina", "/usr/bin/id")
	b.Reads(".freshbar", "new event")
	b.Until(`document.querySelector(".grid").scrollTop > 1000`)
	b.Click(".freshbar")
	b.Reads(".grid", "dina")
	if n := b.Number(".gridrow"); n > 60 {
		t.Errorf("%d rows are in the document", n)
	}
}

// Every kind that the log knows has its place in the filter of the page.
func TestAuditKindsAreAllOffered(t *testing.T) {
	raw, err := os.ReadFile("../../controller/console/src/insight/kinds.ts")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range audit.Kinds() {
		if !strings.Contains(string(raw), `"`+k.String()+`"`) {
			t.Errorf("kinds.ts lacks %s", k)
		}
	}
}

// Who may not read the log is told which role it needs.
func TestWatchPagesAreClosed(t *testing.T) {
	_, _, b := open(t, "approver")
	b.Expect("403")
	for _, page := range []string{"audit", "reports", "alerts"} {
		b.Go("#/" + page)
		b.Reads("#app", "not open to you")
	}
	b.Until(`![...document.querySelectorAll(".side a")].some((a) => ["#/audit", "#/reports", "#/alerts"].includes(a.getAttribute("href")))`)
}

// Older events that are asked for while the newest are read come all the same, and
// so do the newest.
func TestOlderEventsWhileTheNewestAreRead(t *testing.T) {
	d, _, b := open(t, "auditor")
	web := d.Endpoint("web-0134")
	for i := range 120 {
		web.Ask(fmt.Sprintf("user-%02d", i), "/usr/bin/uptime")
	}
	b.Go("#/audit")
	b.Until(`document.querySelector(".grid").ariaRowCount === "101"`)
	b.Until(`document.querySelector(".live:not(.lost)") !== null`)
	holdsNext(b, "/audit?")
	web.Ask("carl.meyer", "/usr/bin/w")
	b.Until(`window.held === true`)
	b.Eval(`document.querySelector(".grid").scrollTo(0, 1e6), 0`, nil)
	b.Until(`[...document.querySelectorAll(".gridrow")].some((r) => r.ariaRowIndex === "101")`)
	web.Ask("carl.meyer", "/usr/bin/who")
	b.Eval(`window.letGo(), 0`, nil)
	b.Until(`Number(document.querySelector(".grid").ariaRowCount) > 121`)
	b.ClickText("button", "2 new events")
	b.Reads(".grid", "/usr/bin/who")
}
