package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/wire"
)

// reasonMin is how long a reason must be where a person reads it, in characters.
const reasonMin = 8

// Draft answers an attempt of an endpoint: a rule decides it at once, or the
// same thing waits already, or the person must complete it. The same id again is
// the same attempt and gets the same answer; an id that was used for something
// else, or input over a limit, is [elevation.ErrInvalid].
func (q *Queue) Draft(ctx context.Context, id elevation.EndpointID, in wire.Attempt) (Answer, error) {
	if err := elevation.CheckID(elevation.RequestPrefix, string(in.Request)); err != nil {
		return Answer{}, fmt.Errorf("%w: %w", elevation.ErrInvalid, err)
	}
	if err := in.Attempt.Valid(); err != nil {
		return Answer{}, err
	}
	var answer Answer
	first := true // most ids that a rule answers are new: one is looked for when it can not be stored
	err := retry(ctx, func() (err error) {
		answer, err = q.draft(ctx, id, in, first)
		first = false
		return err
	})
	if err != nil {
		return Answer{}, fmt.Errorf("attempt %s: %w", in.Request, err)
	}
	return answer, nil
}

func (q *Queue) draft(ctx context.Context, id elevation.EndpointID, in wire.Attempt, first bool) (Answer, error) {
	now := q.now()
	ep, err := q.cfg.Store.Endpoint(ctx, id)
	if err != nil {
		return Answer{}, err
	}
	locked := !ep.DeletedAt.IsZero() || ep.Locked || ep.Quarantined
	if !elevation.Serves(ep.Capabilities, in.Attempt.AccessType) {
		return Answer{}, fmt.Errorf("%w: this endpoint does not give access of type %s", elevation.ErrInvalid, in.Attempt.AccessType)
	}
	set := q.rules()
	p := wanted(in.Attempt.Priority, q.cfg.Store.Settings())
	out := set.Evaluate(input(ep, in.Attempt, "", "", p), now)
	decided := out.Kind == rules.Approve || out.Kind == rules.Deny
	if !first || !decided || locked {
		var old elevation.Request
		err := q.cfg.Store.View(ctx, func(tx *store.Tx) (err error) { old, err = tx.Request(in.Request); return err })
		switch {
		case err == nil:
			return again(old, ep.ID, in, now)
		case !errors.Is(err, elevation.ErrNotFound):
			return Answer{}, err
		}
	}
	if locked {
		return refuse(in.Request, "this endpoint is locked; ask your administrator"), nil
	}
	c := &change{now: now, insert: true, next: elevation.Request{ID: in.Request, Origin: elevation.FromEndpoint, Endpoint: ep.ID, Attempt: in.Attempt, Priority: p,
		PrioritySetBy: endpointActor(ep), Requested: elevation.Window{Duration: in.Attempt.Duration}, AtTerminal: in.AtTerminal, DraftedAt: now}}
	r := &c.next
	prioritize(r, out)
	if in.Inside != "" && out.Kind != rules.Deny { // it is let through already, and only a denial would count
		return Answer{Closed: &wire.Closed{Request: in.Request, Why: wire.ClosedNeedsPerson}}, nil
	}
	if out.Need.AfterBlocks && out.Kind != rules.Deny { // a person is not asked, but somebody must look first
		why := ""
		err := q.cfg.Store.View(ctx, func(tx *store.Tx) (err error) { why, err = reviewFirst(tx, r); return err })
		if err != nil || why != "" {
			return refuse(in.Request, why), err
		}
	}
	if decided {
		r.Need = out.Need
		if err := q.byRule(c, out); err != nil {
			return Answer{}, err
		}
		return Answer{Decided: true}, q.commitUnder(ctx, set, c)
	}
	if done, err := q.byAccess(ctx, set, c, out, ""); err != nil || done {
		if err != nil {
			return Answer{}, err
		}
		return Answer{Decided: true}, q.commitUnder(ctx, set, c)
	}
	if in.RulesOnly {
		return Answer{Closed: &wire.Closed{Request: in.Request, Why: wire.ClosedNeedsPerson, Text: out.Text("en")}}, nil
	}
	return q.ask(ctx, set, ep, *r, out)
}

