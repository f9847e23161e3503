package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

const (
	endedKept   = 48 * time.Hour // longer than any grant is delivered: a replay is recognised
	lookAtLeast = time.Second    // while something is in force
)

func (a *Agent) ledgerChanged() {
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// Wake has the deadlines looked at now: the machine has slept or its clock was set,
// and timers do not run while it sleeps.
func (a *Agent) Wake() { a.ledgerChanged() }

// Expire ends what is due until ctx ends. Deadlines are the truth and are read
// anew at each look; the timer only says when to look.
func (a *Agent) Expire(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.changed:
		case <-timer.C:
		}
		timer.Reset(a.look(ctx))
	}
}

// look ends what is due and returns when to look again.
func (a *Agent) look(ctx context.Context) time.Duration {
	now, next := a.Clock(), time.Hour
	for _, e := range a.Ledger.All() {
		switch {
		case e.State == grants.Ended:
			a.tidy(e, now)
			next = a.retry(ctx, e, now, next)
		case e.Due(now):
			a.sayOver(e, now)
			if err := a.end(ctx, e.ID, dueReason(e, now)); err != nil {
				a.Log.Error("end a grant that is due", "grant", e.ID, "error", err)
			}
			next = min(next, lookAtLeast)
		case e.State == grants.Held:
			next = min(next, max(e.UseBy.Left(now), 10*time.Millisecond))
		default:
			a.warn(e, now)
			next = min(next, lookAtLeast, max(e.EndBy.Left(now), 10*time.Millisecond))
		}
	}
	return next
}

func dueReason(e grants.Entry, now grants.Moment) elevation.EndReason {
	if e.Received.BootID != now.BootID {
		return elevation.Reboot
	}
	return elevation.Deadline
}

// tidy reports an end that was not reported yet (the reaper ended it, or the
// agent died in between) and forgets what no replay can bring back.
func (a *Agent) tidy(e grants.Entry, now grants.Moment) {
	if e.Parent != "" {
		if err := a.overInside(e, nil); err != nil {
			a.Log.Error("forget a command of a session", "grant", e.ID, "error", err)
		}
		return
	}
	if !e.Reported {
		if err := a.reportEnd(e, ""); err != nil {
			a.Log.Error("report an end", "grant", e.ID, "error", err)
		}
		return
	}
	if now.Wall.Sub(e.EndedAt) > endedKept && e.EndReason != elevation.Abandoned {
		if err := a.Ledger.Delete(e.ID); err != nil {
			a.Log.Error("forget an ended grant", "grant", e.ID, "error", err)
		}
	}
}

// end takes a grant back, verifies that it is gone and reports it. Ending what
// is not there or already ended does nothing.
func (a *Agent) end(ctx context.Context, id elevation.GrantID, reason elevation.EndReason) error {
	e, ok := a.Ledger.Get(id)
	if !ok || e.State == grants.Ended {
		return nil
	}
	if err := a.closeInside(ctx, e, reason); err != nil {
		a.Log.Error("end what runs in a session", "grant", id, "error", err)
	}
	ended, err := a.Ledger.End(ctx, a.Trees, e, reason)
	a.FailPoint("ended")
	if err != nil && ended.State != grants.Ended {
		return fmt.Errorf("end grant %s: %w", id, err)
	}
	text := ""
	if err != nil {
		text = err.Error()
		a.Log.Error("the end of a grant could not be confirmed", "grant", id, "error", err)
	}
	a.ledgerChanged()
	if ended.Parent != "" {
		return a.overInside(ended, err)
	}
	return a.reportEnd(ended, text)
}

// reportEnd hands the end to the outbox and notes that it did.
func (a *Agent) reportEnd(e grants.Entry, text string) error {
	if err := a.tellEnd(e, text); err != nil {
		return fmt.Errorf("report the end of grant %s: %w", e.ID, err)
	}
	e.Reported = true
	a.forgetSnapshot(e)
	return errors.Join(a.Ledger.Put(e), a.journal.update(e.Request, a.now(), func(n *note) {
		if n.Phase == phaseApproved {
			n.Phase, n.Why = phaseClosed, string(e.EndReason)
			n.happened(e.EndedAt, "ended", "", string(e.EndReason))
			if a.offersLogOff(e) {
				n.happened(e.EndedAt, "log_off", "", "")
			}
		}
	}))
}

// watchTree ends the grant when its tree is empty: completed when the program
// had started, failed when the held process went away before. running is the
// program if this agent started it.
func (a *Agent) watchTree(e grants.Entry, running *privilege.Running) {
	a.mu.Lock()
	watched := a.watched[e.ID]
	a.watched[e.ID] = true
	a.mu.Unlock()
	if watched {
		return
	}
	a.background.Go(func() {
		defer a.unwatched(e.ID)
		hungUp, done := a.watchHangup(e)
		defer done()
		listed := a.listBorn(e, running)
		defer listed()
		if running != nil {
			a.noteExit(e.ID, running)
			a.shellOver(e, running)
		}
		if err := a.Trees.Gone(a.life, e.Effect.Tree); err != nil {
			return // the agent stops, or the tree can not be watched: its deadline ends it
		}
		if job := e.Effect.Tree; e.Access == elevation.Session && job.PID > 1 { // a job that becomes sudo moves into the tree of that
			if err := (privilege.Seat{Leader: job.PID, Started: job.Started}).Gone(a.life); err != nil {
				return
			}
		}
		listed() // before the end is told
		reason := elevation.Completed
		if now, ok := a.Ledger.Get(e.ID); ok {
			switch at := a.Clock(); {
			case now.Due(at): // the reaper or the service manager was first
				reason = dueReason(now, at)
			case now.State == grants.Armed:
				reason = elevation.Failed
			case hungUp(), running != nil && (running.HungUp() || byHangup(now)):
				reason = elevation.Logout
			}
		}
		if err := a.end(a.life, e.ID, reason); err != nil {
			a.Log.Error("end a completed grant", "grant", e.ID, "error", err)
		}
	})
}

// recover brings the ledger and the machine together at start, before any
// attempt is served: what is due, half done or of another boot is undone, what
// runs within its time is adopted. What can not be undone now stays due: Expire
// and the reaper go on trying, and nobody else waits for that.
func (a *Agent) recover(ctx context.Context) {
	now := a.Clock()
	for _, e := range a.Ledger.All() {
		if err := a.settle(ctx, e, now); err != nil {
			a.Log.Error("take back what was left", "grant", e.ID, "error", err)
		}
	}
}

func (a *Agent) settle(ctx context.Context, e grants.Entry, now grants.Moment) error {
	switch {
	case e.State == grants.Ended:
		a.tidy(e, now)
		return nil
	case e.Due(now):
		return a.end(ctx, e.ID, dueReason(e, now))
	case e.State == grants.Armed:
		return a.end(ctx, e.ID, elevation.Failed)
	case e.State == grants.Held:
		return a.Ledger.Carry(e.ID, now)
	}
	if done, err := a.settleUse(ctx, e); done {
		return err
	}
	alive, err := a.Trees.Alive(e.Effect.Tree)
	switch {
	case err != nil:
		return a.end(ctx, e.ID, elevation.Failed)
	case alive:
		a.watchTree(e, nil)
		return nil
	}
	return a.end(ctx, e.ID, elevation.Completed)
}
