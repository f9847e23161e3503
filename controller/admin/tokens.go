package admin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// NewToken asks for an API token.
type NewToken struct {
	Name   string
	User   string        // login or id of its owner; "" = the actor
	Scopes []string      // of auth.Scopes; none = the owner's roles, narrowed
	TTL    time.Duration // 0 = auth.DefaultTokenTTL
}

// AddToken makes an API token and returns its text, which is stored nowhere.
// For oneself it needs tokens.own, for somebody else tokens.write and an account
// that sees no more endpoints than the actor's. A session must show presence.
func (a *Admin) AddToken(ctx context.Context, act auth.Actor, in NewToken) (store.APIToken, string, error) {
	none := store.APIToken{}
	if act.User == "" {
		return none, "", auth.ErrUnauthenticated
	}
	if in.User == "" {
		in.User = string(act.User)
	}
	owner, err := a.find(ctx, act, in.User)
	if own := err == nil && owner.ID == act.User; own {
		if err := a.may(ctx, act, auth.TokensOwn, "token.add"); err != nil {
			return none, "", err
		}
	} else if err := a.may(ctx, act, auth.TokensWrite, "token.add"); err != nil {
		return none, "", err
	}
	if err != nil {
		return none, "", err
	}
	if act.Session { // the token outlives it
		if err := act.Present(a.cfg.Now()); err != nil {
			return none, "", a.refuse(ctx, act, "token.add", err)
		}
	}
	if !within(act, owner.Scope) {
		return none, "", a.refuse(ctx, act, "token.add", fmt.Errorf("%w: the account sees more endpoints than yours", elevation.ErrNotAllowed))
	}
	if err := checkToken(&in); err != nil {
		return none, "", err
	}
	t, text := auth.NewToken(owner.ID, in.Name, in.TTL, a.cfg.Now())
	t.Scopes = in.Scopes
	switch {
	case owner.ID != act.User:
		t.MadeBy = holder(act)
	case act.MadeBy.ID != "":
		t.MadeBy = act.MadeBy
	default:
		t.MadeBy = owner.HeldBy // who holds the account may be who makes this
	}
	err = a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		if _, err := tx.User(owner.ID); err != nil {
			return audit.Event{}, err
		}
		if err := tx.RoomForToken(owner.ID); err != nil {
			return audit.Event{}, err
		}
		if err := tx.InsertAPIToken(t); err != nil {
			return audit.Event{}, err
		}
		return a.event(act, audit.TokenCreated, tokenData(t, owner.Login)), nil
	})
	if err != nil {
		return none, "", err
	}
	return t, text, nil
}

func checkScopes(scopes []string) error {
	for i, s := range scopes {
		if !slices.Contains(auth.Scopes(), s) {
			return fmt.Errorf("%w: there is no token scope %q; there are %s", elevation.ErrInvalid, audit.Clip(s, 40), strings.Join(auth.Scopes(), ", "))
		}
		if slices.Contains(scopes[:i], s) {
			return fmt.Errorf("%w: the scope %s is there twice", elevation.ErrInvalid, s)
		}
	}
	return nil
}

func checkToken(in *NewToken) error {
	if err := checkName("name of the token", in.Name, maxName); err != nil {
		return err
	}
	if err := checkScopes(in.Scopes); err != nil {
		return err
	}
	if in.TTL == 0 {
		in.TTL = auth.DefaultTokenTTL
	}
	if in.TTL < time.Second || in.TTL > auth.MaxTokenTTL {
		return fmt.Errorf("%w: a token lives from one second to %s", elevation.ErrInvalid, elevation.FormatDuration(auth.MaxTokenTTL))
	}
	return nil
}

func tokenData(t store.APIToken, login string) map[string]string {
	data := map[string]string{"token": string(t.ID), "name": t.Name, "user": string(t.Owner), "login": login,
		"expires": t.ExpiresAt.UTC().Format(time.RFC3339)}
	if len(t.Scopes) > 0 {
		data["scopes"] = strings.Join(t.Scopes, ", ")
	}
	return data
}

// Tokens lists API tokens, the newest first: with tokens.write those of accounts
// that can see an endpoint inside the actor's scope, else one's own.
func (a *Admin) Tokens(ctx context.Context, act auth.Actor) ([]store.APIToken, error) {
	if err := act.Can(auth.TokensOwn); err != nil {
		return nil, err
	}
	all := act.Can(auth.TokensWrite) == nil
	var list []store.APIToken
	err := a.cfg.Store.View(ctx, func(tx *store.Tx) error {
		staff, err := tx.Staff()
		if err != nil {
			return err
		}
		list, err = tx.APITokens()
		list = slices.DeleteFunc(list, func(t store.APIToken) bool {
			owner, known := staff.User(t.Owner)
			return t.Owner != act.User && (!all || !known || !act.Overlaps(owner.Scope))
		})
		return err
	})
	return list, err
}

