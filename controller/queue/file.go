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
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// FileIn is a request as somebody files it away from the endpoint.
type FileIn struct {
	ID            elevation.RequestID // made by the caller; "" = made here
	AccessType    elevation.AccessType
	Endpoint      string              // id or name
	FromRequest   elevation.RequestID // run: the request that has the program
	ForUser       string              // name at the endpoint; "" = the actor's own there
	Justification string
	Ticket        string
	Priority      elevation.Priority
	Start         time.Time     // zero = now
	Duration      time.Duration // 0 = the usual
	Emergency     bool
}

// filing is a request about to be made, with everything that judges it.
type filing struct {
	loaded // r is the draft
	actor  auth.Actor
	by     elevation.Actor
	reason string
	ticket string
	given  bool // filed ahead by an approver: it counts as their vote, where they may vote
	unwait bool // no pause after a denial

	chain    string // kind of link to r.Previous or r.Extends
	previous elevation.Request
}

// File makes a request for the actor themself, by a strong link, or by an
// approver for somebody else. made is false when it is there already: the same
// id with the same content, or the same thing waits and is joined.
func (q *Queue) File(ctx context.Context, a auth.Actor, in FileIn) (v View, made bool, err error) {
	if in.ID == "" {
		in.ID = elevation.NewRequestID(q.now())
	}
	if err := elevation.CheckID(elevation.RequestPrefix, string(in.ID)); err != nil {
		return View{}, false, fmt.Errorf("%w: %w", elevation.ErrInvalid, err)
	}
	if in.Emergency && in.FromRequest != "" {
		if v, taken, err := q.takeAtOnce(ctx, a, in); taken || err != nil {
			return v, false, err
		}
	}
	return q.file(ctx, a, "file", func(tx *store.Tx, met elevation.User, now time.Time) (filing, error) {
		return q.filing(tx, a, in, met, now)
	})
}

// file makes the request that draft describes and answers with it. draft reads
// and may run again; it has a user whom the endpoint was asked about for a [stranger].
func (q *Queue) file(ctx context.Context, a auth.Actor, verb string, draft func(tx *store.Tx, met elevation.User, now time.Time) (filing, error)) (v View, made bool, err error) {
	if err := errors.Join(a.Can(auth.RequestsOwn), mayWrite(a)); err != nil {
		q.refused(ctx, a, loaded{}, "", verb, err)
		return View{}, false, err
	}
	var f filing
	var met elevation.User
	id := elevation.RequestID("")
	err = retry(ctx, func() error {
		now := q.now()
		var old *elevation.Request
		err := q.cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
			f = filing{}
			if f, err = draft(tx, met, now); err != nil {
				return err
			}
			old, err = known(tx, f)
			return err
		})
		if s := (*stranger)(nil); errors.As(err, &s) && met.UID == "" {
			if met, err = q.meet(ctx, s); err == nil {
				err = store.ErrStale // once more, with them
			}
		}
		if err != nil {
			return err
		}
		if old != nil {
			id, made = old.ID, false
			return nil
		}
		id, made, err = q.make(ctx, &f, now)
		return err
	})
	if err != nil {
		l := f.loaded
		l.r.ID = f.r.Previous // the new one is not there; what it came of is
		q.refused(ctx, a, l, l.r.ID, verb, err)
		return View{}, false, err
	}
	v, err = q.Get(ctx, a, id)
	return v, made, err
}

