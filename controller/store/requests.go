package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// A request is one row: its facts as CBOR, and columns derived from them at the
// time of writing, for indexes only. Whoever reads a request derives its state
// from the facts; what has become due since is at most one sweep late in the
// columns.

// The column waiting; 0 is everything else.
const (
	drafting = 1 // the agent has not completed it
	queued   = 2 // in the approvers' queue: pending or held
)

// requestRow is what the columns say.
type requestRow struct {
	r         *elevation.Request
	state     elevation.State
	waiting   int
	sortKey   int64
	expiresMS int64
	nextDue   int64
	deniedMS  int64
	decidedMS int64
	team      elevation.TeamID
	search    string
	body      []byte
}

// derive makes the columns. The settings of the moment decide sortKey.
func derive(r *elevation.Request, endpointName string, set Settings, now time.Time) (requestRow, error) {
	body, err := sign.Encode(r)
	if err != nil {
		return requestRow{}, fmt.Errorf("encode request %s: %w", r.ID, err)
	}
	row := requestRow{r: r, state: r.State(now), nextDue: upMS(r.NextDue(now)), body: body}
	switch row.state {
	case elevation.StateDraft:
		row.waiting = drafting
	case elevation.StatePending, elevation.StateHeld:
		row.waiting = queued
	}
	row.expiresMS = ms(r.ExpiresAt)
	if neverSeen(r) { // also when it is over: it is on nobody's list
		row.state, row.expiresMS = elevation.StateDraft, ms(r.DraftedAt.Add(elevation.DraftTTL))
	}
	row.sortKey = set.HeadStart.SortKey(r.SubmittedAt, r.Priority)
	if d := r.Decision; d != nil && d.By.Kind == elevation.ByUser {
		row.decidedMS = ms(d.At)
		if d.Verdict == elevation.Denied {
			row.deniedMS = ms(d.At)
		}
	}
	for i, s := range r.Need.Stages {
		if row.team == "" || r.StageOpen(i) {
			row.team = s.Team
		}
		if r.StageOpen(i) {
			break
		}
	}
	row.search = wordsOf(r, endpointName)
	return row, nil
}

// sameKey is equal for attempts on one endpoint that [elevation.Attempt.Same]
// calls the same.
func sameKey(ep elevation.EndpointID, a elevation.Attempt) []byte {
	h := sha256.New()
	s := a.Subject
	sign.WriteParts(h, string(ep), string(a.AccessType), a.User.UID, s.Path, s.SHA256, s.Cwd, s.RunAs, string(s.ArgsDigest))
	return h.Sum(nil)[:16]
}

// InsertRequest stores a new request and sets its Version to 1. [ErrExists] when
// the id is taken. A draft needs no audit event: nobody but its endpoint knows
// of it.
func (tx *Tx) InsertRequest(r *elevation.Request, now time.Time) error {
	return tx.InsertGranted(r, GrantRow{}, now)
}

// InsertGranted stores a new request together with its grant, as one row.
func (tx *Tx) InsertGranted(r *elevation.Request, g GrantRow, now time.Time) error {
	n, err := newRequest(r, tx.endpointName(r.Endpoint), tx.Settings(), now)
	if err != nil {
		return err
	}
	return tx.InsertNew(n, g)
}

// NewRequest is a request that is ready to be stored: what needs no transaction
// is done.
type NewRequest struct {
	row  requestRow
	same []byte
}

// NewRequest makes r ready to be stored and sets its Version to 1.
func (s *Store) NewRequest(ctx context.Context, r *elevation.Request, now time.Time) (*NewRequest, error) {
	e, err := s.Endpoint(ctx, r.Endpoint)
	if err != nil && !errors.Is(err, elevation.ErrNotFound) {
		return nil, err
	}
	return newRequest(r, e.Name, s.Settings(), now)
}

