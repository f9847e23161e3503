package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/wire"
)

// This file takes what endpoints say they elevated while they could not reach the
// controller. It is a report of what happened, so it is always written down; what
// does not fit to the rules or to a code that was told is an alarm.

// The reasons for care about something that was allowed offline.
const (
	cautionMismatch  = "offline_mismatch"  // the rules of that version do not approve it
	cautionCode      = "offline_code"      // no such code was told, or it was used before
	cautionDescribed = "offline_described" // what an approver was told, before the true attempt was known
	cautionDiffers   = "offline_differs"   // what ran is not what the approver was told
)

// Used takes what an endpoint allowed by itself: once when it starts and once when
// it ends. A number that was taken before changes nothing.
func (q *Queue) Used(ctx context.Context, id elevation.EndpointID, in wire.Used) error {
	if err := checkUsed(in); err != nil {
		return err
	}
	err := retry(ctx, func() error { return q.used(ctx, id, in) })
	if err != nil {
		return fmt.Errorf("what %s elevated offline: %w", id, err)
	}
	return nil
}

func checkUsed(in wire.Used) error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", elevation.ErrInvalid, what) }
	switch {
	case in.Report == 0:
		return bad("it has no number")
	case elevation.CheckID(elevation.RequestPrefix, string(in.Request)) != nil || elevation.CheckID(elevation.GrantPrefix, string(in.Grant)) != nil:
		return bad("its ids are not valid")
	case in.By != wire.UsedRules && in.By != wire.UsedCode:
		return bad("nothing is known that would have allowed it")
	case in.Duration <= 0 || in.Duration > elevation.MaxDuration:
		return bad("its duration is not served")
	case !in.EndedAt.IsZero() && !in.Reason.Valid():
		return bad("unknown end reason")
	case len(in.Rule) > 300 || len(in.Challenge) > 20:
		return bad("a text is too long")
	}
	if err := errors.Join(elevation.CheckText("reason", in.Justification, elevation.MaxJustification), elevation.CheckText("ticket", in.Ticket, elevation.MaxTicket)); err != nil {
		return err
	}
	return in.Attempt.Valid()
}

// usedAt is what is known about something that was used offline.
type usedAt struct {
	ep   store.Endpoint
	old  elevation.Request // the request, "" = there is none yet
	code store.OfflineCode // that was told, "" = none
}

func (q *Queue) used(ctx context.Context, id elevation.EndpointID, in wire.Used) error {
	var u usedAt
	err := q.cfg.Store.View(ctx, func(tx *store.Tx) (err error) { u, err = lookUsed(tx, id, in); return err })
	if err != nil {
		return err
	}
	c := &change{now: q.now(), next: u.old}
	switch {
	case u.old.ID == "":
		err = q.usedNew(ctx, c, u, in)
	case u.old.Grant.ID == "":
		err = usedCode(c, u, in)
	}
	if err == nil {
		err = usedFacts(c, u, in)
	}
	if err != nil {
		return err
	}
	news := len(c.events) > 0 // else it was told in another order: the end tells of the start too
	c.settle()
	if c.insert {
		if err := c.ready(ctx, q.cfg.Store); err != nil {
			return err
		}
	}
	err = q.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		fresh, err := tx.Reported(id, in.Report)
		if err != nil || !fresh || !news {
			return err
		}
		return c.write(tx)
	})
	if err == nil {
		q.committed(c)
	}
	return err
}

// lookUsed finds the request and the code that something used offline belongs to.
// A request of another grant is not its own.
func lookUsed(tx *store.Tx, id elevation.EndpointID, in wire.Used) (u usedAt, err error) {
	if u.ep, err = tx.Endpoint(id); err != nil {
		return u, err
	}
	request := in.Request
	if in.By == wire.UsedCode {
		u.code, err = tx.OfflineCode(id, in.Challenge)
		switch {
		case errors.Is(err, elevation.ErrNotFound):
			u.code = store.OfflineCode{}
		case err != nil:
			return u, err
		case u.code.Grant == "" || u.code.Grant == in.Grant:
			request = u.code.Request
		}
	}
	u.old, err = tx.Request(request)
	if errors.Is(err, elevation.ErrNotFound) {
		return u, nil
	}
	if err != nil {
		return u, err
	}
	mine := u.old.Endpoint == id && (u.old.Grant.ID == in.Grant || u.old.Grant.ID == "" && u.code.Request == u.old.ID)
	if !mine {
		return u, fmt.Errorf("%w: the id was used for something else", elevation.ErrInvalid)
	}
	return u, nil
}

