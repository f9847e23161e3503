package queue

import (
	"context"
	"errors"
	"fmt"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

// weigh decides the draft c.next by a rule or a lasting answer, or submits it to
// people with its reason. It asks the ticket system where a ticket is wanted.
func (q *Queue) weigh(ctx context.Context, set *rules.Set, l loaded, c *change, by elevation.Actor, reason, ticket string) (decided bool, err error) {
	if err := errors.Join(elevation.CheckText("reason", reason, elevation.MaxJustification), elevation.CheckText("ticket", ticket, elevation.MaxTicket)); err != nil {
		return false, err
	}
	out := set.Evaluate(input(l.ep, c.next.Attempt, reason, ticket, c.next.Priority), c.now)
	prioritize(&c.next, out)
	if t := out.Need.Ticket; t != "" && out.Kind != rules.Deny && !c.next.Emergency {
		if !elevation.TicketMatches(t, ticket) {
			return false, fmt.Errorf("%w: a ticket is needed that matches %q", elevation.ErrInvalid, t)
		}
		if err := q.lookUpFor(ctx, by.ID, ticket); err != nil {
			return false, err
		}
	}
	c.next.Justification, c.next.Ticket = reason, ticket
	switch {
	case out.Kind == rules.Deny:
		c.next.Need = out.Need
		return true, q.byRule(c, out)
	case c.next.Emergency:
		return true, q.emergency(l, c, out)
	case out.Kind == rules.Approve:
		c.next.Need = out.Need
		return true, q.byRule(c, out)
	}
	if done, err := q.byAccess(ctx, set, c, out, ticket); done || err != nil {
		return done, err
	}
	c.next.Need = q.demand(out, l.ep)
	c.next.Need.Stages = stagesFor(l.plan, l.settings, l.ep, &c.next, out.Need.Stages)
	if c.next, err = c.next.Submit(reason, ticket, l.times(&c.next, c.now), c.now); err != nil {
		return false, err
	}
	c.next.EscalateAt = climbs(l.plan, &c.next)
	data, text := map[string]string{}, map[string]string{}
	describe(c.next, data, text)
	c.event(audit.RequestSubmitted, by, data, text)
	return false, nil
}
