package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// This file stops a whole endpoint: it is locked, and what was granted on it is
// taken back, in one commit. People with rights of their own keep them.

// ErrLocked refuses whatever would elevate something on a locked endpoint. It
// wraps [elevation.ErrConflict].
var ErrLocked = fmt.Errorf("%w: this endpoint is locked; ask your administrator", elevation.ErrConflict)

// Lock lets nothing new be elevated on an endpoint until [Queue.Unlock], and
// revokes what was granted there. One that is locked stays as it is; what was
// granted is looked for again.
func (q *Queue) Lock(ctx context.Context, a auth.Actor, id elevation.EndpointID, comment string) error {
	if err := a.Can(auth.EndpointsWrite); err != nil {
		return q.mayNot(ctx, a, id, "endpoint.lock", err)
	}
	_, err := q.stop(ctx, a, id, "endpoint.lock", comment, func(tx *store.Tx, ep *store.Endpoint, c stopping) error {
		if ep.Locked {
			return nil
		}
		ep.Locked, ep.Lock = true, store.Lock{At: c.now, By: c.by, Why: c.comment}
		return c.turn(tx, *ep)
	})
	return err
}

// Unlock ends a lock, and the quarantine of what was connected twice. What was
// revoked stays so.
func (q *Queue) Unlock(ctx context.Context, a auth.Actor, id elevation.EndpointID, comment string) error {
	if err := a.Can(auth.EndpointsWrite); err != nil {
		return q.mayNot(ctx, a, id, "endpoint.unlock", err)
	}
	c := stopping{by: a.Elevation(), now: q.now(), comment: strings.TrimSpace(comment)}
	if err := elevation.CheckText("comment", c.comment, elevation.MaxComment); err != nil {
		return err
	}
	err := q.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		ep, err := reachable(tx, a, id)
		if err != nil || !ep.Locked && !ep.Quarantined {
			return err
		}
		// Whichever copy of a quarantined endpoint comes first is the one from now on.
		ep.Locked, ep.Lock, ep.Quarantined = false, store.Lock{}, false
		return c.turn(tx, ep)
	})
	if err != nil {
		return q.mayNot(ctx, a, id, "endpoint.unlock", err)
	}
	q.cfg.Wake(id)
	return nil
}

// RevokeGrants revokes everything that is granted on an endpoint and returns
// whose requests it was.
func (q *Queue) RevokeGrants(ctx context.Context, a auth.Actor, id elevation.EndpointID, comment string) ([]elevation.RequestID, error) {
	if err := a.Can(auth.EndpointsWrite); err != nil && a.Can(auth.RequestsRevoke) != nil {
		return nil, q.mayNot(ctx, a, id, "endpoint.revoke-grants", err)
	}
	return q.stop(ctx, a, id, "endpoint.revoke-grants", comment, nil)
}

// mayNot writes that an act on an endpoint was refused, and returns why.
func (q *Queue) mayNot(ctx context.Context, a auth.Actor, id elevation.EndpointID, verb string, why error) error {
	q.refused(ctx, a, loaded{r: elevation.Request{Endpoint: id}}, "", verb, why)
	return why
}

// stopping is who stops or releases an endpoint, when and why.
type stopping struct {
	by      elevation.Actor
	now     time.Time
	comment string
}

// turn writes an endpoint whose lock has changed, and tells it.
func (c stopping) turn(tx *store.Tx, ep store.Endpoint) error {
	if err := tx.PutEndpoint(ep); err != nil {
		return err
	}
	why := ""
	if ep.Locked {
		why = cmp.Or(c.comment, "this endpoint is locked")
	}
	if _, err := tx.Enqueue(ep.ID, wire.TLock, wire.Lock{Locked: ep.Locked, Text: why}); err != nil {
		return err
	}
	text := map[string]string{}
	put(text, "comment", c.comment)
	return tx.Append(audit.Event{At: c.now, Kind: audit.EndpointChanged, Actor: c.by, Endpoint: ep.ID, Text: text,
		Data: map[string]string{"name": audit.Clip(ep.Name, 255), "locked": strconv.FormatBool(ep.Locked)}})
}

