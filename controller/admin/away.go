package admin

import (
	"context"
	"fmt"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// Away is a time out of office with the logins of its people.
type Away struct {
	store.Away
	Login         string
	DelegateLogin string
}

// EditAway makes or changes a time out of office; what is nil stays, or gets its
// default in a new one.
type EditAway struct {
	User     *string // login or id; default is the actor
	Delegate *string
	From     *time.Time // default is now
	Until    *time.Time
}

// Limits of times out of office.
const (
	maxAway     = 10_000
	maxAwayOf   = 100 // of one person
	maxAwayTime = 366 * 24 * time.Hour
)

// Delegations lists who stands in for whom, of people inside the actor's scope,
// the newest first; without requests.team one's own.
func (a *Admin) Delegations(ctx context.Context, act auth.Actor) (list []Away, err error) {
	if err := either(act, auth.TeamRead, auth.RequestsOwn); err != nil {
		return nil, err
	}
	err = a.look(ctx, func(_ *store.Tx, staff *store.Staff) error {
		list = nil
		for _, x := range staff.Away {
			if shown, ok := seeAway(staff, act, x); ok {
				list = append(list, shown)
			}
		}
		return nil
	})
	return list, err
}

// Delegation is one of them; what the actor may not see is not found.
func (a *Admin) Delegation(ctx context.Context, act auth.Actor, id elevation.DelegationID) (x Away, err error) {
	if err := either(act, auth.TeamRead, auth.RequestsOwn); err != nil {
		return x, err
	}
	err = a.look(ctx, func(_ *store.Tx, staff *store.Staff) error {
		x, err = findAway(staff, act, id)
		return err
	})
	return x, err
}

func findAway(staff *store.Staff, act auth.Actor, id elevation.DelegationID) (Away, error) {
	for _, x := range staff.Away {
		if x.ID != id {
			continue
		}
		if shown, ok := seeAway(staff, act, x); ok {
			return shown, nil
		}
	}
	return Away{}, fmt.Errorf("delegation %s: %w", audit.Clip(string(id), 80), elevation.ErrNotFound)
}

func seeAway(staff *store.Staff, act auth.Actor, x store.Away) (Away, bool) {
	u, ok := staff.User(x.User)
	d, ok2 := staff.User(x.Delegate)
	if !ok || !ok2 {
		return Away{}, false
	}
	out := Away{Away: x, Login: u.Login, DelegateLogin: d.Login}
	if x.User == act.User || x.Delegate == act.User {
		return out, true
	}
	return out, act.Can(auth.TeamRead) == nil && act.Overlaps(u.Scope) && act.Overlaps(d.Scope)
}

// AddDelegation lets somebody vote in the place of the actor, or with
// teams.write of anybody, for a while.
func (a *Admin) AddDelegation(ctx context.Context, act auth.Actor, in EditAway) (Away, error) {
	now := a.cfg.Now()
	x := store.Away{ID: elevation.DelegationID(elevation.NewID(elevation.AwayPrefix, now)), User: act.User, From: now, MadeAt: now}
	return a.putAway(ctx, act, "delegation.add", in, func(staff *store.Staff) (store.Away, error) {
		if len(staff.Away) >= maxAway {
			return x, fmt.Errorf("%w: there are %d delegations; delete old ones", elevation.ErrLimit, len(staff.Away))
		}
		return x, nil
	})
}

// EditDelegation changes a time out of office. Who changes it has appointed the
// delegate.
func (a *Admin) EditDelegation(ctx context.Context, act auth.Actor, id elevation.DelegationID, in EditAway) (Away, error) {
	return a.putAway(ctx, act, "delegation.edit", in, func(staff *store.Staff) (store.Away, error) {
		x, err := findAway(staff, act, id)
		return x.Away, err
	})
}

func (a *Admin) putAway(ctx context.Context, act auth.Actor, what string, in EditAway, find func(*store.Staff) (store.Away, error)) (Away, error) {
	if err := either(act, auth.TeamsWrite, auth.RequestsDecide); err != nil {
		return Away{}, a.refuse(ctx, act, what, err)
	}
	var shown Away
	err := a.changeStaff(ctx, act, what, func(tx *store.Tx, staff *store.Staff) (audit.Event, error) {
		old, err := find(staff)
		if err != nil {
			return audit.Event{}, err
		}
		next := old
		if in.User != nil {
			u, ok := person(staff, *in.User)
			if !ok || u.ID != act.User && !act.Overlaps(u.Scope) {
				return audit.Event{}, fmt.Errorf("%w: no account is called %q", elevation.ErrInvalid, audit.Clip(*in.User, 80))
			}
			next.User = u.ID
		}
		if err := appoints(staff, act, old, next); err != nil {
			return audit.Event{}, err
		}
		if next, err = a.stoodIn(staff, act, next, in); err != nil {
			return audit.Event{}, err
		}
		next.By = by(act)
		if err := tx.PutAway(next); err != nil {
			return audit.Event{}, err
		}
		shown, _ = seeAway(staff, act, next)
		return a.event(act, audit.AwayChanged, awayData(shown)), nil
	})
	return shown, err
}

// appoints refuses who acts for somebody else without the right to: it needs
// teams.write, and for each of the two people a scope that the actor's covers.
func appoints(staff *store.Staff, act auth.Actor, list ...store.Away) error {
	for _, x := range list {
		if x.User == act.User {
			continue
		}
		if err := act.Can(auth.TeamsWrite); err != nil {
			return err
		}
		if u, ok := staff.User(x.User); ok && !within(act, u.Scope) {
			return fmt.Errorf("%w: that account sees more endpoints than yours", elevation.ErrNotAllowed)
		}
	}
	return nil
}

// stoodIn is the time out of office after the change, checked.
func (a *Admin) stoodIn(staff *store.Staff, act auth.Actor, x store.Away, in EditAway) (store.Away, error) {
	bad := func(format string, args ...any) (store.Away, error) {
		return x, fmt.Errorf("%w: %s", elevation.ErrInvalid, fmt.Sprintf(format, args...))
	}
	if in.Delegate != nil {
		d, ok := person(staff, *in.Delegate)
		if !ok || !act.Overlaps(d.Scope) {
			return bad("no account is called %q", audit.Clip(*in.Delegate, 80))
		}
		x.Delegate = d.ID
	}
	if in.From != nil {
		x.From = in.From.UTC()
	}
	if in.Until != nil {
		x.Until = in.Until.UTC()
	}
	d, ok := staff.User(x.Delegate)
	switch {
	case !ok:
		return bad("name who answers meanwhile (delegate)")
	case x.Delegate == x.User:
		return bad("nobody stands in for themself")
	case !d.DisabledAt.IsZero() || (auth.Actor{User: d.ID, Roles: d.Roles}).Can(auth.RequestsDecide) != nil:
		return bad("%s can not answer requests; give the role approver first", d.Login)
	case x.Until.IsZero():
		return bad("say until when")
	case !x.Until.After(x.From) || !x.Until.After(a.cfg.Now()):
		return bad("the end is before the beginning, or over")
	case x.Until.Sub(x.From) > maxAwayTime:
		return bad("somebody stands in for %s at most", elevation.FormatDuration(maxAwayTime))
	}
	of := 0
	for _, other := range staff.Away {
		if other.User == x.User && other.ID != x.ID {
			of++
		}
	}
	if of >= maxAwayOf {
		return x, fmt.Errorf("%w: %d delegations of that account; delete old ones", elevation.ErrLimit, of)
	}
	for _, other := range staff.Away {
		if other.ID == x.ID || !other.From.Before(x.Until) || !x.From.Before(other.Until) {
			continue
		}
		switch other.User {
		case x.User:
			return x, fmt.Errorf("%w: somebody stands in during that time already: %s", elevation.ErrConflict, other.ID)
		case x.Delegate:
			return x, fmt.Errorf("%w: %s is away during that time too, and nobody votes for somebody who stands in; choose another one", elevation.ErrConflict, d.Login)
		}
	}
	return x, nil
}

func awayData(x Away) map[string]string {
	return map[string]string{"delegation": string(x.ID), "user": x.Login, "delegate": x.DelegateLogin,
		"from": x.From.UTC().Format(time.RFC3339), "until": x.Until.UTC().Format(time.RFC3339)}
}

// DeleteDelegation ends a time out of office: one's own, one in which one stands
// in oneself, or any with teams.write.
func (a *Admin) DeleteDelegation(ctx context.Context, act auth.Actor, id elevation.DelegationID) error {
	if err := either(act, auth.TeamsWrite, auth.RequestsDecide); err != nil {
		return a.refuse(ctx, act, "delegation.delete", err)
	}
	err := a.changeStaff(ctx, act, "delegation.delete", func(tx *store.Tx, staff *store.Staff) (audit.Event, error) {
		x, err := findAway(staff, act, id)
		if err != nil {
			return audit.Event{}, err
		}
		if x.Delegate != act.User {
			if err := appoints(staff, act, x.Away); err != nil {
				return audit.Event{}, err
			}
		}
		data := awayData(x)
		data["deleted"] = "true"
		return a.event(act, audit.AwayChanged, data), tx.DeleteAway(id)
	})
	return err
}
