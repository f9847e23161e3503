package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// This file answers users of this machine about their own requests, by what the
// journal and the ledger know. It implements local's Flow.

const checkInTime = 15 * time.Second

// Status says how the agent is and what the user has.
func (a *Agent) Status(user string) local.Status {
	s := a.About()
	s.Connected = a.Conn.Connected()
	s.Containment, s.Skew = string(a.Trees.Kind()), a.Conn.Skew()
	s.Locked = a.lockedBy()
	p := a.inForce()
	s.Mode = ModeText(p, a.now())
	if p.Version > 0 {
		s.Policy = fmt.Sprintf("%s, version %d", p.Name, p.Version)
	}
	if p.Paused != nil {
		s.PausedUntil, s.PausedBy, s.PausedWhy = p.Paused.Until, p.Paused.By, p.Paused.Reason
	}
	s.Budget = a.budgetStatus(user)
	a.mu.Lock()
	s.Since = a.since
	a.mu.Unlock()
	for _, n := range a.notesOf(user) {
		if n.Phase == phaseWaiting {
			s.Waiting++
			if n.asked() >= 0 {
				s.Questions++
			}
		}
		if e, ok := a.Ledger.Get(n.Grant); ok && (e.State == grants.Armed || e.State == grants.Active) {
			s.InForce++
		}
	}
	return s
}

func (a *Agent) notesOf(user string) []note {
	return a.journal.list(func(n note) bool { return n.Attempt.User.UID == user })
}

// List returns the requests of a user, newest first.
func (a *Agent) List(user string) []local.Item {
	items := a.draftItems(user)
	for _, n := range a.notesOf(user) {
		if !n.Removed {
			items = append(items, a.item(n))
		}
	}
	return items
}

// View returns one request; those of others are [local.ErrNotFound].
func (a *Agent) View(user string, id elevation.RequestID) (local.Item, error) {
	if d := a.draftOf(user, id); d != nil {
		it := d.item()
		it.Wants = d.wants(a.Words())
		return it, nil
	}
	n, err := a.noteOf(user, id)
	if err != nil {
		return local.Item{}, err
	}
	it := a.item(n)
	it.Wants = a.typed.wants(n.Attempt.User.UID, id, a.Words())
	for _, e := range n.Events {
		it.Timeline = append(it.Timeline, local.Event{At: e.At, Kind: e.Kind, By: e.By, Text: e.Text})
	}
	return it, nil
}

func (a *Agent) noteOf(user string, id elevation.RequestID) (note, error) {
	n, ok := a.journal.get(id)
	if !ok || n.Attempt.User.UID != user {
		return note{}, local.ErrNotFound
	}
	return n, nil
}

// Cancel takes back a request that waits, or a grant that was not used. What
// runs is checked in instead: [local.ErrConflict].
func (a *Agent) Cancel(user string, id elevation.RequestID) error {
	if d := a.draftOf(user, id); d != nil {
		return a.dropDraft(d)
	}
	n, err := a.noteOf(user, id)
	if err != nil {
		return err
	}
	if n.open() {
		a.withdraw(id)
		a.confirmWithdrawal(id)
		return nil
	}
	e, ok := a.Ledger.Get(n.Grant)
	if !ok || e.State != grants.Held {
		return fmt.Errorf("%w: it is %s", local.ErrConflict, a.state(n))
	}
	a.withdraw(id)
	return a.end(context.Background(), e.ID, elevation.CheckedIn)
}

// CheckIn ends what a user has in use before its time.
func (a *Agent) CheckIn(user string, id elevation.RequestID) error {
	n, err := a.noteOf(user, id)
	if err != nil {
		return err
	}
	e, ok := a.Ledger.Get(n.Grant)
	if !ok || e.State == grants.Ended {
		return fmt.Errorf("%w: it is %s", local.ErrConflict, a.state(n))
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkInTime)
	defer cancel()
	return a.end(ctx, e.ID, elevation.CheckedIn)
}

