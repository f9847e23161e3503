package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// schemaSeen keeps what endpoints let go on and only told of, and for how long
// which of them only observe.
const schemaSeen = `
CREATE TABLE seen (
  pos      INTEGER PRIMARY KEY,
  endpoint TEXT NOT NULL,
  id       TEXT NOT NULL,
  day      INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  uid      TEXT NOT NULL,
  user     TEXT NOT NULL,
  program  TEXT NOT NULL,
  kind     TEXT NOT NULL,
  times    INTEGER NOT NULL,
  would    TEXT NOT NULL,
  rule     TEXT NOT NULL,
  what     BLOB NOT NULL,
  body     BLOB NOT NULL,
  UNIQUE (endpoint, id)
);
CREATE INDEX seen_day ON seen(endpoint, day, uid, program);
CREATE INDEX seen_at ON seen(at);
CREATE TABLE pauses (
  id    TEXT PRIMARY KEY,
  open  INTEGER NOT NULL,
  until INTEGER NOT NULL,
  body  BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX pauses_open ON pauses(open, until);
`

// How many different things of one endpoint are kept of one day.
const (
	seenPerDay  = 500
	glassPerDay = 5000
)

// Sighting is something that an endpoint let go on without a question.
type Sighting struct {
	Pos      int64 // its place in the table, given by the store
	ID       elevation.RequestID
	Endpoint elevation.EndpointID
	Kind     wire.SeenKind
	Attempt  elevation.Attempt // arguments are masked
	Times    int               // within a minute
	At       time.Time
	Would    string // what the rules said when it came: approve, deny, ask; "" = it could not be held against them
	Rule     string // id@version that said so, "" = none
}

// Seen says what became of a sighting.
type Seen struct {
	New   bool // it is kept
	First bool // and the first of its user, program and day
	Full  bool // it is not kept: there were too many that day
}

// PutSighting keeps a sighting; the same id of an endpoint again only changes the
// number. It is bookkeeping; what needs an event is for the caller to say.
func (tx *Tx) PutSighting(x Sighting) (Seen, error) {
	n, err := tx.exec("UPDATE seen SET times = max(times, ?) WHERE endpoint = ? AND id = ?", x.Times, string(x.Endpoint), string(x.ID))
	if err != nil || n > 0 {
		return Seen{}, err
	}
	day, most := dayOf(x.At), seenPerDay
	if x.Kind == wire.SeenBreakGlass {
		most = glassPerDay
	}
	var full, again bool
	if err := tx.row([]any{&full, &again}, `SELECT (SELECT count(*) FROM (SELECT 1 FROM seen WHERE endpoint = ?1 AND day = ?2 LIMIT ?3)) >= ?3,
EXISTS(SELECT 1 FROM seen WHERE endpoint = ?1 AND day = ?2 AND uid = ?4 AND program = ?5)`,
		string(x.Endpoint), day, most, x.Attempt.User.UID, x.Attempt.Subject.Path); err != nil {
		return Seen{}, fmt.Errorf("keep what was seen: %w", err)
	}
	if full {
		return Seen{Full: true}, nil
	}
	var body []byte
	if err := pack([]packing{{&body, x.Attempt}}); err != nil {
		return Seen{}, err
	}
	keys := KeysOf(&elevation.Request{Endpoint: x.Endpoint, Attempt: x.Attempt})
	if _, err := tx.exec(`INSERT INTO seen(endpoint, id, day, at, uid, user, program, kind, times, would, rule, what, body)
VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`, string(x.Endpoint), string(x.ID), day, ms(x.At), x.Attempt.User.UID, x.Attempt.User.Name, x.Attempt.Subject.Path,
		string(x.Kind), x.Times, x.Would, x.Rule, keys.What, body); err != nil {
		return Seen{}, fmt.Errorf("keep what was seen: %w", err)
	}
	if keys.File != nil {
		if _, err := tx.exec("INSERT OR IGNORE INTO prevalence(key, endpoint) VALUES (?,?)", keys.File, string(x.Endpoint)); err != nil {
			return Seen{}, fmt.Errorf("keep what was seen: %w", err)
		}
	}
	return Seen{New: true, First: !again}, nil
}

func dayOf(t time.Time) int64 { return t.UTC().Unix() / 86400 }

// SightingFilter narrows a list. Zero fields do not narrow.
type SightingFilter struct {
	Endpoint elevation.EndpointID
	User     string // name or uid on the endpoint
	Kind     wire.SeenKind
	Since    time.Time
	Until    time.Time
	Before   int64 // place in the table
	Limit    int
}

