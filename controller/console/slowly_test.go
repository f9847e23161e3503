package console_test

import (
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/browser"
)

// hold keeps what goes through one of the desk's gates on its way; the returned
// function lets it arrive.
func (d *desk) hold(gate *chan struct{}) (arrive func()) {
	way := make(chan struct{})
	d.mu.Lock()
	defer d.mu.Unlock()
	*gate = way
	return func() {
		d.mu.Lock()
		*gate = nil
		d.mu.Unlock()
		close(way)
	}
}

// two are a person at the queue with two requests, the first of them chosen.
func two(t *testing.T) (d *desk, b *browser.Tab, one, other *client.Request) {
	t.Helper()
	d = newDesk(t)
	one = d.submit(asked("dina", "ubu-0810", "restart after the update", 2*time.Minute, "normal", "/usr/bin/systemctl", "restart", "nginx"))
	other = d.submit(asked("hiro", "ubu-0811", "the printer does not print", time.Minute, "normal", "/usr/bin/systemctl", "restart", "cups"))
	b = person(t, d)
	b.EveryPage(`window.shown = 0;
		const show = HTMLDialogElement.prototype.showModal;
		HTMLDialogElement.prototype.showModal = function () { window.shown++; show.call(this); };`)
	signIn(b, "bo")
	b.Until(on(one.ID))
	b.Sees(".details .answer")
	d.wait(t, func() bool { return len(d.followers) > 0 })
	return d, b, one, other
}

// on says in the page's language that the row of a request is the chosen one.
func on(id string) string {
	return `document.querySelector(".row[aria-selected=true]")?.id === ` + browser.Quote(id)
}

// The event of an answer overtakes the reply to it: what is pressed on what the
// page shows then is not lost.
func TestKeysBeforeTheReply(t *testing.T) {
	d, b, one, _ := two(t)
	arrive := d.hold(&d.replies)
	b.Key("a")
	b.Reads(".details .decided", "Approved by you")
	b.Key("z")
	arrive()
	b.Sees(".details .answer")
	if got := d.decision(one.ID); got != nil {
		t.Errorf("taken back, but the controller has %+v", got)
	}

	b.Key("a")
	b.Reads(".details .decided", "Approved by you")
	settled(b)
	arrive = d.hold(&d.replies)
	b.Key("z")
	b.Sees(".details .answer")
	b.Key("d")
	b.Type("#comment", "not this week")
	b.Key("Control+Enter")
	arrive()
	b.Reads(".details .decided", "Denied by you")
	if got := d.decision(one.ID); got == nil || got.Verdict != "denied" || got.Comment == nil || *got.Comment != "not this week" {
		t.Errorf("the controller has %+v", got)
	}
}

// The key that takes an answer back is about the last one, also while that is on
// its way: not about what was answered together before it.
func TestUndoOfWhatIsOnItsWay(t *testing.T) {
	d, b, one, _ := two(t)
	arrive := d.hold(&d.verbs)
	b.Key("a")
	b.Until(`document.querySelector(".details button.approve").disabled`)
	b.Key("z")
	arrive()
	d.wait(t, func() bool { return d.seq == 4 }) // two were submitted, one approved, and that taken back
	b.Sees(".details .answer")
	if got := d.decision(one.ID); got != nil {
		t.Errorf("taken back, but the controller has %+v", got)
	}

	d.mu.Lock()
	one.Decision = &client.Decision{Verdict: "denied", By: &client.Person{ID: "usr_mika", Login: "mika"}, At: time.Now(), HeldUntil: ptr(time.Now().Add(time.Minute))}
	d.mu.Unlock()
	b.Expect("409")
	b.Key("a")
	b.Key("z") // of an answer that was not needed nothing is taken back
	b.Reads(".details .first", "mika was first")
	settled(b)
	if got := d.decision(one.ID); got == nil || got.By.Login != "mika" {
		t.Errorf("mika's answer is gone: %+v", got)
	}
}

// A dialog belongs to the request that it was opened for: it comes with the key,
// however soon that follows another, and never for the next request.
func TestDialogsAndTheirRequest(t *testing.T) {
	d, b, one, other := two(t)
	b.Eval(`(async () => {
		for (const key of ["j", "A"]) {
			dispatchEvent(new KeyboardEvent("keydown", { key }));
			await Promise.resolve();
		}
	})()`, nil)
	b.Until(on(other.ID))
	settled(b)
	b.Sees("dialog .scopes")
	b.Key("Escape")
	b.Gone("dialog")

	b.Key("k")
	b.Until(on(one.ID))
	settled(b)
	b.Key("A")
	b.Sees("dialog .scopes")
	arrive := d.hold(&d.replies)
	b.Key("Control+Enter")
	b.Reads(".details .decided", "Approved by you")
	b.Gone("dialog")
	b.Eval(`window.shown = 0`, nil)
	b.Key("j")
	b.Until(on(other.ID))
	settled(b)
	if n := b.Number("dialog"); n != 0 {
		t.Error("a dialog stands there that nobody opened")
	}
	b.Until(`window.shown === 0`)
	arrive()
	settled(b)
	if got := d.decision(other.ID); got != nil {
		t.Errorf("the next request has %+v", got)
	}
}

// A question is sent once, however often its keys are pressed.
func TestAsksOnce(t *testing.T) {
	d, b, one, _ := two(t)
	arrive := d.hold(&d.verbs)
	b.Key("b")
	b.Type("dialog textarea", "which folder?")
	b.Key("Control+Enter")
	b.Key("Control+Enter")
	arrive()
	b.Reads(".questions", "which folder?")
	b.Gone("dialog")
	settled(b)
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(one.Questions) != 1 {
		t.Errorf("asked %d times", len(one.Questions))
	}
}

// What was read before an answer is older than the reply to it, also where no
// event has come yet.
func TestReadingsOlderThanTheReply(t *testing.T) {
	d, b, one, other := two(t)
	b.Key("j")
	b.Until(on(other.ID))
	settled(b)
	late := d.hold(&d.late)
	b.Key("k")
	b.Until(on(one.ID))
	d.wait(t, func() bool { return d.held > 0 }) // it waits, says this reading
	d.mu.Lock()
	deaf := d.followers
	d.followers = map[chan string]bool{}
	d.mu.Unlock()
	b.Key("a")
	b.Reads(".details .decided", "Approved by you")
	b.Eval(`new MutationObserver(() => { if (document.querySelector(".details .answer")) window.back = true; }).observe(document, { childList: true, subtree: true })`, nil)
	late()
	settled(b)
	b.Until(`window.back === undefined`)
	d.mu.Lock()
	d.followers = deaf
	d.mu.Unlock()
}

// Two keys make a command when they are pressed soon after each other, however
// late a slow page comes to them.
func TestTwoKeysOnASlowPage(t *testing.T) {
	_, b, _, _ := two(t)
	b.Eval(`(() => {
		const [g, a] = ["g", "a"].map((key) => new KeyboardEvent("keydown", { key })); // when they are made is when they were pressed
		dispatchEvent(g);
		for (const end = Date.now() + 2000; Date.now() < end;);
		dispatchEvent(a);
	})()`, nil)
	b.Until(`location.hash === "#/all"`)
}
