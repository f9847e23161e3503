package agent

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// This file is about questions of approvers: kept until they are answered, put
// to whoever waits at a terminal, answered from there or by `assent answer`.

// takenWithin is how long a person who sends something waits for the
// controller's word on it.
const takenWithin = 3 * time.Second

// questioned keeps a question and tells those who wait. The same one again is
// the frame that came twice.
func (a *Agent) questioned(m wire.Question) error {
	n, known := a.journal.get(m.Request)
	if !known || !n.open() {
		a.Log.Info("a question is about no request that waits here", "request", m.Request)
		return nil
	}
	if last := len(n.Questions) - 1; last >= 0 && n.Questions[last].AnsweredAt.IsZero() && n.Questions[last].By == m.By && n.Questions[last].Text == m.Text {
		return nil
	}
	now := a.now()
	err := a.journal.update(m.Request, now, func(n *note) {
		if len(n.Questions) >= asksKept {
			n.Questions = n.Questions[1:]
		}
		n.Questions = append(n.Questions, question{By: m.By, Text: m.Text, At: now})
		n.happened(now, "question", m.By, m.Text)
	})
	a.tell(m.Request, func(*holder) {})
	return err
}

// answer keeps the person's answer to what is open and sends it.
func (a *Agent) answer(id elevation.RequestID, text string) error {
	now := a.now()
	err := a.journal.update(id, now, func(n *note) {
		for i := range n.Questions {
			if n.Questions[i].AnsweredAt.IsZero() {
				n.Questions[i].Answer, n.Questions[i].AnsweredAt = text, now
			}
		}
		n.happened(now, "answer", n.Attempt.User.Name, text)
	})
	a.tell(id, func(*holder) {})
	if err != nil {
		return err
	}
	a.sendAnswer(id, text)
	return nil
}

// sendAnswer hands an answer to the link, which keeps it while the agent runs;
// the journal does over a restart.
func (a *Agent) sendAnswer(id elevation.RequestID, text string) {
	if err := a.Conn.Send(wire.TAnswer, wire.Answer{Request: id, Text: text}); err != nil {
		a.Log.Info("an answer waits for the controller", "request", id)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.handed[id] = true
}

// untaken is the answer that the controller is not known to have, "" = none.
func (n note) untaken() string {
	for _, q := range n.Questions {
		if !q.AnsweredAt.IsZero() && !q.Taken {
			return q.Answer
		}
	}
	return ""
}

func (a *Agent) resendAnswers() {
	for _, n := range a.journal.list(func(n note) bool { return n.open() && n.untaken() != "" }) {
		a.mu.Lock()
		has := a.handed[n.ID]
		a.mu.Unlock()
		if !has {
			a.sendAnswer(n.ID, n.untaken())
		}
	}
}

// settleAnswers notes that the controller has spoken about the answers of id.
func (a *Agent) settleAnswers(id elevation.RequestID) error {
	n, ok := a.journal.get(id)
	if !ok || n.untaken() == "" {
		return nil
	}
	a.mu.Lock()
	delete(a.handed, id)
	a.mu.Unlock()
	return a.journal.update(id, a.now(), func(n *note) {
		for i := range n.Questions {
			n.Questions[i].Taken = n.Questions[i].Taken || !n.Questions[i].AnsweredAt.IsZero()
		}
	})
}

// asking is a question at somebody's prompt.
type asking struct {
	n      int // its place in the journal
	cancel context.CancelFunc
	done   chan reply // holds one
}

type reply struct {
	text string
	err  error
}

// question puts the next open question to the person who waits, and takes one
// away that was answered elsewhere.
func (w *wait) question(ctx context.Context) {
	if w.stage != stageFollow || w.ask.NoWait || w.ask.RulesOnly || !w.ask.AtTerminal {
		return
	}
	n, ok := w.a.journal.get(w.id)
	if !ok {
		return
	}
	if w.asking != nil {
		if w.asking.n < len(n.Questions) && !n.Questions[w.asking.n].AnsweredAt.IsZero() {
			w.asking.cancel()
		}
		return
	}
	for i := w.put; i < len(n.Questions); i++ {
		q := n.Questions[i]
		if w.put = i + 1; !q.AnsweredAt.IsZero() {
			continue
		}
		asking := &asking{n: i, done: make(chan reply, 1)}
		ctx, asking.cancel = context.WithCancel(ctx)
		go func() {
			text, err := w.p.Question(ctx, intercept.Question{Request: w.id, By: q.By, Text: q.Text})
			asking.done <- reply{text: text, err: err}
		}()
		w.asking = asking
		return
	}
}

// replies is where the answer to the present question comes from; it is never
// ready when there is none.
func (w *wait) replies() <-chan reply {
	if w.asking == nil {
		return nil
	}
	return w.asking.done
}

// replied passes on what the person typed.
func (w *wait) replied(r reply) {
	text := strings.TrimSpace(r.text)
	n, _ := w.a.journal.get(w.id)
	switch {
	case n.asked() < 0: // answered elsewhere meanwhile
	case r.err != nil || text == "":
		w.p.Say("The question stays open; answer it with: assent answer " + elevation.ShortID(string(w.id)) + " TEXT")
	default:
		if err := w.a.answer(w.id, text); err != nil {
			w.a.Log.Error("keep an answer", "request", w.id, "error", err)
		}
	}
}

// endQuestion takes the question away from the person and waits until their
// terminal is free again.
func (w *wait) endQuestion() {
	if w.asking == nil {
		return
	}
	w.asking.cancel()
	<-w.asking.done
	w.asking = nil
}

// Answer replies to the open questions about a request of the user's.
func (a *Agent) Answer(user string, id elevation.RequestID, text string) error {
	if d := a.draftOf(user, id); d != nil {
		return a.giveReason(d, text)
	}
	n, err := a.noteOf(user, id)
	if err != nil {
		return err
	}
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return fmt.Errorf("%w: the answer is empty", local.ErrInvalid)
	case elevation.CheckText("answer", text, elevation.MaxComment) != nil:
		return fmt.Errorf("%w: the answer is no plain text, or longer than %d bytes", local.ErrInvalid, elevation.MaxComment)
	case !n.open():
		return fmt.Errorf("%w: it is %s", local.ErrConflict, a.state(n))
	case n.asked() < 0:
		return fmt.Errorf("%w: nobody has asked anything", local.ErrConflict)
	}
	return a.confirmed(id, n.Attempt, func() error { return a.answer(id, text) })
}

// confirmed does something about a request and waits a moment for the
// controller's word: its refusal is the error. Without a word it goes on later.
func (a *Agent) confirmed(id elevation.RequestID, attempt elevation.Attempt, act func() error) error {
	h := a.hold(id, attempt)
	defer a.release(id, h)
	if err := act(); err != nil {
		return err
	}
	over := time.NewTimer(takenWithin)
	defer over.Stop()
	for {
		h.mu.Lock()
		taken, refusal, final := h.taken, h.refusal, h.final
		h.mu.Unlock()
		switch {
		case refusal != nil:
			return fmt.Errorf("%w: %w", local.ErrConflict, refusal)
		case taken > 0 || final != nil:
			return nil
		}
		select {
		case <-h.wake:
		case <-over.C:
			return nil
		}
	}
}
