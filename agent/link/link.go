// Package link is the agent's side of the connection to the controller: it
// enrols, keeps one websocket over mutual TLS alive for ever, hands frames to
// the agent in order and exactly once as far as a crash allows, and keeps
// reports on disk until the controller has accepted them.
//
// It never decides anything and never looks into a grant; the one thing it
// verifies is the key set, whose epoch it keeps and never lets go back. The
// ratchet of hello and welcome is stored and sent; what a mismatch means is the
// controller's affair.
//
// Read link.go, then session.go; enroll.go and identity.go are the beginning of
// an endpoint's life, outbox.go and state.go what is on disk.
package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// Errors of [Link.Send] and [Link.Report].
var (
	ErrOffline = errors.New("the controller is not connected")
	ErrBusy    = errors.New("too many messages are waiting to be sent")
	ErrFull    = errors.New("too many reports are waiting for the controller")
)

// Times and sizes of a link. The cap of the pause between two tries is for
// fleets of up to some thousands; the controller spreads larger ones by drain.
const (
	backoffBase   = 200 * time.Millisecond
	backoffCap    = 8 * time.Second
	refusedCap    = 30 * time.Second // the controller answered and refused this endpoint
	dialTimeout   = 5 * time.Second
	helloTimeout  = 10 * time.Second
	writeTimeout  = 10 * time.Second
	reportTimeout = 10 * time.Second // then an unanswered report is sent again
	renewRetry    = 10 * time.Minute
	settled       = 3 * time.Second // a session this long was a good one
	sendQueue     = 64              // messages
	frameQueue    = 64              // frames
	maxUnanswered = 256             // messages
)

// Config is what a link needs. Identity comes from [Load].
type Config struct {
	Dir      string // the agent's data folder
	Identity Identity
	Facts    func() wire.Facts
	BootID   string
	Proxies  Proxies
	// Capabilities says what this endpoint can do, as hello tells it: "run",
	// "sudo", "session", "admin", "extend", "question", "policy". May be nil.
	Capabilities func() []string
	// OnFrame gets every durable frame once and in order, and the live frames
	// need, progress, accepted (of a request), closed, portal and error. It is called by
	// one goroutine at a time. For a durable frame nil means stored and applied,
	// and it is acknowledged; an error ends the session and the frame comes
	// again. It may call Send, Report and Forget. Key sets are kept by the link.
	OnFrame func(ctx context.Context, f wire.Frame) error
	OnState func(connected bool) // may be nil
	Digest  func() []byte        // of the grants in force; may be nil
	Log     *slog.Logger
	Now     func() time.Time // nil = time.Now
	// NoSync leaves out fsync. Only for simulated fleets, whose thousands of
	// endpoints would share one disk with what they measure.
	NoSync bool
}

// Link is the connection of one endpoint. Make it with [New], start it with
// [Link.Run]; its other methods may be called at any time from any goroutine.
type Link struct {
	cfg    Config
	log    *slog.Logger
	now    func() time.Time
	outbox *outbox
	again  chan struct{} // wake-up of a pause, holds one

	mu         sync.Mutex   // guards the fields below
	id         Identity     // the chain changes when it is renewed
	state      state        // as on disk
	set        sign.KeySet  // verified
	live       *session     // nil while offline
	unanswered []unanswered // in the order sent
	skew       time.Duration
	console    string // where people sign in, as the last welcome said
}

// unanswered is a message that is sent again in the next session unless the
// controller has answered it in this one.
type unanswered struct {
	request elevation.RequestID
	kind    wire.Type
	raw     []byte
}

