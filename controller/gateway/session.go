package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// Why sessions end.
var (
	errStopping  = errors.New("the controller is stopping")
	errReplaced  = errors.New("the endpoint has opened another session")
	errSlow      = errors.New("the endpoint reads too slowly")
	errFlood     = errors.New("the endpoint sends too much")
	errProtocol  = errors.New("the endpoint broke the protocol")
	errVersion   = errors.New("no protocol version in common")
	errOtherKey  = errors.New("a certificate is renewed for the same key only")
	errNotServed = errors.New("this controller does not serve that")
)

const (
	recheckEvery = 10  // pings between two looks at the endpoint's row
	maxErrorText = 500 // bytes
	retryAfter   = 2 * time.Second
)

// session is one websocket. run is its reader and handles one message after the
// other, so at most one call of an endpoint is at work. Its writer exists only
// while there is something to write; see deliver.go.
type session struct {
	g    *Gateway
	ep   elevation.EndpointID
	spki []byte
	conn *websocket.Conn

	messages, calls bucket         // of the reader
	pings           int            // of the reader
	beside          bool           // another session of the endpoint was live when this one said hello
	reports         sync.WaitGroup // the report at work, waited for by the reader

	mu        sync.Mutex     // guards the fields below
	writer    sync.WaitGroup // started under mu, waited for once finishing
	live      [][]byte       // frames without a sequence, not written yet
	fresh     []store.Frame  // durable frames just committed, behind sent without a gap
	known     uint64         // the highest number that was offered, 0 = none
	dirty     bool           // the store may have more durable frames
	writing   bool           // there is a writer
	own       bool           // the reader will write what there is
	welcomed  bool           // frames may be written
	stopping  bool           // no further message is read
	ending    bool           // the writer ends when the live frames are written
	closed    bool           // nothing is written any more
	why       error
	reportErr error  // ends the session with the next report
	sent      uint64 // last durable frame written
	acked     uint64 // last one acknowledged
	stored    uint64 // last acknowledgement in the store
	waiting   map[elevation.RequestID]bool
	seeded    bool // waiting has what waited before this session

	clockOff   time.Duration // how far the clock of the endpoint was ahead
	clockKnown bool
}

func newSession(g *Gateway, ep elevation.EndpointID, spki []byte, conn *websocket.Conn) *session {
	l, now := g.cfg.Limits, time.Now()
	return &session{g: g, ep: ep, spki: spki, conn: conn,
		messages: newBucket(l.Messages, l.MessageBurst, now), calls: newBucket(l.Attempts, l.AttemptBurst, now)}
}

// run serves the session until it ends. Whatever happens in it, the process and
// the other sessions go on.
func (s *session) run() {
	defer s.g.leave(s)
	defer s.survive()
	s.conn.SetReadLimit(wire.MaxFrame)
	control := func(kind int) func(string) error {
		return func(data string) error {
			if ok, _ := s.messages.take(time.Now()); !ok {
				return errFlood
			}
			if kind != websocket.PingMessage {
				return nil
			}
			err := s.conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
			if errors.Is(err, websocket.ErrCloseSent) {
				return nil
			}
			return err
		}
	}
	s.conn.SetPingHandler(control(websocket.PingMessage))
	s.conn.SetPongHandler(control(websocket.PongMessage))
	err := s.hello()
	for err == nil {
		var f wire.Frame
		if f, err = s.read(s.g.cfg.Ping*5/2 + time.Second); err == nil {
			err = s.serve(f)
		}
	}
	s.finish(err)
}

// serve handles a message. What comes of an attempt is written by the reader
// itself: somebody waits for it, and waking a writer takes a while.
func (s *session) serve(f wire.Frame) error {
	if f.Type != wire.TAttempt {
		return s.handle(f)
	}
	s.mu.Lock()
	s.own = !s.writing
	s.mu.Unlock()
	err := s.handle(f)
	s.mu.Lock()
	mine := s.own && !s.closed && s.welcomed
	s.own = false
	s.writing = s.writing || mine
	s.mu.Unlock()
	if mine {
		s.write()
	}
	return err
}

