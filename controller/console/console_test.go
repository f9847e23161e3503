package console_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/console"
	"github.com/assent-epm/assent/e2e/testgroup"
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

// The page reads the objects by name: the names must be those of the REST types.
func TestTypesAgree(t *testing.T) {
	raw, err := os.ReadFile("src/types.ts")
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]map[string]bool{}
	for _, m := range regexp.MustCompile(`(?s)export interface (\w+) \{\n(.*?)\n\}`).FindAllStringSubmatch(string(raw), -1) {
		fields[m[1]] = map[string]bool{}
		for _, f := range regexp.MustCompile(`(?m)^  (\w+)\??:`).FindAllStringSubmatch(m[2], -1) {
			fields[m[1]][f[1]] = true
		}
	}
	for _, v := range []any{client.Request{}, client.RequestUser{}, client.Person{}, client.EndpointRef{}, client.Target{}, client.Subject{},
		client.Publisher{}, client.Priority{}, client.Window{}, client.Granted{}, client.Approvals{}, client.Stage{}, client.Review{},
		client.Question{}, client.Claim{}, client.Note{}, client.Escalation{}, client.Nudges{}, client.AfterReview{}, client.Decision{}, client.Grant{}, client.Caution{}, client.Queue{}, client.TimelineItem{}, client.Explanation{},
		client.TraceLine{}, client.Me{}, client.HeadStarts{}, client.SignInPage{}, client.SignInProvider{}, client.Ceremony{}, client.PasskeyAnswer{}, client.Factors{},
		client.Passkey{}, client.TOTPSecret{}, client.CannedTexts{}, client.MySettings{}, client.MyNotify{}, client.MyView{}, client.DeviceAsked{}} {
		typ := reflect.TypeOf(v)
		known := fields[typ.Name()]
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if name == "" {
				continue
			}
			if !known[name] {
				t.Errorf("src/types.ts: %s lacks %s", typ.Name(), name)
			}
			delete(known, name)
		}
		for name := range known {
			t.Errorf("src/types.ts: %s has %s, which the REST object has not", typ.Name(), name)
		}
	}
}

// Markup is never parsed and nothing is run from text: none of the ways to do
// so is in the source.
func TestSourceHasNoWayToRunText(t *testing.T) {
	files, err := os.ReadDir("src")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".ts") && !strings.HasSuffix(f.Name(), ".tsx") {
			continue
		}
		raw, err := os.ReadFile("src/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "javascript:", "style=", "@ts-ignore", ": any"} {
			if strings.Contains(string(raw), bad) {
				t.Errorf("src/%s has %q", f.Name(), bad)
			}
		}
	}
}

func TestSignInSeeAndApprove(t *testing.T) {
	ready(t)
	d := newDesk(t)
	b := person(t)
	b.expect("401")
	b.do(chromedp.Navigate(d.url), chromedp.WaitVisible("input[name=login]"), chromedp.SendKeys("input[name=login]", "bo"),
		chromedp.SendKeys("input[name=password]", "wrong"), chromedp.Click("button.primary"), chromedp.WaitVisible(".card .note.no"))
	b.reads(".card .note.no", "Login or password is wrong.")
	b.signIn(d.url, "bo")
	b.reads(".list", "Nothing is waiting")

	q := d.submit(asked("dina", "ubu-0810", "restart after the update, INC-4821", 3*time.Second, "normal", "/usr/bin/systemctl", "restart", "nginx"))
	b.reads(".row", "systemctl")
	b.reads(".row", "restart after the update")
	b.reads(".details", "/usr/bin/systemctl")
	b.reads(".details", "No rule matched")
	if got := b.number(".args li"); got != 2 {
		t.Errorf("%d arguments shown, want 2", got)
	}
	b.do(chromedp.SendKeys("#comment", "ok for today, see a b"), chromedp.SetValue(".for select", "300"), chromedp.Click("button.approve"))
	b.reads(".decided", "Approved by you")
	b.reads(".decided", "ok for today, see a b")
	got := d.decision(q.ID)
	if got == nil || got.Verdict != "approved" || got.By.Login != "bo" || *got.Comment != "ok for today, see a b" {
		t.Fatalf("the controller has %+v", got)
	}
	b.key("z")
	b.until(`document.querySelector("button.approve") !== null`)
	if got := d.decision(q.ID); got != nil {
		t.Fatalf("undone, but the controller has %+v", got)
	}
}

