package doors

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/desk"
)

// An approver adds an authenticator app on their own page, and from then on the
// password alone does not sign in; a code is good once.
func TestA12SignInPageAsksForTheCode(t *testing.T) {
	d, b := browsing(t)
	withPassword(t, d, "bo", "approver")
	b.opens("#/me")
	b.signsIn("bo")
	b.says("Set up an app")
	b.reads(".setup", "or type this key")
	secret := strings.ReplaceAll(b.text(".secret"), " ", "")
	code := func(at time.Time) string {
		c, err := totp.GenerateCode(secret, at)
		if err != nil {
			t.Fatalf("the key %q on the page: %v", secret, err)
		}
		return c
	}
	if b.text(".qr") != "" {
		t.Error("the QR code is not a picture")
	}
	at := d.Now()
	b.types(".setup input[name=code]", code(at))
	b.reads(".part:nth-of-type(2)", "In use")
	b.signsOut()

	b.signsIn("bo")
	b.reads(".card", "Enter the code")
	b.types("input[name=code]", code(at)) // was used to add it
	b.reads(".card .note.no", "used already")
	b.types("input[name=code]", code(at.Add(30*time.Second)))
	b.do(chromedp.WaitVisible(".live:not(.lost)"))
	var me client.Factors
	b.do(chromedp.Evaluate(`fetch("/api/v1/me/factors").then((r) => r.json())`, &me, chromedp.EvalAsValue, await))
	if !me.TOTP {
		t.Errorf("the account has %+v", me)
	}
}

// An approver adds a passkey on their own page and signs in with it; afterwards
// what needs presence asks for it, once, and the answer is given once.
func TestA12PasskeyPageAndStepUp(t *testing.T) {
	d, b := browsing(t)
	withPassword(t, d, "bo", "approver")
	d.Rules("rules:\n  - name: here\n    match: {path: /usr/bin/mount, args: [{rest: true}]}\n    then: require\n    require: {step_up: true}\n")
	e := d.Endpoint("ubu-0810")
	b.authenticator()
	b.opens("#/me")
	b.signsIn("bo")
	b.says("Add a passkey")
	b.do(chromedp.WaitVisible(".part input[name=name]"), chromedp.SetValue(".part input[name=name]", "Bo's phone"))
	b.says("Add")
	b.reads(".things", "Bo's phone")
	b.picture("me")

	// The browser offers the passkey by itself in the field of the login.
	b.signsOutTo("#/me")
	b.reads(".mine", "Bo's phone")
	b.reads(".things", "used")

	// Signed in with the password, the passkey is still owed.
	quiet := `navigator.credentials.get = ((old) => (o) => o.mediation === "conditional" ? new Promise(() => 0) : old.call(navigator.credentials, o))(navigator.credentials.get)`
	b.everyPage(quiet)
	b.signsOut()
	b.signsIn("bo")
	b.do(chromedp.WaitVisible(".live:not(.lost)"))
	id := e.Ask("dina", "/usr/bin/mount", "/dev/sdb1", "/mnt")
	b.clicks("#" + id)
	b.clicks("button.approve")
	b.reads(".stepup", "Confirm that it is you")
	b.picture("dialog")
	b.says("Cancel")
	b.reads(".details .note.no", "nothing was changed")
	if r := d.Admin.See(id); r.Decision != nil {
		t.Fatalf("left the dialog, and the request has %+v", r.Decision)
	}
	b.clicks("button.approve")
	b.says("Use your passkey")
	b.reads(".decided", "Approved by you")
	if dec := e.Decision(id); dec.Verdict != "approved" {
		t.Errorf("the endpoint got %+v", dec)
	}
	if r := d.Admin.See(id); len(r.Reviews) != 1 {
		t.Errorf("%d votes, want 1", len(r.Reviews))
	}

	// And the button of the sign-in page.
	b.signsOut()
	b.says("Use a passkey")
	b.do(chromedp.WaitVisible(".live:not(.lost)"))
}