func newRequest(r *elevation.Request, endpointName string, set Settings, now time.Time) (*NewRequest, error) {
	r.Version = 1
	row, err := derive(r, endpointName, set, now)
	return &NewRequest{row: row, same: sameKey(r.Endpoint, r.Attempt)}, err
}

// The columns of a new request.
const (
	insertRequest = `requests(id, version, endpoint, uid, user, access_type, program, team, state, waiting, priority,
submitted_ms, sort_key, expires_ms, next_due, denied_ms, decided_ms, removed, removed_team, same, search, body, grant_frame, grant_raw, publisher, reason)`
	requestArgs = 26
)

// InsertNew stores a request that was made ready, together with its grant, as
// one row. [ErrExists] when the id is taken; a call that shares its transaction
// is told of that when it runs again.
func (tx *Tx) InsertNew(n *NewRequest, g GrantRow) error {
	if err := tx.writable(); err != nil {
		return err
	}
	row, r := n.row, n.row.r
	a := r.Attempt
	row.sortKey = tx.Settings().HeadStart.SortKey(r.SubmittedAt, r.Priority) // they may be others by now
	err := tx.hold(insertRequest, []any{
		string(r.ID), r.Version, string(r.Endpoint), a.User.UID, a.User.Name, string(a.AccessType), program(a.Subject.Path), string(row.team),
		string(row.state), row.waiting, r.Priority.Rank(), ms(r.SubmittedAt), row.sortKey, row.expiresMS, row.nextDue, row.deniedMS,
		row.decidedMS, !r.RemovedAt.IsZero(), !r.RemovedByTeamAt.IsZero(), n.same, row.search, row.body,
		int64(g.FrameSeq), g.Raw, a.Subject.Publisher.Name, sortedReason(r)}, &tx.late.requests)
	if err != nil {
		return fmt.Errorf("insert request %s: %w", r.ID, err)
	}
	tx.moved = append(tx.moved, move{to: row.cell()})
	tx.tailMoved++
	if !neverSeen(r) {
		tx.audited("request " + string(r.ID))
	}
	return nil
}

// PutRequest writes a changed request and increments its Version. [ErrStale]
// when the stored version is another one.
func (tx *Tx) PutRequest(r *elevation.Request, now time.Time) error {
	if !neverSeen(r) {
		tx.audited("request " + string(r.ID))
	}
	return tx.putRequest(r, now)
}

// TouchRequest writes the columns of a request anew because time has passed. Its
// facts are the same, so it needs no audit event.
func (tx *Tx) TouchRequest(r *elevation.Request, now time.Time) error {
	return tx.putRequest(r, now)
}

func (tx *Tx) putRequest(r *elevation.Request, now time.Time) error {
	old, err := tx.placeOf(r.ID)
	if err != nil {
		return fmt.Errorf("write request %s: %w", r.ID, err)
	}
	was := r.Version
	r.Version++
	row, err := derive(r, tx.endpointName(r.Endpoint), tx.Settings(), now)
	if err != nil {
		return err
	}
	n, err := tx.exec(`UPDATE requests SET version=?, team=?, state=?, waiting=?, priority=?, submitted_ms=?, sort_key=?, expires_ms=?,
next_due=?, denied_ms=?, decided_ms=?, removed=?, removed_team=?, search=?, body=?, escalated=?, reason=? WHERE id=? AND version=?`,
		r.Version, string(row.team), string(row.state), row.waiting, r.Priority.Rank(), ms(r.SubmittedAt), row.sortKey, row.expiresMS,
		row.nextDue, row.deniedMS, row.decidedMS, !r.RemovedAt.IsZero(), !r.RemovedByTeamAt.IsZero(), row.search, row.body,
		len(r.Escalations) > 0, sortedReason(r), string(r.ID), was)
	if err == nil && n == 0 {
		err = ErrStale
	}
	if err != nil {
		r.Version = was
		return fmt.Errorf("write request %s: %w", r.ID, err)
	}
	if err := tx.keepReview(r); err != nil {
		return err
	}
	if err := tx.keepEscalations(r, old.pos); err != nil {
		return err
	}
	there := place{cell: row.cell(), pos: old.pos, words: hashWords(row.search)}
	tx.moved = append(tx.moved, move{old.cell, there.cell})
	tx.remember(r.ID, there)
	return tx.relist(old, there, row.search)
}

