package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// Times and limits of delivering.
const (
	sendTime    = 30 * time.Second
	giveUp      = 24 * time.Hour // after the first try
	maxTogether = 100            // deliveries in one digest
	maxBackOff  = time.Hour
	maxError    = 300
	maxStep     = 32                     // deliveries of one step
	flushAfter  = 200 * time.Millisecond // what was sent is written at least so often
)

// backOff is how long to wait after so many tries.
func backOff(tries int) time.Duration {
	first := [...]time.Duration{1 * time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second, 60 * time.Second}
	if tries <= len(first) {
		return first[max(tries, 1)-1]
	}
	wait := first[len(first)-1]
	for range min(tries-len(first), 10) {
		wait *= 2
	}
	return min(wait, maxBackOff)
}

// worker sends the deliveries of one channel, one after the other, so that a slow
// one delays no other channel.
type worker struct {
	n       *Notify
	channel string
	wake    chan struct{}

	config    []byte // what the sender was made of
	sender    Sender
	openErr   error
	notBefore time.Time        // the other side asked to be left alone until then
	sent      []store.Delivery // to be written
	since     time.Time        // when the first of them was begun
}

func (w *worker) log() *slog.Logger { return w.n.cfg.Log.With("channel", w.channel) }

// run sends until ctx ends or the channel is deleted.
func (w *worker) run(ctx context.Context) {
	defer w.n.gone(w)
	defer w.closeSender()
	for ctx.Err() == nil {
		next, err := w.step(ctx)
		var wake <-chan struct{} = w.wake
		pause := slowPoll
		switch {
		case errors.Is(err, errGone):
			return
		case err != nil:
			if ctx.Err() == nil {
				w.log().Error("deliver", "error", err)
			}
			wake, pause = nil, tryAgain
		case !next.IsZero():
			pause = min(w.n.look, next.Sub(w.n.cfg.Now()))
		}
		if pause > 0 && !waitFor(ctx, wake, pause) {
			return
		}
	}
}

func (w *worker) closeSender() {
	if c, ok := w.sender.(io.Closer); ok {
		_ = c.Close()
	}
	w.sender, w.config = nil, nil
}

// errGone means that the channel is not there any more.
var errGone = errors.New("the channel was deleted")

// step sends what is due. It says when to look again; the zero time waits for a
// wake-up.
func (w *worker) step(ctx context.Context) (next time.Time, err error) {
	if err := w.flush(ctx); err != nil {
		return next, err
	}
	now := w.n.cfg.Now()
	var ch store.Channel
	var list []store.Delivery
	err = w.n.cfg.Store.View(ctx, func(tx *store.Tx) error {
		if ch, err = tx.Channel(w.channel); err != nil {
			if errors.Is(err, elevation.ErrNotFound) {
				return errGone
			}
			return err
		}
		list, err = tx.Due(w.channel, maxStep)
		return err
	})
	switch {
	case err != nil:
		return next, err
	case len(list) == 0:
		return time.Time{}, nil
	case list[0].Next.After(now):
		return list[0].Next, nil
	}
	for _, due := range list {
		if due.Next.After(now) || ctx.Err() != nil {
			break
		}
		until, again, err := w.take(ctx, ch, due)
		if again || err != nil {
			return until, errors.Join(err, w.flush(ctx))
		}
	}
	return now, w.flush(ctx)
}

// take sends one delivery that is due. again means that the rest is to be read
// anew, at that time.
func (w *worker) take(ctx context.Context, ch store.Channel, due store.Delivery) (until time.Time, again bool, err error) {
	now := w.n.cfg.Now()
	switch {
	case !due.Begun.IsZero() && now.Sub(due.Begun) >= giveUp:
		return now, true, w.fail(ctx, []store.Delivery{due}, due.Error)
	case !ch.DisabledAt.IsZero():
		return now, true, w.disabled(ctx, due, now)
	case w.notBefore.After(now):
		return w.notBefore, true, nil
	}
	if held, err := w.hold(ctx, due, now); held || err != nil {
		return now, true, err
	}
	again, err = w.deliver(ctx, ch, due, now)
	return now, again, err
}