// Who has no passkey proves presence with the password, when it is longer ago.
func TestA12StepUpByPassword(t *testing.T) {
	d, b := browsing(t)
	withPassword(t, d, "bo", "approver")
	d.Rules("rules:\n  - name: here\n    match: {path: /usr/bin/mount, args: [{rest: true}]}\n    then: require\n    require: {step_up: true}\n")
	e := d.Endpoint("ubu-0810")
	b.phone()
	b.opens("#/")
	b.signsIn("bo")
	b.do(chromedp.WaitVisible(".live:not(.lost)"))
	id := e.Ask("dina", "/usr/bin/mount", "/dev/sdb1", "/mnt")
	d.Pass(6 * time.Minute)
	b.clicks("#" + id)
	b.says("Approve")
	b.says("Tap again") // mount is not for a hasty thumb
	b.types(".stepup input[name=password]", "not it at all")
	b.says("Confirm")
	b.do(chromedp.WaitVisible(".stepup .note.no"))
	b.do(chromedp.SetValue(".stepup input[name=password]", ""))
	b.types(".stepup input[name=password]", desk.Password)
	b.says("Confirm")
	b.reads(".thumb", "Approved by you")
	if r := d.Admin.See(id); r.Decision == nil || r.Decision.By.Login != "bo" || len(r.Reviews) != 1 {
		t.Errorf("the request has %s", desk.JSON(r.Decision))
	}
}

// The page of one request on a phone: asked back, approved, denied, live.
func TestE17PhonePage(t *testing.T) {
	d, b := browsing(t)
	withPassword(t, d, "bo", "approver")
	mika := d.Person("mika", "approver")
	e := d.Endpoint("ubu-0810")
	first := e.Ask("dina", "/usr/bin/apt", "install", "wireshark")
	b.phone()
	b.opens("#/requests/" + first) // as in a message: sign in first, then the request
	b.reads(".card", "that you were told of")
	b.signsIn("bo")
	b.reads(".request", "wireshark")
	b.reads(".request", "INC-4821")
	b.until(`document.documentElement.scrollWidth <= innerWidth`)
	b.until(`[...document.querySelectorAll(".thumb :is(button, select), .head button")].every((e) => e.getBoundingClientRect().height >= 44)`)
	b.until(`document.querySelector(".thumb .approve").getBoundingClientRect().top > innerHeight * 0.8`)

	b.says("Ask")
	b.types(".sheet textarea", "which ticket?")
	b.says("Send the question")
	if q := e.Question(first); q.Text != "which ticket?" {
		t.Errorf("the endpoint was asked %q", q.Text)
	}
	b.reads(".questions", "which ticket?")
	e.Answer(first, "INC-4821, as I wrote")
	b.reads(".questions .reply", "as I wrote") // live

	b.do(chromedp.SetValue(".thumb select", "300"))
	b.says("Comment")
	b.types(".sheet textarea", "for today")
	b.says("Keep")
	b.says("Approve")
	b.reads(".thumb", "Approved by you")
	b.picture("approved")
	dec := e.Decision(first)
	if dec.Verdict != "approved" || dec.Text != "for today" {
		t.Errorf("the endpoint got %+v", dec)
	}
	if g := e.Grant(first); g.Duration != 5*time.Minute {
		t.Errorf("granted for %v, want 5m", g.Duration)
	}

	second := e.Ask("dina", "/usr/bin/systemctl", "restart", "nginx")
	b.reads(".thumb", "Next request")
	b.says("Next request")
	b.reads(".request .wants", "nginx")
	b.clicks(".thumb .deny")
	b.types(".sheet textarea", "use the deployment job")
	b.clicks(".sheet .danger")
	b.reads(".thumb", "Denied by you")
	if dec := e.Decision(second); dec.Verdict != "denied" || dec.Text != "use the deployment job" {
		t.Errorf("the endpoint got %+v", dec)
	}

	third := e.Ask("dina", "/usr/bin/id")
	b.opens("#/requests/" + third)
	b.reads(".request .wants", "/usr/bin/id")
	mika.Does("deny", third, map[string]any{"comment": "not now"})
	b.reads(".thumb", "Denied by mika")
	b.reads(".thumb", "not now")
	b.clicks(".head button")
	b.do(chromedp.WaitVisible(".list"))
	b.until(`location.hash === "#/"`)
}