// survive is deferred by every goroutine that works for the endpoint.
func (s *session) survive() {
	if p := recover(); p != nil {
		s.g.log.Error("a session panicked", "endpoint", s.ep, "panic", p, "stack", string(debug.Stack()))
		s.end(errProtocol)
	}
}

// finish lets the writer write what is there, says why, and closes.
func (s *session) finish(err error) {
	s.reports.Wait()
	s.mu.Lock()
	if s.why == nil {
		s.why = err
	}
	if s.stopping {
		s.why = errStopping
	}
	s.ending = true
	why, welcomed, closed := s.why, s.welcomed, s.closed
	s.welcomed = false
	s.mu.Unlock()
	s.writer.Wait()
	if !closed {
		code := websocket.ClosePolicyViolation
		if errors.Is(why, errStopping) {
			code = websocket.CloseServiceRestart
		}
		// best effort: the peer may be gone
		_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, cut(why.Error(), 120)), time.Now().Add(time.Second))
	}
	s.end(why)
	s.g.log.Info("session ended", "endpoint", s.ep, "welcomed", welcomed, "reason", why)
	if !welcomed || errors.Is(why, errBanned) {
		return
	}
	s.storeAck()
	if errors.Is(why, errStopping) || errors.Is(why, errReplaced) {
		return
	}
	ctx, cancel := context.WithTimeout(s.g.ctx, s.g.cfg.Call)
	defer cancel()
	if err := s.recheck(ctx); err != nil {
		s.g.log.Debug("when an endpoint was last seen is not stored", "endpoint", s.ep, "error", err)
	}
}

// end closes the connection at once; reader and writer notice.
func (s *session) end(why error) {
	s.mu.Lock()
	if s.why == nil {
		s.why = why
	}
	again := s.closed
	s.closed, s.welcomed = true, false
	s.mu.Unlock()
	if !again {
		s.conn.Close()
	}
}

// stop ends the session after the message that is being handled.
func (s *session) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	if err := s.conn.SetReadDeadline(time.Now()); err != nil {
		s.conn.Close()
	}
}

func (s *session) isWelcomed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.welcomed
}

// read takes one message from the connection. The peer has idle time to begin
// it and, in however many fragments, as long as for a hello to finish it.
func (s *session) read(idle time.Duration) (wire.Frame, error) {
	if err := s.allowReading(idle); err != nil {
		return wire.Frame{}, err
	}
	kind, r, err := s.conn.NextReader()
	if err != nil {
		return wire.Frame{}, fmt.Errorf("read: %w", err)
	}
	if ok, _ := s.messages.take(time.Now()); !ok {
		return wire.Frame{}, errFlood
	}
	if kind != websocket.BinaryMessage {
		return wire.Frame{}, fmt.Errorf("%w: a text message", errProtocol)
	}
	if err := s.allowReading(s.g.cfg.Hello); err != nil {
		return wire.Frame{}, err
	}
	buf, ok := s.g.buffers.Get().(*bytes.Buffer)
	if !ok {
		buf = new(bytes.Buffer)
	}
	defer func() {
		if buf.Cap() <= 16<<10 {
			buf.Reset()
			s.g.buffers.Put(buf)
		}
	}()
	if _, err := io.Copy(buf, r); err != nil {
		return wire.Frame{}, fmt.Errorf("read: %w", err)
	}
	f, err := wire.Decode(buf.Bytes())
	if err != nil {
		return wire.Frame{}, fmt.Errorf("%w: %w", errProtocol, err)
	}
	return f, nil
}

func (s *session) allowReading(d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return errStopping
	}
	return s.conn.SetReadDeadline(time.Now().Add(d))
}

