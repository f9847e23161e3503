package desk

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// follow collects the events that somebody is sent, until one of the last kind.
func (p *Person) follow(last string, meanwhile func()) []client.Event {
	p.desk.T.Helper()
	ctx, cancel := context.WithTimeout(p.desk.T.Context(), Patience)
	defer cancel()
	var events []client.Event
	done := make(chan error, 1)
	go func() {
		done <- p.Follow(ctx, "0", func(e client.Event) error {
			events = append(events, e)
			if e.Kind == last {
				cancel()
			}
			return nil
		})
	}()
	meanwhile()
	<-done
	if len(events) == 0 || events[len(events)-1].Kind != last {
		p.desk.T.Fatalf("no %s comes to %s", last, p.Login)
	}
	return events
}

// TestA16NotesAreInNoStream: the requester's live events tell of no note.
func TestA16NotesAreInNoStream(t *testing.T) {
	d := New(t)
	bo, evelyn := d.Person("bo", "approver"), d.Person("evelyn")
	web := d.Endpoint("web-1")
	d.link(evelyn, web, "eve")
	id := web.Ask("eve", "/usr/bin/id")
	hers := evelyn.follow("request.denied", func() {
		bo.Does("ask", id, map[string]any{"note": "xyzzy"})
		bo.Does("deny", id, map[string]any{"note": "xyzzy again"})
	})
	for _, e := range hers {
		if e.Kind == "request.noted" || strings.Contains(JSON(e), "xyzzy") {
			t.Errorf("she is sent %s", JSON(e))
		}
	}
	his, noted := bo.follow("request.denied", func() {}), 0
	for _, e := range his {
		if e.Kind == "request.noted" {
			noted++
		}
	}
	if noted != 2 {
		t.Errorf("an approver is told of %d notes", noted)
	}
}

// TestT5ApproversAreHidden: with show_approvers off a requester learns at no
// door who asks, answers or could.
func TestT5ApproversAreHidden(t *testing.T) {
	d := New(t)
	bo, cy, evelyn := d.Person("bobby-approver", "approver"), d.Person("cyrus-approver", "approver"), d.Person("evelyn")
	d.Settings(map[string]any{"show_approvers": false})
	web := d.Endpoint("web-1")
	d.link(evelyn, web, "eve")
	id := web.Ask("eve", "/usr/bin/id")
	hidden := func(where, text string) {
		t.Helper()
		for _, secret := range []string{bo.Login, cy.Login, "The bobby", "The cyrus", bo.ID, cy.ID} {
			if strings.Contains(text, secret) {
				t.Errorf("%s tells of %s: %s", where, secret, text)
			}
		}
	}
	if p := Wait(web, wire.TProgress, func(m wire.Progress) bool { return string(m.Request) == id }); len(p.CanAnswer) != 1 || p.CanAnswer[0] != "Approvers" {
		t.Errorf("who can answer: %v", p.CanAnswer)
	}
	stream := evelyn.follow("grant.revoked", func() {
		bo.Does("claim", id, nil)
		bo.Does("ask", id, map[string]any{"comment": "which?"})
		bo.Does("prioritize", id, map[string]any{"priority": "high"})
		cy.Does("approve", id, map[string]any{"comment": "fine"})
		cy.Does("revoke", id, map[string]any{"comment": "over"})
	})
	hidden("the question", web.Question(id).By)
	hidden("the decision", web.Decision(id).By)
	hidden("the stream", JSON(stream))
	for _, path := range []string{"/requests/" + id, "/requests/" + id + "/timeline", "/requests?mine=true&status=all", "/requests/" + id + "/explain"} {
		status, _, text := d.Raw(evelyn, "GET", "/api/v1"+path, "")
		if status != 200 {
			t.Errorf("%s answers %d", path, status)
		}
		hidden(path, text)
	}
	if r := evelyn.See(id); r.Decision.By == nil || r.Decision.By.Login != "an approver" || *r.Decision.Comment != "fine" {
		t.Errorf("%s", JSON(r.Decision))
	}
	if r := bo.See(id); r.Decision.By.Login != cy.Login {
		t.Errorf("an approver sees %s", JSON(r.Decision))
	}
}

// TestU11UndoTakesALastingAnswerBack: what was undone lasts for nobody.
func TestU11UndoTakesALastingAnswerBack(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver").SignIn()
	d.Settings(map[string]any{"undo_seconds": 60})
	web := d.Endpoint("web-1")
	a := web.Attempt("eve", "/usr/bin/id", "-u")
	a.AtTerminal = false
	id := web.AskWith(a, "because I must", "")
	bo.Does("approve", id, map[string]any{"lasts": "8h"})
	bo.Does("undo", id, nil)
	if got := d.Kinds(id); !strings.Contains(got, "access.granted") || !strings.Contains(got, "access.ended") {
		t.Errorf("it happened: %s", got)
	}
	bo.Does("deny", id, nil)
	d.Pass(2 * time.Minute)
	if got := web.Decision(id); got.Verdict != elevation.Denied {
		t.Errorf("%+v", got)
	}
	again := web.Attempt("eve", "/usr/bin/id", "-u")
	if got := web.Send(again); got != wire.TNeed {
		t.Errorf("the same again is answered by %s", got)
	}
}
