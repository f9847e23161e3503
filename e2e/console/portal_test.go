package console

import (
	"net/url"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/browser"
	"github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/shared/elevation"
)

// portal is the desk with Dina, who only asks, on her laptop and on a server.
func portal(t *testing.T) (d *desk.Desk, dina, mika *desk.Person, laptop *desk.Endpoint, b *browser.Tab) {
	t.Helper()
	d, dina, b = open(t, "requester")
	laptop = d.Able([]string{"run", "sudo", "session", "admin", "question", "extend"}, "ubu-0810", "role=laptop")
	mika = d.Person("mika", "approver")
	if _, err := d.Admin.Do("POST", "/links", map[string]any{"account": dina.Login, "endpoint": "ubu-0810", "user": "dina.osei"}); err != nil {
		t.Fatal(err)
	}
	return d, dina, mika, laptop, b
}

// tile is the tile of a program.
func tile(b *browser.Tab, name string) string {
	b.T.Helper()
	b.Until(`[...document.querySelectorAll(".tile")].some((t) => t.innerText.includes(` + browser.Quote(name) + `))`)
	b.Eval(`(() => { [...document.querySelectorAll(".tile")].forEach((t) => { t.id = t.innerText.includes(`+browser.Quote(name)+`) ? "tile-wanted" : ""; }); return true; })()`, nil)
	return "#tile-wanted"
}

// R1–R6: what I asked for, by state, with what I can do about it.
func TestPortalMyRequests(t *testing.T) {
	_, dina, mika, laptop, b := portal(t)
	b.Reads(".nothing-here", "No requests yet")
	b.Looks("mine-empty", nil)

	denied := laptop.Ask("dina.osei", "/usr/bin/mount", "-t", "cifs", "//files/finance", "/mnt/finance")
	mika.Does("deny", denied, map[string]any{"comment": "Use the share that is there already."})
	waits := laptop.AskWith(laptop.Attempt("dina.osei", "/usr/bin/apt", "install", "wireshark"), "Packet capture for INC-4821", "INC-4821")
	ready := laptop.Ask("dina.osei", "/usr/sbin/modprobe", "evdi")
	mika.Does("approve", ready, nil)
	laptop.Report(ready, elevation.ReportDelivered, "")
	used := laptop.Ask("dina.osei", "/usr/bin/systemctl", "restart", "nginx")
	mika.Does("approve", used, map[string]any{"comment": "Fine for today."})
	laptop.Uses(used)
	laptop.Ask("somebody.else", "/usr/bin/id")

	b.Until(`document.querySelectorAll(".tile").length === 4`)
	b.Until(`[...document.querySelectorAll(".tabs .tab")].some((t) => /Pending approval\s*1/.test(t.innerText))`)
	b.Looks("mine", nil)

	b.ClickText(".tabs .tab", "Denied")
	b.Until(`document.querySelectorAll(".tile").length === 1`)
	b.Click(".tilehead")
	b.Reads(".tilebody", "Use the share that is there already.")
	b.Looks("mine-denied", nil)
	b.ClickText(".tileacts button", "Ask again")
	b.Fill("dialog textarea", "The share there lacks the year-end folder, FIN-209.")
	b.ClickText("dialog button", "Send")
	b.Reads(".toasts", "Asked again")
	again := get[client.List[client.Request]](t, dina, "/requests", url.Values{"mine": {"true"}, "status": {"pending"}})
	if len(again.Items) != 2 {
		t.Errorf("%d requests wait, want 2", len(again.Items))
	}

	// A question of an approver is answered here.
	mika.Does("ask", waits, map[string]any{"comment": "For how long do you need it?"})
	b.ClickText(".tabs .tab", "Pending approval")
	b.Click(tile(b, "wireshark") + " .tilehead")
	b.Reads(".reply-form", "For how long do you need it?")
	b.Looks("mine-question", nil)
	b.Fill(".reply-form textarea", "Until tonight.")
	b.ClickText(".reply-form button", "Send the answer")
	b.Reads(".toasts", "Your answer was sent")
	if q := dina.See(waits).Questions; len(q) != 1 || q[0].Answer == nil || *q[0].Answer != "Until tonight." {
		t.Errorf("the question: %+v", q)
	}
	b.ClickText("#tile-wanted .tileacts button", "Withdraw")
	b.Reads(".toasts", "Withdrawn")

	// What is ready tells how it is used; what runs can be ended.
	b.Go("#/mine/" + ready)
	b.Reads(".use", "sudo /usr/sbin/modprobe evdi")
	b.Go("#/mine/" + used)
	b.ClickText(".tileacts button", "End now")
	b.Reads(".toasts", "Ended")
}

// Asking for what no program asked for: R9, R15.
func TestPortalAskForAccess(t *testing.T) {
	_, dina, mika, laptop, b := portal(t)
	before := laptop.Ask("dina.osei", "/usr/bin/apt", "upgrade", "-y")
	mika.Does("approve", before, nil)
	laptop.Uses(before)
	laptop.Ends(before, elevation.Completed)
	b.Go("#/mine")
	b.ClickText("a.primary", "Ask for access")
	b.Reads(".ask-form", "Exactly the same command")
	b.Looks("ask", nil)
	b.ClickText(".askkind", "A session")
	b.Fill("textarea[name=reason]", "Cleaning up after the failed upgrade, INC-4821.")
	b.ClickText(".ask-form .answers button", "Send the request")
	b.Reads(".tile", "Session")
	made := get[client.List[client.Request]](t, dina, "/requests", url.Values{"mine": {"true"}, "status": {"pending"}})
	if len(made.Items) != 1 || made.Items[0].AccessType != "session" || made.Items[0].Requested.DurationSeconds == nil || *made.Items[0].Requested.DurationSeconds != 1800 {
		t.Fatalf("made: %+v", made.Items)
	}
	b.Looks("mine-session", nil)

	// Nothing is lost when it is refused.
	b.Go("#/ask")
	b.ClickText(".askkind", "Administrator for a while")
	b.Fill("input[name=endpoint]", "no-such-machine")
	b.Fill("textarea[name=reason]", "Installing the label printer.")
	b.Expect("404")
	b.ClickText(".ask-form .answers button", "Send the request")
	b.Sees(".ask-form .note.no")
	b.Until(`document.querySelector("textarea[name=reason]").value === "Installing the label printer."`)
}

// Who only asks sees no page of others', and hostile text does nothing.
func TestPortalIsTheirsAlone(t *testing.T) {
	_, _, mika, laptop, b := portal(t)
	evil := "<img src=x onerror=alert(1)>\u202e" + strings.Repeat("x", 900)
	id := laptop.AskWith(laptop.Attempt("dina.osei", "/usr/bin/apt", "install", evil), "because "+evil, "")
	mika.Does("deny", id, map[string]any{"comment": "no " + evil})
	b.Go("#/mine/" + id)
	b.Reads(".tilebody", "RLO")
	b.Looks("mine-hostile", nil)
	if n := b.Number("main img"); n != 0 {
		t.Errorf("%d elements were made of text", n)
	}
	for _, name := range []string{"Queue", "Endpoints", "Rules", "People", "Audit", "Settings"} {
		if strings.Contains(b.Text(".side"), name) {
			t.Errorf("the side bar shows %s", name)
		}
	}
}