// Token is one API token, as [Admin.Tokens] would list it.
func (a *Admin) Token(ctx context.Context, act auth.Actor, id elevation.TokenID) (store.APIToken, error) {
	all, err := a.Tokens(ctx, act)
	if err != nil {
		return store.APIToken{}, err
	}
	i := slices.IndexFunc(all, func(t store.APIToken) bool { return t.ID == id })
	if i < 0 {
		return store.APIToken{}, fmt.Errorf("token %s: %w", id, elevation.ErrNotFound)
	}
	return all[i], nil
}

// EditToken changes an API token; what is nil stays.
type EditToken struct {
	Name   *string
	Scopes *[]string // some of those it has, at least one
}

// EditToken renames an API token or takes scopes from it. It never gives one more
// than it has. Whose it may be is as with [Admin.DeleteToken].
func (a *Admin) EditToken(ctx context.Context, act auth.Actor, id elevation.TokenID, in EditToken) (t store.APIToken, err error) {
	if err := a.may(ctx, act, auth.TokensOwn, "token.edit"); err != nil {
		return t, err
	}
	if in.Name != nil {
		if err := checkName("name of the token", *in.Name, maxName); err != nil {
			return t, err
		}
	}
	if in.Scopes != nil {
		if err := checkScopes(*in.Scopes); err != nil {
			return t, err
		}
	}
	wider := false
	err = a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		var login string
		if t, login, err = tokenFor(tx, act, id); err != nil {
			return audit.Event{}, err
		}
		before := t
		if in.Name != nil {
			t.Name = *in.Name
		}
		if in.Scopes != nil {
			if wider = !narrower(before, *in.Scopes); wider {
				return audit.Event{}, fmt.Errorf("%w: a token only loses scopes; make another one", elevation.ErrNotAllowed)
			}
			t.Scopes = *in.Scopes
		}
		if t.Name == before.Name && slices.Equal(t.Scopes, before.Scopes) {
			return audit.Event{}, nil
		}
		data := tokenData(t, login)
		data["name_before"], data["scopes_before"] = before.Name, strings.Join(before.Scopes, ", ")
		return a.event(act, audit.TokenChanged, data), tx.PutAPIToken(t)
	})
	if wider {
		err = a.refuse(ctx, act, "token.edit", err)
	}
	return t, err
}

// narrower reports whether these scopes let through no more than the token. One
// without scopes has all of them; the scopes of a token with full rights mean
// nothing, so it gets none.
func narrower(t store.APIToken, scopes []string) bool {
	if slices.Equal(t.Scopes, scopes) {
		return true
	}
	if t.Full || len(scopes) == 0 {
		return false
	}
	if len(t.Scopes) == 0 { // all but the one that only a directory's token has
		return !slices.Contains(scopes, auth.ScopeSCIM)
	}
	return !slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(t.Scopes, s) })
}

// tokenFor reads a token that the actor may change, and the login of its owner:
// one's own, or any with tokens.write within the scope. Others are not found.
func tokenFor(tx *store.Tx, act auth.Actor, id elevation.TokenID) (store.APIToken, string, error) {
	t, err := tx.APIToken(id)
	if err != nil {
		return t, "", err
	}
	owner, err := tx.User(t.Owner)
	if err == nil && t.Owner != act.User && (act.Can(auth.TokensWrite) != nil || !within(act, owner.Scope)) {
		err = fmt.Errorf("token %s: %w", id, elevation.ErrNotFound)
	}
	return t, owner.Login, err
}

// DeleteToken withdraws an API token at once: one's own, or any with
// tokens.write. What is not one's own is not found without that.
func (a *Admin) DeleteToken(ctx context.Context, act auth.Actor, id elevation.TokenID) error {
	if err := a.may(ctx, act, auth.TokensOwn, "token.delete"); err != nil {
		return err
	}
	return a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		t, login, err := tokenFor(tx, act, id)
		if err != nil {
			return audit.Event{}, err
		}
		if err := tx.DeleteAPIToken(id); err != nil {
			return audit.Event{}, err
		}
		return a.event(act, audit.TokenDeleted, tokenData(t, login)), nil
	})
}
