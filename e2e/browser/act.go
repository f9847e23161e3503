package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Go opens an address anew, as if it were typed into an empty tab. One that
// begins with "#" is under [Tab.URL].
func (b *Tab) Go(url string) {
	b.T.Helper()
	if strings.HasPrefix(url, "#") {
		url = b.URL + "/" + url
	}
	b.Do(chromedp.Navigate("about:blank"), chromedp.Navigate(url))
}

// Quote makes text a string of the page's language.
func Quote(text string) string {
	raw, err := json.Marshal(text)
	if err != nil {
		return `""`
	}
	return string(raw)
}

// Eval runs code in the page, waits for its promise if it is one, and puts the
// value into out unless that is nil.
func (b *Tab) Eval(js string, out any) {
	b.T.Helper()
	b.Do(chromedp.Evaluate(js, out, awaited))
}

func awaited(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// Text is what a person reads in the element now, "" without one.
func (b *Tab) Text(selector string) string {
	b.T.Helper()
	var s string
	if err := b.try(Patience, chromedp.Evaluate(`document.querySelector(`+Quote(selector)+`)?.innerText ?? ""`, &s)); err != nil {
		b.T.Logf("read %s: %v", selector, err)
	}
	return s
}

// Number is how many elements match now.
func (b *Tab) Number(selector string) int {
	b.T.Helper()
	var n int
	b.Eval(`document.querySelectorAll(`+Quote(selector)+`).length`, &n)
	return n
}

// Until waits for a condition in the page. What throws is not true yet.
func (b *Tab) Until(js string) {
	b.T.Helper()
	if err := b.until(js, nil); err != nil {
		b.fail("never came to be: " + js)
	}
}

// until looks again and again, from outside: chromedp's own waiting makes code of
// text inside the page, which a strict policy refuses, and a promise would end
// with the page that is left. A true value goes to out.
func (b *Tab) until(js string, out any) error {
	code := `(() => { try { return (` + js + `) || null; } catch { return null; } })()`
	return b.try(Patience, action(func(ctx context.Context) error {
		for {
			var raw json.RawMessage
			err := chromedp.Evaluate(code, &raw, awaited).Do(ctx)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err == nil && len(raw) > 0 && string(raw) != "null" { // an error is a page that is just being left
				if out == nil {
					return nil
				}
				return json.Unmarshal(raw, out)
			}
			if err := pause(ctx); err != nil {
				return err
			}
		}
	}))
}

// Reads waits until the element shows the text.
func (b *Tab) Reads(selector, text string) {
	b.T.Helper()
	if err := b.until(`(document.querySelector(`+Quote(selector)+`)?.innerText ?? "").includes(`+Quote(text)+`)`, nil); err != nil {
		b.fail(fmt.Sprintf("%s never says %q; it says %.600q", selector, text, b.Text(selector)))
	}
}

// Sees waits until a visible element matches.
func (b *Tab) Sees(selector string) {
	b.T.Helper()
	if err := b.until(visible(selector, "true")+`.length > 0`, nil); err != nil {
		b.fail("nobody sees " + selector)
	}
}

// Gone waits until no visible element matches.
func (b *Tab) Gone(selector string) {
	b.T.Helper()
	if err := b.until(visible(selector, "true")+`.length === 0`, nil); err != nil {
		b.fail("everybody still sees " + selector)
	}
}

// visible is code for the visible elements of which holds is true, called e.
func visible(selector, holds string) string {
	return `[...document.querySelectorAll(` + Quote(selector) + `)].filter((e) => e.checkVisibility({visibilityProperty: true}) && ` + holds + `)`
}

// Click clicks the first visible element that matches: it waits until that is
// there, enabled, at rest, and nothing lies over it.
func (b *Tab) Click(selector string) {
	b.T.Helper()
	b.click(selector, "true", selector)
}

// ClickText clicks the visible element of those that match which has exactly
// this text, or has it as its first line or as its name for screen readers.
func (b *Tab) ClickText(selector, text string) {
	b.T.Helper()
	q := Quote(text)
	b.click(selector, `(e.innerText.trim() === `+q+` || e.innerText.trim().split("\n")[0] === `+q+` || e.getAttribute("aria-label") === `+q+`)`, fmt.Sprintf("%s with the text %q", selector, text))
}

func (b *Tab) click(selector, holds, name string) {
	b.T.Helper()
	for range 5 { // what comes late may move it in the very moment
		if b.clickOnce(selector, holds, name) {
			return
		}
	}
	b.fail("every click misses " + name)
}

// clickOnce reports whether the click came to what it was meant for. A page that is
// left by it says nothing any more, which is as good.
func (b *Tab) clickOnce(selector, holds, name string) bool {
	b.T.Helper()
	var at struct{ X, Y float64 }
	err := b.until(`(() => {
		const e = `+visible(selector, holds)+`[0];
		const before = window.assentTest ?? {};
		window.assentTest = {};
		if (!e) { window.assentTest.why = "it is not there"; return null; }
		if (e.matches(":disabled, [aria-disabled=true]")) { window.assentTest.why = "it is disabled"; return null; }
		let r = e.getBoundingClientRect();
		if (r.top < 0 || r.left < 0 || r.bottom > innerHeight || r.right > innerWidth || before.e !== e) {
			e.scrollIntoView({block: "center", inline: "nearest", behavior: "instant"});
			r = e.getBoundingClientRect();
		}
		const x = r.left + r.width / 2, y = r.top + r.height / 2;
		window.assentTest = {e, x, y, why: "it moves"};
		if (before.e !== e || before.x !== x || before.y !== y) return null;
		const is = (at) => at && (e.contains(at) || at.contains(e) && at.closest("label") || [...(e.labels ?? [])].some((l) => l.contains(at)));
		const top = document.elementFromPoint(x, y);
		if (!is(top)) {
			window.assentTest.why = "this lies over it: " + (top?.outerHTML ?? "nothing").slice(0, 200);
			return null;
		}
		window.assentMissed = false;
		for (const half of ["pointerdown", "pointerup"]) addEventListener(half, (ev) => { window.assentMissed ||= !is(ev.target); }, {capture: true, once: true});
		return {X: x, Y: y};
	})()`, &at)
	if err != nil {
		var why string
		if err := b.try(Patience, chromedp.Evaluate(`window.assentTest?.why ?? ""`, &why)); err != nil {
			why = err.Error()
		}
		b.fail(fmt.Sprintf("can not click %s: %s", name, why))
	}
	b.Do(input.DispatchMouseEvent(input.MouseMoved, at.X, at.Y),
		input.DispatchMouseEvent(input.MousePressed, at.X, at.Y).WithButton(input.Left).WithClickCount(1),
		input.DispatchMouseEvent(input.MouseReleased, at.X, at.Y).WithButton(input.Left).WithClickCount(1))
	var missed bool
	err = b.try(Patience, chromedp.Evaluate(`window.assentMissed === true`, &missed))
	return err != nil || !missed
}

// Type types text key by key: where the cursor is when it is in the field already,
// or behind what the field holds.
func (b *Tab) Type(selector, text string) {
	b.T.Helper()
	b.focus(selector, "e.setSelectionRange?.(e.value.length, e.value.length)", "true")
	for _, r := range text {
		b.stroke(string(r), 0)
	}
}

// Fill puts text into a field in place of what it holds, at once.
func (b *Tab) Fill(selector, text string) {
	b.T.Helper()
	b.focus(selector, "e.select()", "false")
	if text == "" {
		b.Key("Delete")
		return
	}
	b.Do(input.InsertText(text))
}

// focus waits for a field that can be written in. Then may fail: fields of dates
// and numbers know no place of the cursor. Stay says whether a cursor that is
// there already stays where it is.
func (b *Tab) focus(selector, then, stay string) {
	b.T.Helper()
	if err := b.until(`(() => {
		const e = `+visible(selector, `!e.matches(":disabled, [readonly]")`)+`[0];
		if (!e) return false;
		if (document.activeElement === e && `+stay+`) return true;
		e.focus();
		try { `+then+`; } catch {}
		return document.activeElement === e;
	})()`, nil); err != nil {
		b.fail("can not write in " + selector)
	}
}

// Choose chooses in a select, by the value or by what a person reads.
func (b *Tab) Choose(selector, value string) {
	b.T.Helper()
	q := Quote(value)
	if err := b.until(`(() => {
		const e = `+visible(selector, `!e.disabled`)+`[0];
		const o = [...e.options].find((o) => !o.disabled && (o.value === `+q+` || o.text.trim() === `+q+`));
		e.focus();
		e.value = o.value;
		e.dispatchEvent(new Event("input", {bubbles: true}));
		e.dispatchEvent(new Event("change", {bubbles: true}));
		return true;
	})()`, nil); err != nil {
		b.fail(fmt.Sprintf("can not choose %q in %s", value, selector))
	}
}

// Key presses a key where the cursor is: "j", "J", "Enter", "Escape", "Tab",
// "ArrowDown", with modifiers before it: "Shift+Tab", "Control+k".
func (b *Tab) Key(name string) {
	b.T.Helper()
	var held input.Modifier
	for {
		mod, rest, more := strings.Cut(name, "+")
		bit, known := map[string]input.Modifier{"Alt": input.ModifierAlt, "Control": input.ModifierCtrl, "Meta": input.ModifierMeta, "Shift": input.ModifierShift}[mod]
		if !more || !known || rest == "" {
			break
		}
		held, name = held|bit, rest
	}
	b.stroke(name, held)
}

// Press presses a key that belongs to the page, wherever the cursor is.
func (b *Tab) Press(name string) {
	b.T.Helper()
	b.Blur()
	b.Key(name)
}

// Blur takes the cursor out of any field.
func (b *Tab) Blur() {
	b.T.Helper()
	b.Eval(`document.activeElement?.blur(), 0`, nil)
}

// stroke presses and lets go one key. That is one event that carries its text, as
// from a keyboard: chromedp's own would send the text a second time, which lands
// in whatever the key has opened.
func (b *Tab) stroke(name string, held input.Modifier) {
	b.T.Helper()
	k := find(name)
	if k == nil {
		b.Do(input.InsertText(name)) // no keyboard has it, such as "ä" or an emoji
		return
	}
	if k.Shift {
		held |= input.ModifierShift
	}
	down := input.DispatchKeyEvent(input.KeyRawDown)
	if k.Print && held&^input.ModifierShift == 0 {
		down = input.DispatchKeyEvent(input.KeyDown).WithText(k.Text).WithUnmodifiedText(k.Unmodified)
	}
	dress := func(p *input.DispatchKeyEventParams) *input.DispatchKeyEventParams {
		return p.WithKey(k.Key).WithCode(k.Code).WithWindowsVirtualKeyCode(k.Windows).WithNativeVirtualKeyCode(k.Native).WithModifiers(held)
	}
	b.Do(dress(down), dress(input.DispatchKeyEvent(input.KeyUp)))
}

// find looks a key up by its letter or its name.
func find(name string) *kb.Key {
	if name == "\n" || name == "Enter" {
		return kb.Keys['\r']
	}
	if letters := []rune(name); len(letters) == 1 {
		return kb.Keys[letters[0]]
	}
	for _, k := range kb.Keys {
		if k.Key == name {
			return k
		}
	}
	return nil
}

// Size makes the window another; scale is how fine its dots are.
func (b *Tab) Size(width, height int64, scale float64) {
	b.T.Helper()
	b.Do(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(scale)))
}

