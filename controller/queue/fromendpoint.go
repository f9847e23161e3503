package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// This file is what the person at an endpoint does with requests that are over.
// The endpoint vouches for its people on itself, and for nobody else.

// ResubmitFrom is Resubmit by the person at the endpoint: the very same attempt,
// under the same conditions. When the same thing waits already it is
// [elevation.ErrConflict].
func (q *Queue) ResubmitFrom(ctx context.Context, id elevation.EndpointID, in wire.Resubmit) error {
	if err := elevation.CheckID(elevation.RequestPrefix, string(in.New)); err != nil {
		return fmt.Errorf("resubmit %s: %w: %w", in.Request, elevation.ErrInvalid, err)
	}
	err := retry(ctx, func() error {
		now := q.now()
		var f filing
		var old *elevation.Request
		err := q.cfg.Store.View(ctx, func(tx *store.Tx) error {
			l, err := ownOf(tx, id, in.Request, load)
			if err != nil {
				return err
			}
			f = filing{loaded: l, by: endpointActor(l.ep), reason: strings.TrimSpace(in.Reason), ticket: l.r.Ticket, previous: l.r, chain: store.ChainResubmit}
			if err := l.r.Again(now); err != nil {
				return err
			}
			f.unwait = l.r.State(now) != elevation.StateDenied || f.reason != "" && f.reason != l.r.Justification
			if f.reason == "" {
				f.reason = l.r.Justification
			}
			f.r = elevation.Request{ID: in.New, Origin: elevation.FromResubmit, Endpoint: l.r.Endpoint, Attempt: l.r.Attempt, PrioritySetBy: f.by,
				Requested: elevation.Window{Duration: l.r.Requested.Duration}, Previous: l.r.ID, DraftedAt: now}
			if err := f.check(now); err != nil {
				return err
			}
			old, err = known(tx, f)
			return err
		})
		if err != nil || old != nil {
			return err
		}
		as, made, err := q.make(ctx, &f, now)
		if err == nil && !made && as != in.New {
			return fmt.Errorf("%w: the same thing waits already, as %s", elevation.ErrConflict, as)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("resubmit %s: %w", in.Request, err)
	}
	return nil
}

// RemoveFrom takes a request that is over off its requester's list. Doing it
// again changes nothing.
func (q *Queue) RemoveFrom(ctx context.Context, id elevation.EndpointID, in wire.Remove) error {
	err := q.fromEndpoint(ctx, id, in.Request, func(l loaded, c *change) error {
		if !l.r.RemovedAt.IsZero() {
			return errSame
		}
		next, err := l.r.Remove(c.now)
		if err != nil {
			return err
		}
		c.next = next
		c.event(audit.RequestRemoved, endpointActor(l.ep), map[string]string{"list": "requester", "was": string(l.r.State(c.now))}, nil)
		return nil
	})
	if err != nil && !errors.Is(err, errSame) {
		return fmt.Errorf("remove %s: %w", in.Request, err)
	}
	return nil
}
