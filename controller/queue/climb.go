package queue

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// times are the periods for a request that is about to wait: hours of the teams
// that are asked stretch the time until it expires.
func (l loaded) times(r *elevation.Request, now time.Time) elevation.Times {
	t := l.settings.Times()
	t.PendingTTL = l.plan.Expiry(r, now, t.PendingTTL).Sub(now)
	return t
}

// climbs is when the request goes up a ladder next, the zero time for never and
// for one that does not wait.
func climbs(p delegation.Plan, r *elevation.Request) time.Time {
	due, ok := p.NextEscalation(r)
	if !ok || r.State(r.SubmittedAt) != elevation.StatePending {
		return time.Time{}
	}
	return due.At
}

// climb lets the teams answer whose time has come on a ladder.
func (c *change) climb(p delegation.Plan) {
	for range delegation.MaxQuorum { // bounded; what is left comes with the next sweep
		due, ok := p.NextEscalation(&c.next)
		if !ok || due.At.After(c.now) {
			break
		}
		e := elevation.Escalation{At: c.now, Of: due.Of, Team: due.Team, Name: due.Name, By: system()}
		c.next.Escalations = append(c.next.Escalations[:len(c.next.Escalations):len(c.next.Escalations)], e)
		c.event(audit.RequestEscalated, system(), map[string]string{"team": string(due.Team), "team_name": audit.Clip(due.Name, 200), "of": string(due.Of)}, nil)
	}
	c.next.EscalateAt = climbs(p, &c.next)
	c.touch = len(c.events) == 0
}

// replan looks at the ladders of everything that waits again when teams have
// changed. What went up a ladder stays there.
func (q *Queue) replan(ctx context.Context, now time.Time) error {
	var staff *store.Staff
	err := q.cfg.Store.View(ctx, func(tx *store.Tx) (err error) { staff, err = tx.Staff(); return err })
	if err != nil {
		return err
	}
	q.mu.Lock()
	same := q.climbed == staff || q.climbed != nil && reflect.DeepEqual(q.climbed.Teams, staff.Teams)
	q.climbed = staff
	q.mu.Unlock()
	ladders := false
	for _, t := range staff.Teams {
		ladders = ladders || len(t.Escalate) > 0
	}
	if same || !ladders {
		return nil
	}
	filter := store.RequestFilter{States: []elevation.State{elevation.StatePending, elevation.StateHeld}, Sort: "queue", Limit: sweepBatch}
	for {
		page := store.Page{}
		var list []loaded
		err := q.cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
			if page, err = tx.RequestPage(filter); err != nil {
				return err
			}
			for _, r := range page.Items {
				l := loaded{r: r, settings: tx.Settings()}
				if l.ep, err = tx.Endpoint(r.Endpoint); err != nil {
					return err
				}
				if l.plan, err = planFor(tx, l.ep.EffectiveLabels()); err != nil {
					return err
				}
				if !climbs(l.plan, &l.r).Equal(r.EscalateAt) {
					list = append(list, l)
				}
			}
			return nil
		})
		if err == nil {
			err = q.writeAll(ctx, list, func(l loaded) (*change, error) {
				c := &change{now: now, next: l.r}
				c.climb(l.plan)
				return c, nil
			})
		}
		if err != nil || page.Next == "" {
			return err
		}
		filter.Cursor = page.Next
	}
}

// orphans withdraws what waits on endpoints that were deleted: nobody can use it.
func (q *Queue) orphans(ctx context.Context, now time.Time) error {
	for {
		var list []loaded
		err := q.cfg.Store.View(ctx, func(tx *store.Tx) error {
			found, err := tx.Orphans(sweepBatch)
			for _, r := range found {
				list = append(list, loaded{r: r})
			}
			return err
		})
		if err != nil || len(list) == 0 {
			return err
		}
		err = q.writeAll(ctx, list, func(l loaded) (*change, error) {
			c := &change{now: now, next: l.r}
			return c, q.cancel(c, system(), false)
		})
		if err != nil {
			return err
		}
	}
}

// EndpointDeleted withdraws what waits on deleted endpoints at once; the sweep
// does the same a minute later.
func (q *Queue) EndpointDeleted(ctx context.Context) error { return q.orphans(ctx, q.now()) }

// writeAll writes one change for each request, leaving out those that somebody
// else has changed meanwhile.
func (q *Queue) writeAll(ctx context.Context, list []loaded, make func(loaded) (*change, error)) error {
	if len(list) == 0 {
		return nil
	}
	var done []*change
	err := q.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		done = nil
		for _, l := range list {
			cur, err := tx.Request(l.r.ID)
			if errors.Is(err, elevation.ErrNotFound) || err == nil && cur.Version != l.r.Version {
				continue
			}
			if err != nil {
				return err
			}
			c, err := make(l)
			if err == nil {
				err = c.write(tx)
			}
			if err != nil {
				return err
			}
			done = append(done, c)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, c := range done {
		q.committed(c)
	}
	return nil
}

// bind completes the strong links of one endpoint that know only the name or only
// the uid of this request's user: from now on both must agree, so that nobody
// gets the links of somebody whose name or uid they were given later.
func bind(tx *store.Tx, p delegation.Plan, r *elevation.Request, now time.Time) error {
	u := r.Attempt.User
	half := false
	for _, l := range p.Links {
		half = half || fits(l, r.Endpoint, u)
	}
	if !half {
		return nil
	}
	staff, err := tx.Staff()
	if err != nil {
		return err
	}
	for _, l := range staff.Links {
		if !fits(l.Link, r.Endpoint, u) {
			continue
		}
		l.Name, l.UID = u.Name, u.UID
		if err := tx.PutLink(l); err != nil {
			return err
		}
		e := audit.Event{At: now, Kind: audit.LinkChanged, Actor: system(), Endpoint: r.Endpoint,
			Data: map[string]string{"link": string(l.ID), "account": string(l.User), "user": audit.Clip(u.Name, 256), "uid": audit.Clip(u.UID, 256)}}
		if err := tx.Append(e); err != nil {
			return err
		}
	}
	return nil
}

// fits reports whether half of a link is known and this user has that half.
func fits(l delegation.Link, ep elevation.EndpointID, u elevation.User) bool {
	return ep != "" && l.Endpoint == ep && (l.Name == "" && l.UID != "" && l.UID == u.UID || l.UID == "" && l.Name != "" && l.Name == u.Name)
}
