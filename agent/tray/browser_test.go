package tray

import (
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/e2e/browser"
)

// enters opens the link of a form as the person's browser does.
func (b *bed) enters(t *testing.T) *browser.Tab {
	t.Helper()
	tab := browser.Open(t)
	tab.Size(1000, 760, 1)
	tab.Go(b.link)
	tab.Sees("h1")
	return tab
}

// looks keeps pictures of the page in both themes and on a small screen, and holds
// it against the rules of accessibility.
func looksAt(tab *browser.Tab, name string) {
	tab.T.Helper()
	for _, scheme := range []string{"light", "dark"} {
		tab.Scheme(scheme)
		tab.Picture("tray-form-" + name + "-" + scheme)
		tab.Axe()
	}
	tab.Scheme("light")
}

// TestFormInABrowser: the whole way in a real browser: asking, being asked back,
// approval, use and end, in both themes.
func TestFormInABrowser(t *testing.T) {
	browser.Need(t)
	d := newDoor()
	d.wants.Ticket, d.wants.Message = "OPS-[0-9]+", "Software of others is looked at by the service desk."
	b := open(t, d, apt(), true)
	tab := b.enters(t)
	tab.Reads("#goes", "Platform, Service desk")
	tab.Reads("#goes", "usually within 4 min")
	tab.Until(`location.hash === "" && document.activeElement.id === "reason"`)
	looksAt(tab, "ask")
	tab.Until(`document.querySelector("#send").disabled`)
	tab.ClickText("button", "Incident")
	tab.Until(`document.querySelector("#reason").value === "Incident"`)
	tab.Fill("#reason", "The trial of the new web front end needs nginx on this laptop,\nuntil Friday.")
	tab.Fill("#ticket", "nothing")
	tab.Click("#send")
	tab.Reads("#wrong", "That is no such ticket.")
	tab.Until(`document.querySelector("#reason").value.startsWith("The trial")`)
	tab.Fill("#ticket", "OPS-4711")
	tab.Key("Control+Enter")
	tab.Reads("h1", "Waiting for an answer")
	looksAt(tab, "waiting")
	id := d.newest().ID
	if it := d.newest(); it.Ticket != "OPS-4711" {
		t.Errorf("asked %+v", it)
	}
	d.set(id, "question", func(it *local.Item) {
		it.Asker, it.Question = "Bo Chen", "Would the container of the platform team do as well?"
	})
	tab.Reads("h1", "Bo Chen has a question")
	looksAt(tab, "question")
	tab.Eval(`document.querySelector("#answer").value = "half\u0000", document.querySelector("#answer").dispatchEvent(new Event("input")), 0`, nil)
	tab.Click("#reply")
	tab.Reads(".wrong", "That is not plain text") // and what was typed is still there
	tab.Until(`document.querySelector("#answer").value.startsWith("half") && !document.querySelector("#reply").disabled`)
	tab.Fill("#answer", "No, it has to be reached from the phones here.")
	tab.Click("#reply")
	tab.Reads("h1", "Waiting for an answer")
	d.set(id, "approved", func(it *local.Item) { it.State, it.By, it.Text = "available", "Bo Chen", "Until Friday is fine." })
	tab.Reads("h1", "Access is active")
	tab.Reads("#clock", "24:")
	tab.Reads("#output", "Unpacking nginx")
	looksAt(tab, "active")
	tab.Click("#press-end")
	tab.Reads("h1", "It has ended")
	looksAt(tab, "ended")
	tab.Expect("Scripts may close only", "ERR_CONNECTION_REFUSED") // a tab that a person opened stays, and may ask once more
	tab.Click("#close")
	<-b.over
	tab.Reads("h1", "This page is over")
	looksAt(tab, "over")
}

// TestFormLater: what is approved while nobody waits for it starts with a button;
// a denial is told with its words.
func TestFormLater(t *testing.T) {
	browser.Need(t)
	d := newDoor()
	b := open(t, d, Wish{Path: "/usr/sbin/gparted"}, false)
	tab := b.enters(t)
	tab.Fill("#reason", "The new disk has no partitions yet.")
	tab.Click("#send")
	tab.Reads("h1", "Waiting")
	id := d.newest().ID
	d.set(id, "approved", func(it *local.Item) {
		it.State, it.By, it.Until = "available", "Bo Chen", time.Now().Add(10*time.Minute)
	})
	tab.Reads("h1", "Approved")
	looksAt(tab, "approved")
	tab.Phone()
	tab.Fits()
	tab.Size(1000, 760, 1)
	tab.Click("#press-run")
	tab.Reads("h1", "Access is active")
	close(d.ended[id])
	tab.Reads("h1", "It has ended")

	d = newDoor()
	b = open(t, d, apt(), false)
	b.form.change(func() { b.form.tongue = words.German })
	tab = b.enters(t)
	tab.Reads("h1", "Freigabe anfragen")
	looksAt(tab, "german")
	tab.Phone()
	tab.Fits()
	tab.Picture("tray-form-phone")
	tab.Size(1000, 760, 1)
	b.form.change(func() { b.form.tongue = words.English })
	tab.Fill("#reason", "a web server for the trial")
	tab.Click("#send")
	tab.Reads("h1", "Waiting")
	d.set(d.newest().ID, "denied", func(it *local.Item) {
		it.State, it.By, it.Text = "denied", "Bo Chen", "Please use the container of the platform team: it has what you need, and is kept up to date."
	})
	tab.Reads("h1", "Denied")
	looksAt(tab, "denied")
}

// TestPickInABrowser: a program is found by a part of its name, by the keyboard.
func TestPickInABrowser(t *testing.T) {
	browser.Need(t)
	b := open(t, newDoor(), Wish{}, false)
	tab := b.enters(t)
	tab.Sees("#programs button")
	looksAt(tab, "pick")
	tab.Fill("#search", "synap")
	tab.Until(`document.querySelectorAll("#programs button").length === 1`)
	tab.Key("Enter")
	tab.Reads("h2", "Software")
	tab.Until(`document.activeElement.id === "reason"`)
}

// TestStolenLink: the link is worth nothing to a second browser, and the page says
// so; the first one goes on after a reload.
func TestStolenLink(t *testing.T) {
	browser.Need(t)
	b := open(t, newDoor(), apt(), false)
	tab := b.enters(t)
	tab.Sees("#reason")
	other := browser.Open(t)
	other.Expect("401")
	other.Go(b.link)
	other.Reads("h1", "This page is over")
	tab.Eval(`location.reload()`, nil)
	tab.Sees("#reason")
}