// usedNew makes the request of something that the controller did not know of.
func (q *Queue) usedNew(ctx context.Context, c *change, u usedAt, in wire.Used) error {
	at := momentOf(in, c.now)
	r := elevation.Request{ID: in.Request, Origin: elevation.FromOffline, Endpoint: u.ep.ID, Attempt: in.Attempt, Justification: in.Justification,
		Ticket: in.Ticket, Priority: orNormal(in.Attempt.Priority), PrioritySetBy: endpointActor(u.ep),
		Requested: elevation.Window{Duration: in.Duration}, DraftedAt: at}
	by := elevation.Actor{Kind: elevation.ByRule, ID: in.Rule, Name: ruleName(in.Rule)}
	why := ""
	if in.By == wire.UsedCode { // one that nobody told, or that was used for something else
		by = elevation.Actor{Kind: elevation.ByRule, ID: "offline-code", Name: "an offline code"}
		why = "no code was told for the challenge " + audit.Clip(in.Challenge, 20)
		if u.code.Request != "" {
			why = "the code for the challenge " + u.code.Challenge + " was used before, for " + string(u.code.Grant)
		}
	} else {
		var err error
		if r.Need, why, err = q.againstRules(ctx, u.ep, in, at); err != nil {
			return err
		}
	}
	if by.ID == "" {
		by.ID = "unknown"
	}
	r, err := r.DecideByRule(elevation.Approved, by, "allowed on the endpoint while it could not reach the controller", elevation.Window{Duration: in.Duration},
		q.cfg.Store.Settings().Times(), at)
	if err != nil {
		return err
	}
	c.next, c.insert = r, true
	c.event(audit.RequestApproved, by, map[string]string{"verdict": string(elevation.Approved), "offline": "true", "rule": audit.Clip(by.ID, 300)}, nil)
	if why != "" {
		reason := cautionMismatch
		if in.By == wire.UsedCode {
			reason = cautionCode
		}
		c.alarm(u.ep, reason, why)
	}
	return nil
}

// momentOf is when it began by the endpoint's clock, as far as that can be.
func momentOf(in wire.Used, now time.Time) time.Time {
	at := in.StartedAt.UTC()
	if at.IsZero() {
		at = in.EndedAt.UTC()
	}
	if at.IsZero() || at.After(now) || now.Sub(at) > 30*24*time.Hour {
		return now
	}
	return at
}

// againstRules asks the rules of that version. why says that they would not have
// approved it.
func (q *Queue) againstRules(ctx context.Context, ep store.Endpoint, in wire.Used, at time.Time) (need elevation.Need, why string, err error) {
	_, number, _ := strings.Cut(in.Rule, "@")
	version, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return need, "it names no version of the rules: " + audit.Clip(in.Rule, 100), nil
	}
	set, err := q.cfg.RulesAt(ctx, version)
	if err != nil {
		return need, "", err
	}
	if set == nil {
		return need, fmt.Sprintf("there is no version %d of the rules that can be read", version), nil
	}
	out := set.Evaluate(input(ep, in.Attempt, in.Justification, in.Ticket, in.Attempt.Priority), at)
	need = out.Need
	switch {
	case out.Kind != rules.Approve:
		why = "the rules say: " + out.Sentence
	case out.Rule != in.Rule:
		why = "another rule approves it: " + out.Rule
	case out.Limits.Duration > 0 && in.Duration > out.Limits.Duration:
		why = fmt.Sprintf("the rules give %v, it was %v", out.Limits.Duration, in.Duration)
	}
	if out.Kind != rules.Approve {
		need.Stages, need.Ticket = nil, ""
	}
	return need, why, nil
}

