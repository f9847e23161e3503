package store

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/shared/elevation"
)

// Store keeps the audit log for the Sequencer. Events are only ever added, by
// one writer, so their row numbers are the order of the commits without a gap:
// the place of an event in the log is its row number, and all that the Sequencer
// has to write of an event is how far it has come.
var _ audit.Store = (*Store)(nil)

// Append adds an event to the log in this transaction. An event that can not be
// sealed is an error, which the caller returns.
func (tx *Tx) Append(e audit.Event) error {
	row, err := audit.Seal(e)
	if err != nil {
		return err
	}
	return tx.AppendSealed(row)
}

// AppendSealed is Append of an event that was sealed before.
func (tx *Tx) AppendSealed(row audit.Row) error {
	if err := tx.writable(); err != nil {
		return err
	}
	tx.events = append(tx.events, row)
	return nil
}

// eventRows wait for the end of the shared transaction, to be written with few
// statements.
type eventRows []audit.Row

const (
	eventColumns = "id, at, kind, request, grant_id, endpoint, leaf, text"
	eventArgs    = 8
)

// insert writes the rows with few statements.
func (rows eventRows) insert(c *conn) error {
	values := make([]any, 0, eventArgs*len(rows))
	for _, r := range rows {
		values = append(values, r.ID, r.At.UnixMilli(), int(r.Kind), r.Request, r.Grant, r.Endpoint, r.Leaf, r.Text)
	}
	if err := insertMany(c, "events("+eventColumns+")", eventArgs, values); err != nil {
		return fmt.Errorf("append audit events: %w", err)
	}
	return nil
}

// EventFilter narrows [Tx.Events]. Zero fields do not narrow.
type EventFilter struct {
	Kinds    []audit.Kind
	Request  elevation.RequestID
	Endpoint elevation.EndpointID
}

// Events returns events that have their place in the log, with Seq > after in
// ascending order, at most limit.
func (tx *Tx) Events(after uint64, limit int, f EventFilter) ([]audit.Event, error) {
	q := f.where()
	q.and("pos > ? AND pos <= "+headQuery, int64(after))
	return tx.openEvents("WHERE "+q.sql()+" ORDER BY pos LIMIT ?", append(q.args, limit)...)
}

func (f EventFilter) where() where {
	q := where{}
	if len(f.Kinds) > 0 {
		args := make([]any, len(f.Kinds))
		for i, k := range f.Kinds {
			args[i] = int(k)
		}
		q.and("kind IN ("+marks(len(args))+")", args...)
	}
	if f.Request != "" {
		q.and("pos IN (SELECT r.pos FROM event_requests r WHERE r.request = ?)", string(f.Request))
	}
	if f.Endpoint != "" {
		q.and("endpoint = ?", string(f.Endpoint))
	}
	return q
}

// EventsOf returns all events of one request in the order of their commits,
// also those that have no place in the log yet.
func (tx *Tx) EventsOf(id elevation.RequestID) ([]audit.Event, error) {
	placed, err := tx.openEvents("WHERE pos IN (SELECT r.pos FROM event_requests r WHERE r.request = ?) ORDER BY pos", string(id))
	if err != nil {
		return nil, err
	}
	fresh, err := tx.openEvents("WHERE pos > "+headQuery+" AND request = ? ORDER BY pos", string(id))
	return append(placed, fresh...), err
}

// headQuery is how far the Sequencer has come.
const headQuery = "(SELECT size FROM audit_head WHERE id = 1)"

func (tx *Tx) openEvents(tail string, args ...any) ([]audit.Event, error) {
	rows, err := tx.auditRows(tail, args...)
	if err != nil {
		return nil, err
	}
	out := make([]audit.Event, 0, len(rows))
	for _, r := range rows {
		e, err := r.Open()
		if err != nil {
			return nil, fmt.Errorf("read audit event %s: %w", r.ID, err)
		}
		out = append(out, e)
	}
	return out, nil
}

func (tx *Tx) auditRows(tail string, args ...any) ([]audit.Row, error) {
	var out []audit.Row
	err := tx.rows(func(scan func(...any) error) error {
		var r audit.Row
		var seq, when int64
		var kind int
		if err := scan(&seq, &r.ID, &when, &kind, &r.Request, &r.Grant, &r.Endpoint, &r.Leaf, &r.Text); err != nil {
			return err
		}
		r.Seq, r.At, r.Kind = uint64(seq), at(when), audit.Kind(kind)
		out = append(out, r)
		return nil
	}, "SELECT CASE WHEN pos <= "+headQuery+" THEN pos ELSE 0 END, "+eventColumns+" FROM events "+tail, args...)
	return out, err
}

// AuditHead implements [audit.Store].
func (s *Store) AuditHead(ctx context.Context) (h audit.Head, err error) {
	err = s.View(ctx, func(tx *Tx) error {
		h = audit.Head{}
		if err := tx.row([]any{&h.Size}, "SELECT "+headQuery); err != nil {
			return err
		}
		list, err := tx.checkpoints("ORDER BY size DESC LIMIT 1")
		if len(list) > 0 {
			h.Checkpoint = list[0]
		}
		return err
	})
	return h, err
}

