package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// Server is the agent's side of the users' door.
type Server struct {
	cfg Config
	d   door

	mu    sync.Mutex     // guards the fields below
	users map[string]int // and crowds
	all   int
}

// door lets the users of this machine in; each system has its own, see listen.
type door interface {
	accept() (net.Conn, error)
	// peer is who opened a connection, by the word of the kernel.
	peer(c net.Conn) (peer, error)
	// crowd is with whom somebody came whom peer knows only by what they send first,
	// which is still to be read after it; "" = peer knows at once.
	crowd(c net.Conn) string
	Close() error
}

// peer is who connected, as the kernel wrote it down at that moment. pid may be
// somebody else by now and is only used to say which program asked.
type peer struct {
	user string // see elevation.User's UID
	pid  int
	from Caller // also where an old kernel does not vouch for the program
}

// Listen opens the door for everybody on this machine. It refuses one that others
// than the system could have put there or could replace, and one at which another
// agent answers.
func Listen(cfg Config) (*Server, error) {
	d, err := listen(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("open the users' door: %w", err)
	}
	return serverAt(d, cfg), nil
}

func serverAt(d door, cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Hold == 0 {
		cfg.Hold = DefaultHold
	}
	return &Server{cfg: cfg, d: d, users: map[string]int{}}
}

// Serve answers until ctx ends; then it stops accepting, ends every
// conversation and returns. What runs goes on: clients with a terminal keep it.
func (s *Server) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.d.Close() })
	defer stop()
	var conversations sync.WaitGroup
	defer conversations.Wait()
	for {
		c, err := s.d.accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = c.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("serve the users' door: %w", err)
		case err != nil: // out of descriptors: those who are connected end some time
			s.cfg.Log.Error("accept a user's connection", "error", err)
			pause(ctx, 50*time.Millisecond)
			continue
		}
		if !s.arrive() {
			refuse(c)
			continue
		}
		if crowd := s.d.crowd(c); crowd != "" {
			conversations.Go(func() { s.meet(ctx, c, crowd) })
		} else if p, ok := s.admit(c); ok {
			conversations.Go(func() { s.converse(ctx, c, p) })
		}
	}
}

// meet waits for what somebody says first, and serves them then.
func (s *Server) meet(ctx context.Context, c net.Conn, crowd string) {
	if !s.enter(crowd, maxSilent) {
		s.depart()
		refuse(c)
		return
	}
	over := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer over()
	p, ok := s.admit(c)
	s.leave(crowd)
	if ok {
		s.converse(ctx, c, p)
	}
}

// admit finds out who has come, and lets them in unless there are too many of theirs.
func (s *Server) admit(c net.Conn) (peer, bool) {
	p, err := s.d.peer(c)
	switch {
	case err != nil:
		s.cfg.Log.Warn("a connection without a usable identity is refused", "error", err)
		_ = c.Close()
	case !s.enter(p.user, maxPerUser):
		refuse(c)
	default:
		return p, true
	}
	s.depart()
	return peer{}, false
}

// converse serves somebody who was let in.
func (s *Server) converse(ctx context.Context, c net.Conn, p peer) {
	defer s.depart()
	defer s.leave(p.user)
	defer c.Close()
	over := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer over()
	s.serve(ctx, &conn{c: c}, p)
}

// Close closes the door; Serve returns.
func (s *Server) Close() error { return s.d.Close() }

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// arrive bounds everybody together, before it is known who they are.
func (s *Server) arrive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= maxConnections {
		return false
	}
	s.all++
	return true
}

func (s *Server) depart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
}

func (s *Server) enter(user string, most int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[user] >= most {
		return false
	}
	s.users[user]++
	return true
}

func (s *Server) leave(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[user]--; s.users[user] == 0 {
		delete(s.users, user)
	}
}

// refuse says in one write why, and takes no time for it: what is not taken at
// once is not said.
func refuse(c net.Conn) {
	frame, err := pack(kEnded, ended{Kind: Failed, Exit: Failed.ExitCode(), Text: ErrBusy.Error(),
		Hints: []string{fmt.Sprintf("%d at a time are served; end one and try again", maxPerUser)}})
	if err == nil {
		writeAtOnce(c, frame)
	}
	_ = c.Close()
}

func (s *Server) serve(ctx context.Context, c *conn, p peer) {
	f, _, err := c.read(firstWithin, 0)
	if err != nil {
		s.cfg.Log.Debug("a user's connection ends", "user", p.user, "error", err)
		return
	}
	switch f.Kind {
	case kAsk:
		err = s.answer(ctx, c, p, f)
	case kWatch:
		err = s.watch(ctx, c, p, f)
	case kRun:
		err = s.talking(ctx, c, p, f, s.run)
	case kSession, kAdmin:
		err = s.whole(ctx, c, p, f)
	default:
		err = fmt.Errorf("%w: it begins with %q", errFrame, clip(string(f.Kind)))
	}
	if err != nil {
		s.cfg.Log.Debug("a user's connection ends", "user", p.user, "error", err)
	}
}