// known finds the request that has the id of the draft already. Another content
// under the same id is [elevation.ErrConflict].
func known(tx *store.Tx, f filing) (*elevation.Request, error) {
	old, err := tx.Request(f.r.ID)
	if errors.Is(err, elevation.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := f.r
	same := old.FiledBy.ID == r.FiledBy.ID && old.Origin == r.Origin && old.Endpoint == r.Endpoint && old.Previous == r.Previous &&
		old.Extends == r.Extends && old.Emergency == r.Emergency && old.Justification == f.reason && old.Ticket == f.ticket &&
		old.Attempt.Same(r.Attempt) && old.Attempt.Duration == r.Attempt.Duration && old.Attempt.Priority == r.Attempt.Priority &&
		old.Requested.Start.Equal(r.Requested.Start)
	if !same {
		return nil, fmt.Errorf("%w: the id was used for another request", elevation.ErrConflict)
	}
	return &old, nil
}

// filing turns what was asked for into a draft, and says whether the actor may.
func (q *Queue) filing(tx *store.Tx, a auth.Actor, in FileIn, met elevation.User, now time.Time) (f filing, err error) {
	f = filing{actor: a, by: a.Elevation(), reason: strings.TrimSpace(in.Justification), ticket: strings.TrimSpace(in.Ticket)}
	f.settings = tx.Settings()
	if in.Priority != "" && in.Priority.Rank() < 0 {
		return f, fmt.Errorf("%w: the priority is low, normal, high or urgent", elevation.ErrInvalid)
	}
	if f.ep, f.plan, err = q.reach(tx, a, in.Endpoint); err != nil {
		return f, err
	}
	if f.staff, err = tx.Staff(); err != nil {
		return f, err
	}
	from, err := source(tx, a, in)
	if err != nil {
		return f, err
	}
	if from.ID != "" && from.Endpoint != f.ep.ID {
		return f, fmt.Errorf("%w: that program was seen on another endpoint; name the endpoint of the request it is from", elevation.ErrInvalid)
	}
	if err := f.serves(in.AccessType); err != nil { // before the endpoint is asked
		return f, err
	}
	user, origin, err := f.person(tx, in, from, met)
	if err != nil {
		return f, err
	}
	attempt := elevation.Attempt{AccessType: in.AccessType, User: user, Mechanism: string(origin), Duration: in.Duration, Priority: in.Priority,
		Subject: elevation.Subject{RunAs: elevation.ElevatedOn(f.ep.Facts.OS), Args: []string{}, Marks: []string{}}}
	if in.AccessType == elevation.Run {
		attempt.Subject = from.Attempt.Subject
	}
	f.r = elevation.Request{ID: in.ID, Origin: origin, Endpoint: f.ep.ID, Attempt: attempt, Priority: in.Priority, PrioritySetBy: f.by,
		Requested: elevation.Window{Start: in.Start.UTC(), Duration: in.Duration}, Previous: from.ID, FiledBy: f.by, Emergency: in.Emergency, DraftedAt: now}
	if in.Start.IsZero() {
		f.r.Requested.Start = time.Time{}
	}
	if from.ID != "" {
		f.chain, f.previous = store.ChainFrom, from
	}
	return f, f.check(now)
}

// check says whether the draft may be filed by the actor at all.
func (f *filing) check(now time.Time) error {
	r := &f.r
	if err := f.serves(r.Attempt.AccessType); err != nil {
		return err
	}
	if err := r.Attempt.Valid(); err != nil {
		return err
	}
	if err := f.settings.Times().Period(r.Attempt.AccessType, r.Requested, now); err != nil {
		return err
	}
	if r.Origin == elevation.FromBehalf {
		if f.plan.IsRequester(delegation.Person{ID: f.actor.User, Login: f.actor.Login}, r) {
			return fmt.Errorf("%w: nobody files for themself as an approver; leave for_user out, with a link to your user", elevation.ErrSelfApproval)
		}
		if err := f.impartial(f.actor); err != nil {
			return err
		}
		f.given = !r.Requested.Start.IsZero()
		r.Priority = orNormal(r.Attempt.Priority)
	} else {
		r.Priority = wanted(r.Attempt.Priority, f.settings)
	}
	if r.Emergency {
		return f.mayEmergency(now)
	}
	return nil
}

// serves says whether the endpoint gives access of that type now.
func (f *filing) serves(a elevation.AccessType) error {
	switch {
	case f.ep.Locked || f.ep.Quarantined:
		return ErrLocked
	case !elevation.Serves(f.ep.Capabilities, a):
		return fmt.Errorf("%w: this endpoint does not give access of type %s", elevation.ErrConflict, a)
	}
	return nil
}

func orNormal(p elevation.Priority) elevation.Priority {
	if p == "" {
		return elevation.Normal
	}
	return p
}

// source reads the request whose program is asked for again. One that the actor
// may not see is not found.
func source(tx *store.Tx, a auth.Actor, in FileIn) (elevation.Request, error) {
	switch {
	case in.AccessType == elevation.Run && in.FromRequest == "":
		return elevation.Request{}, fmt.Errorf("%w: a program is asked for by from_request, a request of the same endpoint that has it", elevation.ErrInvalid)
	case in.AccessType != elevation.Run && in.FromRequest != "":
		return elevation.Request{}, fmt.Errorf("%w: from_request is for the access type run", elevation.ErrInvalid)
	case in.FromRequest == "":
		return elevation.Request{}, nil
	}
	l, err := load(tx, in.FromRequest)
	if err == nil {
		err = l.visible(a)
	}
	if err != nil {
		return elevation.Request{}, fmt.Errorf("from_request: %w", err)
	}
	if l.r.Attempt.AccessType != elevation.Run {
		return elevation.Request{}, fmt.Errorf("%w: from_request has no program", elevation.ErrInvalid)
	}
	return l.r, nil
}

// reach finds an endpoint by id or name that the actor may know of: it is in
// their scope, or one of their strong links is for it.
func (q *Queue) reach(tx *store.Tx, a auth.Actor, name string) (store.Endpoint, delegation.Plan, error) {
	var all []store.Endpoint
	if elevation.CheckID(elevation.EndpointPrefix, name) == nil {
		ep, err := tx.Endpoint(elevation.EndpointID(name))
		if err != nil && !errors.Is(err, elevation.ErrNotFound) {
			return ep, delegation.Plan{}, err
		}
		if err == nil && ep.DeletedAt.IsZero() {
			all = append(all, ep)
		}
	} else if name != "" {
		var err error
		if all, err = tx.Endpoints(store.EndpointFilter{Name: name}); err != nil {
			return store.Endpoint{}, delegation.Plan{}, err
		}
	}
	var found []store.Endpoint
	var plans []delegation.Plan
	for _, ep := range all {
		p, err := planFor(tx, ep.EffectiveLabels())
		if err != nil {
			return ep, p, err
		}
		if a.Can(auth.RequestsRead) == nil && a.Covers(ep.EffectiveLabels()) || knows(p, a, ep.ID) {
			found, plans = append(found, ep), append(plans, p)
		}
	}
	switch {
	case len(found) > 1:
		return store.Endpoint{}, delegation.Plan{}, fmt.Errorf("%w: several endpoints are called that; give its id", elevation.ErrInvalid)
	case len(found) == 1:
		return found[0], plans[0], nil
	case a.Seat != auth.Seat{}: // in the same words, whether there is one or not
		return store.Endpoint{}, delegation.Plan{}, fmt.Errorf("endpoint: %w", elevation.ErrNotFound)
	case a.Can(auth.RequestsRead) != nil:
		return store.Endpoint{}, delegation.Plan{}, fmt.Errorf("%w: no administrator has linked your account to a user of such an endpoint", elevation.ErrNotAllowed)
	}
	return store.Endpoint{}, delegation.Plan{}, fmt.Errorf("endpoint: %w", elevation.ErrNotFound)
}

// make weighs the draft and stores what came of it. Nothing of this is inside a
// transaction but the last step, which looks again.
func (q *Queue) make(ctx context.Context, f *filing, now time.Time) (id elevation.RequestID, made bool, err error) {
	set := q.rules()
	c := &change{now: now, next: f.r, insert: true}
	decided, err := q.weigh(ctx, set, f.loaded, c, f.by, f.reason, f.ticket)
	if err != nil {
		return "", false, err
	}
	if end := f.previous.WindowEnd(); !decided && f.chain == store.ChainExtend && end.Before(c.next.ExpiresAt) {
		c.next.ExpiresAt = end // there is nothing to extend then
	}
	if !decided && f.given {
		if err := q.vote(f, c); err != nil {
			return "", false, err
		}
	}
	if f.chain != "" {
		c.also = append(c.also, func(tx *store.Tx) error { return tx.Chain(f.previous.ID, c.next.ID, f.chain) })
	}
	if f.chain == store.ChainResubmit {
		c.events = append(c.events, audit.Event{At: now, Kind: audit.RequestResubmitted, Actor: f.by, Request: f.previous.ID, Endpoint: f.previous.Endpoint,
			Data: map[string]string{"as": string(c.next.ID)}})
	}
	id, made = c.next.ID, true
	c.settle()
	err = q.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		id, made = c.next.ID, true
		if q.rules() != set || !tx.StaffIs(f.staff) {
			return store.ErrStale // what lets them file it may have changed
		}
		if err := f.room(tx, c, decided); err != nil {
			return err
		}
		if !decided {
			joined, err := join(tx, &c.next, f.by, now)
			if err != nil || joined != "" {
				id, made = joined, false
				return err
			}
		}
		return c.write(tx)
	})
	if err == nil && made {
		q.committed(c)
	}
	return id, made, err
}

