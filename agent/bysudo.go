package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/intercept/sudo"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

// This file lets the sudo of the person's own terminal run what was approved, where
// sudo has no plugin of ours (macOS). A rule for our own program, which becomes what was
// approved, stands in the ledger before it is there, and is taken back once sudo has
// begun; used again meanwhile, it becomes nothing: see errand.go.

// BySudo makes the rule for the caller, who becomes sudo with argv. [local.ErrNotBySudo] when
// sudo can not run it exactly: then nothing has happened, and the permit is good for
// another way. It implements local's BySudo.
func (a *Agent) BySudo(ctx context.Context, permit intercept.Permit, caller local.Caller, spec privilege.Spec) (argv []string, err error) {
	g := permit.Grant
	if a.SudoDir == "" || !a.errands.lends() || g.Children != "" && g.Children != elevation.ChildrenAllow {
		return nil, local.ErrNotBySudo
	}
	rule, err := a.lender().Rule(g.ID, spec, a.now().Add(sudo.LentFor))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", local.ErrNotBySudo, err)
	}
	_, err = a.admins().Seat(caller.PID, caller.Started, caller.User) // nobody else has its number by now
	if err != nil {
		a.Release(g.ID)
		return nil, fmt.Errorf("the program that asked is gone: %w", err)
	}
	began, err := a.Becomes(caller.PID, caller.Started)
	if err != nil {
		a.Release(g.ID)
		return nil, fmt.Errorf("the program that asked is gone: %w", err)
	}
	a.errands.await(g.ID, waitingErrand{errand: rule.Errand, pid: caller.PID, started: caller.Started, until: a.Clock().After(sudo.LentFor)}, a.Clock())
	stop := func(err error) ([]string, error) {
		a.errands.forget(g.ID)
		over, cancel := context.WithCancel(ctx)
		cancel()
		return nil, errors.Join(err, began(over)) // nobody waits for it
	}
	e, err := a.armTree(ctx, permit, rule.Path, caller.PID)
	if err != nil {
		return stop(err)
	}
	a.FailPoint("lending")
	if err := rule.Give(ctx); err != nil {
		return stop(errors.Join(err, a.Fail(ctx, e.ID, err)))
	}
	a.FailPoint("lent")
	a.background.Go(func() { a.followSudo(e, began, rule) })
	return rule.Argv, nil
}

// followSudo waits for the sudo of the caller to begin, takes the rule back, and follows
// what runs.
func (a *Agent) followSudo(e grants.Entry, began func(context.Context) error, rule sudo.Lent) {
	ctx, cancel := context.WithTimeout(a.life, sudo.LentFor)
	why := began(ctx)
	cancel()
	if err := rule.TakeBack(); err != nil {
		a.Log.Error("take back the rule for one sudo", "grant", e.ID, "error", err)
		why = errors.Join(why, err) // it ends, and the end tries again
	}
	if a.life.Err() != nil {
		return // the next start, or the reaper, finds it armed
	}
	if why == nil {
		why = a.Start(a.life, e.ID)
	}
	if why != nil {
		a.errands.forget(e.ID)
		if err := a.Fail(a.life, e.ID, why); err != nil {
			a.Log.Error("end a grant that sudo did not use", "grant", e.ID, "error", err)
		}
		return
	}
	if now, ok := a.Ledger.Get(e.ID); ok {
		a.watchTree(now, nil)
	}
}