func TestKeys(t *testing.T) {
	ready(t)
	d := newDesk(t)
	first := d.submit(asked("dina", "ubu-0810", "packages are out of date", 9*time.Minute, "normal", "/usr/bin/apt", "update"))
	second := d.submit(asked("hiro", "ubu-0811", "the printer does not print", 4*time.Minute, "normal", "/usr/bin/systemctl", "restart", "cups"))
	third := d.submit(asked("eve", "ubu-0812", "a shell, please", 2*time.Minute, "normal", "/usr/bin/bash"))
	third.Caution = []client.Caution{{Reason: "unbounded", Fact: "bash can run anything"}}
	b := person(t)
	b.signIn(d.url, "bo")
	chosen := func(id string) string {
		return `document.querySelector(".row[aria-selected=true]")?.id === ` + quote(id)
	}
	b.until(chosen(first.ID))
	b.key("j")
	b.until(chosen(second.ID))
	b.key("j")
	b.until(chosen(third.ID))
	b.key("a")
	b.reads(".approve", "Press A again")
	if d.decision(third.ID) != nil {
		t.Fatal("a root shell was approved by one key")
	}
	b.key("k")
	b.until(chosen(second.ID))
	b.key("d")
	b.until(`document.activeElement?.id === "comment"`)
	b.do(chromedp.SendKeys("#comment", "ask IT to look at it"), chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(2)))
	b.reads(".decided", "Denied by you")
	if got := d.decision(second.ID); got == nil || got.Verdict != "denied" || *got.Comment != "ask IT to look at it" {
		t.Fatalf("the controller has %+v, %q", got, *got.Comment)
	}
	b.key("k")
	b.until(chosen(first.ID))
	b.key("a")
	b.reads(".decided", "Approved by you")
	if got := d.decision(first.ID); got == nil || got.Verdict != "approved" {
		t.Fatalf("the controller has %+v", got)
	}
}

// What arrives above the chosen row while somebody works waits behind a bar, so
// that no row moves under a hand.
func TestNewRowsDoNotMoveTheList(t *testing.T) {
	ready(t)
	d := newDesk(t)
	d.submit(asked("dina", "ubu-0810", "packages are out of date", 9*time.Minute, "normal", "/usr/bin/apt", "update"))
	second := d.submit(asked("hiro", "ubu-0811", "the printer does not print", 4*time.Minute, "normal", "/usr/bin/systemctl", "restart", "cups"))
	b := person(t)
	b.signIn(d.url, "bo")
	b.do(chromedp.WaitVisible("#" + second.ID))
	b.key("j")
	urgent := d.submit(asked("eve", "ubu-0812", "mail is down", time.Second, "urgent", "/usr/bin/systemctl", "restart", "postfix"))
	b.reads(".bar", "1 new above")
	if n := b.number("#" + urgent.ID); n != 0 {
		t.Error("the new row moved the list under the keys")
	}
	b.key(".")
	b.until(`document.querySelector(".row").id === ` + quote(urgent.ID))
	b.until(`document.querySelector(".row[aria-selected=true]").id === ` + quote(second.ID))
}

