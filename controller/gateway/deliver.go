package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gorilla/websocket"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/keys"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// errClosed ends a reader whose session can not be written to any more.
var errClosed = errors.New("the session is closed")

const (
	frameBatch  = 32
	ackBatch    = 256
	storeRetry  = time.Second
	rotateEvery = time.Hour
	pageOfFleet = 500
)

// say queues a live frame. The queue is bounded: an endpoint that does not read
// is disconnected and resumes later.
func (s *session) say(t wire.Type, message any) error {
	raw, err := wire.Encode(t, 0, message)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	if len(s.live) >= s.g.cfg.Limits.QueuedFrames {
		return errSlow
	}
	s.live = append(s.live, raw)
	s.startWriterLocked()
	return nil
}

// wake makes the writer look into the store, unless all that was committed is
// sent or at hand.
func (s *session) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known != 0 && s.tailLocked() >= s.known {
		return
	}
	s.dirty = true
	s.startWriterLocked()
}

// look makes the writer look into the store in any case.
func (s *session) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirty = true
	s.startWriterLocked()
}

// tailLocked is the last durable frame that is sent or at hand.
func (s *session) tailLocked() uint64 {
	if n := len(s.fresh); n > 0 {
		return s.fresh[n-1].Seq
	}
	return s.sent
}

// offer takes a frame that was committed just now. One that does not follow
// what is at hand, or is too much, is read from the store later.
func (s *session) offer(f store.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = max(s.known, f.Seq)
	if !s.welcomed || s.closed {
		return // the hello reads the store
	}
	tail := s.tailLocked()
	switch {
	case f.Seq <= tail: // replaced by another
		for i := range s.fresh {
			if s.fresh[i].Seq == f.Seq {
				s.fresh[i] = f
			}
		}
	case f.Seq == tail+1 && len(s.fresh) < frameBatch && !s.dirty:
		s.fresh = append(s.fresh, f)
	default:
		s.dirty = true
	}
	s.startWriterLocked()
}

func (s *session) startWriterLocked() {
	if s.writing || s.own || s.closed || s.ending || !s.welcomed {
		return
	}
	s.writing = true
	s.writer.Go(s.write) // the reader waits for it in finish
}

// write writes live frames and durable ones in order until there is nothing
// left. At most one write runs at a time.
func (s *session) write() {
	for {
		live, frames, look := s.nextWork()
		if len(live) == 0 && len(frames) == 0 && !look {
			return
		}
		for _, raw := range live {
			if err := s.put(raw); err != nil {
				return
			}
		}
		if look {
			frames = s.readFrames()
		}
		for _, f := range frames {
			raw, err := s.g.reveal(s.ep, f.Raw)
			if err == nil {
				err = s.put(raw)
			} else {
				s.fail(err)
			}
			if err != nil {
				return
			}
		}
	}
}

// secretEnd is how every frame of a key for offline codes ends: its type is the
// last field of its one encoding.
var secretEnd = append([]byte{0x61, 't', 0x60 + byte(len(wire.TSecret))}, wire.TSecret...)

// reveal opens what the store keeps wrapped, which is the key for offline codes. A
// key that does not open goes out empty: the endpoint takes no codes then.
func (g *Gateway) reveal(ep elevation.EndpointID, raw []byte) ([]byte, error) {
	if !bytes.HasSuffix(raw, secretEnd) {
		return raw, nil
	}
	f, err := wire.Decode(raw)
	if err != nil || f.Type != wire.TSecret {
		return raw, nil
	}
	var m wire.Secret
	if err := f.Into(&m); err != nil {
		return nil, err
	}
	if m.Key, err = g.cfg.Keys.Unwrap(keys.OfflinePurpose(ep), m.Key); err != nil {
		g.log.Error("the key of an endpoint for offline codes does not open", "endpoint", ep, "error", err)
		m.Key = nil
	}
	return wire.Encode(f.Type, f.Seq, m)
}

