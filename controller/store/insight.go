package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// What was asked before is found through the table history: for each request
// one row per thing that it has in common with others. The rows are written from
// the audit log a moment later, by [Store.IndexHistory], which keeps them out of
// the commits that people and endpoints wait for.
const schemaHistory = `
CREATE TABLE history (key BLOB NOT NULL, pos INTEGER NOT NULL, PRIMARY KEY (key, pos)) WITHOUT ROWID;
CREATE TABLE prevalence (key BLOB NOT NULL, endpoint TEXT NOT NULL, PRIMARY KEY (key, endpoint)) WITHOUT ROWID;
CREATE TABLE history_head (id INTEGER PRIMARY KEY CHECK (id = 1), pos INTEGER NOT NULL);
INSERT INTO history_head(id, pos) VALUES (1, 0);
`

// One step of the index looks at so many events, and takes so many of them.
const (
	historyStretch = 2000
	historyStep    = 48
)

// HistoryKeys name what a request has in common with others; nil where it has
// nothing to compare.
type HistoryKeys struct {
	Own       []byte // the same person on the same endpoint, program and arguments
	What      []byte // program and arguments, of anybody
	File      []byte // the very file
	Publisher []byte
	Reason    []byte // the same words of the same person
}

// KeysOf are the keys of a request.
func KeysOf(r *elevation.Request) HistoryKeys {
	a, s := r.Attempt, r.Attempt.Subject
	args := strings.Join(s.Args, "\x00")
	k := HistoryKeys{
		Own:  historyKey("own", string(r.Endpoint), a.User.UID, string(a.AccessType), s.Path, s.RunAs, args),
		What: historyKey("what", string(a.AccessType), s.Path, s.RunAs, args),
	}
	if s.SHA256 != "" {
		k.File = historyKey("file", s.SHA256)
	}
	if s.Publisher.Thumbprint != "" {
		k.Publisher = historyKey("publisher", s.Publisher.Thumbprint)
	}
	if words := strings.Join(strings.Fields(strings.ToLower(r.Justification)), " "); words != "" {
		k.Reason = historyKey("reason", string(r.Endpoint), a.User.UID, words)
	}
	return k
}

func historyKey(kind string, parts ...string) []byte {
	h := sha256.New()
	sign.WriteParts(h, append([]string{kind}, parts...)...)
	return h.Sum(nil)[:12]
}

// historyRow is what the history keeps of one request.
type historyRow struct {
	pos      int64
	endpoint elevation.EndpointID
	keys     HistoryKeys
}

