package tray

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/desktop"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/words"
)

// typist answers dialogs with what they have ready, and closes the next one.
type typist struct {
	mu    sync.Mutex // guards the fields below
	ready []string
	asked []desktop.Question
	told  []string
}

func (p *typist) Ask(_ context.Context, q desktop.Question) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, q)
	if len(p.ready) == 0 {
		return "", desktop.ErrClosed
	}
	text := p.ready[0]
	p.ready = p.ready[1:]
	return text, nil
}

func (p *typist) Tell(_ context.Context, _, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = append(p.told, text)
	return nil
}

// noPage is a desk that no page can be shown on; its work is over when it returns.
func noPage(t *testing.T, d *door, sits bool, w Wish, ready ...string) *typist {
	t.Helper()
	p := &typist{ready: ready}
	desk := NewDesk(t.Context(), DeskConfig{Dialog: p, Show: func(string) error { return errors.New("no browser") },
		Form: FormConfig{Agent: d, Sits: sits, Env: func(string) string { return "" }, Folder: "/home/lena", Reasons: &words.Reasons{}}})
	stop := served(t.Context(), d, desk.all)
	if err := desk.Open(w); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { desk.work.Wait(); close(over) }()
	select {
	case <-over:
	case <-time.After(20 * time.Second):
		t.Fatalf("it never ends: %+v", p.asked)
	}
	stop()
	desk.Close()
	if n := len(d.opts); n > 1 {
		t.Errorf("one wish made %d attempts", n)
	}
	return p
}

// TestByDialog: without a page it is the agent's wish that counts, not one of ours;
// what is approved later waits for its person.
func TestByDialog(t *testing.T) {
	d := newDoor()
	d.wants.Ticket, d.wants.Message = "OPS-[0-9]+", "Ask the service desk first."
	p := noPage(t, d, true, apt(), "short", "OPS-1", "a web server", "nothing", "a web server", "OPS-7")
	var texts []string
	for _, q := range p.asked {
		texts = append(texts, q.Text[strings.LastIndexByte(q.Text, '\n')+1:])
	}
	why, ticket := "Why do you need this? (at least 8 characters)", "Ticket (like OPS-[0-9]+)"
	if !slices.Equal(texts, []string{why, ticket, why, ticket, why, ticket}) || len(p.told) != 0 {
		t.Errorf("asked %q, told %q", texts, p.told)
	}
	for i, part := range []string{0: "Platform, Service desk", 2: "Please give at least 8 characters.", 4: "That is no such ticket."} {
		if !strings.Contains(p.asked[i].Text, part) || !strings.Contains(p.asked[i].Text, "/usr/bin/apt install nginx needs an approval.") || !strings.Contains(p.asked[i].Text, "service desk first") {
			t.Errorf("%d: %q", i, p.asked[i].Text)
		}
	}
	it := d.newest()
	if it.Justification != "a web server" || it.Ticket != "OPS-7" || it.State != "pending" || it.Asker != "" || !slices.Equal(p.asked[0].Choices[:1], []string{"Planned maintenance"}) {
		t.Errorf("asked for %+v with %q", it, p.asked[0].Choices)
	}
	d.set(it.ID, "approved", func(it *local.Item) { it.State = "available" })
	if it := d.newest(); it.State != "available" {
		t.Errorf("it began by itself: %+v", it)
	}
}

// A company that wants a word gets a word, one that wants nothing asks nothing.
func TestByDialogAsTheAgentWants(t *testing.T) {
	d := newDoor()
	d.wants.Reason = 1
	noPage(t, d, true, apt(), "ok")
	if it := d.newest(); it.Justification != "ok" || it.State != "pending" {
		t.Errorf("asked for %+v", it)
	}
	d = newDoor()
	d.rule = "the rule x"
	go func() { // the program ends soon
		d.attempts(t, 1)
		d.await(t.Context(), d.newest().ID, func(it local.Item) bool { return it.State == "active" })
		d.set(d.newest().ID, "ended", func(it *local.Item) { it.State, it.Until = "ended", time.Time{} })
	}()
	if p := noPage(t, d, true, apt()); len(p.asked)+len(p.told) != 0 {
		t.Errorf("asked %+v, told %q", p.asked, p.told)
	}
	d = newDoor() // another program asks for reasons: this one sends what it has
	p := noPage(t, d, false, Wish{}, "/usr/bin/synaptic", "x")
	if it := d.newest(); it.Path != "/usr/bin/synaptic" || it.Justification != "x" || len(p.asked) != 2 {
		t.Errorf("asked for %+v", it)
	}
}

// Who closes the dialog asks for nothing; who can not be served is told.
func TestByDialogClosed(t *testing.T) {
	d := newDoor()
	p := noPage(t, d, true, apt())
	if it := d.newest(); it.State != "cancelled" || len(p.asked) != 1 {
		t.Errorf("asked for %+v", it)
	}
	if p = noPage(t, newDoor(), true, Wish{}); len(p.asked) != 1 || len(p.told) != 0 {
		t.Errorf("asked %+v", p.asked)
	}
	d = newDoor()
	d.status.Connected = false
	if p = noPage(t, d, true, apt()); len(p.asked) != 0 || !slices.Equal(p.told, []string{"the Assent controller can not be reached"}) {
		t.Errorf("asked %+v, told %q", p.asked, p.told)
	}
	d = newDoor()
	if p = noPage(t, d, true, apt(), "", "", "", "", "", "", ""); len(p.asked) != maxFilled {
		t.Errorf("asked %d times", len(p.asked))
	}
}
