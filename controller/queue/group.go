package queue

import (
	"context"
	"fmt"
	"slices"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// pendingReview is the status word of what is over and waits for its review.
const pendingReview = "pending_review"

// reviewed is the status word of what was reviewed after its use.
const reviewed = "reviewed"

// MaxBatch is how many requests one call may answer.
const MaxBatch = 500

// Group are requests that have one thing in common, with the oldest of them.
type Group struct {
	By, Key string
	Name    string // of the endpoint, else the key
	Count   int
	Sample  View
}

// Groups lists requests by what they have in common: "program", "publisher",
// "user" or "endpoint". Without a status it is about those that wait.
func (q *Queue) Groups(ctx context.Context, a auth.Actor, f Filter, by string) (groups []Group, next string, err error) {
	if len(f.Status) == 0 {
		f.Status = []string{"pending"}
	}
	now := q.now()
	err = q.cfg.Store.Browse(ctx, func(tx *store.Tx) error {
		filter, err := storeFilter(tx, a, f)
		if err != nil {
			return err
		}
		found, cursor, err := tx.RequestGroups(filter, by)
		if err != nil {
			return err
		}
		next, groups = cursor, make([]Group, 0, len(found))
		for _, g := range found {
			l, err := load(tx, g.Sample)
			if err != nil {
				return err
			}
			v, err := q.view(tx, a, l, now)
			if err != nil {
				return err
			}
			one := Group{By: by, Key: g.Key, Name: g.Key, Count: g.Count, Sample: v}
			if by == store.ByEndpoint {
				one.Name = l.ep.Name
			}
			groups = append(groups, one)
		}
		return nil
	})
	return groups, next, err
}

// Members are the waiting requests of a group that the actor may see, in the
// order of the queue. A group larger than [MaxBatch] is answered in parts.
func (q *Queue) Members(ctx context.Context, a auth.Actor, by, key string) ([]elevation.RequestID, error) {
	var out []elevation.RequestID
	err := q.cfg.Store.Browse(ctx, func(tx *store.Tx) error {
		filter, err := storeFilter(tx, a, Filter{Status: []string{"pending"}, Sort: "queue", Limit: MaxBatch})
		if err != nil {
			return err
		}
		if !slices.Contains([]string{store.ByProgram, store.ByPublisher, store.ByUser, store.ByEndpoint}, by) {
			return fmt.Errorf("%w: a group is by program, publisher, user or endpoint", elevation.ErrInvalid)
		}
		filter.Group = store.Group{By: by, Key: key}
		page, err := tx.RequestPage(filter)
		for _, r := range page.Items {
			out = append(out, r.ID)
		}
		return err
	})
	return out, err
}
