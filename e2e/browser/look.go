package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/assent-epm/assent/e2e/testgroup"
)

// pause lets a moment pass between two looks at a page.
func pause(ctx context.Context) error {
	t := time.NewTimer(25 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// root is the folder of the module, above the test's.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("find the module: no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

// album is the folder for pictures, which whoever wants to look at them names.
func album() string { return os.Getenv("ASSENT_PICTURES") }

// Picture writes what is on the screen to NAME.png in the folder that ASSENT_PICTURES
// names, for people to look at; without it there are no pictures.
func (b *Tab) Picture(name string) {
	b.T.Helper()
	if album() == "" {
		return
	}
	var png []byte
	err := b.try(Patience, chromedp.CaptureScreenshot(&png))
	if err == nil {
		err = os.WriteFile(filepath.Join(album(), strings.ReplaceAll(name, "/", "-")+".png"), png, 0o644)
	}
	if err != nil {
		b.T.Logf("picture %s: %v", name, err)
	}
}

// Pictures makes NAME-1440-light, NAME-1440-dark, NAME-390-light and
// NAME-390-dark, and fails where the page is wider than the screen. Prepare may
// be nil; it runs before each with the width. Afterwards the window is as [Open]
// made it.
func (b *Tab) Pictures(name string, prepare func(width int)) {
	b.T.Helper()
	b.pictures(name, prepare, nil)
}

// Looks is [Tab.Pictures] that also fails for what [Tab.Axe] finds: in both
// themes, and on a phone.
func (b *Tab) Looks(name string, prepare func(width int)) {
	b.T.Helper()
	b.pictures(name, prepare, func(width int64, scheme string) {
		b.T.Helper()
		switch {
		case scheme == "dark": // only colours are others
			b.axe(`runOnly: ["color-contrast", "link-in-text-block"]`, nil)
		case width == 390: // and here they are the same
			b.axe(`rules: {"color-contrast": {enabled: false}}`, nil)
		default:
			b.Axe()
		}
	})
}

func (b *Tab) pictures(name string, prepare func(width int), judge func(width int64, scheme string)) {
	b.T.Helper()
	for _, s := range []struct {
		width, height int64
		scale         float64
	}{{1440, 900, 1}, {390, 844, 2}} {
		b.Size(s.width, s.height, s.scale)
		for _, scheme := range []string{"light", "dark"} {
			again := s.width == 390 && scheme == "dark" // the desktop's colours and the phone's names
			if again && album() == "" {
				continue
			}
			b.Scheme(scheme)
			if prepare != nil {
				prepare(int(s.width))
			}
			if judge != nil && !again {
				judge(s.width, scheme)
			}
			b.Picture(fmt.Sprintf("%s-%d-%s", name, s.width, scheme))
			b.Fits()
		}
	}
	b.Size(1440, 900, 1)
	b.Scheme("light")
}

// Fits fails the test where the page is wider than the screen, or taller than it
// though its frame scrolls inside.
func (b *Tab) Fits() {
	b.T.Helper()
	var over int
	b.Eval(`document.querySelector(".frame, .request") ? document.documentElement.scrollHeight - innerHeight : 0`, &over)
	if over > 0 {
		b.T.Errorf("the page is %d pixels taller than the screen: two bars to scroll by", over)
	}
	var wide []string
	b.Eval(`document.documentElement.scrollWidth <= innerWidth ? [] : [...document.body.querySelectorAll("*")]
		.filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 0.5).slice(0, 5).map((e) => e.outerHTML.slice(0, 160)).concat("")`, &wide)
	if len(wide) > 0 {
		b.T.Errorf("the page is wider than the screen:%s", strings.TrimRight("\n\t"+strings.Join(wide, "\n\t"), "\n\t"))
	}
}

// Axe fails the test for everything that axe-core finds against the rules of
// accessibility, save for the rules allowed by id.
func (b *Tab) Axe(allowed ...string) {
	b.T.Helper()
	b.axe(`rules: {}`, allowed)
}

// axe runs the rules that the options say.
func (b *Tab) axe(options string, allowed []string) {
	b.T.Helper()
	top, err := root()
	if err != nil {
		b.T.Fatal(err)
	}
	axe, err := os.ReadFile(filepath.Join(top, "controller", "console", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		b.T.Skipf("%snpm: the checker of accessibility is not installed; run make console", testgroup.Mark)
	}
	var found []struct{ ID, Help, At, HTML, Why string }
	var loaded bool
	b.Do(chromedp.Evaluate(`"axe" in window`, &loaded))
	if !loaded {
		b.Do(chromedp.Evaluate(string(axe)+";0", nil))
	}
	b.Do(chromedp.Evaluate(`axe.run(document, {resultTypes: ["violations"], `+options+`}).then((r) => r.violations.flatMap((v) => v.nodes.map((n) => ({
			ID: v.id, Help: v.help, At: n.target.join(" "), HTML: n.html.slice(0, 160), Why: [...n.any, ...n.all, ...n.none].map((c) => c.message).join("; ").slice(0, 300)}))))`, &found, awaited))
	for _, f := range found {
		if !slices.Contains(allowed, f.ID) {
			b.T.Errorf("%s: %s\n\tat %s\n\t%s\n\t%s", f.ID, f.Help, f.At, f.HTML, f.Why)
		}
	}
}