// nextWork takes what is to be written. look says that the store has more than
// is at hand. When there is nothing the writer is done.
func (s *session) nextWork() (live [][]byte, frames []store.Frame, look bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.writing = false
		return nil, nil, false
	}
	live, s.live = s.live, nil
	if !s.ending && s.sent-s.acked < uint64(s.g.cfg.Limits.Unacked) {
		switch {
		case s.dirty: // what is at hand is in the store too
			s.dirty, s.fresh, look = false, nil, true
		case len(s.fresh) > 0:
			frames, s.fresh = s.fresh, nil
			s.sent = frames[len(frames)-1].Seq // no acknowledgement can be faster
		}
	}
	if len(live) == 0 && len(frames) == 0 && !look {
		s.writing = false
	}
	return live, frames, look
}

// readFrames reads the next durable frames from the store.
func (s *session) readFrames() []store.Frame {
	s.mu.Lock()
	after := s.sent
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(s.g.ctx, s.g.cfg.Call)
	defer cancel()
	var frames []store.Frame
	err := s.g.cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
		frames, err = tx.Frames(s.ep, after, frameBatch)
		return err
	})
	if err != nil {
		s.g.log.Error("read frames of an endpoint", "endpoint", s.ep, "error", err)
		time.AfterFunc(storeRetry, s.look)
		return nil
	}
	for i, f := range frames {
		if f.Seq != after+uint64(i)+1 {
			err := fmt.Errorf("frame %d follows %d", f.Seq, after+uint64(i))
			s.g.log.Error("the sequence of an endpoint has a gap: it must connect anew", "endpoint", s.ep, "error", err)
			s.fail(err)
			return nil
		}
	}
	if len(frames) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = frames[len(frames)-1].Seq
	for len(s.fresh) > 0 && s.fresh[0].Seq <= s.sent {
		s.fresh = s.fresh[1:] // offered while the store was read
	}
	if len(frames) == frameBatch || len(s.fresh) > 0 && s.fresh[0].Seq != s.sent+1 {
		s.dirty = true
	}
	return frames
}

// put writes one frame; a reader that takes longer than the limit is
// disconnected.
func (s *session) put(raw []byte) error {
	err := s.conn.SetWriteDeadline(time.Now().Add(s.g.cfg.Write))
	if err == nil {
		err = s.conn.WriteMessage(websocket.BinaryMessage, raw)
	}
	if err != nil {
		s.fail(fmt.Errorf("write: %w", err))
	}
	return err
}

// fail ends the session from the writer.
func (s *session) fail(err error) {
	s.mu.Lock()
	s.writing = false
	s.mu.Unlock()
	s.end(err)
}

// follow remembers a request whose place in the queue is told anew.
func (s *session) follow(id elevation.RequestID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = map[elevation.RequestID]bool{}
	}
	if len(s.waiting) < s.g.cfg.Limits.Waiting {
		s.waiting[id] = true
	}
}

func (s *session) tellProgress(ctx context.Context, id elevation.RequestID) error {
	p, err := s.g.cfg.Queue.Progress(ctx, s.ep, id)
	if refusal(err) || err == nil && p.Request == "" {
		s.mu.Lock()
		delete(s.waiting, id)
		s.mu.Unlock()
		return nil
	}
	if err != nil {
		return err
	}
	return s.say(wire.TProgress, p)
}

// clockwork does what time brings for all sessions: acknowledgements into the
// store, places in the queue, rotation of the grant key.
func (g *Gateway) clockwork() {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	progress := time.NewTicker(g.cfg.Progress)
	defer progress.Stop()
	rotate := time.NewTicker(rotateEvery)
	defer rotate.Stop()
	g.rotateKeys()
	for {
		select {
		case <-g.ctx.Done():
			return
		case <-second.C:
			g.storeAcks(g.sessions())
		case <-progress.C:
			g.tellPlaces()
		case m := <-g.moved:
			g.tellMoved(m)
		case <-rotate.C:
			g.rotateKeys()
		}
	}
}

