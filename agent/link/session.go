package link

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/wire"
)

// Why a session ended.
var (
	errRefused  = errors.New("the controller refuses this endpoint")
	errGap      = errors.New("a message is missing in the sequence")
	errProtocol = errors.New("the controller broke the protocol")
	errUpgrade  = errors.New("the controller sent something this agent does not know: upgrade the agent")
	errDrain    = errors.New("the controller asked to connect anew")
	errOver     = errors.New("the session is over")
)

// session is one websocket after its welcome. One goroutine reads, one writes,
// and the one that made it handles frames.
type session struct {
	link    *Link
	conn    *websocket.Conn
	out     chan []byte
	in      chan wire.Frame
	reports chan struct{} // wake-up, holds one
	done    chan struct{} // closed when the session ends

	ping      time.Duration
	inFlight  uint64    // the report that waits for its acceptance, 0 = none
	retryAt   time.Time // when the report in flight is sent again
	retry     *time.Timer
	renewedAt time.Time // when a renewal was last asked for
	ackDue    bool
	applied   uint64 // highest durable frame applied, stored when the queue is empty

	endOnce sync.Once
	endErr  error // why, set once before done is closed
}

// connect makes one session and serves it until it ends. A pause above 0 is
// when the controller wants the next try.
func (l *Link) connect(ctx context.Context) (pause time.Duration, err error) {
	conn, err := l.dial(ctx)
	if err != nil {
		return 0, err
	}
	s := &session{link: l, conn: conn, in: make(chan wire.Frame, frameQueue),
		reports: make(chan struct{}, 1), done: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() { s.end(context.Cause(ctx)) })
	defer stop()
	welcome, err := s.greet()
	if err != nil {
		s.end(err)
		return 0, s.endErr
	}
	if err := s.adopt(welcome); err != nil {
		s.end(err)
		return 0, err
	}
	return s.serve(ctx)
}

func (l *Link) dial(ctx context.Context) (*websocket.Conn, error) {
	id := l.Identity()
	address, err := sessionURL(id.URL)
	if err != nil {
		return nil, err
	}
	conf, err := id.tls(l.now)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*dialTimeout)
	defer cancel()
	conf.NextProtos = []string{wire.ALPN, "http/1.1"}
	d := websocket.Dialer{HandshakeTimeout: 2 * dialTimeout, ReadBufferSize: 1024, WriteBufferSize: 1024,
		NetDialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return l.cfg.Proxies.dialTLS(ctx, id.URL, conf)
		}}
	conn, resp, err := d.DialContext(ctx, address, nil)
	if err != nil {
		if resp != nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusUnauthorized {
				return nil, fmt.Errorf("%w: %s", errRefused, resp.Status)
			}
			return nil, fmt.Errorf("connect: the controller answered %s", resp.Status)
		}
		return nil, fmt.Errorf("connect: %w", err)
	}
	conn.SetReadLimit(wire.MaxFrame)
	return conn, nil
}

// greet says hello and waits for the welcome.
func (s *session) greet() (w wire.Welcome, err error) {
	l := s.link
	l.mu.Lock()
	st := l.state
	l.mu.Unlock()
	hello := wire.Hello{Versions: []int{wire.Version}, LastSeq: st.LastSeq, Ratchet: st.Ratchet, BootID: l.cfg.BootID,
		Facts: l.cfg.Facts(), Clock: l.now().UTC()}
	if l.cfg.Digest != nil {
		hello.Digest = l.cfg.Digest()
	}
	if l.cfg.Capabilities != nil {
		hello.Capabilities = l.cfg.Capabilities()
	}
	raw, err := wire.Encode(wire.THello, 0, hello)
	if err != nil {
		return w, err
	}
	deadline := time.Now().Add(helloTimeout)
	if err := errors.Join(s.conn.SetReadDeadline(deadline), s.conn.SetWriteDeadline(deadline)); err != nil {
		return w, err
	}
	if err := s.conn.WriteMessage(websocket.BinaryMessage, raw); err != nil {
		return w, fmt.Errorf("say hello: %w", err)
	}
	f, err := s.read()
	if err != nil {
		return w, fmt.Errorf("wait for the welcome: %w", err)
	}
	if f.Type == wire.TError {
		var e wire.Error
		if err := f.Into(&e); err != nil {
			return w, err
		}
		if e.Code == wire.CodeUnavailable || e.Code == wire.CodeRateLimited {
			return w, fmt.Errorf("the controller is not ready: %s", e.Text)
		}
		return w, fmt.Errorf("%w: %s: %s", errRefused, e.Code, e.Text)
	}
	if f.Type != wire.TWelcome || f.Seq != 0 {
		return w, fmt.Errorf("%w: %s in place of a welcome", errProtocol, f.Type)
	}
	return w, f.Into(&w)
}

