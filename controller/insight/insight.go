// Package insight reads what has happened and tells what it means: reasons for
// caution beside a request, what a proposed set of rules would have answered,
// rules that people's own answers suggest, named reports, and the evidence of
// one request with its proofs.
//
// It only reads. Every verb checks the permission of its actor, and an actor
// with a scope learns of nothing outside of it, not even a number. Nothing here
// decides or rates anything: a reason for caution is a fact, without a score,
// and a suggestion does nothing until a person enables it.
//
// Read context.go for the reasons, replay.go for the one replay that also guards
// the applying of rules, suggest.go, reports.go and evidence.go for the others.
package insight

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

// Config names what insight needs; everything without "may be" must be there.
type Config struct {
	Store *store.Store
	// Rules is the set in force.
	Rules func() *rules.Set
	// Read reads a text of rules as applying it would; its error is for the
	// caller who wrote it.
	Read func(yaml string) (*rules.Set, error)
	// Text is the text of the rules in force.
	Text func(context.Context) (string, error)
	// Checkpoint and Key are of the audit log, KeySet is what endpoints verify
	// grants with, signed by the key of Root.
	Checkpoint func() audit.Checkpoint
	Key        func() string
	KeySet     func() []byte
	Root       func() (id string, public ed25519.PublicKey)
	// Mode is what an endpoint does now; may be nil.
	Mode func(store.Endpoint) elevation.Mode
	Now  func() time.Time
	Log  *slog.Logger // nil discards
}

// Insight answers questions about what has happened. Use [New].
type Insight struct {
	cfg   Config
	heavy chan struct{} // slots for reading much history
	later chan latePage // facts that nobody waits for

	waiting atomic.Int32 // callers without a slot

	patience time.Duration // of the reader of a page

	mu    sync.Mutex // guards the fields below
	facts map[factKey]knownFacts
}

// New makes it; it returns an error when something is missing.
func New(cfg Config) (*Insight, error) {
	if cfg.Store == nil || cfg.Rules == nil || cfg.Read == nil || cfg.Text == nil || cfg.Now == nil ||
		cfg.Checkpoint == nil || cfg.Key == nil || cfg.KeySet == nil || cfg.Root == nil {
		return nil, errors.New("open insight: incomplete configuration")
	}
	if cfg.Mode == nil {
		cfg.Mode = func(e store.Endpoint) elevation.Mode { return elevation.Mode(e.Mode) }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Insight{cfg: cfg, heavy: make(chan struct{}, 1), later: make(chan latePage, 16), patience: contextTime, facts: map[factKey]knownFacts{}}, nil
}

// How long the index of history waits: after a commit, so that one step takes a
// burst along, and without news.
const (
	indexGather = 25 * time.Millisecond
	indexIdle   = 5 * time.Second
)

// Run keeps the index of history until ctx ends. Errors are logged and tried
// again: until then fewer facts are known.
func (s *Insight) Run(ctx context.Context) {
	var late sync.WaitGroup
	defer late.Wait()
	late.Go(func() { s.runLate(ctx) })
	for ctx.Err() == nil {
		news := s.cfg.Store.Appended()
		more, err := s.cfg.Store.IndexHistory(ctx)
		if err != nil && ctx.Err() == nil {
			s.cfg.Log.Error("history is behind", "error", err)
			news = nil
		}
		pause := indexIdle
		if more {
			pause, news = indexGather, nil
		}
		if !waitFor(ctx, news, pause) {
			return
		}
		if !more && err == nil && !waitFor(ctx, nil, indexGather) {
			return
		}
	}
}

// waitFor returns when there is news or the time is over; false when ctx ended.
func waitFor(ctx context.Context, news <-chan struct{}, within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-news:
	case <-timer.C:
	}
	return true
}

// may checks the permissions for looking at much history.
func may(act auth.Actor, permissions ...auth.Permission) error {
	for _, p := range permissions {
		if err := act.Can(p); err != nil {
			return err
		}
	}
	return nil
}

// mostWaiting is how many callers wait to read much history.
const mostWaiting = 8

// slot lets one caller at a time read much history; some others wait.
func (s *Insight) slot(ctx context.Context) (free func(), err error) {
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > mostWaiting {
		return nil, &auth.RateError{Wait: 5 * time.Second}
	}
	select {
	case s.heavy <- struct{}{}:
		return func() { <-s.heavy }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for other readers of history: %w", ctx.Err())
	}
}

// workers is on how many goroutines history is read.
func workers() int { return min(max(runtime.GOMAXPROCS(0), 1), 4) }

// fleet knows endpoints, and whether an actor may know of them. Each goroutine
// has its own.
type fleet struct {
	store  *store.Store
	act    auth.Actor
	labels map[string]string // that endpoints must have beside those of the scope
	all    map[elevation.EndpointID]known
}

type known struct {
	endpoint store.Endpoint
	rules    rules.Endpoint
	covered  bool
}

func (s *Insight) fleetFor(act auth.Actor) *fleet {
	return &fleet{store: s.cfg.Store, act: act, all: map[elevation.EndpointID]known{}}
}

// endpoint reads an endpoint once. One that is not there is covered only by an
// actor without a scope.
func (f *fleet) endpoint(ctx context.Context, id elevation.EndpointID) (known, error) {
	if k, ok := f.all[id]; ok {
		return k, nil
	}
	ep, err := f.store.Endpoint(ctx, id)
	if err != nil && !errors.Is(err, elevation.ErrNotFound) {
		return known{}, err
	}
	ep.ID = id
	k := known{endpoint: ep, rules: ep.ForRules(), covered: f.act.Covers(ep.EffectiveLabels()) && labelled(ep, f.labels)}
	f.all[id] = k
	return k, nil
}

// labelled reports whether an endpoint has all of some labels.
func labelled(ep store.Endpoint, wanted map[string]string) bool {
	has := ep.EffectiveLabels()
	for k, v := range wanted {
		if got, ok := has[k]; !ok || got != v {
			return false
		}
	}
	return true
}

func (k known) name() string {
	if k.endpoint.Name != "" {
		return k.endpoint.Name
	}
	return string(k.endpoint.ID)
}