// Request reads one request; [elevation.ErrNotFound] when there is none.
func (tx *Tx) Request(id elevation.RequestID) (elevation.Request, error) {
	var body []byte
	var p placeRow
	if err := tx.row(append(p.into(), &body), "SELECT "+placeColumns+", body FROM requests WHERE id = ?", string(id)); err != nil {
		return elevation.Request{}, fmt.Errorf("request %s: %w", id, err)
	}
	tx.remember(id, p.found())
	return decodeRequest(body)
}

func decodeRequest(body []byte) (elevation.Request, error) {
	var r elevation.Request
	if err := sign.Decode(body, &r); err != nil {
		return elevation.Request{}, fmt.Errorf("decode request: %w", err)
	}
	return r, nil
}

// QueuePosition is the place of a request in the queue of its team, 1 for the
// next one, 101 for all beyond the first hundred, 0 when it does not wait.
func (tx *Tx) QueuePosition(id elevation.RequestID) (int, error) {
	if tx.asked++; tx.asked > 1 && !tx.write {
		return tx.headPosition(id)
	}
	var n int
	err := tx.row([]any{&n}, `SELECT CASE WHEN r.waiting <> 2 THEN 0 ELSE 1 + (SELECT count(*) FROM
(SELECT 1 FROM requests q WHERE q.waiting = 2 AND q.team = r.team AND (q.sort_key, q.id) < (r.sort_key, r.id) ORDER BY q.sort_key, q.id LIMIT 100)) END
FROM requests r WHERE r.id = ?`, string(id))
	if err != nil {
		return 0, fmt.Errorf("position of request %s: %w", id, err)
	}
	return n, nil
}

// headPosition is QueuePosition for pages: the head of each queue is read once.
func (tx *Tx) headPosition(id elevation.RequestID) (int, error) {
	var team string
	var waiting int
	if err := tx.row([]any{&waiting, &team}, "SELECT waiting, team FROM requests WHERE id = ?", string(id)); err != nil {
		return 0, fmt.Errorf("position of request %s: %w", id, err)
	}
	if waiting != queued {
		return 0, nil
	}
	head, ok := tx.heads[team]
	if !ok {
		head = map[elevation.RequestID]int{}
		err := tx.rows(func(scan func(...any) error) error {
			var one elevation.RequestID
			err := scan(&one)
			head[one] = len(head) + 1
			return err
		}, "SELECT id FROM requests WHERE waiting = 2 AND team = ? ORDER BY sort_key, id LIMIT 100", team)
		if err != nil {
			return 0, fmt.Errorf("head of the queue: %w", err)
		}
		if tx.heads == nil {
			tx.heads = map[string]map[elevation.RequestID]int{}
		}
		tx.heads[team] = head
	}
	if n := head[id]; n > 0 {
		return n, nil
	}
	return 101, nil
}

// DueRequests are requests that time has changed, the longest due first.
func (tx *Tx) DueRequests(now time.Time, limit int) ([]elevation.Request, error) {
	return tx.requests("WHERE state IN ('"+strings.Join(passing(), "','")+"') AND next_due > 0 AND next_due <= ? ORDER BY next_due LIMIT ?",
		now.UnixMilli(), limit)
}

// NextDue is when time changes the next request, the zero time when none waits
// for that.
func (tx *Tx) NextDue() (time.Time, error) {
	var n int64
	var each []string
	for _, s := range passing() {
		each = append(each, "SELECT min(next_due) AS due FROM requests WHERE state = '"+s+"' AND next_due > 0")
	}
	err := tx.row([]any{&n}, "SELECT coalesce(min(due), 0) FROM ("+strings.Join(each, " UNION ALL ")+")")
	return at(n), err
}

