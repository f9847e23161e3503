package store

import (
	"fmt"
	"slices"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/shared/elevation"
)

// States of a delivery.
const (
	DeliveryWaiting = "waiting" // to be sent, or tried again
	DeliverySent    = "sent"
	DeliveryFailed  = "failed"  // given up
	DeliveryDropped = "dropped" // not to be told after all
)

// DeliveryStates are all of them.
func DeliveryStates() []string {
	return []string{DeliveryWaiting, DeliverySent, DeliveryFailed, DeliveryDropped}
}

// Delivery is one thing to tell one recipient through one channel.
type Delivery struct {
	ID        string
	Alert     string
	Channel   string
	User      elevation.UserID // "" = the channel speaks to a system
	Kind      string
	Request   elevation.RequestID
	Event     uint64 // place in the log, 0 = it was the time that came
	State     string
	Tries     int
	Next      time.Time // not before
	Begun     time.Time // first try
	Lane      string    // what may be told together
	Gather    bool      // tell it together with what else waits in the lane
	Mandatory bool
	Batch     string // id of the message that told it together with others
	Error     string // of the last try
	CreatedAt time.Time
	SentAt    time.Time
	More      int // with [KindMore], how many others it stands for
}

const deliveryColumns = "id, alert, channel, user, kind, request, event, state, tries, next_ms, begun_ms, lane, gather, mandatory, batch, error, created_ms, sent_ms, more"

// NotifyHead is up to which event alerts were looked for.
func (tx *Tx) NotifyHead() (pos uint64, err error) {
	err = tx.row([]any{&pos}, "SELECT pos FROM notify_head WHERE id = 1")
	return pos, err
}

// LastEvent is the place of the newest event, whether the log has been hashed up
// to there or not.
func (tx *Tx) LastEvent() (pos uint64, err error) {
	err = tx.row([]any{&pos}, "SELECT coalesce(max(pos), 0) FROM events")
	return pos, err
}

// Happened returns committed events of the kinds after a place, in order, at
// most limit. Their Seq is the place that they have or will have: places are
// given in the order of the commits.
func (tx *Tx) Happened(after uint64, limit int, kinds []audit.Kind) ([]audit.Event, error) {
	args := []any{int64(after)}
	for _, k := range kinds {
		args = append(args, int(k))
	}
	return tx.happened("WHERE pos > ? AND kind IN ("+marks(len(kinds))+") ORDER BY pos LIMIT ?", append(args, limit)...)
}

// EventAt is the event at a place; [elevation.ErrNotFound] when there is none.
func (tx *Tx) EventAt(pos uint64) (audit.Event, error) {
	list, err := tx.happened("WHERE pos = ?", int64(pos))
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("audit event %d: %w", pos, elevation.ErrNotFound)
	}
	if err != nil {
		return audit.Event{}, err
	}
	return list[0], nil
}

func (tx *Tx) happened(tail string, args ...any) ([]audit.Event, error) {
	var out []audit.Event
	err := tx.rows(func(scan func(...any) error) error {
		var r audit.Row
		var pos, when int64
		var kind int
		if err := scan(&pos, &r.ID, &when, &kind, &r.Request, &r.Grant, &r.Endpoint, &r.Leaf, &r.Text); err != nil {
			return err
		}
		r.Seq, r.At, r.Kind = uint64(pos), at(when), audit.Kind(kind)
		e, err := r.Open()
		if err != nil {
			return fmt.Errorf("read audit event %s: %w", r.ID, err)
		}
		out = append(out, e)
		return nil
	}, "SELECT pos, "+eventColumns+" FROM events "+tail, args...)
	return out, err
}

// Tell moves the head from one place to another and writes what is to be told
// for the events between, all or nothing. [ErrStale] when the head is elsewhere.
// Deliveries are bookkeeping of what the log says and need no event.
func (tx *Tx) Tell(from, to uint64, list []Delivery, waits []AlertWait) error {
	n, err := tx.exec("UPDATE notify_head SET pos = ? WHERE id = 1 AND pos = ?", int64(to), int64(from))
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("tell events after %d: %w", from, ErrStale)
	}
	for _, w := range waits {
		_, err := tx.exec("INSERT OR IGNORE INTO alert_waits(alert, request, due_ms, told) VALUES (?,?,?,0)", w.Alert, string(w.Request), upMS(w.Due))
		if err != nil {
			return err
		}
	}
	return tx.insertDeliveries(list)
}