func ruleName(ref string) string {
	name, _, _ := strings.Cut(ref, "@")
	return audit.Clip(name, 200)
}

// usedCode puts the true attempt in the place of what the approver knew.
func usedCode(c *change, u usedAt, in wire.Used) error {
	r := &c.next
	if d := r.Decision; d == nil || d.Verdict != elevation.Approved {
		return fmt.Errorf("%w: nobody approved it", elevation.ErrInvalid)
	}
	differs := ""
	told := described(r.Attempt)
	switch {
	case u.code.Described == "" && !r.Attempt.Same(in.Attempt):
		differs = "the request was for " + told
	case u.code.Described != "" && (r.Attempt.User.Name != in.Attempt.User.Name || u.code.Described != described(in.Attempt)):
		differs = "the approver was told: " + r.Attempt.User.Name + ": " + u.code.Described
	case in.Duration > u.code.Given:
		differs = fmt.Sprintf("the code was for %v, it was %v", u.code.Given, in.Duration)
	}
	r.Attempt = in.Attempt
	if u.code.Described != "" && in.Justification != "" {
		r.Justification = in.Justification
	}
	r.Granted.Duration = in.Duration
	if differs != "" {
		c.alarm(u.ep, cautionDiffers, differs+"; what ran: "+in.Attempt.User.Name+": "+described(in.Attempt))
	}
	return nil
}

// described is an attempt in one line, as it is told by telephone.
func described(a elevation.Attempt) string {
	return audit.Clip(strings.Join(append([]string{a.Subject.Path}, a.Subject.Args...), " "), 1000)
}

// alarm adds a reason for care to the request, and an alarm to the log.
func (c *change) alarm(ep store.Endpoint, reason, fact string) {
	c.next.Need.Caution = append(c.next.Need.Caution[:len(c.next.Need.Caution):len(c.next.Need.Caution)],
		elevation.Caution{Reason: reason, Fact: audit.Clip(fact, 1000)})
	c.event(audit.EndpointAlarm, endpointActor(ep), map[string]string{"what": reason}, map[string]string{"detail": audit.Clip(fact, 1000)})
}

// usedFacts writes that it began, and that it ended.
func usedFacts(c *change, u usedAt, in wire.Used) error {
	by := endpointActor(u.ep)
	if c.next.Grant.ID == "" {
		at := momentOf(in, c.now)
		c.next.Grant = elevation.GrantFacts{ID: in.Grant, IssuedAt: at, DeliverBy: c.now, DeliveredAt: at}
		data, text := map[string]string{"by": string(in.By)}, map[string]string{}
		describe(c.next, data, text)
		put(data, "rule", in.Rule)
		put(data, "challenge", in.Challenge)
		data["bundle"] = strconv.FormatUint(in.Version, 10)
		c.event(audit.OfflineUsed, by, data, text)
		if code := u.code; code.Request == c.next.ID {
			code.Grant = in.Grant
			c.also = append(c.also, func(tx *store.Tx) error { return tx.PutOfflineCode(code) })
		}
	}
	for _, step := range []struct {
		kind  elevation.ReportKind
		event audit.Kind
		at    time.Time
	}{{elevation.ReportStarted, audit.GrantStarted, in.StartedAt}, {elevation.ReportEnded, audit.GrantEnded, in.EndedAt}} {
		if step.at.IsZero() {
			continue
		}
		next, changed, err := c.next.Report(step.kind, in.Grant, in.Reason, in.Exit, step.at.UTC(), c.now)
		if err != nil {
			return err
		}
		if !changed {
			continue
		}
		c.next = next
		data := map[string]string{"offline": "true", "at": step.at.UTC().Format(time.RFC3339Nano)}
		if step.kind == elevation.ReportEnded {
			put(data, "reason", string(in.Reason))
			if in.Exit != nil {
				data["exit"] = strconv.Itoa(*in.Exit)
			}
			if in.Reason == elevation.Abandoned {
				step.event = audit.GrantEndFailed
			}
		}
		c.event(step.event, by, data, nil)
	}
	return nil
}
