// Package gateway is the agents' door: enrolment, renewal, and one websocket
// per endpoint over mutual TLS 1.3, on which durable frames go down in order
// and messages of the endpoint come up.
//
// Who an endpoint is comes from its certificate and the stored hash of its key,
// never from a message. The gateway decides nothing about requests: it hands
// what arrives to the queue with the endpoint it authenticated. Commits are the
// truth; [Gateway.Wake] is a hint after which the store is read.
//
// Read gateway.go, then session.go (what comes up) and deliver.go (what goes
// down); enroll.go is the one thing that works without a certificate.
package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/keys"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// Queue is the part of the queue that endpoints speak with.
type Queue interface {
	Draft(ctx context.Context, ep elevation.EndpointID, in wire.Attempt) (queue.Answer, error)
	Complete(ctx context.Context, ep elevation.EndpointID, in wire.Complete) (wire.Progress, error)
	Withdraw(ctx context.Context, ep elevation.EndpointID, in wire.Withdraw) error
	Answer(ctx context.Context, ep elevation.EndpointID, in wire.Answer) error
	ExtendFrom(ctx context.Context, ep elevation.EndpointID, in wire.Extend) error
	ResubmitFrom(ctx context.Context, ep elevation.EndpointID, in wire.Resubmit) error
	RemoveFrom(ctx context.Context, ep elevation.EndpointID, in wire.Remove) error
	ConfirmFrom(ctx context.Context, ep elevation.EndpointID, in wire.Confirm) (wire.Confirming, error)
	Report(ctx context.Context, ep elevation.EndpointID, in wire.Report) error
	Progress(ctx context.Context, ep elevation.EndpointID, id elevation.RequestID) (wire.Progress, error)
}

// Config is what a gateway needs. Zero durations and limits take defaults.
type Config struct {
	Keys       *keys.Keys
	Store      *store.Store
	Queue      Queue
	Checkpoint func() []byte // newest signed audit checkpoint; may be nil
	// Policy sees to it that an endpoint that connects has its policy; may be nil.
	Policy func(context.Context, elevation.EndpointID) error
	Told   Told
	// Console is where people sign in, as endpoints tell them; may be nil.
	Console func() string
	// Portal makes a one-time link for a user for whom their endpoint vouches; nil:
	// there are none.
	Portal func(context.Context, auth.Seat) (url string, until time.Time, err error)
	Now    func() time.Time // nil = time.Now
	Log    *slog.Logger

	Ping     time.Duration // agents ping this often, 30 s
	Progress time.Duration // the place in the queue is told anew this often, 10 s
	Write    time.Duration // a frame that can not be written in this time ends the session, 10 s
	Hello    time.Duration // from connection to hello, and from the first to the last byte of any message, 10 s
	Call     time.Duration // longest work for one message, 10 s
	Limits   Limits
}

// Told takes what endpoints tell besides reports. Each function stores the message
// under its number with [store.Tx.Reported], so that one that comes again changes
// nothing; an error that wraps one of elevation's means that it is refused for
// good. nil: such messages are dropped.
type Told struct {
	Rights  func(context.Context, elevation.EndpointID, wire.Rights) error
	Ordered func(context.Context, elevation.EndpointID, wire.Ordered) error
	Seen    func(context.Context, elevation.EndpointID, wire.Seen) error
	Used    func(context.Context, elevation.EndpointID, wire.Used) error
}

// Limits of one session; see [DefaultLimits].
type Limits struct {
	Messages     float64 // frames a second, pings included; above it the session ends
	MessageBurst int
	Attempts     float64 // attempts and other calls a second; above it they are refused
	AttemptBurst int
	Waiting      int // requests of one endpoint whose place is told anew
	Unacked      int // durable frames sent and not acknowledged
	QueuedFrames int // live frames not yet written
	Enrolments   int // enrolments at the same time
}

