package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

// Arm is the step between a permit and its first effect: the ledger says what
// may exist from now on, the timer of the service manager is set, and the held
// process is put into its own tree. It implements sudo's Effects.
func (a *Agent) Arm(ctx context.Context, permit intercept.Permit, dropin string, pid int) error {
	e, err := a.armTree(ctx, permit, dropin, pid)
	if err != nil {
		return err
	}
	a.watchTree(e, nil)
	return nil
}

func (a *Agent) armTree(ctx context.Context, permit intercept.Permit, dropin string, pid int) (grants.Entry, error) {
	e, scheduled, err := a.arm(ctx, permit, func(e *grants.Entry) { e.Effect.Dropin, e.Effect.Seat = dropin, seatOf(pid, e.UID) })
	if err != nil {
		return e, err
	}
	ref, err := a.Trees.Put(ctx, string(e.ID), e.UID, pid, e.Total)
	if err = errors.Join(err, scheduled()); err != nil {
		return e, errors.Join(fmt.Errorf("contain the command: %w", err), a.Fail(ctx, e.ID, err))
	}
	e.Effect.Tree = ref
	if err := a.Ledger.Put(e); err != nil {
		return e, errors.Join(fmt.Errorf("note the tree: %w", err), a.Fail(ctx, e.ID, err))
	}
	a.FailPoint("contained")
	return e, nil
}

// arm takes the one use of a grant, durably, before anything happens. The timer
// that ends it without the agent is set meanwhile, as systemd takes its time;
// scheduled waits for it and must be called before the effect is let go on.
func (a *Agent) arm(ctx context.Context, permit intercept.Permit, plan func(*grants.Entry)) (e grants.Entry, scheduled func() error, err error) {
	id := permit.Grant.ID
	defer a.unclaim(id)
	if why := a.lockedBy(); why != "" {
		return e, nil, fmt.Errorf("arm grant %s: this endpoint is locked: %s", id, why)
	}
	e, ok := a.Ledger.Get(id)
	now := a.Clock()
	if !ok || !e.Usable(now) {
		return e, nil, fmt.Errorf("arm grant %s: %w", id, grants.ErrNoEntry)
	}
	e.State, e.Used = grants.Armed, true
	e.Total = max(e.Total, permit.Grant.Duration)
	e.EndBy = now.After(permit.Grant.Duration).NotAfter(permit.Grant.NotAfter).Later(e.Total - permit.Grant.Duration) // it may be amended before it is used
	if err := a.afford(&e, permit.Grant.AccessType); err != nil {
		return e, nil, fmt.Errorf("arm grant %s: %w", id, err)
	}
	tree, err := a.Trees.Plan(string(id), e.UID)
	if err != nil {
		return e, nil, fmt.Errorf("arm grant %s: %w", id, err)
	}
	e.Effect.Tree = tree
	plan(&e)
	if err := a.Ledger.Put(e); err != nil {
		return e, nil, fmt.Errorf("arm grant %s: %w", id, err)
	}
	a.FailPoint("armed")
	a.ledgerChanged()
	return e, a.schedule(ctx, e), nil
}

