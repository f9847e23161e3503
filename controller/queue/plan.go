package queue

import (
	"slices"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// usualFor is how long a computed usual wait is good.
const usualFor = 5 * time.Second

// plan says who answers for an endpoint: so far one team, "Approvers", of all
// administrators and approvers in whose scope the endpoint is.
func plan(users []store.User, labels map[string]string) delegation.Plan {
	var members []delegation.Person
	for _, u := range users {
		who := auth.Actor{Roles: u.Roles, Scope: u.Scope}
		if u.DisabledAt.IsZero() && (who.Is(auth.Administrator) || who.Is(auth.Approver)) && who.Covers(labels) {
			members = append(members, delegation.Person{ID: u.ID, Login: u.Login})
		}
	}
	return delegation.Default(members, nil)
}

// usualWait is the median wait of the last requests that people answered, 0
// when there were too few to tell.
func (q *Queue) usualWait(tx *store.Tx) (time.Duration, error) {
	now := q.now()
	q.mu.Lock()
	usual, fresh := q.usual, !q.usualAt.IsZero() && now.Sub(q.usualAt) < usualFor && !now.Before(q.usualAt)
	q.mu.Unlock()
	if fresh {
		return usual, nil
	}
	waits, err := tx.RecentWaits(50)
	if err != nil {
		return 0, err
	}
	usual = 0
	if len(waits) >= 3 {
		slices.Sort(waits)
		usual = waits[len(waits)/2]
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.usual, q.usualAt = usual, now
	return usual, nil
}

// logins of those whose vote would count now.
func canAnswer(p delegation.Plan, r *elevation.Request, now time.Time) []string {
	var out []string
	for _, m := range p.Answerers(r, now) {
		out = append(out, m.Login)
	}
	return out
}