func (tx *Tx) insertDeliveries(list []Delivery) error {
	waiting := room{}
	for _, d := range list {
		to := whom{d.Alert, d.Channel, d.User}
		left, err := waiting.of(tx, to)
		switch {
		case err != nil:
		case left <= 0:
			err = tx.countMore(d, 1)
		default:
			waiting[to]--
			err = tx.insertDelivery(d)
		}
		if err != nil {
			return fmt.Errorf("write delivery %s: %w", d.ID, err)
		}
	}
	return nil
}

func (tx *Tx) insertDelivery(d Delivery) error {
	_, err := tx.exec("INSERT INTO deliveries("+deliveryColumns+") VALUES ("+marks(19)+")", d.ID, d.Alert, d.Channel, string(d.User), d.Kind,
		string(d.Request), int64(d.Event), d.State, d.Tries, upMS(d.Next), ms(d.Begun), d.Lane, d.Gather, d.Mandatory, d.Batch, d.Error, ms(d.CreatedAt), ms(d.SentAt), d.More)
	return err
}

// AlertWait is a request that an alert looks at when it has waited for long.
type AlertWait struct {
	Alert   string
	Request elevation.RequestID
	Due     time.Time
}

// AlertWaits are those that are due, the oldest first, at most limit, and when
// the next one is.
func (tx *Tx) AlertWaits(now time.Time, limit int) (list []AlertWait, next time.Time, err error) {
	err = tx.rows(func(scan func(...any) error) error {
		var w AlertWait
		var due int64
		err := scan(&w.Alert, &w.Request, &due)
		w.Due = at(due)
		switch {
		case err != nil:
		case !w.Due.After(now) && len(list) < limit:
			list = append(list, w)
		case next.IsZero():
			next = w.Due
		}
		return err
	}, "SELECT alert, request, due_ms FROM alert_waits WHERE told = 0 ORDER BY due_ms LIMIT ?", limit+1)
	return list, next, err
}

// TellWaits writes what is to be told of requests that waited for long; each is
// told once.
func (tx *Tx) TellWaits(waits []AlertWait, list []Delivery) error {
	told := map[AlertWait]bool{}
	for _, w := range waits {
		n, err := tx.exec("UPDATE alert_waits SET told = 1 WHERE alert = ? AND request = ? AND told = 0", w.Alert, string(w.Request))
		if err != nil {
			return err
		}
		told[AlertWait{Alert: w.Alert, Request: w.Request}] = n == 1
	}
	list = slices.DeleteFunc(slices.Clone(list), func(d Delivery) bool { return !told[AlertWait{Alert: d.Alert, Request: d.Request}] })
	return tx.insertDeliveries(list)
}

// laneBack is how much older than its sending a delivery of a lane can be.
const laneBack = 8 * 24 * time.Hour

// LaneUsed is when something was sent in a lane last, as far as that is since a
// time, and up to when something waits in it; the zero time when nothing.
func (tx *Tx) LaneUsed(lane string, since time.Time) (sent, waiting time.Time, err error) {
	var s, w int64
	err = tx.row([]any{&s, &w}, `SELECT coalesce(max(CASE WHEN state = 'sent' AND sent_ms >= ?2 THEN sent_ms END), 0),
coalesce(max(CASE WHEN state = 'waiting' THEN next_ms END), 0)
FROM deliveries WHERE lane = ?1 AND lane <> '' AND created_ms >= ?3`, lane, ms(since), ms(since.Add(-laneBack)))
	return at(s), at(w), err
}

// BusyChannels are the channels through which something waits to be told.
func (tx *Tx) BusyChannels() (ids []string, err error) {
	err = tx.rows(func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		ids = append(ids, id)
		return err
	}, "SELECT DISTINCT channel FROM deliveries WHERE state = 'waiting'")
	return ids, err
}

// Due are the next deliveries of a channel, at most limit, also those that are not
// due yet.
func (tx *Tx) Due(channel string, limit int) ([]Delivery, error) {
	return tx.deliveries("WHERE channel = ? AND state = 'waiting' ORDER BY next_ms, event, id LIMIT ?", channel, limit)
}

