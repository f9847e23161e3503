package console

import (
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/shared/elevation"
)

// Where the frame scrolls inside, the page has no second bar to scroll by, and the
// line of keys says nothing by halves.
func TestNothingIsTallerThanTheWindow(t *testing.T) {
	d, _, b := open(t, "administrator")
	fill(d)
	b.Size(1280, 757, 1)
	for _, page := range []string{"#/", "#/all", "#/mine", "#/endpoints", "#/rules", "#/people", "#/settings", "#/nonsense"} {
		b.Go(page)
		b.Sees(".frame main")
		b.Fits()
	}
	b.Go("#/")
	b.Reads(".keys .rest", "Longest wait")
	b.Until(`[...document.querySelectorAll(".keys .rest, .keys .ghost")].every((e) => e.scrollWidth <= e.clientWidth && e.getBoundingClientRect().right <= document.querySelector(".keys").getBoundingClientRect().right)`)
}

// An address that names nothing says so and leads on; the queue is also found by
// its name.
func TestAddressOfNothing(t *testing.T) {
	d, _, b := open(t, "approver")
	fill(d)
	b.Go("#/all")
	b.Reads("main h1", "Requests")
	b.Go("#/nonsense")
	b.Reads("main h1", "There is no such page")
	b.Looks("nowhere", nil)
	b.ClickText("main a", "To the queue")
	b.Sees(".list .row")
	b.Go("#/all")
	b.Reads("main h1", "Requests")
	b.Go("#/queue")
	b.Sees(".list .row")
	b.Reads(".side .on", "Queue")
}

// A session is for no one program: the page says for how long everything may be
// done, and asks for no look at a program that there is not. What one vote decided
// is told once.
func TestSessionIsSaidPlainly(t *testing.T) {
	d, p, b := open(t, "approver")
	web := d.Able([]string{"session"}, "web-1")
	a := web.Attempt("dina.osei", "/usr/bin/bash")
	a.Attempt.AccessType, a.Attempt.Mechanism = elevation.Session, "session"
	a.Attempt.Subject = elevation.Subject{RunAs: "root", Cwd: "/home/dina.osei"}
	id := web.AskWith(a, "Several services need a restart after the update of libc.", "")
	b.Go("#/requests/" + id)
	b.Reads(".details h1", "Session in a terminal")
	b.Reads(".details .sub", "for 30 minutes")
	b.Reads(".details dl", "30 minutes, normal priority")
	var text string
	b.Eval(`document.querySelector(".details").innerText`, &text)
	for _, not := range []string{"Program\n", "Arguments\n", "nobody has asked", "Publisher", "once, "} {
		if strings.Contains(text, not) {
			t.Errorf("a session has %q: %s", not, text)
		}
	}
	if n := strings.Count(strings.ToLower(text), "full root"); n > 1 {
		t.Errorf("full root is said %d times", n)
	}
	b.Looks("session", nil)
	p.Does("approve", id, nil)
	if r := p.See(id); r.Granted == nil || r.Granted.DurationSeconds != int64((30*time.Minute)/time.Second) {
		t.Errorf("granted %s", desk.JSON(r.Granted))
	}
	b.Go("#/all/" + id)
	b.Reads(".timeline", "Request approved")
	b.Eval(`document.querySelector(".timeline").innerText`, &text)
	if strings.Contains(text, "Voted") || strings.Contains(text, ": approved") {
		t.Errorf("one vote is told twice: %s", text)
	}
}

// The door says what the name in its corner is.
func TestDoorNamesItsController(t *testing.T) {
	_, b := browsing(t)
	b.Go("#/")
	b.Reads(".card .cluster", "This controller:")
	b.Looks("door", nil)
}
