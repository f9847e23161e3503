package doors

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/console"
	"github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/e2e/testgroup"
)

// screen is one person's browser. Whatever it logs as an error that the test
// does not expect, a refusal by the page's policy above all, fails the test.
type screen struct {
	t   *testing.T
	ctx context.Context
	url string // by name: passkeys belong to names

	mu       sync.Mutex // guards the fields below
	problems []string
	expected []string
}

// browsing starts a controller at the real time, which a browser can not be
// told otherwise, and a browser beside it.
func browsing(t *testing.T, tune ...func(*controller.Config)) (*desk.Desk, *screen) {
	t.Helper()
	testgroup.Need(t, "chromium")
	if !console.Built() {
		if testgroup.Required("chromium") {
			t.Fatalf("%schromium: the console was not built; run make console", testgroup.Mark)
		}
		t.Skipf("%schromium: the console was not built; run make console", testgroup.Mark)
	}
	log := func(c *controller.Config) {
		c.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	d := desk.Open(t, time.Now(), append(tune, log)...)
	opts := []chromedp.ExecAllocatorOption{
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-renderer-backgrounding", true), chromedp.Flag("hide-scrollbars", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 860), chromedp.WSURLReadTimeout(60 * time.Second),
	}
	ctx, cancel := context.WithTimeout(context.Background(), 150*time.Second)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(stop)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("end the browser: %v", err)
		}
		cancel()
	})
	if err := chromedp.Run(ctx); err != nil { // the first run's context is the tab's life
		t.Fatal(err)
	}
	b := &screen{t: t, ctx: ctx, url: strings.Replace(d.URL, "127.0.0.1", "localhost", 1)}
	chromedp.ListenTarget(ctx, b.hear)
	t.Cleanup(b.judge)
	b.expect("401") // the page asks who it is before anybody signed in
	b.expect("403") // not everybody may read the settings
	b.do(cdplog.Enable())
	b.size(1280, 860)
	return d, b
}

func (b *screen) hear(ev any) {
	var text string
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		text = "exception: " + e.ExceptionDetails.Error()
	case *cdplog.EventEntryAdded:
		if e.Entry.Level != cdplog.LevelError && !strings.Contains(e.Entry.Text, "Content Security Policy") {
			return
		}
		text = e.Entry.Text + " " + e.Entry.URL
	default:
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = append(b.problems, text)
}

// expect names a part of a logged error that belongs to the test.
func (b *screen) expect(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, strings.TrimSpace(part))
}

func (b *screen) judge() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.problems {
		known := false
		for _, part := range b.expected {
			known = known || strings.Contains(p, part)
		}
		if !known {
			b.t.Errorf("the browser logged: %s", p)
		}
	}
}

func (b *screen) do(actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.picture("failed")
		b.t.Fatalf("%v; the page says: %.1500q", err, b.text("body"))
	}
}

func (b *screen) text(selector string) string {
	b.t.Helper()
	var s string
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	if err := chromedp.Run(ctx, chromedp.Evaluate(`document.querySelector(`+quoted(selector)+`)?.innerText ?? ""`, &s)); err != nil {
		b.t.Logf("read %s: %v", selector, err)
	}
	return s
}

// until waits for a condition in the page.
func (b *screen) until(js string) {
	b.t.Helper()
	b.do(chromedp.Evaluate(`new Promise((done, fail) => {
		const good = () => { try { return Boolean(`+js+`); } catch { return false; } };
		const look = () => { if (good()) { clearInterval(timer); done(true); } else if (Date.now() > end) { clearInterval(timer); fail(new Error("never became true")); } };
		const end = Date.now() + 15000, timer = setInterval(look, 20);
		look();
	})`, nil, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
}

func (b *screen) reads(selector, text string) {
	b.t.Helper()
	b.until(`(document.querySelector(` + quoted(selector) + `)?.innerText ?? "").includes(` + quoted(text) + `)`)
}

func (b *screen) clicks(selector string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(selector), chromedp.WaitEnabled(selector), chromedp.Click(selector))
}

// says clicks the button with this text.
func (b *screen) says(text string) {
	b.t.Helper()
	b.until(`[...document.querySelectorAll("button:enabled")].some((e) => e.innerText.trim() === ` + quoted(text) + `)`)
	b.do(chromedp.Evaluate(`[...document.querySelectorAll("button:enabled")].find((e) => e.innerText.trim() === `+quoted(text)+`).click()`, nil))
}

func (b *screen) types(selector, text string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(selector), chromedp.SendKeys(selector, text))
}

func (b *screen) opens(hash string) {
	b.t.Helper()
	b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(b.url+"/"+hash))
}

func (b *screen) size(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(float64(map[bool]int{true: 2, false: 1}[width < 700]))),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}))
}

// phone is a browser in one hand.
func (b *screen) phone() { b.size(390, 844) }

// signsIn goes through the form of login and password.
func (b *screen) signsIn(login string) {
	b.t.Helper()
	b.types("input[name=login]", login)
	b.types("input[name=password]", desk.Password)
	b.clicks(".card form .primary")
}

func (b *screen) signsOut() {
	b.t.Helper()
	b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(b.url+"/#/"))
	b.clicks(".me > button")
	b.says("Sign out")
	b.do(chromedp.WaitVisible("input[name=login]"))
}

// authenticator gives the browser a passkey store that says yes by itself.
func (b *screen) authenticator() {
	b.t.Helper()
	b.do(webauthn.Enable(), chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := webauthn.AddVirtualAuthenticator(&webauthn.VirtualAuthenticatorOptions{Protocol: webauthn.AuthenticatorProtocolCtap2,
			Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true, HasUserVerification: true, IsUserVerified: true,
			AutomaticPresenceSimulation: true}).Do(ctx)
		return err
	}))
}

// picture writes what is on the screen into .artifacts, for people to look at.
func (b *screen) picture(name string) {
	b.t.Helper()
	var png []byte
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
	defer cancel()
	dir := filepath.Join("..", "..", ".artifacts", "console")
	err := chromedp.Run(ctx, chromedp.CaptureScreenshot(&png))
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, b.t.Name()+"-"+name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Logf("picture %s: %v", name, err)
	}
}

func quoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(s) + "'"
}

// withPassword makes an account that can sign in at a browser.
func withPassword(t *testing.T, d *desk.Desk, login string, roles ...string) *desk.Person {
	t.Helper()
	p := d.Person(login, roles...)
	word := desk.Password
	if err := d.Admin.Call(t.Context(), "PUT", "/users/"+login, nil, client.EditUser{Password: &word}, nil); err != nil {
		t.Fatal(err)
	}
	return p
}

// await makes an evaluation wait for its promise.
func await(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// everyPage runs a script in each page that is opened from now on, before the
// page's own.
func (b *screen) everyPage(js string) {
	b.t.Helper()
	b.do(chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(js).Do(ctx)
		return err
	}))
}

// signsOutTo signs out and opens a page, which asks who it is.
func (b *screen) signsOutTo(hash string) {
	b.t.Helper()
	b.do(chromedp.Evaluate(`fetch("/api/v1/sessions", {method: "DELETE"}).then((r) => r.status)`, nil, await))
	b.opens(hash)
}
