package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/shared/elevation"
)

// schemaDirectory keeps who recognises people besides us, what a company's
// directory says of them, and the devices that ask for a token. given_roles says
// which of an account's roles come from where, so that they can be taken away
// again without what an administrator gave by hand.
const schemaDirectory = `
CREATE TABLE identity_providers (
  id      TEXT PRIMARY KEY,
  name    TEXT NOT NULL UNIQUE COLLATE NOCASE,
  body    BLOB NOT NULL,
  secret  BLOB,
  made_at INTEGER NOT NULL
);
CREATE TABLE identities (
  issuer   TEXT NOT NULL,
  subject  TEXT NOT NULL,
  user     TEXT NOT NULL,
  provider TEXT NOT NULL,
  groups   BLOB NOT NULL,
  link     TEXT NOT NULL,
  seen_at  INTEGER NOT NULL,
  PRIMARY KEY (issuer, subject)
) WITHOUT ROWID;
CREATE INDEX identities_user ON identities(user);
CREATE TABLE used_states (hash BLOB PRIMARY KEY, expires_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE given_roles (user TEXT NOT NULL, source TEXT NOT NULL, roles BLOB NOT NULL, PRIMARY KEY (user, source)) WITHOUT ROWID;
CREATE TABLE directory (id INTEGER PRIMARY KEY CHECK (id = 1), body BLOB NOT NULL);
CREATE TABLE scim_users (
  user        TEXT PRIMARY KEY,
  user_name   TEXT NOT NULL COLLATE NOCASE,
  external_id TEXT NOT NULL,
  email       TEXT NOT NULL COLLATE NOCASE,
  display     TEXT NOT NULL COLLATE NOCASE,
  active      INTEGER NOT NULL,
  body        BLOB NOT NULL,
  made_at     INTEGER NOT NULL,
  changed_at  INTEGER NOT NULL,
  deleted_at  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX scim_users_name ON scim_users(user_name) WHERE deleted_at = 0;
CREATE INDEX scim_users_external ON scim_users(external_id);
CREATE INDEX scim_users_email    ON scim_users(email);
CREATE TABLE scim_groups (
  id          TEXT PRIMARY KEY,
  display     TEXT NOT NULL UNIQUE COLLATE NOCASE,
  external_id TEXT NOT NULL,
  made_at     INTEGER NOT NULL,
  changed_at  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE scim_members (grp TEXT NOT NULL, user TEXT NOT NULL, PRIMARY KEY (grp, user)) WITHOUT ROWID;
CREATE INDEX scim_members_user ON scim_members(user);
CREATE TABLE devices (
  hash       BLOB PRIMARY KEY,
  code       BLOB NOT NULL UNIQUE,
  name       TEXT NOT NULL,
  address    TEXT NOT NULL,
  user       TEXT NOT NULL,
  denied     INTEGER NOT NULL,
  made_at    INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;
`

// ProviderID names an identity provider.
type ProviderID string

// GroupRoles says what being in a group of a directory gives.
type GroupRoles struct {
	ID    string // as the provider names it, stable
	Roles []auth.Role
}

// ProviderLink says which claims of a provider make a strong link.
type ProviderLink struct {
	Directory string // "" = none
	UserClaim string
	UIDClaim  string
}

// Provider is an identity provider as it is stored; Secret is wrapped.
type Provider struct {
	ID             ProviderID
	Name           string
	Issuer         string
	ClientID       string
	Secret         []byte
	Scopes         []string
	GroupsClaim    string
	Groups         []GroupRoles
	CreateAccounts bool
	AllowedDomains []string
	Link           ProviderLink
	Enabled        bool
	MadeAt         time.Time
}

// Identity ties what a provider calls somebody to an account.
type Identity struct {
	Issuer   string
	Subject  string
	User     elevation.UserID
	Provider ProviderID
	Groups   []string         // as they were when last seen
	Link     elevation.LinkID // the strong link that the provider's claims made
	SeenAt   time.Time
}

type providerRow struct {
	ID     string `gorm:"primaryKey"`
	Name   string
	Body   []byte
	Secret []byte
	MadeAt int64
}

func (providerRow) TableName() string { return "identity_providers" }

func (r providerRow) provider() (Provider, error) {
	var p Provider
	err := unpack([]packing{{&r.Body, &p}})
	p.ID, p.Name, p.Secret, p.MadeAt = ProviderID(r.ID), r.Name, r.Secret, at(r.MadeAt)
	return p, err
}

