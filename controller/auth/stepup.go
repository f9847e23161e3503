package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/assent-epm/assent/shared/elevation"
)

// Proof is what somebody shows to prove that they are there: a password, with
// the code of an authenticator where there is one, or a passkey's answer.
type Proof struct {
	Password   string
	Code       string
	Ceremony   string
	Credential map[string]any // nil = no passkey
}

// BeginStepUp asks the caller for one of their passkeys.
func (a *Accounts) BeginStepUp(ctx context.Context, act Actor) (ceremonyID string, options map[string]any, err error) {
	if err := inSession(act, "proves no presence"); err != nil {
		return "", nil, err
	}
	if a.web == nil {
		return "", nil, errNoPasskeys()
	}
	keys, err := a.store.Passkeys(ctx, act.User)
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("look up passkeys: %w", err)
	case len(keys) == 0:
		return "", nil, fmt.Errorf("%w: you have no passkey; give your password", elevation.ErrConflict)
	}
	options, challenge, err := a.web.ask(keyring{account: Account{ID: act.User}, keys: keys})
	if err != nil {
		return "", nil, err
	}
	return a.own.add(ceremony{kind: forStepUp, user: act.User, asked: challenge}, a.now()), options, nil
}

// inSession refuses whoever is not signed in. A token may be somebody else's
// work; does says what none of them does.
func inSession(act Actor, does string) error {
	switch {
	case act.User == "":
		return ErrUnauthenticated
	case act.Seat != Seat{}:
		return errSeat
	case !act.Session || act.Token != "":
		return fmt.Errorf("%w: a token %s; sign in to the console", elevation.ErrNotAllowed, does)
	}
	return nil
}

// StepUp proves presence anew. The result is the session's new cookie; the old
// one is worth nothing any more. What is wrong is [ErrWrong]; five failures of one
// account, or twenty of one address, give [ErrRate]. An account that has a passkey
// must use it, and one without a password signs in again: [elevation.ErrStepUp].
func (a *Accounts) StepUp(ctx context.Context, act Actor, cookie string, in Proof, address string) (next string, now Actor, err error) {
	if err := inSession(act, "proves no presence"); err != nil {
		return "", Actor{}, err
	}
	at := a.now()
	u, err := a.store.Account(ctx, act.User)
	if err != nil {
		return "", Actor{}, fmt.Errorf("look up account: %w", err)
	}
	if u.HasPasskey && in.Credential == nil {
		return "", Actor{}, fmt.Errorf("%w: you have a passkey; confirm with it", elevation.ErrStepUp)
	}
	if u.PasswordHash == "" && in.Credential == nil {
		return "", Actor{}, fmt.Errorf("%w: you have no password here; sign in again, and add a passkey", elevation.ErrStepUp)
	}
	who, from := string(u.ID), AddressKey(address)
	if wait := max(a.stepUps.Wait(who, at), a.byAddr.Wait(from, at)); wait > 0 {
		return "", Actor{}, &RateError{Wait: wait}
	}
	a.stepUps.Take(who, at)
	a.byAddr.Take(from, at)
	how, err := a.shown(ctx, u, in, address)
	if err == nil || errors.Is(err, ErrCode) && in.Code == "" { // asked for the code: no failure
		a.stepUps.GiveBack(who, at)
		a.byAddr.GiveBack(from, at)
	}
	if errors.Is(err, ErrUnauthenticated) {
		err = ErrWrong
	}
	if err != nil {
		return "", Actor{}, err
	}
	return a.rotate(ctx, act, cookie, how, address, false)
}

// shown checks a proof and says what it was.
func (a *Accounts) shown(ctx context.Context, u Account, in Proof, address string) (how string, err error) {
	n := Note{User: u.ID, Login: u.Login, Address: address, Why: "step-up"}
	if in.Credential != nil {
		return ByPasskey, a.shownPasskey(ctx, u, in, n)
	}
	right, err := a.hashes.verify(ctx, u.PasswordHash, in.Password)
	switch {
	case err != nil:
		return "", err
	case !right || u.PasswordHash == "":
		return "", a.failed(ctx, n)
	case !u.HasTOTP:
		return ByPassword, nil
	case in.Code == "":
		return "", ErrCode
	}
	return ByTOTP, a.checkCode(ctx, u, in.Code, address)
}

func (a *Accounts) shownPasskey(ctx context.Context, u Account, in Proof, n Note) error {
	if a.web == nil {
		return errNoPasskeys()
	}
	c, ok := a.own.take(in.Ceremony, forStepUp, u.ID, a.now())
	if !ok {
		return a.failed(ctx, n)
	}
	p, err := a.web.read(in.Credential)
	if err != nil {
		return a.failed(ctx, n)
	}
	keys, err := a.store.Passkeys(ctx, u.ID)
	if err != nil {
		return fmt.Errorf("look up passkeys: %w", err)
	}
	return a.prove(ctx, p, u, keys, c.asked, n)
}

// rotate gives a session a new name and a fresh proof of presence. It lasts no
// longer than it would have; with alone, the account's other sessions end.
func (a *Accounts) rotate(ctx context.Context, act Actor, cookie, how, address string, alone bool) (next string, now Actor, err error) {
	old, ok := hashSecret(sessionPrefix, cookie)
	if !ok {
		return "", Actor{}, ErrUnauthenticated
	}
	s, err := a.store.Session(ctx, old)
	if errors.Is(err, elevation.ErrNotFound) || err == nil && s.User != act.User {
		return "", Actor{}, ErrUnauthenticated
	} else if err != nil {
		return "", Actor{}, fmt.Errorf("look up session: %w", err)
	}
	at := a.now()
	next, s.Hash = newSecret(sessionPrefix)
	s.LastSeenAt, s.SeenAt, s.SeenHow = at, at, how
	n := Note{Kind: "auth.step_up", User: act.User, Login: act.Login, Address: address, Why: how}
	err = a.store.RotateSession(ctx, old, s, alone, n)
	if errors.Is(err, elevation.ErrNotFound) {
		return "", Actor{}, ErrUnauthenticated
	} else if err != nil {
		return "", Actor{}, fmt.Errorf("rotate session: %w", err)
	}
	act, err = a.actor(ctx, act.User)
	if err != nil {
		return "", Actor{}, err
	}
	a.seated(&act, s)
	return next, act, nil
}
