package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// AgainIn is what changes when something is asked for again, or for longer.
// Zero fields of a resubmission stay as they were.
type AgainIn struct {
	ID            elevation.RequestID // of the new request, made by the caller; "" = made here
	Justification string
	Ticket        string
	Priority      elevation.Priority
	Start         time.Time
	Duration      time.Duration // of an extension: how much more
}

// Resubmit asks for the same thing as a request that is over, as a new one that
// is linked to it. After a denial it needs no pause once, if the reason changed.
// While one resubmission waits another is [elevation.ErrConflict].
func (q *Queue) Resubmit(ctx context.Context, a auth.Actor, id elevation.RequestID, in AgainIn) (View, error) {
	id, in, err := checkIDs(id, in, q.now())
	if err != nil {
		return View{}, err
	}
	v, _, err := q.file(ctx, a, "resubmit", func(tx *store.Tx, _ elevation.User, now time.Time) (filing, error) {
		f, err := followUp(tx, a, id, in, "resubmit")
		if err != nil {
			return f, err
		}
		if err := f.resubmission(in.ID, now); err != nil {
			return f, err
		}
		r, old := &f.r, f.previous
		if in.Duration != 0 {
			r.Requested.Duration = in.Duration
		}
		r.Requested.Start, r.FiledBy = utc(in.Start), f.by
		r.Attempt.Mechanism, r.Attempt.Priority, r.Attempt.Duration = string(elevation.FromPortal), orOld(in.Priority, old.Attempt.Priority), r.Requested.Duration
		return f, f.check(now)
	})
	return v, err
}

// resubmission makes f the draft of asking for f.previous again, which is over.
// Without a reason or a ticket those of then are taken.
func (f *filing) resubmission(id elevation.RequestID, now time.Time) error {
	old := f.previous
	if err := old.Again(now); err != nil {
		return err
	}
	f.chain = store.ChainResubmit
	f.unwait = old.State(now) != elevation.StateDenied || f.reason != "" && f.reason != old.Justification
	if f.reason == "" {
		f.reason = old.Justification
	}
	if f.ticket == "" {
		f.ticket = old.Ticket
	}
	f.r = elevation.Request{ID: id, Origin: elevation.FromResubmit, Endpoint: old.Endpoint, Attempt: old.Attempt, PrioritySetBy: f.by,
		Requested: elevation.Window{Duration: old.Requested.Duration}, Previous: old.ID, DraftedAt: now}
	return nil
}

// Extend asks for more time of what is in use: a request of its own, whose
// approval amends the grant.
func (q *Queue) Extend(ctx context.Context, a auth.Actor, id elevation.RequestID, in AgainIn) (View, error) {
	id, in, err := checkIDs(id, in, q.now())
	if err != nil {
		return View{}, err
	}
	v, _, err := q.file(ctx, a, "extend", func(tx *store.Tx, _ elevation.User, now time.Time) (filing, error) {
		f, err := followUp(tx, a, id, in, "extend")
		if err != nil {
			return f, err
		}
		return f, f.extension(in, elevation.FromPortal, now)
	})
	return v, err
}

// extension makes f the draft of an extension of f.previous.
func (f *filing) extension(in AgainIn, origin elevation.Origin, now time.Time) error {
	old := f.previous
	total, err := old.MoreTime(in.Duration, f.settings.Times(), now)
	if err != nil {
		return err
	}
	if limit := old.Need.MaxDuration; limit > 0 && total > limit {
		return fmt.Errorf("%w: a rule gives %s at the most in all", elevation.ErrInvalid, elevation.FormatDuration(limit))
	}
	if f.ep.Locked || f.ep.Quarantined {
		return ErrLocked
	}
	if f.ticket == "" {
		f.ticket = old.Ticket
	}
	attempt := old.Attempt
	attempt.Mechanism, attempt.Duration, attempt.Priority = string(origin), in.Duration, in.Priority
	f.chain = store.ChainExtend
	f.r = elevation.Request{ID: in.ID, Origin: origin, Endpoint: old.Endpoint, Attempt: attempt, Priority: wanted(in.Priority, f.settings),
		PrioritySetBy: f.by, Requested: elevation.Window{Duration: in.Duration}, Extends: old.ID, FiledBy: f.by, DraftedAt: now}
	return nil
}

