package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// Bounds of second factors.
const (
	PasskeyPrefix  = "pk_"
	MaxPasskeys    = 20
	maxPasskeyName = 64
)

// Passkey is a passkey as it is stored.
type Passkey struct {
	ID         string
	User       elevation.UserID
	Credential []byte // its id, as the authenticator made it
	Name       string
	PublicKey  []byte // COSE
	SignCount  uint32 // of the last use
	Flags      byte   // of the authenticator, when it was made
	Transports []string
	CreatedAt  time.Time
	LastUsedAt time.Time
	BlockedAt  time.Time // its counter went back; zero = good
}

// TOTP is an account's authenticator as it is stored.
type TOTP struct {
	User      elevation.UserID
	Seed      []byte // wrapped
	LastStep  int64  // of the last code that was used
	CreatedAt time.Time
}

// FactorStore is what second factors need of the controller's database.
type FactorStore interface {
	Passkeys(ctx context.Context, user elevation.UserID) ([]Passkey, error)
	PasskeyByCredential(ctx context.Context, credential []byte) (Passkey, error)
	// InsertPasskey stores a passkey unless the account has most already:
	// [elevation.ErrLimit]. One whose credential is known is [elevation.ErrConflict].
	InsertPasskey(ctx context.Context, p Passkey, most int, n Note) error
	// UsePasskey notes a use with the counter next; [elevation.ErrNotFound] when the
	// passkey has gone, is blocked, or was used meanwhile.
	UsePasskey(ctx context.Context, p Passkey, next uint32, at time.Time) error
	BlockPasskey(ctx context.Context, id string, at time.Time, n Note) error
	DeletePasskey(ctx context.Context, user elevation.UserID, id string, n Note) error
	TOTP(ctx context.Context, user elevation.UserID) (TOTP, error)
	// InsertTOTP stores an authenticator; [elevation.ErrConflict] when there is one.
	InsertTOTP(ctx context.Context, t TOTP, n Note) error
	// UseTOTP notes a code's step; [elevation.ErrNotFound] unless it is later than
	// the last one.
	UseTOTP(ctx context.Context, user elevation.UserID, step int64) error
	DeleteTOTP(ctx context.Context, user elevation.UserID, n Note) error
	// SecondFactorRoles are the roles that need a second factor.
	SecondFactorRoles() []Role
}

// Wrapper encrypts secrets for the database; controller/keys does.
type Wrapper interface {
	Wrap(purpose string, plain []byte) ([]byte, error)
	Unwrap(purpose string, wrapped []byte) ([]byte, error)
}

// Factors are how an account proves who its owner is.
type Factors struct {
	Passkeys []Passkey
	TOTP     bool
	Password bool
}

// UseFactors turns second factors on, before anything is served: public is the
// console's address as browsers see it. Where browsers offer no passkeys to such
// an address, [Accounts.OffersPasskeys] is false.
func (a *Accounts) UseFactors(w Wrapper, public string) error {
	web, err := newRelyingParty(public)
	if err != nil {
		return fmt.Errorf("prepare passkeys: %w", err)
	}
	a.wrap, a.web = w, web
	return nil
}

// LinksDo lets links open accounts with a second factor too, before anything is
// served. It is for demonstrations, whose addresses hold whatever a visitor tries.
func (a *Accounts) LinksDo() { a.linksDo = true }

// OffersPasskeys reports whether passkeys work at the console's address.
func (a *Accounts) OffersPasskeys() bool { return a.web != nil }

// errNoPasskeys says why there are none.
func errNoPasskeys() error {
	return fmt.Errorf("%w: browsers offer passkeys only to a host name with HTTPS, or localhost; start the controller with --public-url https://HOST", elevation.ErrConflict)
}

