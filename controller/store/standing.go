package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// schemaRights keeps who can become root on an endpoint without Assent: the newest
// list, the number on each day that it changed, and the orders about it.
const schemaRights = `
CREATE TABLE rights_lists (
  endpoint TEXT PRIMARY KEY,
  rights   INTEGER NOT NULL,
  taken    INTEGER NOT NULL,
  body     BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE rights_days (
  endpoint TEXT NOT NULL,
  day      INTEGER NOT NULL,
  rights   INTEGER NOT NULL,
  taken    INTEGER NOT NULL,
  PRIMARY KEY (endpoint, day)
) WITHOUT ROWID;
CREATE TABLE rights_orders (
  id       TEXT PRIMARY KEY,
  endpoint TEXT NOT NULL,
  at       INTEGER NOT NULL,
  body     BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX rights_orders_endpoint ON rights_orders(endpoint, at);
`

// StandingRights is what an endpoint has told of its standing rights.
type StandingRights struct {
	Endpoint elevation.EndpointID `cbor:"endpoint"`
	At       time.Time            `cbor:"at"`
	Rights   []elevation.Right    `cbor:"rights"`
	Taken    []elevation.Right    `cbor:"taken"`
	More     int                  `cbor:"more"`
	Faults   []string             `cbor:"faults"`
	Since    map[string]time.Time `cbor:"since"` // when each right was told first, by id
	Last     map[string]LastOrder `cbor:"last"`  // the newest order about each, by id
}

// LastOrder is the newest order about a right.
type LastOrder struct {
	ID     string              `cbor:"id"`
	Act    elevation.RightsAct `cbor:"act"`
	By     elevation.Actor     `cbor:"by"`
	At     time.Time           `cbor:"at"`
	DoneAt time.Time           `cbor:"done_at"` // zero: the endpoint has not answered
	Why    string              `cbor:"why"`     // it was refused, or what there is to say
	Done   bool                `cbor:"done"`
}

// Count is how many rights there are, those that did not fit among them.
func (s StandingRights) Count() int { return len(s.Rights) + s.More }

// RightsOrder is an order about standing rights, and what came of it.
type RightsOrder struct {
	ID       string               `cbor:"id"`
	Endpoint elevation.EndpointID `cbor:"endpoint"`
	Act      elevation.RightsAct  `cbor:"act"`
	Rights   []string             `cbor:"rights"`
	By       elevation.Actor      `cbor:"by"`
	Comment  string               `cbor:"comment"`
	At       time.Time            `cbor:"at"`
	DoneAt   time.Time            `cbor:"done_at"`
	Done     []string             `cbor:"done"`
	Refused  []wire.Refusal       `cbor:"refused"`
	Said     []wire.Refusal       `cbor:"said"`
}

// StandingRights reads what an endpoint has told; [elevation.ErrNotFound] when it
// has told nothing yet.
func (tx *Tx) StandingRights(ep elevation.EndpointID) (s StandingRights, err error) {
	var body []byte
	if err := tx.row([]any{&body}, "SELECT body FROM rights_lists WHERE endpoint = ?", string(ep)); err != nil {
		return s, fmt.Errorf("standing rights of %s: %w", ep, err)
	}
	if err := sign.Decode(body, &s); err != nil {
		return s, fmt.Errorf("standing rights of %s: %w", ep, err)
	}
	return s, nil
}

// AllStandingRights reads what every endpoint has told, deleted ones too.
func (tx *Tx) AllStandingRights() (out []StandingRights, err error) {
	err = tx.rows(func(scan func(...any) error) error {
		var body []byte
		if err := scan(&body); err != nil {
			return err
		}
		var s StandingRights
		if err := sign.Decode(body, &s); err != nil {
			return fmt.Errorf("standing rights: %w", err)
		}
		out = append(out, s)
		return nil
	}, "SELECT body FROM rights_lists ORDER BY endpoint")
	return out, err
}

