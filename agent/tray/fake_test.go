package tray

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
)

// door is a small agent that works: it asks for reasons, keeps requests, tells
// who watches, and runs nothing but a line of text. The test is the approver.
type door struct {
	mu       sync.Mutex // guards the fields below
	wants    local.Wants
	rule     string // approves at once
	gone     bool
	status   local.Status
	items    []local.Item
	settled  map[elevation.RequestID]chan struct{} // closed when something has changed
	watchers map[chan local.Notice]bool
	n        int
	opts     []local.RunOptions
	ended    map[elevation.RequestID]chan struct{}
}

func newDoor() *door {
	return &door{status: local.Status{Connected: true, Endpoint: "lena-laptop", Version: "1.2.3", Mode: "ask"},
		settled: map[elevation.RequestID]chan struct{}{}, watchers: map[chan local.Notice]bool{}, ended: map[elevation.RequestID]chan struct{}{},
		wants: local.Wants{Reason: 8, Presets: []string{"Planned maintenance", "Incident"}, GoesTo: []string{"Platform", "Service desk"}, Usual: 4 * time.Minute}}
}

func (d *door) Status(context.Context) (local.Status, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone {
		return local.Status{}, local.ErrNoAgent
	}
	return d.status, nil
}

func (d *door) List(context.Context) ([]local.Item, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone {
		return nil, false, local.ErrNoAgent
	}
	return slices.Clone(d.items), false, nil
}

func (d *door) View(_ context.Context, id string) (local.Item, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.viewLocked(elevation.RequestID(id))
}

func (d *door) viewLocked(id elevation.RequestID) (local.Item, error) {
	for _, it := range d.items {
		if it.ID == id {
			if it.Asker == "Assent" {
				w := d.wants
				if it.Justification != "" {
					w.Reason = 0
				}
				it.Wants = &w
			}
			return it, nil
		}
	}
	return local.Item{}, local.ErrNotFound
}

// set changes a request, tells it, and wakes who waits for it.
func (d *door) set(id elevation.RequestID, kind string, with func(*local.Item)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.setLocked(id, kind, with)
}

func (d *door) setLocked(id elevation.RequestID, kind string, with func(*local.Item)) {
	for i := range d.items {
		if d.items[i].ID == id {
			with(&d.items[i])
			n := local.Notice{At: time.Now(), Request: id, Kind: kind, Path: d.items[i].Path, By: d.items[i].By, Text: d.items[i].Text, Until: d.items[i].Until}
			for w := range d.watchers {
				w <- n
			}
			close(d.settled[id])
			d.settled[id] = make(chan struct{})
		}
	}
}

func (d *door) await(ctx context.Context, id elevation.RequestID, until func(local.Item) bool) (local.Item, bool) {
	for {
		d.mu.Lock()
		it, _ := d.viewLocked(id)
		news := d.settled[id]
		d.mu.Unlock()
		if until(it) {
			return it, true
		}
		select {
		case <-news:
		case <-ctx.Done():
			return it, false
		}
	}
}

func (d *door) Answer(_ context.Context, id, text string) (local.Item, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	it, err := d.viewLocked(elevation.RequestID(id))
	switch {
	case err != nil:
		return it, err
	case it.Wants != nil && it.Wants.Reason > 0 && d.wants.Ticket != "":
		d.setLocked(it.ID, "reason", func(it *local.Item) { it.Justification = text })
	case it.Wants != nil && it.Wants.Reason > 0:
		d.setLocked(it.ID, "queued", func(it *local.Item) { it.Justification, it.Asker, it.Question, it.Position = text, "", "", 3 })
	case it.Wants != nil:
		d.setLocked(it.ID, "queued", func(it *local.Item) { it.Ticket, it.Asker, it.Question, it.Position = text, "", "", 3 })
	default:
		d.setLocked(it.ID, "answer", func(it *local.Item) { it.Asker, it.Question = "", "" })
	}
	return d.viewLocked(it.ID)
}

func (d *door) Cancel(_ context.Context, id string) (local.Item, error) {
	d.set(elevation.RequestID(id), "cancelled", func(it *local.Item) { it.State = "cancelled" })
	return d.View(context.Background(), id)
}

func (d *door) CheckIn(_ context.Context, id string) (local.Item, error) {
	d.set(elevation.RequestID(id), "ended", func(it *local.Item) { it.State, it.Until = "ended", time.Time{} })
	return d.View(context.Background(), id)
}

func (d *door) Confirm(context.Context, string, string) error { return nil }

func (d *door) Portal(context.Context) (local.PortalLink, error) {
	return local.PortalLink{URL: "https://assent.example/#/portal/x", Until: time.Now().Add(time.Minute)}, nil
}

func (d *door) Watch(ctx context.Context, ready func(), each func(local.Notice) error) error {
	return d.WatchDesktop(ctx, ready, each)
}