// room refuses what there is too much of. It looks inside the transaction that
// makes the request, so that two at the same time do not both pass.
func (f *filing) room(tx *store.Tx, c *change, decided bool) error {
	unwait := f.unwait
	if f.chain == store.ChainResubmit || f.chain == store.ChainExtend {
		others, err := tx.Chained(f.previous.ID, f.chain)
		if err != nil {
			return err
		}
		for _, o := range others {
			if waits(o, c.now) {
				return fmt.Errorf("%w: it was asked for again already, as %s, which waits", elevation.ErrConflict, o.ID)
			}
		}
		unwait = unwait && len(others) == 0
	}
	if decided {
		if d := c.next.Decision; d.Verdict != elevation.Approved {
			return nil
		}
		why, err := reviewFirst(tx, &c.next)
		if err == nil && why != "" {
			err = &FloodError{Why: why}
		}
		return err
	}
	full, err := flooded(tx, &c.next, unwait, c.now)
	if err == nil && full != nil {
		err = full
	}
	return err
}

// vote counts the filing of an approver as their approval, where they may vote.
// Where they may not it waits for somebody else.
func (q *Queue) vote(f *filing, c *change) error {
	me := f.by
	seats, err := delegation.Seats(f.plan, me, &c.next, c.now)
	if err != nil || f.actor.Can(auth.RequestsDecide) != nil {
		return nil
	}
	l := f.loaded
	l.r = c.next
	if l.impartial(f.actor) != nil || present(f.actor, l, elevation.Approved, c.now) != nil {
		return nil
	}
	in := elevation.Vote{By: me, Verdict: elevation.Approved, Comment: "given ahead", Hold: hold(f.actor, f.settings)}
	for _, s := range seats {
		in.Stages, in.For = append(in.Stages, s.Stage), append(in.For, s.For)
	}
	next, err := c.next.Review(in, f.settings.Times(), c.now)
	if err != nil {
		return err
	}
	c.next = next
	c.reviewed(f.actor, ReviewIn{Verdict: elevation.Approved, Comment: in.Comment})
	if d := next.Decision; d == nil || d.HeldUntil.After(c.now) {
		return nil
	}
	return q.conclude(c)
}