// DefaultLimits are the limits of a new installation.
func DefaultLimits() Limits {
	return Limits{Messages: 500, MessageBurst: 2000, Attempts: 100, AttemptBurst: 300,
		Waiting: 256, Unacked: 256, QueuedFrames: 64, Enrolments: 32}
}

// Gateway serves the agents' address. Make it with [New]; its methods may be
// called from any goroutine.
type Gateway struct {
	cfg      Config
	log      *slog.Logger
	now      func() time.Time
	upgrader websocket.Upgrader
	buffers  sync.Pool // *bytes.Buffer for reading
	enrol    chan struct{}
	badToken *auth.Limiter   // by address; good ones are never counted
	moved    chan moved      // what endpoints shall be told soon
	ctx      context.Context // ends when sessions must stop working
	cancel   context.CancelFunc
	served   sync.WaitGroup // sessions
	clock    sync.WaitGroup // the clockwork

	questions questions

	mu      sync.Mutex                        // guards the fields below
	hub     map[elevation.EndpointID]*session // after their hello
	all     map[*session]struct{}
	audited bucket // of refusals: strangers do not fill the audit log
	closing bool
}

// New makes a gateway and starts its clockwork; [Gateway.Close] stops it.
func New(cfg Config) (*Gateway, error) {
	if cfg.Keys == nil || cfg.Store == nil || cfg.Queue == nil || cfg.Log == nil {
		return nil, errors.New("make gateway: a part of the configuration is missing")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Checkpoint == nil {
		cfg.Checkpoint = func() []byte { return nil }
	}
	if cfg.Console == nil {
		cfg.Console = func() string { return "" }
	}
	orElse(&cfg.Ping, 30*time.Second)
	orElse(&cfg.Progress, 10*time.Second)
	orElse(&cfg.Write, 10*time.Second)
	orElse(&cfg.Hello, 10*time.Second)
	orElse(&cfg.Call, 10*time.Second)
	if cfg.Limits == (Limits{}) {
		cfg.Limits = DefaultLimits()
	}
	g := &Gateway{cfg: cfg, log: cfg.Log, now: cfg.Now, hub: map[elevation.EndpointID]*session{}, all: map[*session]struct{}{},
		enrol: make(chan struct{}, cfg.Limits.Enrolments), moved: make(chan moved, movedAtOnce)}
	g.badToken = auth.NewLimiter(1.0/3, 20, 10_000)
	g.audited = newBucket(1, 30, time.Now())
	g.upgrader = websocket.Upgrader{HandshakeTimeout: cfg.Hello, ReadBufferSize: 512, WriteBufferSize: 4096,
		WriteBufferPool: &sync.Pool{}, CheckOrigin: func(r *http.Request) bool { return len(r.Header["Origin"]) == 0 }}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	cfg.Store.Follow(g.offer)
	g.clock.Go(g.clockwork)
	return g, nil
}

func orElse(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}

// Handler serves enrolment and sessions. It must be behind [Gateway.TLSConfig].
func (g *Gateway) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+wire.EnrollPath, g.serveEnroll)
	mux.HandleFunc("GET "+wire.SessionPath, g.serveSession)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["Origin"]) != 0 { // browsers have no business here
			http.Error(w, "browsers are not served here", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// TLSConfig is the configuration of the agents' listener: TLS 1.3; a client
// certificate that is sent must be one of a listed endpoint.
func (g *Gateway) TLSConfig() *tls.Config {
	conf := g.cfg.Keys.ServerTLS()
	conf.VerifyConnection = func(c tls.ConnectionState) error {
		if len(c.PeerCertificates) == 0 {
			return nil // enough for enrolment, not for a session
		}
		ctx, cancel := context.WithTimeout(g.ctx, g.cfg.Call)
		defer cancel()
		ep, _, err := g.identify(ctx, c.PeerCertificates)
		if err != nil {
			g.refused(ctx, ep, "handshake", "", err)
		}
		return err
	}
	return conf
}

// Server is an HTTP server with every deadline that the door needs. Serve it
// with ServeTLS(listener, "", ""); sessions outlive its Shutdown, so
// [Gateway.Close] follows.
func (g *Gateway) Server() *http.Server {
	return &http.Server{Handler: g.Handler(), TLSConfig: g.TLSConfig(), ReadHeaderTimeout: g.cfg.Hello,
		ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 30 * time.Second, MaxHeaderBytes: 8 << 10,
		ErrorLog: slog.NewLogLogger(g.log.Handler(), slog.LevelDebug)}
}

// Why an endpoint is not served.
var (
	errUnknown = errors.New("no endpoint is listed with this key")
	errBanned  = errors.New("this endpoint is deleted or quarantined")
)

// identify says which endpoint holds a certificate: URI SAN and key hash must
// agree with a row that is not banned.
func (g *Gateway) identify(ctx context.Context, peer []*x509.Certificate) (ep elevation.EndpointID, spki []byte, err error) {
	ep, spki, err = g.cfg.Keys.VerifyClient(peer, g.now())
	if err != nil {
		return "", nil, err
	}
	err = g.cfg.Store.View(ctx, func(tx *store.Tx) error {
		_, err := admitted(tx, ep, spki)
		return err
	})
	return ep, spki, err
}

// refused says in the log, and for not too many in the audit log, that somebody
// was not let in at a door. ep is what they claim to be, if they do.
func (g *Gateway) refused(ctx context.Context, ep elevation.EndpointID, at, peer string, why error) {
	g.log.Warn("refused at the agents' door", "step", at, "endpoint", ep, "peer", peer, "error", why)
	g.mu.Lock()
	ok, _ := g.audited.take(time.Now())
	g.mu.Unlock()
	if !ok {
		return
	}
	data := map[string]string{"step": at, "why": audit.Clip(why.Error(), 200)}
	if peer != "" {
		data["ip"] = peer
	}
	err := g.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		return tx.Append(audit.Event{At: g.now(), Kind: audit.EndpointRefused, Endpoint: ep,
			Actor: elevation.Actor{Kind: elevation.ByEndpoint, ID: string(ep)}, Data: data})
	})
	if err != nil {
		g.log.Warn("a refusal is not audited", "error", err)
	}
}