// flush writes what was sent. What a crash keeps it from writing is sent again,
// with the same id.
func (w *worker) flush(ctx context.Context) error {
	if len(w.sent) == 0 {
		return nil
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryAgain*5)
	defer cancel()
	if err := w.put(last, w.sent...); err != nil {
		return fmt.Errorf("write what was sent: %w", err)
	}
	w.sent = nil
	return nil
}

// disabled keeps what waits for a channel that is not in use, as long as other
// tries would go on.
func (w *worker) disabled(ctx context.Context, d store.Delivery, now time.Time) error {
	if d.Begun.IsZero() {
		d.Begun = now
	}
	d.Next, d.Error = now.Add(maxBackOff), "the channel is disabled"
	return w.put(ctx, d)
}

// hold puts a delivery off until the quiet hours of its recipient are over.
func (w *worker) hold(ctx context.Context, d store.Delivery, now time.Time) (held bool, err error) {
	if d.User == "" || d.Mandatory {
		return false, nil
	}
	var p store.Preferences
	err = w.n.cfg.Store.View(ctx, func(tx *store.Tx) error {
		p, err = tx.Preferences(d.User)
		return err
	})
	if err != nil {
		return false, err
	}
	loud := loudAt(quietHours(p.Notify), now)
	if !loud.After(now) {
		return false, nil
	}
	d.Next, d.Gather = loud, true
	return true, w.put(ctx, d)
}

func (w *worker) put(ctx context.Context, list ...store.Delivery) error {
	return w.n.cfg.Store.Update(ctx, func(tx *store.Tx) error { return tx.PutDeliveries(list...) })
}

// deliver sends one delivery, with what is told together with it. again means
// that others may not be as they were read.
func (w *worker) deliver(ctx context.Context, ch store.Channel, due store.Delivery, now time.Time) (again bool, err error) {
	group, err := w.gather(ctx, due, now)
	if err != nil {
		return true, err
	}
	if err := w.open(ch); err != nil {
		return true, w.settle(ctx, ch, group, Result{}, err)
	}
	m, left, err := w.n.message(ctx, group)
	switch {
	case ctx.Err() != nil:
		return true, ctx.Err()
	case err != nil:
		return true, w.settle(ctx, ch, group, Result{}, err)
	}
	if len(left) < len(group) {
		if err := w.drop(ctx, group, left); err != nil || len(left) == 0 {
			return true, err
		}
	}
	sending, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	res, err := w.sender.Send(sending, m)
	if err != nil && ctx.Err() != nil {
		return true, ctx.Err() // stopped meanwhile: the same message is sent again
	}
	if err == nil && len(left) == 1 && due.Batch == "" {
		if len(w.sent) == 0 {
			w.since = now
		}
		d := left[0]
		at := w.n.cfg.Now()
		tried(&d, at)
		d.State, d.SentAt, d.Error = store.DeliverySent, at, ""
		w.sent = append(w.sent, d)
		return at.Sub(w.since) > flushAfter, nil
	}
	return true, w.settle(ctx, ch, left, res, err)
}

// tried counts a try.
func tried(d *store.Delivery, now time.Time) {
	d.Tries++
	if d.Begun.IsZero() {
		d.Begun = now
	}
}

// gather finds what is told together with a delivery. The id of the message is
// stored first, so that it is the same in every retry.
func (w *worker) gather(ctx context.Context, due store.Delivery, now time.Time) ([]store.Delivery, error) {
	if !due.Gather && due.Batch == "" {
		return []store.Delivery{due}, nil
	}
	var group []store.Delivery
	err := w.n.cfg.Store.View(ctx, func(tx *store.Tx) (err error) {
		group, err = tx.Together(due, now, maxTogether)
		return err
	})
	if err != nil || due.Batch != "" {
		return group, err
	}
	if len(group) < 2 {
		return []store.Delivery{due}, nil
	}
	id := elevation.NewID(store.DeliveryPrefix, now)
	for i := range group {
		group[i].Batch = id
	}
	return group, w.put(ctx, group...)
}

