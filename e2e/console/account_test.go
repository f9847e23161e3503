package console

import (
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/browser"
	"github.com/assent-epm/assent/e2e/desk"
)

// signOut goes through the menu.
func signOut(b *browser.Tab) {
	b.T.Helper()
	b.Go("#/")
	b.Click(".me > button")
	b.ClickText("button", "Sign out")
	b.Sees("input[name=login]")
}

// signOutTo ends the session and opens a page, which asks who it is: the browser
// may answer that by itself with a passkey.
func signOutTo(b *browser.Tab, hash string) {
	b.T.Helper()
	b.Eval(`fetch("/api/v1/sessions", {method: "DELETE"}).then((r) => r.status)`, nil)
	b.Go(hash)
}

// An approver adds an authenticator app on their own page, and from then on the
// password alone does not sign in; a code is good once.
func TestA12SignInPageAsksForTheCode(t *testing.T) {
	d, b := browsing(t)
	account(d, "bo", "approver")
	b.Go("#/me")
	b.Login("bo", desk.Password)
	b.ClickText("button", "Set up an app")
	b.Reads(".setup", "or type this key")
	secret := strings.ReplaceAll(b.Text(".secret"), " ", "")
	code := func(at time.Time) string {
		c, err := totp.GenerateCode(secret, at)
		if err != nil {
			t.Fatalf("the key %q on the page: %v", secret, err)
		}
		return c
	}
	if b.Text(".qr") != "" {
		t.Error("the QR code is not a picture")
	}
	at := d.Now()
	b.Type(".setup input[name=code]", code(at))
	b.Reads(".panel:nth-of-type(2)", "In use")
	signOut(b)

	b.Login("bo", desk.Password)
	b.Reads(".card", "Enter the code")
	b.Type("input[name=code]", code(at)) // was used to add it
	b.Reads(".card .note.no", "used already")
	b.Type("input[name=code]", code(at.Add(30*time.Second)))
	b.Sees(".live:not(.lost)")
	var me client.Factors
	b.Eval(`fetch("/api/v1/me/factors").then((r) => r.json())`, &me)
	if !me.TOTP {
		t.Errorf("the account has %+v", me)
	}
}

// An approver adds a passkey on their own page and signs in with it; afterwards
// what needs presence asks for it, once, and the answer is given once.
func TestA12PasskeyPageAndStepUp(t *testing.T) {
	d, b := browsing(t)
	account(d, "bo", "approver")
	d.Rules("rules:\n  - name: here\n    match: {path: /usr/bin/mount, args: [{rest: true}]}\n    then: require\n    require: {step_up: true}\n")
	e := d.Endpoint("ubu-0810")
	b.Passkeys()
	b.Go("#/me")
	b.Login("bo", desk.Password)
	b.ClickText("button", "Add a passkey")
	b.Sees(".panel input[name=name]")
	b.Fill(".panel input[name=name]", "Bo's phone")
	b.ClickText("button", "Add")
	b.Reads(".things", "Bo's phone")
	b.Picture("account-passkey")

	// The browser offers the passkey by itself in the field of the login.
	signOutTo(b, "#/me")
	b.Reads(".mine", "Bo's phone")
	b.Reads(".things", "used")

	// Signed in with the password, the passkey is still owed.
	quiet := `if (navigator.credentials) navigator.credentials.get = ((old) => (o) => o.mediation === "conditional" ? new Promise(() => 0) : old.call(navigator.credentials, o))(navigator.credentials.get)`
	b.EveryPage(quiet)
	signOut(b)
	b.Login("bo", desk.Password)
	b.Sees(".live:not(.lost)")
	id := e.Ask("dina", "/usr/bin/mount", "/dev/sdb1", "/mnt")
	b.Click("#" + id)
	b.Click("button.approve")
	b.Reads(".stepup", "Confirm that it is you")
	b.Looks("presence", nil)
	b.ClickText("button", "Cancel")
	b.Reads(".details .note.no", "nothing was changed")
	if r := d.Admin.See(id); r.Decision != nil {
		t.Fatalf("left the dialog, and the request has %+v", r.Decision)
	}
	b.Click("button.approve")
	b.ClickText("button", "Use your passkey")
	b.Reads(".decided", "Approved by you")
	if dec := e.Decision(id); dec.Verdict != "approved" {
		t.Errorf("the endpoint got %+v", dec)
	}
	if r := d.Admin.See(id); len(r.Reviews) != 1 {
		t.Errorf("%d votes, want 1", len(r.Reviews))
	}

	// And the button of the sign-in page.
	signOut(b)
	b.ClickText("button", "Use a passkey")
	b.Sees(".live:not(.lost)")
}

// Who has no passkey proves presence with the password, when it is longer ago.
func TestA12StepUpByPassword(t *testing.T) {
	d, b := browsing(t)
	account(d, "bo", "approver")
	d.Rules("rules:\n  - name: here\n    match: {path: /usr/bin/mount, args: [{rest: true}]}\n    then: require\n    require: {step_up: true}\n")
	e := d.Endpoint("ubu-0810")
	b.Phone()
	b.Go("#/")
	b.Login("bo", desk.Password)
	b.Sees(".live:not(.lost)")
	id := e.Ask("dina", "/usr/bin/mount", "/dev/sdb1", "/mnt")
	d.Pass(6 * time.Minute)
	b.Click("#" + id)
	b.Reads(".request .cautions", "It can do anything") // what is read, not what the event said
	b.ClickText("button", "Approve")
	b.ClickText("button", "Tap again") // mount is not for a hasty thumb
	b.Type(".stepup input[name=password]", "not it at all")
	b.ClickText("button", "Confirm")
	b.Sees(".stepup .note.no")
	b.Fill(".stepup input[name=password]", desk.Password)
	b.ClickText("button", "Confirm")
	b.Reads(".thumb", "Approved by you")
	if r := d.Admin.See(id); r.Decision == nil || r.Decision.By.Login != "bo" || len(r.Reviews) != 1 {
		t.Errorf("the request has %s", desk.JSON(r.Decision))
	}
}

