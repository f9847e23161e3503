package store

import (
	"fmt"
	"strings"

	"github.com/assent-epm/assent/shared/elevation"
)

// schemaReviews lists the requests that are over and that somebody should look
// at. They are few, so they have a table of their own instead of a column.
const schemaReviews = `
CREATE TABLE open_reviews (
  request TEXT PRIMARY KEY,
  same    BLOB NOT NULL,
  team    TEXT NOT NULL, -- as the rule names it, in lower case
  blocks  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX open_reviews_same ON open_reviews(same) WHERE blocks = 1;
`

// schemaReviewed lists the requests that somebody has looked at, from the start.
const schemaReviewed = `
CREATE TABLE done_reviews (request TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT OR IGNORE INTO done_reviews SELECT request FROM events WHERE kind = 17 AND request <> '';
`

// reviewOpen reports whether somebody should look at a request that is over.
func reviewOpen(r *elevation.Request) bool { return !r.ReviewDueAt.IsZero() && r.After == nil }

// keepReview brings the tables of reviews up to date with r.
func (tx *Tx) keepReview(r *elevation.Request) error {
	if r.ReviewDueAt.IsZero() {
		return nil
	}
	var err error
	if reviewOpen(r) {
		_, err = tx.exec("INSERT INTO open_reviews(request, same, team, blocks) VALUES (?,?,?,?) ON CONFLICT(request) DO NOTHING",
			string(r.ID), sameKey(r.Endpoint, r.Attempt), strings.ToLower(string(r.Need.AfterReview)), r.Need.AfterBlocks)
	} else if _, err = tx.exec("DELETE FROM open_reviews WHERE request = ?", string(r.ID)); err == nil {
		_, err = tx.exec("INSERT INTO done_reviews(request) VALUES (?) ON CONFLICT(request) DO NOTHING", string(r.ID))
	}
	if err != nil {
		return fmt.Errorf("open review of %s: %w", r.ID, err)
	}
	return nil
}

// BlockedByReview finds the request that keeps the same attempt from being asked
// for again until it has been reviewed; [elevation.ErrNotFound] when none does.
func (tx *Tx) BlockedByReview(ep elevation.EndpointID, a elevation.Attempt) (elevation.Request, error) {
	var id elevation.RequestID
	if err := tx.row([]any{&id}, "SELECT request FROM open_reviews WHERE same = ? AND blocks = 1 LIMIT 1", sameKey(ep, a)); err != nil {
		return elevation.Request{}, err
	}
	return tx.Request(id)
}

func lower(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.ToLower(s)
	}
	return out
}
