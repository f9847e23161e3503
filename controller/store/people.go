package store

import (
	"fmt"
	"slices"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/shared/elevation"
)

// The rows of people are those that package auth declares.
type (
	User       = auth.Account
	APIToken   = auth.Token
	WebSession = auth.WebSession
	SignInLink = auth.SignInLink
)

// EnrollToken lets machines enrol. Only the hash of its text is stored.
type EnrollToken struct {
	ID           elevation.TokenID
	Hash         []byte // SHA-256
	ExpiresAt    time.Time
	MaxUses      int // 0 = any number
	Uses         int
	Labels       map[string]string
	AcceptLabels []string
	Mode         string
	CreatedBy    elevation.Actor
	CreatedAt    time.Time
	RevokedAt    time.Time
}

type enrollTokenRow struct {
	ID           string `gorm:"primaryKey"`
	Hash         []byte
	ExpiresAt    int64
	MaxUses      int
	Uses         int
	Labels       []byte
	AcceptLabels []byte
	Mode         string
	CreatedBy    []byte
	CreatedAt    int64 `gorm:"autoCreateTime:false"`
	RevokedAt    int64
}

func (enrollTokenRow) TableName() string { return "enroll_tokens" }

func (r enrollTokenRow) token() (EnrollToken, error) {
	t := EnrollToken{ID: elevation.TokenID(r.ID), Hash: r.Hash, ExpiresAt: at(r.ExpiresAt), MaxUses: r.MaxUses, Uses: r.Uses, Mode: r.Mode,
		CreatedAt: at(r.CreatedAt), RevokedAt: at(r.RevokedAt)}
	err := unpack([]packing{{&r.Labels, &t.Labels}, {&r.AcceptLabels, &t.AcceptLabels}, {&r.CreatedBy, &t.CreatedBy}})
	return t, err
}

// InsertEnrollToken stores a new enrolment token.
func (tx *Tx) InsertEnrollToken(t EnrollToken) error {
	tx.audited("enrolment token " + string(t.ID))
	r := enrollTokenRow{ID: string(t.ID), Hash: t.Hash, ExpiresAt: ms(t.ExpiresAt), MaxUses: t.MaxUses, Uses: t.Uses, Mode: t.Mode,
		CreatedAt: ms(t.CreatedAt), RevokedAt: ms(t.RevokedAt)}
	if err := pack([]packing{{&r.Labels, t.Labels}, {&r.AcceptLabels, t.AcceptLabels}, {&r.CreatedBy, t.CreatedBy}}); err != nil {
		return err
	}
	if err := tx.create(&r); err != nil {
		return fmt.Errorf("insert enrolment token %s: %w", t.ID, err)
	}
	return nil
}

// ConsumeEnrollToken takes one use of the token with that hash and returns it.
// Unknown, expired, revoked and used up are all [elevation.ErrNotFound].
func (tx *Tx) ConsumeEnrollToken(hash []byte, now time.Time) (EnrollToken, error) {
	tx.audited("enrolment token")
	n, err := tx.exec(`UPDATE enroll_tokens SET uses = uses + 1
WHERE hash = ? AND expires_at > ? AND revoked_at = 0 AND (max_uses = 0 OR uses < max_uses)`, hash, now.UnixMilli())
	if err == nil && n == 0 {
		err = elevation.ErrNotFound
	}
	if err != nil {
		return EnrollToken{}, fmt.Errorf("consume enrolment token: %w", err)
	}
	var r enrollTokenRow
	if err := translate(tx.gorm().Where("hash = ?", hash).Take(&r).Error); err != nil {
		return EnrollToken{}, fmt.Errorf("consume enrolment token: %w", err)
	}
	return r.token()
}

// EnrollTokens lists all enrolment tokens, the newest first.
func (tx *Tx) EnrollTokens() ([]EnrollToken, error) {
	return list(tx, "id DESC", enrollTokenRow.token)
}

// DeleteEnrollToken deletes a token; [elevation.ErrNotFound] when there is none.
func (tx *Tx) DeleteEnrollToken(id elevation.TokenID) error {
	tx.audited("enrolment token " + string(id))
	return tx.dropOne(&enrollTokenRow{}, "enrolment token", string(id))
}

type apiTokenRow struct {
	ID         string `gorm:"primaryKey"`
	Hash       []byte
	Name       string
	Owner      string
	Scopes     []byte
	FullRights bool
	MadeBy     []byte
	ExpiresAt  int64
	CreatedAt  int64 `gorm:"autoCreateTime:false"`
	LastUsedAt int64
}

