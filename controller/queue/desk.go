package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// What approvers do to a request that waits, besides answering it, and what its
// requester may say meanwhile. None of it decides anything.

// impartial refuses the requester, by whatever link, whoever acts with a token
// that the requester made for them, and an account whose key the requester holds.
func (l loaded) impartial(a auth.Actor) error {
	if l.linked(a) {
		return fmt.Errorf("%w: ask another approver", elevation.ErrSelfApproval)
	}
	if maker := a.MadeBy; maker.ID != "" && l.plan.IsRequester(delegation.Person{ID: elevation.UserID(maker.ID), Login: maker.Name}, &l.r) {
		return fmt.Errorf("%w: the requester made this token; ask another approver", elevation.ErrSelfApproval)
	}
	if l.plan.Held(delegation.Person{ID: a.User, Login: a.Login}, &l.r) {
		return fmt.Errorf("%w: the requester made your account or set your password; choose a password of your own first", elevation.ErrSelfApproval)
	}
	return nil
}

// handles refuses who does not handle the request: its requester, and who is
// neither in a team that answers it, nor stands in for somebody who is, nor an
// administrator. Administrators handle every request and still vote only where
// they are members.
func (l loaded) handles(a auth.Actor, now time.Time) error {
	if err := a.Can(auth.RequestsDecide); err != nil {
		return err
	}
	if err := l.impartial(a); err != nil {
		return err
	}
	if a.Is(auth.Administrator) || slices.ContainsFunc(l.teams(), func(t elevation.TeamID) bool { return l.member(a, t) }) {
		return nil
	}
	_, err := delegation.MayVote(l.plan, a.Elevation(), &l.r, now)
	return err
}

// teams are those that answer the request, by its stages or by escalation.
func (l loaded) teams() []elevation.TeamID {
	var out []elevation.TeamID
	for _, s := range l.r.Need.Stages {
		out = append(out, s.Team)
	}
	for _, e := range l.r.Escalations {
		out = append(out, e.Team)
	}
	return out
}

func (l loaded) member(a auth.Actor, team elevation.TeamID) bool {
	t, ok := l.plan.Team(team)
	return ok && slices.ContainsFunc(t.Members, func(m delegation.Person) bool { return m.ID == a.User })
}

// note keeps what approvers tell each other, if there is anything. The text is in
// the request alone: events are read by more people.
func (c *change) note(by elevation.Actor, text string) error {
	if text == "" || noted(c.next, by, text) {
		return nil
	}
	next, err := c.next.AddNote(by, text, c.now)
	if err != nil {
		return err
	}
	c.next = next
	c.event(audit.RequestNoted, by, nil, nil)
	return nil
}

// noteAlone is a note beside an act that changes nothing.
func (c *change) noteAlone(by elevation.Actor, text string) error {
	if text == "" || noted(c.next, by, text) {
		return errSame
	}
	return c.note(by, text)
}

// noted reports whether somebody has written this note already.
func noted(r elevation.Request, by elevation.Actor, text string) bool {
	return slices.ContainsFunc(r.Notes, func(n elevation.Note) bool { return n.By.ID == by.ID && n.Text == text })
}

// late turns a decision that was there first into the error that says whose.
func (l loaded) late(err error) error {
	if errors.Is(err, elevation.ErrAlreadyDecided) && l.r.Decision != nil {
		return &DecidedError{Decision: *l.r.Decision}
	}
	return err
}