// Resubmit asks again for what was denied, revoked or not used in time, without
// anybody waiting: the same command typed again uses the approval.
func (a *Agent) Resubmit(user string, id elevation.RequestID, reason string) (elevation.RequestID, error) {
	n, err := a.noteOf(user, id)
	if err != nil {
		return "", err
	}
	reason = strings.TrimSpace(reason)
	switch {
	case elevation.CheckText("reason", reason, elevation.MaxJustification) != nil:
		return "", fmt.Errorf("%w: the reason is no plain text, or too long", local.ErrInvalid)
	case !a.over(n) || n.Extends != "":
		return "", fmt.Errorf("%w: it is %s", local.ErrConflict, a.state(n))
	case !a.Conn.Connected():
		return "", local.ErrOffline
	}
	if other, ok := a.journal.waitingSame(n.Attempt); ok {
		return "", fmt.Errorf("%w: the same thing waits as %s", local.ErrConflict, other.ID)
	}
	now := a.now()
	next := note{ID: elevation.NewRequestID(now), Attempt: n.Attempt, Justification: cmp.Or(reason, n.Justification), Ticket: n.Ticket,
		Phase: phaseWaiting, At: now, Previous: id}
	next.happened(now, "asked", n.Attempt.User.Name, next.Justification)
	if err := a.journal.put(next, now); err != nil {
		return "", err
	}
	err = a.confirmed(next.ID, n.Attempt, func() error {
		return a.Conn.Send(wire.TResubmit, wire.Resubmit{Request: id, New: next.ID, Reason: reason})
	})
	if err != nil { // nothing is asked for
		return "", errors.Join(err, a.journal.update(next.ID, a.now(), func(n *note) { n.Phase, n.Why, n.Removed = phaseClosed, "refused", true }))
	}
	return next.ID, a.journal.update(next.ID, a.now(), func(n *note) { n.Accepted = true })
}

// Remove takes what is over off the user's lists, here and at the controller.
func (a *Agent) Remove(user string, id elevation.RequestID) error {
	n, err := a.noteOf(user, id)
	if err != nil {
		return err
	}
	if !a.over(n) {
		return fmt.Errorf("%w: it is %s; cancel it or check it in first", local.ErrConflict, a.state(n))
	}
	if err := a.Conn.Send(wire.TRemove, wire.Remove{Request: id}); err != nil {
		return local.ErrOffline
	}
	return a.journal.update(id, a.now(), func(n *note) { n.Removed = true })
}

// over reports whether nothing more can come of a request.
func (a *Agent) over(n note) bool {
	e, granted := a.Ledger.Get(n.Grant)
	return !n.open() && (!granted || e.State == grants.Ended)
}

func (a *Agent) item(n note) local.Item {
	s := n.Attempt.Subject
	it := local.Item{ID: n.ID, State: string(a.state(n)), Access: string(n.Attempt.AccessType), Path: s.Path, Args: s.Args, RunAs: s.RunAs, Cwd: s.Cwd,
		Mechanism: n.Attempt.Mechanism, Justification: n.Justification, Ticket: n.Ticket, At: n.At, ChangedAt: n.ChangedAt,
		By: n.By, Text: n.Text, Grant: n.Grant, Extends: n.Extends, Previous: n.Previous}
	if n.open() && a.Conn.Connected() {
		progress := a.progressOf(n.ID)
		it.Code, it.SeenBy = progress.Code, progress.SeenBy
		it.Position, it.Usual = progress.Position, progress.UsualWait
		it.Beside = intercept.BesideAddress(a.Conn.Console(), it.Code)
	}
	if i := n.asked(); i >= 0 && n.open() {
		it.Question, it.Asker = n.Questions[i].Text, n.Questions[i].By
	}
	if e, ok := a.Ledger.Get(n.Grant); ok {
		it.EndReason, it.Exit = e.EndReason, e.Exit
		switch e.State {
		case grants.Held:
			it.Until, it.From = e.UseBy.Wall, e.Opens
			it.Confirm = a.unconfirmed(e)
		case grants.Armed, grants.Active:
			it.Until = e.EndBy.Wall
		}
	}
	return it
}

// state is the state in the words of the model.
func (a *Agent) state(n note) elevation.State {
	e, granted := a.Ledger.Get(n.Grant)
	switch {
	case n.open():
		return elevation.StatePending
	case n.Phase == phaseDenied:
		return elevation.StateDenied
	case granted && e.State == grants.Held && a.now().Before(e.Opens):
		return elevation.StateApproved
	case granted && e.State == grants.Held:
		return elevation.StateAvailable
	case granted && e.State != grants.Ended:
		return elevation.StateActive
	case granted && e.EndReason == elevation.Deadline:
		return elevation.StateExpired
	case granted && e.EndReason == elevation.RevokedEnd:
		return elevation.StateRevoked
	case n.Grant != "", n.Extends != "" && n.Phase == phaseApproved:
		return elevation.StateEnded
	case n.Why == "expired":
		return elevation.StateExpired
	default:
		return elevation.StateCancelled
	}
}
