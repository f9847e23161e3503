package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/assent-epm/assent/shared/elevation"
)

// escalated_to says which requests were escalated to a team that is not the one
// they wait for. Requests are never deleted once they were submitted, so a row
// stays as long as its request. reteam is 1 until the requests of an older program
// have theirs.
const schemaEscalated = `
CREATE TABLE escalated_to (team TEXT NOT NULL, pos INTEGER NOT NULL, PRIMARY KEY (team, pos)) WITHOUT ROWID;
ALTER TABLE lists_head ADD COLUMN reteam INTEGER NOT NULL DEFAULT 1;
`

// escalatedTo is the condition that a request was escalated to a team.
const escalatedTo = "requests.pos IN (SELECT x.pos FROM escalated_to x WHERE x.team = ?)"

// keepEscalations notes the teams that a request was escalated to.
func (tx *Tx) keepEscalations(r *elevation.Request, pos int64) error {
	for _, e := range r.Escalations {
		if _, err := tx.exec("INSERT OR IGNORE INTO escalated_to(team, pos) VALUES (?,?)", string(e.Team), pos); err != nil {
			return fmt.Errorf("note an escalation: %w", err)
		}
	}
	return nil
}

// fillEscalated notes, once, the escalations that an older program stored.
func (s *Store) fillEscalated(ctx context.Context, c *conn) error {
	tx := &Tx{s: s, c: c, ctx: ctx, write: true}
	due := false
	if err := tx.row([]any{&due}, "SELECT reteam FROM lists_head WHERE id = 1"); err != nil || !due {
		return err
	}
	if err := c.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := tx.noteEscalations()
	if err == nil {
		err = c.exec(ctx, "COMMIT")
	}
	if err != nil {
		_ = c.exec(context.WithoutCancel(ctx), "ROLLBACK")
		return fmt.Errorf("note the escalations of stored requests: %w", err)
	}
	return nil
}

func (tx *Tx) noteEscalations() error {
	for after, more := int64(0), true; more; {
		more = false
		list, err := tx.requests("WHERE escalated = 1 AND pos > ? ORDER BY pos LIMIT ?", after, fillBatch)
		if err != nil {
			return err
		}
		for i := range list {
			if err := tx.row([]any{&after}, "SELECT pos FROM requests WHERE id = ?", string(list[i].ID)); err != nil {
				return err
			}
			if err := tx.keepEscalations(&list[i], after); err != nil {
				return err
			}
			more = true
		}
	}
	_, err := tx.exec("UPDATE lists_head SET reteam = 0 WHERE id = 1")
	return err
}

// hasEscalations reports whether anything was ever escalated to the filter's team;
// most teams have none, and their lists are read as if there were no such table.
func (tx *Tx) hasEscalations(f RequestFilter) (has bool, err error) {
	if f.Team != "" && !f.OfTeam {
		err = tx.row([]any{&has}, "SELECT EXISTS (SELECT 1 FROM escalated_to WHERE team = ?)", string(f.Team))
	}
	return has, err
}

// ofTeam adds what was escalated to the team to what waits for it: where the
// team's index gives the order, as a second alternative of few rows, else by a
// look at each row that the order's index comes to.
func (l *listing) ofTeam() {
	team := string(l.f.Team)
	if l.narrow || l.equal || len(l.either) > maxAlternatives/2 || l.order.column != "pos" && l.order.column != "sort_key" {
		l.base.and("(+team = ? OR "+escalatedTo+")", team, team)
		return
	}
	l.equal = true
	l.and(where{[]string{"@team = ?"}, []any{team}}, where{[]string{escalatedTo, "+team <> ?"}, []any{team, team}})
}

// tallyEscalated adds the requests that were escalated to the filter's team and
// that the counters have for another one. scope and endpoints are those of the
// filter, nil when it has none.
func (tx *Tx) tallyEscalated(f RequestFilter, t *tally, scope, endpoints []elevation.EndpointID) error {
	has, err := tx.hasEscalations(f)
	if err != nil || !has {
		return err
	}
	return tx.rows(func(scan func(...any) error) error {
		var ep elevation.EndpointID
		var state elevation.State
		var n int
		if err := scan(&ep, &state, &n); err != nil {
			return err
		}
		inside := (len(f.Scope) == 0 || slices.Contains(scope, ep)) && (f.Endpoint == "" || slices.Contains(endpoints, ep))
		if inside {
			t.add(state, n)
		}
		return nil
	}, `SELECT r.endpoint, r.state, count(*) FROM escalated_to x CROSS JOIN requests r ON r.pos = x.pos
WHERE x.team = ?1 AND r.team <> ?1 AND r.removed_team = 0 GROUP BY 1, 2`, string(f.Team))
}
