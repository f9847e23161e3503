package agent

import (
	"context"
	"fmt"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// This file is for mechanisms that answer at once and hold nobody: an approval
// waits in the ledger until the same thing is tried again.

// Claim gives out the permit for an attempt that is approved already, to one
// caller only. It asks nobody: one that the person must confirm first is not given
// out like this.
func (a *Agent) Claim(attempt elevation.Attempt) (intercept.Permit, bool) {
	if attempt.Valid() != nil || a.lockedBy() != "" {
		return intercept.Permit{}, false
	}
	permit, ok := a.claimWaiting(attempt)
	if ok && a.wantsConfirm(permit.Grant) != elevation.ConfirmNone && !a.proofs.spend(permit.Grant.ID, a.now()) {
		a.unclaim(permit.Grant.ID)
		return intercept.Permit{}, false
	}
	return permit, ok
}

// Spend takes the one use of a permit for something that is over as soon as it
// is allowed: a word to polkit, a program that keeps its own rights. It is on the
// disk when Spend returns; the reports follow. After an error nothing may happen.
func (a *Agent) Spend(permit intercept.Permit) error {
	id := permit.Grant.ID
	defer a.unclaim(id)
	if why := a.lockedBy(); why != "" {
		return fmt.Errorf("spend grant %s: this endpoint is locked: %s", id, why)
	}
	e, ok := a.Ledger.Get(id)
	now := a.Clock()
	if !ok || !e.Usable(now) {
		return fmt.Errorf("spend grant %s: %w", id, grants.ErrNoEntry)
	}
	e.State, e.Used = grants.Active, true
	e.EndReason = elevation.Completed // also when the agent dies before it says so
	e.Total = max(e.Total, permit.Grant.Duration)
	e.EndBy = now.After(permit.Grant.Duration).NotAfter(permit.Grant.NotAfter).Later(e.Total - permit.Grant.Duration)
	if err := a.Ledger.Put(e); err != nil {
		return fmt.Errorf("spend grant %s: %w", id, err)
	}
	a.background.Go(func() { a.spent(e, now) })
	return nil
}

func (a *Agent) spent(e grants.Entry, at grants.Moment) {
	if err := a.Conn.Report(wire.Report{Request: e.Request, Grant: e.ID, Kind: elevation.ReportStarted, At: at.Wall}); err != nil {
		a.Log.Error("report the start", "grant", e.ID, "error", err)
	}
	a.noteStart(e.Request)
	if err := a.end(context.WithoutCancel(a.life), e.ID, elevation.Completed); err != nil {
		a.Log.Error("end a spent grant", "grant", e.ID, "error", err)
	}
}

// Holds reports whether the policy in force has attempts by mechanism m held, for
// whoever is not excepted.
func (a *Agent) Holds(m elevation.Mechanism) bool {
	s := a.inForce().Stance(m)
	return s != elevation.StanceOff && s != elevation.StanceObserve
}
