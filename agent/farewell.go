package agent

import (
	"context"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
)

const (
	farewellTime = time.Second            // for whoever waits to be told; who is typing a reason is not waited for
	farewellTail = 250 * time.Millisecond // for what was said to be on its way
)

// Farewell tells whoever waits that Assent is being removed from this machine, and
// withdraws what they wait for. What somebody left waiting with b stays at the
// controller until its time is over.
func (a *Agent) Farewell(ctx context.Context) {
	ids := a.heldIDs()
	if len(ids) == 0 {
		return
	}
	for _, id := range ids {
		a.tell(id, func(h *holder) { h.final = intercept.ErrRemoved })
	}
	over := time.NewTimer(farewellTime)
	defer over.Stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for late := false; !late && len(a.heldIDs()) > 0; {
		select {
		case <-again.C:
		case <-over.C:
			late = true
		case <-ctx.Done():
			return
		}
	}
	for _, id := range ids {
		a.withdraw(id)
	}
	select {
	case <-time.After(farewellTail):
	case <-ctx.Done():
	}
}

// heldIDs are the requests that somebody waits for.
func (a *Agent) heldIDs() []elevation.RequestID {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := make([]elevation.RequestID, 0, len(a.holders))
	for id := range a.holders {
		ids = append(ids, id)
	}
	return ids
}
