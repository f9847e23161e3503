package console

import (
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/browser"
	"github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/shared/elevation"
)

// people is the browser of all tests.
var people browser.Shared

// TestMain runs the tests in a network of their own, and takes away the one thing
// that they share.
func TestMain(m *testing.M) {
	code, done, err := apart()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	if done {
		os.Exit(code)
	}
	code = m.Run()
	people.End()
	desk.Tidy()
	os.Exit(code)
}

// browsing starts a controller at the real time, which a browser can not be told
// otherwise, and a browser beside it with nobody signed in.
func browsing(t *testing.T, tune ...func(*controller.Config)) (*desk.Desk, *browser.Tab) {
	t.Helper()
	browser.Need(t)
	d := desk.Open(t, time.Now(), append(tune, func(c *controller.Config) {
		c.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	})...)
	return d, browse(t, d)
}

// open is browsing, with a person who has this role ("approver",
// "administrator", "security_admin", "rule_author", "auditor", "requester") and
// is signed in through the page. The person's token says by REST what the page
// should say.
func open(t *testing.T, role string, tune ...func(*controller.Config)) (*desk.Desk, *desk.Person, *browser.Tab) {
	t.Helper()
	d, b := browsing(t, tune...)
	p := account(d, "bo", role)
	b.SignIn(p.Login, desk.Password)
	return d, p, b
}

// account is somebody with a password; their token keeps working.
func account(d *desk.Desk, login string, roles ...string) *desk.Person {
	d.T.Helper()
	p := d.Person(login, roles...)
	d.Password(login)
	return p
}

// browse opens another browser at the controller, with nobody signed in.
func browse(t *testing.T, d *desk.Desk) *browser.Tab {
	t.Helper()
	b := people.Open(t)
	b.URL = strings.Replace(d.URL, "127.0.0.1", "localhost", 1) // passkeys belong to names
	b.Expect("401", "403")                                      // before anybody signed in, and what presence is asked for
	return b
}

// morning is a small fleet and what was asked there: one request in each state
// that people meet. Two wait.
type morning struct {
	web, build, laptop *desk.Endpoint

	install, shell string // wait; the shell is dangerous
	used           string // approved and in use on web
	ready          string // approved, not begun yet, on laptop
	ended          string // used and over, on web
	denied         string // with a comment
	withdrawn      string // by who asked
}

// fill makes the fleet's morning; mika has answered what is answered.
func fill(d *desk.Desk) *morning {
	d.T.Helper()
	m := &morning{web: d.Endpoint("web-0134", "role=web", "site=fra"), build: d.Endpoint("build-7", "role=build"), laptop: d.Endpoint("ubu-0810", "role=laptop", "site=fra")}
	mika := d.Person("mika", "approver")
	m.used = m.web.Ask("carl.meyer", "/usr/bin/systemctl", "restart", "nginx")
	mika.Does("approve", m.used, map[string]any{"comment": "fine, watch the error rate"})
	m.web.Uses(m.used)
	m.ended = m.web.Ask("eve.novak", "/usr/sbin/ntpdate", "pool.ntp.org")
	mika.Does("approve", m.ended, nil)
	m.web.Uses(m.ended)
	m.web.Ends(m.ended, elevation.Completed)
	m.denied = m.build.Ask("farid.k", "/usr/bin/mount", "-t", "cifs", "//files/finance", "/mnt/finance")
	mika.Does("deny", m.denied, map[string]any{"comment": "use the share that is there already"})
	m.withdrawn = m.build.Ask("luis", "/usr/bin/journalctl", "-u", "assent-agent")
	m.build.Withdraw(m.withdrawn)
	m.ready = m.laptop.Ask("ana.silva", "/usr/sbin/modprobe", "evdi")
	mika.Does("approve", m.ready, nil)
	m.install = m.laptop.AskWith(m.laptop.Attempt("dina.osei", "/usr/bin/apt", "install", "wireshark"),
		"Packet capture for INC-4821, the VPN drops every few minutes and the provider wants a trace.", "INC-4821")
	m.shell = m.build.AskWith(m.build.Attempt("hiro.sato", "/usr/bin/bash"), "The backup job ate the disk, I need to look around and clean up before tonight.", "")
	return m
}

// get reads by REST what the person may read.
func get[V any](t testing.TB, p *desk.Person, path string, query url.Values) V {
	t.Helper()
	return desk.Must(client.Get[V](t.Context(), p.Client, path, query))(t)
}

// The bed stands: an administrator sees what waits, in both themes and widths.
func TestBed(t *testing.T) {
	d, p, b := open(t, "administrator")
	m := fill(d)
	b.Go("#/")
	b.Sees(`[id="` + m.install + `"]`)
	b.Sees(`[id="` + m.shell + `"]`)
	if n := len(get[client.List[client.Request]](t, p, "/requests", url.Values{"status": {"pending"}}).Items); n != 2 {
		t.Errorf("%d requests wait, want 2", n)
	}
	b.Until(`document.querySelectorAll(".list .row").length === 2`)
	b.Looks("bed", nil)
}

// field is a selector for the field of the form with this name.
func field(b *browser.Tab, name string) string {
	b.T.Helper()
	q := browser.Quote(name)
	b.Until(`(() => {
		const f = [...document.querySelectorAll(".form label, .form fieldset, .setting")].filter((l) => ((l.querySelector(".about > b") ?? l.querySelector(":scope > span, :scope > legend"))?.innerText ?? "").trim() === ` + q + `)[0];
		const e = f?.querySelector("input, select, textarea");
		if (!e) return false;
		e.dataset.field = ` + q + `;
		return true;
	})()`)
	return `[data-field=` + q + `]`
}

// check clicks the box in front of these words.
func check(b *browser.Tab, words string) {
	b.T.Helper()
	q := browser.Quote(words)
	b.Until(`(() => {
		const l = [...document.querySelectorAll("dialog label, .setting label")].find((l) => l.innerText.trim().startsWith(` + q + `));
		if (!l) return false;
		document.querySelectorAll("[data-check]").forEach((e) => delete e.dataset.check);
		l.dataset.check = "1";
		return true;
	})()`)
	b.Click("[data-check] input")
}

// form opens a form by a button of the page and fills its fields: names and values
// in turn.
func form(b *browser.Tab, button string, named ...string) {
	b.T.Helper()
	b.ClickText("button", button)
	fields(b, named...)
}

// fields fills fields of the open form: names and values in turn.
func fields(b *browser.Tab, named ...string) {
	b.T.Helper()
	for i := 0; i+1 < len(named); i += 2 {
		b.Fill(field(b, named[i]), named[i+1])
	}
}

// label adds one to a field of labels; "" is the only such field.
func label(b *browser.Tab, name, key, value string) {
	b.T.Helper()
	b.Fill(`input[aria-label$=`+browser.Quote(name+": new key")+`]`, key)
	b.Fill(`input[aria-label$=`+browser.Quote(name+": its value")+`]`, value)
	b.ClickText(".newlabel button", "Add")
}
