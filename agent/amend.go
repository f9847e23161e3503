package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// This file is about more time for what is in use: asking for it, and the signed
// order that gives it.

// longestTotal is what no amendment goes beyond.
const longestTotal = 24 * time.Hour

// amended gives a grant more time on the signed order of the controller. An
// order that can not be followed is said to the controller and not tried again:
// the grant ends as it would have.
func (a *Agent) amended(ctx context.Context, m wire.Signed) error {
	var am elevation.Amendment
	if err := a.Conn.KeySet().Open(sign.Amendment, m.Raw, a.now(), &am); err != nil {
		a.Log.Error("an amendment does not verify", "error", err)
		return nil // never becomes valid
	}
	if am.Cluster != a.Cluster || am.Endpoint != a.Endpoint || elevation.CheckID(elevation.RequestPrefix, string(am.Request)) != nil {
		a.Log.Error("an amendment is for another endpoint")
		return nil
	}
	was, e, err := a.lengthen(am)
	if err != nil && !errors.Is(err, errGrant) && !errors.Is(err, grants.ErrNoEntry) && !errors.Is(err, grants.ErrEnded) && !errors.Is(err, grants.ErrInvalid) {
		return err // the disk: it comes again
	}
	if err != nil {
		a.Log.Warn("an amendment is not followed", "grant", am.Grant, "request", am.Request, "error", err)
		return errors.Join(
			a.Conn.Report(wire.Report{Request: am.Request, Grant: am.Grant, Kind: elevation.ReportEnded, Reason: elevation.Failed,
				Text: inert.Clip(err.Error(), 500), At: a.now()}),
			a.finish(am.Request, phaseClosed, func(n *note) { n.Why, n.By, n.Text = string(elevation.Failed), "this endpoint", err.Error() },
				&intercept.Refused{By: "this endpoint", Rule: true, Text: err.Error()}))
	}
	if more := e.Total - was.Total; more > 0 {
		a.alarmLater(ctx, e)
		a.lengthenInside(ctx, e, am.Request)
		a.sayTo(e, a.tongueOf(e.ID).Say("%s more: it ends at %s.", a.tongueOf(e.ID).Span(more), e.EndBy.Wall.Local().Format("15:04:05")))
	}
	return errors.Join(
		a.Conn.Report(wire.Report{Request: am.Request, Grant: am.Grant, Kind: elevation.ReportDelivered, At: a.now()}),
		a.noteAmendment(am, e.Total-was.Total))
}

// lengthen follows a verified amendment in the ledger, which comes first.
func (a *Agent) lengthen(am elevation.Amendment) (was, is grants.Entry, err error) {
	was, ok := a.Ledger.Get(am.Grant)
	switch {
	case !ok:
		return was, was, grants.ErrNoEntry
	case was.Request != am.Of || len(am.Nonce) < 16:
		return was, was, fmt.Errorf("%w: the amendment is for another request", errGrant)
	case am.Duration <= 0 || am.Duration > longestTotal:
		return was, was, fmt.Errorf("%w: the amendment's time is not served", errGrant)
	}
	if g := was.Effect.Group; g != nil && !a.sameAccount(*g) {
		return was, was, fmt.Errorf("%w: the account of %s is another one now", errGrant, inert.Text(g.User))
	}
	total := am.Duration
	if total > was.Total {
		more, err := a.mayRenew(was, total-was.Total)
		if err != nil {
			return was, was, fmt.Errorf("%w: %w", errGrant, err)
		}
		total = was.Total + more
	}
	is, err = a.Ledger.Extend(am.Grant, am.Request, total)
	a.ledgerChanged()
	return was, is, err
}

// alarmLater moves the ends that the operating system enforces. When that fails
// the old ones hold, and the program ends too early rather than too late.
func (a *Agent) alarmLater(ctx context.Context, e grants.Entry) {
	if e.State == grants.Held {
		return
	}
	if e.Effect.Tree.Planned() {
		if err := a.Trees.Extend(ctx, e.Effect.Tree, e.Total); err != nil {
			a.Log.Error("move the end of a tree", "grant", e.ID, "error", err)
		}
	}
	if err := a.schedule(ctx, e)(); err != nil {
		a.Log.Error("move the alarm of a grant", "grant", e.ID, "error", err)
	}
}