// adopt checks a welcome and stores what it brings.
func (s *session) adopt(w wire.Welcome) error {
	l := s.link
	if w.Version != wire.Version {
		return fmt.Errorf("%w: version %d", errUpgrade, w.Version)
	}
	if w.Endpoint != l.cfg.Identity.Endpoint || w.Cluster != l.cfg.Identity.Cluster {
		return fmt.Errorf("%w: it welcomed another endpoint", errProtocol)
	}
	set, err := l.openKeySet(w.KeySet)
	if err != nil {
		return fmt.Errorf("%w: %w", errProtocol, err)
	}
	if w.ResyncFrom != 0 {
		l.log.Warn("the controller restarts the sequence of messages", "resync_from", w.ResyncFrom)
	}
	err = l.saveState(func(st *state) {
		st.Ratchet, st.KeySet, st.Epoch = w.Ratchet, w.KeySet, set.Epoch
		if len(w.Checkpoint) > 0 {
			st.Checkpoint = w.Checkpoint
		}
		if w.ResyncFrom != 0 {
			st.LastSeq = w.ResyncFrom - 1
		}
		s.applied = st.LastSeq
	})
	if err != nil {
		return err
	}
	s.ping = min(max(w.Ping, time.Second), 2*time.Minute)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set = set
	if !w.Clock.IsZero() {
		l.skew = l.now().Sub(w.Clock)
	}
	l.console = consoleURL(w.Console)
	s.out = make(chan []byte, sendQueue+len(l.unanswered)) // nobody has seen the session yet
	for _, u := range l.unanswered {                       // what the last session left without an answer
		s.out <- u.raw
	}
	l.live = s
	return nil
}

const maxConsole = 200 // bytes

// consoleURL is s when it is an address that can be shown to people as it is.
func consoleURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || len(s) > maxConsole || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || inert.Text(s) != s || strings.ContainsAny(s, " \t") {
		return ""
	}
	return s
}

// serve runs the session until it ends.
func (s *session) serve(ctx context.Context) (pause time.Duration, err error) {
	var both sync.WaitGroup
	both.Go(s.readAll)
	both.Go(s.writeAll)
	if s.link.cfg.OnState != nil {
		s.link.cfg.OnState(true)
	}
	s.link.log.Info("controller is connected", "endpoint", s.link.cfg.Identity.Endpoint)
	pause, err = s.handleAll(ctx)
	s.end(err)
	s.link.mu.Lock()
	s.link.live = nil
	s.link.mu.Unlock()
	both.Wait()
	err = errors.Join(s.endErr, s.store())
	if s.link.cfg.OnState != nil {
		s.link.cfg.OnState(false)
	}
	return pause, err
}

func (s *session) end(why error) {
	s.endOnce.Do(func() {
		s.endErr = why
		close(s.done)
		s.conn.Close()
	})
}

// enqueue gives a frame to the writer. It never blocks.
func (s *session) enqueue(raw []byte) error {
	select {
	case <-s.done:
		return ErrOffline
	default:
	}
	select {
	case s.out <- raw:
		return nil
	default:
		return ErrBusy
	}
}

func (s *session) wakeReports() {
	select {
	case s.reports <- struct{}{}:
	default:
	}
}

func (s *session) read() (wire.Frame, error) {
	kind, raw, err := s.conn.ReadMessage()
	if err != nil {
		return wire.Frame{}, err
	}
	if kind != websocket.BinaryMessage {
		return wire.Frame{}, fmt.Errorf("%w: a text message", errProtocol)
	}
	return wire.Decode(raw)
}

// readAll is the reader. When handling is slow it stops reading, and the
// controller's bounded queue takes care of the rest.
func (s *session) readAll() {
	for {
		if err := s.conn.SetReadDeadline(time.Now().Add(2*s.ping + helloTimeout)); err != nil {
			s.end(err)
			return
		}
		f, err := s.read()
		if err != nil {
			s.end(fmt.Errorf("read: %w", err))
			return
		}
		select {
		case s.in <- f:
		case <-s.done:
			return
		}
	}
}

// writeAll is the writer.
func (s *session) writeAll() {
	for {
		select {
		case raw := <-s.out:
			err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
			if err == nil {
				err = s.conn.WriteMessage(websocket.BinaryMessage, raw)
			}
			if err != nil {
				s.end(fmt.Errorf("write: %w", err))
				return
			}
		case <-s.done:
			return
		}
	}
}

// handleAll handles frames in order, and what time brings: pings, reports and
// renewal.
func (s *session) handleAll(ctx context.Context) (pause time.Duration, err error) {
	tick := time.NewTicker(s.ping)
	defer tick.Stop()
	s.retry = time.NewTimer(reportTimeout)
	defer s.retry.Stop()
	n := uint64(0)
	s.wakeReports()
	if err := s.renew(); err != nil {
		return 0, err
	}
	for {
		select {
		case f := <-s.in:
			pause, err = s.handle(ctx, f)
			if err == nil && s.ackDue && len(s.in) == 0 {
				err = s.acknowledge()
			}
		case <-tick.C:
			n++
			if err = s.say(wire.TPing, wire.Ping{N: n}); err == nil {
				err = s.renew()
			}
		case <-s.reports:
			err = s.sendReport()
		case <-s.retry.C:
			err = s.sendReport()
		case <-s.done:
			return 0, s.endErr
		}
		if err != nil {
			return pause, err
		}
	}
}