// RightsCounts are the numbers of standing rights of those endpoints that have told.
func (tx *Tx) RightsCounts() (map[elevation.EndpointID]int, error) {
	out := map[elevation.EndpointID]int{}
	err := tx.rows(func(scan func(...any) error) error {
		var ep elevation.EndpointID
		var n int
		if err := scan(&ep, &n); err != nil {
			return err
		}
		out[ep] = n
		return nil
	}, "SELECT endpoint, rights FROM rights_lists")
	return out, err
}

// PutStandingRights writes what an endpoint has told, and the day's number when it
// is another one than before. It is bookkeeping: what has changed is an event.
func (tx *Tx) PutStandingRights(s StandingRights, now time.Time) error {
	body, err := sign.Encode(s)
	if err != nil {
		return fmt.Errorf("encode standing rights: %w", err)
	}
	_, err = tx.exec(`INSERT INTO rights_lists(endpoint, rights, taken, body) VALUES (?,?,?,?)
ON CONFLICT(endpoint) DO UPDATE SET rights = excluded.rights, taken = excluded.taken, body = excluded.body`,
		string(s.Endpoint), s.Count(), len(s.Taken), body)
	if err != nil {
		return fmt.Errorf("write standing rights: %w", err)
	}
	var rights, taken int
	err = tx.row([]any{&rights, &taken}, "SELECT rights, taken FROM rights_days WHERE endpoint = ? ORDER BY day DESC LIMIT 1", string(s.Endpoint))
	if err == nil && rights == s.Count() && taken == len(s.Taken) {
		return nil
	}
	if err != nil && !errors.Is(err, elevation.ErrNotFound) {
		return err
	}
	_, err = tx.exec(`INSERT INTO rights_days(endpoint, day, rights, taken) VALUES (?,?,?,?)
ON CONFLICT(endpoint, day) DO UPDATE SET rights = excluded.rights, taken = excluded.taken`, string(s.Endpoint), dayNumber(now), s.Count(), len(s.Taken))
	return err
}

func dayNumber(t time.Time) int64 { return t.UTC().Unix() / (24 * 60 * 60) }

// RightsDay is how many standing rights an endpoint had from a day on.
type RightsDay struct {
	Endpoint      elevation.EndpointID
	Day           time.Time // its beginning, UTC
	Rights, Taken int
}

// RightsDays are all changes up to a time, the oldest first.
func (tx *Tx) RightsDays(until time.Time) (out []RightsDay, err error) {
	err = tx.rows(func(scan func(...any) error) error {
		var d RightsDay
		var n int64
		if err := scan(&d.Endpoint, &n, &d.Rights, &d.Taken); err != nil {
			return err
		}
		d.Day = time.Unix(n*24*60*60, 0).UTC()
		out = append(out, d)
		return nil
	}, "SELECT endpoint, day, rights, taken FROM rights_days WHERE day <= ? ORDER BY day, endpoint", dayNumber(until))
	return out, err
}

// RightsOrder reads an order; [elevation.ErrNotFound] when there is none.
func (tx *Tx) RightsOrder(id string) (o RightsOrder, err error) {
	var body []byte
	if err := tx.row([]any{&body}, "SELECT body FROM rights_orders WHERE id = ?", id); err != nil {
		return o, fmt.Errorf("order %s: %w", id, err)
	}
	if err := sign.Decode(body, &o); err != nil {
		return o, fmt.Errorf("order %s: %w", id, err)
	}
	return o, nil
}

// PutRightsOrder writes an order or what came of it.
func (tx *Tx) PutRightsOrder(o RightsOrder) error {
	tx.audited("order " + o.ID)
	body, err := sign.Encode(o)
	if err != nil {
		return fmt.Errorf("encode an order: %w", err)
	}
	_, err = tx.exec("INSERT INTO rights_orders(id, endpoint, at, body) VALUES (?,?,?,?) ON CONFLICT(id) DO UPDATE SET body = excluded.body",
		o.ID, string(o.Endpoint), ms(o.At), body)
	if err != nil {
		return fmt.Errorf("write order %s: %w", o.ID, err)
	}
	return nil
}
