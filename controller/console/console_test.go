package console_test

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/console"
	"github.com/assent-epm/assent/e2e/browser"
)

func TestHandler(t *testing.T) {
	tests := []struct {
		name, method, path string
		status             int
	}{
		{"page", "GET", "/", 200},
		{"other page", "GET", "/requests", 404},
		{"folder", "GET", "/assets/", 404},
		{"folder without slash", "GET", "/assets", 404},
		{"missing file", "GET", "/assets/none.js", 404},
		{"climbing", "GET", "/assets/../../console.go", 404},
		{"kept file", "GET", "/.gitkeep", 404},
		{"index by name", "GET", "/index.html", 404},
		{"post", "POST", "/", 405},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(tt.method, "http://localhost/", nil)
			r.URL.Path = tt.path
			console.Handler().ServeHTTP(w, r)
			want := tt.status
			if !console.Built() {
				want = http.StatusServiceUnavailable
			}
			if w.Code != want {
				t.Errorf("got %d, want %d", w.Code, want)
			}
			if got := w.Header().Get("Content-Security-Policy"); got != console.Policy {
				t.Errorf("policy %q", got)
			}
			if w.Code >= 400 && strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
				t.Error("a failure may be kept for ever")
			}
		})
	}
}

// A file comes as small as the browser takes it, and is the same file.
func TestCompressed(t *testing.T) {
	browser.Need(t)
	get := func(path, accept string) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "http://localhost"+path, nil)
		r.Header.Set("Accept-Encoding", accept)
		console.Handler().ServeHTTP(w, r)
		if w.Code != 200 {
			t.Fatalf("%s: %d", path, w.Code)
		}
		return w
	}
	script := regexp.MustCompile(`/assets/app-[^"]+\.js`).FindString(get("/", "").Body.String())
	for _, path := range []string{"/", script} {
		plain := get(path, "identity")
		for accept, want := range map[string]string{"gzip, deflate, br, zstd": "br", "gzip": "gzip", "br;q=0, gzip;q=0.5": "gzip", "br;q=0": "", "GZIP": "gzip", "brotli": ""} {
			w := get(path, accept)
			if got := w.Header().Get("Content-Encoding"); got != want || w.Header().Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s for %q: encoding %q, want %q; varies by %q", path, accept, got, want, w.Header().Get("Vary"))
			}
			if w.Header().Get("Content-Type") != plain.Header().Get("Content-Type") || w.Header().Get("Cache-Control") != plain.Header().Get("Cache-Control") {
				t.Errorf("%s for %q: %v, plain %v", path, accept, w.Header(), plain.Header())
			}
			var body io.Reader = w.Body
			switch want {
			case "br":
				body = brotli.NewReader(w.Body)
			case "gzip":
				z, err := gzip.NewReader(w.Body)
				if err != nil {
					t.Fatal(err)
				}
				body = z
			}
			if got, err := io.ReadAll(body); err != nil || string(got) != plain.Body.String() {
				t.Errorf("%s for %q is another text (%v)", path, accept, err)
			}
		}
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "http://localhost"+script+".br", nil)
	if console.Handler().ServeHTTP(w, r); w.Code != 404 {
		t.Errorf("a compressed form has an address: %d", w.Code)
	}
}

