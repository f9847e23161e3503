package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/elevation"
)

// This file has people confirm with their password where nobody can ask for it: a
// program at their desktop does (`assent desktop`), in a dialog. A password lives
// in memory between the dialog and the check, and nowhere else.

// typedPasswords are the questions for a password that stand at desktops.
type typedPasswords struct {
	mu   sync.Mutex // guards the field below
	open map[elevation.RequestID]*passwordAsk
}

// passwordAsk is one approval that waits for a password.
type passwordAsk struct {
	uid, name string
	left      int         // tries
	typed     chan string // holds one; "" = the person leaves it
}

// begin opens a question, nil = that request has one already.
func (p *typedPasswords) begin(g elevation.Grant) *passwordAsk {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[g.Request] != nil {
		return nil
	}
	if p.open == nil {
		p.open = map[elevation.RequestID]*passwordAsk{}
	}
	q := &passwordAsk{uid: g.User.UID, name: g.User.Name, left: confirmTries, typed: make(chan string, 1)}
	p.open[g.Request] = q
	return q
}

func (p *typedPasswords) end(id elevation.RequestID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, id)
}

// wrong takes one try away.
func (p *typedPasswords) wrong(q *passwordAsk) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q.left--
}

// give passes a password on to whoever checks it.
func (p *typedPasswords) give(user string, id elevation.RequestID, password string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.open[id]
	if q == nil || q.uid != user {
		return fmt.Errorf("%w: it waits for no password", local.ErrConflict)
	}
	select {
	case q.typed <- password:
		return nil
	default:
		return fmt.Errorf("%w: another password is being checked", local.ErrConflict)
	}
}

// wants is what a program at the user's desktop is to ask for, nil = nothing.
func (p *typedPasswords) wants(user string, id elevation.RequestID, w elevation.Words) *local.Wants {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.open[id]
	if q == nil || q.uid != user {
		return nil
	}
	return &local.Wants{Password: q.name, Tries: q.left, Wrong: q.left < confirmTries, Words: w}
}

// Confirm implements local's Confirms.
func (a *Agent) Confirm(user string, id elevation.RequestID, password string) error {
	return a.typed.give(user, id, password)
}

// secretSource asks one person for their password, at their prompt or, where they
// have none, at their desktop.
type secretSource struct {
	a *Agent
	g elevation.Grant
	p intercept.Person
	t words.Tongue
	q *passwordAsk // the question at the desktop, nil = it is not asked there
}

// next waits for a password. [intercept.ErrNobody] when there is no way to ask or
// nobody types one in time, [intercept.ErrWithdrawn] when the person leaves it.
func (s *secretSource) next(ctx context.Context) (string, error) {
	if can, ok := s.p.(intercept.Confirmer); ok && s.q == nil {
		typed, err := can.Secret(ctx, s.g.User.Name)
		if !errors.Is(err, intercept.ErrNobody) {
			return typed, err
		}
	}
	if s.q == nil {
		if l, ok := s.p.(*intercept.Later); ok && l.Held || !s.a.sits(s.g.User.UID) {
			return "", intercept.ErrNobody
		}
		if s.q = s.a.typed.begin(s.g); s.q == nil {
			return "", &intercept.Refused{By: "the policy", Rule: true, Text: "your password is asked for already: answer that dialog"}
		}
		s.p.Say(s.t.Say("Your password is asked for on your desktop."))
	}
	s.publish("password")
	late := time.NewTimer(desktopWithin)
	defer late.Stop()
	select {
	case typed := <-s.q.typed:
		if typed == "" {
			return "", intercept.ErrWithdrawn
		}
		return typed, nil
	case <-late.C:
		return "", &intercept.Refused{By: "the policy", Rule: true, Text: "it wants your password before anything runs, and nobody typed it in time: try again"}
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// wrong tells the person that the last password was not the one.
func (s *secretSource) wrong() {
	if s.q != nil {
		s.a.typed.wrong(s.q)
		return
	}
	s.p.Say(privilege.ErrPassword.Error())
}

// end takes the question off the desktop, and says there why nothing runs.
func (s *secretSource) end(why error) {
	if s.q == nil {
		return
	}
	s.a.typed.end(s.g.Request)
	s.publish("settled")
	var refused *intercept.Refused
	if !errors.As(why, &refused) {
		return
	}
	now := s.a.now()
	err := s.a.journal.update(s.g.Request, now, func(n *note) { n.happened(now, "unconfirmed", "Assent", refused.Text) })
	if err != nil {
		s.a.Log.Error("note that it was not confirmed", "request", s.g.Request, "error", err)
	}
}

func (s *secretSource) publish(kind string) {
	if n, ok := s.a.journal.get(s.g.Request); ok {
		s.a.publish(n, happening{At: s.a.now(), Kind: kind, By: "Assent"})
	}
}
