package console_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/testgroup"
)

// says clicks the button with this text.
func (b *browser) says(text string) {
	b.t.Helper()
	found := `[...document.querySelectorAll("button:enabled")].find((e) => e.innerText.trim() === ` + quote(text) + `)`
	b.until(found)
	b.do(chromedp.Evaluate(found+`.click()`, nil))
}

func (b *browser) open(url, hash string) {
	b.t.Helper()
	b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(url+"/"+hash))
}

// checker gives a function that names what the rules of accessibility find.
func (b *browser) checker() func(name string) {
	b.t.Helper()
	axe, err := os.ReadFile(filepath.Join("node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		b.t.Skipf("%snpm: the checker is not installed; run make console", testgroup.Mark)
	}
	return func(name string) {
		b.t.Helper()
		var found []string
		b.do(chromedp.Evaluate(string(axe)+";0", nil), chromedp.Evaluate(`axe.run().then((r) =>
			r.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html.slice(0, 150)).join(" | ")))`, &found, awaited))
		for _, f := range found {
			b.t.Errorf("%s: %s", name, f)
		}
	}
}

// Each page and each sheet, light and dark, on a desk and on a phone, by the rules
// of accessibility that a program can check.
func TestPagesAreAccessible(t *testing.T) {
	ready(t)
	d := newDesk(t)
	d.doors.passkeys, d.doors.providers = true, []client.SignInProvider{{ID: "idp_1", Name: "Example ID"}}
	d.doors.totp["bo"] = true
	b := person(t)
	b.expect("401")
	b.expect("403")
	axe := b.checker()
	check := func(name string) {
		t.Helper()
		for _, scheme := range []string{"light", "dark"} {
			b.scheme(scheme)
			axe(name + " " + scheme)
			var small []string
			b.do(chromedp.Evaluate(`[...document.querySelectorAll(":is(.card, .mine, .sheet, .thumb, .head) :is(button, input:not([type=checkbox], [type=radio], .unseen), select)")]
				.filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 43.5).map((e) => e.outerHTML.slice(0, 120))`, &small))
			for _, s := range small {
				t.Errorf("%s: lower than 44 px: %s", name, s)
			}
			var wide bool
			b.do(chromedp.Evaluate(`document.documentElement.scrollWidth > innerWidth`, &wide))
			if wide {
				t.Errorf("%s is wider than the screen", name)
			}
		}
	}
	at := "http://localhost:" + d.url[len("http://127.0.0.1:"):]
	b.do(chromedp.EmulateViewport(390, 844))
	b.open(at, "")
	b.do(chromedp.WaitVisible("input[name=login]"))
	check("sign in")
	b.do(chromedp.SendKeys("input[name=login]", "bo"), chromedp.SendKeys("input[name=password]", password), chromedp.Click("button.primary"), chromedp.WaitVisible("input[name=code]"))
	check("code of the app")
	b.do(chromedp.SendKeys("input[name=code]", "000000"))
	b.reads(".card .note.no", "not right")
	check("wrong code")
	b.do(chromedp.SendKeys("input[name=code]", rightCode), chromedp.WaitVisible(".live"))
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "high", "/usr/bin/systemctl", "restart", "nginx"))
	q.Caution = []client.Caution{{Reason: "unbounded", Fact: "it can do anything"}, {Reason: "asked_before", Fact: "3 times"}}
	q.Questions = []client.Question{{By: client.Person{ID: "usr_mika", Login: "mika"}, At: time.Now(), Text: "which one?"}}
	d.doors.careful[q.ID] = true
	d.doors.devices["7K2Q-M9XD"] = nil
	b.open(at, "#/b")
	b.do(chromedp.WaitVisible("input[name=code]"))
	check("code of a request")
	b.open(at, "#/device?code=7K2Q-M9XD")
	b.reads(".leaf", "build-7")
	check("device")
	b.open(at, "#/requests/"+q.ID)
	b.reads(".request", "No rule matched")
	check("request")
	b.says("Ask")
	check("asking back")
	b.do(chromedp.Click(".sheethead button"))
	b.says("Deny")
	check("denying")
	b.do(chromedp.Click(".sheethead button"))
	b.says("Approve")
	b.says("Tap again")
	b.do(chromedp.WaitVisible(".stepup input[name=code]"))
	check("step-up")
	b.says("Cancel")
	b.reads(".thumb .note.no", "nothing was changed")
	check("not confirmed")
	d.doors.totp["bo"] = false
	d.doors.keys = []client.Passkey{{ID: "pk_1", Name: "phone", CreatedAt: time.Now()}}
	b.open(at, "#/me")
	b.says("Set up an app")
	b.do(chromedp.WaitVisible(".qr"), chromedp.Click(".told input[type=checkbox]"), chromedp.Click(".things .ghost"))
	b.says("Add a passkey")
	check("account on a phone")
	b.do(chromedp.EmulateViewport(1440, 900))
	check("account")
}

