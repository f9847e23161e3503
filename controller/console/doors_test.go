package console_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/browser"
)

// Each page and each sheet, light and dark, on a desk and on a phone, by the rules
// of accessibility that a program can check.
func TestPagesAreAccessible(t *testing.T) {
	d := newDesk(t)
	d.doors.passkeys, d.doors.providers = true, []client.SignInProvider{{ID: "idp_1", Name: "Example ID"}}
	d.doors.totp["bo"] = true
	b := person(t, d)
	check := func(name string) {
		t.Helper()
		for _, scheme := range []string{"light", "dark"} {
			b.Scheme(scheme)
			b.Axe()
			var small []string
			b.Eval(`[...document.querySelectorAll(":is(.card, .mine, .sheet, .thumb, .head) :is(button, input:not([type=checkbox], [type=radio], .unseen), select)")]
				.filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 43.5).map((e) => e.outerHTML.slice(0, 120))`, &small)
			for _, s := range small {
				t.Errorf("%s: lower than 44 px: %s", name, s)
			}
			b.Fits()
		}
	}
	b.Phone()
	b.Go("#/")
	b.Sees("input[name=login]")
	check("sign in")
	b.Login("bo", password)
	b.Sees("input[name=code]")
	check("code of the app")
	b.Type("input[name=code]", "000000")
	b.Reads(".card .note.no", "not right")
	check("wrong code")
	b.Type("input[name=code]", rightCode)
	b.Sees(".live")
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "high", "/usr/bin/systemctl", "restart", "nginx"))
	q.Caution = []client.Caution{{Reason: "unbounded", Fact: "it can do anything"}, {Reason: "asked_before", Fact: "3 times"}}
	q.Questions = []client.Question{{By: client.Person{ID: "usr_mika", Login: "mika"}, At: time.Now(), Text: "which one?"}}
	d.doors.careful[q.ID] = true
	d.doors.devices["7K2Q-M9XD"] = nil
	b.Go("#/b")
	b.Sees("input[name=code]")
	check("code of a request")
	b.Go("#/device?code=7K2Q-M9XD")
	b.Reads(".leaf", "build-7")
	check("device")
	b.Go("#/requests/" + q.ID)
	b.Reads(".request", "No rule matched")
	check("request")
	b.ClickText("button", "Ask")
	check("asking back")
	b.Click(".sheethead button")
	b.ClickText("button", "Deny")
	check("denying")
	b.Click(".sheethead button")
	b.ClickText("button", "Approve")
	b.ClickText("button", "Tap again")
	b.Sees(".stepup input[name=code]")
	check("step-up")
	b.ClickText("button", "Cancel")
	b.Reads(".thumb .note.no", "nothing was changed")
	check("not confirmed")
	d.doors.totp["bo"] = false
	d.doors.keys = []client.Passkey{{ID: "pk_1", Name: "phone", CreatedAt: time.Now()}}
	b.Go("#/me")
	b.ClickText("button", "Set up an app")
	b.Sees(".qr")
	b.Click(".told input[type=checkbox]")
	b.Click(".things .ghost")
	b.ClickText("button", "Add a passkey")
	check("account on a phone")
	b.Size(1440, 900, 1)
	check("account")
}

// Who has tried too often is told for how long there is nothing to try.
func TestSignInTellsHowLongToWait(t *testing.T) {
	d := newDesk(t)
	d.doors.wait = "3"
	b := person(t, d)
	b.Expect("429")
	b.Go("#/")
	b.Login("bo", password)
	b.Reads(".card .note.warn", "You can go on in")
	b.Picture("p-wait-1440")
	b.Until(`document.querySelector("button.primary").disabled`)
	d.doors.wait = ""
	b.Until(`!document.querySelector("button.primary").disabled && document.querySelector(".card .note") === null`)
	b.Click("button.primary")
	b.Sees(".top")
}