func (d *door) WatchDesktop(ctx context.Context, ready func(), each func(local.Notice) error) error {
	notices := make(chan local.Notice, 64)
	d.mu.Lock()
	if d.gone {
		d.mu.Unlock()
		return local.ErrNoAgent
	}
	d.watchers[notices] = true
	d.mu.Unlock()
	defer func() { d.mu.Lock(); delete(d.watchers, notices); d.mu.Unlock() }()
	ready()
	for {
		select {
		case n := <-notices:
			if err := each(n); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// Run implements the agent's side of an attempt.
func (d *door) Run(ctx context.Context, opt local.RunOptions, std local.Streams) local.Outcome {
	d.mu.Lock()
	d.opts = append(d.opts, opt)
	if d.gone || !d.status.Connected {
		d.mu.Unlock()
		return local.Outcome{Kind: local.Unreachable, Text: "the Assent controller can not be reached"}
	}
	it := d.waitingLocked(opt)
	if it.ID == "" {
		d.n++
		it = local.Item{ID: elevation.NewRequestID(time.Now()), State: "pending", Access: "run", Path: opt.Command, Args: opt.Args, RunAs: intercept.Elevated, Cwd: "/home/lena",
			Mechanism: "assent", At: time.Now(), Justification: opt.Reason, Ticket: opt.Ticket}
		d.items = slices.Insert(d.items, 0, it)
		d.settled[it.ID], d.ended[it.ID] = make(chan struct{}), make(chan struct{})
		switch {
		case d.rule != "":
			d.setLocked(it.ID, "approved", func(it *local.Item) { it.State, it.By = "available", d.rule })
		case opt.Reason == "" && d.wants.Reason > 0:
			d.setLocked(it.ID, "reason", func(it *local.Item) { it.Asker, it.Question = "Assent", "why do you need this?" })
		default:
			d.setLocked(it.ID, "queued", func(*local.Item) {})
		}
	}
	d.mu.Unlock()
	it, ok := d.await(ctx, it.ID, func(it local.Item) bool { return it.State != "pending" || opt.NoWait })
	switch {
	case !ok && it.Asker == "Assent": // nobody gives the reason any more
		d.set(it.ID, "settled", func(it *local.Item) { it.State = "cancelled" })
		return local.Outcome{Kind: local.Failed, Text: "interrupted"}
	case !ok || it.State == "pending":
		return local.Outcome{Kind: local.Kept, Request: it.ID}
	case it.State == "denied":
		return local.Outcome{Kind: local.Denied, Request: it.ID, Text: "denied by " + it.By + ": " + it.Text}
	case it.State != "available":
		return local.Outcome{Kind: local.Cancelled, Request: it.ID}
	}
	return d.program(ctx, it, std)
}

func (d *door) waitingLocked(opt local.RunOptions) local.Item {
	for _, it := range d.items {
		if (it.State == "available" || it.State == "pending") && it.Path == opt.Command && slices.Equal(it.Args, opt.Args) && it.Asker != "Assent" {
			return it
		}
	}
	return local.Item{}
}

// program is in use until the test ends it, or the person does.
func (d *door) program(ctx context.Context, it local.Item, std local.Streams) local.Outcome {
	d.set(it.ID, "started", func(it *local.Item) { it.State, it.Until = "active", time.Now().Add(25*time.Minute) })
	fmt.Fprintf(cmp.Or(std.Out, std.Err), "%s %s\nReading package lists...\nUnpacking nginx (1.22.1-9)\n", it.Path, strings.Join(it.Args, " "))
	ended := make(chan struct{})
	go func() { d.await(ctx, it.ID, func(it local.Item) bool { return it.State == "ended" }); close(ended) }()
	select {
	case <-d.ended[it.ID]:
		code := 0
		d.set(it.ID, "ended", func(it *local.Item) { it.State, it.Exit, it.Until = "ended", &code, time.Time{} })
	case <-ended:
	}
	return local.Outcome{Kind: local.Ran, Request: it.ID}
}

// attempts waits until so many were made; each has its request by then. A form
// says that it waits before its attempt has come to the agent.
func (d *door) attempts(t *testing.T, n int) []local.RunOptions {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); ; <-tick.C {
		d.mu.Lock()
		opts := slices.Clone(d.opts)
		d.mu.Unlock()
		if len(opts) >= n {
			return opts
		}
		if time.Now().After(end) {
			t.Fatalf("%d attempts, want %d: %+v", len(opts), n, opts)
		}
	}
}

func (d *door) newest() local.Item {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.items) == 0 {
		return local.Item{}
	}
	return d.items[0]
}

// served gives forms what the watch tells, as the program does.
func served(ctx context.Context, d *door, forms func() []*Form) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done, ready := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_ = d.WatchDesktop(ctx, func() { close(ready) }, func(n local.Notice) error {
			for _, f := range forms() {
				f.Hear(ctx, n)
			}
			return nil
		})
	}()
	<-ready
	return func() { cancel(); <-done }
}
