package console_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/assent-epm/assent/controller/client"
)

// each runs for both widths and both colour schemes.
func (b *browser) each(name string, prepare func()) {
	b.t.Helper()
	for _, s := range []struct {
		width  string
		w, h   int64
		factor float64
	}{{"1440", 1440, 900, 1}, {"390", 390, 844, 2}} {
		for _, scheme := range []string{"light", "dark"} {
			b.do(chromedp.EmulateViewport(s.w, s.h, chromedp.EmulateScale(s.factor)))
			b.scheme(scheme)
			if prepare != nil {
				prepare()
			}
			b.shot(fmt.Sprintf("%s-%s-%s", name, s.width, scheme))
		}
	}
}

// shot is a picture that people look at while they draw.
func (b *browser) shot(name string) {
	b.picture(name)
	dir := os.Getenv("ASSENT_SHOTS")
	if dir == "" {
		return
	}
	raw, err := os.ReadFile(filepath.Join("..", "..", ".artifacts", "console", name+".png"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), raw, 0o644)
	}
	if err != nil {
		b.t.Log(err)
	}
}

// Pictures of the pages for people to look at.
func TestPicturesOfPages(t *testing.T) {
	ready(t)
	d := newDesk(t)
	d.doors.passkeys, d.doors.providers = true, []client.SignInProvider{{ID: "idp_1", Name: "Example ID"}}
	b := person(t)
	b.expect("401")
	b.expect("403")
	at := "http://localhost:" + d.url[len("http://127.0.0.1:"):]
	b.do(chromedp.Navigate(at), chromedp.WaitVisible("input[name=login]"))
	b.each("p-sign-in", nil)
	d.doors.totp["bo"] = true
	b.do(chromedp.SendKeys("input[name=login]", "bo"), chromedp.SendKeys("input[name=password]", password), chromedp.Click("button.primary"), chromedp.WaitVisible("input[name=code]"))
	b.each("p-code", nil)
	b.do(chromedp.SendKeys("input[name=code]", "000000"))
	b.reads(".card .note.no", "not right")
	b.each("p-code-wrong", nil)
	b.do(chromedp.SendKeys("input[name=code]", rightCode), chromedp.WaitVisible(".live"))
	fill(d)
	d.mu.Lock()
	q := d.requests[2]
	q.Queue = &client.Queue{Position: ptr(3), UsualWaitSeconds: ptr(int64(240)), CanAnswer: []string{"bo", "mika", "ana"}}
	q.Questions = []client.Question{{By: client.Person{ID: "usr_mika", Login: "mika"}, At: time.Now().Add(-4 * time.Minute), Text: "Which printer is it?", Answer: ptr("The one on floor 3.")}}
	d.doors.careful[q.ID] = true
	d.doors.codes["7K2Q-M9XD"] = q.ID
	d.doors.devices["7K2Q-M9XD"] = nil
	d.doors.keys = []client.Passkey{{ID: "pk_1", Name: "Bo's phone", CreatedAt: time.Now().Add(-90 * 24 * time.Hour), LastUsedAt: ptr(time.Now().Add(-2 * time.Hour))},
		{ID: "pk_2", Name: "Security key, blue", CreatedAt: time.Now().Add(-3 * time.Hour)}}
	d.mu.Unlock()
	b.do(chromedp.Navigate(at+"/#/b"), chromedp.WaitVisible("input[name=code]"))
	b.each("p-b", nil)
	b.do(chromedp.EmulateViewport(390, 844), chromedp.SendKeys("input[name=code]", "7k2qm9xd"), chromedp.WaitVisible(".thumb .approve"))
	b.reads(".request", "No rule matched")
	for _, scheme := range []string{"light", "dark"} {
		b.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2)))
		b.scheme(scheme)
		b.shot("p-request-390-" + scheme)
		b.do(chromedp.Click(".options button:nth-of-type(2)"), chromedp.WaitVisible(".sheet.to-ask"))
		b.reads(".sheet", "Which ticket")
		b.shot("p-ask-390-" + scheme)
		b.do(chromedp.Click(".sheethead button"), chromedp.Click(".thumb .deny"), chromedp.WaitVisible(".sheet.to-deny"))
		b.reads(".sheet", "staging")
		b.shot("p-deny-390-" + scheme)
		b.do(chromedp.Click(".sheethead button"))
		b.do(chromedp.Evaluate(`document.querySelector(".body").scrollTop = 620`, nil))
		b.shot("p-request-more-390-" + scheme)
		b.do(chromedp.Evaluate(`document.querySelector(".body").scrollTop = 0`, nil))
	}
	b.expect("403")
	d.mu.Lock()
	keys := d.doors.keys
	d.doors.keys = []client.Passkey{}
	d.mu.Unlock()
	b.do(chromedp.Click(".thumb .approve"), chromedp.Click(".thumb .approve"), chromedp.WaitVisible(".stepup input[name=password]"))
	b.each("p-stepup", nil)
	b.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2)), chromedp.SendKeys(".stepup input[name=password]", password), chromedp.SendKeys(".stepup input[name=code]", rightCode), chromedp.Click(".stepup .primary"))
	b.reads(".thumb", "Approved by you")
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		b.shot("p-approved-390-" + scheme)
	}
	d.mu.Lock()
	d.doors.keys = keys
	d.mu.Unlock()
	b.do(chromedp.Navigate(at+"/#/device?code=7K2Q-M9XD"), chromedp.WaitVisible(".bigcode"))
	b.reads(".leaf", "build-7")
	b.each("p-device", nil)
	b.do(chromedp.Navigate(at+"/#/me"), chromedp.WaitVisible(".told"))
	b.reads(".mine", "Bo's phone")
	b.each("p-me", func() { b.do(chromedp.Evaluate(`scrollTo(0, 0)`, nil)) })
	d.mu.Lock()
	d.doors.totp["bo"] = false
	d.mu.Unlock()
	b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(at+"/#/me"), chromedp.WaitVisible(".part:nth-of-type(2) .add"))
	b.do(chromedp.Click(".part:nth-of-type(2) .add"), chromedp.WaitVisible(".qr"), chromedp.Click(".told .check input"))
	b.each("p-me-app", func() {
		b.do(chromedp.Evaluate(`document.querySelector(".qr").scrollIntoView({block: "center"})`, nil))
	})
	b.each("p-me-told", func() {
		b.do(chromedp.Evaluate(`document.querySelector(".told").scrollIntoView({block: "center"})`, nil))
	})
}