// IndexHistory takes a bounded stretch of the audit log into the history; more
// says that there is more. What can be done before is not done in the writer's
// time. It is bookkeeping and needs no audit event.
func (s *Store) IndexHistory(ctx context.Context) (more bool, err error) {
	var from, upto, last int64
	var found []historyRow
	err = s.View(ctx, func(tx *Tx) (err error) {
		if err := tx.row([]any{&from, &last}, "SELECT pos, (SELECT coalesce(max(pos), 0) FROM events) FROM history_head WHERE id = 1"); err != nil {
			return err
		}
		upto = min(last, from+historyStretch)
		found, upto, err = tx.historyRows(from, upto)
		return err
	})
	if err != nil || from >= last {
		return false, err
	}
	err = s.Update(ctx, func(tx *Tx) error {
		n, err := tx.exec("UPDATE history_head SET pos = ? WHERE id = 1 AND pos = ?", upto, from)
		if err != nil || n == 0 {
			return err // somebody else was faster
		}
		for _, row := range found {
			if err := tx.putHistory(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("index what was asked: %w", err)
	}
	return upto < last, nil
}

// historyRows are the requests that were asked or answered in a stretch of the
// log, and how far of it they are.
func (tx *Tx) historyRows(from, upto int64) (found []historyRow, done int64, err error) {
	n, seen := 0, map[int64]bool{}
	err = tx.rows(func(scan func(...any) error) error {
		var event int64
		var row historyRow
		var body []byte
		if err := scan(&event, &row.pos, &body); err != nil {
			return err
		}
		if n++; n == historyStep {
			upto = event // the rest comes with the next step
		}
		if seen[row.pos] {
			return nil
		}
		seen[row.pos] = true
		r, err := decodeRequest(body)
		if err != nil {
			return err
		}
		row.endpoint, row.keys = r.Endpoint, KeysOf(&r)
		found = append(found, row)
		return nil
	}, `SELECT e.pos, r.pos, r.body FROM events e JOIN requests r ON r.id = e.request
WHERE e.pos > ? AND e.pos <= ? AND e.kind IN (?,?,?) ORDER BY e.pos LIMIT ?`,
		from, upto, int(audit.RequestSubmitted), int(audit.RequestApproved), int(audit.RequestDenied), historyStep)
	return found, upto, err
}

func (tx *Tx) putHistory(row historyRow) error {
	k := row.keys
	for _, key := range [][]byte{k.Own, k.What, k.File, k.Publisher, k.Reason} {
		if key == nil {
			continue
		}
		if _, err := tx.exec("INSERT OR IGNORE INTO history(key, pos) VALUES (?,?)", key, row.pos); err != nil {
			return err
		}
	}
	if k.File == nil {
		return nil
	}
	_, err := tx.exec("INSERT OR IGNORE INTO prevalence(key, endpoint) VALUES (?,?)", k.File, string(row.endpoint))
	return err
}

// forgetHistory takes a request out of the history of what it has lost: a key is a
// hash that somebody with a guess could compare.
func (tx *Tx) forgetHistory(pos int64, was, is HistoryKeys) error {
	for _, k := range [][2][]byte{{was.Own, is.Own}, {was.What, is.What}, {was.Reason, is.Reason}} {
		if k[0] == nil || bytes.Equal(k[0], k[1]) {
			continue
		}
		if _, err := tx.exec("DELETE FROM history WHERE key = ? AND pos = ?", k[0], pos); err != nil {
			return err
		}
	}
	return nil
}

// Before is one earlier request, as its columns tell of it.
type Before struct {
	ID          elevation.RequestID
	Endpoint    elevation.EndpointID
	UID         string
	User        string
	State       elevation.State
	SubmittedAt time.Time
	ByPerson    bool              // a person answered
	Verdict     elevation.Verdict // "" = nobody answered
}

// Before are the requests with that key that were stored before id, the newest
// first, at most limit.
func (tx *Tx) Before(key []byte, id elevation.RequestID, limit int) ([]Before, error) {
	if key == nil {
		return nil, nil
	}
	var out []Before
	err := tx.rows(func(scan func(...any) error) error {
		var b Before
		var submitted, decided, denied int64
		var granted bool
		if err := scan(&b.ID, &b.Endpoint, &b.UID, &b.User, &b.State, &submitted, &decided, &denied, &granted); err != nil {
			return err
		}
		b.SubmittedAt, b.ByPerson = at(submitted), decided > 0
		switch {
		case denied > 0 || decided == 0 && b.State == elevation.StateDenied:
			b.Verdict = elevation.Denied
		case decided > 0 || granted:
			b.Verdict = elevation.Approved
		}
		out = append(out, b)
		return nil
	}, `SELECT r.id, r.endpoint, r.uid, r.user, r.state, r.submitted_ms, r.decided_ms, r.denied_ms, r.grant_raw IS NOT NULL
FROM history h JOIN requests r ON r.pos = h.pos
WHERE h.key = ? AND h.pos < coalesce((SELECT q.pos FROM requests q WHERE q.id = ?), 9223372036854775807) ORDER BY h.pos DESC LIMIT ?`,
		key, string(id), limit)
	return out, err
}

// FirstSeen is when something with that key was first asked for, the zero time
// if never before id.
func (tx *Tx) FirstSeen(key []byte, id elevation.RequestID) (time.Time, error) {
	var n int64
	err := tx.row([]any{&n}, "SELECT r.submitted_ms FROM history h JOIN requests r ON r.pos = h.pos WHERE h.key = ? AND r.id <> ? ORDER BY h.pos LIMIT 1",
		key, string(id))
	if errors.Is(err, elevation.ErrNotFound) {
		return time.Time{}, nil
	}
	return at(n), err
}

// SeenOn are endpoints on which the file of that key was seen, at most limit.
func (tx *Tx) SeenOn(key []byte, limit int) ([]elevation.EndpointID, error) {
	var out []elevation.EndpointID
	err := tx.rows(func(scan func(...any) error) error {
		var id elevation.EndpointID
		if err := scan(&id); err != nil {
			return err
		}
		out = append(out, id)
		return nil
	}, "SELECT endpoint FROM prevalence WHERE key = ? LIMIT ?", key, limit)
	return out, err
}

// Span is a stretch of history.
type Span struct {
	Since time.Time // submitted not before
	Until time.Time // and before this; zero = no end
	Most  int       // the newest requests that are looked at, 0 = all
	// Denied takes only requests that a person denied.
	Denied bool
}

// spanPage is how many requests one read takes along.
const spanPage = 512

// Each gives every submitted request of the span to one of the workers, the
// newest first as far as one worker is concerned. Each worker runs on a goroutine
// of its own. cut says that there were more than span.Most. Rows are read page by
// page: the whole is no single state of the database.
func (s *Store) Each(ctx context.Context, span Span, workers []func(*elevation.Request) error) (cut bool, err error) {
	group, ctx := errgroup.WithContext(ctx)
	pages := make(chan [][]byte, len(workers))
	group.Go(func() error {
		defer close(pages)
		var err error
		cut, err = s.eachPage(ctx, span, pages)
		return err
	})
	for _, work := range workers {
		group.Go(func() error {
			for page := range pages {
				for _, body := range page {
					r, err := decodeRequest(body)
					if err != nil {
						return err
					}
					if err := work(&r); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	return cut, group.Wait()
}

// eachPage reads from the newest row down. Rows stand in the order in which they
// were stored, at most a draft's life before they were submitted, so the first
// page that is wholly older ends it.
func (s *Store) eachPage(ctx context.Context, span Span, pages chan<- [][]byte) (cut bool, err error) {
	before, seen := int64(1<<62), 0
	since, until, size := ms(span.Since), int64(1<<62), spanPage
	from, also := "FROM requests WHERE pos < ?", []any{}
	if span.Denied { // few among very many; each page looks at all of them in the index
		also = append(also, since)
		from, size = "FROM requests INDEXED BY requests_denied WHERE pos < ? AND denied_ms > 0 AND denied_ms >= ?", 16*spanPage
	}
	if !span.Until.IsZero() {
		until = ms(span.Until)
	}
	for {
		var page [][]byte
		rows, newest := 0, int64(0)
		err := s.Browse(ctx, func(tx *Tx) error {
			return tx.rows(func(scan func(...any) error) error {
				var submitted int64
				var body []byte
				if err := scan(&before, &submitted, &body); err != nil {
					return err
				}
				rows++
				newest = max(newest, submitted)
				if submitted > 0 && submitted >= since && submitted < until {
					page = append(page, body)
				}
				return nil
			}, "SELECT pos, submitted_ms, body "+from+" ORDER BY pos DESC LIMIT ?", append(append([]any{before}, also...), size)...)
		})
		if err != nil {
			return false, fmt.Errorf("read history: %w", err)
		}
		if span.Most > 0 && seen+len(page) > span.Most {
			page, cut = page[:span.Most-seen], true
		}
		seen += len(page)
		if len(page) > 0 {
			select {
			case pages <- page:
			case <-ctx.Done():
				return cut, ctx.Err()
			}
		}
		if rows < size || cut || newest > 0 && newest < since-elevation.DraftTTL.Milliseconds() {
			return cut, nil
		}
	}
}

// EndpointsAtLeast reports whether there are n endpoints or more.
func (tx *Tx) EndpointsAtLeast(n int) (bool, error) {
	var have int
	err := tx.row([]any{&have}, "SELECT count(*) FROM (SELECT 1 FROM endpoints WHERE deleted_at = 0 LIMIT ?)", n)
	return have >= n, err
}
