package store

import (
	"fmt"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// GrantRow is a signed grant as it was given out.
type GrantRow struct {
	ID       elevation.GrantID
	Request  elevation.RequestID
	Endpoint elevation.EndpointID
	FrameSeq uint64 // of the frame that carries it
	Raw      []byte // as signed
}

// InsertGrant keeps a signed grant verbatim, with its request, which must exist.
func (tx *Tx) InsertGrant(g GrantRow) error {
	tx.audited("grant " + string(g.ID))
	n, err := tx.exec("UPDATE requests SET grant_frame = ?, grant_raw = ? WHERE id = ? AND endpoint = ? AND grant_raw IS NULL",
		int64(g.FrameSeq), g.Raw, string(g.Request), string(g.Endpoint))
	if err == nil && n == 0 {
		err = ErrExists
	}
	if err != nil {
		return fmt.Errorf("insert grant %s: %w", g.ID, err)
	}
	return nil
}

// GrantOf reads the signed grant of a request; [elevation.ErrNotFound] when it
// has none.
func (tx *Tx) GrantOf(id elevation.RequestID) (GrantRow, error) {
	var seq int64
	g := GrantRow{Request: id}
	var body []byte
	err := tx.row([]any{&g.Endpoint, &seq, &g.Raw, &body},
		"SELECT endpoint, grant_frame, grant_raw, body FROM requests WHERE id = ? AND grant_raw IS NOT NULL", string(id))
	if err != nil {
		return GrantRow{}, fmt.Errorf("grant of %s: %w", id, err)
	}
	r, err := decodeRequest(body)
	if err != nil {
		return GrantRow{}, err
	}
	g.FrameSeq, g.ID = uint64(seq), r.Grant.ID
	return g, nil
}

// Frame is one durable message for an endpoint.
type Frame struct {
	Seq uint64
	Raw []byte // the encoded wire frame
}

// maxSeq is the last number that a frame can have.
const maxSeq = 1<<32 - 1

// frameQuery is the position of the first number of an endpoint.
const frameQuery = "(SELECT num << 32 FROM endpoint_seqs WHERE endpoint = ?)"

// Enqueue gives a durable message the next number of the endpoint, without gaps,
// and keeps it until it is acknowledged. The endpoint must exist.
func (tx *Tx) Enqueue(ep elevation.EndpointID, t wire.Type, message any) (uint64, error) {
	if !t.Durable() {
		return 0, fmt.Errorf("enqueue %s: %w: it is not a durable message", t, elevation.ErrInvalid)
	}
	if err := tx.writable(); err != nil {
		return 0, err
	}
	var num, seq int64
	// Two statements are three times as fast as one with RETURNING.
	if err := tx.row([]any{&num, &seq}, "SELECT num, next_seq FROM endpoint_seqs WHERE endpoint = ?", string(ep)); err != nil {
		return 0, fmt.Errorf("enqueue %s for %s: %w", t, ep, err)
	}
	if seq > maxSeq {
		return 0, fmt.Errorf("enqueue %s for %s: %w: no more numbers", t, ep, elevation.ErrLimit)
	}
	if _, err := tx.exec("UPDATE endpoint_seqs SET next_seq = ? WHERE num = ?", seq+1, num); err != nil {
		return 0, fmt.Errorf("enqueue %s for %s: %w", t, ep, err)
	}
	raw, err := wire.Encode(t, uint64(seq), message)
	if err != nil {
		return 0, err
	}
	if _, err := tx.exec("INSERT INTO frames(pos, raw) VALUES (?,?)", num<<32+seq, raw); err != nil {
		return 0, fmt.Errorf("enqueue %s for %s: %w", t, ep, err)
	}
	tx.frames = append(tx.frames, newFrame{ep, Frame{Seq: uint64(seq), Raw: raw}})
	return uint64(seq), nil
}

// newFrame is a frame that this call made or changed.
type newFrame struct {
	endpoint elevation.EndpointID
	frame    Frame
}

// Follow names the one function that is told each frame right after the commit
// that made or replaced it, in the order of the numbers of each endpoint. It
// saves reading the frame back; it must not block, and keeps f.Raw unchanged.
func (s *Store) Follow(tell func(ep elevation.EndpointID, f Frame)) { s.follow.Store(&tell) }

// tellFrames tells the follower what a call has committed.
func (s *Store) tellFrames(frames []newFrame) {
	tell := s.follow.Load()
	if tell == nil {
		return
	}
	for _, f := range frames {
		(*tell)(f.endpoint, f.frame)
	}
}

// ReplaceFrame puts another message in the place of one that was not
// acknowledged yet, and reports whether it was there.
func (tx *Tx) ReplaceFrame(ep elevation.EndpointID, seq uint64, t wire.Type, message any) (bool, error) {
	if !t.Durable() {
		return false, fmt.Errorf("replace by %s: %w: it is not a durable message", t, elevation.ErrInvalid)
	}
	raw, err := wire.Encode(t, seq, message)
	if err != nil {
		return false, err
	}
	n, err := tx.exec("UPDATE frames SET raw = ? WHERE pos = "+frameQuery+" + ?", raw, string(ep), int64(min(seq, maxSeq)))
	if n == 1 {
		tx.frames = append(tx.frames, newFrame{ep, Frame{Seq: seq, Raw: raw}})
	}
	return n == 1, err
}

// Frames are the messages after a number, in order, at most limit.
func (tx *Tx) Frames(ep elevation.EndpointID, after uint64, limit int) ([]Frame, error) {
	var out []Frame
	err := tx.rows(func(scan func(...any) error) error {
		var f Frame
		var seq int64
		if err := scan(&seq, &f.Raw); err != nil {
			return err
		}
		f.Seq = uint64(seq)
		out = append(out, f)
		return nil
	}, "SELECT pos & 4294967295, raw FROM frames WHERE pos > "+frameQuery+" + ? AND pos <= "+frameQuery+" + 4294967295 ORDER BY pos LIMIT ?",
		string(ep), int64(min(after, maxSeq)), string(ep), limit)
	return out, err
}

// Acked deletes messages up to a number that the endpoint has stored and
// applied. A number that was never given is refused, an older one changes
// nothing. It is bookkeeping and needs no audit event.
func (tx *Tx) Acked(ep elevation.EndpointID, seq uint64) error {
	n, err := tx.exec("UPDATE endpoint_seqs SET acked = max(acked, ?1) WHERE endpoint = ?2 AND next_seq > ?1", int64(seq), string(ep))
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: frame %d was never sent", elevation.ErrInvalid, seq)
	}
	if err == nil {
		_, err = tx.exec("DELETE FROM frames WHERE pos > "+frameQuery+" AND pos <= "+frameQuery+" + ?", string(ep), string(ep), int64(seq))
	}
	if err != nil {
		return fmt.Errorf("acknowledge frames of %s: %w", ep, err)
	}
	return nil
}

// Reported notes that a report of an endpoint was taken and says whether it is
// new: numbers only grow. It is bookkeeping and needs no audit event.
func (tx *Tx) Reported(ep elevation.EndpointID, seq uint64) (fresh bool, err error) {
	n, err := tx.exec("UPDATE endpoint_seqs SET report_seq = ?1 WHERE endpoint = ?2 AND report_seq < ?1", int64(seq), string(ep))
	return n == 1, err
}