// Ask puts a question back to the requester, who is told at the endpoint. The
// request keeps its place. With a note alone nobody is asked anything.
func (q *Queue) Ask(ctx context.Context, a auth.Actor, id elevation.RequestID, text, note string) (View, error) {
	text, note = strings.TrimSpace(text), strings.TrimSpace(note)
	return q.act(ctx, a, id, "ask", func(l loaded, c *change) error {
		me := a.Elevation()
		if err := l.handles(a, c.now); err != nil {
			return err
		}
		if text == "" && note != "" {
			return c.noteAlone(me, note)
		}
		open := slices.ContainsFunc(l.r.Questions, func(x elevation.Question) bool {
			return x.AnsweredAt.IsZero() && x.By.ID == me.ID && x.Text == text
		})
		if open && waits(l.r, c.now) {
			return errSame
		}
		next, err := l.r.Ask(me, text, c.now)
		if err != nil {
			return l.late(err)
		}
		c.next = next
		c.event(audit.RequestAsked, me, nil, map[string]string{"text": audit.Clip(text, audit.MaxValue)})
		c.send(wire.TQuestion, wire.Question{Request: id, Text: text, By: nameFor(l.settings, me)})
		return c.note(me, note)
	})
}

// Reply answers the first open question by the requester's account. It takes a
// strong link: a name that is only equal must not speak for somebody.
func (q *Queue) Reply(ctx context.Context, a auth.Actor, id elevation.RequestID, text string) (View, error) {
	text = strings.TrimSpace(text)
	return q.act(ctx, a, id, "answer", func(l loaded, c *change) error {
		if !l.own(a) {
			return errOthers("answer")
		}
		if n := len(l.r.Questions); n > 0 && l.r.OpenQuestion() < 0 && l.r.Questions[n-1].Answer == text && waits(l.r, c.now) {
			return errSame
		}
		return c.answer(a.Elevation(), text)
	})
}

// answer replies to the first open question.
func (c *change) answer(by elevation.Actor, text string) error {
	next, err := c.next.Answer(text, c.now)
	if err != nil {
		return err
	}
	c.next = next
	c.event(audit.RequestAnswered, by, nil, map[string]string{"text": audit.Clip(text, audit.MaxValue)})
	return nil
}

// Claim says that the actor looks at the request. It binds nobody; a claim that
// is still fresh is the same claim.
func (q *Queue) Claim(ctx context.Context, a auth.Actor, id elevation.RequestID, note string) (View, error) {
	note = strings.TrimSpace(note)
	return q.act(ctx, a, id, "claim", func(l loaded, c *change) error {
		me := a.Elevation()
		if err := l.handles(a, c.now); err != nil {
			return err
		}
		if l.r.ClaimedBy(c.now).ID == me.ID && l.r.Claim.Until.Sub(c.now) > elevation.ClaimTime/2 {
			return c.noteAlone(me, note)
		}
		next, err := l.r.TakeUp(me, c.now)
		if err != nil {
			return l.late(err)
		}
		c.next = next
		c.event(audit.RequestClaimed, me, map[string]string{"until": next.Claim.Until.Format(time.RFC3339)}, nil)
		return c.note(me, note)
	})
}

// Nudge is the requester's reminder, bounded by the settings.
func (q *Queue) Nudge(ctx context.Context, a auth.Actor, id elevation.RequestID) (View, error) {
	return q.act(ctx, a, id, "nudge", func(l loaded, c *change) error {
		if !l.own(a) {
			return errOthers("nudge")
		}
		set := l.settings.Nudge
		next, err := l.r.Nudge(set.Every, set.Most, c.now)
		if errors.Is(err, elevation.ErrLimit) {
			return &auth.RateError{Wait: max(l.r.NextNudge(set.Every, set.Most, c.now).Sub(c.now), time.Second)}
		}
		if err != nil {
			return l.late(err)
		}
		c.next = next
		c.event(audit.RequestNudged, a.Elevation(), map[string]string{"times": fmt.Sprint(next.Nudges)}, nil)
		return nil
	})
}