// New opens the link's files. It fails when they are damaged: without the
// epoch of the last key set an old one could be played back.
func New(cfg Config) (*Link, error) {
	if cfg.Log == nil || cfg.OnFrame == nil || cfg.Facts == nil {
		return nil, errors.New("open link: a part of the configuration is missing")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := cfg.Identity.usable(); err != nil {
		return nil, fmt.Errorf("open link: %w", err)
	}
	l := &Link{cfg: cfg, log: cfg.Log, now: cfg.Now, id: cfg.Identity, again: make(chan struct{}, 1)}
	dir := stateDir(cfg.Dir, cfg.Identity.Endpoint)
	st, err := readState(dir)
	if err != nil {
		return nil, fmt.Errorf("open link: %w", err)
	}
	l.state = st
	if l.set, err = l.openKeySet(st.KeySet); err != nil {
		return nil, fmt.Errorf("open link: %w", err)
	}
	if l.outbox, err = openOutbox(dir, !cfg.NoSync, cfg.Log); err != nil {
		return nil, fmt.Errorf("open link: %w", err)
	}
	return l, nil
}

// Run keeps the link connected until ctx ends, and returns its error. Pauses
// between tries have full jitter.
func (l *Link) Run(ctx context.Context) error {
	for try := 0; ; {
		began := time.Now()
		pause, err := l.connect(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		limit := backoffCap
		if errors.Is(err, errRefused) {
			limit = refusedCap
		}
		if time.Since(began) > settled {
			try = 0
		}
		if pause <= 0 {
			pause = jitter(try, limit)
			try++
		}
		l.log.Info("controller is not connected", "error", err, "retry_in", pause.Round(time.Millisecond))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-l.again:
			try = 0
		case <-time.After(pause):
		}
	}
}

// Retry ends the pause between two tries: the machine has slept, and what was in
// the way may be gone.
func (l *Link) Retry() {
	select {
	case l.again <- struct{}{}:
	default: // it is known already
	}
}

// jitter is a random pause between 0 and base·2^try, at most limit.
func jitter(try int, limit time.Duration) time.Duration {
	top := limit
	if try < 16 {
		top = min(limit, backoffBase<<try)
	}
	return rand.N(top) + time.Millisecond
}

// Send hands a message to the live session. What is about a request is kept in
// memory until the controller has answered it, and sent again when the
// connection breaks before that; see [Link.Forget]. Errors are
// [ErrOffline], [ErrBusy] and those of encoding.
func (l *Link) Send(t wire.Type, message any) error {
	raw, err := wire.Encode(t, 0, message)
	if err != nil {
		return err
	}
	request := requestOf(message)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.live == nil {
		return ErrOffline
	}
	if request != "" && len(l.unanswered) >= maxUnanswered {
		return ErrBusy
	}
	if err := l.live.enqueue(raw); err != nil {
		return err
	}
	if request != "" {
		l.unanswered = append(l.unanswered, unanswered{request: request, kind: t, raw: raw})
	}
	return nil
}

// Forget stops sending messages about a request again: nobody waits for the
// answer any more.
func (l *Link) Forget(id elevation.RequestID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropLocked(id, func(wire.Type) bool { return true }, len(l.unanswered))
}

// Report stores a report and sends it until the controller has accepted it.
func (l *Link) Report(r wire.Report) error { return l.Tell(r) }

// Tell stores a message and sends it until the controller has accepted it, in
// the order in which they were told. When it returns nil the message survives a
// crash. Its number is given by the link. Errors are [ErrFull], those of encoding
// and those of the disk.
func (l *Link) Tell(m wire.Told) error {
	if err := l.outbox.add(m); err != nil {
		return err
	}
	l.mu.Lock()
	live := l.live
	l.mu.Unlock()
	if live != nil {
		live.wakeReports()
	}
	return nil
}

// Connected reports whether there is a session that was welcomed.
func (l *Link) Connected() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.live != nil
}

// Kept is the number of messages of a type that the controller has not accepted
// yet.
func (l *Link) Kept(t wire.Type) int { return l.outbox.of(t) }

// Waiting is the number of reports that the controller has not accepted yet.
func (l *Link) Waiting() int { return l.outbox.len() }

// Skew is how far this machine's clock was ahead of the controller's at the last
// welcome; 0 before the first.
func (l *Link) Skew() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.skew
}

