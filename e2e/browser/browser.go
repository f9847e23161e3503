// Package browser is a real browser for tests: Chromium without a window, with a
// fresh profile per test, used as a person uses it.
//
//	b := browser.Open(t)
//	b.Go(url)
//	b.Type("input[name=login]", "bo")
//	b.ClickText("button", "Sign in")
//	b.Reads(".list", "Nothing is waiting")
//
// Everything waits for what it needs; without it the test ends with a picture
// and the page's text. What a page logs as an error, a refusal by its policy
// above all, fails the test at its end: [Tab.Expect] what belongs to it.
package browser

import (
	"context"
	"log"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/assent-epm/assent/controller/console"
	"github.com/assent-epm/assent/e2e/testgroup"
)

// Patience is how long a page may take before a test gives up on it. It is long,
// since machines that test are busy; nothing waits longer than it must.
const Patience = 30 * time.Second

// Tab is one page of a browser, with the cookies of its profile.
type Tab struct {
	T   testing.TB
	URL string // what addresses that begin with "#" are under; see [Tab.Go]

	ctx context.Context

	mu       sync.Mutex // guards the fields below
	problems []string
	expected []string
}

// Need skips the test where there is no browser or the console was not built, or
// fails it where that is forbidden.
func Need(t testing.TB) {
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

// Shared is a browser for many tests, each with a profile of its own: to start one
// takes a second. The zero value is ready; it starts with the first tab, and
// whoever has it calls [Shared.End].
type Shared struct {
	mu   sync.Mutex      // guards the fields below
	ctx  context.Context // nil while there is none
	stop func()          // of ctx
}

// Open is [Open] in the shared browser.
func (s *Shared) Open(t testing.TB) *Tab {
	t.Helper()
	Need(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := s.browser()
	if err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	ctx, err := window(t, all)
	if err != nil {
		t.Fatalf("open a window: %v", err)
	}
	return newTab(t, ctx)
}

// End ends the browser.
func (s *Shared) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx != nil {
		s.leave()
	}
}

// browser answers the context of the one that runs, or starts it.
func (s *Shared) browser() (context.Context, error) {
	if s.ctx != nil {
		select {
		case <-chromedp.FromContext(s.ctx).Browser.LostConnection:
			s.leave()
		default:
			return s.ctx, nil
		}
	}
	profile, err := os.MkdirTemp("", "assent-browser-")
	if err != nil {
		return nil, err
	}
	ctx, stop := start(profile, log.Printf)
	s.ctx, s.stop = ctx, func() {
		stop()
		if err := os.RemoveAll(profile); err != nil {
			log.Printf("browser: %v", err)
		}
	}
	if err := chromedp.Run(ctx); err != nil {
		s.leave()
		return nil, err
	}
	return ctx, nil
}

// leave ends the browser.
func (s *Shared) leave() {
	s.stop()
	s.ctx = nil
}

// start makes a browser with this profile, which begins when its context is used
// first.
func start(profile string, say func(string, ...any)) (ctx context.Context, stop func()) {
	opts := []chromedp.ExecAllocatorOption{chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(profile), chromedp.WindowSize(1440, 900), chromedp.WSURLReadTimeout(2 * time.Minute)}
	for _, flag := range []string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage",
		"disable-backgrounding-occluded-windows", "disable-renderer-backgrounding", "disable-background-timer-throttling", "hide-scrollbars"} {
		opts = append(opts, chromedp.Flag(flag, true))
	}
	ctx, kill := context.WithCancel(context.Background())
	ctx, end := chromedp.NewExecAllocator(ctx, opts...)
	ctx, cancel := chromedp.NewContext(ctx, chromedp.WithErrorf(complain))
	return ctx, func() {
		late := time.AfterFunc(Patience, kill)
		if err := chromedp.Cancel(ctx); err != nil {
			say("end the browser: %v", err)
		}
		late.Stop()
		cancel()
		end()
		kill()
	}
}

// Open starts a browser with a fresh profile for one person; it ends with the
// test, before what was started earlier. The window is 1440 by 900, light.
func Open(t testing.TB) *Tab {
	t.Helper()
	Need(t)
	ctx, stop := start(t.TempDir(), t.Logf)
	t.Cleanup(stop)
	return newTab(t, ctx)
}