// noteAmendment writes down what was given, in both stories.
func (a *Agent) noteAmendment(am elevation.Amendment, more time.Duration) error {
	now := a.now()
	text := "nothing more than it had"
	if more > 0 {
		text = intercept.Elapsed(more) + " more"
		if err := a.journal.update(am.Of, now, func(n *note) { n.happened(now, "extended", am.By.Name, text) }); err != nil {
			return err
		}
	}
	if _, known := a.journal.get(am.Request); !known { // asked for elsewhere
		of, ok := a.journal.get(am.Of)
		if !ok {
			return nil
		}
		if err := a.journal.put(note{ID: am.Request, Attempt: of.Attempt, Extends: am.Of, At: now}, now); err != nil {
			return err
		}
	}
	err := a.journal.update(am.Request, now, func(n *note) {
		if n.Phase != phaseApproved {
			n.happened(now, "approved", am.By.Name, text)
		}
		n.Accepted, n.Phase, n.By, n.Text = true, phaseApproved, am.By.Name, text
	})
	a.tell(am.Request, func(h *holder) { h.taken++ })
	return err
}

// Extend asks for more time for what a user has in use. It returns the request
// that asks for it.
func (a *Agent) Extend(user string, id elevation.RequestID, more time.Duration, reason string) (elevation.RequestID, error) {
	n, err := a.noteOf(user, id)
	if err != nil {
		return "", err
	}
	reason = strings.TrimSpace(reason)
	e, ok := a.Ledger.Get(n.Grant)
	switch {
	case more <= 0 || more > longestTotal:
		return "", fmt.Errorf("%w: more time is between a second and a day", local.ErrInvalid)
	case elevation.CheckText("reason", reason, elevation.MaxJustification) != nil:
		return "", fmt.Errorf("%w: the reason is no plain text, or too long", local.ErrInvalid)
	case !ok || e.State != grants.Active && e.State != grants.Armed:
		return "", fmt.Errorf("%w: it is %s, and only what is in use can get more time", local.ErrConflict, a.state(n))
	case !a.Conn.Connected():
		return "", local.ErrOffline
	}
	if more, err = a.mayRenew(e, more); err != nil {
		return "", err
	}
	now := a.now()
	ext := note{ID: elevation.NewRequestID(now), Attempt: n.Attempt, Justification: reason, Phase: phaseWaiting, At: now, Extends: id}
	ext.happened(now, "asked", n.Attempt.User.Name, intercept.Elapsed(more)+" more")
	if err := a.journal.put(ext, now); err != nil {
		return "", err
	}
	err = a.confirmed(ext.ID, n.Attempt, func() error {
		return a.Conn.Send(wire.TExtend, wire.Extend{Request: id, New: ext.ID, Duration: more, Reason: reason})
	})
	if err != nil { // nothing is asked for
		return "", errors.Join(err, a.journal.update(ext.ID, a.now(), func(n *note) { n.Phase, n.Why, n.Removed = phaseClosed, "refused", true }))
	}
	return ext.ID, a.journal.update(ext.ID, a.now(), func(n *note) { n.Accepted = true })
}

// sayTo tells the person in front of a running program something.
func (a *Agent) sayTo(e grants.Entry, text string) {
	a.mu.Lock()
	say := a.says[e.ID]
	a.mu.Unlock()
	if say != nil {
		say(text)
		return
	}
	if seat := e.Effect.Seat; seat != nil && !e.Effect.Tree.Planned() {
		e.Effect.Tree.PID, e.Effect.Tree.Started = seat.Leader, seat.Started
	}
	if err := intercept.TellTerminal(e.Effect.Tree.PID, e.Effect.Tree.Started, e.UID, "assent: "+text); err != nil {
		a.Log.Debug("nobody can be told", "grant", e.ID, "error", err)
	}
}
