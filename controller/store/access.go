package store

import (
	"fmt"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

const schemaFile = `
ALTER TABLE endpoints ADD COLUMN capabilities TEXT NOT NULL DEFAULT '';
CREATE TABLE lasting (
  id       TEXT PRIMARY KEY,
  endpoint TEXT NOT NULL,
  uid      TEXT NOT NULL,
  until_ms INTEGER NOT NULL,
  ended_ms INTEGER NOT NULL,
  body     BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX lasting_of ON lasting(endpoint, uid) WHERE ended_ms = 0;
-- Which requests came of which: asked again, for more time, or for the same program.
CREATE TABLE request_chain (
  previous TEXT NOT NULL,
  request  TEXT NOT NULL,
  kind     TEXT NOT NULL,
  PRIMARY KEY (previous, request)
) WITHOUT ROWID;
CREATE INDEX requests_person ON requests(endpoint, user);
CREATE TABLE emergencies (
  user    TEXT NOT NULL,
  at      INTEGER NOT NULL,
  request TEXT NOT NULL,
  PRIMARY KEY (user, at, request)
) WITHOUT ROWID;
`

// Access is a yes that lasts: a personal rule with an end.
type Access struct {
	ID       elevation.AccessID   `cbor:"id"`
	Endpoint elevation.EndpointID `cbor:"endpoint"`
	Request  elevation.RequestID  `cbor:"request"` // the one that was answered
	Attempt  elevation.Attempt    `cbor:"attempt"`
	Pin      elevation.Pin        `cbor:"pin"`
	Rules    []string             `cbor:"rules"`  // name@version of the rules that wanted a person then
	Stands   map[string][]byte    `cbor:"stands"` // by name: what those rules said, hashed
	Duration time.Duration        `cbor:"duration"`
	By       elevation.Actor      `cbor:"by"`
	At       time.Time            `cbor:"at"`
	Until    time.Time            `cbor:"until"`
	EndedAt  time.Time            `cbor:"ended_at,omitzero"`
	EndedBy  elevation.Actor      `cbor:"ended_by,omitzero"`
}

// PutAccess stores a lasting answer, or its end.
func (tx *Tx) PutAccess(a Access) error {
	tx.audited("access " + string(a.ID))
	raw, err := sign.Encode(a)
	if err != nil {
		return fmt.Errorf("encode lasting answer %s: %w", a.ID, err)
	}
	_, err = tx.exec(`INSERT INTO lasting(id, endpoint, uid, until_ms, ended_ms, body) VALUES (?,?,?,?,?,?)
ON CONFLICT(id) DO UPDATE SET ended_ms = excluded.ended_ms, body = excluded.body`,
		string(a.ID), string(a.Endpoint), a.Attempt.User.UID, ms(a.Until), ms(a.EndedAt), raw)
	if err != nil {
		return fmt.Errorf("write lasting answer %s: %w", a.ID, err)
	}
	return nil
}

// Access reads one lasting answer; [elevation.ErrNotFound] when there is none.
func (tx *Tx) Access(id elevation.AccessID) (Access, error) {
	list, err := tx.access("WHERE id = ?", string(id))
	if err == nil && len(list) == 0 {
		err = elevation.ErrNotFound
	}
	if err != nil {
		return Access{}, fmt.Errorf("lasting answer %s: %w", id, err)
	}
	return list[0], nil
}

// AccessOf are the lasting answers of a user of an endpoint that have not ended.
func (tx *Tx) AccessOf(ep elevation.EndpointID, uid string, now time.Time) ([]Access, error) {
	return tx.access("WHERE endpoint = ? AND uid = ? AND ended_ms = 0 AND until_ms > ? ORDER BY id DESC LIMIT 200", string(ep), uid, now.UnixMilli())
}

// AllAccess are all lasting answers that have not ended, the newest first.
func (tx *Tx) AllAccess(now time.Time) ([]Access, error) {
	return tx.access("WHERE ended_ms = 0 AND until_ms > ? ORDER BY id DESC", now.UnixMilli())
}

func (tx *Tx) access(tail string, args ...any) ([]Access, error) {
	var out []Access
	err := tx.rows(func(scan func(...any) error) error {
		var raw []byte
		if err := scan(&raw); err != nil {
			return err
		}
		var a Access
		if err := sign.Decode(raw, &a); err != nil {
			return fmt.Errorf("decode a lasting answer: %w", err)
		}
		out = append(out, a)
		return nil
	}, "SELECT body FROM lasting "+tail, args...)
	return out, err
}

// The kinds of links between requests.
const (
	ChainResubmit = "resubmit" // asked again after it was over
	ChainExtend   = "extend"   // more time
	ChainFrom     = "from"     // the same program, asked for by its record
)

// Chain notes that a request came of another one. It goes with the insertion,
// which is audited.
func (tx *Tx) Chain(previous, request elevation.RequestID, kind string) error {
	_, err := tx.exec("INSERT INTO request_chain(previous, request, kind) VALUES (?,?,?)", string(previous), string(request), kind)
	if err != nil {
		return fmt.Errorf("link request %s to %s: %w", request, previous, err)
	}
	return nil
}

// Chained are the requests of a kind that came of another one, oldest first, at
// most a hundred.
func (tx *Tx) Chained(previous elevation.RequestID, kind string) ([]elevation.Request, error) {
	return tx.requests("WHERE id IN (SELECT request FROM request_chain WHERE previous = ? AND kind = ?) ORDER BY id LIMIT 100", string(previous), kind)
}

// WaitingSame are the requests in the queue that ask for the same thing on the
// same endpoint.
func (tx *Tx) WaitingSame(ep elevation.EndpointID, a elevation.Attempt) ([]elevation.Request, error) {
	all, err := tx.requests("WHERE same = ? AND waiting = 2 ORDER BY sort_key LIMIT 32", sameKey(ep, a))
	if err != nil {
		return nil, err
	}
	var out []elevation.Request
	for _, r := range all {
		if r.Endpoint == ep && r.Attempt.Same(a) {
			out = append(out, r)
		}
	}
	return out, nil
}

// LastOf is the newest request that a user of an endpoint made, by name or uid;
// [elevation.ErrNotFound] when the endpoint has told of no such user.
func (tx *Tx) LastOf(ep elevation.EndpointID, user string) (elevation.Request, error) {
	list, err := tx.requests("WHERE endpoint = ?1 AND (user = ?2 OR uid = ?2) ORDER BY pos DESC LIMIT 1", string(ep), user)
	if err == nil && len(list) == 0 {
		err = elevation.ErrNotFound
	}
	if err != nil {
		return elevation.Request{}, fmt.Errorf("user of endpoint %s: %w", ep, err)
	}
	return list[0], nil
}

// CountEmergency notes that somebody used emergency access and says how often
// they have since.
func (tx *Tx) CountEmergency(u elevation.UserID, id elevation.RequestID, since, now time.Time) (int, error) {
	if _, err := tx.exec("INSERT INTO emergencies(user, at, request) VALUES (?,?,?)", string(u), now.UnixMilli(), string(id)); err != nil {
		return 0, fmt.Errorf("count an emergency: %w", err)
	}
	var n int
	err := tx.row([]any{&n}, "SELECT count(*) FROM emergencies WHERE user = ? AND at > ?", string(u), since.UnixMilli())
	return n, err
}