// A text in the address is not shown: anybody can write one.
func TestAddressPutsNoWordsIntoThePage(t *testing.T) {
	d := newDesk(t)
	b := person(t, d)
	b.Go("#/sign-in?error=Call+0800+555+to+unlock+your+account")
	b.Reads(".card .note.no", "did not sign you in")
	if s := b.Text("body"); strings.Contains(s, "0800") {
		t.Errorf("the page says %q", s)
	}
	var address string
	b.Eval("location.href", &address)
	if strings.Contains(address, "error") {
		t.Errorf("the failure stays in the address %q", address)
	}
	d.doors.providers = []client.SignInProvider{{ID: "idp_1", Name: "Example ID"}}
	b.Go("#/sign-in?error=Example+ID+did+not+let+you+sign+in.")
	b.Reads(".card .note.no", "Example ID did not let you sign in.")
	b.Go("#/sign-in?error=Nobody+you+know+did+not+let+you+sign+in.")
	b.Reads(".card .note.no", "The provider did not sign you in")
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
	d := newDesk(t)
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "normal", "/usr/bin/systemctl", "restart", "nginx"))
	d.doors.careful[q.ID] = true
	b := person(t, d)
	signIn(b, "bo")
	b.Sees("button.approve")
	b.Type("#comment", "fine")
	b.Click("button.approve")
	b.Sees(".stepup input[name=password]")
	b.Until(`document.activeElement.name === "password"`)
	b.Press("a") // the keys of the queue are off while the dialog is there
	b.ClickText("button", "Cancel")
	b.Reads(".details .note.no", "nothing was changed")
	b.Until(`document.activeElement.matches("button.approve")`) // where one was before
	if got := d.decision(q.ID); got != nil || d.doors.acts != 1 {
		t.Fatalf("left the dialog: %+v after %d approvals", got, d.doors.acts)
	}
	b.Click("button.approve")
	b.Sees(".stepup input[name=password]")
	b.Type(".stepup input[name=password]", "wrong")
	b.ClickText("button", "Confirm")
	b.Reads(".stepup .note.no", "is wrong")
	b.Fill(".stepup input[name=password]", password)
	b.ClickText("button", "Confirm")
	b.Reads(".decided", "Approved by you")
	if got := d.decision(q.ID); got == nil || got.Comment == nil || *got.Comment != "fine" || d.doors.acts != 3 {
		t.Errorf("confirmed: %+v after %d approvals, want 3", got, d.doors.acts)
	}
	if n := b.Number("dialog"); n != 0 {
		t.Error("the dialog is still there")
	}
}

// Somebody answers while the phone shows the request: the phone says who.
func TestPhoneTellsWhoWasFirst(t *testing.T) {
	d := newDesk(t)
	d.undo = 3 * time.Second
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "normal", "/usr/bin/systemctl", "restart", "nginx"))
	other := d.submit(asked("hiro", "ubu-0811", "the printer does not print", time.Minute, "normal", "/usr/bin/systemctl", "restart", "cups"))
	b := person(t, d)
	b.Phone()
	signIn(b, "bo")
	b.Click("#" + q.ID)
	b.Sees(".thumb .approve")
	b.Until(`location.hash.endsWith(` + browser.Quote(q.ID) + `)`)
	d.mu.Lock()
	deaf := d.followers
	d.followers = map[chan string]bool{}
	q.Decision = &client.Decision{Verdict: "denied", By: &client.Person{ID: "usr_mika", Login: "mika"}, At: time.Now(), Comment: ptr("not this week")}
	q.State = "denied"
	d.mu.Unlock()
	b.Expect("409")
	b.ClickText("button", "Approve")
	b.Reads(".thumb .first", "mika was first: denied")
	b.Reads(".thumb .first", "not this week")
	d.mu.Lock()
	d.followers = deaf
	d.mu.Unlock()
	b.ClickText("button", "Next request")
	b.Reads(".wants", "cups")
	b.ClickText("button", "Approve")
	b.Reads(".thumb .undo", "Undo")
	b.Click(".thumb .undo")
	b.Sees(".thumb .approve")
	if got := d.decision(other.ID); got != nil {
		t.Errorf("taken back, but the controller has %+v", got)
	}
	b.Back()
	b.Sees(".list")
	b.Until(`location.hash === "#/"`)
}