// Several tabs share one connection; when the one that leads is gone, another
// goes on. Signing out in one signs out all.
func TestTabsShareOneConnection(t *testing.T) {
	ready(t)
	d := newDesk(t)
	first := person(t)
	first.signIn(d.url, "bo")
	second := first.another()
	second.expect("403")
	second.do(chromedp.Navigate(d.url), chromedp.WaitVisible(".empty"))
	one := d.submit(asked("dina", "ubu-0810", "packages are out of date", time.Minute, "normal", "/usr/bin/apt", "update"))
	first.do(chromedp.WaitVisible("#" + one.ID))
	second.do(chromedp.WaitVisible("#" + one.ID))
	if n := d.following(); n != 1 {
		t.Errorf("two tabs have %d connections", n)
	}
	first.do(chromedp.Navigate("about:blank"))
	second.do(chromedp.WaitVisible(".live:not(.lost)"))
	third := first
	third.do(chromedp.Navigate(d.url), chromedp.WaitVisible("#"+one.ID))
	two := d.submit(asked("hiro", "ubu-0811", "the printer does not print", time.Second, "normal", "/usr/bin/systemctl", "restart", "cups"))
	second.do(chromedp.WaitVisible("#" + two.ID))
	third.do(chromedp.WaitVisible("#" + two.ID))
	second.expect("401")
	third.do(chromedp.Click(".me button"), chromedp.Click(".menu button:last-child"), chromedp.WaitVisible(".card"))
	second.do(chromedp.WaitVisible(".card"))
}

// The rules of accessibility that a program can check.
func TestAccessible(t *testing.T) {
	ready(t)
	axe, err := os.ReadFile(filepath.Join("node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Skipf("%snpm: the checker is not installed; run make console", testgroup.Mark)
	}
	d := newDesk(t)
	b := person(t)
	b.expect("401")
	check := func(name string) {
		t.Helper()
		var found []string
		b.do(chromedp.Evaluate(string(axe)+";0", nil), chromedp.Evaluate(`axe.run().then((r) =>
			r.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html.slice(0, 150)).join(" | ")))`, &found, awaited))
		for _, f := range found {
			t.Errorf("%s: %s", name, f)
		}
	}
	b.do(chromedp.Navigate(d.url), chromedp.WaitVisible("input[name=login]"))
	check("sign in")
	b.signIn(d.url, "bo")
	b.reads(".list", "Nothing is waiting")
	check("empty")
	fill(d)
	b.until(`document.querySelectorAll(".row").length >= 12`)
	b.reads(".details", "No rule matched")
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		check("queue " + scheme)
	}
	b.do(chromedp.Click("button.approve"), chromedp.WaitVisible(".decided"))
	check("decided")
}

func TestRecentAndRevoke(t *testing.T) {
	ready(t)
	d := newDesk(t)
	q := asked("dina", "ubu-0810", "restart after the update", time.Minute, "normal", "/usr/bin/systemctl", "restart", "nginx")
	q.State, q.Delivery = "active", "delivered"
	q.Decision = &client.Decision{Verdict: "approved", By: &client.Person{ID: "usr_mika", Login: "mika"}, At: time.Now()}
	d.submit(q)
	b := person(t)
	b.signIn(d.url, "bo")
	b.reads(".list", "Nothing is waiting")
	b.do(chromedp.Click(".tab:nth-child(2)"))
	b.reads(".decided", "Approved by mika")
	b.reads(".decided", "It runs now.")
	b.do(chromedp.Click(".standing > .quiet"), chromedp.Click(".confirm .danger"))
	b.reads(".decided", "has not confirmed it yet")
	b.reads(".row", "Revoked")
}

// A new installation is told what it lacks.
func TestFirstSteps(t *testing.T) {
	ready(t)
	d := newDesk(t)
	d.admin = true
	b := person(t)
	b.scheme("light")
	b.signIn(d.url, "bo")
	b.reads(".tip", "only one who can answer")
	b.reads(".first-steps", "assentctl enroll-token add")
	b.picture("first-1440-light")
	b.do(chromedp.EmulateViewport(390, 844))
	b.scheme("dark")
	b.picture("first-390-dark")
}

