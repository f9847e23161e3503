package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

const (
	sweepBatch = 200
	pruneEvery = time.Minute
	sweepAgain = time.Second // after an error
)

// Run sweeps whenever something is due, until ctx ends. Start it once.
func (q *Queue) Run(ctx context.Context) {
	var beside sync.WaitGroup
	beside.Go(func() { q.runCodes(ctx) })
	defer beside.Wait()
	for ctx.Err() == nil {
		_, next, err := q.Sweep(ctx)
		wait := pruneEvery
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			q.cfg.Log.Error("sweep", "error", err)
			wait = sweepAgain
		case !next.IsZero():
			wait = min(wait, max(next.Sub(q.now()), 0))
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-q.sweepSoon:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// Sweep writes what passing time has made true: decisions whose hold ended get
// their effect, requests and windows expire. It returns how many requests it
// changed and when time changes the next one (zero: nothing is due).
func (q *Queue) Sweep(ctx context.Context) (changed int, next time.Time, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return changed, next, err
		}
		now := q.now()
		var due []loaded
		err = q.cfg.Store.View(ctx, func(tx *store.Tx) error {
			list, err := tx.DueRequests(now, sweepBatch)
			if err != nil {
				return err
			}
			due = make([]loaded, 0, len(list))
			for _, r := range list {
				ep, err := tx.Endpoint(r.Endpoint)
				if err != nil {
					return err
				}
				l := loaded{r: r, ep: ep, settings: tx.Settings()}
				if !r.EscalateAt.IsZero() {
					if l.plan, err = planFor(tx, ep.EffectiveLabels()); err != nil {
						return err
					}
				}
				due = append(due, l)
			}
			next, err = tx.NextDue()
			return err
		})
		if err != nil {
			return changed, next, fmt.Errorf("sweep: %w", err)
		}
		n, err := q.sweep(ctx, due, now)
		changed += n
		if err != nil {
			return changed, next, fmt.Errorf("sweep: %w", err)
		}
		if len(due) == 0 {
			q.mu.Lock()
			q.planned = next
			q.mu.Unlock()
			return changed, next, q.prune(ctx, now)
		}
	}
}

func (q *Queue) sweep(ctx context.Context, due []loaded, now time.Time) (int, error) {
	if len(due) == 0 {
		return 0, nil
	}
	changes := make([]*change, 0, len(due))
	for _, l := range due {
		c, err := q.passed(l, now)
		if err != nil {
			return 0, err
		}
		c.settle()
		changes = append(changes, c)
	}
	done, err := q.writeSwept(ctx, due, changes)
	if errors.Is(err, store.ErrStale) { // of two that concern the same grant, say: each by itself, so that the first gets on
		done = nil
		for i := range due {
			one, err := q.writeSwept(ctx, due[i:i+1], changes[i:i+1])
			if err != nil && !errors.Is(err, store.ErrStale) {
				return len(done), err
			}
			done = append(done, one...)
		}
		return len(done), nil
	}
	return len(done), err
}

// writeSwept writes changes in one transaction, without those whose requests
// somebody else has changed meanwhile: the next sweep looks again.
func (q *Queue) writeSwept(ctx context.Context, due []loaded, changes []*change) (done []*change, err error) {
	err = q.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		done = nil
		for i, c := range changes {
			cur, err := tx.Request(due[i].r.ID)
			if err != nil {
				return err
			}
			if cur.Version != due[i].r.Version {
				continue
			}
			if err := writeDue(tx, due[i], c); err != nil { // also stale: a part of it may be written
				return err
			}
			done = append(done, c)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, c := range done {
		q.committed(c)
	}
	return done, nil
}

// writeDue writes one change of a sweep.
func writeDue(tx *store.Tx, l loaded, c *change) error {
	if err := c.write(tx); err != nil {
		return err
	}
	g := l.r.Grant
	if c.next.WindowEndedAt.IsZero() || g.ID == "" || l.r.Extends != "" || !g.DeliveredAt.IsZero() || !g.EndedAt.IsZero() {
		return nil
	}
	// The endpoint has not had the grant yet and would count its time from now.
	row, err := tx.GrantOf(l.r.ID)
	if err != nil {
		return err
	}
	_, err = tx.ReplaceFrame(l.r.Endpoint, row.FrameSeq, wire.TClosed, wire.Closed{Request: l.r.ID, Why: wire.ClosedExpired, Text: "not used in time"})
	return err
}

// passed makes the change that time has brought to a request.
func (q *Queue) passed(l loaded, now time.Time) (*change, error) {
	c := &change{now: now, next: l.r}
	if next, expired := l.r.Sweep(now); expired {
		c.next = next
		what := "window"
		if next.Decision == nil {
			what = "unanswered"
		}
		if !next.SubmittedAt.IsZero() {
			c.event(audit.RequestExpired, system(), map[string]string{"what": what}, nil)
		}
		if next.Grant.ID == "" && !next.SubmittedAt.IsZero() {
			c.send(wire.TClosed, wire.Closed{Request: next.ID, Why: wire.ClosedExpired, Text: "nobody answered in time"})
		}
		return c, nil
	}
	d := l.r.Decision
	if d == nil && !l.r.EscalateAt.IsZero() && l.r.State(now) == elevation.StatePending {
		c.climb(l.plan)
		return c, nil
	}
	if d == nil || d.HeldUntil.IsZero() || l.r.Grant.ID != "" || l.r.State(now).Final() && d.Verdict == elevation.Approved {
		c.touch = true
		return c, nil
	}
	if d.Verdict == elevation.Approved && l.ep.Locked { // [Queue.Lock] leaves none of these
		return c, q.revoke(c, system(), "this endpoint is locked")
	}
	return c, q.conclude(c)
}

// prune deletes now and then what has ended and is no history.
func (q *Queue) prune(ctx context.Context, now time.Time) error {
	q.mu.Lock()
	due := now.Sub(q.prunedAt) >= pruneEvery || now.Before(q.prunedAt)
	if due {
		q.prunedAt = now
	}
	q.mu.Unlock()
	if !due {
		return nil
	}
	if err := errors.Join(q.replan(ctx, now), q.orphans(ctx, now)); err != nil {
		return err
	}
	if err := q.cfg.Store.Update(ctx, func(tx *store.Tx) error { return errors.Join(tx.Prune(now), q.forgetCodes(tx, now)) }); err != nil {
		return err
	}
	return q.cfg.Store.Tidy(ctx, now)
}