// Who has tried too often is told for how long there is nothing to try.
func TestSignInTellsHowLongToWait(t *testing.T) {
	ready(t)
	d := newDesk(t)
	d.doors.wait = "3"
	b := person(t)
	b.expect("401")
	b.expect("403")
	b.expect("429")
	b.do(chromedp.Navigate(d.url), chromedp.WaitVisible("input[name=login]"), chromedp.SendKeys("input[name=login]", "bo"),
		chromedp.SendKeys("input[name=password]", password), chromedp.Click("button.primary"))
	b.reads(".card .note.warn", "You can go on in")
	b.shot("p-wait-1440")
	b.until(`document.querySelector("button.primary").disabled`)
	d.doors.wait = ""
	b.until(`!document.querySelector("button.primary").disabled && document.querySelector(".card .note") === null`)
	b.do(chromedp.Click("button.primary"), chromedp.WaitVisible(".top"))
}

// A text in the address is not shown: anybody can write one.
func TestAddressPutsNoWordsIntoThePage(t *testing.T) {
	ready(t)
	d := newDesk(t)
	b := person(t)
	b.expect("401")
	b.open(d.url, "#/sign-in?error=Call+0800+555+to+unlock+your+account")
	b.reads(".card .note.no", "did not sign you in")
	if s := b.text("body"); strings.Contains(s, "0800") {
		t.Errorf("the page says %q", s)
	}
	var address string
	b.do(chromedp.Location(&address))
	if strings.Contains(address, "error") {
		t.Errorf("the failure stays in the address %q", address)
	}
	d.doors.providers = []client.SignInProvider{{ID: "idp_1", Name: "Example ID"}}
	b.open(d.url, "#/sign-in?error=Example+ID+did+not+let+you+sign+in.")
	b.reads(".card .note.no", "Example ID did not let you sign in.")
	b.open(d.url, "#/sign-in?error=Nobody+you+know+did+not+let+you+sign+in.")
	b.reads(".card .note.no", "The provider did not sign you in")
}