// Two people answer the same request: the second learns who was first.
func TestSecondLearnsWhoWasFirst(t *testing.T) {
	ready(t)
	d := newDesk(t)
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "high", "/usr/bin/systemctl", "restart", "nginx"))
	bo, mika := person(t), person(t)
	bo.signIn(d.url, "bo")
	mika.signIn(d.url, "mika")
	mika.do(chromedp.WaitVisible("button.approve"))
	// mika's page hears nothing of bo's answer before mika answers too
	d.mu.Lock()
	deaf := d.followers
	d.followers = map[chan string]bool{}
	d.mu.Unlock()
	bo.do(chromedp.WaitVisible("button.approve"), chromedp.SendKeys("#comment", "go ahead"), chromedp.Click("button.approve"))
	bo.reads(".decided", "Approved by you")
	mika.expect("409")
	mika.do(chromedp.Click("button.deny"))
	mika.reads(".first", "bo was first: approved")
	mika.reads(".first", "go ahead")
	if got := d.decision(q.ID); got.Verdict != "approved" || got.By.Login != "bo" {
		t.Errorf("the controller has %+v", got)
	}
	d.mu.Lock()
	d.followers = deaf
	d.mu.Unlock()
	mika.picture("conflict-1440-light")
}

// Text from endpoints and people is shown as text, and what can not be seen is
// made visible.
func TestHostileTextIsInert(t *testing.T) {
	ready(t)
	d := newDesk(t)
	hostile := "<img src=x onerror=alert(1)><script>window.hit=1</script>"
	q := asked("<b>root</b>\u202Eanid", "host\u200B\"><svg onload=alert(1)>", hostile+"\u202E gnp.exe \x1b[31m\nsecond line", time.Minute, "normal",
		"/tmp/\u2066x\u2069/<script>window.hit=1</script>", "--flag=\u202Etxt.exe", "", "two words", "{{7*7}}${7*7}", strings.Repeat("z\u0301\u0302\u0303\u0304", 3), "javascript:alert(1)", strings.Repeat("long ", 2000))
	q.Caution = []client.Caution{{Reason: "<i>user_writable</i>", Fact: "the folder /tmp is writable by \u202Eeveryone"}}
	q.Endpoint.Labels["<u>k</u>"] = "\u0000"
	d.submit(q)
	b := person(t)
	b.signIn(d.url, "bo")
	b.reads(".details blockquote", "<img src=x onerror=alert(1)>")
	b.reads(".details blockquote", "RLO")
	b.reads(".details blockquote", "ESC")
	b.reads(".details h1", "<script>")
	b.reads(".args", "empty")
	b.reads(".args", "4 marks")
	b.reads(".row", "<b>root</b>")
	b.reads(".details", "9000 more characters")
	if n := b.number("#app img, #app script, #app b.root, #app u, #app i:not(.live i), #app svg[onload], #app a"); n != 0 {
		t.Errorf("%d elements were made of text", n)
	}
	var hit bool
	var raw string
	b.do(chromedp.Evaluate(`window.hit === 1`, &hit), chromedp.Evaluate(`document.body.innerText + document.title`, &raw))
	if hit {
		t.Error("a script in a request ran")
	}
	for _, r := range []rune{'\u202E', '\u2066', '\u2069', '\u200B', '\x1b', 0} {
		if strings.ContainsRune(raw, r) {
			t.Errorf("%U reached the page as it is", r)
		}
	}
	var wide bool
	b.do(chromedp.Evaluate(`document.documentElement.scrollWidth > innerWidth || document.querySelector(".details").scrollWidth > document.querySelector(".details").clientWidth`, &wide))
	if wide {
		t.Error("the text makes the page wider than the screen")
	}
	b.picture("hostile-1440-light")
	b.do(chromedp.EmulateViewport(390, 844))
	b.scheme("dark")
	b.do(chromedp.Click(".row"))
	b.picture("hostile-390-dark")
}

// The policy is not only sent, the browser obeys it: what the page may not do
// is refused and logged.
func TestPolicyIsInForce(t *testing.T) {
	ready(t)
	d := newDesk(t)
	b := person(t)
	b.signIn(d.url, "bo")
	b.expect("Content Security Policy")
	b.expect("Refused")
	b.expect("violates")
	b.expect("requires 'Trusted")
	var got string
	b.do(chromedp.Evaluate(`(() => { try { const e = document.createElement("div"); e.innerHTML = "<b>x</b>"; return "markup was parsed"; } catch (e) { return e.name; } })()`, &got))
	if got != "TypeError" {
		t.Errorf("innerHTML: %s", got)
	}
	b.do(chromedp.Evaluate(`new Promise((done) => {
		document.addEventListener("securitypolicyviolation", (e) => done(e.violatedDirective), { once: true });
		const s = document.createElement("img"); s.src = "https://example.org/x.png"; document.body.append(s);
		setTimeout(() => done("nothing"), 5000); })`, &got, chromedp.EvalAsValue, awaited))
	if got != "img-src" {
		t.Errorf("a foreign picture: violated %q, want img-src", got)
	}
}