// Factors are the caller's own factors.
func (a *Accounts) Factors(ctx context.Context, act Actor) (Factors, error) {
	if act.User == "" {
		return Factors{}, ErrUnauthenticated
	}
	u, err := a.store.Account(ctx, act.User)
	if err != nil {
		return Factors{}, fmt.Errorf("look up account: %w", err)
	}
	keys, err := a.store.Passkeys(ctx, act.User)
	if err != nil {
		return Factors{}, fmt.Errorf("look up passkeys: %w", err)
	}
	return Factors{Passkeys: keys, TOTP: u.HasTOTP, Password: u.PasswordHash != ""}, nil
}

// ownFactors refuses whoever is not signed in to change their factors.
func (a *Accounts) ownFactors(ctx context.Context, act Actor) error {
	err := inSession(act, "changes no factors")
	if errors.Is(err, elevation.ErrNotAllowed) {
		return a.refused(ctx, act, "factors", err)
	}
	return err
}

// owner is the account of somebody who may change its factors: signed in, and
// just there. A token never may.
func (a *Accounts) owner(ctx context.Context, act Actor) (Account, error) {
	if err := a.ownFactors(ctx, act); err != nil {
		return Account{}, err
	}
	if err := act.Present(a.now()); err != nil {
		return Account{}, a.refused(ctx, act, "factors", err)
	}
	u, err := a.store.Account(ctx, act.User)
	if err != nil {
		return Account{}, fmt.Errorf("look up account: %w", err)
	}
	return u, nil
}

// refused writes that an act was refused and returns why.
func (a *Accounts) refused(ctx context.Context, act Actor, what string, why error) error {
	reason := "not_allowed"
	switch {
	case errors.Is(why, elevation.ErrStepUp):
		reason = "step_up_required"
	case errors.Is(why, ErrSecondFactor):
		reason = "second_factor_required"
	}
	n := Note{Kind: "auth.refused", User: act.User, Seat: act.Seat, Login: act.Login, Data: map[string]string{"action": what, "why": reason}}
	if act.Token != "" {
		n.Data["token"] = string(act.Token)
	}
	if err := a.store.Record(ctx, n); err != nil {
		return fmt.Errorf("record a refusal: %w", err)
	}
	return why
}

// Admit refuses whoever must have a second factor and has shown none. The door
// asks it about what is not part of adding or using one; what names the call, and
// one that only reads is not worth a line of the audit log. [Actor.Can] refuses
// them as well, for doors that never ask.
func (a *Accounts) Admit(ctx context.Context, act Actor, what string) error {
	switch {
	case !act.MissingFactor:
		return nil
	case strings.HasPrefix(what, "GET "):
		return ErrSecondFactor
	}
	return a.refused(ctx, act, what, ErrSecondFactor)
}

func factorNote(u Account, address, factor, act, name string) Note {
	n := Note{Kind: "auth.factor_changed", User: u.ID, Login: u.Login, Address: address, Data: map[string]string{"factor": factor, "act": act}}
	if name != "" {
		n.Data["name"] = name
	}
	return n
}

// RemovePasskey takes one of the caller's passkeys away.
func (a *Accounts) RemovePasskey(ctx context.Context, act Actor, id, address string) error {
	u, err := a.owner(ctx, act)
	if err != nil {
		return err
	}
	keys, err := a.store.Passkeys(ctx, u.ID)
	if err != nil {
		return fmt.Errorf("look up passkeys: %w", err)
	}
	for _, k := range keys {
		if k.ID == id {
			return a.store.DeletePasskey(ctx, u.ID, id, factorNote(u, address, "passkey", "removed", k.Name))
		}
	}
	return fmt.Errorf("passkey %s: %w", clip(id), elevation.ErrNotFound)
}

// RemoveTOTP takes the caller's authenticator away.
func (a *Accounts) RemoveTOTP(ctx context.Context, act Actor, address string) error {
	u, err := a.owner(ctx, act)
	if err != nil {
		return err
	}
	return a.store.DeleteTOTP(ctx, u.ID, factorNote(u, address, "totp", "removed", ""))
}