func (a *Agent) schedule(ctx context.Context, e grants.Entry) (wait func() error) {
	if a.Schedule == nil {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	a.background.Go(func() { done <- a.Schedule(ctx, e) })
	return func() error {
		if err := <-done; err != nil {
			return fmt.Errorf("schedule the end of grant %s: %w", e.ID, err)
		}
		return nil
	}
}

// Start notes that the armed program runs and reports it.
func (a *Agent) Start(ctx context.Context, id elevation.GrantID) error {
	e, ok := a.Ledger.Get(id)
	if !ok || e.State != grants.Armed || e.Due(a.Clock()) {
		return fmt.Errorf("start grant %s: %w", id, grants.ErrNoEntry)
	}
	e.State = grants.Active
	e.Effect.Dropin = "" // the caller has removed it: it is never needed again
	if err := a.Ledger.Put(e); err != nil {
		return fmt.Errorf("start grant %s: %w", id, err)
	}
	a.FailPoint("started")
	if e.Parent != "" {
		return a.beganInside(e)
	}
	if err := a.tellStart(e); err != nil {
		return fmt.Errorf("report the start of grant %s: %w", id, err)
	}
	a.noteStart(e.Request)
	a.ledgerChanged()
	return nil
}

func (a *Agent) noteStart(id elevation.RequestID) {
	now := a.now()
	if err := a.journal.update(id, now, func(n *note) { n.happened(now, "started", "", "") }); err != nil {
		a.Log.Error("note a start", "request", id, "error", err)
	}
}

// Fail ends a grant whose program never ran.
func (a *Agent) Fail(ctx context.Context, id elevation.GrantID, why error) error {
	a.Log.Warn("an approved command did not start", "grant", id, "error", why)
	a.unclaim(id)
	return a.end(context.WithoutCancel(ctx), id, elevation.Failed)
}

// Release gives back a permit that was not armed: the same command typed again
// may use it.
func (a *Agent) Release(id elevation.GrantID) { a.unclaim(id) }

// Run starts the program of a permit on behalf of `assent run`. The spec's tree
// and time are filled here, everything else by the caller. It implements
// local's Runner. say tells the person in front of the program something.
func (a *Agent) Run(ctx context.Context, permit intercept.Permit, spec privilege.Spec, say func(string)) (*privilege.Running, error) {
	id := permit.Grant.ID
	if permit.Grant.Children == elevation.ChildrenContain {
		a.Release(id)
		return nil, &intercept.Refused{By: "this endpoint", Rule: true, Text: "what this command starts must be held to the rules, which only sudo can do: type the same with sudo"}
	}
	spec.Alone = permit.Grant.Children == elevation.ChildrenDeny
	e, scheduled, err := a.arm(ctx, permit, func(e *grants.Entry) {
		e.Effect.Stage, e.Effect.Seat = privilege.StagePath(a.StageDir, id), seatOf(spec.Caller, e.UID)
	})
	if err != nil {
		return nil, err
	}
	spec.Grant, spec.Request, spec.TTL, spec.StageDir = id, e.Request, e.Total, a.StageDir
	spec.Follow = true
	spec.Contained = func() error {
		err := scheduled()
		if err == nil && e.Parent != "" {
			err = a.beganInside(e)
		}
		return err
	}
	running, err := a.Trees.Start(ctx, spec)
	if err != nil {
		return nil, errors.Join(err, a.Fail(ctx, e.ID, err))
	}
	e.Effect.Tree = running.Tree
	e.State = grants.Active
	if err := a.Ledger.Put(e); err != nil {
		running.Births.Close()
		return nil, errors.Join(fmt.Errorf("note the start: %w", err), a.Fail(ctx, e.ID, err))
	}
	a.FailPoint("started")
	if e.Parent == "" {
		if err := a.tellStart(e); err != nil {
			a.Log.Error("report the start", "grant", e.ID, "error", err)
		}
		a.noteStart(e.Request)
	}
	a.mu.Lock()
	a.says[id] = say
	a.mu.Unlock()
	a.watchTree(e, running)
	a.ledgerChanged()
	return running, nil
}

// noteExit waits for a program that [Agent.Run] started and notes its exit code.
func (a *Agent) noteExit(id elevation.GrantID, running *privilege.Running) {
	select {
	case <-running.Done():
	case <-a.life.Done():
		return // the agent stops; what runs goes on, and the next start adopts it
	}
	code, err := running.Wait()
	if err != nil {
		return
	}
	e, ok := a.Ledger.Get(id)
	if !ok || e.State != grants.Active {
		return
	}
	e.Exit = &code
	if err := a.Ledger.Put(e); err != nil {
		a.Log.Error("note the exit code", "grant", id, "error", err)
	}
}