// Together are the deliveries that are told together with d: those of its batch,
// or, when it has none, what is due and gathered in its lane.
func (tx *Tx) Together(d Delivery, now time.Time, limit int) ([]Delivery, error) {
	if d.Batch != "" {
		return tx.deliveries("WHERE lane = ? AND lane <> '' AND batch = ? AND state = 'waiting' ORDER BY event, id", d.Lane, d.Batch)
	}
	return tx.deliveries("WHERE lane = ? AND lane <> '' AND batch = '' AND gather = 1 AND state = 'waiting' AND next_ms <= ? ORDER BY event, id LIMIT ?", d.Lane, ms(now), limit)
}

// PutDeliveries writes what came of deliveries: state, tries, times, batch and
// error. One that is gone meanwhile is no error.
func (tx *Tx) PutDeliveries(list ...Delivery) error {
	for _, d := range list {
		_, err := tx.exec("UPDATE deliveries SET state = ?, tries = ?, next_ms = ?, begun_ms = ?, gather = ?, batch = ?, error = ?, sent_ms = ? WHERE id = ?",
			d.State, d.Tries, upMS(d.Next), ms(d.Begun), d.Gather, d.Batch, d.Error, ms(d.SentAt), d.ID)
		if err == nil && d.Kind == KindMore && d.State != DeliveryWaiting {
			err = tx.keepMore(d)
		}
		if err != nil {
			return fmt.Errorf("write delivery %s: %w", d.ID, err)
		}
	}
	return nil
}

// Delivery reads one delivery; [elevation.ErrNotFound] when there is none.
func (tx *Tx) Delivery(id string) (Delivery, error) {
	list, err := tx.deliveries("WHERE id = ?", id)
	if err == nil && len(list) == 0 {
		err = elevation.ErrNotFound
	}
	if err != nil {
		return Delivery{}, fmt.Errorf("delivery: %w", err)
	}
	return list[0], nil
}

// DeliveryFilter narrows a list of deliveries. Zero fields do not narrow.
type DeliveryFilter struct {
	Channel string
	State   string
	Request elevation.RequestID
	Before  string // id: only older ones
	Limit   int
}

// Deliveries lists deliveries, the newest first.
func (tx *Tx) Deliveries(f DeliveryFilter) ([]Delivery, error) {
	limit, err := pageLimit(f.Limit)
	if err != nil {
		return nil, err
	}
	var q where
	for _, c := range []struct{ cond, value string }{{"channel = ?", f.Channel}, {"state = ?", f.State}, {"request = ?", string(f.Request)}, {"id < ?", f.Before}} {
		if c.value != "" {
			q.and(c.cond, c.value)
		}
	}
	return tx.deliveries("WHERE "+q.sql()+" ORDER BY id DESC LIMIT ?", append(q.args, limit)...)
}

func (tx *Tx) deliveries(tail string, args ...any) (out []Delivery, err error) {
	err = tx.rows(func(scan func(...any) error) error {
		var d Delivery
		var event, next, begun, created, sent int64
		err := scan(&d.ID, &d.Alert, &d.Channel, &d.User, &d.Kind, &d.Request, &event, &d.State, &d.Tries, &next, &begun, &d.Lane, &d.Gather,
			&d.Mandatory, &d.Batch, &d.Error, &created, &sent, &d.More)
		d.Event, d.Next, d.Begun, d.CreatedAt, d.SentAt = uint64(event), at(next), at(begun), at(created), at(sent)
		out = append(out, d)
		return err
	}, "SELECT "+deliveryColumns+" FROM deliveries "+tail, args...)
	return out, err
}

// ForgetDeliveries deletes what was told, or given up, before that time: a
// bounded number of rows. more says that others are left.
func (tx *Tx) ForgetDeliveries(until time.Time) (more bool, err error) {
	const limit = 500
	n, err := tx.exec("DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE state <> 'waiting' AND created_ms < ? LIMIT ?)", ms(until), limit)
	if err != nil {
		return false, fmt.Errorf("forget deliveries: %w", err)
	}
	if _, err := tx.exec("DELETE FROM alert_waits WHERE told = 1 AND due_ms < ?", ms(until)); err != nil {
		return false, fmt.Errorf("forget deliveries: %w", err)
	}
	return n == limit, nil
}