// PutProvider writes all of a provider, new or not. [ErrExists] when another one
// has its name, in whatever case.
func (tx *Tx) PutProvider(p Provider) error {
	tx.audited("identity provider " + string(p.ID))
	r := providerRow{ID: string(p.ID), Name: p.Name, Secret: p.Secret, MadeAt: ms(p.MadeAt)}
	p.Secret = nil
	if err := pack([]packing{{&r.Body, p}}); err != nil {
		return err
	}
	if _, err := tx.drop(&providerRow{}, "id = ?", r.ID); err != nil {
		return err
	}
	if err := tx.create(&r); err != nil {
		return fmt.Errorf("write identity provider %s: %w", p.Name, err)
	}
	return nil
}

// DeleteProvider deletes a provider with whom it has recognised;
// [elevation.ErrNotFound] when there is none.
func (tx *Tx) DeleteProvider(id ProviderID) error {
	tx.audited("identity provider " + string(id))
	if _, err := tx.exec("DELETE FROM identities WHERE provider = ?", string(id)); err != nil {
		return err
	}
	return tx.dropOne(&providerRow{}, "identity provider", string(id))
}

// Provider reads one provider; [elevation.ErrNotFound] when there is none.
func (tx *Tx) Provider(id ProviderID) (Provider, error) {
	return one(tx, "identity provider", providerRow.provider, "id = ?", string(id))
}

// Providers lists all providers by name.
func (tx *Tx) Providers() ([]Provider, error) { return list(tx, "name", providerRow.provider) }

type identityRow struct {
	Issuer   string `gorm:"primaryKey"`
	Subject  string `gorm:"primaryKey"`
	User     string
	Provider string
	Groups   []byte
	Link     string
	SeenAt   int64
}

func (identityRow) TableName() string { return "identities" }

func (r identityRow) identity() (Identity, error) {
	i := Identity{Issuer: r.Issuer, Subject: r.Subject, User: elevation.UserID(r.User), Provider: ProviderID(r.Provider),
		Link: elevation.LinkID(r.Link), SeenAt: at(r.SeenAt)}
	err := unpack([]packing{{&r.Groups, &i.Groups}})
	return i, err
}

// PutIdentity writes all of an identity, new or not.
func (tx *Tx) PutIdentity(i Identity) error {
	tx.audited("identity of " + string(i.User))
	var groups []byte
	if err := pack([]packing{{&groups, i.Groups}}); err != nil {
		return err
	}
	_, err := tx.exec(`INSERT INTO identities(issuer, subject, user, provider, groups, link, seen_at) VALUES (?,?,?,?,?,?,?)
ON CONFLICT (issuer, subject) DO UPDATE SET user = excluded.user, provider = excluded.provider, groups = excluded.groups, link = excluded.link, seen_at = excluded.seen_at`,
		i.Issuer, i.Subject, string(i.User), string(i.Provider), groups, string(i.Link), ms(i.SeenAt))
	if err != nil {
		return fmt.Errorf("write the identity of %s: %w", i.User, err)
	}
	return nil
}

// Identity finds who a provider means; [elevation.ErrNotFound] for a stranger.
func (tx *Tx) Identity(issuer, subject string) (Identity, error) {
	return one(tx, "identity", identityRow.identity, "issuer = ? AND subject = ?", issuer, subject)
}

// IdentitiesOf are those that a provider has recognised.
func (tx *Tx) IdentitiesOf(id ProviderID) ([]Identity, error) {
	var rows []identityRow
	if err := translate(tx.gorm().Where("provider = ?", string(id)).Order("issuer, subject").Find(&rows).Error); err != nil {
		return nil, err
	}
	var out []Identity
	for _, r := range rows {
		i, err := r.identity()
		if err != nil {
			return nil, err
		}
		out = append(out, i)
	}
	return out, nil
}

// UseState uses a state of a sign-in up; [ErrExists] when it was used before.
func (tx *Tx) UseState(hash []byte, until time.Time) error {
	_, err := tx.exec("INSERT INTO used_states(hash, expires_at) VALUES (?,?)", hash, upMS(until))
	return err
}

