package queue

import (
	"context"
	"fmt"
	"slices"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// Turn is one step of what would come of a request, with those people who the
// actor may know of.
type Turn struct {
	delegation.Turn
	Count int // of all people who can answer then
}

// Turns says who would answer, and when, if something that is not urgent were
// asked of a team now and nobody answered it. A team outside the actor's scope is
// not found.
func (q *Queue) Turns(ctx context.Context, act auth.Actor, name string) (out []Turn, err error) {
	if err := act.Can(auth.TeamRead); err != nil {
		return nil, err
	}
	err = q.cfg.Store.View(ctx, func(tx *store.Tx) error {
		staff, err := tx.Staff()
		if err != nil {
			return err
		}
		all := staff.AllTeams()
		i := slices.IndexFunc(all, func(t store.Team) bool { return t.Called(name) && act.Overlaps(t.Labels) })
		if i < 0 {
			return fmt.Errorf("team %s: %w", audit.Clip(name, 80), elevation.ErrNotFound)
		}
		plan, err := planFor(tx, all[i].Labels)
		if err != nil {
			return err
		}
		out = seenTurns(staff, act, plan.Turns(all[i].ID, q.now()))
		return nil
	})
	return out, err
}

// seenTurns leaves out the people and teams that the actor may not know of.
func seenTurns(staff *store.Staff, act auth.Actor, turns []delegation.Turn) []Turn {
	var out []Turn
	hidden := func(p delegation.Person) bool {
		u, ok := staff.User(p.ID)
		return !ok || !act.Overlaps(u.Scope)
	}
	for _, t := range turns {
		if team, ok := staff.Team(t.Team); ok && !act.Overlaps(team.Labels) {
			continue
		}
		n := len(t.People)
		t.People = slices.DeleteFunc(t.People, func(s delegation.Sitting) bool { return hidden(s.Person) || s.For.ID != "" && hidden(s.For) })
		out = append(out, Turn{Turn: t, Count: n})
	}
	return out
}