// again answers an attempt whose id is known.
func again(old elevation.Request, ep elevation.EndpointID, in wire.Attempt, now time.Time) (Answer, error) {
	if old.Endpoint != ep || !old.Attempt.Same(in.Attempt) {
		return Answer{}, fmt.Errorf("%w: the id was used for something else", elevation.ErrInvalid)
	}
	switch s := old.State(now); {
	case s == elevation.StateDraft:
		return Answer{Need: need(old, 0, "")}, nil
	case s == elevation.StatePending || s == elevation.StateHeld:
		return Answer{Need: &wire.Need{Request: in.Request, Joined: in.Request}}, nil
	case s == elevation.StateCancelled:
		return Answer{Closed: &wire.Closed{Request: in.Request, Why: wire.ClosedCancelled}}, nil
	case old.Decision == nil && !old.RemovedByTeamAt.IsZero():
		return Answer{Closed: &wire.Closed{Request: in.Request, Why: wire.ClosedRemoved}}, nil
	case old.Decision == nil:
		return Answer{Closed: &wire.Closed{Request: in.Request, Why: wire.ClosedExpired}}, nil
	}
	return Answer{Decided: true}, nil
}

func refuse(id elevation.RequestID, text string) Answer {
	return Answer{Closed: &wire.Closed{Request: id, Why: wire.ClosedRefused, Text: text, By: "the controller"}}
}

// byRule makes the answer of a rule to the draft c.next.
func (q *Queue) byRule(c *change, out rules.Outcome) error {
	verdict, text := elevation.Approved, out.Text("en")
	if out.Kind == rules.Deny {
		verdict = elevation.Denied
		if text == "" {
			text = out.Sentence
		}
	}
	given, times := c.next.Requested, q.cfg.Store.Settings().Times()
	if given.Duration <= 0 {
		given.Duration = times.Usual(c.next.Attempt.AccessType)
	}
	if d := out.Limits.Duration; d > 0 {
		given.Duration = min(given.Duration, d)
	}
	by := elevation.Actor{Kind: elevation.ByRule, ID: out.Rule, Name: string(out.Name)}
	next, err := c.next.DecideByRule(verdict, by, text, given, times, c.now)
	if err != nil {
		return err
	}
	c.next = next
	return q.conclude(c)
}

// commitUnder commits what was made under a set of rules, unless there is
// another one by now.
func (q *Queue) commitUnder(ctx context.Context, set *rules.Set, c *change) error {
	if err := c.ready(ctx, q.cfg.Store); err != nil {
		return err
	}
	err := q.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		if q.rules() != set {
			return store.ErrStale
		}
		return c.write(tx)
	})
	if err != nil {
		return err
	}
	q.committed(c)
	return nil
}

// ask stores a draft, unless the same thing waits, or too much does.
func (q *Queue) ask(ctx context.Context, set *rules.Set, ep store.Endpoint, r elevation.Request, out rules.Outcome) (Answer, error) {
	now := r.DraftedAt
	var answer Answer
	usual := time.Duration(0)
	err := q.cfg.Store.View(ctx, func(tx *store.Tx) error {
		team, err := planFor(tx, ep.EffectiveLabels())
		if err != nil {
			return err
		}
		r.Need = q.demand(out, ep)
		r.Need.Stages = stagesFor(team, tx.Settings(), ep, &r, out.Need.Stages)
		askUsual(&r, tx.Settings().Times())
		usual, err = q.usualWait(tx, asked(&r))
		return err
	})
	if err != nil {
		return Answer{}, err
	}
	c := &change{now: now, next: r, insert: true}
	stored := false
	err = q.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		stored = false
		if q.rules() != set {
			return store.ErrStale
		}
		joined, err := join(tx, &r, endpointActor(ep), now)
		if err != nil {
			return err
		}
		if joined != "" {
			answer = Answer{Need: &wire.Need{Request: r.ID, Joined: joined}}
			return nil
		}
		full, err := flooded(tx, &r, false, now)
		if err != nil {
			return err
		}
		if full != nil {
			answer = refuse(r.ID, full.Why)
			return nil
		}
		answer, stored = Answer{Need: need(r, usual, out.Text("en"))}, true
		return c.write(tx)
	})
	if err != nil {
		return Answer{}, err
	}
	if stored {
		q.committed(c)
	}
	return answer, nil
}

// askUsual says for how long a session or administrator rights are asked for
// where nobody said it, so that those who answer see what they give.
func askUsual(r *elevation.Request, t elevation.Times) {
	if r.Attempt.AccessType == elevation.Run || r.Requested.Duration > 0 {
		return
	}
	r.Requested.Duration = t.Usual(r.Attempt.AccessType)
	if r.Need.MaxDuration > 0 {
		r.Requested.Duration = min(r.Requested.Duration, r.Need.MaxDuration)
	}
}