// Console is the address at which people sign in, as the controller said at the
// last welcome; "" when it did not, or nothing that could be shown.
func (l *Link) Console() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.console
}

// KeySet is the newest verified key set.
func (l *Link) KeySet() sign.KeySet {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.set
}

// Checkpoint is the newest signed audit checkpoint that was seen, nil if none.
func (l *Link) Checkpoint() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Checkpoint
}

// Identity is the identity with the certificate as last renewed.
func (l *Link) Identity() Identity {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.id
}

// openKeySet verifies a key set: signed by the pinned root, of this cluster,
// not older than the newest ever kept.
func (l *Link) openKeySet(raw []byte) (sign.KeySet, error) {
	set, err := sign.OpenKeySet(raw, l.cfg.Identity.RootKeyID, l.cfg.Identity.Root, l.state.Epoch)
	if err != nil {
		return sign.KeySet{}, fmt.Errorf("key set: %w", err)
	}
	if set.Cluster != l.cfg.Identity.Cluster {
		return sign.KeySet{}, fmt.Errorf("key set: of another cluster: %w", sign.ErrKey)
	}
	return set, nil
}

// saveState changes the state on disk and then in memory.
func (l *Link) saveState(change func(*state)) error {
	l.mu.Lock()
	next := l.state
	l.mu.Unlock()
	change(&next) // only the session's goroutine changes it, so nothing is lost
	if err := writeState(stateDir(l.cfg.Dir, l.cfg.Identity.Endpoint), next, !l.cfg.NoSync); err != nil {
		return err
	}
	l.mu.Lock()
	l.state = next
	l.mu.Unlock()
	return nil
}

// adoptKeySet verifies and keeps a newer key set.
func (l *Link) adoptKeySet(raw []byte) error {
	set, err := l.openKeySet(raw)
	if err != nil {
		return err
	}
	if err := l.saveState(func(s *state) { s.KeySet, s.Epoch = raw, set.Epoch }); err != nil {
		return err
	}
	l.mu.Lock()
	l.set = set
	l.mu.Unlock()
	return nil
}

// answered forgets what a frame from the controller answers.
func (l *Link) answered(f wire.Frame) {
	about := f.About()
	if about == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch f.Type {
	case wire.TDecision, wire.TClosed:
		l.dropLocked(about, func(wire.Type) bool { return true }, len(l.unanswered))
	case wire.TNeed: // to an attempt, or to a complete that joins what waits
		l.dropLocked(about, func(t wire.Type) bool { return t == wire.TAttempt || t == wire.TComplete }, 1)
	case wire.TProgress:
		l.dropLocked(about, func(t wire.Type) bool { return t == wire.TAttempt || t == wire.TComplete }, 2)
	case wire.TConfirming:
		l.dropLocked(about, func(t wire.Type) bool { return t == wire.TConfirm }, len(l.unanswered))
	case wire.TAccepted, wire.TError:
		l.dropLocked(about, func(wire.Type) bool { return true }, 1)
	}
}

// dropLocked removes the first n messages of a request whose type is chosen.
func (l *Link) dropLocked(id elevation.RequestID, chosen func(wire.Type) bool, n int) {
	kept := l.unanswered[:0]
	for _, u := range l.unanswered {
		if n > 0 && u.request == id && chosen(u.kind) {
			n--
			continue
		}
		kept = append(kept, u)
	}
	clear(l.unanswered[len(kept):])
	l.unanswered = kept
}

func requestOf(message any) elevation.RequestID {
	switch m := message.(type) {
	case wire.Attempt:
		return m.Request
	case wire.Complete:
		return m.Request
	case wire.Withdraw:
		return m.Request
	case wire.Answer:
		return m.Request
	case wire.Extend:
		return m.New
	case wire.Resubmit:
		return m.New
	case wire.Remove:
		return m.Request
	}
	return ""
}
