package store

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/assent-epm/assent/shared/elevation"
)

// schemaReason has lists in the order of the justifications, by their first
// reasonSorted letters. reasons is the last row of an older program that has none
// yet: they are filled in from the newest to the oldest.
const schemaReason = `
ALTER TABLE requests ADD COLUMN reason TEXT NOT NULL DEFAULT '';
CREATE INDEX requests_l_reason ON requests(reason COLLATE NOCASE) WHERE listed = 1;
CREATE INDEX requests_q_reason ON requests(reason COLLATE NOCASE) WHERE waiting = 2;
DROP INDEX requests_tail;
CREATE INDEX requests_tail ON requests(pos, listed, endpoint, uid, user, access_type, program, team, state, waiting, priority, submitted_ms, expires_ms,
  removed, removed_team, search, reason) WHERE listed = 0;
ALTER TABLE lists_head ADD COLUMN reasons INTEGER NOT NULL DEFAULT 0;
UPDATE lists_head SET reasons = (SELECT coalesce(max(pos), 0) FROM requests);
`

const reasonSorted = 64

// sortedReason is what a request is sorted by in lists by justification.
func sortedReason(r *elevation.Request) string {
	n := 0
	for i := range r.Justification {
		if n++; n > reasonSorted {
			return r.Justification[:i]
		}
	}
	return r.Justification
}

// fillReasons gives the requests of an older program what they are sorted by.
func (s *Store) fillReasons(ctx context.Context, c *conn) error {
	var left int64
	if err := c.c.QueryRowContext(ctx, "SELECT reasons FROM lists_head WHERE id = 1").Scan(&left); err != nil {
		return fmt.Errorf("read how many requests are without what they are sorted by: %w", err)
	}
	for left > 0 {
		if err := c.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
			return err
		}
		next, err := (&Tx{s: s, c: c, ctx: ctx, write: true}).putReasons(left)
		if err == nil {
			err = c.exec(ctx, "COMMIT")
		}
		if err != nil {
			_ = c.exec(context.WithoutCancel(ctx), "ROLLBACK")
			return fmt.Errorf("sort requests by their justification: %w", err)
		}
		if left > 10*fillBatch && left/fillBatch%10 == 0 {
			s.cfg.Log.Info("sorting requests by their justification", slog.Int64("left", next))
		}
		left = next
	}
	return nil
}

// putReasons fills in some rows up to last and returns the next one, 0 when
// there is none.
func (tx *Tx) putReasons(last int64) (next int64, err error) {
	list, err := tx.requests("WHERE pos <= ? ORDER BY pos DESC LIMIT ?", last, fillBatch)
	if err != nil {
		return 0, err
	}
	if len(list) == fillBatch {
		next = tx.seen[list[fillBatch-1].ID].pos - 1
	}
	for i := range list {
		if r := &list[i]; r.Justification != "" {
			if _, err := tx.exec("UPDATE requests SET reason = ? WHERE id = ?", sortedReason(r), string(r.ID)); err != nil {
				return 0, err
			}
		}
	}
	_, err = tx.exec("UPDATE lists_head SET reasons = ?", next)
	return next, err
}