func (apiTokenRow) TableName() string { return "api_tokens" }

func newAPITokenRow(t APIToken) (apiTokenRow, error) {
	r := apiTokenRow{ID: string(t.ID), Hash: t.Hash, Name: t.Name, Owner: string(t.Owner), FullRights: t.Full, ExpiresAt: ms(t.ExpiresAt),
		CreatedAt: ms(t.CreatedAt), LastUsedAt: ms(t.LastUsedAt)}
	err := pack([]packing{{&r.Scopes, t.Scopes}, {&r.MadeBy, t.MadeBy}})
	return r, err
}

func (r apiTokenRow) token() (APIToken, error) {
	t := APIToken{ID: elevation.TokenID(r.ID), Hash: r.Hash, Name: r.Name, Owner: elevation.UserID(r.Owner), Full: r.FullRights,
		ExpiresAt: at(r.ExpiresAt), CreatedAt: at(r.CreatedAt), LastUsedAt: at(r.LastUsedAt)}
	err := unpack([]packing{{&r.Scopes, &t.Scopes}, {&r.MadeBy, &t.MadeBy}})
	return t, err
}

// InsertAPIToken stores a new API token.
func (tx *Tx) InsertAPIToken(t APIToken) error {
	tx.audited("API token " + string(t.ID))
	r, err := newAPITokenRow(t)
	if err == nil {
		err = tx.create(&r)
	}
	if err != nil {
		return fmt.Errorf("insert API token %s: %w", t.ID, err)
	}
	return nil
}

// PutAPIToken writes all of an API token that must exist.
func (tx *Tx) PutAPIToken(t APIToken) error {
	tx.audited("API token " + string(t.ID))
	r, err := newAPITokenRow(t)
	if err == nil {
		err = tx.change(&r)
	}
	if err != nil {
		return fmt.Errorf("write API token %s: %w", t.ID, err)
	}
	return nil
}

// APITokenByHash finds a token; [elevation.ErrNotFound] when there is none.
func (tx *Tx) APITokenByHash(hash []byte) (APIToken, error) {
	return one(tx, "API token", apiTokenRow.token, "hash = ?", hash)
}

// APIToken reads one token; [elevation.ErrNotFound] when there is none.
func (tx *Tx) APIToken(id elevation.TokenID) (APIToken, error) {
	return one(tx, "API token", apiTokenRow.token, "id = ?", string(id))
}

// APITokens lists all API tokens, the newest first.
func (tx *Tx) APITokens() ([]APIToken, error) { return list(tx, "id DESC", apiTokenRow.token) }

// RoomForToken fails with [elevation.ErrLimit] when an account has as many API
// tokens as it may have.
func (tx *Tx) RoomForToken(owner elevation.UserID) error {
	var n int
	if err := tx.row([]any{&n}, "SELECT count(*) FROM api_tokens WHERE owner = ?", string(owner)); err != nil {
		return fmt.Errorf("count the tokens of %s: %w", owner, err)
	}
	if n >= auth.MaxTokens {
		return fmt.Errorf("%w: the account has %d tokens; delete some that are no longer used", elevation.ErrLimit, n)
	}
	return nil
}

// UsedAPIToken notes when a token was last used. It is bookkeeping and needs no
// audit event.
func (tx *Tx) UsedAPIToken(id elevation.TokenID, at time.Time) error {
	_, err := tx.exec("UPDATE api_tokens SET last_used_at = ? WHERE id = ?", ms(at), string(id))
	return err
}

// DeleteAPIToken deletes a token; [elevation.ErrNotFound] when there is none.
func (tx *Tx) DeleteAPIToken(id elevation.TokenID) error {
	tx.audited("API token " + string(id))
	return tx.dropOne(&apiTokenRow{}, "API token", string(id))
}

type userRow struct {
	ID           string `gorm:"primaryKey"`
	Login        string
	Name         string
	Email        string
	Roles        []byte
	Scope        []byte
	PasswordHash string
	CreatedAt    int64 `gorm:"autoCreateTime:false"`
	DisabledAt   int64
	HeldBy       []byte // nil = nobody
}

func (userRow) TableName() string { return "users" }

func newUserRow(u User) (userRow, error) {
	r := userRow{ID: string(u.ID), Login: u.Login, Name: u.Name, Email: u.Email, PasswordHash: u.PasswordHash,
		CreatedAt: ms(u.CreatedAt), DisabledAt: ms(u.DisabledAt)}
	err := pack([]packing{{&r.Roles, u.Roles}, {&r.Scope, u.Scope}})
	if err == nil && u.HeldBy.Kind != "" {
		err = pack([]packing{{&r.HeldBy, u.HeldBy}})
	}
	return r, err
}

