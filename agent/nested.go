package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// Nested uses up the permit of a program that runs inside the tree of grant
// outer: it is over at once, as it ends with that tree. It implements sudo's
// Effects.
func (a *Agent) Nested(ctx context.Context, outer elevation.GrantID, permit intercept.Permit) error {
	id := permit.Grant.ID
	defer a.unclaim(id)
	now := a.Clock()
	around, ok := a.Ledger.Get(outer)
	if !ok || around.State != grants.Active || around.Due(now) {
		return fmt.Errorf("start inside grant %s: %w", outer, grants.ErrNoEntry)
	}
	e, ok := a.Ledger.Get(id)
	if !ok || !e.Usable(now) {
		return fmt.Errorf("start grant %s: %w", id, grants.ErrNoEntry)
	}
	e.State, e.Used, e.EndBy = grants.Active, true, around.EndBy
	if err := a.Ledger.Put(e); err != nil {
		return fmt.Errorf("start grant %s: %w", id, err)
	}
	if err := a.tellStart(e); err != nil {
		return fmt.Errorf("report the start of grant %s: %w", id, err)
	}
	a.Listed(outer, permit.Grant.Subject, "")
	if err := a.end(ctx, id, elevation.Completed); err != nil {
		a.Log.Error("end what ran inside another grant", "grant", id, "error", err)
	}
	return nil
}

// Listed notes a program on the request of grant outer, inside which it ran or,
// for the reason why, did not. It implements sudo's Effects.
func (a *Agent) Listed(outer elevation.GrantID, subject elevation.Subject, why string) {
	e, ok := a.Ledger.Get(outer)
	if !ok {
		return
	}
	err := a.Conn.Report(wire.Report{Request: e.Request, Grant: outer, Kind: elevation.ReportListed, Failed: why != "", Text: why, Subject: &subject, At: a.now()})
	if err != nil {
		a.Log.Error("list a program", "grant", outer, "error", err)
	}
}

// bornUnknown is listed where the system does not tell what a program starts any
// more, as after a restart of the agent where a job tells one of them only.
const bornUnknown = "what it starts from here on is not known"

// listBorn lists what the program of e starts, on systems that tell; running is
// the program if this agent started it. The caller calls over, which lists what
// began before and is done then; again it does nothing.
func (a *Agent) listBorn(e grants.Entry, running *privilege.Running) (over func()) {
	list := func(program string) {
		a.Listed(cmp.Or(e.Parent, e.ID), elevation.Subject{Path: program}, "")
	}
	var births *privilege.Births
	if running != nil {
		births = running.Births
	} else if e.Access == "" || e.Access == elevation.Run {
		var err error
		if births, err = a.Trees.Births(e.Effect.Tree); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			a.Log.Warn("what a program starts is not listed", "grant", e.ID, "error", err)
			list(bornUnknown)
		}
	}
	if births == nil {
		return func() {}
	}
	ctx, stop := context.WithCancel(a.life)
	done := make(chan struct{})
	a.background.Go(func() {
		defer close(done)
		if err := births.Each(ctx, list); err != nil {
			a.Log.Error("what a program starts is not listed", "grant", e.ID, "error", err)
			list(bornUnknown)
		}
	})
	return func() { stop(); <-done }
}
