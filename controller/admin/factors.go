package admin

import (
	"context"
	"fmt"
	"strconv"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// ResetFactors takes away the passkeys and the authenticator of an account, named
// by login or id, whose owner has lost them. Its sessions end, and so does every
// sign-in link made before; it is held like after a new password. One's own are taken away in the console, with a proof
// of presence.
func (a *Admin) ResetFactors(ctx context.Context, act auth.Actor, who string) error {
	const what = "user.reset_factors"
	if err := a.may(ctx, act, auth.UsersWrite, what); err != nil {
		return err
	}
	u, err := a.find(ctx, act, who)
	if err != nil {
		return err
	}
	if err := a.mayChange(ctx, act, what, u); err != nil {
		return err
	}
	if u.ID == act.User {
		return a.refuse(ctx, act, what, fmt.Errorf("%w: remove your own factors in the console, or with \"assent-controller user reset\"", elevation.ErrNotAllowed))
	}
	if act.HasPasskey && act.Session {
		if err := act.Present(a.cfg.Now()); err != nil {
			return a.refuse(ctx, act, what, err)
		}
	}
	return a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		now, err := tx.User(u.ID)
		if err != nil {
			return audit.Event{}, err
		}
		if auth.Powerful(now.Roles) != auth.Powerful(u.Roles) {
			return audit.Event{}, fmt.Errorf("%w: the account was changed meanwhile; look at it and try again", elevation.ErrConflict)
		}
		n, err := tx.DeleteFactors(u.ID)
		if err != nil {
			return audit.Event{}, err
		}
		if n > 0 && now.HeldBy.Kind == "" { // who holds it already still knows its password
			now.HeldBy = holder(act)
		}
		if err := tx.PutUser(now); err != nil {
			return audit.Event{}, err
		}
		data := map[string]string{"user": string(u.ID), "login": u.Login, "factor": "all", "act": "removed", "count": strconv.Itoa(n)}
		return a.event(act, audit.AuthFactor, data), tx.EndSignIns(u.ID)
	})
}
