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
	Scopes []string      // of auth.Scopes; none = the owner's roles, narrowed as CONTRACT says
	TTL    time.Duration // 0 = auth.DefaultTokenTTL
}

// AddToken makes an API token and returns its text, which is stored nowhere.
// For oneself it needs tokens.own, for somebody else tokens.write and an account
// that sees no more endpoints than the actor's.
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

func checkToken(in *NewToken) error {
	if err := checkName("name of the token", in.Name, maxName); err != nil {
		return err
	}
	for i, s := range in.Scopes {
		if !slices.Contains(auth.Scopes(), s) {
			return fmt.Errorf("%w: there is no token scope %q; there are %s", elevation.ErrInvalid, audit.Clip(s, 40), strings.Join(auth.Scopes(), ", "))
		}
		if slices.Contains(in.Scopes[:i], s) {
			return fmt.Errorf("%w: the scope %s is there twice", elevation.ErrInvalid, s)
		}
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

// DeleteToken withdraws an API token at once: one's own, or any with
// tokens.write. What is not one's own is not found without that.
func (a *Admin) DeleteToken(ctx context.Context, act auth.Actor, id elevation.TokenID) error {
	if err := a.may(ctx, act, auth.TokensOwn, "token.delete"); err != nil {
		return err
	}
	all := act.Can(auth.TokensWrite) == nil
	return a.change(ctx, func(tx *store.Tx) (audit.Event, error) {
		t, err := tx.APIToken(id)
		if err != nil {
			return audit.Event{}, err
		}
		owner, err := tx.User(t.Owner)
		if err != nil {
			return audit.Event{}, err
		}
		if t.Owner != act.User && (!all || !within(act, owner.Scope)) {
			return audit.Event{}, fmt.Errorf("token %s: %w", id, elevation.ErrNotFound)
		}
		if err := tx.DeleteAPIToken(id); err != nil {
			return audit.Event{}, err
		}
		return a.event(act, audit.TokenDeleted, tokenData(t, owner.Login)), nil
	})
}