// Sightings are the newest ones first, in the order in which they were kept.
func (tx *Tx) Sightings(f SightingFilter) ([]Sighting, error) {
	if f.Before == 0 {
		f.Before = 1 << 62
	}
	where, args := "WHERE pos < ?", []any{f.Before}
	and := func(cond string, values ...any) { where, args = where+" AND "+cond, append(args, values...) }
	if f.Endpoint != "" {
		and("endpoint = ?", string(f.Endpoint))
	}
	if f.User != "" {
		and("(user = ? OR uid = ?)", f.User, f.User)
	}
	if f.Kind != "" {
		and("kind = ?", string(f.Kind))
	}
	if !f.Since.IsZero() {
		and("at >= ?", ms(f.Since))
	}
	if !f.Until.IsZero() {
		and("at < ?", ms(f.Until))
	}
	var out []Sighting
	err := tx.rows(func(scan func(...any) error) error {
		var x Sighting
		var when int64
		var body []byte
		if err := scan(&x.Pos, &x.Endpoint, &x.ID, &when, &x.Kind, &x.Times, &x.Would, &x.Rule, &body); err != nil {
			return err
		}
		x.At = at(when)
		out = append(out, x)
		return unpack([]packing{{&body, &out[len(out)-1].Attempt}})
	}, "SELECT pos, endpoint, id, at, kind, times, would, rule, body FROM seen "+where+" ORDER BY pos DESC LIMIT ?", append(args, f.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("read what was seen: %w", err)
	}
	return out, nil
}

// EachSighting gives every sighting of the span to one of the workers, as
// [Store.Each] does with requests. span.Denied counts for nothing here.
func (s *Store) EachSighting(ctx context.Context, span Span, workers []func(*Sighting) error) (cut bool, err error) {
	group, ctx := errgroup.WithContext(ctx)
	pages := make(chan []Sighting, len(workers))
	group.Go(func() error {
		defer close(pages)
		f := SightingFilter{Since: span.Since, Until: span.Until, Limit: spanPage}
		for seen := 0; ; {
			var page []Sighting
			err := s.Browse(ctx, func(tx *Tx) (err error) { page, err = tx.Sightings(f); return err })
			if err != nil || len(page) == 0 {
				return err
			}
			f.Before = page[len(page)-1].Pos
			if span.Most > 0 && seen+len(page) > span.Most {
				page, cut = page[:span.Most-seen], true
			}
			seen += len(page)
			select {
			case pages <- page:
			case <-ctx.Done():
				return ctx.Err()
			}
			if cut {
				return nil
			}
		}
	})
	for _, work := range workers {
		group.Go(func() error {
			for page := range pages {
				for i := range page {
					if err := work(&page[i]); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	err = group.Wait()
	return cut, err
}

// seenUntil is up to when sightings go: they hold arguments, and are history.
func seenUntil(set Settings, now time.Time) time.Time {
	days := set.HistoryDays
	if keep := set.Retention.ArgumentsDays; keep > 0 && (days <= 0 || keep < days) {
		days = keep
	}
	if days <= 0 {
		return time.Time{}
	}
	return now.Add(-time.Duration(days) * 24 * time.Hour)
}

// forgetSeen deletes a bounded number of sightings whose time is over.
func (s *Store) forgetSeen(ctx context.Context, now time.Time) (more bool, err error) {
	until := seenUntil(s.Settings(), now)
	if until.IsZero() {
		return false, nil
	}
	var due bool
	err = s.View(ctx, func(tx *Tx) error {
		return tx.row([]any{&due}, "SELECT EXISTS(SELECT 1 FROM seen WHERE at <= ?)", ms(until))
	})
	if err != nil || !due {
		return false, err
	}
	var n int64
	err = s.Update(ctx, func(tx *Tx) (err error) {
		n, err = tx.exec("DELETE FROM seen WHERE pos IN (SELECT pos FROM seen WHERE at <= ? ORDER BY at LIMIT ?)", ms(until), 10*retainBatch)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("forget what was seen: %w", err)
	}
	return n == 10*retainBatch, nil
}

// Pause says that endpoints only observe until a time.
type Pause struct {
	ID       string               `cbor:"id"`
	Endpoint elevation.EndpointID `cbor:"endpoint"` // "" = those with the labels
	Labels   map[string]string    `cbor:"labels"`   // none = every endpoint
	Until    time.Time            `cbor:"until"`
	By       elevation.Actor      `cbor:"by"`
	Why      string               `cbor:"why"`
	At       time.Time            `cbor:"at"`
	EndedAt  time.Time            `cbor:"ended_at"` // zero = it has not ended
	EndedBy  elevation.Actor      `cbor:"ended_by"` // zero = by time
}

// PutPause writes a pause.
func (tx *Tx) PutPause(p Pause) error {
	tx.audited("pause " + p.ID)
	if err := tx.writable(); err != nil {
		return err
	}
	var body []byte
	if err := pack([]packing{{&body, p}}); err != nil {
		return err
	}
	if _, err := tx.exec("INSERT INTO pauses(id, open, until, body) VALUES (?,?,?,?) ON CONFLICT(id) DO UPDATE SET open = excluded.open, until = excluded.until, body = excluded.body",
		p.ID, p.EndedAt.IsZero(), ms(p.Until), body); err != nil {
		return fmt.Errorf("write a pause: %w", err)
	}
	return nil
}

// Pause reads one; [elevation.ErrNotFound] when there is none.
func (tx *Tx) Pause(id string) (p Pause, err error) {
	var body []byte
	if err = tx.row([]any{&body}, "SELECT body FROM pauses WHERE id = ?", id); err == nil {
		err = unpack([]packing{{&body, &p}})
	}
	if err != nil && !errors.Is(err, elevation.ErrNotFound) {
		err = fmt.Errorf("pause %s: %w", id, err)
	}
	return p, err
}

// Pauses are the newest ones first, at most limit; only those that have not ended
// if asked for.
func (tx *Tx) Pauses(open bool, limit int) (out []Pause, err error) {
	where := ""
	if open {
		where = "WHERE open = 1 "
	}
	err = tx.rows(func(scan func(...any) error) error {
		var body []byte
		var p Pause
		if err := scan(&body); err != nil {
			return err
		}
		if err := unpack([]packing{{&body, &p}}); err != nil {
			return err
		}
		out = append(out, p)
		return nil
	}, "SELECT body FROM pauses "+where+"ORDER BY id DESC LIMIT ?", limit)
	if err != nil {
		return nil, fmt.Errorf("read pauses: %w", err)
	}
	return out, nil
}