// UsersByEmail are the accounts with this e-mail address, ignoring case.
func (tx *Tx) UsersByEmail(email string) ([]User, error) {
	var rows []userRow
	if err := translate(tx.gorm().Where("email = ? COLLATE NOCASE", email).Limit(2).Find(&rows).Error); err != nil {
		return nil, err
	}
	var out []User
	for _, r := range rows {
		u, err := r.user()
		if err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	return out, nil
}

// GivenRoles are the roles of an account by who gave them: a provider's id, or a
// word of package directory.
func (tx *Tx) GivenRoles(user elevation.UserID) (map[string][]auth.Role, error) {
	out := map[string][]auth.Role{}
	err := tx.rows(func(scan func(...any) error) error {
		var source string
		var raw []byte
		if err := scan(&source, &raw); err != nil {
			return err
		}
		var roles []auth.Role
		err := unpack([]packing{{&raw, &roles}})
		out[source] = roles
		return err
	}, "SELECT source, roles FROM given_roles WHERE user = ?", string(user))
	return out, err
}

// PutGivenRoles writes what one source gives an account; none deletes it.
func (tx *Tx) PutGivenRoles(user elevation.UserID, source string, roles []auth.Role) error {
	tx.audited("given roles of " + string(user))
	if len(roles) == 0 {
		_, err := tx.exec("DELETE FROM given_roles WHERE user = ? AND source = ?", string(user), source)
		return err
	}
	var raw []byte
	if err := pack([]packing{{&raw, roles}}); err != nil {
		return err
	}
	_, err := tx.exec("INSERT INTO given_roles(user, source, roles) VALUES (?,?,?) ON CONFLICT (user, source) DO UPDATE SET roles = excluded.roles",
		string(user), source, raw)
	return err
}

// GivenBy are the accounts that a source gives roles.
func (tx *Tx) GivenBy(source string) ([]elevation.UserID, error) {
	return tx.userIDs("SELECT user FROM given_roles WHERE source = ?", source)
}

func (tx *Tx) userIDs(query string, args ...any) (out []elevation.UserID, err error) {
	err = tx.rows(func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		out = append(out, elevation.UserID(id))
		return err
	}, query, args...)
	return out, err
}

// EndAccess ends every session, token and sign-in link of an account.
func (tx *Tx) EndAccess(user elevation.UserID) error {
	tx.audited("access of " + string(user))
	if _, err := tx.exec("DELETE FROM api_tokens WHERE owner = ?", string(user)); err != nil {
		return fmt.Errorf("end the access of %s: %w", user, err)
	}
	return tx.EndSignIns(user)
}

// EndSignIns ends every session of an account, and what could still become one or
// a token: sign-in links, and devices that were let in.
func (tx *Tx) EndSignIns(user elevation.UserID) error {
	if err := tx.DeleteWebSessionsOf(user); err != nil {
		return err
	}
	for _, table := range []string{"sign_in_links", "devices"} {
		if _, err := tx.exec("DELETE FROM "+table+" WHERE user = ?", string(user)); err != nil {
			return fmt.Errorf("end the sign-ins of %s: %w", user, err)
		}
	}
	return nil
}

// OffSource marks in given_roles an account that was disabled because nobody
// gives it a role.
const OffSource = "off"

// KeepDisabled takes away that a directory or a provider may enable an account
// again because it was they who disabled it; kept says that one could have.
func (tx *Tx) KeepDisabled(user elevation.UserID) (kept bool, err error) {
	given, err := tx.GivenRoles(user)
	if err != nil {
		return false, err
	}
	if len(given[OffSource]) > 0 {
		kept = true
		if err := tx.PutGivenRoles(user, OffSource, nil); err != nil {
			return kept, err
		}
	}
	u, err := tx.SCIMUser(user)
	switch {
	case errors.Is(err, elevation.ErrNotFound):
		return kept, nil
	case err != nil || !u.Off:
		return kept, err
	}
	u.Off = false
	return true, tx.PutSCIMUser(u)
}

// forgetDirectory deletes what the directory knows of an account that is deleted.
func (tx *Tx) forgetDirectory(id elevation.UserID) error {
	for _, table := range []string{"identities", "given_roles", "scim_users", "scim_members", "devices"} {
		if _, err := tx.exec("DELETE FROM "+table+" WHERE user = ?", string(id)); err != nil {
			return fmt.Errorf("forget %s in %s: %w", id, table, err)
		}
	}
	return nil
}

// pruneDirectory deletes states and devices that have ended.
func (tx *Tx) pruneDirectory(now time.Time) error {
	for _, table := range []string{"used_states", "devices"} {
		if _, err := tx.exec("DELETE FROM "+table+" WHERE expires_at <= ?", now.UnixMilli()); err != nil {
			return fmt.Errorf("prune %s: %w", table, err)
		}
	}
	return nil
}

