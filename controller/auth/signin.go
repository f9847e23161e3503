package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/assent-epm/assent/shared/elevation"
)

// SignIn checks a password and opens a session. The result is the text for the
// cookie. A wrong login, a wrong password and an account without one all give
// [ErrUnauthenticated] after the same work; [ErrRate] comes after five failures
// of one account or twenty of one address. Where the account has an
// authenticator, [ErrCode] comes after a right password without its code.
func (a *Accounts) SignIn(ctx context.Context, login, password, code, address string) (cookie string, act Actor, err error) {
	now := a.now()
	from := AddressKey(address)
	key := strings.ToLower(clip(login)) // accounts are found in any casing
	if wait := max(a.byLogin.Wait(key, now), a.byAddr.Wait(from, now)); wait > 0 {
		return "", Actor{}, &RateError{Wait: wait}
	}
	// Taken before the hash, so that parallel guesses count as well.
	a.byLogin.Take(key, now)
	a.byAddr.Take(from, now)
	u, err := a.store.AccountByLogin(ctx, login)
	if err != nil && !errors.Is(err, elevation.ErrNotFound) {
		return "", Actor{}, fmt.Errorf("look up account: %w", err)
	}
	stored := u.PasswordHash
	if stored == "" {
		stored = a.dummy
	}
	right, err := a.hashes.verify(ctx, stored, password)
	if err != nil {
		return "", Actor{}, err
	}
	if !right || u.ID == "" || u.PasswordHash == "" || !u.DisabledAt.IsZero() {
		return "", Actor{}, a.failed(ctx, Note{User: u.ID, Login: clip(login), Address: address, Why: ByPassword})
	}
	how := ByPassword
	if u.HasTOTP {
		how = ByTOTP
		if code != "" {
			if err := a.checkCode(ctx, u, code, address); err != nil {
				return "", Actor{}, err
			}
		}
	}
	a.byLogin.GiveBack(key, now)
	a.byAddr.GiveBack(from, now)
	if u.HasTOTP && code == "" {
		return "", Actor{}, ErrCode
	}
	return a.open(ctx, u, address, how)
}

// failed records a sign-in that failed, and is [ErrUnauthenticated].
func (a *Accounts) failed(ctx context.Context, n Note) error {
	n.Kind = "auth.login_failed"
	if err := a.store.Record(ctx, n); err != nil {
		return fmt.Errorf("record a failed sign-in: %w", err)
	}
	return ErrUnauthenticated
}

// SignInByLink uses a one-time link up and opens a session: of an account, or of
// the seat for which an endpoint asked for the link. It opens no account
// that has a second factor: "user reset" takes those away before it makes one.
func (a *Accounts) SignInByLink(ctx context.Context, link, address string) (cookie string, act Actor, err error) {
	now := a.now()
	from := AddressKey(address)
	if wait := a.byAddr.Wait(from, now); wait > 0 {
		return "", Actor{}, &RateError{Wait: wait}
	}
	fail := func(why string) (string, Actor, error) {
		a.byAddr.Take(from, now)
		return "", Actor{}, a.failed(ctx, Note{Address: address, Why: why})
	}
	hash, ok := hashSecret(linkPrefix, link)
	if !ok {
		return fail("link")
	}
	l, err := a.store.UseLink(ctx, hash, now)
	if errors.Is(err, elevation.ErrNotFound) {
		return fail("link")
	} else if err != nil {
		return "", Actor{}, fmt.Errorf("use sign-in link: %w", err)
	}
	if l.Seat != (Seat{}) {
		if err := a.seatOpen(ctx, l.Seat); errors.Is(err, ErrUnauthenticated) {
			return fail("endpoint")
		} else if err != nil {
			return "", Actor{}, err
		}
		return a.openSeat(ctx, l.Seat, address)
	}
	u, err := a.store.Account(ctx, l.User)
	switch {
	case err != nil || !u.DisabledAt.IsZero():
		return fail("account")
	case (u.HasPasskey || u.HasTOTP) && !a.linksDo:
		return fail("link without the second factor")
	}
	return a.open(ctx, u, address, ByLink)
}

// Open opens a session for an account that was recognised elsewhere, such as by
// an identity provider; how goes into the audit log. [ErrUnauthenticated] for an
// account that is not there or disabled.
func (a *Accounts) Open(ctx context.Context, user elevation.UserID, address, how string) (cookie string, act Actor, err error) {
	u, err := a.store.Account(ctx, user)
	switch {
	case errors.Is(err, elevation.ErrNotFound) || err == nil && (u.ID == "" || !u.DisabledAt.IsZero()):
		return "", Actor{}, a.failed(ctx, Note{User: user, Address: address, Why: how})
	case err != nil:
		return "", Actor{}, fmt.Errorf("look up account: %w", err)
	}
	return a.open(ctx, u, address, how)
}

func (a *Accounts) open(ctx context.Context, u Account, address, how string) (string, Actor, error) {
	now := a.now()
	cookie, hash := newSecret(sessionPrefix)
	s := WebSession{Hash: hash, User: u.ID, CreatedAt: now, LastSeenAt: now, ExpiresAt: now.Add(SessionLife), How: how, SeenAt: now, SeenHow: how}
	n := Note{Kind: "auth.login", User: u.ID, Login: u.Login, Address: address, Why: how}
	if err := a.store.InsertSession(ctx, s, n); err != nil {
		return "", Actor{}, fmt.Errorf("open session: %w", err)
	}
	act := recognised(u)
	a.seated(&act, s)
	return cookie, act, nil
}

// SignOut ends the session of this cookie; an unknown one is no error.
func (a *Accounts) SignOut(ctx context.Context, act Actor, cookie string) error {
	hash, ok := hashSecret(sessionPrefix, cookie)
	if !ok {
		return nil
	}
	n := Note{Kind: "auth.logout", User: act.User, Seat: act.Seat, Login: act.Login}
	if err := a.store.DeleteSession(ctx, hash, n); err != nil && !errors.Is(err, elevation.ErrNotFound) {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}