// TestOldReadingsDoNotWin: somebody answers while the page is being read. What
// was read before is older than the event, whichever comes first.
func TestOldReadingsDoNotWin(t *testing.T) {
	d := newDesk(t)
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "normal", "/usr/bin/systemctl", "restart", "nginx"))
	b := person(t, d)
	b.Phone()
	signIn(b, "bo")
	b.Sees(".list")
	d.wait(t, func() bool { return len(d.followers) > 0 })
	late := make(chan struct{})
	d.mu.Lock()
	d.late = late
	d.mu.Unlock()
	b.Eval("location.hash = '#/requests/"+q.ID+"'", nil)
	d.wait(t, func() bool { return d.held > 1 }) // the request, and what history knows of it
	d.mu.Lock()
	d.late = nil
	q.State = "denied"
	q.Decision = &client.Decision{Verdict: "denied", By: &client.Person{ID: "usr_mika", Login: "mika"}, At: time.Now(), Comment: ptr("not this week")}
	d.tell("request.denied", q)
	d.mu.Unlock()
	d.wait(t, func() bool { return d.told > 0 }) // the page has dealt with the event
	close(late)
	b.Eval(`fetch("/api/v1/me").then(() => new Promise((done) => setTimeout(done, 200)))`, nil) // what was late has come
	b.Reads(".thumb", "Denied by mika")
	if text := b.Text(".thumb"); !strings.Contains(text, "Denied by mika") {
		t.Errorf("the page says %q", text)
	}
}

// TestWhatWasMissedIsRead: somebody answers between the reading of the page and
// the beginning of its stream, so that no event tells of it.
func TestWhatWasMissedIsRead(t *testing.T) {
	d := newDesk(t)
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "normal", "/usr/bin/systemctl", "restart", "nginx"))
	b := person(t, d)
	b.Phone()
	signIn(b, "bo")
	b.Click("#" + q.ID)
	b.Sees(".thumb .approve")
	d.wait(t, func() bool { return len(d.followers) > 0 })
	d.mu.Lock()
	q.State = "denied"
	q.Decision = &client.Decision{Verdict: "denied", By: &client.Person{ID: "usr_mika", Login: "mika"}, At: time.Now(), Comment: ptr("not this week")}
	d.mu.Unlock()
	d.drop() // the stream begins anew
	b.Reads(".thumb", "Denied by mika")
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
	d := newDesk(t)
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "normal", "/usr/bin/systemctl", "restart", "nginx"))
	d.doors.codes["7K2Q-M9XD"] = q.ID
	b := person(t, d)
	b.Expect("404")
	b.Phone()
	b.Go("#/b/7K2Q-M9XD")
	b.Reads(".card", "7K2Q-M9XD")
	b.Login("bo", password)
	b.Reads(".request .wants", "nginx")
	b.Reads(".bycode", "7K2Q-M9XD")
	b.Until(`location.hash.endsWith(` + browser.Quote(q.ID) + `)`)
	b.Go("#/b")
	b.Type("input[name=code]", "aaaa bbbb")
	b.Reads(".card .note.no", "has this code")
	b.Type("input[name=code]", "7k2q-m9xd")
	b.Reads(".request .wants", "nginx")
}

