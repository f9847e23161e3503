package console

import (
	"strings"
	"testing"

	"github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// A link of the endpoint opens the portal in a browser: one's own requests there
// and nothing else; the link stays neither in the address nor in the history, and
// works once.
func TestPortalByALinkOfTheEndpoint(t *testing.T) {
	d, b := browsing(t)
	laptop := d.Able([]string{"run", "sudo", "session"}, "ubu-0810", "role=laptop")
	mine := laptop.Ask("dina.osei", "/usr/bin/apt", "install", "wireshark")
	laptop.Ask("somebody.else", "/usr/bin/id")
	ask := wire.PortalLink{N: 7, User: elevation.User{Name: "dina.osei", UID: desk.UID("dina.osei"), Groups: []string{}}}
	if err := laptop.Link.Send(wire.TPortalLink, ask); err != nil {
		t.Fatal(err)
	}
	link := desk.Wait(laptop, wire.TPortal, func(p wire.Portal) bool { return p.N == 7 })
	_, path, ok := strings.Cut(link.URL, "/#")
	if !ok {
		t.Fatalf("the link: %+v", link)
	}
	b.Go("#" + path)
	b.Until(`document.querySelectorAll(".tile").length === 1`)
	b.Until(`!location.href.includes("lnk_")`)
	b.Looks("mine-by-link", nil)
	for _, page := range []string{"#/me", "#/people", "#/rules", "#/start", "#/device?code=ABCD-EFGH", "#/b/ABCD-EFGH"} {
		b.Go(page)
		b.Until(`document.querySelector("h1")?.innerText === "My requests"`)
	}
	b.Click("header .me > button")
	b.Reads(".menu", "only your own requests there")
	if text := b.Text(".menu"); strings.Contains(text, "Your account") {
		t.Errorf("the menu has %q", text)
	}
	b.Go("#/mine/" + mine)
	b.ClickText(".tileacts button", "Withdraw")
	b.Reads(".toasts", "Withdrawn")
	if r := d.Admin.See(mine); r.State != "cancelled" {
		t.Errorf("it is %s", r.State)
	}
	other := browse(t, d)
	other.Go("#" + path)
	other.Reads("main.door", "A link works once")
}