// Markup is never parsed and nothing is run from text: none of the ways to do
// so is in the source. A style is set as an object, so never from a text.
func TestSourceHasNoWayToRunText(t *testing.T) {
	ways := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|javascript:|style=([^{]|\{[^{])|setAttribute\("(style|on)|cssText|@ts-ignore|: any\b`)
	files := 0
	err := filepath.WalkDir("src", func(name string, f fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".ts") && !strings.HasSuffix(name, ".tsx") {
			return err
		}
		files++
		raw, err := os.ReadFile(name)
		for _, bad := range ways.FindAllString(string(raw), -1) {
			t.Errorf("%s has %q", name, bad)
		}
		return err
	})
	if err != nil || files < 10 {
		t.Errorf("%d files were looked at: %v", files, err)
	}
}

func TestSignInSeeAndApprove(t *testing.T) {
	d := newDesk(t)
	b := person(t, d)
	b.Go("#/")
	b.Sees("input[name=login]")
	b.Type("input[name=login]", "bo")
	b.Type("input[name=password]", "wrong")
	b.Click("button.primary")
	b.Sees(".card .note.no")
	b.Reads(".card .note.no", "Login or password is wrong.")
	signIn(b, "bo")
	b.Reads(".list", "Nothing is waiting")

	q := d.submit(asked("dina", "ubu-0810", "restart after the update, INC-4821", 3*time.Second, "normal", "/usr/bin/systemctl", "restart", "nginx"))
	b.Reads(".row", "systemctl")
	b.Reads(".row", "restart after the update")
	b.Reads(".details", "/usr/bin/systemctl")
	b.Reads(".details", "No rule matched")
	if got := b.Number(".args li"); got != 2 {
		t.Errorf("%d arguments shown, want 2", got)
	}
	b.Type("#comment", "ok for today, see a b")
	b.Choose(".for select", "300")
	b.Click("button.approve")
	b.Reads(".decided", "Approved by you")
	b.Reads(".decided", "ok for today, see a b")
	got := d.decision(q.ID)
	if got == nil || got.Verdict != "approved" || got.By.Login != "bo" || *got.Comment != "ok for today, see a b" {
		t.Fatalf("the controller has %+v", got)
	}
	b.Press("z")
	b.Until(`document.querySelector("button.approve") !== null`)
	if got := d.decision(q.ID); got != nil {
		t.Fatalf("undone, but the controller has %+v", got)
	}
}

func TestKeys(t *testing.T) {
	d := newDesk(t)
	first := d.submit(asked("dina", "ubu-0810", "packages are out of date", 9*time.Minute, "normal", "/usr/bin/apt", "update"))
	second := d.submit(asked("hiro", "ubu-0811", "the printer does not print", 4*time.Minute, "normal", "/usr/bin/systemctl", "restart", "cups"))
	third := d.submit(asked("eve", "ubu-0812", "a shell, please", 2*time.Minute, "normal", "/usr/bin/bash"))
	third.Caution = []client.Caution{{Reason: "unbounded", Fact: "bash can run anything"}}
	b := person(t, d)
	signIn(b, "bo")
	chosen := func(id string) string {
		return `document.querySelector(".row[aria-selected=true]")?.id === ` + browser.Quote(id)
	}
	b.Until(chosen(first.ID))
	b.Press("j")
	b.Until(chosen(second.ID))
	b.Press("j")
	b.Until(chosen(third.ID))
	b.Press("a")
	b.Reads(".approve", "Press A again")
	if d.decision(third.ID) != nil {
		t.Fatal("a root shell was approved by one key")
	}
	b.Press("k")
	b.Until(chosen(second.ID))
	b.Press("d")
	b.Until(`document.activeElement?.id === "comment"`)
	b.Type("#comment", "ask IT to look at it")
	b.Key("Control+Enter")
	b.Reads(".decided", "Denied by you")
	if got := d.decision(second.ID); got == nil || got.Verdict != "denied" || *got.Comment != "ask IT to look at it" {
		t.Fatalf("the controller has %+v, %q", got, *got.Comment)
	}
	b.Press("k")
	b.Until(chosen(first.ID))
	b.Press("a")
	b.Reads(".decided", "Approved by you")
	if got := d.decision(first.ID); got == nil || got.Verdict != "approved" {
		t.Fatalf("the controller has %+v", got)
	}
}

// What arrives above the chosen row while somebody works waits behind a bar, so
// that no row moves under a hand.
func TestNewRowsDoNotMoveTheList(t *testing.T) {
	d := newDesk(t)
	d.submit(asked("dina", "ubu-0810", "packages are out of date", 9*time.Minute, "normal", "/usr/bin/apt", "update"))
	second := d.submit(asked("hiro", "ubu-0811", "the printer does not print", 4*time.Minute, "normal", "/usr/bin/systemctl", "restart", "cups"))
	b := person(t, d)
	signIn(b, "bo")
	b.Sees("#" + second.ID)
	b.Press("j")
	urgent := d.submit(asked("eve", "ubu-0812", "mail is down", time.Second, "urgent", "/usr/bin/systemctl", "restart", "postfix"))
	b.Reads(".bar", "1 new above")
	if n := b.Number("#" + urgent.ID); n != 0 {
		t.Error("the new row moved the list under the keys")
	}
	b.Press(".")
	b.Until(`document.querySelector(".row").id === ` + browser.Quote(urgent.ID))
	b.Until(`document.querySelector(".row[aria-selected=true]").id === ` + browser.Quote(second.ID))
}

// Several tabs share one connection; when the one that leads is gone, another
// goes on. Signing out in one signs out all.
func TestTabsShareOneConnection(t *testing.T) {
	d := newDesk(t)
	first := person(t, d)
	signIn(first, "bo")
	second := first.Another()
	second.Go("#/")
	second.Sees(".empty")
	one := d.submit(asked("dina", "ubu-0810", "packages are out of date", time.Minute, "normal", "/usr/bin/apt", "update"))
	first.Sees("#" + one.ID)
	second.Sees("#" + one.ID)
	if n := d.following(); n != 1 {
		t.Errorf("two tabs have %d connections", n)
	}
	first.Go("about:blank")
	second.Sees(".live:not(.lost)")
	third := first
	third.Go("#/")
	third.Sees("#" + one.ID)
	two := d.submit(asked("hiro", "ubu-0811", "the printer does not print", time.Second, "normal", "/usr/bin/systemctl", "restart", "cups"))
	second.Sees("#" + two.ID)
	third.Sees("#" + two.ID)
	third.Click(".me button")
	third.Click(".menu button:last-child")
	third.Sees(".card")
	second.Sees(".card")
}

// Tabs share the session: when somebody else signs in in one, the others do not
// go on under the name that they show, nor pass on what that person hears.
func TestAnotherPersonInAnotherTab(t *testing.T) {
	d := newDesk(t)
	first := person(t, d)
	signIn(first, "bo")
	second := first.Another()
	second.Go("#/")
	second.Sees(".empty")
	var ok bool
	second.Eval(`fetch("/api/v1/sessions", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({login: "mika", password: `+browser.Quote(password)+`})}).then((r) => r.ok)`, &ok)
	if !ok {
		t.Fatal("mika did not sign in")
	}
	second.Go("about:blank")
	second.Go("#/")
	second.Sees(".empty")
	first.Sees(".card")
	second.Sees(".empty")
}

// The rules of accessibility that a program can check.
func TestAccessible(t *testing.T) {
	d := newDesk(t)
	b := person(t, d)
	b.Go("#/")
	b.Sees("input[name=login]")
	b.Axe()
	signIn(b, "bo")
	b.Reads(".list", "Nothing is waiting")
	b.Axe()
	fill(d)
	b.Until(`document.querySelectorAll(".row").length >= 12`)
	b.Reads(".details", "No rule matched")
	for _, scheme := range []string{"light", "dark"} {
		b.Scheme(scheme)
		b.Axe()
	}
	b.Click("button.approve")
	b.Sees(".decided")
	b.Axe()
}

func TestPageOfOneAndRevoke(t *testing.T) {
	d := newDesk(t)
	q := asked("dina", "ubu-0810", "restart after the update", time.Minute, "normal", "/usr/bin/systemctl", "restart", "nginx")
	q.State, q.Delivery = "active", "delivered"
	q.Decision = &client.Decision{Verdict: "approved", By: &client.Person{ID: "usr_mika", Login: "mika"}, At: time.Now()}
	d.submit(q)
	b := person(t, d)
	signIn(b, "bo")
	b.Reads(".list", "Nothing is waiting")
	b.Go("#/all/" + q.ID)
	b.Reads(".decided", "Approved by mika")
	b.Reads(".decided", "It runs now.")
	b.Click(".standing > .quiet")
	b.Click(".confirm .danger")
	b.Reads(".decided", "has not confirmed it yet")
	b.Reads("h1", "Revoked")
}

// A new installation is told what it lacks.
func TestFirstSteps(t *testing.T) {
	d := newDesk(t)
	d.admin = true
	b := person(t, d)
	b.Scheme("light")
	signIn(b, "bo")
	b.Reads(".tip", "only one who can answer")
	b.Reads(".first-steps", "assentctl enroll-token add")
	b.Picture("first-1440-light")
	b.Phone()
	b.Scheme("dark")
	b.Picture("first-390-dark")
	b.Click(".tip button")
	b.Reads(".dialog, dialog", "Add a person")
	b.Until(`[...document.querySelectorAll("dialog input:checked, .dialog input:checked")].some((i) => i.closest("label").innerText.includes("Approver"))`)
}

// Two people answer the same request: the second learns who was first.
func TestSecondLearnsWhoWasFirst(t *testing.T) {
	d := newDesk(t)
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "high", "/usr/bin/systemctl", "restart", "nginx"))
	bo, mika := person(t, d), person(t, d)
	signIn(bo, "bo")
	signIn(mika, "mika")
	mika.Sees("button.approve")
	// mika's page hears nothing of bo's answer before mika answers too
	d.mu.Lock()
	deaf := d.followers
	d.followers = map[chan string]bool{}
	d.mu.Unlock()
	bo.Sees("button.approve")
	bo.Type("#comment", "go ahead")
	bo.Click("button.approve")
	bo.Reads(".decided", "Approved by you")
	mika.Expect("409")
	mika.Click("button.deny")
	mika.Reads(".first", "bo was first: approved")
	mika.Reads(".first", "go ahead")
	if got := d.decision(q.ID); got.Verdict != "approved" || got.By.Login != "bo" {
		t.Errorf("the controller has %+v", got)
	}
	d.mu.Lock()
	d.followers = deaf
	d.mu.Unlock()
	mika.Picture("conflict-1440-light")
}

// Text from endpoints and people is shown as text, and what can not be seen is
// made visible.
func TestHostileTextIsInert(t *testing.T) {
	d := newDesk(t)
	hostile := "<img src=x onerror=alert(1)><script>window.hit=1</script>"
	q := asked("<b>root</b>\u202Eanid", "host\u200B\"><svg onload=alert(1)>", hostile+"\u202E gnp.exe \x1b[31m\nsecond line", time.Minute, "normal",
		"/tmp/\u2066x\u2069/<script>window.hit=1</script>", "--flag=\u202Etxt.exe", "", "two words", "{{7*7}}${7*7}", strings.Repeat("z\u0301\u0302\u0303\u0304", 3), "javascript:alert(1)", strings.Repeat("long ", 2000), "/opt/a\uFE0Fpp\u034F")
	q.Caution = []client.Caution{{Reason: "<i>user_writable</i>", Fact: "the folder /tmp is writable by \u202Eeveryone"}}
	q.Endpoint.Labels["<u>k</u>"] = "\u0000"
	d.submit(q)
	b := person(t, d)
	signIn(b, "bo")
	b.Reads(".details blockquote", "<img src=x onerror=alert(1)>")
	b.Reads(".details blockquote", "RLO")
	b.Reads(".details blockquote", "ESC")
	b.Reads(".details h1", "<script>")
	b.Reads(".args", "empty")
	b.Reads(".args", "4 marks")
	b.Reads(".row", "<b>root</b>")
	b.Reads(".details", "9000 more characters")
	if n := b.Number("#app img, #app script, #app b.root, #app u, #app i:not(.live i), #app svg[onload], #app a:not([href^=\"#/\"])"); n != 0 {
		t.Errorf("%d elements were made of text", n)
	}
	var hit bool
	var raw string
	b.Eval(`window.hit === 1`, &hit)
	b.Eval(`document.body.innerText + document.title`, &raw)
	if hit {
		t.Error("a script in a request ran")
	}
	for _, r := range []rune{'\u202E', '\u2066', '\u2069', '\u200B', '\uFE0F', '\u034F', '\x1b', 0} {
		if strings.ContainsRune(raw, r) {
			t.Errorf("%U reached the page as it is", r)
		}
	}
	var wide bool
	b.Eval(`document.documentElement.scrollWidth > innerWidth || document.querySelector(".details").scrollWidth > document.querySelector(".details").clientWidth`, &wide)
	if wide {
		t.Error("the text makes the page wider than the screen")
	}
	b.Picture("hostile-1440-light")
	b.Phone()
	b.Scheme("dark")
	b.Click(".row")
	b.Picture("hostile-390-dark")
}

// The policy is not only sent, the browser obeys it: what the page may not do
// is refused and logged.
func TestPolicyIsInForce(t *testing.T) {
	d := newDesk(t)
	b := person(t, d)
	signIn(b, "bo")
	b.Expect("Content Security Policy")
	b.Expect("Refused")
	b.Expect("violates")
	b.Expect("requires 'Trusted")
	var got string
	b.Eval(`(() => { try { const e = document.createElement("div"); e.innerHTML = "<b>x</b>"; return "markup was parsed"; } catch (e) { return e.name; } })()`, &got)
	if got != "TypeError" {
		t.Errorf("innerHTML: %s", got)
	}
	b.Eval(`new Promise((done) => {
		document.addEventListener("securitypolicyviolation", (e) => done(e.violatedDirective), { once: true });
		const s = document.createElement("img"); s.src = "https://example.org/x.png"; document.body.append(s);
		setTimeout(() => done("nothing"), 5000); })`, &got)
	if got != "img-src" {
		t.Errorf("a foreign picture: violated %q, want img-src", got)
	}
}

func TestLostConnection(t *testing.T) {
	d := newDesk(t)
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "normal", "/usr/bin/systemctl", "restart", "nginx"))
	b := person(t, d)
	signIn(b, "bo")
	b.Sees("button.approve")
	b.Expect("ERR_")
	d.mu.Lock()
	d.lost[q.ID] = true
	d.mu.Unlock()
	b.Click("button.approve")
	b.Reads(".details .note.no", "It is not known whether your answer arrived")
	back := d.away(t)
	b.Reads(".offline", "Not live since")
	b.Until(`document.querySelector("button.approve").disabled`)
	b.Picture("offline-1440-light")
	back()
	d.mu.Lock()
	d.lost = map[string]bool{}
	d.mu.Unlock()
	b.Eval(`document.querySelector(".offline button")?.click()`, nil)
	b.Until(`document.querySelector(".offline") === null && !document.querySelector("button.approve").disabled`)
	b.Click("button.approve")
	b.Reads(".decided", "Approved by you")
}

func TestSignedOut(t *testing.T) {
	d := newDesk(t)
	d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "normal", "/usr/bin/systemctl", "restart", "nginx"))
	b := person(t, d)
	signIn(b, "bo")
	b.Sees("button.approve")
	d.mu.Lock()
	clear(d.sessions)
	d.mu.Unlock()
	b.Click("button.approve")
	b.Sees(".card .note.warn")
	b.Reads(".card", "You were signed out")
	if n := b.Number(".row"); n != 0 {
		t.Errorf("%d requests are still on the screen", n)
	}
}

func TestOneTimeLink(t *testing.T) {
	d := newDesk(t)
	b := person(t, d)
	b.Go("#/sign-in?link=link-for-mika")
	b.Sees(".top")
	b.Reads(".me", "mika")
	var address string
	b.Eval("location.href", &address)
	if strings.Contains(address, "link") {
		t.Errorf("the link is still in the address %q", address)
	}
}
