package store

import (
	"fmt"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// schemaCodes: the short codes that lead to a request. Only hashes are kept: a
// copy of the database names no request that waits beside somebody.
const schemaCodes = `
CREATE TABLE request_codes (
  hash    BLOB PRIMARY KEY,
  request TEXT NOT NULL,
  until   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX request_codes_until ON request_codes(until);
`

// PutCode keeps the hash of a code that leads to a request until a moment. taken
// says that the code leads to another request already and is not kept. It gives
// nobody any right and so needs no audit event.
func (tx *Tx) PutCode(hash []byte, id elevation.RequestID, until time.Time) (taken bool, err error) {
	n, err := tx.exec("INSERT INTO request_codes(hash, request, until) VALUES (?,?,?) ON CONFLICT(hash) DO NOTHING", hash, string(id), ms(until))
	if err != nil {
		return false, fmt.Errorf("keep the code of %s: %w", id, err)
	}
	return n == 0, nil
}

// CodeRequest is the request that a code leads to now; [elevation.ErrNotFound]
// when it leads to none, or its time is over.
func (tx *Tx) CodeRequest(hash []byte, now time.Time) (elevation.RequestID, error) {
	var id string
	if err := tx.row([]any{&id}, "SELECT request FROM request_codes WHERE hash = ? AND until > ?", hash, ms(now)); err != nil {
		return "", fmt.Errorf("request of a code: %w", err)
	}
	return elevation.RequestID(id), nil
}

// ForgetCodes deletes the codes whose time is over.
func (tx *Tx) ForgetCodes(now time.Time) error {
	if _, err := tx.exec("DELETE FROM request_codes WHERE until <= ?", ms(now)); err != nil {
		return fmt.Errorf("forget old codes: %w", err)
	}
	return nil
}
