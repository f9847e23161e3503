package controller

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// people gives package auth the small store that it declares.
type people struct {
	store *store.Store
	now   func() time.Time
}

var _ auth.Store = people{}

func (p people) Account(ctx context.Context, id elevation.UserID) (auth.Account, error) {
	return p.account(ctx, func(tx *store.Tx) (store.User, error) { return tx.User(id) })
}

func (p people) AccountByLogin(ctx context.Context, login string) (auth.Account, error) {
	return p.account(ctx, func(tx *store.Tx) (store.User, error) { return tx.UserByLogin(login) })
}

func (p people) account(ctx context.Context, find func(*store.Tx) (store.User, error)) (a auth.Account, err error) {
	err = p.store.View(ctx, func(tx *store.Tx) error {
		u, err := find(tx)
		if err == nil {
			a, err = tx.Factored(u)
		}
		return err
	})
	return a, err
}

func (p people) InsertFirst(ctx context.Context, a auth.Account, t auth.Token) (made bool, err error) {
	err = p.store.Update(ctx, func(tx *store.Tx) error {
		made = false
		all, err := tx.Users()
		if err != nil || len(all) > 0 {
			return err
		}
		if err := tx.InsertUser(a); err != nil {
			return err
		}
		if err := tx.InsertAPIToken(t); err != nil {
			return err
		}
		made = true
		return tx.Append(audit.Event{At: p.now(), Kind: audit.UserCreated, Actor: elevation.Actor{Kind: elevation.BySystem, Name: "first start"},
			Data: map[string]string{"user": string(a.ID), "login": a.Login, "roles": "administrator", "token": string(t.ID)}})
	})
	return made, err
}

func (p people) TokenByHash(ctx context.Context, hash []byte) (t auth.Token, err error) {
	err = p.store.View(ctx, func(tx *store.Tx) error { t, err = tx.APITokenByHash(hash); return err })
	return t, err
}

func (p people) TokenUsed(ctx context.Context, id elevation.TokenID, at time.Time) error {
	return p.store.Update(ctx, func(tx *store.Tx) error { return tx.UsedAPIToken(id, at) })
}

func (p people) Session(ctx context.Context, hash []byte) (s auth.WebSession, err error) {
	err = p.store.View(ctx, func(tx *store.Tx) error { s, err = tx.WebSession(hash); return err })
	return s, err
}

func (p people) InsertSession(ctx context.Context, s auth.WebSession, n auth.Note) error {
	return p.update(ctx, n, func(tx *store.Tx) error { return tx.InsertWebSession(s) })
}

func (p people) SessionSeen(ctx context.Context, s auth.WebSession) error {
	return p.store.Update(ctx, func(tx *store.Tx) error { return tx.SeenWebSession(s) })
}

func (p people) DeleteSession(ctx context.Context, hash []byte, n auth.Note) error {
	return p.update(ctx, n, func(tx *store.Tx) error { return tx.DeleteWebSession(hash) })
}

func (p people) InsertLink(ctx context.Context, l auth.SignInLink, now time.Time) error {
	return p.update(ctx, auth.Note{Kind: audit.AuthLinkCreated.String(), User: l.User, Seat: l.Seat, Login: l.Seat.Name},
		func(tx *store.Tx) error { return tx.InsertSignInLink(l, now) })
}

func (p people) PutPassword(ctx context.Context, id elevation.UserID, hash string, n auth.Note) error {
	return p.update(ctx, n, func(tx *store.Tx) error {
		u, err := tx.User(id)
		if err != nil {
			return err
		}
		u.PasswordHash, u.HeldBy = hash, elevation.Actor{}
		if err := tx.PutUser(u); err != nil {
			return err
		}
		return tx.EndSignIns(id)
	})
}

func (p people) UseLink(ctx context.Context, hash []byte, now time.Time) (l auth.SignInLink, err error) {
	err = p.store.Update(ctx, func(tx *store.Tx) error { l, err = tx.UseSignInLink(hash, now); return err })
	return l, err
}

func (p people) Vouches(ctx context.Context, id elevation.EndpointID) (open bool, err error) {
	err = p.store.View(ctx, func(tx *store.Tx) error {
		ep, err := tx.Endpoint(id)
		open = err == nil && ep.DeletedAt.IsZero() && !ep.Locked && !ep.Quarantined
		return err
	})
	return open, err
}

func (p people) Record(ctx context.Context, n auth.Note) error {
	return p.update(ctx, n, func(*store.Tx) error { return nil })
}

// update changes something and appends what happened in one transaction.
func (p people) update(ctx context.Context, n auth.Note, change func(*store.Tx) error) error {
	kind, err := audit.ParseKind(n.Kind)
	if err != nil {
		return fmt.Errorf("record what happened: %w", err)
	}
	e := audit.Event{At: p.now(), Kind: kind, Actor: elevation.Actor{Kind: elevation.BySystem}, Data: map[string]string{}}
	switch {
	case n.Seat != auth.Seat{}: // the endpoint vouches for them
		e.Actor = elevation.Actor{Kind: elevation.ByEndpoint, ID: string(n.Seat.Endpoint), Name: n.Seat.Name}
		e.Endpoint, e.Data["uid"] = n.Seat.Endpoint, n.Seat.UID
	case n.User != "":
		e.Data["user"] = string(n.User)
		switch kind {
		case audit.AuthLogin, audit.AuthLogout, audit.UserChanged, audit.AuthStepUp, audit.AuthFactor, audit.AuthRefused:
			e.Actor = elevation.Actor{Kind: elevation.ByUser, ID: string(n.User), Name: n.Login}
		}
	}
	maps.Copy(e.Data, n.Data)
	for k, v := range map[string]string{"login": n.Login, "address": n.Address, "how": n.Why} {
		if v != "" {
			e.Data[k] = v
		}
	}
	return p.store.Update(ctx, func(tx *store.Tx) error {
		if err := change(tx); err != nil {
			return err
		}
		return tx.Append(e)
	})
}

// portal makes a one-time link for a user for whom their endpoint vouches.
func (c *Controller) portal(ctx context.Context, s auth.Seat) (url string, until time.Time, err error) {
	secret, until, err := c.accounts.NewSeatLink(ctx, s)
	if err != nil {
		return "", time.Time{}, err
	}
	return signInURL(c.public, secret), until, nil
}

// providers are the identity providers that the page for signing in offers.
func (c *Controller) providers(ctx context.Context) ([]client.SignInProvider, error) {
	all, err := c.people.Offered(ctx)
	var out []client.SignInProvider
	for _, p := range all {
		out = append(out, client.SignInProvider{ID: string(p.ID), Name: p.Name})
	}
	return out, err
}