// window opens a window with a fresh profile in a browser that runs.
func window(t testing.TB, browser context.Context) (context.Context, error) {
	executor := cdp.WithExecutor(browser, chromedp.FromContext(browser).Browser)
	profile, err := target.CreateBrowserContext().Do(executor)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		if err := target.DisposeBrowserContext(profile).Do(executor); err != nil {
			t.Logf("forget the profile: %v", err)
		}
	})
	id, err := target.CreateTarget("about:blank").WithBrowserContextID(profile).WithNewWindow(true).Do(executor)
	if err != nil {
		return nil, err
	}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithTargetID(id))
	t.Cleanup(cancel)
	chromedp.FromContext(ctx).BrowserContextID = profile // of further tabs
	return ctx, nil
}

// complain passes on what the driver reports, save for events of the browser that
// are newer than the driver and that nobody waits for.
func complain(format string, args ...any) {
	if !strings.HasPrefix(format, "unhandled ") {
		log.Printf("browser: "+format, args...)
	}
}

// Another opens a second tab of the same profile.
func (b *Tab) Another() *Tab {
	b.T.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.T.Cleanup(cancel)
	other := newTab(b.T, ctx)
	other.URL = b.URL
	b.mu.Lock()
	defer b.mu.Unlock()
	other.expected = append(other.expected, b.expected...)
	return other
}

func newTab(t testing.TB, ctx context.Context) *Tab {
	t.Helper()
	if err := chromedp.Run(ctx); err != nil { // the first run's context is the tab's life
		t.Fatalf("start the browser: %v", err)
	}
	b := &Tab{T: t, ctx: ctx}
	chromedp.ListenTarget(ctx, b.hear)
	b.Do(cdplog.Enable(), emulation.SetFocusEmulationEnabled(true)) // other windows may be before it
	b.Size(1440, 900, 1)
	b.Scheme("light")
	t.Cleanup(b.judge)
	return b
}

func (b *Tab) hear(ev any) {
	var text string
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		text = "exception: " + e.ExceptionDetails.Error()
	case *cdplog.EventEntryAdded:
		if e.Entry.Level != cdplog.LevelError && e.Entry.Level != cdplog.LevelWarning && !strings.Contains(e.Entry.Text, "Content Security Policy") {
			return
		}
		text = e.Entry.Text + " " + e.Entry.URL
	case *runtime.EventConsoleAPICalled:
		if e.Type != runtime.APITypeError && e.Type != runtime.APITypeWarning {
			return
		}
		text = "console." + string(e.Type)
		for _, a := range e.Args {
			text += " " + string(a.Value) + a.Description
		}
	default:
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = append(b.problems, text)
}

// Expect names a part of a logged error that belongs to the test, such as "403"
// for answers that refuse.
func (b *Tab) Expect(parts ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, parts...)
}

// judge fails the test for what was logged and not expected.
func (b *Tab) judge() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.problems {
		known := false
		for _, part := range b.expected {
			known = known || strings.Contains(p, part)
		}
		if !known {
			b.T.Errorf("the browser logged: %s", p)
		}
	}
}

// Do runs actions, which together have [Patience].
func (b *Tab) Do(actions ...chromedp.Action) {
	b.T.Helper()
	if err := b.try(Patience, actions...); err != nil {
		b.fail(err.Error())
	}
}

func (b *Tab) try(patience time.Duration, actions ...chromedp.Action) error {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, actions...)
}

// fail ends the test and shows where the page is.
func (b *Tab) fail(why string) {
	b.T.Helper()
	b.Picture("failed-" + b.T.Name())
	b.mu.Lock()
	logged := strings.Join(b.problems, "\n\t")
	b.mu.Unlock()
	b.T.Fatalf("%s\nthe page says: %.1500q\nthe browser logged: %s", why, b.Text("body"), logged)
}

// action is an action that only has an error.
func action(do func(ctx context.Context) error) chromedp.Action { return chromedp.ActionFunc(do) }
