package polkit

import (
	"context"
	"errors"
	"strings"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// key is what makes two attempts the same.
type key struct{ uid, path, sha256, cwd, runAs, args string }

func keyOf(a elevation.Attempt) key {
	s := a.Subject
	return key{a.User.UID, s.Path, s.SHA256, s.Cwd, s.RunAs, string(s.ArgsDigest)}
}

// raised is one attempt that is being asked for, while nobody waits.
type raised struct {
	terminal intercept.Terminal // where it was last tried from one; guarded by Server.mu
	used     bool               // the approval was used before it was told of; guarded by Server.mu
}

// mark says of an attempt that is being asked for whether its person is using the
// approval at this moment: then they need not be told of it. It reports whether
// it is being asked for.
func (s *Server) mark(a elevation.Attempt, used bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.raised[keyOf(a)]
	if r != nil {
		r.used = used
	}
	return r != nil
}

// tell writes to the person's terminal, if there is one. Whoever has none learns
// it from `assent list`.
func (s *Server) tell(t intercept.Terminal, text string) {
	if err := t.Tell(text); err != nil {
		s.cfg.Log.Debug("a person could not be told", "error", err)
	}
}

// raise asks for t beside polkit. The same thing is asked for once, and one person
// asks for a few things at a time.
func (s *Server) raise(ctx context.Context, t target, terminal intercept.Terminal, reason, ticket string) {
	k := keyOf(t.attempt)
	s.mu.Lock()
	if r := s.raised[k]; r != nil {
		if terminal != (intercept.Terminal{}) {
			r.terminal = terminal
		}
		s.mu.Unlock()
		s.tell(terminal, "assent: this was asked for already and is not approved yet; see: assent list")
		return
	}
	own := 0
	for other := range s.raised {
		if other.uid == k.uid {
			own++
		}
	}
	if own >= maxOfUser || len(s.raised) >= maxRaised {
		s.mu.Unlock()
		s.tell(terminal, "assent: too many of your attempts wait already; see: assent list")
		return
	}
	r := &raised{terminal: terminal}
	s.raised[k] = r
	s.mu.Unlock()
	s.work.Go(func() { s.ask(ctx, k, r, t, reason, ticket) })
}

// ask follows one request to its answer. A permit is not used here: the person
// tries again and takes it.
func (s *Server) ask(ctx context.Context, k key, r *raised, t target, reason, ticket string) {
	tell := func(line string) {
		s.mu.Lock()
		terminal := r.terminal
		s.mu.Unlock()
		s.tell(terminal, line)
	}
	person := &intercept.Later{Desk: s.cfg.Desk, Attempt: t.attempt, Tell: tell}
	permit, err := s.cfg.Elevator.Elevate(ctx, intercept.Ask{Attempt: t.attempt, Justification: reason, Ticket: ticket}, person)
	if err == nil {
		s.cfg.Effects.Release(permit.Grant.ID)
	}
	s.mu.Lock()
	delete(s.raised, k)
	used := r.used
	s.mu.Unlock()
	switch {
	case ctx.Err() != nil, used:
	case err == nil:
		tell("assent: " + intercept.What(t.attempt) + " is approved: run the same command again")
	default:
		s.cfg.Log.Info("an attempt through polkit got no approval", "user", t.attempt.User.Name, "what", intercept.What(t.attempt), "error", err)
		if line := unanswered(err); line != "" {
			tell("assent: " + intercept.What(t.attempt) + ": " + line)
		}
	}
}

// unanswered says why there is no approval, and what to do next.
func unanswered(err error) string {
	var refused *intercept.Refused
	var kept *intercept.Kept
	var unfit *intercept.Unfit
	switch {
	case errors.As(err, &refused):
		text := "denied by " + inert.Text(refused.By)
		if refused.Text != "" {
			text += ": " + inert.Text(strings.Join(strings.Fields(refused.Text), " "))
		}
		return inert.Clip(text, 500)
	case errors.As(err, &kept):
		return "kept as " + elevation.ShortID(string(kept.Request)) + "; run the same command again once it is approved"
	case errors.Is(err, intercept.ErrUnreachable):
		return "the Assent controller can not be reached; try again later"
	case errors.As(err, &unfit):
		return unfit.Error() + "; set ASSENT_REASON and ASSENT_TICKET, or leave them away to be asked"
	case errors.Is(err, intercept.ErrNobody):
		return "no reason was given; run it again to ask anew, or set ASSENT_REASON"
	case errors.Is(err, intercept.ErrRemoved):
		return intercept.ErrRemoved.Error()
	case errors.Is(err, intercept.ErrExpired):
		return "nobody answered in time; run it again to ask anew"
	case errors.Is(err, intercept.ErrWithdrawn), errors.Is(err, intercept.ErrCancelled):
		return ""
	}
	return "this could not be asked for because of a fault on this machine; use: assent run -- COMMAND"
}