// Phone makes the window that of a phone in one hand.
func (b *Tab) Phone() { b.T.Helper(); b.Size(390, 844, 2) }

// Scheme sets what colours the person likes, "light" or "dark". Nothing moves
// more than it must.
func (b *Tab) Scheme(name string) {
	b.T.Helper()
	b.Do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name},
		{Name: "prefers-reduced-motion", Value: "reduce"}}))
}

// Login fills in the form of login and password and sends it. It does not wait
// for what comes of it.
func (b *Tab) Login(login, password string) {
	b.T.Helper()
	b.Fill("input[name=login]", login)
	b.Fill("input[name=password]", password)
	b.Click(".card form .primary")
}

// SignIn opens the form if it is not on the page, goes through it, and waits for
// what lies behind it.
func (b *Tab) SignIn(login, password string) {
	b.T.Helper()
	b.Expect("401") // the page asks who it is before anybody signed in
	if b.Number("input[name=login]") == 0 {
		b.Go("#/")
	}
	b.Login(login, password)
	b.Until(`document.querySelector("#app > *") && !document.querySelector("main.door")`)
}

// SignOut ends the session and shows the form again.
func (b *Tab) SignOut() {
	b.T.Helper()
	b.Expect("401")
	b.Eval(`fetch("/api/v1/sessions", {method: "DELETE"}).then((r) => r.status)`, nil)
	b.Go("#/")
	b.Sees("input[name=login]")
}

// Passkeys gives the tab a store of passkeys that says yes by itself.
func (b *Tab) Passkeys() {
	b.T.Helper()
	b.Do(webauthn.Enable(), action(func(ctx context.Context) error {
		_, err := webauthn.AddVirtualAuthenticator(&webauthn.VirtualAuthenticatorOptions{Protocol: webauthn.AuthenticatorProtocolCtap2,
			Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true, HasUserVerification: true, IsUserVerified: true,
			AutomaticPresenceSimulation: true}).Do(ctx)
		return err
	}))
}

// EveryPage runs code in each page that is opened from now on, before its own.
func (b *Tab) EveryPage(js string) {
	b.T.Helper()
	b.Do(action(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(js).Do(ctx)
		return err
	}))
}

// Back goes back in the history, as the browser's button does.
func (b *Tab) Back() {
	b.T.Helper()
	b.Eval("history.back()", nil)
}
