package store

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/shared/elevation"
)

// RowsOf are the sealed events of one request in the order of their commits,
// those without a place in the log last, with Seq 0.
func (tx *Tx) RowsOf(id elevation.RequestID) ([]audit.Row, error) {
	placed, err := tx.auditRows("WHERE pos IN (SELECT r.pos FROM event_requests r WHERE r.request = ?) ORDER BY pos", string(id))
	if err != nil {
		return nil, err
	}
	fresh, err := tx.auditRows("WHERE pos > "+headQuery+" AND request = ? ORDER BY pos", string(id))
	return append(placed, fresh...), err
}

// eventWindow is how far from its time an event is looked for by its id.
const eventWindow = 2000

// EventRow finds one event by its number or its id; [elevation.ErrNotFound] when
// there is none. Events have no index of ids: an id begins with the time at which
// it was made, and events stand in nearly that order.
func (tx *Tx) EventRow(name string) (audit.Row, error) {
	notFound := fmt.Errorf("event %s: %w", audit.Clip(name, 64), elevation.ErrNotFound)
	if n, err := strconv.ParseInt(name, 10, 63); err == nil {
		return tx.oneRow(notFound, "WHERE pos = ?", n)
	}
	digits := strings.ReplaceAll(strings.TrimPrefix(name, elevation.EventPrefix), "-", "")
	raw, err := hex.DecodeString(digits)
	if elevation.CheckID(elevation.EventPrefix, name) != nil || err != nil || len(raw) != 16 {
		return audit.Row{}, notFound
	}
	made := int64(0)
	for _, b := range raw[:6] {
		made = made<<8 | int64(b)
	}
	pos, err := tx.eventAt(made)
	if err != nil {
		return audit.Row{}, err
	}
	return tx.oneRow(notFound, "WHERE pos > ? AND pos < ? AND id = ?", pos-eventWindow, pos+eventWindow, name)
}

func (tx *Tx) oneRow(notFound error, tail string, args ...any) (audit.Row, error) {
	rows, err := tx.auditRows(tail+" LIMIT 1", args...)
	if err == nil && len(rows) == 0 {
		err = notFound
	}
	if err != nil {
		return audit.Row{}, err
	}
	return rows[0], nil
}

// eventAt is the first place whose event is not older than a time.
func (tx *Tx) eventAt(made int64) (int64, error) {
	low, high := int64(1), int64(0)
	if err := tx.row([]any{&high}, "SELECT coalesce(max(pos), 0) + 1 FROM events"); err != nil {
		return 0, err
	}
	for low < high {
		mid := low + (high-low)/2
		var at int64
		if err := tx.row([]any{&at}, "SELECT at FROM events WHERE pos >= ? ORDER BY pos LIMIT 1", mid); err != nil {
			return 0, err
		}
		if at < made {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, nil
}