func (r userRow) user() (User, error) {
	u := User{ID: elevation.UserID(r.ID), Login: r.Login, Name: r.Name, Email: r.Email, PasswordHash: r.PasswordHash,
		CreatedAt: at(r.CreatedAt), DisabledAt: at(r.DisabledAt)}
	err := unpack([]packing{{&r.Roles, &u.Roles}, {&r.Scope, &u.Scope}})
	if err == nil && len(r.HeldBy) > 0 {
		err = unpack([]packing{{&r.HeldBy, &u.HeldBy}})
	}
	return u, err
}

// InsertUser stores a new account. [ErrExists] when the login is taken; logins
// differ by more than case.
func (tx *Tx) InsertUser(u User) error {
	tx.staffed("user " + string(u.ID))
	r, err := newUserRow(u)
	if err == nil {
		err = tx.create(&r)
	}
	if err != nil {
		return fmt.Errorf("insert user %s: %w", u.Login, err)
	}
	return nil
}

// PutUser writes all of an account that must exist.
func (tx *Tx) PutUser(u User) error {
	tx.staffed("user " + string(u.ID))
	r, err := newUserRow(u)
	if err == nil {
		err = tx.change(&r)
	}
	if err != nil {
		return fmt.Errorf("write user %s: %w", u.Login, err)
	}
	return nil
}

// DeleteUser deletes an account with its tokens, sessions, factors and links.
func (tx *Tx) DeleteUser(id elevation.UserID) error {
	tx.staffed("user " + string(id))
	if _, err := tx.drop(&apiTokenRow{}, "owner = ?", string(id)); err != nil {
		return err
	}
	if err := tx.DeleteWebSessionsOf(id); err != nil {
		return err
	}
	if _, err := tx.DeleteFactors(id); err != nil {
		return err
	}
	for _, table := range []any{&signInLinkRow{}, &linkRow{}} {
		if _, err := tx.drop(table, "user = ?", string(id)); err != nil {
			return err
		}
	}
	if _, err := tx.drop(&awayRow{}, "user = ? OR delegate = ?", string(id), string(id)); err != nil {
		return err
	}
	if err := tx.forgetDirectory(id); err != nil {
		return err
	}
	if _, err := tx.exec("DELETE FROM preferences WHERE user = ?", string(id)); err != nil {
		return err
	}
	return tx.dropOne(&userRow{}, "user", string(id))
}

// User reads one account; [elevation.ErrNotFound] when there is none.
func (tx *Tx) User(id elevation.UserID) (User, error) {
	return one(tx, "user", userRow.user, "id = ?", string(id))
}

// UserByLogin finds an account by its login, ignoring case.
func (tx *Tx) UserByLogin(login string) (User, error) {
	return one(tx, "user", userRow.user, "login = ?", login)
}

// Users lists all accounts in the order of their logins.
func (tx *Tx) Users() ([]User, error) { return list(tx, "login", userRow.user) }

// KeepsAdministrator fails with [elevation.ErrConflict] when nobody is left who can
// administer: an account that may sign in, with the role administrator over all
// endpoints.
func (tx *Tx) KeepsAdministrator() error {
	all, err := tx.Users()
	if err != nil {
		return err
	}
	for _, u := range all {
		if u.DisabledAt.IsZero() && len(u.Scope) == 0 && slices.Contains(u.Roles, auth.Administrator) {
			return nil
		}
	}
	return fmt.Errorf("%w: this is the last administrator; make another one first", elevation.ErrConflict)
}

// one reads the row that fits; [elevation.ErrNotFound] when there is none.
func one[R, T any](tx *Tx, what string, open func(R) (T, error), where string, args ...any) (T, error) {
	var r R
	var none T
	if err := translate(tx.gorm().Where(where, args...).Take(&r).Error); err != nil {
		return none, fmt.Errorf("%s: %w", what, err)
	}
	return open(r)
}

// list reads all rows of a table.
func list[R, T any](tx *Tx, order string, open func(R) (T, error)) ([]T, error) {
	var rows []R
	if err := translate(tx.gorm().Order(order).Find(&rows).Error); err != nil {
		return nil, err
	}
	out := make([]T, 0, len(rows))
	for _, r := range rows {
		t, err := open(r)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

func (tx *Tx) dropOne(table any, what, id string) error {
	n, err := tx.drop(table, "id = ?", id)
	if err == nil && n == 0 {
		err = elevation.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete %s %s: %w", what, id, err)
	}
	return nil
}