func TestLostConnection(t *testing.T) {
	ready(t)
	d := newDesk(t)
	q := d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "normal", "/usr/bin/systemctl", "restart", "nginx"))
	b := person(t)
	b.signIn(d.url, "bo")
	b.do(chromedp.WaitVisible("button.approve"))
	b.expect("ERR_")
	d.mu.Lock()
	d.lost[q.ID] = true
	d.mu.Unlock()
	b.do(chromedp.Click("button.approve"))
	b.reads(".details .note.no", "It is not known whether your answer arrived")
	back := d.away(t)
	b.reads(".offline", "Not live since")
	b.until(`document.querySelector("button.approve").disabled`)
	b.picture("offline-1440-light")
	back()
	d.mu.Lock()
	d.lost = map[string]bool{}
	d.mu.Unlock()
	b.do(chromedp.Evaluate(`document.querySelector(".offline button")?.click()`, nil))
	b.until(`document.querySelector(".offline") === null && !document.querySelector("button.approve").disabled`)
	b.do(chromedp.Click("button.approve"))
	b.reads(".decided", "Approved by you")
}

func TestSignedOut(t *testing.T) {
	ready(t)
	d := newDesk(t)
	d.submit(asked("dina", "ubu-0810", "restart after the update", time.Minute, "normal", "/usr/bin/systemctl", "restart", "nginx"))
	b := person(t)
	b.signIn(d.url, "bo")
	b.do(chromedp.WaitVisible("button.approve"))
	d.mu.Lock()
	clear(d.sessions)
	d.mu.Unlock()
	b.do(chromedp.Click("button.approve"), chromedp.WaitVisible(".card .note.warn"))
	b.reads(".card", "You were signed out")
	if n := b.number(".row"); n != 0 {
		t.Errorf("%d requests are still on the screen", n)
	}
}

func TestOneTimeLink(t *testing.T) {
	ready(t)
	d := newDesk(t)
	b := person(t)
	b.expect("403")
	b.do(chromedp.Navigate(d.url+"/#/sign-in?link=link-for-mika"), chromedp.WaitVisible(".top"))
	b.reads(".me", "mika")
	var address string
	b.do(chromedp.Location(&address))
	if strings.Contains(address, "link") {
		t.Errorf("the link is still in the address %q", address)
	}
}

// Pictures for people to look at: both widths, both schemes.
func TestPictures(t *testing.T) {
	ready(t)
	d := newDesk(t)
	b := person(t)
	b.expect("401")
	scale := map[string]float64{"1440": 1, "390": 2}
	size := map[string][2]int64{"1440": {1440, 900}, "390": {390, 844}}
	each := func(name string, prepare func(width string)) {
		for _, width := range []string{"1440", "390"} {
			for _, scheme := range []string{"light", "dark"} {
				b.do(chromedp.EmulateViewport(size[width][0], size[width][1], chromedp.EmulateScale(scale[width])))
				b.scheme(scheme)
				if prepare != nil {
					prepare(width)
				}
				b.picture(fmt.Sprintf("%s-%s-%s", name, width, scheme))
			}
		}
	}
	b.do(chromedp.Navigate(d.url), chromedp.WaitVisible("input[name=login]"))
	each("sign-in", nil)
	b.do(chromedp.EmulateViewport(1440, 900))
	b.signIn(d.url, "bo")
	b.reads(".list", "Nothing is waiting")
	each("empty", nil)
	b.do(chromedp.EmulateViewport(1440, 900))
	fill(d)
	b.until(`document.querySelectorAll(".row").length >= 12`)
	b.key("j")
	b.key("j")
	b.reads(".details", "No rule matched")
	each("queue", func(string) { b.do(chromedp.KeyEvent(kb.Escape)) })
	each("details", func(width string) {
		if width == "390" {
			b.do(chromedp.KeyEvent(kb.Escape), chromedp.Click(".row[aria-selected=true]"))
		}
	})
	b.do(chromedp.KeyEvent(kb.Escape), chromedp.EmulateViewport(1440, 900))
	b.do(chromedp.SendKeys("#comment", "Fine for today. Please use the package next time."), chromedp.Click("button.approve"))
	b.reads(".decided", "Approved by you")
	b.do(chromedp.Evaluate(`document.querySelector(".details").scrollTop = 0`, nil))
	each("approved", func(width string) {
		if width == "390" {
			b.do(chromedp.KeyEvent(kb.Escape), chromedp.Click(".row[aria-selected=true]"))
		}
	})
}

