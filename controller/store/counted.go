package store

import (
	"context"
	"fmt"
)

// Counters are written for the next start only, and the rows of one batch belong
// to as many endpoints: added to their table at once, each would write a page of
// its own. So what comes into the lists is only noted, row after row, and added up
// once a minute, in pieces that hold nobody up for long. The counts are always the
// sum of both tables.
const schemaCounted = `
CREATE TABLE counted (
  pos      INTEGER PRIMARY KEY,
  endpoint TEXT NOT NULL,
  uid      TEXT NOT NULL,
  user     TEXT NOT NULL,
  team     TEXT NOT NULL,
  state    TEXT NOT NULL,
  removed  INTEGER NOT NULL
);
`

const (
	addUpBatch  = 256  // rows added up in one piece
	addUpRounds = 1000 // pieces in one call of Tidy: what comes in a minute of full speed
)

// count notes the rows after one, up to last, as they are in the lists now.
func (tx *Tx) count(after, last int64) error {
	_, err := tx.exec(`INSERT OR FAIL INTO counted(endpoint, uid, user, team, state, removed)
SELECT endpoint, uid, user, team, state, removed + 2 * removed_team FROM requests WHERE pos > ? AND pos <= ? AND `+onLists, after, last)
	return err
}

// addUp adds up to limit noted rows to the table of counts and says how many
// there were.
func (tx *Tx) addUp(limit int) (rows int, err error) {
	var last int64
	err = tx.row([]any{&last, &rows}, "SELECT coalesce(max(pos), 0), count(*) FROM (SELECT pos FROM counted ORDER BY pos LIMIT ?)", limit)
	if err != nil || rows == 0 {
		return 0, err
	}
	_, err = tx.exec(`INSERT OR FAIL INTO request_counts(endpoint, uid, user, team, state, removed, n)
SELECT endpoint, uid, user, team, state, removed, count(*) FROM counted WHERE pos <= ?
GROUP BY 1, 2, 3, 4, 5, 6 ON CONFLICT DO UPDATE SET n = n + excluded.n`, last)
	if err == nil {
		_, err = tx.exec("DELETE FROM counted WHERE pos <= ?", last)
	}
	if err != nil {
		return 0, fmt.Errorf("add up the counts of requests: %w", err)
	}
	return rows, nil
}

// addUpSome is addUp in a transaction of its own; it is bookkeeping and needs no
// audit event.
func (s *Store) addUpSome(ctx context.Context, limit int) (more bool, err error) {
	rows := 0
	err = s.Update(ctx, func(tx *Tx) (err error) { rows, err = tx.addUp(limit); return err })
	return rows == limit, err
}