func (s *session) say(t wire.Type, message any) error {
	raw, err := wire.Encode(t, 0, message)
	if err != nil {
		return err
	}
	return s.sayRaw(raw)
}

func (s *session) sayRaw(raw []byte) error {
	select { // the handler may wait for the writer, which has a deadline
	case s.out <- raw:
		return nil
	case <-s.done:
		return errOver
	}
}

func (s *session) handle(ctx context.Context, f wire.Frame) (pause time.Duration, err error) {
	if f.Seq != 0 {
		return 0, s.handleDurable(ctx, f)
	}
	switch f.Type {
	case wire.TNeed, wire.TProgress, wire.TError, wire.TClosed, wire.TConfirming, wire.TPortal, wire.TWho:
		s.tell(ctx, f)
		return 0, nil
	case wire.TAccepted:
		return 0, s.handleAccepted(ctx, f)
	case wire.TRenewed:
		return 0, s.handleRenewed(f)
	case wire.TDrain:
		var d wire.Drain
		if err := f.Into(&d); err != nil {
			return 0, err
		}
		return time.Millisecond + rand.N(min(max(d.Spread, time.Millisecond), 5*time.Minute)), errDrain
	case wire.TWelcome:
		return 0, fmt.Errorf("%w: a second welcome", errProtocol)
	}
	if f.Type.Durable() {
		return 0, fmt.Errorf("%w: %s without a sequence number", errProtocol, f.Type)
	}
	return 0, nil // a pong, or something newer that may be missed
}

// tell passes a live frame on. It is not sent again, so an error only stands in
// the log.
func (s *session) tell(ctx context.Context, f wire.Frame) {
	if f.Type == wire.TError {
		var e wire.Error
		if err := f.Into(&e); err == nil && s.inFlight != 0 {
			s.sendAgainIn(min(max(e.RetryAfter, time.Second), 30*time.Second))
		}
	}
	s.link.answered(f)
	if err := s.link.cfg.OnFrame(ctx, f); err != nil {
		s.link.log.Warn("a message of the controller was not taken", "type", f.Type, "error", err)
	}
}

func (s *session) handleDurable(ctx context.Context, f wire.Frame) error {
	switch {
	case f.Seq <= s.applied:
		s.ackDue = true // it came again: our acknowledgement was lost
		return nil
	case f.Seq != s.applied+1:
		return fmt.Errorf("%w: %d after %d", errGap, f.Seq, s.applied)
	case !f.Type.Durable():
		return fmt.Errorf("%w: %q", errUpgrade, f.Type)
	}
	if f.Type == wire.TKeySet {
		var m wire.Signed
		if err := f.Into(&m); err != nil {
			return err
		}
		if err := s.link.adoptKeySet(m.Raw); err != nil {
			return fmt.Errorf("take key set: %w", err)
		}
	} else {
		if err := s.link.cfg.OnFrame(ctx, f); err != nil {
			return fmt.Errorf("take %s: %w", f.Type, err)
		}
		s.link.answered(f)
	}
	s.applied, s.ackDue = f.Seq, true
	return nil
}

// store makes the place in the sequence durable. Frames applied since the last
// call would come again after a crash, which OnFrame bears.
func (s *session) store() error {
	s.link.mu.Lock()
	stored := s.link.state.LastSeq
	s.link.mu.Unlock()
	if s.applied == stored {
		return nil
	}
	return s.link.saveState(func(st *state) { st.LastSeq = s.applied })
}

func (s *session) acknowledge() error {
	if err := s.store(); err != nil {
		return err
	}
	s.ackDue = false
	return s.say(wire.TAck, wire.Ack{Seq: s.applied})
}

func (s *session) handleAccepted(ctx context.Context, f wire.Frame) error {
	var m wire.Accepted
	if err := f.Into(&m); err != nil {
		return err
	}
	if m.Report != 0 && m.Report == s.inFlight {
		if err := s.link.outbox.accepted(m.Report); err != nil {
			return err
		}
		s.inFlight = 0
		s.wakeReports()
	}
	if m.Request != "" && m.Report == 0 {
		s.tell(ctx, f)
	}
	return nil
}

// sendReport sends the oldest report, one at a time, and again when it stays
// unanswered.
func (s *session) sendReport() error {
	if s.inFlight != 0 && time.Now().Before(s.retryAt) {
		return nil
	}
	n, frame, ok := s.link.outbox.first()
	if !ok {
		s.inFlight = 0
		return nil
	}
	s.inFlight = n
	s.sendAgainIn(reportTimeout)
	return s.sayRaw(frame)
}

func (s *session) sendAgainIn(d time.Duration) {
	s.retryAt = time.Now().Add(d)
	s.retry.Reset(d)
}
