package queue

import (
	"context"
	"strings"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// Cancel is the requester's withdrawal before anything has started. A link of
// any strength is enough: it only takes away.
func (q *Queue) Cancel(ctx context.Context, a auth.Actor, id elevation.RequestID) (View, error) {
	return q.act(ctx, a, id, "cancel", func(l loaded, c *change) error {
		if !l.linked(a) {
			return errOthers("cancel")
		}
		if l.r.State(c.now) == elevation.StateCancelled {
			return errSame
		}
		return q.cancel(c, a.Elevation(), true)
	})
}

// cancel withdraws c.next. tell says whether the endpoint must learn of it.
func (q *Queue) cancel(c *change, by elevation.Actor, tell bool) error {
	seen := !c.next.SubmittedAt.IsZero() || c.next.Decision != nil
	next, err := c.next.Cancel(c.now)
	if err != nil {
		return err
	}
	c.next = next
	if seen {
		c.event(audit.RequestCancelled, by, nil, nil)
	}
	switch {
	case !tell:
		return nil
	case c.next.Grant.ID != "":
		return q.takeBack(c, elevation.CheckedIn, by, "")
	}
	c.send(wire.TClosed, wire.Closed{Request: c.next.ID, Why: wire.ClosedCancelled, By: by.Name})
	return nil
}

// Revoke orders the end of what was approved. Until the endpoint confirms it, the
// delivery is "revoking".
func (q *Queue) Revoke(ctx context.Context, a auth.Actor, id elevation.RequestID, comment, note string) (View, error) {
	comment, note = strings.TrimSpace(comment), strings.TrimSpace(note)
	return q.act(ctx, a, id, "revoke", func(l loaded, c *change) error {
		if err := a.Can(auth.RequestsRevoke); err != nil {
			return err
		}
		me := a.Elevation()
		if l.r.State(c.now) == elevation.StateRevoked && l.r.RevokedBy.ID == me.ID {
			return errSame
		}
		if err := q.revoke(c, me, comment); err != nil {
			return err
		}
		return c.note(me, note)
	})
}

// CheckIn is the requester's giving back; the endpoint ends it and confirms.
func (q *Queue) CheckIn(ctx context.Context, a auth.Actor, id elevation.RequestID) (View, error) {
	return q.act(ctx, a, id, "check-in", func(l loaded, c *change) error {
		if !l.linked(a) {
			return errOthers("check in")
		}
		if !l.r.CheckedInAt.IsZero() {
			return errSame
		}
		next, err := l.r.CheckIn(c.now)
		if err != nil {
			return err
		}
		c.next = next
		c.event(audit.GrantCheckedIn, a.Elevation(), nil, nil)
		return q.takeBack(c, elevation.CheckedIn, a.Elevation(), "")
	})
}

// Remove clears a request from lists: an approver's from those of approvers,
// which closes one that waits without an answer, and the endpoint is told; the
// requester's from their own. Nobody closes their own request as an approver:
// cancelling is the way.
func (q *Queue) Remove(ctx context.Context, a auth.Actor, id elevation.RequestID) (View, error) {
	return q.act(ctx, a, id, "remove", func(l loaded, c *change) error {
		if l.own(a) || l.linked(a) && a.Can(auth.RequestsDecide) != nil {
			return c.removeOwn(a, l)
		}
		if err := a.Can(auth.RequestsDecide); err != nil {
			return errOthers("remove")
		}
		if !l.r.RemovedByTeamAt.IsZero() {
			return errSame
		}
		pending := l.r.State(c.now) == elevation.StatePending
		if pending {
			if err := l.handles(a, c.now); err != nil {
				return err
			}
		}
		next, err := l.r.RemoveByTeam(c.now)
		if err != nil {
			return err
		}
		c.next = next
		c.event(audit.RequestRemoved, a.Elevation(), map[string]string{"list": "team", "was": string(l.r.State(c.now))}, nil)
		if pending {
			c.send(wire.TClosed, wire.Closed{Request: id, Why: wire.ClosedRemoved, By: nameFor(l.settings, a.Elevation()), Text: "closed without an answer"})
		}
		return nil
	})
}

// removeOwn takes a request that is over off its requester's list.
func (c *change) removeOwn(a auth.Actor, l loaded) error {
	if !l.r.RemovedAt.IsZero() {
		return errSame
	}
	next, err := l.r.Remove(c.now)
	if err != nil {
		return err
	}
	c.next = next
	c.event(audit.RequestRemoved, a.Elevation(), map[string]string{"list": "requester", "was": string(l.r.State(c.now))}, nil)
	return nil
}
