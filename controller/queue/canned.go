package queue

import (
	"context"
	"slices"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
)

// Canned are the texts for questions and denials of the teams that the actor
// belongs to, and those for everybody.
func (q *Queue) Canned(ctx context.Context, a auth.Actor) (questions, denials []string, err error) {
	if err := a.Can(auth.RequestsDecide); err != nil {
		return nil, nil, err
	}
	err = q.cfg.Store.View(ctx, func(tx *store.Tx) error {
		staff, err := tx.Staff()
		if err != nil {
			return err
		}
		for _, c := range tx.Settings().Canned {
			mine := c.Team == "" || slices.ContainsFunc(staff.AllTeams(), func(t store.Team) bool {
				return t.Called(c.Team) && (t.Automatic || slices.Contains(t.Members, a.User))
			})
			if mine {
				questions, denials = append(questions, c.Questions...), append(denials, c.Denials...)
			}
		}
		return nil
	})
	return questions, denials, err
}