// AuditWaiting implements [audit.Store].
func (s *Store) AuditWaiting(ctx context.Context, limit int) (rows []audit.Row, err error) {
	err = s.View(ctx, func(tx *Tx) error {
		rows, err = tx.auditRows("WHERE pos > "+headQuery+" ORDER BY pos LIMIT ?", limit)
		return err
	})
	return rows, err
}

// AuditPlace implements [audit.Store]. Giving an event its place is bookkeeping
// of the log itself and needs no event.
func (s *Store) AuditPlace(ctx context.Context, b audit.Batch) error {
	return s.Update(ctx, func(tx *Tx) error {
		var size uint64
		if err := tx.row([]any{&size}, "SELECT "+headQuery); err != nil {
			return err
		}
		if len(b.IDs) > 0 && size != b.First-1 {
			return fmt.Errorf("place audit events: %w: the log has %d, not %d", ErrStale, size, b.First-1)
		}
		if err := tx.checkPlaces(b); err != nil {
			return err
		}
		if _, err := tx.exec(`INSERT INTO event_requests(request, pos) SELECT request, pos FROM events
WHERE pos >= ? AND pos < ? AND request <> ''`, int64(b.First), int64(b.First)+int64(len(b.IDs))); err != nil {
			return fmt.Errorf("place audit events: %w", err)
		}
		if _, err := tx.exec("UPDATE audit_head SET size = size + ? WHERE id = 1", len(b.IDs)); err != nil {
			return fmt.Errorf("place audit events: %w", err)
		}
		for _, h := range b.Hashes {
			if _, err := tx.exec("INSERT INTO audit_hashes(idx, hash) VALUES (?,?)", h.Index, h.Hash[:]); err != nil {
				return fmt.Errorf("store tree hash: %w", err)
			}
		}
		if c := b.Checkpoint; c != nil {
			_, err := tx.exec("INSERT INTO audit_checkpoints(size, at, note) VALUES (?,?,?) ON CONFLICT(size) DO UPDATE SET at = excluded.at, note = excluded.note",
				int64(c.Size), ms(c.At), c.Note)
			return err
		}
		return nil
	})
}

// checkPlaces refuses a batch that is not made of the very next events.
func (tx *Tx) checkPlaces(b audit.Batch) error {
	if len(b.IDs) == 0 {
		return nil
	}
	i := 0
	err := tx.rows(func(scan func(...any) error) error {
		var pos uint64
		var id elevation.EventID
		if err := scan(&pos, &id); err != nil {
			return err
		}
		if pos != b.First+uint64(i) || id != b.IDs[i] {
			return fmt.Errorf("place audit event %s: %w: place %d has %s", b.IDs[i], ErrStale, pos, id)
		}
		i++
		return nil
	}, "SELECT pos, id FROM events WHERE pos >= ? ORDER BY pos LIMIT ?", int64(b.First), len(b.IDs))
	if err == nil && i != len(b.IDs) {
		err = fmt.Errorf("place audit events: %w: %d of %d are there", ErrStale, i, len(b.IDs))
	}
	return err
}

// AuditHashes implements [audit.Store].
func (s *Store) AuditHashes(ctx context.Context, index []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(index))
	err := s.View(ctx, func(tx *Tx) error {
		for i, x := range index {
			var raw []byte
			if err := tx.row([]any{&raw}, "SELECT hash FROM audit_hashes WHERE idx = ?", x); err != nil {
				return fmt.Errorf("tree hash %d: %w", x, err)
			}
			if len(raw) != tlog.HashSize {
				return fmt.Errorf("tree hash %d has %d bytes", x, len(raw))
			}
			copy(out[i][:], raw)
		}
		return nil
	})
	return out, err
}

// AuditRows implements [audit.Store].
func (s *Store) AuditRows(ctx context.Context, after uint64, limit int) (rows []audit.Row, err error) {
	err = s.View(ctx, func(tx *Tx) error {
		rows, err = tx.auditRows("WHERE pos > ? AND pos <= "+headQuery+" ORDER BY pos LIMIT ?", int64(after), limit)
		return err
	})
	return rows, err
}

// AuditCheckpoints implements [audit.Store].
func (s *Store) AuditCheckpoints(ctx context.Context, after uint64, limit int) (list []audit.Checkpoint, err error) {
	err = s.View(ctx, func(tx *Tx) error {
		list, err = tx.checkpoints("WHERE size > ? ORDER BY size LIMIT ?", int64(after), limit)
		return err
	})
	return list, err
}

func (tx *Tx) checkpoints(tail string, args ...any) (out []audit.Checkpoint, err error) {
	err = tx.rows(func(scan func(...any) error) error {
		var c audit.Checkpoint
		var when int64
		if err := scan(&c.Size, &when, &c.Note); err != nil {
			return err
		}
		c.At = at(when)
		out = append(out, c)
		return nil
	}, "SELECT size, at, note FROM audit_checkpoints "+tail, args...)
	return out, err
}