// admitted reads the endpoint of a key, or says why it is not served. A locked
// one is: it must learn what is revoked and when the lock ends, and gets nothing
// else.
func admitted(tx *store.Tx, ep elevation.EndpointID, spki []byte) (store.Endpoint, error) {
	row, err := tx.EndpointBySPKI(spki)
	if errors.Is(err, elevation.ErrNotFound) {
		return row, fmt.Errorf("%s: %w", ep, errUnknown)
	}
	if err != nil {
		return row, err
	}
	if row.ID != ep {
		return row, fmt.Errorf("%s: %w", ep, errUnknown)
	}
	if !row.DeletedAt.IsZero() || row.Quarantined {
		return row, fmt.Errorf("%s: %w", ep, errBanned)
	}
	return row, nil
}

// serveSession upgrades and returns, so that net/http's buffers are freed; the
// session goes on in its own goroutine.
func (g *Gateway) serveSession(w http.ResponseWriter, r *http.Request) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		http.Error(w, "a certificate is needed; enrol first", http.StatusUnauthorized)
		return
	}
	ep, spki, err := g.cfg.Keys.VerifyClient(r.TLS.PeerCertificates, g.now())
	if err != nil {
		g.log.Warn("session refused", "error", err)
		http.Error(w, "this certificate is not accepted", http.StatusForbidden)
		return
	}
	if g.stopping() {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "stopping", http.StatusServiceUnavailable)
		return
	}
	conn, err := g.upgrader.Upgrade(w, r, nil)
	if err != nil {
		g.log.Debug("no websocket", "endpoint", ep, "error", err)
		return // Upgrade has answered
	}
	if s := newSession(g, ep, spki, conn); !g.begin(s) {
		s.finish(errStopping)
	}
}

func (g *Gateway) stopping() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closing
}