// hello is the first message; its answer is the welcome, after which durable
// frames flow.
func (s *session) hello() error {
	f, err := s.read(s.g.cfg.Hello)
	if err != nil {
		return err
	}
	var in wire.Hello
	if f.Type != wire.THello || f.Seq != 0 {
		return fmt.Errorf("%w: %s before hello", errProtocol, f.Type)
	}
	if err := f.Into(&in); err != nil {
		return fmt.Errorf("%w: %w", errProtocol, err)
	}
	if err := checkFacts(in.Facts); err != nil {
		return fmt.Errorf("%w: %w", errProtocol, err)
	}
	if !slices.Contains(in.Versions, wire.Version) {
		return s.refuse(wire.CodeVersion, errVersion)
	}
	// First into the hub, then the look at the row: whoever deletes or locks the
	// endpoint meanwhile finds this session.
	if err := s.g.enter(s); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.g.ctx, s.g.cfg.Call)
	defer cancel()
	w, start, err := s.greet(ctx, in)
	switch {
	case errors.Is(err, errBanned), errors.Is(err, errUnknown):
		return s.refuse(wire.CodeLocked, err)
	case err != nil:
		s.g.log.Error("hello", "endpoint", s.ep, "error", err)
		return s.refuse(wire.CodeUnavailable, err)
	}
	if s.g.cfg.Policy != nil {
		if err := s.g.cfg.Policy(ctx, s.ep); err != nil {
			s.g.log.Error("send the policy", "endpoint", s.ep, "error", err) // the next hello tries again
		}
	}
	raw, err := wire.Encode(wire.TWelcome, 0, w)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.why
	}
	s.welcomed, s.sent, s.acked, s.stored = true, start, start, start
	s.clockOff, s.clockKnown = in.Clock.Sub(w.Clock), !in.Clock.IsZero()
	s.live = append([][]byte{raw}, s.live...)
	s.dirty = true
	s.startWriterLocked()
	return nil
}

// refuse answers a hello with an error and gives the reason to end with.
func (s *session) refuse(code wire.ErrorCode, why error) error {
	raw, err := wire.Encode(wire.TError, 0, wire.Error{Code: code, Text: refusalText(code), RetryAfter: retryAfter})
	if err != nil {
		return err
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.g.cfg.Write)); err != nil {
		return err
	}
	return errors.Join(why, s.conn.WriteMessage(websocket.BinaryMessage, raw))
}

func refusalText(code wire.ErrorCode) string {
	switch code {
	case wire.CodeLocked:
		return "this endpoint is not served"
	case wire.CodeVersion:
		return "no protocol version in common: upgrade the agent or the controller"
	}
	return "try again later"
}

// greet admits the endpoint, moves the ratchet on and finds the place in the
// sequence, in one commit. start is the last durable frame that the endpoint
// has.
func (s *session) greet(ctx context.Context, in wire.Hello) (w wire.Welcome, start uint64, err error) {
	now := s.g.now()
	ratchet := make([]byte, 32)
	rand.Read(ratchet)
	w = wire.Welcome{Version: wire.Version, Endpoint: s.ep, Cluster: s.g.cfg.Keys.Cluster(), Ratchet: ratchet, Clock: now.UTC(),
		KeySet: s.g.cfg.Keys.KeySet(), Checkpoint: s.g.cfg.Checkpoint(), Ping: s.g.cfg.Ping, Console: s.g.cfg.Console()}
	quarantined := false
	err = s.g.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		row, err := admitted(tx, s.ep, s.spki)
		if err != nil {
			return err
		}
		known, err := s.checkRatchet(tx, row, in, now)
		if err != nil {
			return err
		}
		if quarantined = !known && s.beside; quarantined {
			row.Quarantined = true
			return tx.PutEndpoint(row)
		}
		if start, w.ResyncFrom, err = s.place(tx, row, in.LastSeq, now); err != nil {
			return err
		}
		w.NextSeq = row.NextSeq
		ip := row.Facts.IP
		row.Facts, row.Name = in.Facts, cleanName(in.Facts.Hostname, s.ep)
		row.Facts.IP = ip
		row.Capabilities = capabilities(in.Capabilities)
		if host := peerHost(s.conn); host != "" {
			row.Facts.IP = host
		}
		if known {
			row.PrevRatchet = in.Ratchet
		}
		row.LastSeen, row.Ratchet = now, ratchet
		return tx.SeenEndpoint(row)
	})
	if err == nil && quarantined {
		err = fmt.Errorf("%s: two copies of it were connected: %w", s.ep, errBanned)
	}
	return w, start, err
}

