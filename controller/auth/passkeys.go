package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/assent-epm/assent/shared/elevation"
)

// BeginPasskey asks for a passkey to sign in with. The answer is the same for
// every login, known or not, and for none: which passkeys there are is never
// told to a stranger. A login only says whose passkey will do.
func (a *Accounts) BeginPasskey(login, address string) (ceremonyID string, options map[string]any, err error) {
	if a.web == nil {
		return "", nil, errNoPasskeys()
	}
	now := a.now()
	login = strings.ToLower(clip(login))
	wait := a.begins.TakeOrWait("address "+AddressKey(address), now)
	if login != "" && wait == 0 {
		wait = a.begins.TakeOrWait("login "+login, now)
	}
	if wait > 0 {
		return "", nil, &RateError{Wait: wait}
	}
	options, challenge, err := a.web.ask(keyring{})
	if err != nil {
		return "", nil, err
	}
	return a.strangers.add(ceremony{kind: forSignIn, login: login, asked: challenge}, now), options, nil
}

// SignInByPasskey opens a session for the owner of the passkey that answered.
// Everything that is wrong is [ErrUnauthenticated].
func (a *Accounts) SignInByPasskey(ctx context.Context, ceremonyID string, credential map[string]any, address string) (cookie string, act Actor, err error) {
	if a.web == nil {
		return "", Actor{}, errNoPasskeys()
	}
	now := a.now()
	from := AddressKey(address)
	if wait := a.byAddr.TakeOrWait(from, now); wait > 0 {
		return "", Actor{}, &RateError{Wait: wait}
	}
	n := Note{Address: address, Why: ByPasskey}
	c, ok := a.strangers.take(ceremonyID, forSignIn, "", now)
	if !ok {
		return "", Actor{}, a.failed(ctx, n)
	}
	p, err := a.web.read(credential)
	if err != nil || !p.named() {
		return "", Actor{}, a.failed(ctx, n)
	}
	key, err := a.store.PasskeyByCredential(ctx, p.credential())
	if errors.Is(err, elevation.ErrNotFound) {
		return "", Actor{}, a.failed(ctx, n)
	} else if err != nil {
		return "", Actor{}, fmt.Errorf("look up passkey: %w", err)
	}
	u, err := a.store.Account(ctx, key.User)
	if err != nil {
		return "", Actor{}, fmt.Errorf("look up account: %w", err)
	}
	n.User, n.Login = u.ID, u.Login
	if !u.DisabledAt.IsZero() || c.login != "" && c.login != strings.ToLower(u.Login) {
		return "", Actor{}, a.failed(ctx, n)
	}
	if err := a.prove(ctx, p, u, []Passkey{key}, c.asked, n); err != nil {
		return "", Actor{}, err
	}
	a.byAddr.GiveBack(from, now)
	return a.open(ctx, u, address, ByPasskey)
}

// prove checks a passkey's answer and notes its use. What is wrong is recorded
// as n and [ErrUnauthenticated]; a counter that went back blocks the passkey.
func (a *Accounts) prove(ctx context.Context, p proof, u Account, keys []Passkey, challenge []byte, n Note) error {
	count, cloned, err := a.web.check(p, keyring{account: u, keys: keys}, challenge)
	if err != nil {
		return a.failed(ctx, n)
	}
	for _, key := range keys {
		if string(key.Credential) != string(p.credential()) {
			continue
		}
		n.Data = map[string]string{"passkey": key.ID, "name": key.Name}
		if cloned && key.BlockedAt.IsZero() {
			block := factorNote(u, n.Address, "passkey", "blocked", key.Name)
			if err := a.store.BlockPasskey(ctx, key.ID, a.now(), block); err != nil {
				return fmt.Errorf("block a passkey: %w", err)
			}
		}
		if cloned || !key.BlockedAt.IsZero() {
			n.Why += ", its counter went back"
			return a.failed(ctx, n)
		}
		err := a.store.UsePasskey(ctx, key, count, a.now())
		if errors.Is(err, elevation.ErrNotFound) {
			return a.failed(ctx, n)
		} else if err != nil {
			return fmt.Errorf("note the use of a passkey: %w", err)
		}
		return nil
	}
	return a.failed(ctx, n)
}

// BeginAddPasskey offers the caller a new passkey.
func (a *Accounts) BeginAddPasskey(ctx context.Context, act Actor) (ceremonyID string, options map[string]any, err error) {
	u, err := a.owner(ctx, act)
	if err != nil {
		return "", nil, err
	}
	if a.web == nil {
		return "", nil, errNoPasskeys()
	}
	keys, err := a.store.Passkeys(ctx, u.ID)
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("look up passkeys: %w", err)
	case len(keys) >= MaxPasskeys:
		return "", nil, fmt.Errorf("%w: an account has at most %d passkeys; remove one first", elevation.ErrLimit, MaxPasskeys)
	}
	options, challenge, err := a.web.offer(keyring{account: u, keys: keys})
	if err != nil {
		return "", nil, err
	}
	return a.own.add(ceremony{kind: forPasskey, user: u.ID, asked: challenge}, a.now()), options, nil
}

// AddPasskey stores the passkey that answered the offer, and makes the session
// one that was proved with it: the result is its new cookie. Other sessions end.
func (a *Accounts) AddPasskey(ctx context.Context, act Actor, cookie, ceremonyID string, credential map[string]any, name, address string) (key Passkey, next string, err error) {
	if err := a.ownFactors(ctx, act); err != nil {
		return Passkey{}, "", err
	}
	if a.web == nil {
		return Passkey{}, "", errNoPasskeys()
	}
	name = strings.TrimSpace(name)
	if err := elevation.CheckText("name", name, maxPasskeyName); err != nil {
		return Passkey{}, "", err
	}
	if name == "" {
		return Passkey{}, "", fmt.Errorf("%w: give the passkey a name", elevation.ErrInvalid)
	}
	now := a.now()
	c, ok := a.own.take(ceremonyID, forPasskey, act.User, now) // begun by somebody who was there
	if !ok {
		return Passkey{}, "", fmt.Errorf("%w: the offer has ended; begin again", elevation.ErrConflict)
	}
	u, err := a.store.Account(ctx, act.User)
	if err != nil {
		return Passkey{}, "", fmt.Errorf("look up account: %w", err)
	}
	key, err = a.web.made(credential, keyring{account: u}, c.asked)
	if err != nil {
		return Passkey{}, "", fmt.Errorf("%w: the passkey does not fit the offer; begin again", elevation.ErrInvalid)
	}
	key.ID, key.Name, key.CreatedAt = elevation.NewID(PasskeyPrefix, now), name, now
	if err := a.store.InsertPasskey(ctx, key, MaxPasskeys, factorNote(u, address, "passkey", "added", name)); err != nil {
		return Passkey{}, "", fmt.Errorf("store the passkey: %w", err)
	}
	next, _, err = a.rotate(ctx, act, cookie, ByPasskey, address, true)
	return key, next, err
}