// What the controller says after a provider's answer is what the page knows.
func TestRefusalsAgree(t *testing.T) {
	raw, err := os.ReadFile("src/refusals.ts")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../directory/*.go")
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`(?:refusal|turnAway)\((?:w, r, )?([\w.]+ ?\+ ?)?"([^"]*)"( ?\+ ?[\w.]+ ?\+ ?"[^"]*")?|(?:beginAgain|notChecked)(\s*)= "([^"]*)"`)
	seen := 0
	for _, f := range append(files, "../api/oidc.go") {
		source, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllStringSubmatch(string(source), -1) {
			said := m[2] + m[5]
			if m[1] != "" {
				said = "{provider}" + said
			}
			if _, rest, more := strings.Cut(m[3], `"`); more {
				said += "{provider}" + strings.TrimSuffix(rest, `"`)
			}
			seen++
			if !strings.HasSuffix(f, "_test.go") && !strings.Contains(string(raw), `"`+said+`"`) {
				t.Errorf("src/refusals.ts does not know %q of %s", said, f)
			}
		}
	}
	if seen < 15 {
		t.Errorf("%d sentences were found", seen)
	}
}

// The dialog repeats the act once, and leaving it does nothing.
func TestStepUpRepeatsOnce(t *testing.T) {
	ready(t)
	d := newDesk(t)
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "normal", "/usr/bin/systemctl", "restart", "nginx"))
	d.doors.careful[q.ID] = true
	b := person(t)
	b.signIn(d.url, "bo")
	b.do(chromedp.WaitVisible("button.approve"), chromedp.SendKeys("#comment", "fine"), chromedp.Click("button.approve"), chromedp.WaitVisible(".stepup input[name=password]"))
	b.until(`document.activeElement.name === "password"`)
	b.key("a") // the keys of the queue are off while the dialog is there
	b.says("Cancel")
	b.reads(".details .note.no", "nothing was changed")
	b.until(`document.activeElement.matches("button.approve")`) // where one was before
	if got := d.decision(q.ID); got != nil || d.doors.acts != 1 {
		t.Fatalf("left the dialog: %+v after %d approvals", got, d.doors.acts)
	}
	b.do(chromedp.Click("button.approve"), chromedp.WaitVisible(".stepup input[name=password]"), chromedp.SendKeys(".stepup input[name=password]", "wrong"))
	b.says("Confirm")
	b.reads(".stepup .note.no", "is wrong")
	b.do(chromedp.SetValue(".stepup input[name=password]", password))
	b.says("Confirm")
	b.reads(".decided", "Approved by you")
	if got := d.decision(q.ID); got == nil || got.Comment == nil || *got.Comment != "fine" || d.doors.acts != 3 {
		t.Errorf("confirmed: %+v after %d approvals, want 3", got, d.doors.acts)
	}
	if n := b.number("dialog"); n != 0 {
		t.Error("the dialog is still there")
	}
}

// Somebody answers while the phone shows the request: the phone says who.
func TestPhoneTellsWhoWasFirst(t *testing.T) {
	ready(t)
	d := newDesk(t)
	d.undo = 3 * time.Second
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "normal", "/usr/bin/systemctl", "restart", "nginx"))
	other := d.submit(asked("hiro", "ubu-0811", "the printer does not print", time.Minute, "normal", "/usr/bin/systemctl", "restart", "cups"))
	b := person(t)
	b.do(chromedp.EmulateViewport(390, 844))
	b.signIn(d.url, "bo")
	b.do(chromedp.Click("#"+q.ID), chromedp.WaitVisible(".thumb .approve"))
	b.until(`location.hash.endsWith(` + quote(q.ID) + `)`)
	d.mu.Lock()
	deaf := d.followers
	d.followers = map[chan string]bool{}
	q.Decision = &client.Decision{Verdict: "denied", By: &client.Person{ID: "usr_mika", Login: "mika"}, At: time.Now(), Comment: ptr("not this week")}
	q.State = "denied"
	d.mu.Unlock()
	b.expect("409")
	b.says("Approve")
	b.reads(".thumb .first", "mika was first: denied")
	b.reads(".thumb .first", "not this week")
	d.mu.Lock()
	d.followers = deaf
	d.mu.Unlock()
	b.says("Next request")
	b.reads(".wants", "cups")
	b.says("Approve")
	b.reads(".thumb .undo", "Undo")
	b.do(chromedp.Click(".thumb .undo"))
	b.do(chromedp.WaitVisible(".thumb .approve"))
	if got := d.decision(other.ID); got != nil {
		t.Errorf("taken back, but the controller has %+v", got)
	}
	b.do(chromedp.NavigateBack(), chromedp.WaitVisible(".list"))
	b.until(`location.hash === "#/"`)
}

// TestOldReadingsDoNotWin: somebody answers while the page is being read. What
// was read before is older than the event, whichever comes first.
func TestOldReadingsDoNotWin(t *testing.T) {
	ready(t)
	d := newDesk(t)
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "normal", "/usr/bin/systemctl", "restart", "nginx"))
	b := person(t)
	b.do(chromedp.EmulateViewport(390, 844))
	b.signIn(d.url, "bo")
	b.do(chromedp.WaitVisible(".list"))
	d.wait(t, func() bool { return len(d.followers) > 0 })
	late := make(chan struct{})
	d.mu.Lock()
	d.late = late
	d.mu.Unlock()
	b.do(chromedp.Evaluate("location.hash = '#/requests/"+q.ID+"'", nil))
	d.wait(t, func() bool { return d.held > 1 }) // the request, and what history knows of it
	d.mu.Lock()
	d.late = nil
	q.State = "denied"
	q.Decision = &client.Decision{Verdict: "denied", By: &client.Person{ID: "usr_mika", Login: "mika"}, At: time.Now(), Comment: ptr("not this week")}
	d.tell("request.denied", q)
	d.mu.Unlock()
	d.wait(t, func() bool { return d.told > 0 }) // the page has dealt with the event
	close(late)
	b.do(chromedp.Evaluate(`fetch("/api/v1/me").then(() => new Promise((done) => setTimeout(done, 200)))`, nil,
		func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) })) // what was late has come
	b.reads(".thumb", "Denied by mika")
	if text := b.text(".thumb"); !strings.Contains(text, "Denied by mika") {
		t.Errorf("the page says %q", text)
	}
}

// TestWhatWasMissedIsRead: somebody answers between the reading of the page and
// the beginning of its stream, so that no event tells of it.
func TestWhatWasMissedIsRead(t *testing.T) {
	ready(t)
	d := newDesk(t)
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "normal", "/usr/bin/systemctl", "restart", "nginx"))
	b := person(t)
	b.do(chromedp.EmulateViewport(390, 844))
	b.signIn(d.url, "bo")
	b.do(chromedp.Click("#"+q.ID), chromedp.WaitVisible(".thumb .approve"))
	d.wait(t, func() bool { return len(d.followers) > 0 })
	d.mu.Lock()
	q.State = "denied"
	q.Decision = &client.Decision{Verdict: "denied", By: &client.Person{ID: "usr_mika", Login: "mika"}, At: time.Now(), Comment: ptr("not this week")}
	d.mu.Unlock()
	d.drop() // the stream begins anew
	b.reads(".thumb", "Denied by mika")
}

// wait waits until something holds, which is looked at under the lock.
func (d *desk) wait(t *testing.T, holds func() bool) {
	t.Helper()
	look, end := time.NewTicker(5*time.Millisecond), time.After(20*time.Second)
	defer look.Stop()
	for {
		d.mu.Lock()
		ok := holds()
		d.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-look.C:
		case <-end:
			t.Fatal("it does not come to be")
		}
	}
}

func TestCodePage(t *testing.T) {
	ready(t)
	d := newDesk(t)
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "normal", "/usr/bin/systemctl", "restart", "nginx"))
	d.doors.codes["7K2Q-M9XD"] = q.ID
	b := person(t)
	b.expect("401")
	b.expect("404")
	b.do(chromedp.EmulateViewport(390, 844))
	b.open(d.url, "#/b/7K2Q-M9XD")
	b.reads(".card", "7K2Q-M9XD")
	b.signInHere("bo")
	b.reads(".request .wants", "nginx")
	b.reads(".bycode", "7K2Q-M9XD")
	b.until(`location.hash.endsWith(` + quote(q.ID) + `)`)
	b.open(d.url, "#/b")
	b.do(chromedp.SendKeys("input[name=code]", "aaaa bbbb"))
	b.reads(".card .note.no", "has this code")
	b.do(chromedp.SendKeys("input[name=code]", "7k2q-m9xd"))
	b.reads(".request .wants", "nginx")
}

// signInHere signs in where the page already asks who it is.
func (b *browser) signInHere(login string) {
	b.t.Helper()
	b.expect("403")
	b.do(chromedp.WaitVisible("input[name=login]"), chromedp.SendKeys("input[name=login]", login), chromedp.SendKeys("input[name=password]", password),
		chromedp.Click("button.primary"))
}

func TestDevicePage(t *testing.T) {
	ready(t)
	d := newDesk(t)
	d.doors.devices["7K2Q-M9XD"], d.doors.devices["AAAA-BBBB"] = nil, nil
	b := person(t)
	b.expect("401")
	b.expect("404")
	b.open(d.url, "#/device?code=7K2Q-M9XD")
	b.reads(".card", "a device that wants to act for you")
	b.signInHere("bo")
	b.reads(".leaf", "assentctl on build-7")
	b.reads(".leaf", "192.0.2.44")
	b.reads(".bigcode", "7K2Q-M9XD")
	b.says("Allow")
	b.do(chromedp.WaitVisible(".stepup input[name=password]"))
	b.says("Cancel")
	b.reads(".leaf .note.no", "nothing was changed")
	b.says("Allow")
	b.do(chromedp.WaitVisible(".stepup input[name=password]"), chromedp.SendKeys(".stepup input[name=password]", password))
	b.says("Confirm")
	b.reads(".leaf", "The device is signed in")
	b.open(d.url, "#/device")
	b.do(chromedp.SendKeys("input[name=code]", "aaaabbbb"))
	b.says("Go on")
	b.reads(".bigcode", "AAAA-BBBB")
	b.says("Refuse")
	b.reads(".leaf", "Refused")
	d.mu.Lock()
	yes, no := d.doors.devices["7K2Q-M9XD"], d.doors.devices["AAAA-BBBB"]
	d.mu.Unlock()
	if yes == nil || !*yes || no == nil || *no {
		t.Errorf("allowed %v, refused %v", yes, no)
	}
	b.open(d.url, "#/device?code=CCCC-DDDD") // nobody asked with it
	b.reads(".leaf", "Nothing waits here")
}

// Whose role needs a second factor sees nothing else before they have one.
func TestSecondFactorComesFirst(t *testing.T) {
	ready(t)
	d := newDesk(t)
	d.doors.must = true
	d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "normal", "/usr/bin/systemctl", "restart", "nginx"))
	b := person(t)
	b.expect("401")
	b.expect("403")
	b.expect("400")
	b.do(chromedp.Navigate(d.url))
	b.signInHere("bo")
	b.reads(".mine", "One step is missing")
	b.shot("p-must-1440")
	if n := b.number(".row, .told"); n != 0 {
		t.Errorf("%d other things are open", n)
	}
	b.says("Set up an app")
	b.do(chromedp.WaitVisible(".setup input[name=code]"), chromedp.SendKeys(".setup input[name=code]", "999999"))
	b.reads(".part .note.no", "not right")
	b.do(chromedp.SendKeys(".setup input[name=code]", rightCode))
	b.do(chromedp.WaitVisible(".row"))
}

func TestHowIAmTold(t *testing.T) {
	ready(t)
	d := newDesk(t)
	b := person(t)
	b.expect("401")
	b.expect("403")
	b.open(d.url, "#/me")
	b.signInHere("bo")
	b.do(chromedp.WaitVisible(".told"), chromedp.Click(".told input[type=checkbox]"), chromedp.SendKeys(".told input[type=tel]", "+49 30 123456"))
	b.do(chromedp.SetValue(".hours select", "Mon-Fri"))
	b.says("Save")
	b.reads(".told .note.ok", "Saved.")
	d.mu.Lock()
	got := string(d.doors.settings)
	d.mu.Unlock()
	for _, want := range []string{`"quiet_hours":"Mon-Fri 22:00-07:00"`, `"phone":"+4930123456"`, `"as_alerts_say":true`} {
		if !strings.Contains(got, want) {
			t.Errorf("saved %s, which lacks %s", got, want)
		}
	}
}

// What comes late moves nothing that is already there.
func TestNothingJumps(t *testing.T) {
	ready(t)
	d := newDesk(t)
	d.doors.passkeys, d.doors.providers = true, []client.SignInProvider{{ID: "idp_1", Name: "Example ID"}}
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "high", "/usr/bin/systemctl", "restart", "nginx"))
	q.Caution = []client.Caution{{Reason: "unbounded", Fact: "it can do anything"}}
	b := person(t)
	b.expect("401")
	b.expect("403")
	measure := func() (sum float64) {
		t.Helper()
		b.do(chromedp.Evaluate(`new Promise((done) => {
			let sum = 0;
			new PerformanceObserver((l) => { for (const e of l.getEntries()) if (!e.hadRecentInput) sum += e.value; }).observe({ type: "layout-shift", buffered: true });
			setTimeout(() => done(sum), 300);
		})`, &sum, awaited))
		return sum
	}
	jumps := func(name string) {
		t.Helper()
		if sum := measure(); sum > 0.01 {
			t.Errorf("%s moves by %.3f", name, sum)
		}
	}
	at := "http://localhost:" + d.url[len("http://127.0.0.1:"):]
	b.do(chromedp.EmulateViewport(390, 844))
	b.open(at, "")
	b.do(chromedp.WaitVisible("input[name=login]"))
	jumps("signing in")
	b.signInHere("bo")
	b.do(chromedp.WaitVisible(".row"))
	b.open(at, "#/requests/"+q.ID)
	b.reads(".request", "No rule matched")
	jumps("a request")
	b.open(at, "#/me")
	b.do(chromedp.WaitVisible(".told"))
	jumps("one's account")
	b.do(chromedp.Evaluate(`document.querySelector(".mine").prepend(Object.assign(document.createElement("p"), { innerText: "moved\n".repeat(9) }))`, nil))
	if sum := measure(); sum <= 0.01 {
		t.Errorf("what was moved by hand is measured as %.3f", sum)
	}
}

// A link to what is not there, or not for the reader, says so and leads on.
func TestLinkToNothing(t *testing.T) {
	ready(t)
	d := newDesk(t)
	b := person(t)
	b.expect("401")
	b.expect("404")
	b.do(chromedp.EmulateViewport(390, 844))
	b.open(d.url, "#/requests/req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77")
	b.signInHere("bo")
	b.reads(".request .note.no", "not for you to see")
	b.says("To the queue")
	b.reads(".list", "Nothing is waiting")
}

// The pages can be walked through with the tab key, in the order in which they
// are read.
func TestOrderOfKeys(t *testing.T) {
	ready(t)
	d := newDesk(t)
	d.doors.passkeys, d.doors.providers = true, []client.SignInProvider{{ID: "idp_1", Name: "Example ID"}}
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "high", "/usr/bin/systemctl", "restart", "nginx"))
	b := person(t)
	b.expect("401")
	b.expect("403")
	walk := func(from string, want ...string) {
		t.Helper()
		b.until(`(() => { const e = document.querySelector(` + quote(from) + `); e?.focus(); return e !== null && document.activeElement === e; })()`)
		for _, w := range want {
			b.do(chromedp.KeyEvent(kb.Tab))
			var at string
			b.do(chromedp.Evaluate(`document.activeElement.name || document.activeElement.ariaLabel || document.activeElement.innerText.trim()`, &at))
			if at != w {
				t.Errorf("after %s: %q, want %q", from, at, w)
			}
		}
	}
	at := "http://localhost:" + d.url[len("http://127.0.0.1:"):]
	b.open(at, "")
	b.until(`document.activeElement.name === "login"`)
	walk("input[name=login]", "password", "Sign in", "Use a passkey", "Go on with Example ID")
	b.do(chromedp.EmulateViewport(390, 844))
	b.signInHere("bo")
	b.do(chromedp.WaitVisible(".row"))
	b.open(at, "#/requests/"+q.ID)
	b.until(`document.querySelector(".thumb .approve:enabled") !== null`)
	walk(".head button", "Copy")
	walk(".thumb select", "Comment", "Ask", "Deny", "Approve")
	b.says("Ask")
	b.until(`document.activeElement.tagName === "TEXTAREA"`)
	b.do(chromedp.KeyEvent(kb.Escape))
	b.until(`document.querySelector("dialog") === null`)
	if got := b.number(".thumb .approve"); got != 1 {
		t.Error("escape left the request")
	}
}
