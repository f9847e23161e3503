package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// Times and limits of event streams.
const (
	keepAlive      = 15 * time.Second // a comment line
	recheck        = 5 * time.Second  // is the caller still who they were
	eventWrite     = 20 * time.Second // a reader that takes longer is cut off and resumes, see Config
	eventBatch     = 200
	writeAtOnce    = 64 << 10
	streamsPerUser = 16
	streamsAtOnce  = 1000
	catchUp        = 20_000 // events that are looked through for who does not read the whole log
)

func (s *server) addEvents() {
	s.stream(route{method: http.MethodGet, path: "/events", id: "events", tag: "audit",
		summary: "Follow what happens, as server-sent events", hint: hint{seat: true}}, "text/event-stream", s.events,
		&huma.Param{Name: "Last-Event-ID", In: "header", Schema: &huma.Schema{Type: "string"},
			Description: "Go on after this event; without it, from now. An unknown one answers event: reset."})
}

// follower is one open stream.
type follower struct {
	s     *server
	w     http.ResponseWriter
	r     *http.Request
	act   auth.Actor
	after uint64
	told  uint64           // the last event that the caller has the id of
	check <-chan time.Time // is the caller still who they were
}

func (s *server) events(w http.ResponseWriter, r *http.Request, act auth.Actor) error {
	if err := act.Can(auth.RequestsOwn); err != nil {
		if err := act.Can(auth.AuditRead); err != nil {
			return err
		}
	}
	if len(r.URL.Query()) > 0 {
		return fmt.Errorf("%w: this operation has no query parameters", elevation.ErrInvalid)
	}
	release, err := s.openStream(act.User)
	if err != nil {
		return err
	}
	defer release()
	f := &follower{s: s, w: w, r: r, act: act}
	head, err := s.lastSeq(r.Context())
	if err != nil {
		return err
	}
	after, reset := goOn(r.Header.Get("Last-Event-ID"), head, mayReadAudit(act) == nil)
	f.after, f.told = after, after
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	first := ": following\n\n"
	if reset {
		first = fmt.Sprintf("event: reset\nid: %d\ndata: {}\n\n", head)
	}
	if f.send([]byte(first)) == nil {
		f.run()
	}
	return nil
}

// goOn is after which event a stream begins, and whether the caller must read
// everything anew: it names an event that is not there, or one so long ago that
// looking through all since for what they may see costs more than that.
func goOn(last string, head uint64, whole bool) (after uint64, reset bool) {
	if last == "" {
		return head, false
	}
	n, err := strconv.ParseUint(last, 10, 62)
	if err != nil || n > head || !whole && head-n > catchUp {
		return head, true
	}
	return n, false
}

// openStream counts a stream of one account.
func (s *server) openStream(user elevation.UserID) (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.streams[user] >= streamsPerUser:
		return nil, fmt.Errorf("%w: %d event streams are open already", elevation.ErrLimit, streamsPerUser)
	case s.allStreams >= streamsAtOnce:
		return nil, fmt.Errorf("%w: %d event streams of everybody together are open already", elevation.ErrLimit, streamsAtOnce)
	}
	s.streams[user]++
	s.allStreams++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.allStreams--
		if s.streams[user]--; s.streams[user] == 0 {
			delete(s.streams, user)
		}
	}, nil
}

func (s *server) lastSeq(ctx context.Context) (uint64, error) {
	head, err := s.cfg.Store.AuditHead(ctx)
	return head.Size, err
}

// run sends what there is, then waits for more. It ends when the peer is gone or
// reads too slowly, the caller is signed out or disabled, or the controller
// stops.
func (f *follower) run() {
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	check := time.NewTicker(recheck)
	defer check.Stop()
	f.check = check.C
	for {
		list, behind, news, err := f.s.hub.after(f.r.Context(), f.after)
		switch {
		case err != nil:
			return
		case behind:
			err = f.catchUp()
		case len(list) > 0:
			err = f.pass(list)
		default:
			err = f.wait(news, alive.C)
		}
		if err != nil {
			return
		}
	}
}

// errOver ends a stream.
var errOver = errors.New("the stream is over")

// wait returns when there may be something to send.
func (f *follower) wait(news <-chan struct{}, alive <-chan time.Time) error {
	select {
	case <-news:
		return nil
	case <-alive:
		return f.send(f.stillHere())
	case <-f.check:
		return f.again()
	case <-f.s.stop:
		return errOver
	case <-f.r.Context().Done():
		return errOver
	}
}

// again recognises the caller anew.
func (f *follower) again() (err error) {
	f.act, err = f.s.door.recognise(f.r)
	return err
}

// stillHere is a comment. With much that the caller may not see since the last
// event, it also says from where to go on, so that going on stays cheap.
func (f *follower) stillHere() []byte {
	if f.after < f.told+catchUp/2 {
		return []byte(": still here\n\n")
	}
	f.told = f.after
	return fmt.Appendf(nil, ": still here\nid: %d\n\n", f.after)
}

// pass sends events that are kept for all.
func (f *follower) pass(list []*kept) error {
	var out []byte
	for _, k := range list {
		text, err := f.s.hub.text(f.r.Context(), k, f.act)
		if err != nil {
			return err
		}
		f.after = k.event.Seq
		if text != nil {
			out, f.told = append(out, text...), f.after
		}
		if len(out) > writeAtOnce {
			if err := f.send(out); err != nil {
				return err
			}
			out = out[:0]
		}
	}
	if len(out) == 0 {
		return nil
	}
	return f.send(out)
}

// catchUp sends the next events out of the log, for a stream that is behind what
// is kept for all.
func (f *follower) catchUp() error {
	select {
	case <-f.s.stop:
		return errOver
	default:
	}
	var events []audit.Event
	err := f.s.cfg.Store.View(f.r.Context(), func(tx *store.Tx) (err error) {
		events, err = tx.Events(f.after, eventBatch, store.EventFilter{})
		return err
	})
	if err != nil {
		return err
	}
	list := make([]*kept, len(events))
	for i, e := range events {
		list[i] = &kept{event: e, gone: true} // its text is for this stream alone
		if e.Request != "" {
			list[i].about = &glimpse{}
		}
	}
	return f.pass(list)
}

// send writes text. A reader that does not take it in time is cut off; they can go
// on after the last event that they got. One who is behind is looked at here as
// well: who reads slowly must not go on to read what they no longer may.
func (f *follower) send(text []byte) error {
	select {
	case <-f.check:
		if err := f.again(); err != nil {
			return err
		}
	default:
	}
	rc := http.NewResponseController(f.w)
	if err := rc.SetWriteDeadline(time.Now().Add(f.s.cfg.EventWrite)); err != nil {
		return err
	}
	if _, err := f.w.Write(text); err != nil {
		return err
	}
	return rc.Flush()
}
