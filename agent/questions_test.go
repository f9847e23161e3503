package agent

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

const (
	alice    = "1001"
	aliceUID = 1001
)

// queued makes a request wait and returns its id. ask is filled as for somebody
// at a terminal.
func (d *desk) queued(ctx context.Context, p intercept.Person) (elevation.RequestID, <-chan result) {
	d.t.Helper()
	done := d.elevate(ctx, intercept.Ask{Attempt: attempt(), Justification: "printer driver", AtTerminal: true}, p)
	m := next[wire.Attempt](d)
	d.answer(wire.TNeed, wire.Need{Request: m.Request, ReasonMin: 8})
	next[wire.Complete](d)
	d.answer(wire.TProgress, wire.Progress{Request: m.Request, Position: 1})
	return m.Request, done
}

func TestQuestionAtTheTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		p := &person{replies: make(chan string)}
		id, done := d.queued(t.Context(), p)
		for range 2 { // the same frame twice is one question
			d.answer(wire.TQuestion, wire.Question{Request: id, By: "bo", Text: "why on a Sunday?"})
		}
		synctest.Wait()
		if len(p.asked) != 1 || p.asked[0].Text != "why on a Sunday?" || p.asked[0].By != "bo" {
			t.Fatalf("asked %+v", p.asked)
		}
		if st := d.list(alice); st.Question != "why on a Sunday?" || st.Asker != "bo" {
			t.Errorf("the list shows %+v", st)
		}
		lines := len(p.lines)
		p.replies <- " the shop is closed "
		if a := next[wire.Answer](d); a.Request != id || a.Text != "the shop is closed" {
			t.Errorf("answered %+v", a)
		}
		d.answer(wire.TAccepted, wire.Accepted{Request: id})
		synctest.Wait()
		if len(p.lines) <= lines {
			t.Error("the waiting line did not go on")
		}
		if n, _ := d.journal.get(id); n.asked() >= 0 || n.untaken() != "" {
			t.Errorf("still open: %+v", n.Questions)
		}
		d.answer(wire.TQuestion, wire.Question{Request: id, By: "bo", Text: "and why you?"})
		synctest.Wait()
		d.answer(wire.TDecision, d.grantFor(id, attempt(), nil)) // nobody answers, somebody approves
		if r := <-done; r.err != nil {
			t.Error(r.err)
		}
		d.Close()
	})
}

// list is the newest request in a user's list.
func (d *desk) list(user string) local.Item {
	d.t.Helper()
	items := d.List(user)
	if len(items) == 0 {
		return local.Item{}
	}
	return items[0]
}

func TestQuestionIsKeptAndAnsweredLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		d := newDesk(t, dir)
		ctx, lose := context.WithCancel(t.Context())
		id, done := d.queued(ctx, &person{})
		lose()
		<-done
		d.answer(wire.TQuestion, wire.Question{Request: id, By: "bo", Text: "why?"})
		d.Close()

		d = newDesk(t, dir)
		d.down = true
		if it := d.list(alice); it.Question != "why?" || d.Agent.notesOf(alice)[0].asked() != 0 {
			t.Fatalf("after a restart: %+v", it)
		}
		for name, c := range map[string]struct {
			user string
			text string
			want error
		}{
			"somebody else's": {"1002", "because", local.ErrNotFound},
			"empty":           {alice, "  ", local.ErrInvalid},
			"no text":         {alice, "a\xff", local.ErrInvalid},
			"too long":        {alice, strings.Repeat("x", elevation.MaxComment+1), local.ErrInvalid},
		} {
			if err := d.Answer(c.user, id, c.text); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := d.Answer(alice, id, "because"); err != nil { // offline: it is kept
			t.Fatal(err)
		}
		if err := d.Answer(alice, id, "once more"); !errors.Is(err, local.ErrConflict) {
			t.Errorf("a second answer: %v", err)
		}
		d.Close()

		d = newDesk(t, dir)
		d.Online(true)
		if a := next[wire.Answer](d); a.Request != id || a.Text != "because" {
			t.Errorf("sent %+v", a)
		}
		d.Online(true)
		if len(d.sent) != 0 {
			t.Error("it is sent again while the link has it")
		}
		d.answer(wire.TAccepted, wire.Accepted{Request: id})
		if n, _ := d.journal.get(id); n.untaken() != "" {
			t.Error("it is not known to be taken")
		}
		d.Close()
	})
}