// capabilities keeps what may be one of the words of an endpoint.
func capabilities(said []string) []string {
	var out []string
	for _, c := range said {
		if len(out) < maxCapabilities && c != "" && len(c) <= 32 && strings.Trim(c, "abcdefghijklmnopqrstuvwxyz_") == "" {
			out = append(out, c)
		}
	}
	return out
}

const maxCapabilities = 32

// checkRatchet compares what the endpoint remembers of the last welcome. The
// one before is right too: the last may have been lost. A mismatch means that
// there are two copies of this identity, or that the endpoint was put back to
// an older state. While another session is live it is two copies, and neither is
// served from then on: whoever unlocks the endpoint says that one is enough.
func (s *session) checkRatchet(tx *store.Tx, row store.Endpoint, in wire.Hello, now time.Time) (known bool, err error) {
	same := func(a []byte) bool { return len(a) > 0 && subtle.ConstantTimeCompare(a, in.Ratchet) == 1 }
	if len(row.Ratchet) == 0 && len(in.Ratchet) == 0 || same(row.Ratchet) || same(row.PrevRatchet) ||
		len(row.PrevRatchet) == 0 && len(in.Ratchet) == 0 { // the very first welcome was lost
		return true, nil
	}
	s.g.log.Error("the ratchet does not match: there may be two copies of this endpoint's identity", "endpoint", s.ep, "boot_id", cut(in.BootID, 64))
	err = tx.Append(audit.Event{At: now, Kind: audit.EndpointClone, Endpoint: s.ep, Actor: s.actor(row.Name)})
	if err == nil && s.beside {
		err = tx.Append(audit.Event{At: now, Kind: audit.EndpointQuarantined, Endpoint: s.ep, Actor: elevation.Actor{Kind: elevation.BySystem, Name: "controller"},
			Data: map[string]string{"name": audit.Clip(row.Name, 255), "why": "two copies of its identity were connected"}})
	}
	return false, err
}

// place finds where the sequence goes on. When the endpoint has not what the
// store needs it to have, the sequence restarts at the oldest frame that is
// left, and an alarm is raised.
func (s *session) place(tx *store.Tx, row store.Endpoint, last uint64, now time.Time) (start, resync uint64, err error) {
	first := row.NextSeq
	frames, err := tx.Frames(s.ep, 0, 1)
	if err != nil {
		return 0, 0, err
	}
	if len(frames) > 0 {
		first = frames[0].Seq
	}
	if last >= row.Acked && last < row.NextSeq && first <= last+1 {
		return last, 0, tx.Acked(s.ep, last)
	}
	s.g.log.Error("the sequence of messages does not fit: it restarts", "endpoint", s.ep, "endpoint_has", last,
		"acknowledged", row.Acked, "next", row.NextSeq, "resync_from", first)
	return first - 1, first, tx.Append(audit.Event{At: now, Kind: audit.EndpointAlarm, Endpoint: s.ep, Actor: s.actor(row.Name),
		Data: map[string]string{"what": "sequence", "endpoint_has": fmt.Sprint(last), "acknowledged": fmt.Sprint(row.Acked), "next": fmt.Sprint(row.NextSeq)}})
}

func (s *session) actor(name string) elevation.Actor {
	return elevation.Actor{Kind: elevation.ByEndpoint, ID: string(s.ep), Name: name}
}

// recheck looks whether the endpoint is still admitted, notes that it was seen,
// and looks for frames, should a wake-up have been lost.
func (s *session) recheck(ctx context.Context) error {
	defer s.look()
	err := s.g.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		row, err := admitted(tx, s.ep, s.spki)
		if err != nil {
			return err
		}
		row.LastSeen = s.g.now()
		return tx.SeenEndpoint(row)
	})
	if errors.Is(err, errBanned) || errors.Is(err, errUnknown) {
		return err
	}
	return nil // a store that is down at the moment ends no session
}

func peerHost(conn *websocket.Conn) string {
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		return ""
	}
	return host
}

// cut shortens text for people at a character's border.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	s = s[:limit]
	for len(s) > 0 && s[len(s)-1]&0xc0 == 0x80 {
		s = s[:len(s)-1]
	}
	if len(s) > 0 && s[len(s)-1] >= 0xc0 {
		s = s[:len(s)-1]
	}
	return s
}
