package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// settle writes that a request which is over now waits for its review. Whatever
// ends a request calls it before it writes the change.
func (c *change) settle() {
	if !c.next.ReviewDueAt.IsZero() || !c.next.WantsReview(c.now) {
		return
	}
	c.next.ReviewDueAt = c.now
	data := map[string]string{"team": string(ReviewTeam(&c.next)), "ended": string(c.next.State(c.now))}
	if c.next.Emergency {
		data["emergency"] = "true"
	}
	c.event(audit.ReviewDue, system(), data, nil)
}

// ReviewTeam is who looks at it: the rule's team, for an emergency without one
// the approvers.
func ReviewTeam(r *elevation.Request) elevation.TeamID {
	if r.Need.AfterReview != "" {
		return r.Need.AfterReview
	}
	return delegation.ApproversID
}

// LookBack is the review after use, by a member of the team that the rule names
// and never by the requester. A rule can want a comment.
func (q *Queue) LookBack(ctx context.Context, a auth.Actor, id elevation.RequestID, comment, note string) (View, error) {
	comment, note = strings.TrimSpace(comment), strings.TrimSpace(note)
	return q.act(ctx, a, id, "after-review", func(l loaded, c *change) error {
		if err := a.Can(auth.RequestsReview); err != nil {
			return err
		}
		if err := l.impartial(a); err != nil {
			return err
		}
		team := ReviewTeam(&l.r)
		mine, err := q.inTeam(ctx, a, team)
		if err != nil {
			return err
		}
		if _, there := l.plan.Team(team); !there && a.Is(auth.Administrator) {
			mine = true // the team is gone, and somebody must be able to
		}
		if !mine && !l.member(a, team) {
			return fmt.Errorf("%w: the review is for %s", elevation.ErrNotAllowed, l.teamName(team))
		}
		me := a.Elevation()
		if l.r.After != nil && l.r.After.By.ID == me.ID {
			return errSame
		}
		next, err := l.r.LookBack(me, comment, c.now)
		if err != nil {
			return err
		}
		c.next = next
		if c.next.ReviewDueAt.IsZero() {
			c.next.ReviewDueAt = c.now // time has ended it, and no sweep has come by yet
		}
		text := map[string]string{}
		put(text, "comment", comment)
		c.event(audit.RequestAfterReview, me, map[string]string{"team": string(team)}, text)
		return c.note(me, note)
	})
}

// toReview makes a filter for what waits for its review, by this team.
func toReview(out *store.RequestFilter, staff *store.Staff, team string) {
	out.List = "" // what approvers have removed from their list must be looked at all the same
	if team == "" {
		return
	}
	out.ReviewTeams, out.Team = []string{team, string(out.Team)}, ""
	for _, t := range staff.Teams {
		if t.ID == elevation.TeamID(team) {
			out.ReviewTeams = append(out.ReviewTeams, t.Name)
		}
	}
	if slices.Contains(out.ReviewTeams, string(delegation.ApproversID)) {
		out.ReviewTeams = append(out.ReviewTeams, delegation.ApproversName, "") // an emergency without a rule
	}
}

// inTeam reports whether the actor is a member of the stored team, also as
// somebody who may not approve: auditors review as well.
func (q *Queue) inTeam(ctx context.Context, a auth.Actor, team elevation.TeamID) (mine bool, err error) {
	err = q.cfg.Store.View(ctx, func(tx *store.Tx) error {
		staff, err := tx.Staff()
		if err != nil {
			return err
		}
		mine = slices.ContainsFunc(staff.Teams, func(t store.Team) bool {
			return t.Called(string(team)) && slices.Contains(t.Members, a.User)
		})
		return nil
	})
	return mine, err
}

func (l loaded) teamName(id elevation.TeamID) string {
	if t, ok := l.plan.Team(id); ok {
		return t.Name
	}
	return audit.Clip(string(id), 80)
}

// reviewFirst says why the same thing may not be asked for again yet, "" when it
// may: a rule wants the last use to be reviewed before. An emergency never waits.
func reviewFirst(tx *store.Tx, r *elevation.Request) (string, error) {
	if r.Emergency {
		return "", nil
	}
	last, err := tx.BlockedByReview(r.Endpoint, r.Attempt)
	switch {
	case errors.Is(err, elevation.ErrNotFound):
		return "", nil
	case err != nil:
		return "", err
	}
	return fmt.Sprintf("the last use of this (%s) must be reviewed first", elevation.ShortID(string(last.ID))), nil
}
