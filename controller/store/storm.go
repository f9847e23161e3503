package store

import (
	"fmt"

	"github.com/assent-epm/assent/shared/elevation"
)

// A storm of events is told up to a bound; what comes beyond it is counted into
// one delivery, until that is sent.
const schemaStorm = `
ALTER TABLE deliveries ADD COLUMN more INTEGER NOT NULL DEFAULT 0;
CREATE INDEX deliveries_of ON deliveries(alert, channel, user) WHERE state = 'waiting';
`

// MaxWaiting is how many deliveries of one alert wait for one recipient of a
// channel; further ones are counted.
const MaxWaiting = 200

// KindMore is the kind of a delivery that stands for others.
const KindMore = "events.more"

// whom an alert tells through which channel.
type whom struct {
	alert, channel string
	user           elevation.UserID
}

// room is how many deliveries more may wait, by whom they are for.
type room map[whom]int

// of counts, once for each recipient.
func (r room) of(tx *Tx, to whom) (int, error) {
	left, known := r[to]
	if known {
		return left, nil
	}
	var n int
	err := tx.row([]any{&n}, "SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE alert = ? AND channel = ? AND user = ? AND state = 'waiting'"+
		limited(MaxWaiting)+")", to.alert, to.channel, string(to.user))
	r[to] = MaxWaiting - n
	return r[to], err
}

// countMore counts a delivery instead of storing it: in the one that waits
// already, or else in the first of its kind.
func (tx *Tx) countMore(d Delivery, n int) error {
	found, err := tx.exec("UPDATE deliveries SET more = more + ? WHERE alert = ? AND channel = ? AND user = ? AND state = 'waiting' AND kind = ?",
		n, d.Alert, d.Channel, string(d.User), KindMore)
	if err != nil || found > 0 {
		return err
	}
	d.Kind, d.Request, d.Event, d.More = KindMore, "", 0, n
	return tx.insertDelivery(d)
}

// keepMore looks, when a delivery that stands for others is over, for those that
// were counted while it was being sent, and lets them wait for the next one.
func (tx *Tx) keepMore(d Delivery) error {
	var counted int
	if err := tx.row([]any{&counted}, "SELECT more FROM deliveries WHERE id = ?", d.ID); err != nil {
		return fmt.Errorf("read delivery %s: %w", d.ID, err)
	}
	if counted <= d.More {
		return nil
	}
	if _, err := tx.exec("UPDATE deliveries SET more = ? WHERE id = ?", d.More, d.ID); err != nil {
		return err
	}
	at := d.CreatedAt
	if !d.SentAt.IsZero() {
		at = d.SentAt
	}
	next := Delivery{ID: elevation.NewID(DeliveryPrefix, at), Alert: d.Alert, Channel: d.Channel, User: d.User, State: DeliveryWaiting, Next: d.Next,
		Lane: d.Lane, Gather: d.Gather, Mandatory: d.Mandatory, CreatedAt: at}
	return tx.countMore(next, counted-d.More)
}
