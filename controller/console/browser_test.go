package console_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/assent-epm/assent/controller/console"
	"github.com/assent-epm/assent/e2e/testgroup"
)

// browser is one person's browser with its own cookies. Whatever it logs as an
// error, a refusal by the policy above all, fails the test at its end.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex // guards the fields below
	problems []string
	expected []string
}

// ready skips the test where there is no browser or the console was not built.
func ready(t *testing.T) {
	t.Helper()
	testgroup.Need(t, "chromium")
	if console.Built() {
		return
	}
	if testgroup.Required("chromium") {
		t.Fatalf("%schromium: the console was not built; run make console", testgroup.Mark)
	}
	t.Skipf("%schromium: the console was not built; run make console", testgroup.Mark)
}

// chromium starts a browser with a fresh profile.
func chromium(t *testing.T) context.Context {
	t.Helper()
	opts := []chromedp.ExecAllocatorOption{
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-backgrounding-occluded-windows", true), chromedp.Flag("disable-renderer-backgrounding", true),
		chromedp.Flag("disable-background-timer-throttling", true), chromedp.Flag("hide-scrollbars", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1440, 900),
		chromedp.WSURLReadTimeout(60 * time.Second),
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Second)
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
	if err := chromedp.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// person starts a browser for one person.
func person(t *testing.T) *browser {
	t.Helper()
	return tab(t, chromium(t))
}

// another opens a second tab in the same browser.
func (b *browser) another() *browser {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	if err := chromedp.Run(ctx); err != nil { // the first run's context is the tab's life
		b.t.Fatal(err)
	}
	return tab(b.t, ctx)
}

func tab(t *testing.T, ctx context.Context) *browser {
	t.Helper()
	b := &browser{t: t, ctx: ctx}
	chromedp.ListenTarget(ctx, func(ev any) {
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			b.note("exception: " + e.ExceptionDetails.Error())
		case *cdplog.EventEntryAdded:
			if e.Entry.Level == cdplog.LevelError || e.Entry.Level == cdplog.LevelWarning || strings.Contains(e.Entry.Text, "Content Security Policy") {
				b.note("log: " + e.Entry.Text + " " + e.Entry.URL)
			}
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
				b.note("console: " + string(e.Type))
			}
		}
	})
	b.do(cdplog.Enable(), chromedp.EmulateViewport(1440, 900))
	t.Cleanup(b.judge)
	return b
}

func (b *browser) note(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = append(b.problems, text)
}

// expect names a part of a logged error that belongs to the test.
func (b *browser) expect(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, part)
}

func (b *browser) judge() {
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

func (b *browser) do(actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.picture("failed-" + b.t.Name())
		b.t.Fatalf("%v; the page says: %.1500q", err, b.text("body"))
	}
}

// text is what a person reads in the element.
func (b *browser) text(selector string) string {
	b.t.Helper()
	var s string
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	if err := chromedp.Run(ctx, chromedp.Evaluate(`document.querySelector(`+quote(selector)+`)?.innerText ?? ""`, &s)); err != nil {
		b.t.Logf("read %s: %v", selector, err)
	}
	return s
}

// number is how many elements match.
func (b *browser) number(selector string) int {
	b.t.Helper()
	var n int
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	if err := chromedp.Run(ctx, chromedp.Evaluate(`document.querySelectorAll(`+quote(selector)+`).length`, &n)); err != nil {
		b.t.Fatal(err)
	}
	return n
}

// until waits for a condition in the page. chromedp's own waiting makes code of
// text inside the page, which the policy refuses.
func (b *browser) until(js string) {
	b.t.Helper()
	b.do(chromedp.Evaluate(`new Promise((done, fail) => {
		const good = () => { try { return Boolean(`+js+`); } catch { return false; } };
		const look = () => { if (good()) { clearInterval(timer); done(true); } else if (Date.now() > end) { clearInterval(timer); fail(new Error("never became true")); } };
		const end = Date.now() + 10000, timer = setInterval(look, 20);
		look();
	})`, nil, awaited))
}

// reads waits until the element shows the text.
func (b *browser) reads(selector, text string) {
	b.t.Helper()
	b.until(`(document.querySelector(` + quote(selector) + `)?.innerText ?? "").includes(` + quote(text) + `)`)
}

func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(s) + "'"
}

func (b *browser) signIn(url, login string) {
	b.t.Helper()
	b.expect("401") // the page asks who it is before anybody signed in
	b.do(chromedp.Navigate(url), chromedp.WaitVisible("input[name=login]"),
		chromedp.SendKeys("input[name=login]", login), chromedp.SendKeys("input[name=password]", password),
		chromedp.Click("button.primary"), chromedp.WaitVisible(".top"))
	b.expect("403") // an approver may not read the settings
	b.until(`document.querySelector(".live:not(.lost)") !== null`)
}

// key presses one letter on the page itself. It is one event that carries its
// text, as from a keyboard; chromedp's own would send the text a second time.
func (b *browser) key(k string) {
	b.t.Helper()
	down := input.DispatchKeyEvent(input.KeyDown).WithKey(k).WithText(k)
	b.do(chromedp.Evaluate(`document.activeElement?.blur()`, nil), down, input.DispatchKeyEvent(input.KeyUp).WithKey(k))
}

func (b *browser) scheme(name string) {
	b.t.Helper()
	b.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name},
		{Name: "prefers-reduced-motion", Value: "reduce"}}))
}

// picture writes what is on the screen into .artifacts, for people to look at.
func (b *browser) picture(name string) {
	b.t.Helper()
	var png []byte
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
	defer cancel()
	if err := chromedp.Run(ctx, chromedp.CaptureScreenshot(&png)); err != nil {
		b.t.Logf("picture %s: %v", name, err)
		return
	}
	dir := filepath.Join("..", "..", ".artifacts", "console")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, "/", "-")+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// awaited makes an evaluation wait for its promise.
func awaited(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