// storeAcks deletes frames that were acknowledged. Until then they only take up
// room: a hello says how far an endpoint is.
func (g *Gateway) storeAcks(all []*session) {
	type ack struct {
		s   *session
		seq uint64
	}
	var acks []ack
	for i, s := range all {
		s.mu.Lock()
		if s.acked > s.stored {
			acks = append(acks, ack{s, s.acked})
		}
		s.mu.Unlock()
		if len(acks) == 0 || len(acks) < ackBatch && i < len(all)-1 {
			continue
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(g.ctx), g.cfg.Call)
		err := g.cfg.Store.Update(ctx, func(tx *store.Tx) error {
			for _, a := range acks {
				if err := tx.Acked(a.s.ep, a.seq); err != nil {
					return err
				}
			}
			return nil
		})
		cancel()
		if err != nil {
			g.log.Warn("acknowledgements were not stored", "error", err)
			return
		}
		for _, a := range acks {
			a.s.mu.Lock()
			a.s.stored = a.seq
			a.s.mu.Unlock()
		}
		acks = acks[:0]
	}
}

func (s *session) storeAck() { s.g.storeAcks([]*session{s}) }

// tellPlaces renews the place of every waiting request of connected endpoints.
func (g *Gateway) tellPlaces() {
	for _, s := range g.sessions() {
		if g.ctx.Err() != nil {
			return
		}
		if err := s.tellPlaces(); err != nil {
			g.log.Warn("places in the queue were not told", "endpoint", s.ep, "error", err)
		}
	}
}

func (s *session) tellPlaces() error {
	ctx, cancel := context.WithTimeout(s.g.ctx, s.g.cfg.Call)
	defer cancel()
	if err := s.seed(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	var ids []elevation.RequestID
	if s.welcomed {
		for id := range s.waiting {
			ids = append(ids, id)
		}
	}
	s.mu.Unlock()
	for _, id := range ids {
		if err := s.tellProgress(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// seed finds what was waiting before the session began.
func (s *session) seed(ctx context.Context) error {
	s.mu.Lock()
	due := s.welcomed && !s.seeded
	s.mu.Unlock()
	if !due {
		return nil
	}
	var page store.Page
	err := s.g.cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
		page, err = tx.RequestPage(store.RequestFilter{Endpoint: string(s.ep), States: []elevation.State{elevation.StatePending},
			Limit: min(s.g.cfg.Limits.Waiting, 500)})
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range page.Items {
		s.follow(r.ID)
	}
	s.mu.Lock()
	s.seeded = true
	s.mu.Unlock()
	return nil
}

// rotateKeys sends every endpoint the new key set before anything that is
// signed with the new key: both are durable frames.
func (g *Gateway) rotateKeys() {
	rotated, err := g.cfg.Keys.Rotate()
	if err != nil {
		g.log.Error("rotate the grant key", "error", err)
		return
	}
	if until, wanted := g.cfg.Keys.RootWanted(); wanted {
		g.log.Warn("a new key set is due and the root key is not here; what is signed counts no more then", "until", until)
	}
	if !rotated {
		return
	}
	if err := g.sendKeySet(); err != nil {
		g.log.Error("send the new key set", "error", err)
	}
}

func (g *Gateway) sendKeySet() error {
	set := wire.Signed{Raw: g.cfg.Keys.KeySet()}
	now := g.now()
	for after := ""; ; {
		var page []store.Endpoint
		err := g.cfg.Store.Update(g.ctx, func(tx *store.Tx) (err error) {
			if page, err = tx.Endpoints(store.EndpointFilter{After: after, Limit: pageOfFleet}); err != nil {
				return err
			}
			for _, e := range page {
				if _, err := tx.Enqueue(e.ID, wire.TKeySet, set); err != nil {
					return err
				}
			}
			return tx.Append(audit.Event{At: now, Kind: audit.KeysChanged, Actor: elevation.Actor{Kind: elevation.BySystem},
				Data: map[string]string{"what": "grant key rotated", "epoch": fmt.Sprint(g.cfg.Keys.Epoch())}})
		})
		if err != nil {
			return err
		}
		for _, e := range page {
			g.Wake(e.ID)
		}
		if len(page) < pageOfFleet {
			return nil
		}
		after = string(page[len(page)-1].ID)
	}
}