// passing are the states that time can end; in all others next_due is 0.
func passing() []string {
	return []string{string(elevation.StateDraft), string(elevation.StatePending), string(elevation.StateHeld), string(elevation.StateApproved),
		string(elevation.StateAvailable), string(elevation.StateActive)}
}

// OpenCounts is how many requests are drafted or wait: of the user of the
// endpoint, and of the endpoint.
func (tx *Tx) OpenCounts(ep elevation.EndpointID, uid string) (ofUser, ofEndpoint int, err error) {
	err = tx.row([]any{&ofUser, &ofEndpoint},
		"SELECT coalesce(sum(uid = ?), 0), count(*) FROM requests WHERE endpoint = ? AND waiting > 0", uid, string(ep))
	return ofUser, ofEndpoint, err
}

// LastDenied is when a person last denied the same attempt, the zero time if
// nobody did.
func (tx *Tx) LastDenied(ep elevation.EndpointID, a elevation.Attempt) (time.Time, error) {
	var n int64
	err := tx.row([]any{&n}, "SELECT coalesce(max(denied_ms), 0) FROM requests WHERE same = ? AND denied_ms > 0", sameKey(ep, a))
	return at(n), err
}

// RecentWaits are how long the last requests of a team that a person answered
// had waited, at most limit, the newest first.
func (tx *Tx) RecentWaits(team elevation.TeamID, limit int) ([]time.Duration, error) {
	var out []time.Duration
	err := tx.rows(func(scan func(...any) error) error {
		var n int64
		if err := scan(&n); err != nil {
			return err
		}
		out = append(out, time.Duration(max(n, 0))*time.Millisecond)
		return nil
	}, "SELECT decided_ms - submitted_ms FROM requests WHERE team = ? AND decided_ms > 0 ORDER BY decided_ms DESC LIMIT ?", string(team), limit)
	return out, err
}

func (tx *Tx) requests(tail string, args ...any) ([]elevation.Request, error) {
	var out []elevation.Request
	err := tx.rows(func(scan func(...any) error) error {
		var body []byte
		var p placeRow
		if err := scan(append(p.into(), &body)...); err != nil {
			return err
		}
		r, err := decodeRequest(body)
		if err != nil {
			return err
		}
		tx.remember(r.ID, p.found())
		out = append(out, r)
		return nil
	}, "SELECT "+placeColumns+", body FROM requests "+tail, args...)
	return out, err
}

func (tx *Tx) placeOf(id elevation.RequestID) (place, error) {
	if p, ok := tx.seen[id]; ok {
		return p, nil
	}
	var p placeRow
	err := tx.row(p.into(), "SELECT "+placeColumns+" FROM requests WHERE id = ?", string(id))
	return p.found(), err
}

func (tx *Tx) remember(id elevation.RequestID, p place) {
	if !tx.write {
		return
	}
	if tx.seen == nil {
		tx.seen = map[elevation.RequestID]place{}
	}
	tx.seen[id] = p
}

// cell is what the request counts for.
func (row requestRow) cell() cell {
	r := row.r
	return cell{endpoint: r.Endpoint, uid: r.Attempt.User.UID, user: r.Attempt.User.Name, team: row.team, state: row.state,
		removed: removedBits(!r.RemovedAt.IsZero(), !r.RemovedByTeamAt.IsZero())}
}

// neverSeen reports whether nobody but the endpoint ever saw the request.
func neverSeen(r *elevation.Request) bool { return r.SubmittedAt.IsZero() && r.Decision == nil }

// program is the last part of a path.
func program(path string) string {
	return path[strings.LastIndexAny(path, `/\`)+1:]
}