func TestDevicePage(t *testing.T) {
	d := newDesk(t)
	d.doors.devices["7K2Q-M9XD"], d.doors.devices["AAAA-BBBB"] = nil, nil
	b := person(t, d)
	b.Expect("404")
	b.Go("#/device?code=7K2Q-M9XD")
	b.Reads(".card", "a device that wants to act for you")
	b.Login("bo", password)
	b.Reads(".leaf", "assentctl on build-7")
	b.Reads(".leaf", "192.0.2.44")
	b.Reads(".bigcode", "7K2Q-M9XD")
	b.ClickText("button", "Allow")
	b.Sees(".stepup input[name=password]")
	b.ClickText("button", "Cancel")
	b.Reads(".leaf .note.no", "nothing was changed")
	b.ClickText("button", "Allow")
	b.Sees(".stepup input[name=password]")
	b.Type(".stepup input[name=password]", password)
	b.ClickText("button", "Confirm")
	b.Reads(".leaf", "The device is signed in")
	b.Go("#/device")
	b.Type("input[name=code]", "aaaabbbb")
	b.ClickText("button", "Go on")
	b.Reads(".bigcode", "AAAA-BBBB")
	b.ClickText("button", "Refuse")
	b.Reads(".leaf", "Refused")
	d.mu.Lock()
	yes, no := d.doors.devices["7K2Q-M9XD"], d.doors.devices["AAAA-BBBB"]
	d.mu.Unlock()
	if yes == nil || !*yes || no == nil || *no {
		t.Errorf("allowed %v, refused %v", yes, no)
	}
	b.Go("#/device?code=CCCC-DDDD") // nobody asked with it
	b.Reads(".leaf", "Nothing waits here")
}

// Whose role needs a second factor sees nothing else before they have one.
func TestSecondFactorComesFirst(t *testing.T) {
	d := newDesk(t)
	d.doors.must = true
	d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "normal", "/usr/bin/systemctl", "restart", "nginx"))
	b := person(t, d)
	b.Expect("400")
	b.Go("#/")
	b.Login("bo", password)
	b.Reads(".mine", "One step is missing")
	b.Picture("p-must-1440")
	if n := b.Number(".row, .told"); n != 0 {
		t.Errorf("%d other things are open", n)
	}
	b.ClickText("button", "Set up an app")
	b.Sees(".setup input[name=code]")
	b.Type(".setup input[name=code]", "999999")
	b.Reads(".panel .note.no", "not right")
	b.Type(".setup input[name=code]", rightCode)
	b.Sees(".row")
}

func TestHowIAmTold(t *testing.T) {
	d := newDesk(t)
	b := person(t, d)
	b.Go("#/me")
	b.Login("bo", password)
	b.Sees(".told")
	b.Click(".told input[type=checkbox]")
	b.Type(".told input[type=tel]", "+49 30 123456")
	b.Choose(".hours select", "Mon-Fri")
	b.ClickText("button", "Save")
	b.Reads(".told .note.ok", "Saved.")
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
	d := newDesk(t)
	d.doors.passkeys, d.doors.providers = true, []client.SignInProvider{{ID: "idp_1", Name: "Example ID"}}
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "high", "/usr/bin/systemctl", "restart", "nginx"))
	q.Caution = []client.Caution{{Reason: "unbounded", Fact: "it can do anything"}}
	b := person(t, d)
	measure := func() (sum float64, what string) {
		t.Helper()
		var seen struct {
			Sum  float64
			What string
		}
		b.Eval(`new Promise((done) => {
			let Sum = 0, What = "";
			const box = (r) => [r.x, r.y, r.width, r.height].map(Math.round).join(" ");
			new PerformanceObserver((l) => {
				for (const e of l.getEntries()) {
					if (e.hadRecentInput) continue;
					Sum += e.value;
					for (const s of e.sources) What += "\n" + (s.node?.outerHTML ?? s.node?.textContent ?? "gone").slice(0, 200) + ": " + box(s.previousRect) + " -> " + box(s.currentRect);
				}
			}).observe({ type: "layout-shift", buffered: true });
			setTimeout(() => done({ Sum, What }), 300);
		})`, &seen)
		return seen.Sum, seen.What
	}
	jumps := func(name string) {
		t.Helper()
		if sum, what := measure(); sum > 0.01 {
			t.Errorf("%s moves by %.3f:%s", name, sum, what)
		}
	}
	b.Phone()
	b.Go("#/")
	b.Sees("input[name=login]")
	jumps("signing in")
	b.Login("bo", password)
	b.Sees(".row")
	b.Go("#/requests/" + q.ID)
	b.Reads(".request", "No rule matched")
	jumps("a request")
	d.mu.Lock()
	d.doors.factorsTake, d.doors.signInTakes, d.doors.settingsTake = 200*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond // the rest is there first
	d.mu.Unlock()
	b.Go("#/me")
	b.Sees(".told")
	jumps("one's account")
	b.Eval(`document.querySelector(".mine").prepend(Object.assign(document.createElement("p"), { innerText: "moved\n".repeat(9) }))`, nil)
	if sum, _ := measure(); sum <= 0.01 {
		t.Errorf("what was moved by hand is measured as %.3f", sum)
	}
}

