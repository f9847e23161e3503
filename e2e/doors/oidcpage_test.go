package doors

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/desk"
)

// TestA12OIDCPage goes the whole way in a real browser, which comes back from
// another site: the session's cookie is strict, and still somebody is signed in
// on the page that they wanted; a refusal is told on the page.
func TestA12OIDCPage(t *testing.T) {
	d, b := browsing(t, func(c *controller.Config) { c.NotifyAllow = []string{"127.0.0.0/8"} })
	p := newProvider(t, d)
	p.add(func(in *client.NewProvider) {
		in.Groups = []client.GroupRoles{{ID: "g-1", Roles: []string{"approver"}}}
	})
	p.is("sub-mallory", "mallory@corp.example.evil", "g-1")
	b.opens("#/me")
	b.says("Go on with Example ID")
	b.arrives(d, `document.querySelector(".card .note.no") !== null`)
	b.reads(".card .note.no", "have no access here")
	p.is("sub-eve", "eve@corp.example", "g-1")
	b.says("Go on with Example ID")
	b.arrives(d, `document.querySelector(".live:not(.lost)") !== null`)
	var me client.Me
	b.do(chromedp.Evaluate(`fetch("/api/v1/me").then((r) => r.json())`, &me, chromedp.EvalAsValue, await))
	if me.Login != "eve@corp.example" || !me.Session {
		t.Errorf("signed in as %+v", me)
	}
	var address string
	b.do(chromedp.Location(&address))
	if !strings.HasPrefix(address, b.url+"/#/") || strings.Contains(address, "code=") {
		t.Errorf("the page is %s", address)
	}
}

// arrives waits for a condition over pages that come and go.
func (b *screen) arrives(d *desk.Desk, js string) {
	b.t.Helper()
	d.Eventually("the page has "+js, func() bool {
		var there bool
		err := chromedp.Run(b.ctx, chromedp.Evaluate(js, &there)) // fails between two pages
		return err == nil && there
	})
}
