package doors

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/desk"
	frames "github.com/assent-epm/assent/shared/wire"
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
	quiet := `if (navigator.credentials) navigator.credentials.get = ((old) => (o) => o.mediation === "conditional" ? new Promise(() => 0) : old.call(navigator.credentials, o))(navigator.credentials.get)`
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
	b.reads(".request .cautions", "It can do anything") // what is read, not what the event said
	b.says("Approve")
	b.says("Tap again") // mount is not for a hasty thumb
	b.types(".stepup input[name=password]", "not it at all")
	b.says("Confirm")
	b.do(chromedp.WaitVisible(".stepup .note.no"))
	b.do(chromedp.Evaluate(`document.querySelector(".stepup input[name=password]").value = ""`, nil))
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

// Somebody beside the requester opens the code on their own phone, signs in
// there, and approves; the code alone shows nothing.
func TestE17CodePageOnThePhone(t *testing.T) {
	d, b := browsing(t)
	withPassword(t, d, "bo", "approver")
	e := d.Endpoint("ubu-0810")
	id := e.Ask("dina", "/usr/bin/id")
	code := desk.Wait(e, frames.TProgress, func(m frames.Progress) bool { return string(m.Request) == id && m.Code != "" }).Code
	b.phone()
	b.opens("#/b/" + code)
	b.reads(".card", code)
	if s := b.text("body"); strings.Contains(s, "dina") || strings.Contains(s, "/usr/bin/id") {
		t.Errorf("before anybody signed in the page says %q", s)
	}
	b.signsIn("bo")
	b.reads(".request .wants", "/usr/bin/id")
	b.reads(".bycode", code)
	b.says("Approve")
	b.reads(".thumb", "Approved by you")
	if dec := e.Decision(id); dec.Verdict != "approved" || dec.By != "bo" {
		t.Errorf("the endpoint got %+v", dec)
	}
	b.expect("404")
	b.opens("#/b")
	b.types("input[name=code]", strings.ToLower(strings.ReplaceAll(code, "-", ""))) // it ended with the request
	b.reads(".card .note.no", "has this code")
}

// A terminal asks to sign in; its user allows it in the browser, having shown to
// be there, and another one is refused.
func TestC1DevicePage(t *testing.T) {
	d, b := browsing(t)
	withPassword(t, d, "bo", "approver")
	nobody := desk.Must(client.New(d.URL, ""))(t)
	ask := func(name string) client.DeviceCodes {
		return desk.Must(client.Post[client.DeviceCodes](t.Context(), nobody, "/sessions/device", client.NewDevice{Name: name}))(t)
	}
	claim := func(c client.DeviceCodes) (client.DeviceToken, error) {
		return client.Post[client.DeviceToken](t.Context(), nobody, "/sessions/device/token", client.DeviceClaim{DeviceCode: c.DeviceCode})
	}
	yes, no := ask("assentctl on <b>build-7</b>"), ask("somebody else")
	if !strings.Contains(yes.VerificationURIComplete, "/#/device?code="+yes.UserCode) {
		t.Errorf("the address is %q", yes.VerificationURIComplete)
	}
	b.opens("#/device?code=" + yes.UserCode)
	b.signsIn("bo")
	b.reads(".bigcode", yes.UserCode)
	b.reads(".leaf", "assentctl on <b>build-7</b>")
	b.picture("asked")
	d.Pass(6 * time.Minute)
	b.says("Allow")
	b.types(".stepup input[name=password]", desk.Password)
	b.says("Confirm")
	b.reads(".leaf", "The device is signed in")
	got, err := claim(yes)
	if err != nil || got.Login != "bo" || got.Token == "" {
		t.Errorf("the device got %+v, %v", got, err)
	}
	b.opens("#/device?code=" + no.UserCode)
	b.reads(".leaf", "somebody else")
	b.says("Refuse")
	b.reads(".leaf", "Refused")
	if _, err := claim(no); desk.Code(err) != "access_denied" {
		t.Errorf("the refused device got %v", err)
	}
}

