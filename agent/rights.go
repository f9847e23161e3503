package agent

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/standing"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// This file tells the controller who can become root without Assent, and obeys its
// signed orders to take such rights over or to give them back.

// rightsEvery is how often the machine is looked at when nothing seems to change.
const rightsEvery = time.Hour

// OrderPrefix begins the ids of orders.
const OrderPrefix = "ro_"

// maxOrdered is how many rights one order may name.
const maxOrdered = 1000

// WatchRights tells the standing rights after each connect and when they change,
// until ctx ends.
func (a *Agent) WatchRights(ctx context.Context) error {
	if a.Standing == nil {
		return nil
	}
	changes, over := a.Standing.Watch(ctx)
	defer over() // ctx has ended by then
	tick := time.NewTicker(rightsEvery)
	defer tick.Stop()
	var told []byte
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changes:
		case <-tick.C:
		case <-a.rightsDue:
			told = nil
		}
		found := a.Standing.Scan()
		if sum := found.Digest(); !bytes.Equal(sum, told) && a.tellRights(found) {
			told = sum
		}
	}
}

// rightsAgain makes the rights be told, whether they have changed or not.
func (a *Agent) rightsAgain() {
	select {
	case a.rightsDue <- struct{}{}:
	default:
	}
}

func (a *Agent) tellRights(f standing.Found) bool {
	err := a.Conn.Tell(wire.Rights{At: a.now(), Rights: f.Rights, Taken: f.Taken, More: f.More, Faults: f.Faults})
	if err != nil {
		a.Log.Error("the standing rights can not be told", "error", err)
	}
	return err == nil
}

// order obeys a signed order. One that does not verify, or was obeyed before, is
// not asked for again.
func (a *Agent) order(ctx context.Context, m wire.Signed) error {
	var o elevation.RightsOrder
	if err := a.Conn.KeySet().Open(sign.Rights, m.Raw, a.now(), &o); err != nil {
		a.Log.Error("an order about standing rights does not verify", "error", err)
		return nil
	}
	switch {
	case o.Cluster != a.Cluster || o.Endpoint != a.Endpoint:
		a.Log.Error("an order about standing rights is for another endpoint")
		return nil
	case elevation.CheckID(OrderPrefix, o.ID) != nil || len(o.Rights) > maxOrdered || o.Act != elevation.TakeOver && o.Act != elevation.GiveBack,
		o.Act == elevation.TakeOver && len(o.Rights) == 0:
		a.Log.Error("an order about standing rights is not served", "act", o.Act)
		return nil
	case a.Standing == nil:
		a.Log.Error("an order about standing rights can not be obeyed on this system", "order", o.ID)
		return nil
	}
	fresh, err := a.Standing.Fresh(o.ID, o.At)
	if err != nil {
		a.Log.Error("an order about standing rights is not obeyed", "order", o.ID, "error", err)
		return nil
	}
	if !fresh {
		a.Log.Warn("an order about standing rights was obeyed before", "order", o.ID)
		return nil
	}
	answer := wire.Ordered{Order: o.ID, At: a.now()}
	if o.Act == elevation.TakeOver {
		answer.Done, answer.Refused = a.Standing.TakeOver(ctx, o.ID, slices.Compact(o.Rights))
	} else {
		back, err := a.Standing.GiveBack(ctx, o.Rights)
		answer.Done, answer.Refused, answer.Said = standing.Results(o.Rights, back, err)
	}
	a.Log.Warn("standing rights were changed by order", "act", o.Act, "by", o.By.Name, "done", len(answer.Done), "refused", len(answer.Refused))
	if err := a.Conn.Tell(answer); err != nil {
		return err
	}
	if err := a.Standing.Obeyed(o.ID, o.At); err != nil {
		return err
	}
	a.rightsAgain()
	return nil
}

// LentGroup reports whether a user is in a group only for the time of a grant: by
// their SID where the group has such, by their name elsewhere.
func (a *Agent) LentGroup(user, group string) bool {
	return slices.ContainsFunc(a.Ledger.All(), func(e grants.Entry) bool {
		g := e.Effect.Group
		return g != nil && g.Group == group && cmp.Or(g.SID, e.UserName) == user && e.State != grants.Ended
	})
}