func clip(s string) string { return s[:min(len(s), 32)] }

func (s *Server) answer(ctx context.Context, c *conn, p peer, f frame) error {
	var q ask
	if err := f.into(&q); err != nil {
		return err
	}
	if q.Version != Version {
		return c.write(kAnswer, failing(ErrVersion))
	}
	var a answer
	var id elevation.RequestID
	var err error
	switch q.What {
	case "status":
		st := s.cfg.Flow.Status(p.user)
		a.Status = &st
	case "list":
		a.Items, a.More = fitting(s.cfg.Flow.List(p.user))
	case "offline", "redeem":
		a.Challenges, err = s.offline(p.user, q)
	case "portal":
		a.Portal, err = s.portal(ctx, p.user)
	case "password":
		err = confirm(s.cfg.Confirms, p.user, q)
	case "view", "cancel", "checkin", "answer", "extend", "resubmit", "remove":
		id, err = s.find(p.user, q.ID)
		if err == nil {
			a.Items, err = s.act(p.user, q, id)
		}
	default:
		err = fmt.Errorf("%w: %q is not asked here", errFrame, clip(q.What))
	}
	if err != nil {
		a = failing(err)
	}
	return c.write(kAnswer, a)
}

// portal makes a link for the user at the other end.
func (s *Server) portal(ctx context.Context, user string) (*PortalLink, error) {
	if s.cfg.Portal == nil {
		return nil, fmt.Errorf("%w: this agent makes no links", ErrConflict)
	}
	link, err := s.cfg.Portal.Portal(ctx, user)
	if err != nil {
		return nil, err
	}
	return &link, nil
}

// offline serves what is done with codes while the controller can not be reached.
func (s *Server) offline(user string, q ask) ([]Challenge, error) {
	if s.cfg.Offline == nil {
		return nil, fmt.Errorf("%w: this agent takes no codes", ErrConflict)
	}
	waits, err := s.cfg.Offline.Offline(user)
	if err != nil || q.What == "offline" {
		return waits, err
	}
	id, err := ending(q.ID, waits, func(c Challenge) elevation.RequestID { return c.ID })
	if err != nil {
		return nil, err
	}
	return nil, s.cfg.Offline.Redeem(user, id, q.Text)
}

func (s *Server) act(user string, q ask, id elevation.RequestID) ([]Item, error) {
	var err error
	switch q.What {
	case "cancel":
		err = s.cfg.Flow.Cancel(user, id)
	case "checkin":
		err = s.cfg.Flow.CheckIn(user, id)
	case "answer":
		err = s.cfg.Flow.Answer(user, id, q.Text)
	case "extend":
		id, err = s.cfg.Flow.Extend(user, id, q.For, q.Text)
	case "resubmit":
		id, err = s.cfg.Flow.Resubmit(user, id, q.Text)
	case "remove":
		err = s.cfg.Flow.Remove(user, id)
	}
	if err != nil {
		return nil, err
	}
	it, err := s.cfg.Flow.View(user, id)
	return []Item{it}, err
}

// find completes the ending of an id among the caller's own requests.
func (s *Server) find(user string, text string) (elevation.RequestID, error) {
	if elevation.CheckID(elevation.RequestPrefix, text) == nil {
		return elevation.RequestID(text), nil
	}
	return ending(text, s.cfg.Flow.List(user), func(it Item) elevation.RequestID { return it.ID })
}

// ending is the one id of a list that ends like text, which has six characters at
// least.
func ending[T any](text string, list []T, idOf func(T) elevation.RequestID) (found elevation.RequestID, err error) {
	for _, one := range list {
		switch {
		case len(text) < 6 || !strings.HasSuffix(string(idOf(one)), text):
		case found != "":
			return "", ErrAmbiguous
		default:
			found = idOf(one)
		}
	}
	if found == "" {
		return "", ErrNotFound
	}
	return found, nil
}

// fitting cuts a list to what one frame holds.
func fitting(items []Item) (fit []Item, more bool) {
	for n := len(items); n > 0; n = n * 3 / 4 {
		if _, err := pack(kAnswer, answer{Items: items[:n]}); err == nil {
			return items[:n], n < len(items)
		}
	}
	return nil, len(items) > 0
}

// The codes of an answer, so that the client can exit with the right one.
// failing is the answer that something can not be done; [answer.err] is its other side.
func failing(err error) answer { return answer{Error: err.Error(), Code: codeOf(err)} }

func codeOf(err error) string {
	switch {
	case errors.Is(err, ErrVersion):
		return "version"
	case errors.Is(err, ErrLagged):
		return "lagged"
	case errors.Is(err, ErrBusy):
		return "busy"
	case errors.Is(err, ErrNotFound):
		return "not_found"
	case errors.Is(err, ErrAmbiguous):
		return "ambiguous"
	case errors.Is(err, ErrConflict):
		return "conflict"
	case errors.Is(err, ErrOffline):
		return "offline"
	case errors.Is(err, errFrame), errors.Is(err, ErrInvalid):
		return "invalid"
	}
	return "failed"
}