// demand is what the outcome of the rules and the endpoint's policy ask of the
// request.
func (q *Queue) demand(out rules.Outcome, ep store.Endpoint) elevation.Need {
	n, policy := out.Need, q.cfg.Policy(ep.EffectiveLabels())
	n.ReasonMin, n.Presets = reasonMin, policy.Presets
	if policy.ReasonMin > 0 {
		n.ReasonMin = policy.ReasonMin
	}
	if out.ByRule {
		n.ReasonMin, n.Presets = 0, nil // only the ticket is missing; no person reads a reason
	}
	return n
}

func need(r elevation.Request, usual time.Duration, text string) *wire.Need {
	n := &wire.Need{Request: r.ID, ReasonMin: r.Need.ReasonMin, Presets: r.Need.Presets, Ticket: r.Need.Ticket, MaxDuration: r.Need.MaxDuration, UsualWait: usual, Message: text}
	for _, s := range r.Need.Stages {
		n.GoesTo = append(n.GoesTo, s.Name)
	}
	return n
}

func waits(r elevation.Request, now time.Time) bool {
	s := r.State(now)
	return s == elevation.StatePending || s == elevation.StateHeld
}

// wanted is the priority that the requester may have.
func wanted(p elevation.Priority, set store.Settings) elevation.Priority {
	if p == "" {
		return elevation.Normal
	}
	if p.Rank() > set.MaxRequesterPriority.Rank() {
		return set.MaxRequesterPriority
	}
	return p
}

func prioritize(r *elevation.Request, out rules.Outcome) {
	if out.SetPriority != "" {
		r.Priority = out.SetPriority
		r.PrioritySetBy = elevation.Actor{Kind: elevation.ByRule, ID: out.Rule, Name: string(out.Name)}
	}
}

func input(ep store.Endpoint, a elevation.Attempt, reason, ticket string, p elevation.Priority) rules.Input {
	return rules.Input{Attempt: a, Justification: reason, Ticket: ticket, Priority: p, Endpoint: ep.ForRules()}
}

// Complete gives a draft its reason and queues it. The rules are asked again,
// because they may look at reason and ticket; when one decides, or a decision was
// there already, the progress is empty. When the same thing waits by now, the
// progress is that of the other request, whose id it carries, and the draft is
// gone. A draft that was completed already is no error.
func (q *Queue) Complete(ctx context.Context, id elevation.EndpointID, in wire.Complete) (wire.Progress, error) {
	in.Justification, in.Ticket = strings.TrimSpace(in.Justification), strings.TrimSpace(in.Ticket)
	var p wire.Progress
	err := retry(ctx, func() (err error) {
		p, err = q.complete(ctx, id, in)
		return err
	})
	if err != nil {
		return wire.Progress{}, fmt.Errorf("complete %s: %w", in.Request, err)
	}
	return p, nil
}

func (q *Queue) complete(ctx context.Context, id elevation.EndpointID, in wire.Complete) (wire.Progress, error) {
	now := q.now()
	var l loaded
	var p wire.Progress
	err := q.cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
		if l, err = ownOf(tx, id, in.Request, load); err != nil {
			return err
		}
		p, err = q.progress(tx, l, now)
		return err
	})
	if err != nil {
		return p, err
	}
	switch s := l.r.State(now); {
	case s == elevation.StateDraft:
	case waits(l.r, now):
		return p, nil
	case l.r.Decision != nil:
		return wire.Progress{}, nil
	default:
		return p, fmt.Errorf("%w: it is %s", elevation.ErrNotPending, s)
	}
	if l.ep.Locked || l.ep.Quarantined {
		return p, ErrLocked
	}
	set := q.rules()
	c := &change{now: now, next: l.r}
	decided, err := q.weigh(ctx, set, l, c, endpointActor(l.ep), in.Justification, in.Ticket)
	if err != nil {
		return p, err
	}
	if decided {
		return wire.Progress{}, q.commitUnder(ctx, set, c)
	}
	return q.enqueue(ctx, set, l, c)
}

