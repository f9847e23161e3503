package console

import (
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/desk"
	frames "github.com/assent-epm/assent/shared/wire"
)

// The page of one request on a phone: asked back, approved, denied, live.
func TestE17PhonePage(t *testing.T) {
	d, b := browsing(t)
	account(d, "bo", "approver")
	mika := d.Person("mika", "approver")
	e := d.Endpoint("ubu-0810")
	first := e.Ask("dina", "/usr/bin/apt", "install", "wireshark")
	b.Phone()
	b.Go("#/requests/" + first) // as in a message: sign in first, then the request
	b.Reads(".card", "that you were told of")
	b.Login("bo", desk.Password)
	b.Reads(".request", "wireshark")
	b.Reads(".request", "INC-4821")
	b.Until(`document.documentElement.scrollWidth <= innerWidth`)
	b.Until(`[...document.querySelectorAll(".thumb :is(button, select), .head button")].every((e) => e.getBoundingClientRect().height >= 44)`)
	b.Until(`document.querySelector(".thumb .approve").getBoundingClientRect().top > innerHeight * 0.8`)

	b.ClickText("button", "Ask")
	b.Type(".sheet textarea", "which ticket?")
	b.ClickText("button", "Send the question")
	if q := e.Question(first); q.Text != "which ticket?" {
		t.Errorf("the endpoint was asked %q", q.Text)
	}
	b.Reads(".questions", "which ticket?")
	e.Answer(first, "INC-4821, as I wrote")
	b.Reads(".questions .reply", "as I wrote") // live

	b.Choose(".thumb select", "300")
	b.ClickText("button", "Comment")
	b.Type(".sheet textarea", "for today")
	b.ClickText("button", "Keep")
	b.ClickText("button", "Approve")
	b.Reads(".thumb", "Approved by you")
	b.Picture("phone-approved")
	dec := e.Decision(first)
	if dec.Verdict != "approved" || dec.Text != "for today" {
		t.Errorf("the endpoint got %+v", dec)
	}
	if g := e.Grant(first); g.Duration != 5*time.Minute {
		t.Errorf("granted for %v, want 5m", g.Duration)
	}

	second := e.Ask("dina", "/usr/bin/systemctl", "restart", "nginx")
	b.Reads(".thumb", "Next request")
	b.ClickText("button", "Next request")
	b.Reads(".request .wants", "nginx")
	b.Click(".thumb .deny")
	b.Type(".sheet textarea", "use the deployment job")
	b.Click(".sheet .danger")
	b.Reads(".thumb", "Denied by you")
	if dec := e.Decision(second); dec.Verdict != "denied" || dec.Text != "use the deployment job" {
		t.Errorf("the endpoint got %+v", dec)
	}

	third := e.Ask("dina", "/usr/bin/id")
	b.Go("#/requests/" + third)
	b.Reads(".request .wants", "/usr/bin/id")
	mika.Does("deny", third, map[string]any{"comment": "not now"})
	b.Reads(".thumb", "Denied by mika")
	b.Reads(".thumb", "not now")
	b.Click(".head button")
	b.Sees(".list")
	b.Until(`location.hash === "#/"`)
}

// Somebody beside the requester opens the code on their own phone, signs in
// there, and approves; the code alone shows nothing.
func TestE17CodePageOnThePhone(t *testing.T) {
	d, b := browsing(t)
	account(d, "bo", "approver")
	e := d.Endpoint("ubu-0810")
	id := e.Ask("dina", "/usr/bin/id")
	code := desk.Wait(e, frames.TProgress, func(m frames.Progress) bool { return string(m.Request) == id && m.Code != "" }).Code
	b.Phone()
	b.Go("#/b/" + code)
	b.Reads(".card", code)
	if s := b.Text("body"); strings.Contains(s, "dina") || strings.Contains(s, "/usr/bin/id") {
		t.Errorf("before anybody signed in the page says %q", s)
	}
	b.Login("bo", desk.Password)
	b.Reads(".request .wants", "/usr/bin/id")
	b.Reads(".bycode", code)
	b.ClickText("button", "Approve")
	b.Reads(".thumb", "Approved by you")
	if dec := e.Decision(id); dec.Verdict != "approved" || dec.By != "bo" {
		t.Errorf("the endpoint got %+v", dec)
	}
	b.Expect("404")
	b.Go("#/b")
	b.Type("input[name=code]", strings.ToLower(strings.ReplaceAll(code, "-", ""))) // it ended with the request
	b.Reads(".card .note.no", "has this code")
}

// The whole way of somebody beside: the code, a passkey, one touch. Having just
// signed in with it, nothing more is asked, also where a rule wants presence.
func TestE17CodeThenPasskey(t *testing.T) {
	d, b := browsing(t)
	account(d, "bo", "approver")
	d.Rules("rules:\n  - name: here\n    match: {path: /usr/bin/mount, args: [{rest: true}]}\n    then: require\n    require: {step_up: true}\n")
	e := d.Endpoint("ubu-0810")
	b.Phone()
	b.Passkeys()
	b.Go("#/me")
	b.Login("bo", desk.Password)
	b.ClickText("button", "Add a passkey")
	b.ClickText("button", "Add")
	b.Sees(".things .ghost")
	id := e.Ask("dina", "/usr/bin/mount", "/dev/sdb1", "/mnt")
	code := desk.Wait(e, frames.TProgress, func(m frames.Progress) bool { return string(m.Request) == id && m.Code != "" }).Code
	signOutTo(b, "#/b/"+code) // the passkey is offered by the browser itself
	b.Reads(".request .wants", "mount")
	b.ClickText("button", "Approve")
	b.ClickText("button", "Tap again")
	b.Reads(".thumb", "Approved by you")
	if dec := e.Decision(id); dec.Verdict != "approved" {
		t.Errorf("the endpoint got %+v", dec)
	}
}
