package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// The limits of what is kept for all streams together.
const (
	hubEvents = 1024     // newest events
	hubBytes  = 16 << 20 // of their texts
	hubRead   = 500      // events of one look at the log
)

// hub follows the log once for all streams: whoever comes first after news reads
// them for everybody. It keeps the newest events and their texts, one for those
// who may see the same. A stream that is behind what is kept reads the log by
// itself until it is not; nothing waits for a slow one.
type hub struct {
	s     *server
	bytes atomic.Int64 // of all texts

	mu       sync.Mutex      // guards the fields below
	read     <-chan struct{} // the news that were read last
	kept     []*kept         // without a gap, oldest first
	head     uint64          // the last event that was read
	requests map[elevation.RequestID]*glimpse
}

// kept is one of the newest events.
type kept struct {
	event audit.Event
	about *glimpse // nil = about no request

	mu    sync.Mutex // guards the fields below
	texts map[sight]rendered
	size  int64 // of the texts
	gone  bool  // not kept any more
}

// sight tells apart who gets different texts of the same event.
type sight struct {
	request bool
	eyes    queue.Eyes
}

type rendered struct {
	asOf uint64
	text []byte
}

// glimpse is a request as it now is, for all events about it.
type glimpse struct {
	newest atomic.Uint64 // event about it

	mu   sync.Mutex // guards the fields below
	asOf uint64     // the newest event when it was read, 0 = never
	at   *queue.Glance
	err  error
}

func newHub(s *server) *hub { return &hub{s: s, requests: map[elevation.RequestID]*glimpse{}} }

// after gives the next events after one, or says that they are not kept any
// more. Without any, news is closed when there are.
func (h *hub) after(ctx context.Context, seq uint64) (list []*kept, behind bool, news <-chan struct{}, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	news = h.s.cfg.Sequencer.Placed()
	if news != h.read {
		if err := h.advanceLocked(ctx, news); err != nil {
			return nil, false, nil, err
		}
	}
	first := h.head - uint64(len(h.kept))
	switch {
	case seq >= h.head:
		return nil, false, news, nil
	case seq < first:
		return nil, true, news, nil
	}
	list = h.kept[seq-first:]
	return append([]*kept(nil), list[:min(len(list), eventBatch)]...), false, news, nil
}

// advanceLocked reads what is new, with one query as long as that is little. After
// a time without any stream it begins anew.
func (h *hub) advanceLocked(ctx context.Context, news <-chan struct{}) error {
	if h.head == 0 {
		if _, err := h.skipLocked(ctx); err != nil {
			return err
		}
	}
	for {
		var events []audit.Event
		err := h.s.cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
			events, err = tx.Events(h.head, hubRead, store.EventFilter{})
			return err
		})
		if err != nil {
			return err
		}
		if len(events) == hubRead {
			skipped, err := h.skipLocked(ctx)
			if err != nil {
				return err
			}
			if skipped {
				continue
			}
		}
		for _, e := range events {
			h.keepLocked(e)
		}
		if len(events) < hubRead {
			h.read = news
			return nil
		}
	}
}

// skipLocked goes to the end of the log where more is new than is kept.
func (h *hub) skipLocked(ctx context.Context) (bool, error) {
	size, err := h.s.lastSeq(ctx)
	if err != nil || h.head > 0 && size <= h.head+hubEvents {
		return false, err
	}
	h.dropLocked(len(h.kept))
	h.head = size
	return true, nil
}

func (h *hub) keepLocked(e audit.Event) {
	k := &kept{event: e, texts: map[sight]rendered{}}
	if e.Request != "" {
		if k.about = h.requests[e.Request]; k.about == nil {
			k.about = &glimpse{}
			h.requests[e.Request] = k.about
		}
		k.about.newest.Store(e.Seq)
	}
	h.kept, h.head = append(h.kept, k), e.Seq
	if len(h.kept) > hubEvents {
		h.dropLocked(len(h.kept) - hubEvents)
	}
	for len(h.kept) > 1 && h.bytes.Load() > hubBytes {
		h.dropLocked(1)
	}
}