// reachable reads an endpoint; deleted or outside of the actor's scope it is not
// found.
func reachable(tx *store.Tx, a auth.Actor, id elevation.EndpointID) (store.Endpoint, error) {
	ep, err := tx.Endpoint(id)
	if err == nil && (!ep.DeletedAt.IsZero() || !a.Covers(ep.EffectiveLabels())) {
		err = fmt.Errorf("endpoint %s: %w", id, elevation.ErrNotFound)
	}
	return ep, err
}

// stop revokes what is granted on an endpoint together with what also does. In
// the transaction it looks again whether that is still all.
func (q *Queue) stop(ctx context.Context, a auth.Actor, id elevation.EndpointID, verb, comment string,
	also func(*store.Tx, *store.Endpoint, stopping) error) (revoked []elevation.RequestID, err error) {
	c := stopping{by: a.Elevation(), comment: strings.TrimSpace(comment)}
	if err := elevation.CheckText("comment", c.comment, elevation.MaxComment); err != nil {
		return nil, err
	}
	err = retry(ctx, func() error {
		c.now = q.now()
		var have []elevation.Request
		err := q.cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
			if _, err := reachable(tx, a, id); err != nil {
				return err
			}
			have, err = given(tx, id)
			return err
		})
		if err != nil {
			return err
		}
		var changes []*change
		if changes, revoked, err = q.revocations(have, c); err != nil {
			return err
		}
		err = q.cfg.Store.Update(ctx, func(tx *store.Tx) error {
			ep, err := reachable(tx, a, id)
			if err != nil {
				return err
			}
			if now, err := given(tx, id); err != nil || !sameRequests(have, now) {
				return errors.Join(err, store.ErrStale)
			}
			for _, r := range changes {
				if err := r.write(tx); err != nil {
					return err
				}
			}
			if also == nil {
				return nil
			}
			return also(tx, &ep, c)
		})
		if err != nil {
			return err
		}
		for _, r := range changes {
			q.committed(r)
		}
		q.cfg.Wake(id)
		return nil
	})
	if err != nil {
		return nil, q.mayNot(ctx, a, id, verb, err)
	}
	return revoked, nil
}

// given are the requests of an endpoint that were approved and are not over.
func given(tx *store.Tx, id elevation.EndpointID) (out []elevation.Request, err error) {
	f := store.RequestFilter{Endpoint: string(id), Sort: "newest", Limit: store.MaxLimit,
		States: []elevation.State{elevation.StateHeld, elevation.StateApproved, elevation.StateAvailable, elevation.StateActive}}
	for {
		page, err := tx.RequestPage(f)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Items {
			if r.Endpoint == id && r.Decision != nil && r.Decision.Verdict == elevation.Approved { // another one may be called like its id
				out = append(out, r)
			}
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			return out, nil
		}
	}
}

func sameRequests(a, b []elevation.Request) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].ID != b[i].ID || a[i].Version != b[i].Version {
			return false
		}
	}
	return true
}

// revocations makes the changes that revoke the given requests, as far as they are
// not over by now.
func (q *Queue) revocations(list []elevation.Request, by stopping) (out []*change, ids []elevation.RequestID, err error) {
	for _, r := range list {
		c := &change{now: by.now, next: r}
		err := q.revoke(c, by.by, by.comment)
		if errors.Is(err, elevation.ErrNotPending) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		c.settle()
		if err := c.encode(); err != nil {
			return nil, nil, err
		}
		out, ids = append(out, c), append(ids, r.ID)
	}
	return out, ids, nil
}

// revoke ends what c.next was given, and tells the endpoint.
func (q *Queue) revoke(c *change, by elevation.Actor, comment string) error {
	next, err := c.next.Revoke(by, comment, c.now)
	if err != nil {
		return err
	}
	c.next = next
	text := map[string]string{}
	put(text, "comment", comment)
	c.event(audit.GrantRevoked, by, nil, text)
	if next.Grant.ID != "" {
		return q.takeBack(c, elevation.RevokedEnd, by, comment)
	}
	c.send(wire.TDecision, wire.Decision{Request: next.ID, Verdict: elevation.Denied, Text: comment, By: nameFor(q.cfg.Store.Settings(), by)})
	return nil
}