// All parts of one's own page come at once: one that came later between two others
// would be there when a click meant for the next one comes.
func TestAccountComesAtOnce(t *testing.T) {
	d := newDesk(t)
	d.doors.settingsTake = 500 * time.Millisecond
	b := person(t, d)
	b.Go("#/me")
	b.Login("bo", password)
	parts := func() string {
		var s string
		b.Eval(`[...document.querySelectorAll(".mine .panel h2")].map((h) => h.innerText).join(", ")`, &s)
		return s
	}
	b.Sees(".mine .panel")
	first := parts()
	b.Reads(".mine", "How I am told")
	if all := parts(); first != all || !strings.Contains(all, "How I am told, How I work") {
		t.Errorf("first there were %s; then %s", first, all)
	}
}

// A link to what is not there, or not for the reader, says so and leads on.
func TestLinkToNothing(t *testing.T) {
	d := newDesk(t)
	b := person(t, d)
	b.Expect("404")
	b.Phone()
	b.Go("#/requests/req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77")
	b.Login("bo", password)
	b.Reads(".request .note.no", "not for you to see")
	b.ClickText("button", "To the queue")
	b.Reads(".list", "Nothing is waiting")
}

// The pages can be walked through with the tab key, in the order in which they
// are read.
func TestOrderOfKeys(t *testing.T) {
	d := newDesk(t)
	d.doors.passkeys, d.doors.providers = true, []client.SignInProvider{{ID: "idp_1", Name: "Example ID"}}
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "high", "/usr/bin/systemctl", "restart", "nginx"))
	b := person(t, d)
	walk := func(from string, want ...string) {
		t.Helper()
		b.Until(`(() => { const e = document.querySelector(` + browser.Quote(from) + `); e?.focus(); return e !== null && document.activeElement === e; })()`)
		for _, w := range want {
			b.Key("Tab")
			var at string
			b.Eval(`document.activeElement.name || document.activeElement.ariaLabel || document.activeElement.innerText.trim()`, &at)
			if at != w {
				t.Errorf("after %s: %q, want %q", from, at, w)
			}
		}
	}
	b.Go("#/")
	b.Until(`document.activeElement.name === "login"`)
	walk("input[name=login]", "password", "Sign in", "Use a passkey", "Go on with Example ID")
	b.Phone()
	b.Login("bo", password)
	b.Sees(".row")
	b.Go("#/requests/" + q.ID)
	b.Until(`document.querySelector(".thumb .approve:enabled") !== null`)
	walk(".head button", "Private note", "Copy")
	walk(".thumb select", "Comment", "Ask", "Deny", "Approve")
	b.ClickText("button", "Ask")
	b.Until(`document.activeElement.tagName === "TEXTAREA"`)
	b.Key("Escape")
	b.Until(`document.querySelector("dialog") === null`)
	if got := b.Number(".thumb .approve"); got != 1 {
		t.Error("escape left the request")
	}
}