// A refused answer once would have ended the held attempt as if it were denied.
func TestRefusedAnswerDeniesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		p := &person{replies: make(chan string)}
		id, done := d.queued(t.Context(), p)
		d.answer(wire.TQuestion, wire.Question{Request: id, By: "bo", Text: "why?"})
		p.replies <- "because"
		next[wire.Answer](d)
		d.answer(wire.TError, wire.Error{Request: id, Code: wire.CodeInvalid, Text: "no question is open"})
		synctest.Wait()
		if len(p.said) == 0 || !strings.Contains(p.said[len(p.said)-1], "no question is open") {
			t.Errorf("said %q", p.said)
		}
		d.answer(wire.TDecision, d.grantFor(id, attempt(), nil))
		if r := <-done; r.err != nil {
			t.Error(r.err)
		}
		d.Close()
	})
}

func TestAnswerFromElsewhereEndsThePrompt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		p := &person{replies: make(chan string)}
		id, done := d.queued(t.Context(), p)
		d.answer(wire.TQuestion, wire.Question{Request: id, By: "bo", Text: "why?"})
		synctest.Wait()
		go func() {
			next[wire.Answer](d)
			d.answer(wire.TAccepted, wire.Accepted{Request: id})
		}()
		if err := d.Answer(alice, id, "because"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		select {
		case p.replies <- "too late":
			t.Error("the prompt still waits")
		default:
		}
		d.answer(wire.TClosed, wire.Closed{Request: id, Why: wire.ClosedExpired})
		if r := <-done; !errors.Is(r.err, intercept.ErrExpired) {
			t.Error(r.err)
		}
		if err := d.Answer(alice, id, "late"); !errors.Is(err, local.ErrConflict) {
			t.Errorf("an answer to what is over: %v", err)
		}
		d.Close()
	})
}

func TestEnterAloneKeepsTheQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		p := &person{replies: make(chan string)}
		id, done := d.queued(t.Context(), p)
		d.answer(wire.TQuestion, wire.Question{Request: id, By: "bo", Text: "why?"})
		p.replies <- ""
		synctest.Wait()
		if n, _ := d.journal.get(id); n.asked() != 0 || len(p.asked) != 1 {
			t.Errorf("%+v, asked %d times", n.Questions, len(p.asked))
		}
		if len(p.said) != 1 || !strings.Contains(p.said[0], "assent answer") {
			t.Errorf("said %q", p.said)
		}
		d.answer(wire.TDecision, wire.Decision{Request: id, Verdict: elevation.Denied, By: "bo"})
		<-done
		d.answer(wire.TQuestion, wire.Question{Request: elevation.NewRequestID(time.Now()), By: "bo", Text: "what is this?"}) // of another desk
		d.Close()
	})
}

func TestTheStoryOfARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, t.TempDir())
		p := &person{replies: make(chan string)}
		id, done := d.queued(t.Context(), p)
		synctest.Wait()
		d.answer(wire.TQuestion, wire.Question{Request: id, By: "bo", Text: "why?"})
		p.replies <- "because"
		next[wire.Answer](d)
		d.answer(wire.TDecision, d.grantFor(id, attempt(), nil))
		r := <-done
		d.use(r.permit)
		if err := d.end(t.Context(), r.permit.Grant.ID, elevation.Completed); err != nil {
			t.Fatal(err)
		}
		it, err := d.View(alice, id)
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for _, e := range it.Timeline {
			kinds = append(kinds, e.Kind)
		}
		if want := []string{"asked", "queued", "question", "answer", "approved", "started", "ended"}; !slices.Equal(kinds, want) {
			t.Errorf("got %v, want %v", kinds, want)
		}
		d.Close()
	})
}

// use brings a permit into force without a program.
func (d *desk) use(p intercept.Permit) {
	d.t.Helper()
	if _, _, err := d.arm(d.t.Context(), p, func(*grants.Entry) {}); err != nil {
		d.t.Fatal(err)
	}
	if err := d.Start(d.t.Context(), p.Grant.ID); err != nil {
		d.t.Fatal(err)
	}
}
