package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// errSame means that the actor has done this already: nothing is written and
// nobody is refused.
var errSame = errors.New("done already")

// act lets a person change a request. do gets the facts as they are and adds
// to c what shall be written; it may run again when somebody else was faster.
// An error of do is the refusal, which is audited when it says that the actor
// may not, or came too late.
func (q *Queue) act(ctx context.Context, a auth.Actor, id elevation.RequestID, verb string, do func(l loaded, c *change) error) (View, error) {
	var l loaded
	err := retry(ctx, func() error {
		l = loaded{}
		now := q.now()
		err := q.cfg.Store.View(ctx, func(tx *store.Tx) (err error) { l, err = load(tx, id); return err })
		if err != nil {
			return err
		}
		if err := l.visible(a); err != nil {
			return err
		}
		if err := mayWrite(a); err != nil {
			return err
		}
		c := &change{now: now, next: l.r}
		if err := do(l, c); err != nil {
			return err
		}
		c.next.EscalateAt = climbs(l.plan, &c.next)
		c.also = append(c.also, func(tx *store.Tx) error {
			if !tx.StaffIs(l.staff) {
				return store.ErrStale // somebody was made or lost what lets them act
			}
			return nil
		})
		return q.commit(ctx, c)
	})
	if err != nil && !errors.Is(err, errSame) {
		q.refused(ctx, a, l, id, verb, err)
		return View{}, l.told(a, err)
	}
	return q.Get(ctx, a, id)
}

// refused writes that an act was refused. It never changes the answer to the
// actor.
func (q *Queue) refused(ctx context.Context, a auth.Actor, l loaded, id elevation.RequestID, verb string, why error) {
	outside := errors.Is(why, elevation.ErrNotFound) && l.r.ID != ""
	if a.User == "" || !outside && !notPending(why) && !isOneOf(why, elevation.ErrNotAllowed, elevation.ErrSelfApproval, elevation.ErrStepUp, elevation.ErrConflict) {
		return
	}
	data := map[string]string{"action": verb, "why": "not_allowed"}
	var decided *DecidedError
	switch {
	case outside:
		data["why"] = "outside_scope"
	case errors.As(why, &decided):
		data["why"], data["decided_by"] = "already_decided", audit.Clip(decided.Decision.By.Name, audit.MaxValue)
	case notPending(why):
		data["why"] = "not_pending"
	case errors.Is(why, elevation.ErrSelfApproval):
		data["why"] = "self_approval"
	case errors.Is(why, elevation.ErrStepUp):
		data["why"] = "step_up_required"
	case errors.Is(why, elevation.ErrConflict):
		data["why"] = "conflict"
	}
	put(data, "token", string(a.Token))
	e := audit.Event{At: q.now(), Kind: audit.AuthRefused, Actor: a.Elevation(), Request: l.r.ID, Endpoint: l.r.Endpoint, Data: data}
	// The refusal is written even when the caller has gone away meanwhile.
	err := q.cfg.Store.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.Append(e) })
	if err != nil {
		q.cfg.Log.Error("audit of a refused action", "request", id, "action", verb, "error", err)
	}
}

func isOneOf(err error, list ...error) bool {
	return slices.ContainsFunc(list, func(e error) bool { return errors.Is(err, e) })
}

// Review adds a person's answer. Approvals decide when every stage has its
// quorum; one denial denies. The answer of a browser's session that decides is
// held for a while, unless somebody waits at a terminal or it is of high risk;
// then the grant is made by [Queue.Sweep].
//
// The same answer of the same person again is success and changes nothing. A
// [DecidedError] says who was first.
func (q *Queue) Review(ctx context.Context, a auth.Actor, id elevation.RequestID, in ReviewIn) (View, error) {
	verb := "approve"
	if in.Verdict != elevation.Approved {
		verb = "deny"
	}
	in.Comment, in.Note = strings.TrimSpace(in.Comment), strings.TrimSpace(in.Note)
	return q.act(ctx, a, id, verb, func(l loaded, c *change) error {
		if err := a.Can(auth.RequestsDecide); err != nil {
			return err
		}
		me := a.Elevation()
		seats, err := delegation.Seats(l.plan, me, &l.r, c.now)
		if err != nil {
			return err
		}
		if err := l.impartial(a); err != nil {
			return err
		}
		if l.raised(a, c.now) {
			return fmt.Errorf("%w: you let this team answer; somebody else of it must", elevation.ErrNotAllowed)
		}
		if voted(l.r, me, in.Verdict) {
			return c.noteAlone(me, in.Note)
		}
		if err := present(a, l, in.Verdict, c.now); err != nil {
			return err
		}
		vote := elevation.Vote{By: me, Verdict: in.Verdict, Comment: in.Comment, Duration: in.Duration, Start: in.Start, Hold: hold(a, l.settings)}
		for _, s := range seats {
			vote.Stages, vote.For = append(vote.Stages, s.Stage), append(vote.For, s.For)
		}
		if c.next, err = l.r.Review(vote, l.settings.Times(), c.now); err != nil {
			return l.late(err)
		}
		if c.gives = in.Verdict == elevation.Approved; c.gives && l.ep.Locked {
			return ErrLocked
		}
		c.reviewed(a, in)
		if err := c.note(me, in.Note); err != nil {
			return err
		}
		if in.Lasts != "" {
			if err := q.lasting(a, c, in.Lasts); err != nil {
				return err
			}
		}
		d := c.next.Decision
		if d == nil || d.HeldUntil.After(c.now) {
			return nil
		}
		return q.conclude(c)
	})
}