// dropLocked forgets the n oldest events.
func (h *hub) dropLocked(n int) {
	for _, k := range h.kept[:n] {
		if k.about != nil && k.about.newest.Load() == k.event.Seq {
			delete(h.requests, k.event.Request)
		}
		k.mu.Lock()
		k.gone = true
		h.bytes.Add(-k.size)
		k.texts, k.size = nil, 0
		k.mu.Unlock()
	}
	h.kept = append([]*kept(nil), h.kept[n:]...)
}

// now is the request as it now is.
func (g *glimpse) now(ctx context.Context, q *queue.Queue, id elevation.RequestID) (*queue.Glance, uint64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	newest := g.newest.Load()
	if g.asOf < newest || g.asOf == 0 {
		at, err := q.Glance(ctx, id)
		if err != nil && !errors.Is(err, elevation.ErrNotFound) {
			return nil, 0, err
		}
		g.at, g.err, g.asOf = at, err, newest
	}
	return g.at, g.asOf, g.err
}

// text is an event as one caller gets it, nil when it is not for them: those who
// read the audit log get every one, others the events of requests that they may
// see, and those who read rules what changes them.
func (h *hub) text(ctx context.Context, k *kept, act auth.Actor) ([]byte, error) {
	e := k.event
	whole := mayReadAudit(act) == nil || ofRules(e) && act.Can(auth.RulesRead) == nil
	if !whole && !ofRequest(e) {
		return nil, nil
	}
	var sees sight
	var v queue.View
	asOf := e.Seq
	if k.about != nil {
		at, newest, err := k.about.now(ctx, h.s.cfg.Queue, e.Request)
		if err == nil {
			asOf = newest
			v, sees.eyes, err = at.For(act)
		}
		switch {
		case err == nil && e.Kind == audit.RequestNoted && !v.Notes && !whole:
			return nil, nil
		case err == nil:
			sees.request = true
		case !errors.Is(err, elevation.ErrNotFound) && !errors.Is(err, elevation.ErrNotAllowed):
			return nil, err
		}
	}
	if !whole && !sees.request {
		return nil, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if was, ok := k.texts[sees]; ok && was.asOf >= asOf {
		return was.text, nil
	}
	var of *queue.View
	if sees.request {
		of = &v
	}
	text, err := h.s.eventText(ctx, e, act, of)
	if err == nil && !k.gone {
		more := int64(len(text) - len(k.texts[sees].text))
		k.texts[sees] = rendered{asOf: asOf, text: text}
		k.size += more
		h.bytes.Add(more)
	}
	return text, err
}

// ofRequest reports whether an event is about what happens to a request, which
// those see who may see the request.
func ofRequest(e audit.Event) bool {
	kind := e.Kind.String()
	return e.Request != "" && (strings.HasPrefix(kind, "request.") || strings.HasPrefix(kind, "grant."))
}

// ofRules reports whether an event is about the rules, which everybody reads who
// may read rules: it names those that changed.
func ofRules(e audit.Event) bool { return e.Kind == audit.RuleChanged || e.Kind == audit.PackChanged }

// eventText writes an event, with the request as the caller sees it.
func (s *server) eventText(ctx context.Context, e audit.Event, act auth.Actor, of *queue.View) ([]byte, error) {
	live := client.LiveEvent{AuditEvent: auditEvent(e)}
	if of != nil {
		req := s.requestOf(*of, s.names(ctx))
		live.Request = &req
		if by := queue.Veil(act, e.Actor); of.Veiled && by != e.Actor {
			live.Actor = client.AuditActor{Kind: string(by.Kind), Name: by.Name}
		}
	}
	raw, err := json.Marshal(live)
	if err != nil {
		return nil, fmt.Errorf("write event %d: %w", e.Seq, err)
	}
	return fmt.Appendf(nil, "event: %s\nid: %d\ndata: %s\n\n", live.Kind, live.Seq, raw), nil
}
