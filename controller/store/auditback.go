package store

import (
	"fmt"
	"time"

	"github.com/assent-epm/assent/controller/audit"
)

// lookBack is how many events one call of [Tx.EventsBefore] looks at, and
// lookStep how many it reads at a time.
const (
	lookBack = 20_000
	lookStep = 500
)

// EventsBefore returns events with Seq < before (0 = all), the newest first: at
// most limit of those that match, where nil matches everything. One call looks at
// a bounded number of events. next is the before to go on with, 0 when the
// beginning of the log was reached.
func (tx *Tx) EventsBefore(before uint64, limit int, f EventFilter, match func(audit.Event) bool) (out []audit.Event, next uint64, err error) {
	if before == 0 || before > 1<<62 {
		before = 1 << 62
	}
	next = before
	for seen := 0; seen < lookBack; {
		q := f.where()
		q.and("pos < ? AND pos <= "+headQuery, int64(next))
		size := lookStep
		if match == nil {
			size = limit - len(out)
		}
		events, err := tx.openEvents("WHERE "+q.sql()+" ORDER BY pos DESC LIMIT ?", append(q.args, size)...)
		if err != nil {
			return nil, 0, err
		}
		for _, e := range events {
			next = e.Seq
			if match == nil || match(e) {
				out = append(out, e)
			}
			if len(out) == limit {
				return out, beyond(next), nil
			}
		}
		if len(events) < size {
			return out, 0, nil
		}
		seen += len(events)
	}
	return out, beyond(next), nil
}

// beyond is where to go on behind an event; nothing is behind the first.
func beyond(seq uint64) uint64 {
	if seq <= 1 {
		return 0
	}
	return seq
}

// SeqAt is the place in the log of the first event that is not before t, one
// more than there are when all are. Events stand in the order of their commits,
// which is that of their times but for moments.
func (tx *Tx) SeqAt(t time.Time) (uint64, error) {
	var size int64
	if err := tx.row([]any{&size}, "SELECT "+headQuery); err != nil {
		return 0, fmt.Errorf("find a time in the log: %w", err)
	}
	low, high := int64(1), size+1
	for low < high {
		mid := (low + high) / 2
		var when int64
		if err := tx.row([]any{&when}, "SELECT at FROM events WHERE pos = ?", mid); err != nil {
			return 0, fmt.Errorf("find a time in the log: %w", err)
		}
		if at(when).Before(t) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return uint64(low), nil
}