// reviewed adds the event of one vote.
func (c *change) reviewed(a auth.Actor, in ReviewIn) {
	data := map[string]string{"verdict": string(in.Verdict), "have": strconv.Itoa(c.next.ApprovalsHave()), "need": strconv.Itoa(c.next.ApprovalsNeeded())}
	text := map[string]string{}
	put(text, "comment", in.Comment)
	put(data, "token", string(a.Token))
	if in.Duration > 0 {
		data["duration"] = in.Duration.String()
	}
	if !in.Start.IsZero() {
		data["start"] = in.Start.UTC().Format(time.RFC3339)
	}
	if d := c.next.Decision; d != nil && d.HeldUntil.After(c.now) {
		data["held_until"] = d.HeldUntil.Format(time.RFC3339Nano)
	}
	c.event(audit.RequestReviewed, a.Elevation(), data, text)
}

// hold is how long a decision of the actor can be undone: only one made in a
// session, where somebody sees it.
func hold(a auth.Actor, s store.Settings) time.Duration {
	if !a.Session || a.Token != "" {
		return 0
	}
	return s.Undo
}

// present refuses an approval of somebody who has not just shown to be there,
// where that is asked for: by a rule always, by the setting for everything of high
// risk, and for that also without it once the approver has a passkey. A token
// proves nothing.
func present(a auth.Actor, l loaded, v elevation.Verdict, now time.Time) error {
	asked := l.r.Need.StepUp || l.r.HighRisk() && (l.settings.StepUpRisky || a.HasPasskey)
	if v != elevation.Approved || !asked {
		return nil
	}
	return a.Present(now)
}

// voted reports whether the very same answer is there already.
func voted(r elevation.Request, me elevation.Actor, v elevation.Verdict) bool {
	for _, old := range r.Reviews {
		if old.By.ID == me.ID && old.Verdict == v {
			return true
		}
	}
	return false
}

// Undo takes back a decision that is still held, by the one who made it.
func (q *Queue) Undo(ctx context.Context, a auth.Actor, id elevation.RequestID) (View, error) {
	return q.act(ctx, a, id, "undo", func(l loaded, c *change) error {
		if err := a.Can(auth.RequestsDecide); err != nil {
			return err
		}
		next, err := l.r.Undo(a.Elevation(), c.now)
		if err != nil {
			return err
		}
		d := l.r.Decision
		c.next = next
		c.event(audit.RequestUndone, a.Elevation(), map[string]string{"verdict": string(d.Verdict)}, nil)
		if d.Access != "" {
			c.endAccess(d.Access, a.Elevation())
		}
		return nil
	})
}

// endAccess ends the lasting answer that came of a decision.
func (c *change) endAccess(id elevation.AccessID, by elevation.Actor) {
	c.event(audit.AccessEnded, by, map[string]string{"access": string(id)}, nil)
	c.also = append(c.also, func(tx *store.Tx) error {
		acc, err := tx.Access(id)
		if err != nil || !acc.EndedAt.IsZero() {
			return err
		}
		acc.EndedAt, acc.EndedBy = c.now, by
		return tx.PutAccess(acc)
	})
}

// errOthers is the refusal of acts that only the requester may do.
func errOthers(what string) error {
	return fmt.Errorf("%w: only who asked may %s it", elevation.ErrNotAllowed, what)
}