// Directory are the settings of the company's directory.
type Directory struct {
	Groups        []GroupRoles // ID is the id or the external id of a group
	AdoptAccounts bool         // by equal login
}

// Directory reads the settings.
func (tx *Tx) Directory() (d Directory, err error) {
	var raw []byte
	err = tx.row([]any{&raw}, "SELECT body FROM directory WHERE id = 1")
	if errors.Is(err, elevation.ErrNotFound) {
		return d, nil
	}
	if err == nil {
		err = unpack([]packing{{&raw, &d}})
	}
	return d, err
}

// PutDirectory writes the settings.
func (tx *Tx) PutDirectory(d Directory) error {
	tx.audited("directory")
	var raw []byte
	if err := pack([]packing{{&raw, d}}); err != nil {
		return err
	}
	_, err := tx.exec("INSERT INTO directory(id, body) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body", raw)
	return err
}

// Device is a device that asks for a token of whoever allows it.
type Device struct {
	Hash      []byte // SHA-256 of what it shows when it asks again
	Code      []byte // SHA-256 of what its user types
	Name      string
	Address   string
	User      elevation.UserID // who allowed it, "" = nobody yet
	Denied    bool
	MadeAt    time.Time
	ExpiresAt time.Time
}

type deviceRow struct {
	Hash      []byte `gorm:"primaryKey"`
	Code      []byte
	Name      string
	Address   string
	User      string
	Denied    bool
	MadeAt    int64
	ExpiresAt int64
}

func (deviceRow) TableName() string { return "devices" }

func (r deviceRow) device() (Device, error) {
	return Device{Hash: r.Hash, Code: r.Code, Name: r.Name, Address: r.Address, User: elevation.UserID(r.User), Denied: r.Denied,
		MadeAt: at(r.MadeAt), ExpiresAt: at(r.ExpiresAt)}, nil
}

// InsertDevice stores a device that asks. It is bookkeeping until somebody answers.
func (tx *Tx) InsertDevice(d Device) error {
	return tx.create(&deviceRow{Hash: d.Hash, Code: d.Code, Name: d.Name, Address: d.Address, MadeAt: ms(d.MadeAt), ExpiresAt: upMS(d.ExpiresAt)})
}

// AnswerDevice writes who allowed or denied a device that nobody has answered;
// [elevation.ErrNotFound] for any other.
func (tx *Tx) AnswerDevice(code []byte, user elevation.UserID, denied bool, now time.Time) error {
	tx.audited("device")
	n, err := tx.exec("UPDATE devices SET user = ?, denied = ? WHERE code = ? AND user = '' AND denied = 0 AND expires_at > ?",
		string(user), denied, code, now.UnixMilli())
	if err == nil && n == 0 {
		err = elevation.ErrNotFound
	}
	return err
}

// DeleteDevice forgets a device, which has got its token; [elevation.ErrNotFound]
// when there is none.
func (tx *Tx) DeleteDevice(hash []byte) error {
	n, err := tx.drop(&deviceRow{}, "hash = ?", hash)
	if err == nil && n == 0 {
		err = elevation.ErrNotFound
	}
	return err
}

// Device finds a device by what it shows itself.
func (tx *Tx) Device(hash []byte) (Device, error) {
	return one(tx, "device", deviceRow.device, "hash = ?", hash)
}

// DeviceByCode finds a device by what its user types.
func (tx *Tx) DeviceByCode(code []byte) (Device, error) {
	return one(tx, "device", deviceRow.device, "code = ?", code)
}

// WaitingDevices are the devices that somebody may still answer or that may still
// get their token, the oldest first.
func (tx *Tx) WaitingDevices(now time.Time) (out []Device, err error) {
	err = tx.rows(func(scan func(...any) error) error {
		var d Device
		err := scan(&d.Hash, &d.Address)
		out = append(out, d)
		return err
	}, "SELECT hash, address FROM devices WHERE expires_at > ? ORDER BY made_at, hash", now.UnixMilli())
	return out, err
}

// HasIdentity reports whether a provider means somebody by this account already.
func (tx *Tx) HasIdentity(issuer string, user elevation.UserID) (bool, error) {
	var n int
	err := tx.row([]any{&n}, "SELECT COUNT(*) FROM identities WHERE issuer = ? AND user = ?", issuer, string(user))
	return n > 0, err
}
