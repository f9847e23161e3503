package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// markup is a page with fields, and a script that tells what it hears.
const markup = `<!doctype html><html lang="en"><head><title>Bed</title><script src="/script.js"></script></head><body><main><h1>Bed</h1>
<label>Name <input name="name" value="old"></label><label>When <input name="when" type="date"></label>
<label>Size <select name="size"><option value="s">Small</option><option value="l">Large</option></select></label>
<button id="first">Save</button><button id="hidden" hidden>Go</button><button id="second" aria-label="Go">x</button><button id="late" disabled>Late</button>
<p id="said"></p></main></body></html>`

const script = `const said = (text) => { document.getElementById("said").innerText += text + ";"; };
addEventListener("DOMContentLoaded", () => {
	for (const b of document.querySelectorAll("button")) b.addEventListener("click", () => said(b.id));
	document.querySelector("select").addEventListener("change", (e) => said(e.target.value));
	addEventListener("keydown", (e) => said((e.ctrlKey ? "Control+" : "") + (e.shiftKey ? "Shift+" : "") + e.key));
	document.getElementById("first").addEventListener("click", () => setTimeout(() => { document.getElementById("late").disabled = false; }, 100));
});`

func serve(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'")
		switch r.URL.Path {
		case "/":
			fmt.Fprint(w, markup)
		case "/script.js":
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, script)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestHands(t *testing.T) {
	b := Open(t)
	b.Go(serve(t))
	b.Click("#first")
	b.Click("#late") // waits until it can be clicked
	b.ClickText("button", "Go")
	b.Choose("select", "Large")
	b.Reads("#said", "first;late;second;l;")
	b.Eval(`document.getElementById("said").innerText = "", 0`, nil)
	b.Press("j")
	b.Press("Shift+J")
	b.Press("Control+k")
	b.Press("Escape")
	b.Press("?")
	b.Reads("#said", "j;Shift+J;Control+k;Escape;Shift+?;")
	b.Type("input[name=name]", "é Ö?")
	b.Until(`document.querySelector("input").value === "oldé Ö?"`)
	b.Fill("input[name=name]", "new")
	b.Until(`document.querySelector("input").value === "new"`)
	b.Key("Tab")
	b.Until(`document.activeElement.name === "when"`)
	if n := b.Number("button"); n != 4 {
		t.Errorf("%d buttons, want 4", n)
	}
	b.Axe()
	b.Fits()
}

// heard is a test that does not fail: it keeps what it would have failed for.
type heard struct {
	testing.TB
	errors []string
}

// Errorf keeps an error.
func (h *heard) Errorf(format string, args ...any) {
	h.errors = append(h.errors, fmt.Sprintf(format, args...))
}

// What a page must not do is not overlooked.
func TestNothingIsOverlooked(t *testing.T) {
	b := Open(t)
	b.Go(serve(t))
	h := &heard{TB: t}
	b.T = h
	for _, c := range []struct{ name, js, want string }{
		{"a foreign picture", `document.body.append(Object.assign(new Image(), {alt: "", src: "https://example.org/x.png"})), 0`, "Content Security Policy"},
		{"an exception", `setTimeout(() => { throw new Error("oh"); }), 0`, "Error: oh"},
		{"a warning", `console.warn("careful"), 0`, "careful"},
	} {
		b.Eval(c.js, nil)
		b.Do(action(func(ctx context.Context) error {
			for {
				b.mu.Lock()
				found := strings.Contains(strings.Join(b.problems, "\n"), c.want)
				b.mu.Unlock()
				if found {
					return nil
				}
				if err := pause(ctx); err != nil {
					return fmt.Errorf("%s is not heard: %w", c.name, err)
				}
			}
		}))
	}
	b.Expect("careful")
	b.judge()
	if len(h.errors) < 2 || strings.Contains(strings.Join(h.errors, "\n"), "careful") {
		t.Errorf("it fails for %q", h.errors)
	}
	b.Expect("Content Security Policy", "Error: oh", "Refused", "violates")
	h.errors = nil
	b.Eval(`document.querySelector("h1").remove(), document.querySelector("label").replaceWith(document.querySelector("input")), 0`, nil)
	b.Axe()
	if !strings.Contains(strings.Join(h.errors, "\n"), "label:") {
		t.Errorf("axe finds %q", h.errors)
	}
	h.errors = nil
	b.Axe("label", "page-has-heading-one", "region")
	if len(h.errors) != 0 {
		t.Errorf("although allowed: %q", h.errors)
	}
	h.errors = nil
	b.Eval(`(document.querySelector("main").style.width = "3000px"), 0`, nil)
	b.Fits()
	if len(h.errors) != 1 || !strings.Contains(h.errors[0], "wider than the screen") {
		t.Errorf("a wide page: %q", h.errors)
	}
	b.T = t
}

// What comes late can move a page between the press of a button and its release: that
// is no click, and it is made again.
func TestClickWhileThePageMoves(t *testing.T) {
	b := Open(t)
	b.Go(serve(t))
	b.Eval(`addEventListener("pointerdown", () => {
		const banner = document.createElement("div");
		banner.style.height = "300px";
		document.body.prepend(banner);
		document.body.getBoundingClientRect();
	}, {once: true}), 0`, nil)
	b.Click("#second")
	b.Reads("#said", "second;")
	if said := b.Text("#said"); said != "second;" {
		t.Errorf("it was clicked more than once: %q", said)
	}
}

// A shared browser keeps people apart, lets each of them have the keyboard, and is
// started again when it is gone.
func TestShared(t *testing.T) {
	var people Shared
	defer people.End()
	url := serve(t)
	one, two := people.Open(t), people.Open(t)
	for _, b := range []*Tab{one, two} {
		b.Go(url)
	}
	one.Eval(`localStorage.setItem("a", "1"), document.cookie = "a=1", 0`, nil)
	further := one.Another()
	further.Go(url)
	for b, want := range map[*Tab]string{one: "a=1 1 true", further: "a=1 1 true", two: " null true"} {
		var got string
		b.Eval(`document.cookie + " " + localStorage.getItem("a") + " " + document.hasFocus()`, &got)
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	crashed := chromedp.FromContext(people.ctx).Browser
	if err := crashed.Process().Kill(); err != nil {
		t.Fatal(err)
	}
	<-crashed.LostConnection
	again := people.Open(t)
	again.Go(url)
	again.Reads("h1", "Bed")
}

// A look finds pale text in each theme, and a field without a name at each width.
func TestLooks(t *testing.T) {
	b := Open(t)
	h := &heard{TB: t}
	for _, c := range []struct{ name, when, do, want string }{
		{"a pale word in the light", "light", `document.querySelector("h1").style.cssText = "color: #ddd; background: #fff"`, "color-contrast"},
		{"a pale word in the dark", "dark", `document.querySelector("h1").style.cssText = "color: #222; background: #000"`, "color-contrast"},
		{"a field without a name", "390", `document.querySelector("main").append(document.createElement("input"))`, "label"},
	} {
		b.T = t
		b.Go(serve(t))
		b.T, h.errors = h, nil
		b.Looks("bed", func(width int) {
			dark := false
			b.Eval(`matchMedia("(prefers-color-scheme: dark)").matches`, &dark)
			if c.when == "dark" && dark || c.when == "light" && !dark && width != 390 || c.when == "390" && width == 390 {
				b.Eval(c.do+", 0", nil)
			}
		})
		if len(h.errors) == 0 || !strings.HasPrefix(h.errors[0], c.want+":") {
			t.Errorf("%s: %q", c.name, h.errors)
		}
	}
	b.T = t
}