// Escalate lets one more team answer now: the named one, by an administrator or
// when it stands on the ladder of a team that answers; or the next rung. Who
// escalates does not get a vote by it.
func (q *Queue) Escalate(ctx context.Context, a auth.Actor, id elevation.RequestID, team, why, note string) (View, error) {
	why, note = strings.TrimSpace(why), strings.TrimSpace(note)
	return q.act(ctx, a, id, "escalate", func(l loaded, c *change) error {
		me := a.Elevation()
		if err := l.handles(a, c.now); err != nil {
			return err
		}
		if n := len(l.r.Escalations); team == "" && n > 0 && l.r.Escalations[n-1].By.ID == me.ID && c.now.Sub(l.r.Escalations[n-1].At) < sameRung {
			return errSame // the same call again, not the rung after that
		}
		e, err := l.rung(a, team)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(l.r.Escalations, func(x elevation.Escalation) bool { return x.Team == e.Team && x.By.ID == me.ID }) && waits(l.r, c.now) {
			return errSame
		}
		e.By, e.Why = me, why
		next, err := l.r.Escalate(e, c.now)
		if err != nil {
			return l.late(err)
		}
		c.next = next
		text := map[string]string{}
		put(text, "comment", why)
		c.event(audit.RequestEscalated, me, map[string]string{"team": string(e.Team), "team_name": audit.Clip(e.Name, 200),
			"of": string(next.Escalations[len(next.Escalations)-1].Of)}, text)
		return c.note(me, note)
	})
}

// sameRung is how long "the next team" means the one that was just taken.
const sameRung = time.Minute

// rung finds the team to escalate to; "" takes the next one of the ladders.
func (l loaded) rung(a auth.Actor, team string) (elevation.Escalation, error) {
	if team == "" {
		due, ok := l.plan.NextEscalation(&l.r)
		if !ok {
			return elevation.Escalation{}, fmt.Errorf("%w: no further team is on the ladder; name one", elevation.ErrInvalid)
		}
		return elevation.Escalation{Of: due.Of, Team: due.Team, Name: due.Name}, nil
	}
	t, ok := l.plan.Team(elevation.TeamID(team))
	if !ok || !a.Overlaps(t.Labels) {
		return elevation.Escalation{}, fmt.Errorf("%w: no team is called %q", elevation.ErrInvalid, audit.Clip(team, 80))
	}
	for _, id := range l.teams() {
		from, _ := l.plan.Team(id)
		for _, s := range from.Escalate {
			if to, ok := l.plan.Team(s.Team); ok && to.ID == t.ID {
				return elevation.Escalation{Of: from.ID, Team: t.ID, Name: t.Name}, nil
			}
		}
	}
	if !a.Is(auth.Administrator) {
		return elevation.Escalation{}, fmt.Errorf("%w: %s is not on the ladder of your team; ask an administrator", elevation.ErrNotAllowed, t.Name)
	}
	return elevation.Escalation{Team: t.ID, Name: t.Name}, nil
}

// raised reports whether the actor has a vote only because they escalated the
// request themself.
func (l loaded) raised(a auth.Actor, now time.Time) bool {
	mine := func(e elevation.Escalation) bool { return e.By.ID == string(a.User) }
	if !slices.ContainsFunc(l.r.Escalations, mine) {
		return false
	}
	without := l.r
	without.Escalations = slices.DeleteFunc(slices.Clone(l.r.Escalations), mine)
	_, err := delegation.MayVote(l.plan, a.Elevation(), &without, now)
	return err != nil
}

// Prioritize changes the place in the queue; the request says who did.
func (q *Queue) Prioritize(ctx context.Context, a auth.Actor, id elevation.RequestID, p elevation.Priority, note string) (View, error) {
	note = strings.TrimSpace(note)
	return q.act(ctx, a, id, "prioritize", func(l loaded, c *change) error {
		me := a.Elevation()
		if err := l.handles(a, c.now); err != nil {
			return err
		}
		if l.r.Priority == p && l.r.PrioritySetBy.ID == me.ID && waits(l.r, c.now) {
			return c.noteAlone(me, note)
		}
		next, err := l.r.Prioritize(p, me, c.now)
		if err != nil {
			return l.late(err)
		}
		c.next = next
		c.event(audit.RequestPrioritized, me, map[string]string{"priority": string(p), "was": string(l.r.Priority)}, nil)
		return c.note(me, note)
	})
}
