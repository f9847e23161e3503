package doors

import (
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/browser"
	"github.com/assent-epm/assent/e2e/desk"
)

// TestA12OIDCPage goes the whole way in a real browser, which comes back from
// another site: the session's cookie is strict, and still somebody is signed in
// on the page that they wanted; a refusal is told on the page.
func TestA12OIDCPage(t *testing.T) {
	browser.Need(t)
	d := desk.Open(t, time.Now(), func(c *controller.Config) { c.NotifyAllow = []string{"127.0.0.0/8"} })
	b := people.Open(t)
	b.URL = strings.Replace(d.URL, "127.0.0.1", "localhost", 1)
	b.Expect("401", "403") // the page asks who it is, and an approver may not read the settings
	p := newProvider(t, d)
	p.add(func(in *client.NewProvider) {
		in.Groups = []client.GroupRoles{{ID: "g-1", Roles: []string{"approver"}}}
	})
	p.is("sub-mallory", "mallory@corp.example.evil", "g-1")
	b.Go("#/me")
	b.ClickText("button", "Go on with Example ID")
	b.Reads(".card .note.no", "have no access here")
	p.is("sub-eve", "eve@corp.example", "g-1")
	b.ClickText("button", "Go on with Example ID")
	b.Sees(".live:not(.lost)")
	var me client.Me
	b.Eval(`fetch("/api/v1/me").then((r) => r.json())`, &me)
	if me.Login != "eve@corp.example" || !me.Session {
		t.Errorf("signed in as %+v", me)
	}
	var address string
	b.Eval("location.href", &address)
	if !strings.HasPrefix(address, b.URL+"/#/") || strings.Contains(address, "code=") {
		t.Errorf("the page is %s", address)
	}
}