// A terminal asks to sign in; its user allows it in the browser, having shown to
// be there, and another one is refused.
func TestC1DevicePage(t *testing.T) {
	d, b := browsing(t)
	account(d, "bo", "approver")
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
	b.Go("#/device?code=" + yes.UserCode)
	b.Login("bo", desk.Password)
	b.Reads(".bigcode", yes.UserCode)
	b.Reads(".leaf", "assentctl on <b>build-7</b>")
	b.Looks("device-asked", nil)
	d.Pass(6 * time.Minute)
	b.ClickText("button", "Allow")
	b.Type(".stepup input[name=password]", desk.Password)
	b.ClickText("button", "Confirm")
	b.Reads(".leaf", "The device is signed in")
	b.Looks("device-allowed", nil)
	got, err := claim(yes)
	if err != nil || got.Login != "bo" || got.Token == "" {
		t.Errorf("the device got %+v, %v", got, err)
	}
	b.Go("#/device?code=" + no.UserCode)
	b.Reads(".leaf", "somebody else")
	b.ClickText("button", "Refuse")
	b.Reads(".leaf", "Refused")
	if _, err := claim(no); desk.Code(err) != "access_denied" {
		t.Errorf("the refused device got %v", err)
	}
}

// What somebody chooses on their page is what the controller then keeps.
func TestN6HowIAmToldPage(t *testing.T) {
	d, b := browsing(t)
	account(d, "bo", "approver")
	b.Go("#/me")
	b.Login("bo", desk.Password)
	b.Click(".told input[type=checkbox]")
	b.Choose(".hours select", "Mon-Fri")
	b.Choose(".told label > select:not(.hours select)", "UTC")
	b.ClickText("button", "Save")
	b.Reads(".told .note.ok", "Saved.")
	b.Go("#/me")
	b.Until(`document.querySelector(".hours select")?.value === "Mon-Fri"`)
	b.Reads(".told", "Time zone")

	host, port, from, tls := "mail.example.org", int64(587), "assent@example.org", "starttls"
	if _, err := d.Admin.AddChannel(t.Context(), client.NewChannel{Name: "Mail", Kind: "email",
		Config: client.ChannelConfig{Host: &host, Port: &port, From: &from, TLS: tls}}); err != nil {
		t.Fatal(err)
	}
	ann := account(d, "ann", "administrator")
	signOutTo(b, "#/me")
	b.Login("ann", desk.Password)
	b.ClickText(".told label", "Only through these")
	b.Reads(".picks", "Mail")
	b.Looks("account-told", nil)
	b.ClickText("button", "Save")
	b.Reads(".told .note.ok", "Saved.")
	if got := desk.Must(ann.MySettings(t.Context()))(t); got.Notify.Channels == nil || strings.Join(*got.Notify.Channels, " ") != "Mail" {
		t.Errorf("the controller keeps %s", desk.JSON(got.Notify))
	}
}

// A role that needs a second factor sees its own account and nothing else until
// there is one; then the queue opens by itself.
func TestA12SecondFactorPage(t *testing.T) {
	d, b := browsing(t)
	account(d, "bo", "approver")
	d.Settings(map[string]any{"require_second_factor": []string{"approver"}})
	e := d.Endpoint("ubu-0810")
	id := e.Ask("dina", "/usr/bin/id")
	b.Passkeys()
	b.Go("#/requests/" + id)
	b.Login("bo", desk.Password)
	b.Reads(".mine", "One step is missing")
	b.Looks("must-factor", nil)
	if s := b.Text("body"); strings.Contains(s, "/usr/bin/id") {
		t.Errorf("the page says %q", s)
	}
	b.ClickText("button", "Add a passkey")
	b.ClickText("button", "Add")
	b.Reads(".details", "/usr/bin/id")
}

// One's own page: a password is changed and ends the session, a passkey is
// removed by who has it.
func TestA12AccountPage(t *testing.T) {
	d, b := browsing(t)
	account(d, "bo", "approver")
	b.Go("#/me")
	b.Login("bo", desk.Password)
	b.Type("input[name=current]", "not the present one")
	b.Type("input[name=password]", "staple of the horse")
	b.ClickText("button", "Change the password")
	b.Reads(".panel .note.no", "present password is another one")
	b.Fill("input[name=current]", desk.Password)
	b.ClickText("button", "Change the password")
	b.Reads(".card", "Your password was changed")
	b.Looks("sign-in-again", nil)
	b.Type("input[name=login]", "bo")
	b.Type("input[name=password]", "staple of the horse")
	b.ClickText("button", "Sign in")
	b.Passkeys()
	b.ClickText("button", "Add a passkey")
	b.ClickText("button", "Add")
	b.Sees(".things .ghost")
	d.Pass(6 * time.Minute)
	b.Click(".things .ghost")
	b.ClickText("button", "Remove")
	b.ClickText("button", "Use your passkey")
	b.Reads(".panel", "You have none yet")
	if f := desk.Must(client.Get[client.User](t.Context(), d.Admin.Client, "/users/bo", nil))(t); !f.HasPassword {
		t.Errorf("the account is %+v", f)
	}
}