// begin starts a session that Close will wait for, unless that has begun.
func (g *Gateway) begin(s *session) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing {
		return false
	}
	g.all[s] = struct{}{}
	g.served.Go(s.run)
	return true
}

// Wake tells that durable frames for an endpoint were committed.
func (g *Gateway) Wake(ep elevation.EndpointID) {
	if s := g.session(ep); s != nil {
		s.wake()
	}
}

// moved is a request whose requester shall learn soon how it stands.
type moved struct {
	ep elevation.EndpointID
	id elevation.RequestID
}

// movedAtOnce is how many of them may wait; more are told with the places.
const movedAtOnce = 256

// Moved tells that what a waiting requester is told has changed: who looks at the
// request, who can answer it. It is a hint and never blocks.
func (g *Gateway) Moved(ep elevation.EndpointID, id elevation.RequestID) {
	select {
	case g.moved <- moved{ep, id}:
	default:
	}
}

// tellMoved tells how a request stands, if its endpoint is there.
func (g *Gateway) tellMoved(m moved) {
	s := g.session(m.ep)
	if s == nil || !s.isWelcomed() {
		return
	}
	ctx, cancel := context.WithTimeout(g.ctx, g.cfg.Call)
	defer cancel()
	if err := s.tellProgress(ctx, m.id); err != nil && g.ctx.Err() == nil {
		g.log.Warn("an endpoint was not told how a request stands", "endpoint", m.ep, "request", m.id, "error", err)
	}
}

// offer gets each durable frame after its commit, while the store holds others
// up: it only passes it on.
func (g *Gateway) offer(ep elevation.EndpointID, f store.Frame) {
	if s := g.session(ep); s != nil {
		s.offer(f)
	}
}

// Connected reports whether an endpoint has a session that was welcomed.
func (g *Gateway) Connected(ep elevation.EndpointID) bool {
	s := g.session(ep)
	return s != nil && s.isWelcomed()
}

// ClockOff is how far the clock of a connected endpoint was ahead in its hello.
func (g *Gateway) ClockOff(ep elevation.EndpointID) (time.Duration, bool) {
	s := g.session(ep)
	if s == nil {
		return 0, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clockOff, s.welcomed && s.clockKnown
}

// Sessions is the number of sessions that have said hello.
func (g *Gateway) Sessions() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.hub)
}

// Disconnect ends the session of an endpoint at once. Call it after the commit
// that deletes or locks it: the next handshake is refused.
func (g *Gateway) Disconnect(ep elevation.EndpointID) {
	if s := g.session(ep); s != nil {
		s.end(errBanned)
	}
}

func (g *Gateway) session(ep elevation.EndpointID) *session {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.hub[ep]
}

// enter makes s the one session of its endpoint and ends the one before.
func (g *Gateway) enter(s *session) error {
	g.mu.Lock()
	if g.closing {
		g.mu.Unlock()
		return errStopping
	}
	old := g.hub[s.ep]
	g.hub[s.ep] = s
	g.mu.Unlock()
	if old != nil {
		s.beside = old.isWelcomed()
		old.end(errReplaced)
	}
	return nil
}

func (g *Gateway) leave(s *session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.all, s)
	if g.hub[s.ep] == s {
		delete(g.hub, s.ep)
	}
}

func (g *Gateway) sessions() []*session {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]*session, 0, len(g.hub))
	for _, s := range g.hub {
		out = append(out, s)
	}
	return out
}

// Close refuses new sessions, lets the messages at hand be answered, ends all
// sessions and waits for them; when ctx ends first they are cut off and its
// error is returned. It may be called again.
func (g *Gateway) Close(ctx context.Context) error {
	g.mu.Lock()
	g.closing = true
	all := make([]*session, 0, len(g.all))
	for s := range g.all {
		all = append(all, s)
	}
	g.mu.Unlock()
	for _, s := range all {
		s.stop()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.served.Wait()
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = context.Cause(ctx)
		for _, s := range all {
			s.end(errStopping)
		}
	}
	g.cancel()
	<-done
	g.clock.Wait()
	return err
}