// enqueue commits a completed draft, or joins what waits already.
func (q *Queue) enqueue(ctx context.Context, set *rules.Set, l loaded, c *change) (wire.Progress, error) {
	var p wire.Progress
	err := q.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		if q.rules() != set {
			return store.ErrStale
		}
		joined, err := join(tx, &l.r, endpointActor(l.ep), c.now)
		if err != nil {
			return err
		}
		at := l
		if joined != "" {
			gone := l.r
			gone.CancelledAt = c.now
			if err := tx.PutRequest(&gone, c.now); err != nil {
				return err
			}
			if at.r, err = tx.Request(joined); err != nil {
				return err
			}
		} else {
			if err := c.write(tx); err != nil {
				return err
			}
			at.r = c.next
		}
		if err := bind(tx, l.plan, &at.r, c.now); err != nil {
			return err
		}
		p, err = q.progress(tx, at, c.now)
		return err
	})
	if err == nil {
		q.committed(c)
	}
	return p, err
}

// ownOf reads a request of the endpoint with read; those of others are not found.
func ownOf(tx *store.Tx, ep elevation.EndpointID, id elevation.RequestID, read func(*store.Tx, elevation.RequestID) (loaded, error)) (loaded, error) {
	l, err := read(tx, id)
	if err == nil && l.r.Endpoint != ep {
		return loaded{}, fmt.Errorf("request %s: %w", id, elevation.ErrNotFound)
	}
	return l, err
}

// Progress says where a request of the endpoint stands.
func (q *Queue) Progress(ctx context.Context, id elevation.EndpointID, req elevation.RequestID) (wire.Progress, error) {
	var p wire.Progress
	err := q.cfg.Store.View(ctx, func(tx *store.Tx) error {
		l, err := ownOf(tx, id, req, load)
		if err != nil {
			return err
		}
		p, err = q.progress(tx, l, q.now())
		return err
	})
	return p, err
}

// toldAtMost is how many names of those who can answer go to an endpoint.
const toldAtMost = 50

func (q *Queue) progress(tx *store.Tx, l loaded, now time.Time) (wire.Progress, error) {
	p := wire.Progress{Request: l.r.ID, ApprovHave: l.r.ApprovalsHave(), ApprovNeed: l.r.ApprovalsNeeded()}
	if !waits(l.r, now) {
		return p, nil
	}
	o, err := q.outlook(tx, l, !l.settings.ShowApprovers, now)
	p.CanAnswer, p.CanAnswerFrom, p.UsualWait, p.Position = o.who[:min(len(o.who), toldAtMost)], o.from, o.usual, o.place
	p.Emergency = l.emergency(now)
	if l.r.Origin == elevation.FromEndpoint {
		p.Code = q.codes.of(l.r.ID, now)
	}
	if by := l.r.ClaimedBy(now); by.ID != "" {
		p.SeenBy = nameFor(l.settings, by)
	}
	return p, err
}

// Withdraw takes a request back for the person at the endpoint. One that is over
// already, or that never arrived, is no error: there is nothing left to take.
func (q *Queue) Withdraw(ctx context.Context, id elevation.EndpointID, in wire.Withdraw) error {
	err := q.fromEndpoint(ctx, id, in.Request, func(l loaded, c *change) error {
		if l.r.State(c.now).Final() {
			return errSame
		}
		return q.cancel(c, endpointActor(l.ep), false)
	})
	if errors.Is(err, errSame) || errors.Is(err, elevation.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("withdraw %s: %w", in.Request, err)
	}
	return nil
}

// Answer replies to the first open question of an approver.
func (q *Queue) Answer(ctx context.Context, id elevation.EndpointID, in wire.Answer) error {
	if err := elevation.CheckText("answer", in.Text, elevation.MaxComment); err != nil {
		return err
	}
	err := q.fromEndpoint(ctx, id, in.Request, func(l loaded, c *change) error {
		return c.answer(endpointActor(l.ep), strings.TrimSpace(in.Text))
	})
	if err != nil {
		return fmt.Errorf("answer a question of %s: %w", in.Request, err)
	}
	return nil
}

// fromEndpoint lets an endpoint change one of its requests.
func (q *Queue) fromEndpoint(ctx context.Context, id elevation.EndpointID, req elevation.RequestID, do func(l loaded, c *change) error) error {
	return retry(ctx, func() error {
		var l loaded
		err := q.cfg.Store.View(ctx, func(tx *store.Tx) (err error) { l, err = ownOf(tx, id, req, loadFacts); return err })
		if err != nil {
			return err
		}
		c := &change{now: q.now(), next: l.r}
		if err := do(l, c); err != nil {
			return err
		}
		return q.commit(ctx, c)
	})
}