// followUp loads the request that something new comes of, for its requester: a
// strong link is needed, because this gives.
func followUp(tx *store.Tx, a auth.Actor, id elevation.RequestID, in AgainIn, what string) (filing, error) {
	l, err := load(tx, id)
	if err != nil {
		return filing{}, err
	}
	f := filing{loaded: l, actor: a, by: a.Elevation(), reason: strings.TrimSpace(in.Justification), ticket: strings.TrimSpace(in.Ticket), previous: l.r}
	f.r.Previous = id
	if err := l.visible(a); err != nil {
		return f, err
	}
	if !l.own(a) {
		return f, errOthers(what)
	}
	if in.Priority != "" && in.Priority.Rank() < 0 {
		return f, fmt.Errorf("%w: the priority is low, normal, high or urgent", elevation.ErrInvalid)
	}
	return f, nil
}

// checkIDs looks at the ids of a request and of the one that shall come of it.
func checkIDs(id elevation.RequestID, in AgainIn, now time.Time) (elevation.RequestID, AgainIn, error) {
	if elevation.CheckID(elevation.RequestPrefix, string(id)) != nil {
		return "", in, fmt.Errorf("request: %w", elevation.ErrNotFound)
	}
	if in.ID == "" {
		in.ID = elevation.NewRequestID(now)
	}
	if err := elevation.CheckID(elevation.RequestPrefix, string(in.ID)); err != nil {
		return "", in, fmt.Errorf("%w: %w", elevation.ErrInvalid, err)
	}
	return id, in, nil
}

func orOld(p, old elevation.Priority) elevation.Priority {
	if p == "" {
		return old
	}
	return p
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// more makes the effect of an extension that was approved: the signed amendment
// for the endpoint, and the longer time of what it extends. When that is over
// meanwhile there is nothing to give, and the extension is over too.
func (q *Queue) more(c *change) error {
	var of elevation.Request
	ctx, cancel := context.WithTimeout(context.Background(), lookBack)
	defer cancel()
	err := q.cfg.Store.View(ctx, func(tx *store.Tx) (err error) { of, err = tx.Request(c.next.Extends); return err })
	if err != nil {
		return err
	}
	times := q.cfg.Store.Settings().Times()
	total := min(of.Granted.Duration+c.next.Granted.Duration, times.Longest(of.Attempt.AccessType))
	if limit := of.Need.MaxDuration; limit > 0 {
		total = min(total, limit)
	}
	longer, err := of.Extended(total, c.now)
	if errors.Is(err, elevation.ErrNotPending) {
		c.next.Grant.EndedAt, c.next.Grant.EndReason = c.now, elevation.Superseded
		return nil
	}
	if err != nil {
		return err
	}
	by := c.next.Decision.By
	raw, err := q.amendment(of, c.next.ID, total, by, c.now)
	if err != nil {
		return err
	}
	c.next.Grant = elevation.GrantFacts{ID: of.Grant.ID, IssuedAt: c.now, DeliverBy: c.now.Add(times.DeliverBy)}
	c.send(wire.TAmend, wire.Signed{Raw: raw})
	due := longer
	c.also = append(c.also, func(tx *store.Tx) error {
		next := due
		if err := tx.PutRequest(&next, c.now); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: c.now, Kind: audit.RequestExtended, Actor: by, Request: of.ID, Grant: of.Grant.ID, Endpoint: of.Endpoint,
			Data: map[string]string{"by_request": string(c.next.ID), "duration": total.String()}})
	})
	return nil
}

// nothingToExtend closes the extensions of c.next that wait: it is over.
func (c *change) nothingToExtend(tx *store.Tx) error {
	all, err := tx.Chained(c.next.ID, store.ChainExtend)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.State(c.now) != elevation.StatePending {
			continue
		}
		x := &change{now: c.now, next: r}
		x.next.ExpiredAt = c.now
		x.event(audit.RequestExpired, system(), map[string]string{"what": "over"}, nil)
		x.send(wire.TClosed, wire.Closed{Request: r.ID, Why: wire.ClosedExpired, Text: "what it would extend is over"})
		if err := x.write(tx); err != nil {
			return err
		}
	}
	return nil
}

// lookBack bounds reading what a change needs beside its own request.
const lookBack = 10 * time.Second
