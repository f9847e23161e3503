package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// The second factors of people.

func (p people) SecondFactorRoles() []auth.Role {
	var roles []auth.Role
	for _, r := range p.store.Settings().RequireSecondFactor {
		roles = append(roles, auth.Role(r))
	}
	return roles
}

func (p people) RotateSession(ctx context.Context, old []byte, s auth.WebSession, alone bool, n auth.Note) error {
	return p.update(ctx, n, func(tx *store.Tx) error { return tx.RotateWebSession(old, s, alone) })
}

func (p people) Passkeys(ctx context.Context, user elevation.UserID) (list []auth.Passkey, err error) {
	err = p.store.View(ctx, func(tx *store.Tx) error { list, err = tx.Passkeys(user); return err })
	return list, err
}

func (p people) PasskeyByCredential(ctx context.Context, credential []byte) (k auth.Passkey, err error) {
	err = p.store.View(ctx, func(tx *store.Tx) error { k, err = tx.PasskeyByCredential(credential); return err })
	return k, err
}

func (p people) InsertPasskey(ctx context.Context, k auth.Passkey, most int, n auth.Note) error {
	err := p.update(ctx, n, func(tx *store.Tx) error { return tx.InsertPasskey(k, most) })
	if errors.Is(err, store.ErrExists) {
		err = fmt.Errorf("%w: this passkey is there already", elevation.ErrConflict)
	}
	return err
}

func (p people) UsePasskey(ctx context.Context, k auth.Passkey, next uint32, at time.Time) error {
	return p.store.Update(ctx, func(tx *store.Tx) error { return tx.UsePasskey(k, next, at) })
}

func (p people) BlockPasskey(ctx context.Context, id string, at time.Time, n auth.Note) error {
	return p.update(ctx, n, func(tx *store.Tx) error { return tx.BlockPasskey(id, at) })
}

func (p people) DeletePasskey(ctx context.Context, user elevation.UserID, id string, n auth.Note) error {
	return p.update(ctx, n, func(tx *store.Tx) error { return tx.DeletePasskey(user, id) })
}

func (p people) TOTP(ctx context.Context, user elevation.UserID) (t auth.TOTP, err error) {
	err = p.store.View(ctx, func(tx *store.Tx) error { t, err = tx.TOTP(user); return err })
	return t, err
}

func (p people) InsertTOTP(ctx context.Context, t auth.TOTP, n auth.Note) error {
	err := p.update(ctx, n, func(tx *store.Tx) error { return tx.InsertTOTP(t) })
	if errors.Is(err, store.ErrExists) {
		err = fmt.Errorf("%w: the account has an authenticator already", elevation.ErrConflict)
	}
	return err
}

func (p people) UseTOTP(ctx context.Context, user elevation.UserID, step int64) error {
	return p.store.Update(ctx, func(tx *store.Tx) error { return tx.UseTOTP(user, step) })
}

func (p people) DeleteTOTP(ctx context.Context, user elevation.UserID, n auth.Note) error {
	return p.update(ctx, n, func(tx *store.Tx) error { return tx.DeleteTOTP(user) })
}
