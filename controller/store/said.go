package store

import (
	"fmt"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// schemaSaid keeps what endpoints say of the use of a grant beyond its facts:
// the commands inside of a session, and what an administrator for a while left
// changed. The audit log has all of it; this is what a request shows.
const schemaSaid = `
CREATE TABLE grant_said (
  request TEXT NOT NULL,
  kind    INTEGER NOT NULL, -- 1 a command, 2 a change
  n       INTEGER NOT NULL, -- in the order in which they came
  at      INTEGER NOT NULL,
  body    BLOB NOT NULL,
  PRIMARY KEY (request, kind, n)
) WITHOUT ROWID;
`

const (
	saidListed  = 1
	saidChanged = 2
	saidKept    = 1000 // of each kind and request, the newest
	// SaidShown is how many of each kind a request shows.
	SaidShown = 200
)

// Listed is one command that ran inside of what was granted.
type Listed struct {
	Path  string    `cbor:"path"`
	Args  []string  `cbor:"args"` // masked
	RunAs string    `cbor:"run_as"`
	At    time.Time `cbor:"at"`
	// Refused is why it was not started; "" = it ran.
	Refused string `cbor:"refused,omitempty"`
}

// Changed is one thing that is not as it was before.
type Changed struct {
	What string    `cbor:"what"`
	Name string    `cbor:"name"`
	How  string    `cbor:"how"`
	Text string    `cbor:"text"`
	At   time.Time `cbor:"at"`
}

// AddListed adds a command to those of a request.
func (tx *Tx) AddListed(id elevation.RequestID, l Listed) error {
	return tx.addSaid(id, saidListed, l.At, l)
}

// AddChanged adds a change to those of a request.
func (tx *Tx) AddChanged(id elevation.RequestID, c Changed) error {
	return tx.addSaid(id, saidChanged, c.At, c)
}

func (tx *Tx) addSaid(id elevation.RequestID, kind int, at time.Time, body any) error {
	raw, err := sign.Encode(body)
	if err != nil {
		return fmt.Errorf("keep what an endpoint says: %w", err)
	}
	var last int64
	if err := tx.row([]any{&last}, "SELECT coalesce(max(n), 0) FROM grant_said WHERE request = ? AND kind = ?", string(id), kind); err != nil {
		return fmt.Errorf("keep what an endpoint says: %w", err)
	}
	if _, err := tx.exec("INSERT INTO grant_said(request, kind, n, at, body) VALUES (?,?,?,?,?)", string(id), kind, last+1, at.UnixMilli(), raw); err != nil {
		return fmt.Errorf("keep what an endpoint says: %w", err)
	}
	_, err = tx.exec("DELETE FROM grant_said WHERE request = ? AND kind = ? AND n <= ?", string(id), kind, last+1-saidKept)
	return err
}

// Listed are the newest commands of a request, oldest first.
func (tx *Tx) Listed(id elevation.RequestID) ([]Listed, error) {
	return said[Listed](tx, id, saidListed)
}

// Changed are the newest changes of a request, oldest first.
func (tx *Tx) Changed(id elevation.RequestID) ([]Changed, error) {
	return said[Changed](tx, id, saidChanged)
}

func said[T any](tx *Tx, id elevation.RequestID, kind int) ([]T, error) {
	var out []T
	err := tx.rows(func(scan func(...any) error) error {
		var raw []byte
		if err := scan(&raw); err != nil {
			return err
		}
		var one T
		if err := sign.Decode(raw, &one); err != nil {
			return err
		}
		out = append(out, one)
		return nil
	}, "SELECT body FROM (SELECT n, body FROM grant_said WHERE request = ? AND kind = ? ORDER BY n DESC LIMIT ?) ORDER BY n", string(id), kind, SaidShown)
	if err != nil {
		return nil, fmt.Errorf("read what an endpoint said of %s: %w", id, err)
	}
	return out, nil
}

// forgetSaid takes the commands of a request away; what it was is told without.
func (tx *Tx) forgetSaid(id elevation.RequestID) error {
	_, err := tx.exec("DELETE FROM grant_said WHERE request = ?", string(id))
	return err
}
