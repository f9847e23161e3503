package store

import (
	"errors"
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

// lastFrame is the number of the last frame of s.endpoint that is kept, 0 when
// there is none.
const lastFrame = "coalesce((SELECT pos & 4294967295 FROM frames WHERE pos > s.num << 32 AND pos <= (s.num << 32) + 4294967295 ORDER BY pos DESC LIMIT 1), 0)"

// nextFrame is the number of the next frame of s.endpoint. Nothing is written to
// count them: the last number is that of the last frame or, when all are
// acknowledged and gone, of the last acknowledged one.
const nextFrame = "max(s.next_seq, s.acked + 1, " + lastFrame + " + 1)"

// The columns of a frame.
const (
	insertFrame = "frames(pos, raw)"
	frameArgs   = 2
)

// frameNumbers has where the frames of endpoints are, for whoever writes.
type frameNumbers map[elevation.EndpointID]numbering

// numbering is the number of an endpoint and of its next frame.
type numbering struct{ endpoint, next int64 }

// numbered is what was known of an endpoint before a call gave a number or asked
// for it; the zero numbering is nothing.
type numbered struct {
	endpoint elevation.EndpointID
	before   numbering
}

// of is where the endpoint stands; [elevation.ErrNotFound] when there is none.
func (n *frameNumbers) of(tx *Tx, ep elevation.EndpointID) (numbering, error) {
	if at, ok := (*n)[ep]; ok {
		return at, nil
	}
	var at numbering
	if err := tx.row([]any{&at.endpoint, &at.next}, "SELECT s.num, "+nextFrame+" FROM endpoint_seqs s WHERE s.endpoint = ?", string(ep)); err != nil {
		return at, err
	}
	if *n == nil || len(*n) >= maxCached {
		*n = frameNumbers{}
	}
	(*n)[ep] = at
	tx.numbered = append(tx.numbered, numbered{endpoint: ep}) // the endpoint may be of this very call
	return at, nil
}

// undo takes the numbers back that a call gave.
func (n frameNumbers) undo(tx *Tx) {
	for i := len(tx.numbered) - 1; i >= 0; i-- {
		if was := tx.numbered[i]; was.before == (numbering{}) {
			delete(n, was.endpoint)
		} else {
			n[was.endpoint] = was.before
		}
	}
}

// forget makes the numbers be read again that a call gave, if it ran.
func (n frameNumbers) forget(tx *Tx) {
	if tx == nil {
		return
	}
	for _, one := range tx.numbered {
		delete(n, one.endpoint)
	}
}

// Enqueue gives a durable message the next number of the endpoint, without gaps,
// and keeps it until it is acknowledged. The endpoint must exist.
func (tx *Tx) Enqueue(ep elevation.EndpointID, t wire.Type, message any) (uint64, error) {
	body, err := wire.EncodeBody(t, message)
	if err != nil {
		return 0, err
	}
	return tx.EnqueueBody(ep, t, body)
}

// EnqueueBody is Enqueue of a message that was encoded before.
func (tx *Tx) EnqueueBody(ep elevation.EndpointID, t wire.Type, body []byte) (uint64, error) {
	if !t.Durable() {
		return 0, fmt.Errorf("enqueue %s: %w: it is not a durable message", t, elevation.ErrInvalid)
	}
	if err := tx.writable(); err != nil {
		return 0, err
	}
	at, err := tx.s.numbers.of(tx, ep)
	if err == nil && at.next > maxSeq {
		err = fmt.Errorf("%w: no more numbers", elevation.ErrLimit)
	}
	if err != nil {
		return 0, fmt.Errorf("enqueue %s for %s: %w", t, ep, err)
	}
	raw, err := wire.Wrap(t, uint64(at.next), body)
	if err != nil {
		return 0, err
	}
	if err := tx.hold(insertFrame, []any{at.endpoint<<32 + at.next, raw}, &tx.late.frames); err != nil {
		return 0, fmt.Errorf("enqueue %s for %s: %w", t, ep, err)
	}
	tx.numbered = append(tx.numbered, numbered{ep, at})
	tx.s.numbers[ep] = numbering{at.endpoint, at.next + 1}
	tx.frames = append(tx.frames, newFrame{ep, Frame{Seq: uint64(at.next), Raw: raw}})
	return uint64(at.next), nil
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
	at, err := tx.s.numbers.of(tx, ep)
	if errors.Is(err, elevation.ErrNotFound) || err == nil && int64(min(seq, maxSeq+1)) >= at.next {
		err = fmt.Errorf("%w: frame %d was never sent", elevation.ErrInvalid, seq)
	}
	if err == nil {
		_, err = tx.exec("UPDATE endpoint_seqs SET acked = max(acked, ?) WHERE num = ?", int64(seq), at.endpoint)
	}
	if err == nil {
		_, err = tx.exec("DELETE FROM frames WHERE pos > ? AND pos <= ?", at.endpoint<<32, at.endpoint<<32+int64(seq))
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
