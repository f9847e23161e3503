package admin

import (
	"context"
	"fmt"
	"time"

	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

// How far back new rules are held against what people denied.
const (
	deniedDays = 30
	deniedMost = 2000 // requests
)

// DeniedError says that new rules would approve what a person denied. It is an
// [ErrConflict]; the caller may acknowledge it.
type DeniedError struct {
	Count   int
	Request elevation.RequestID // the newest of them
	Rule    string              // that would approve it
}

// Error says how many and what to do.
func (e *DeniedError) Error() string {
	return fmt.Sprintf("rule %q would approve %s, which a person denied (%d such requests in %d days): make it narrower, or acknowledge it",
		e.Rule, e.Request, e.Count, deniedDays)
}

// Unwrap makes the error an [ErrConflict].
func (e *DeniedError) Unwrap() error { return ErrConflict }

// checkDenied evaluates the set over the newest requests that people denied.
func (a *Admin) checkDenied(ctx context.Context, set *rules.Set) error {
	found := &DeniedError{}
	filter := store.RequestFilter{States: []elevation.State{elevation.StateDenied}, Since: a.cfg.Now().Add(-deniedDays * 24 * time.Hour),
		Sort: "newest", Limit: store.MaxLimit}
	for seen := 0; seen < deniedMost; {
		more, err := a.deniedPage(ctx, set, &filter, found)
		if err != nil {
			return fmt.Errorf("look at what was denied: %w", err)
		}
		seen += filter.Limit
		if !more {
			break
		}
	}
	if found.Count > 0 {
		return found
	}
	return nil
}

func (a *Admin) deniedPage(ctx context.Context, set *rules.Set, f *store.RequestFilter, found *DeniedError) (more bool, err error) {
	type denied struct {
		in rules.Input
		at time.Time
		id elevation.RequestID
	}
	var list []denied
	err = a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		page, err := tx.RequestPage(*f)
		if err != nil {
			return err
		}
		f.Cursor, more = page.Next, page.Next != ""
		for _, r := range page.Items {
			if r.Decision == nil || r.Decision.By.Kind != elevation.ByUser {
				continue
			}
			ep, err := tx.Endpoint(r.Endpoint)
			if err != nil {
				return err
			}
			list = append(list, denied{in: input(r, ep), at: r.SubmittedAt, id: r.ID})
		}
		return nil
	})
	for _, d := range list {
		if o := set.Evaluate(d.in, d.at); o.Kind == rules.Approve {
			if found.Count == 0 {
				found.Request, found.Rule = d.id, string(o.Name)
			}
			found.Count++
		}
	}
	return more, err
}
