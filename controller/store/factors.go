package store

import (
	"fmt"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/shared/elevation"
)

// schemaFactors keeps passkeys and authenticators, and what a browser's session
// was opened and last proved with.
const schemaFactors = `
CREATE TABLE passkeys (
  id           TEXT PRIMARY KEY,
  user         TEXT NOT NULL,
  credential   BLOB NOT NULL UNIQUE,
  name         TEXT NOT NULL,
  public_key   BLOB NOT NULL,
  sign_count   INTEGER NOT NULL,
  flags        INTEGER NOT NULL,
  transports   BLOB NOT NULL,
  created_at   INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  blocked_at   INTEGER NOT NULL
);
CREATE INDEX passkeys_user ON passkeys(user);
CREATE TABLE authenticators (
  user       TEXT PRIMARY KEY,
  seed       BLOB NOT NULL,
  last_step  INTEGER NOT NULL,
  created_at INTEGER NOT NULL
);
ALTER TABLE web_sessions ADD COLUMN how      TEXT NOT NULL DEFAULT '';
ALTER TABLE web_sessions ADD COLUMN seen_at  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE web_sessions ADD COLUMN seen_how TEXT NOT NULL DEFAULT '';
`

type passkeyRow struct {
	ID         string `gorm:"primaryKey"`
	User       string
	Credential []byte
	Name       string
	PublicKey  []byte
	SignCount  int64
	Flags      int64
	Transports []byte
	CreatedAt  int64 `gorm:"autoCreateTime:false"`
	LastUsedAt int64
	BlockedAt  int64
}

func (passkeyRow) TableName() string { return "passkeys" }

func (r passkeyRow) passkey() (auth.Passkey, error) {
	p := auth.Passkey{ID: r.ID, User: elevation.UserID(r.User), Credential: r.Credential, Name: r.Name, PublicKey: r.PublicKey,
		SignCount: uint32(r.SignCount), Flags: byte(r.Flags), CreatedAt: at(r.CreatedAt), LastUsedAt: at(r.LastUsedAt), BlockedAt: at(r.BlockedAt)}
	return p, unpack([]packing{{&r.Transports, &p.Transports}})
}

