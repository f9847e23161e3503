package console_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/browser"
)

// stall holds the readings of the list from now on, each with what it found; the
// returned function lets them arrive.
func (d *desk) stall() (arrive func()) {
	slow := make(chan struct{})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slow, d.slowed = slow, 0
	return func() {
		d.mu.Lock()
		d.slow = nil
		d.mu.Unlock()
		close(slow)
	}
}

// settled waits until what has arrived is drawn.
func settled(b *browser.Tab) {
	b.T.Helper()
	b.Eval(`fetch("/api/v1/me").then(() => new Promise((done) => setTimeout(done, 200)))`, nil)
}

// A request is made while the list is on its way, so that the list does not have
// it yet: it stays where the event has put it. So it is when a tab comes back
// while another takes the lead, and each reads the list.
func TestNewsDuringAReading(t *testing.T) {
	d := newDesk(t)
	one := d.submit(asked("dina", "ubu-0810", "packages are out of date", time.Minute, "normal", "/usr/bin/apt", "update"))
	b := person(t, d)
	signIn(b, "bo")
	b.Sees("#" + one.ID)
	d.wait(t, func() bool { return len(d.followers) == 1 })

	arrive := d.stall()
	d.drop() // the stream begins anew, and the list is read
	d.wait(t, func() bool { return d.slowed > 0 && len(d.followers) == 1 })
	two := d.submit(asked("hiro", "ubu-0811", "the printer does not print", time.Second, "normal", "/usr/bin/systemctl", "restart", "cups"))
	b.Sees("#" + two.ID)
	arrive()
	settled(b)
	b.Sees("#" + two.ID)
	b.Sees("#" + one.ID)

	arrive = d.stall()
	second := b.Another()
	second.Go("#/")
	d.wait(t, func() bool { return d.slowed > 0 })
	three := d.submit(asked("eve", "ubu-0812", "mail is down", time.Second, "normal", "/usr/bin/systemctl", "restart", "postfix"))
	b.Sees("#" + three.ID)
	second.Until(`document.title.startsWith("(1)")`) // it has heard of it
	arrive()
	second.Sees("#" + one.ID)
	second.Sees("#" + two.ID)
	second.Sees("#" + three.ID)
	second.Until(`document.title.startsWith("(3)")`)
}

// A request comes to the top while a page further below is on its way: no row is
// overwritten.
func TestNewsAboveAReading(t *testing.T) {
	d := newDesk(t)
	ids := make([]string, 150)
	for n := range ids {
		ids[n] = d.submit(asked("dina", "ubu-0810", fmt.Sprint("reason ", n), time.Hour-time.Duration(n)*time.Second, "normal", "/usr/bin/apt", "update")).ID
	}
	b := person(t, d)
	signIn(b, "bo")
	b.Sees("#" + ids[0])
	arrive := d.stall()
	b.Eval(`document.querySelector(".lines").scrollTop = 56 * 64`, nil)
	d.wait(t, func() bool { return d.slowed > 0 })
	urgent := asked("eve", "ubu-0812", "mail is down", time.Second, "urgent", "/usr/bin/systemctl", "restart", "postfix")
	d.mu.Lock()
	d.requests = append([]*client.Request{urgent}, d.requests...)
	d.tell("request.submitted", urgent)
	d.mu.Unlock()
	b.Until(`document.querySelector(".lines").ariaRowCount === "151"`)
	arrive()
	settled(b)
	for n := 55; n < 65; n++ {
		b.Until(`document.getElementById(` + browser.Quote(ids[n]) + `)?.ariaRowIndex === ` + browser.Quote(fmt.Sprint(n+2)))
	}
}

// A page that is put away holds no connection and leads nobody; one that is shown
// again begins anew.
func TestPagePutAway(t *testing.T) {
	d := newDesk(t)
	first := person(t, d)
	signIn(first, "bo")
	d.wait(t, func() bool { return len(d.followers) == 1 }) // the first page leads
	second := first.Another()
	second.Go("#/")
	second.Sees(".empty")
	first.Eval(`dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true })), 0`, nil)
	one := asked("dina", "ubu-0810", "packages are out of date", time.Minute, "normal", "/usr/bin/apt", "update")
	d.mu.Lock()
	d.requests = append(d.requests, one) // whoever leads now reads it
	d.mu.Unlock()
	second.Sees("#" + one.ID)
	if n := first.Number("#" + one.ID); n != 0 {
		t.Error("the page that was put away still listens")
	}
	first.Eval(`dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })), 0`, nil)
	first.Sees("#" + one.ID)
	d.wait(t, func() bool { return len(d.followers) == 1 })
}

// A reading of the list that breaks while the page is live is tried again without
// anybody's help.
func TestBrokenReading(t *testing.T) {
	d := newDesk(t)
	one := d.submit(asked("dina", "ubu-0810", "packages are out of date", time.Minute, "normal", "/usr/bin/apt", "update"))
	d.breaks = 2 // a browser tries once more by itself
	b := person(t, d)
	b.Expect("ERR_EMPTY_RESPONSE")
	signIn(b, "bo")
	b.Sees("#" + one.ID)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.breaks != 0 {
		t.Errorf("%d readings were not made", d.breaks)
	}
}
