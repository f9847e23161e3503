package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// Times and limits of event streams.
const (
	keepAlive      = 15 * time.Second // a comment line
	recheck        = 5 * time.Second  // is the caller still who they were
	eventWrite     = 20 * time.Second // a reader that takes longer is cut off and resumes
	eventBatch     = 200
	streamsPerUser = 16
	catchUp        = 20_000 // events that are looked through for who does not read the whole log
)

func (s *server) addEvents() {
	s.stream(route{method: http.MethodGet, path: "/events", id: "events", tag: "audit",
		summary: "Follow what happens, as server-sent events"}, "text/event-stream", s.events,
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
	f.after = after
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	first := ": following\n\n"
	if reset {
		first = fmt.Sprintf("event: reset\nid: %d\ndata: {}\n\n", head)
	}
	if f.send(first) == nil {
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
	if s.streams[user] >= streamsPerUser {
		return nil, fmt.Errorf("%w: %d event streams are open already", elevation.ErrLimit, streamsPerUser)
	}
	s.streams[user]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.streams[user]--; s.streams[user] == 0 {
			delete(s.streams, user)
		}
	}, nil
}

func (s *server) lastSeq(ctx context.Context) (uint64, error) {
	head, err := s.cfg.Store.AuditHead(ctx)
	return head.Size, err
}

// run sends what there is, then waits for more. It ends when the peer is gone,
// the caller is signed out or disabled, or the controller stops.
func (f *follower) run() {
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	check := time.NewTicker(recheck)
	defer check.Stop()
	for {
		news := f.s.cfg.Sequencer.Placed()
		more, err := f.batch()
		if err != nil {
			return
		}
		if more {
			continue
		}
		select {
		case <-news:
		case <-alive.C:
			err = f.send(": still here\n\n")
		case <-check.C:
			f.act, err = f.s.door.recognise(f.r)
		case <-f.s.stop:
			return
		case <-f.r.Context().Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// batch sends the next events; more says that there may be others.
func (f *follower) batch() (more bool, err error) {
	var events []audit.Event
	err = f.s.cfg.Store.View(f.r.Context(), func(tx *store.Tx) error {
		events, err = tx.Events(f.after, eventBatch, store.EventFilter{})
		return err
	})
	if err != nil {
		return false, err
	}
	for _, e := range events {
		live, ok, err := f.live(e)
		if err != nil {
			return false, err
		}
		f.after = e.Seq
		if !ok {
			continue
		}
		raw, err := json.Marshal(live)
		if err != nil {
			return false, err
		}
		if err := f.send(fmt.Sprintf("event: %s\nid: %d\ndata: %s\n\n", live.Kind, live.Seq, raw)); err != nil {
			return false, err
		}
	}
	return len(events) == eventBatch, nil
}

// live is what this caller may see of an event: those who read the audit log
// see every one, others the events of requests that they may see.
func (f *follower) live(e audit.Event) (client.LiveEvent, bool, error) {
	l := client.LiveEvent{AuditEvent: auditEvent(e)}
	whole := mayReadAudit(f.act) == nil
	kind := e.Kind.String()
	ofRequest := strings.HasPrefix(kind, "request.") || strings.HasPrefix(kind, "grant.")
	if !whole && !ofRequest {
		return l, false, nil
	}
	if e.Request != "" {
		v, err := f.s.cfg.Queue.Get(f.r.Context(), f.act, e.Request)
		switch {
		case err == nil && e.Kind == audit.RequestNoted && !v.Notes && !whole:
			return l, false, nil
		case err == nil:
			req := f.s.requestOf(v, f.s.names(f.r.Context()))
			l.Request = &req
			if by := queue.Veil(f.act, e.Actor); v.Veiled && by != e.Actor {
				l.Actor = client.AuditActor{Kind: string(by.Kind), Name: by.Name}
			}
		case !errors.Is(err, elevation.ErrNotFound) && !errors.Is(err, elevation.ErrNotAllowed):
			return l, false, err
		}
	}
	return l, whole || l.Request != nil, nil
}

func (f *follower) send(text string) error {
	rc := http.NewResponseController(f.w)
	if err := rc.SetWriteDeadline(time.Now().Add(eventWrite)); err != nil {
		return err
	}
	if _, err := f.w.Write([]byte(text)); err != nil {
		return err
	}
	return rc.Flush()
}
