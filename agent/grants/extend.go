package grants

import (
	"fmt"
	"slices"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// Extend stores that the grant id may last total in all, as the amendment of
// the request by says. An amendment that was taken before changes nothing; one
// that would not make it longer is only remembered. It returns the entry as it
// is now, and [ErrNoEntry] or [ErrEnded] when there is nothing to make longer.
func (l *Ledger) Extend(id elevation.GrantID, by elevation.RequestID, total time.Duration) (Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.all[id]
	switch {
	case !ok:
		return e, fmt.Errorf("extend grant %s: %w", id, ErrNoEntry)
	case slices.Contains(e.Amendments, by):
		return e, nil
	case e.State == Ended || e.EndTries > 0:
		return e, fmt.Errorf("extend grant %s: %w", id, ErrEnded)
	case e.Total <= 0:
		return e, fmt.Errorf("extend grant %s: %w: its time is not known", id, ErrInvalid)
	}
	e.Amendments = append(slices.Clone(e.Amendments), by)
	if grown := total - e.Total; grown > 0 {
		e.Total = total
		if !e.EndBy.IsZero() {
			e.EndBy = e.EndBy.Later(grown)
		}
	}
	return e, l.putLocked(e)
}

// amendedAs takes over what an amendment gave after e was looked at.
func (e Entry) amendedAs(was Entry) Entry {
	if len(e.Amendments) >= len(was.Amendments) {
		return e
	}
	if !e.EndBy.IsZero() {
		e.EndBy = e.EndBy.Later(was.Total - e.Total)
	}
	e.Total, e.Amendments = was.Total, was.Amendments
	return e
}

// Carry takes an unused entry with a window in the future over into the boot of
// now: from then on the boot clock of this one counts too.
func (l *Ledger) Carry(id elevation.GrantID, now Moment) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.all[id]
	if !ok || e.State != Held || e.Opens.IsZero() || e.UseBy.BootID == now.BootID {
		return nil
	}
	if e.Due(now) {
		return fmt.Errorf("carry grant %s: %w", id, ErrEnded)
	}
	e.UseBy = now.After(e.UseBy.Wall.Sub(now.Wall))
	e.Received = now
	return l.putLocked(e)
}