// fill puts a working day's morning into the queue.
func fill(d *desk) {
	c := func(q *client.Request, reason, fact string) *client.Request {
		q.Caution = append(q.Caution, client.Caution{Reason: reason, Fact: fact})
		return q
	}
	d.submit(asked("dina.osei", "ubu-0810", "Packet capture for INC-4821, the VPN drops every few minutes and the provider wants a trace.", 7*time.Minute+31*time.Second, "urgent", "/usr/bin/apt", "install", "wireshark"))
	d.submit(c(asked("hiro.sato", "deb-2316", "The backup job ate the disk, I need to look around and clean up before tonight.", 19*time.Minute+56*time.Second, "high", "/usr/bin/bash"), "unbounded", "bash can run any program; everything it starts runs as root too."))
	d.submit(c(asked("gwen.tran", "ubu-1653", "Vendor's installer for the label printer driver (ticket FAC-118). It wants to write below /usr/lib.", 15*time.Minute+5*time.Second, "high",
		"/home/gwen.tran/Downloads/labelprint-7.2.run", "--accept-licence", "--prefix=/opt/label print", "--", ""), "user_writable", "/home/gwen.tran/Downloads is writable by gwen.tran."))
	d.submit(asked("carl.meyer", "web-0134", "restart after the certificate was renewed", 12*time.Minute+58*time.Second, "high", "/usr/bin/systemctl", "restart", "nginx"))
	d.submit(asked("ana.silva", "ubu-0477", "new dock, needs the displaylink module", 24*time.Minute+38*time.Second, "normal", "/usr/sbin/modprobe", "evdi"))
	d.submit(asked("farid.k", "ubu-0217", "mount the shared drive for the migration", 22*time.Minute, "normal", "/usr/bin/mount", "-t", "cifs", "//files/finance", "/mnt/finance", "-o", "credentials=/root/••••"))
	d.submit(asked("eve.novak", "deb-0690", "clock is wrong, logins fail", 6*time.Minute+53*time.Second, "normal", "/usr/sbin/ntpdate", "pool.ntp.org"))
	d.submit(asked("bianca", "ubu-1709", "update before the audit tomorrow", 6*time.Minute, "normal", "/usr/bin/apt", "upgrade", "-y"))
	d.submit(asked("dina.osei", "ubu-0810", "open the port for the capture", 5*time.Minute, "normal", "/usr/sbin/ufw", "allow", "from", "192.0.2.0/24", "to", "any", "port", "8443"))
	d.submit(asked("noor.h", "mbp-1441", "edit hosts for the staging test", 3*time.Minute+12*time.Second, "normal", "/usr/bin/tee", "-a", "/etc/hosts"))
	d.submit(asked("luis", "deb-0021", "see why the service does not start", 74*time.Second, "normal", "/usr/bin/journalctl", "-u", "assent-agent", "-n", "200"))
	d.submit(asked("yuki.mori", "ubu-0601", "disk check before it goes back to the vendor", 41*time.Second, "low", "/usr/sbin/smartctl", "-a", "/dev/nvme0n1"))
}
