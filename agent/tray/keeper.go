package tray

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/assent-epm/assent/agent/desktop"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/words"
)

// Agent is the agent of this machine; local.Client is one.
type Agent interface {
	desktop.Agent
	Watch(ctx context.Context, ready func(), each func(local.Notice) error) error
	Status(ctx context.Context) (local.Status, error)
	Portal(ctx context.Context) (local.PortalLink, error)
	Run(ctx context.Context, opt local.RunOptions, std local.Streams) local.Outcome
}

const (
	freshEvery = 20 * time.Second // the connection of the agent has no notices
	askWithin  = 10 * time.Second
)

// Keeper keeps a [State] as the agent's watch tells it. It is an Agent for
// [desktop.Desktop] too, so that one watch serves both.
type Keeper struct {
	Agent
	// Take is asked first about a notice; true = the notice needs nobody else.
	Take func(ctx context.Context, n local.Notice) bool
	// Mine reports whether the form asks for what a draft wants.
	Mine func(it local.Item) bool
	Now  func() time.Time

	dirty chan struct{} // holds one
	mu    sync.Mutex    // guards state
	state State
}

// NewKeeper makes a Keeper of what can be opened here.
func NewKeeper(agent Agent, tongue words.Tongue, asks, portal bool) *Keeper {
	return &Keeper{Agent: agent, Now: time.Now, dirty: make(chan struct{}, 1), state: State{Tongue: tongue, Asks: asks, Portal: portal, Folder: folder()}}
}

// folder is where this program asks from; an approval is for the same folder only.
func folder() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	return dir
}

// State is what is known, as of now.
func (k *Keeper) State() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.state
	s.Now = k.Now()
	return s
}

// Dirty says that the state has to be read anew.
func (k *Keeper) Dirty() {
	select {
	case k.dirty <- struct{}{}:
	default: // it is known already
	}
}

// Keep reads the state anew whenever something has changed, and tells changed of
// it, which is told every second of what the time changes too.
func (k *Keeper) Keep(ctx context.Context, changed func(State)) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := time.Time{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.dirty:
			k.read(ctx)
			last = k.Now()
		case <-tick.C:
			if k.Now().Sub(last) >= freshEvery {
				k.read(ctx)
				last = k.Now()
			}
		}
		if ctx.Err() == nil {
			changed(k.State())
		}
	}
}

func (k *Keeper) read(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	status, err := k.Agent.Status(ctx)
	var items []local.Item
	if err == nil {
		items, _, err = k.Agent.List(ctx)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state.Reached, k.state.Status, k.state.Items = err == nil, status, items
	if err == nil {
		k.state.Foreign = false
	}
}

// WatchDesktop implements desktop's Agent.
func (k *Keeper) WatchDesktop(ctx context.Context, ready func(), each func(local.Notice) error) error {
	return k.follow(ctx, k.Agent.WatchDesktop, ready, each)
}

// Look watches where another program shows notices and asks for reasons, until
// ctx ends or the agent is of another version.
func (k *Keeper) Look(ctx context.Context, again, slowest time.Duration) error {
	return desktop.Follow(ctx, again, slowest, func(ready func()) error {
		return k.follow(ctx, k.Agent.Watch, ready, func(local.Notice) error { return nil })
	}, func(error, time.Duration) {})
}

type watching func(ctx context.Context, ready func(), each func(local.Notice) error) error

func (k *Keeper) follow(ctx context.Context, watch watching, ready func(), each func(local.Notice) error) error {
	err := watch(ctx, func() { k.Dirty(); ready() }, func(n local.Notice) error {
		k.Dirty()
		if k.Take != nil && k.Take(ctx, n) {
			return nil
		}
		return each(n)
	})
	k.mu.Lock()
	k.state.Reached, k.state.Foreign = false, errors.Is(err, local.ErrVersion)
	k.mu.Unlock()
	k.Dirty()
	return err
}

// List implements desktop's Agent: without what the form asks for.
func (k *Keeper) List(ctx context.Context) ([]local.Item, bool, error) {
	items, more, err := k.Agent.List(ctx)
	var rest []local.Item
	for _, it := range items {
		if k.Mine == nil || !k.Mine(it) {
			rest = append(rest, it)
		}
	}
	return rest, more, err
}
