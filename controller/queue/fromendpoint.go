package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// This file is what the person at an endpoint does with requests of before.
// The endpoint vouches for its people on itself, and for nobody else.

// ResubmitFrom is Resubmit by the person at the endpoint: the very same attempt,
// under the same conditions. When the same thing waits already it is
// [elevation.ErrConflict].
func (q *Queue) ResubmitFrom(ctx context.Context, id elevation.EndpointID, in wire.Resubmit) error {
	err := q.fileFrom(ctx, id, in.Request, in.New, in.Reason, func(f *filing, now time.Time) error {
		if err := f.resubmission(in.New, now); err != nil {
			return err
		}
		return f.check(now)
	})
	if err != nil {
		return fmt.Errorf("resubmit %s: %w", in.Request, err)
	}
	return nil
}

// ExtendFrom is Extend by the person at the endpoint.
func (q *Queue) ExtendFrom(ctx context.Context, id elevation.EndpointID, in wire.Extend) error {
	err := q.fileFrom(ctx, id, in.Request, in.New, in.Reason, func(f *filing, now time.Time) error {
		err := f.extension(AgainIn{ID: in.New, Duration: in.Duration}, elevation.FromEndpoint, now)
		f.r.FiledBy = elevation.Actor{}
		return err
	})
	if err != nil {
		return fmt.Errorf("extend %s: %w", in.Request, err)
	}
	return nil
}

// fileFrom makes a request that comes of another one of the same endpoint. draft
// says what is asked for, and may run again. The same id again is the same
// request.
func (q *Queue) fileFrom(ctx context.Context, id elevation.EndpointID, of, fresh elevation.RequestID, reason string, draft func(f *filing, now time.Time) error) error {
	if err := elevation.CheckID(elevation.RequestPrefix, string(fresh)); err != nil {
		return fmt.Errorf("%w: %w", elevation.ErrInvalid, err)
	}
	return retry(ctx, func() error {
		now := q.now()
		var f filing
		var old *elevation.Request
		err := q.cfg.Store.View(ctx, func(tx *store.Tx) error {
			l, err := ownOf(tx, id, of, load)
			if err != nil {
				return err
			}
			f = filing{loaded: l, by: endpointActor(l.ep), reason: strings.TrimSpace(reason), ticket: l.r.Ticket, previous: l.r}
			if err := draft(&f, now); err != nil {
				return err
			}
			old, err = known(tx, f)
			return err
		})
		if err != nil || old != nil {
			return err
		}
		as, made, err := q.make(ctx, &f, now)
		if err == nil && !made && as != fresh {
			return fmt.Errorf("%w: the same thing waits already, as %s", elevation.ErrConflict, as)
		}
		return err
	})
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