// open makes the sender when the channel is new or was changed.
func (w *worker) open(ch store.Channel) error {
	if w.config != nil && bytes.Equal(w.config, ch.Config) {
		return w.openErr
	}
	w.closeSender()
	w.notBefore = time.Time{}
	w.sender, w.openErr = w.n.sender(ch)
	w.config = ch.Config
	return w.openErr
}

// drop gives those of a group up that are not to be told after all.
func (w *worker) drop(ctx context.Context, group, left []store.Delivery) error {
	keep := map[string]bool{}
	for _, d := range left {
		keep[d.ID] = true
	}
	var out []store.Delivery
	for _, d := range group {
		if !keep[d.ID] {
			d.State, d.Error = store.DeliveryDropped, "the recipient is not there any more, or may not see it"
			out = append(out, d)
		}
	}
	return w.put(ctx, out...)
}

// settle writes what came of sending a group.
func (w *worker) settle(ctx context.Context, ch store.Channel, group []store.Delivery, res Result, failed error) error {
	now := w.n.cfg.Now()
	for i := range group {
		d := &group[i]
		tried(d, now)
		if failed == nil {
			d.State, d.SentAt, d.Error = store.DeliverySent, now, ""
			continue
		}
		d.Error = errorText(failed)
		d.Next = now.Add(max(backOff(d.Tries), res.RetryAfter))
	}
	switch {
	case failed == nil:
		return w.put(ctx, group...)
	case res.Gone:
		return w.disable(ctx, ch, group, now)
	case res.Permanent:
		return w.fail(ctx, group, errorText(failed))
	}
	w.log().Warn("not delivered yet", "tries", group[0].Tries, "delivery", group[0].ID, "error", errorText(failed))
	if res.RetryAfter > 0 {
		w.notBefore = now.Add(res.RetryAfter)
	}
	return w.put(ctx, group...)
}

// fail gives deliveries up and says so in the log. That something about a delivery
// that failed could not be told is no news itself: it would be told in the same
// way, and fail again.
func (w *worker) fail(ctx context.Context, group []store.Delivery, why string) error {
	return w.n.cfg.Store.Update(ctx, func(tx *store.Tx) error { return w.n.failed(tx, group, why) })
}

func (n *Notify) failed(tx *store.Tx, group []store.Delivery, why string) error {
	for _, d := range group {
		d.State, d.Error = store.DeliveryFailed, why
		if err := tx.PutDeliveries(d); err != nil {
			return err
		}
		if d.Kind == audit.DeliveryFailed.String() {
			continue
		}
		e := audit.Event{At: n.cfg.Now(), Kind: audit.DeliveryFailed, Actor: elevation.Actor{Kind: elevation.BySystem, Name: "alerts"}, Request: d.Request,
			Data: map[string]string{"delivery": d.ID, "alert": d.Alert, "channel": d.Channel, "tries": fmt.Sprint(d.Tries), "why": why}}
		if err := tx.Append(e); err != nil {
			return err
		}
	}
	return nil
}

// disable takes a channel out of use whose other side does not want any more.
func (w *worker) disable(ctx context.Context, ch store.Channel, group []store.Delivery, now time.Time) error {
	const why = "the other side answered 410 Gone"
	return w.n.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		if err := w.n.failed(tx, group, why); err != nil {
			return err
		}
		is, err := tx.Channel(ch.ID)
		if err != nil || !is.DisabledAt.IsZero() || !bytes.Equal(is.Config, ch.Config) {
			if errors.Is(err, elevation.ErrNotFound) {
				return nil
			}
			return err // somebody has changed it meanwhile
		}
		is.DisabledAt, is.DisabledWhy = now, why
		if err := tx.PutChannel(is); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: now, Kind: audit.ChannelChanged, Actor: elevation.Actor{Kind: elevation.BySystem, Name: "alerts"},
			Data: map[string]string{"channel": is.ID, "name": is.Name, "disabled": "true", "why": why}})
	})
}

// errorText is what went wrong as people may read it: one inert line. Which
// resolver was asked for a name is nobody's business but this machine's.
func errorText(err error) string {
	var unknown *net.DNSError
	if errors.As(err, &unknown) {
		err = errors.New("the name could not be found")
	}
	return inert.Clip(inert.Text(err.Error()), maxError)
}
