package notify

import (
	"context"
	"slices"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
)

// Times and limits of the follower.
const (
	gather    = 3 * time.Millisecond  // after a wake-up, so that one step takes a burst of commits
	idle      = 50 * time.Millisecond // the same while there are no alerts
	slowPoll  = 30 * time.Second      // the fallback when a wake-up was lost
	tryAgain  = time.Second           // after an error of the database
	recheck   = 2 * time.Second       // while something waits for its time: clocks are set
	batch     = 100                   // events of one step
	keepHead  = 5000                  // so many events without anything to tell may be looked at again after a crash
	keepFor   = 30 * 24 * time.Hour   // what was told is kept so long
	tidyEvery = time.Hour
)

// table is what alerts and channels there are, as the follower knows them.
type table struct {
	alerts   []store.Alert // enabled ones, those that must be told first
	channels map[string]store.Channel
	kinds    []audit.Kind // that any of them wants, and those that change the table
}

// follow makes rows out of events until ctx ends.
func (n *Notify) follow(ctx context.Context) {
	var tidied time.Time
	for ctx.Err() == nil {
		news := n.cfg.Store.Appended()
		more, next, err := n.step(ctx)
		pause := slowPoll
		switch {
		case ctx.Err() != nil:
		case err != nil:
			n.cfg.Log.Error("alerts are behind", "error", err)
			news, pause = nil, tryAgain
		case more:
			continue
		case !next.IsZero():
			pause = min(n.look, next.Sub(n.cfg.Now()))
		}
		if now := n.cfg.Now(); now.Sub(tidied) >= tidyEvery || now.Before(tidied) {
			tidied = now
			n.tidy(ctx)
		}
		rest := gather
		if len(n.known.alerts) == 0 {
			rest = idle
		}
		if !waitFor(ctx, news, pause) || !waitFor(ctx, nil, rest) {
			break
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryAgain)
	defer cancel()
	if err := n.save(last, n.head, nil, nil); err != nil {
		n.cfg.Log.Warn("how far the log was told is not saved; some of it is looked at again", "error", err)
	}
}

// step takes the next events, and what has waited for long. more says that there
// may be others, next when something will have waited for long.
func (n *Notify) step(ctx context.Context) (more bool, next time.Time, err error) {
	var out plan
	to := n.head
	changed := false
	if n.unsure {
		if err := n.makeSure(ctx); err != nil {
			return false, next, err
		}
		to = n.head
	}
	err = n.cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
		out, changed, more = plan{}, false, false
		if to, err = tx.LastEvent(); err != nil {
			return err
		}
		if !n.loaded {
			if err := n.load(tx); err != nil {
				return err
			}
		}
		events, err := tx.Happened(n.head, batch, n.known.kinds)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(events, changesTable) {
			changed = true
			if err := n.load(tx); err != nil {
				return err
			}
			if events, err = tx.Happened(n.head, batch, n.known.kinds); err != nil {
				return err
			}
		}
		if len(events) == batch {
			more, to = true, events[batch-1].Seq
		}
		return n.planEvents(tx, events, &out)
	})
	if err != nil {
		return false, next, err
	}
	n.head = to
	if len(out.list)+len(out.waits) > 0 || n.head-n.saved >= keepHead {
		if err := n.save(ctx, to, out.list, out.waits); err != nil {
			n.unsure = true
			return false, next, err
		}
	}
	if changed {
		n.wakeAll()
	}
	n.Wake(out.channels()...)
	late, next, err := n.stepWaits(ctx)
	return more || late, next, err
}

// makeSure finds out what became of a commit that had no good answer: it may
// have been done all the same.
func (n *Notify) makeSure(ctx context.Context) error {
	var head uint64
	err := n.cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
		head, err = tx.NotifyHead()
		return err
	})
	if err != nil {
		return err
	}
	n.head, n.saved, n.unsure = head, head, false
	n.wakeBusy(ctx)
	return nil
}

func changesTable(e audit.Event) bool {
	return e.Kind == audit.AlertChanged || e.Kind == audit.ChannelChanged
}

// save moves the head with what is to be told up to there.
func (n *Notify) save(ctx context.Context, to uint64, list []store.Delivery, waits []store.AlertWait) error {
	if to == n.saved {
		return nil
	}
	if err := n.cfg.Store.Update(ctx, func(tx *store.Tx) error { return tx.Tell(n.saved, to, list, waits) }); err != nil {
		return err
	}
	n.saved = to
	return nil
}

// stepWaits tells what has waited for long by now.
func (n *Notify) stepWaits(ctx context.Context) (more bool, next time.Time, err error) {
	if !slices.ContainsFunc(n.known.alerts, func(a store.Alert) bool { return a.Body.Filter.Waiting > 0 }) {
		return false, next, nil
	}
	var out plan
	var due []store.AlertWait
	err = n.cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
		out = plan{}
		if due, next, err = tx.AlertWaits(n.cfg.Now(), batch); err != nil {
			return err
		}
		return n.planWaits(tx, due, &out)
	})
	if err != nil || len(due) == 0 {
		return false, next, err
	}
	if err := n.cfg.Store.Update(ctx, func(tx *store.Tx) error { return tx.TellWaits(due, out.list) }); err != nil {
		n.unsure = true
		return false, next, err
	}
	n.Wake(out.channels()...)
	return len(due) == batch, next, nil
}

// load reads alerts and channels.
func (n *Notify) load(tx *store.Tx) error {
	alerts, err := tx.Alerts()
	if err != nil {
		return err
	}
	channels, err := tx.Channels()
	if err != nil {
		return err
	}
	t := table{channels: map[string]store.Channel{}, kinds: []audit.Kind{audit.AlertChanged, audit.ChannelChanged}}
	for _, c := range channels {
		t.channels[c.ID] = c
	}
	for _, a := range alerts {
		if !a.Enabled {
			continue
		}
		t.alerts = append(t.alerts, a)
		for _, k := range a.Body.Kinds {
			if !slices.Contains(t.kinds, k) {
				t.kinds = append(t.kinds, k)
			}
		}
	}
	slices.SortStableFunc(t.alerts, func(x, y store.Alert) int { return rank(x) - rank(y) })
	n.known, n.loaded = t, true
	return nil
}

// rank puts what must be told in front: the same is told once.
func rank(a store.Alert) int {
	if a.Body.Mandatory {
		return 0
	}
	return 1
}

// tidy deletes what was told long ago.
func (n *Notify) tidy(ctx context.Context) {
	const rounds = 20
	for range rounds {
		more := false
		err := n.cfg.Store.Update(ctx, func(tx *store.Tx) (err error) {
			more, err = tx.ForgetDeliveries(n.cfg.Now().Add(-keepFor))
			return err
		})
		if err != nil && ctx.Err() == nil {
			n.cfg.Log.Error("forget what was told", "error", err)
		}
		if err != nil || !more {
			return
		}
	}
}
