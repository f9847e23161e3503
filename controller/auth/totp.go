package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp/hotp"

	"github.com/assent-epm/assent/shared/elevation"
)

// What every authenticator understands: SHA-1, six digits, half a minute.
const (
	seedLen    = 20
	stepTime   = 30 * time.Second
	stepsApart = 1 // a clock may be so many steps off
	codeLen    = 6
)

func seedText(seed []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(seed)
}

func totpPurpose(id elevation.UserID) string { return "totp " + string(id) }

// BeginTOTP makes a seed for the caller's authenticator. It is in force once
// [Accounts.AddTOTP] got a code of it.
func (a *Accounts) BeginTOTP(ctx context.Context, act Actor) (secret, uri string, err error) {
	u, err := a.owner(ctx, act)
	switch {
	case err != nil:
		return "", "", err
	case u.HasTOTP:
		return "", "", fmt.Errorf("%w: the account has an authenticator; remove it first", elevation.ErrConflict)
	}
	seed := make([]byte, seedLen)
	rand.Read(seed) // never fails: crypto/rand documents that it ends the program instead
	a.own.add(ceremony{kind: forTOTP, user: u.ID, asked: seed}, a.now())
	secret = seedText(seed)
	q := url.Values{"secret": {secret}, "issuer": {"Assent"}}
	return secret, "otpauth://totp/" + url.PathEscape("Assent:"+u.Login) + "?" + q.Encode(), nil
}

// AddTOTP puts the authenticator in force with its first code, and makes the
// session one of two factors: the result is its new cookie. Other sessions end.
func (a *Accounts) AddTOTP(ctx context.Context, act Actor, cookie, code, address string) (next string, now Actor, err error) {
	if act.User == "" {
		return "", Actor{}, ErrUnauthenticated
	}
	at := a.now()
	c, ok := a.own.last(forTOTP, act.User, at)
	if !ok || !act.Session || act.Token != "" {
		return "", Actor{}, fmt.Errorf("%w: begin with the authenticator's secret, which is good for %s", elevation.ErrConflict,
			elevation.FormatDuration(CeremonyLife))
	}
	if wait := a.codes.TakeOrWait(string(act.User), at); wait > 0 {
		return "", Actor{}, &RateError{Wait: wait}
	}
	step, ok := matchCode(c.asked, code, at)
	if !ok {
		return "", Actor{}, fmt.Errorf("%w: this is not the present code of the authenticator; look at its clock and try again", elevation.ErrInvalid)
	}
	a.codes.GiveBack(string(act.User), at)
	if a.wrap == nil {
		return "", Actor{}, errors.New("add an authenticator: there is no key to wrap its seed with")
	}
	wrapped, err := a.wrap.Wrap(totpPurpose(act.User), c.asked)
	if err != nil {
		return "", Actor{}, err
	}
	u, err := a.store.Account(ctx, act.User)
	if err != nil {
		return "", Actor{}, fmt.Errorf("look up account: %w", err)
	}
	t := TOTP{User: u.ID, Seed: wrapped, LastStep: step, CreatedAt: at}
	if err := a.store.InsertTOTP(ctx, t, factorNote(u, address, "totp", "added", "")); err != nil {
		return "", Actor{}, fmt.Errorf("store the authenticator: %w", err)
	}
	a.own.take(c.id, forTOTP, u.ID, at)
	return a.rotate(ctx, act, cookie, ByTOTP, address, true)
}

// checkCode is nil for a code of the account's authenticator that was not used
// yet, else [ErrCode]. Every code costs a try.
func (a *Accounts) checkCode(ctx context.Context, u Account, code, address string) error {
	now := a.now()
	if wait := a.codes.TakeOrWait(string(u.ID), now); wait > 0 {
		return &RateError{Wait: wait}
	}
	if a.wrap == nil {
		return errors.New("check a code: there is no key to unwrap its seed with")
	}
	t, err := a.store.TOTP(ctx, u.ID)
	if err != nil {
		return fmt.Errorf("look up authenticator: %w", err)
	}
	seed, err := a.wrap.Unwrap(totpPurpose(u.ID), t.Seed)
	if err != nil {
		return fmt.Errorf("open the authenticator of %s: %w", u.ID, err)
	}
	step, ok := matchCode(seed, code, now)
	if ok {
		err = a.store.UseTOTP(ctx, u.ID, step)
		if err == nil {
			a.codes.GiveBack(string(u.ID), now)
			return nil
		}
		if !errors.Is(err, elevation.ErrNotFound) { // used by another call meanwhile
			return fmt.Errorf("note the use of a code: %w", err)
		}
	}
	if err := a.failed(ctx, Note{User: u.ID, Login: u.Login, Address: address, Why: "code"}); !errors.Is(err, ErrUnauthenticated) {
		return err
	}
	return ErrCode
}

// matchCode finds the step of a code near now. Whether it was used is for the
// store to say, which knows of every other call.
func matchCode(seed []byte, code string, now time.Time) (step int64, ok bool) {
	code = strings.ReplaceAll(code, " ", "")
	if len(code) != codeLen {
		return 0, false
	}
	present := now.Unix() / int64(stepTime/time.Second)
	for s := present - stepsApart; s <= present+stepsApart; s++ {
		want, err := hotp.GenerateCode(seedText(seed), uint64(s))
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok
}
