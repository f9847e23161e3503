package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// Audience is a request with who may be told of it, as queue knows it.
type Audience struct {
	Request   elevation.Request
	Labels    map[string]string     // of its endpoint
	Account   elevation.UserID      // of the requester, by a strong link; "" = none
	Answerers []elevation.UserID    // who can answer it now; of emergency access, who was not asked
	Sees      func(auth.Actor) bool // whether somebody may know of it
}

// Shown is an event, and the request that it is about, as one reader may see
// them.
type Shown struct {
	Event    json.RawMessage // as GET /audit has it; nil when there is none
	Request  json.RawMessage // as GET /requests/{id} has it; nil when it is about none
	By       string          // who did it
	Facts    elevation.Request
	Endpoint string // its name
	Data     map[string]string
}

// Config names what notify needs; all fields but Log and Numbers.
type Config struct {
	Store  *store.Store
	Wrap   func(purpose string, plain []byte) ([]byte, error) // secrets of channels
	Unwrap func(purpose string, wrapped []byte) ([]byte, error)
	// Audience reads who may be told of a request.
	Audience func(tx *store.Tx, id elevation.RequestID, now time.Time) (Audience, error)
	// Show is the event (nil: none) and the request ("": none) for a reader.
	// [elevation.ErrNotFound] when the reader may not know of it.
	Show   func(ctx context.Context, reader auth.Actor, e *audit.Event, id elevation.RequestID) (Shown, error)
	HTTP   *http.Client                                                         // obeys the rules for going out
	Dial   func(ctx context.Context, network, address string) (net.Conn, error) // so does this one
	Refuse func(host string) error                                              // literal addresses that are never called
	Public func() string                                                        // address of the console
	Now    func() time.Time
	Log    *slog.Logger // nil discards
	// Numbers are those of a period, for reports that are sent; nil = there are none.
	Numbers func(ctx context.Context, since, until time.Time) (map[string]string, error)
}

// Notify tells people and systems what the log says. Use [New], then
// [Notify.Run].
type Notify struct {
	cfg   Config
	tests chan struct{} // slots for messages that are sent to try a channel
	open  func(Channel, Deps) (Sender, error)
	look  time.Duration // while something waits for its time

	changed chan struct{} // 1; channels came, went or changed
	sure    time.Duration // so long after it was written a log server has a line

	// Of the following goroutine only.
	head   uint64 // up to there alerts were looked for
	saved  uint64 // up to there the database knows of it
	known  table
	loaded bool
	unsure bool // whether the last commit was done

	mu      sync.Mutex // guards the fields below
	workers map[string]*worker
	running bool
	faults  map[string]string // why log servers do not follow, by channel
	ctx     context.Context   // of Run; workers begin when there is something to do
	wg      sync.WaitGroup
}

// New checks the configuration and reads how far the log was told.
func New(ctx context.Context, cfg Config) (*Notify, error) {
	if cfg.Store == nil || cfg.Wrap == nil || cfg.Unwrap == nil || cfg.Audience == nil || cfg.Show == nil || cfg.HTTP == nil ||
		cfg.Dial == nil || cfg.Refuse == nil || cfg.Public == nil || cfg.Now == nil {
		return nil, errors.New("open alerts: incomplete configuration")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	n := &Notify{cfg: cfg, open: open, look: recheck, tests: make(chan struct{}, 4), changed: make(chan struct{}, 1), sure: streamSure, workers: map[string]*worker{}, faults: map[string]string{}}
	err := cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
		n.head, err = tx.NotifyHead()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open alerts: %w", err)
	}
	n.saved = n.head
	return n, nil
}

// Run tells until ctx ends and returns when nothing is being sent any more. It
// is called once. Errors of the database are logged and tried again.
func (n *Notify) Run(ctx context.Context) {
	n.mu.Lock()
	n.ctx, n.running = ctx, true
	n.mu.Unlock()
	n.wakeBusy(ctx)
	n.wg.Go(func() { n.streams(ctx) })
	if n.cfg.Numbers != nil {
		n.wg.Go(func() { n.reports(ctx) })
	}
	n.follow(ctx)
	n.mu.Lock()
	n.running = false
	n.mu.Unlock()
	n.wg.Wait()
}

// wakeBusy begins to work where something waits since an earlier run.
func (n *Notify) wakeBusy(ctx context.Context) {
	var busy []string
	err := n.cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
		busy, err = tx.BusyChannels()
		return err
	})
	if err != nil && ctx.Err() == nil {
		n.cfg.Log.Error("look for what waits to be told", "error", err)
	}
	n.Wake(busy...)
}

// Wake has the workers of channels look for what is due. It never waits.
func (n *Notify) Wake(channels ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, id := range channels {
		w, ok := n.workers[id]
		if !ok && n.running {
			w = &worker{n: n, channel: id, wake: make(chan struct{}, 1)}
			n.workers[id] = w
			ctx := n.ctx
			n.wg.Go(func() { w.run(ctx) })
		}
		if w == nil {
			continue
		}
		select {
		case w.wake <- struct{}{}:
		default: // it is awake
		}
	}
}

// wakeAll has every worker look again: channels or alerts were changed.
func (n *Notify) wakeAll() {
	select {
	case n.changed <- struct{}{}:
	default: // it is told already
	}
	n.mu.Lock()
	var all []string
	for id := range n.workers {
		all = append(all, id)
	}
	n.mu.Unlock()
	n.Wake(all...)
}

// gone forgets a worker that has ended by itself.
func (n *Notify) gone(w *worker) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.workers[w.channel] == w {
		delete(n.workers, w.channel)
	}
}

// deps are what channels are made with.
func (n *Notify) deps() Deps {
	return Deps{HTTP: n.cfg.HTTP, Dial: n.cfg.Dial, Refuse: n.cfg.Refuse, Public: n.cfg.Public(), Log: n.cfg.Log, Now: n.cfg.Now}
}

// waitFor returns when there is news or the time is over; false when ctx ended.
func waitFor(ctx context.Context, news <-chan struct{}, within time.Duration) bool {
	timer := time.NewTimer(max(within, 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-news:
	case <-timer.C:
	}
	return true
}