// What somebody chooses on their page is what the controller then keeps.
func TestN6HowIAmToldPage(t *testing.T) {
	d, b := browsing(t)
	withPassword(t, d, "bo", "approver")
	b.opens("#/me")
	b.signsIn("bo")
	b.clicks(".told input[type=checkbox]")
	b.do(chromedp.SetValue(".hours select", "Mon-Fri"), chromedp.SetValue(".told label > select:not(.hours select)", "UTC"))
	b.says("Save")
	b.reads(".told .note.ok", "Saved.")
	b.opens("#/me")
	b.until(`document.querySelector(".hours select")?.value === "Mon-Fri"`)
	b.reads(".told", "Time zone")

	host, port, from, tls := "mail.example.org", int64(587), "assent@example.org", "starttls"
	if _, err := d.Admin.AddChannel(t.Context(), client.NewChannel{Name: "Mail", Kind: "email",
		Config: client.ChannelConfig{Host: &host, Port: &port, From: &from, TLS: tls}}); err != nil {
		t.Fatal(err)
	}
	ann := withPassword(t, d, "ann", "administrator")
	b.signsOutTo("#/me")
	b.signsIn("ann")
	b.until(`[...document.querySelectorAll(".told label")].some((e) => e.innerText.includes("Only through these"))`)
	b.do(chromedp.Evaluate(`[...document.querySelectorAll(".told label")].find((e) => e.innerText.includes("Only through these")).click()`, nil))
	b.reads(".picks", "Mail")
	b.picture("told")
	b.says("Save")
	b.reads(".told .note.ok", "Saved.")
	if got := desk.Must(ann.MySettings(t.Context()))(t); got.Notify.Channels == nil || strings.Join(*got.Notify.Channels, " ") != "Mail" {
		t.Errorf("the controller keeps %s", desk.JSON(got.Notify))
	}
}

// A role that needs a second factor sees its own account and nothing else until
// there is one; then the queue opens by itself.
func TestA12SecondFactorPage(t *testing.T) {
	d, b := browsing(t)
	withPassword(t, d, "bo", "approver")
	d.Settings(map[string]any{"require_second_factor": []string{"approver"}})
	e := d.Endpoint("ubu-0810")
	id := e.Ask("dina", "/usr/bin/id")
	b.authenticator()
	b.opens("#/requests/" + id)
	b.signsIn("bo")
	b.reads(".mine", "One step is missing")
	if s := b.text("body"); strings.Contains(s, "/usr/bin/id") {
		t.Errorf("the page says %q", s)
	}
	b.says("Add a passkey")
	b.says("Add")
	b.reads(".details", "/usr/bin/id")
}

// One's own page: a password is changed and ends the session, a passkey is
// removed by who has it.
func TestA12AccountPage(t *testing.T) {
	d, b := browsing(t)
	withPassword(t, d, "bo", "approver")
	b.opens("#/me")
	b.signsIn("bo")
	b.types("input[name=current]", "not the present one")
	b.types("input[name=password]", "staple of the horse")
	b.says("Change the password")
	b.reads(".part .note.no", "present password is another one")
	b.do(chromedp.Evaluate(`document.querySelector("input[name=current]").value = ""`, nil))
	b.types("input[name=current]", desk.Password)
	b.says("Change the password")
	b.reads(".card", "Your password was changed")
	b.types("input[name=login]", "bo")
	b.types("input[name=password]", "staple of the horse")
	b.says("Sign in")
	b.authenticator()
	b.says("Add a passkey")
	b.says("Add")
	b.do(chromedp.WaitVisible(".things .ghost"))
	d.Pass(6 * time.Minute)
	b.clicks(".things .ghost")
	b.says("Remove")
	b.says("Use your passkey")
	b.reads(".part", "You have none yet")
	if f := desk.Must(client.Get[client.User](t.Context(), d.Admin.Client, "/users/bo", nil))(t); !f.HasPassword {
		t.Errorf("the account is %+v", f)
	}
}

// The whole way of somebody beside: the code, a passkey, one touch. Having just
// signed in with it, nothing more is asked, also where a rule wants presence.
func TestE17CodeThenPasskey(t *testing.T) {
	d, b := browsing(t)
	withPassword(t, d, "bo", "approver")
	d.Rules("rules:\n  - name: here\n    match: {path: /usr/bin/mount, args: [{rest: true}]}\n    then: require\n    require: {step_up: true}\n")
	e := d.Endpoint("ubu-0810")
	b.phone()
	b.authenticator()
	b.opens("#/me")
	b.signsIn("bo")
	b.says("Add a passkey")
	b.says("Add")
	b.do(chromedp.WaitVisible(".things .ghost"))
	id := e.Ask("dina", "/usr/bin/mount", "/dev/sdb1", "/mnt")
	code := desk.Wait(e, frames.TProgress, func(m frames.Progress) bool { return string(m.Request) == id && m.Code != "" }).Code
	b.signsOutTo("#/b/" + code) // the passkey is offered by the browser itself
	b.reads(".request .wants", "mount")
	b.says("Approve")
	b.says("Tap again")
	b.reads(".thumb", "Approved by you")
	if dec := e.Decision(id); dec.Verdict != "approved" {
		t.Errorf("the endpoint got %+v", dec)
	}
}