// Passkeys are the passkeys of an account, the oldest first.
func (tx *Tx) Passkeys(user elevation.UserID) ([]auth.Passkey, error) {
	var rows []passkeyRow
	if err := translate(tx.gorm().Where("user = ?", string(user)).Order("id").Find(&rows).Error); err != nil {
		return nil, fmt.Errorf("passkeys of %s: %w", user, err)
	}
	out := make([]auth.Passkey, 0, len(rows))
	for _, r := range rows {
		p, err := r.passkey()
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// PasskeyByCredential finds a passkey by its authenticator's name for it;
// [elevation.ErrNotFound] when there is none.
func (tx *Tx) PasskeyByCredential(credential []byte) (auth.Passkey, error) {
	return one(tx, "passkey", passkeyRow.passkey, "credential = ?", credential)
}

// InsertPasskey stores a passkey of an account that has fewer than most:
// [elevation.ErrLimit] else, and [ErrExists] for a credential that is known.
func (tx *Tx) InsertPasskey(p auth.Passkey, most int) error {
	tx.audited("passkey " + p.ID)
	var n int
	if err := tx.row([]any{&n}, "SELECT count(*) FROM passkeys WHERE user = ?", string(p.User)); err != nil {
		return fmt.Errorf("count passkeys: %w", err)
	}
	if n >= most {
		return fmt.Errorf("%w: an account has at most %d passkeys", elevation.ErrLimit, most)
	}
	r := passkeyRow{ID: p.ID, User: string(p.User), Credential: p.Credential, Name: p.Name, PublicKey: p.PublicKey, SignCount: int64(p.SignCount),
		Flags: int64(p.Flags), CreatedAt: ms(p.CreatedAt), LastUsedAt: ms(p.LastUsedAt), BlockedAt: ms(p.BlockedAt)}
	if err := pack([]packing{{&r.Transports, p.Transports}}); err != nil {
		return err
	}
	if err := tx.create(&r); err != nil {
		return fmt.Errorf("insert passkey %s: %w", p.ID, err)
	}
	return nil
}

// UsePasskey notes a use with the counter next. [elevation.ErrNotFound] when the
// passkey has gone, is blocked, or its counter is not what p says any more. It is
// bookkeeping: what it was used for has its own audit event.
func (tx *Tx) UsePasskey(p auth.Passkey, next uint32, now time.Time) error {
	n, err := tx.exec("UPDATE passkeys SET sign_count = ?, last_used_at = ? WHERE id = ? AND sign_count = ? AND blocked_at = 0",
		int64(next), ms(now), p.ID, int64(p.SignCount))
	if err == nil && n == 0 {
		err = elevation.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("use passkey %s: %w", p.ID, err)
	}
	return nil
}

// BlockPasskey makes a passkey useless until it is removed.
func (tx *Tx) BlockPasskey(id string, now time.Time) error {
	tx.audited("passkey " + id)
	_, err := tx.exec("UPDATE passkeys SET blocked_at = ? WHERE id = ?", ms(now), id)
	return err
}

// DeletePasskey deletes one passkey of an account; [elevation.ErrNotFound] when
// there is none.
func (tx *Tx) DeletePasskey(user elevation.UserID, id string) error {
	tx.audited("passkey " + id)
	n, err := tx.drop(&passkeyRow{}, "id = ? AND user = ?", id, string(user))
	if err == nil && n == 0 {
		err = elevation.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete passkey %s: %w", id, err)
	}
	return nil
}

type authenticatorRow struct {
	User      string `gorm:"primaryKey"`
	Seed      []byte
	LastStep  int64
	CreatedAt int64 `gorm:"autoCreateTime:false"`
}

func (authenticatorRow) TableName() string { return "authenticators" }

func (r authenticatorRow) totp() (auth.TOTP, error) {
	return auth.TOTP{User: elevation.UserID(r.User), Seed: r.Seed, LastStep: r.LastStep, CreatedAt: at(r.CreatedAt)}, nil
}

// TOTP is an account's authenticator; [elevation.ErrNotFound] when it has none.
func (tx *Tx) TOTP(user elevation.UserID) (auth.TOTP, error) {
	return one(tx, "authenticator", authenticatorRow.totp, "user = ?", string(user))
}

// InsertTOTP stores an account's authenticator; [ErrExists] when it has one.
func (tx *Tx) InsertTOTP(t auth.TOTP) error {
	tx.audited("authenticator of " + string(t.User))
	return tx.create(&authenticatorRow{User: string(t.User), Seed: t.Seed, LastStep: t.LastStep, CreatedAt: ms(t.CreatedAt)})
}

// UseTOTP notes the step of a code, which must be later than the last one:
// [elevation.ErrNotFound] else. It is bookkeeping, like [Tx.UsePasskey].
func (tx *Tx) UseTOTP(user elevation.UserID, step int64) error {
	n, err := tx.exec("UPDATE authenticators SET last_step = ?1 WHERE user = ?2 AND last_step < ?1", step, string(user))
	if err == nil && n == 0 {
		err = elevation.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("use a code of %s: %w", user, err)
	}
	return nil
}

// DeleteTOTP deletes an account's authenticator; [elevation.ErrNotFound] when it
// has none.
func (tx *Tx) DeleteTOTP(user elevation.UserID) error {
	tx.audited("authenticator of " + string(user))
	n, err := tx.drop(&authenticatorRow{}, "user = ?", string(user))
	if err == nil && n == 0 {
		err = elevation.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete the authenticator of %s: %w", user, err)
	}
	return nil
}

// DeleteFactors deletes every second factor of an account and says how many
// there were.
func (tx *Tx) DeleteFactors(user elevation.UserID) (int, error) {
	tx.audited("factors of " + string(user))
	keys, err := tx.drop(&passkeyRow{}, "user = ?", string(user))
	if err != nil {
		return 0, fmt.Errorf("delete passkeys: %w", err)
	}
	codes, err := tx.drop(&authenticatorRow{}, "user = ?", string(user))
	if err != nil {
		return 0, fmt.Errorf("delete authenticator: %w", err)
	}
	return int(keys + codes), nil
}

// Factored is an account with whether it has a passkey and an authenticator, and
// when it last signed in.
func (tx *Tx) Factored(u User) (User, error) {
	one := []User{u}
	err := tx.factored(one, " WHERE u.id = ?", string(u.ID))
	return one[0], err
}

// AllFactored is [Tx.Factored] for many accounts at once, in place.
func (tx *Tx) AllFactored(users []User) error { return tx.factored(users, "") }

func (tx *Tx) factored(users []User, where string, args ...any) error {
	place := make(map[string]int, len(users))
	for i, u := range users {
		place[string(u.ID)] = i
	}
	err := tx.rows(func(scan func(...any) error) error {
		var id string
		var passkey, totp bool
		var signedIn int64
		if err := scan(&id, &passkey, &totp, &signedIn); err != nil {
			return err
		}
		if i, ok := place[id]; ok {
			users[i].HasPasskey, users[i].HasTOTP, users[i].SignedInAt = passkey, totp, at(signedIn)
		}
		return nil
	}, `SELECT u.id, EXISTS (SELECT 1 FROM passkeys p WHERE p.user = u.id), EXISTS (SELECT 1 FROM authenticators a WHERE a.user = u.id), u.signed_in_at
FROM users u`+where, args...)
	if err != nil {
		return fmt.Errorf("factors of accounts: %w", err)
	}
	return nil
}

// RotateWebSession puts s in the place of the session old, which must be there;
// with alone the account's other sessions end.
func (tx *Tx) RotateWebSession(old []byte, s WebSession, alone bool) error {
	n, err := tx.drop(&webSessionRow{}, "hash = ?", old)
	if err == nil && n == 0 {
		err = elevation.ErrNotFound
	}
	if err == nil && alone {
		err = tx.DeleteWebSessionsOf(s.User)
	}
	if err == nil {
		err = tx.InsertWebSession(s)
	}
	if err != nil {
		return fmt.Errorf("rotate a session: %w", err)
	}
	return nil
}
