package store

import (
	"fmt"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// SCIMEmail is one e-mail address that the directory gives.
type SCIMEmail struct {
	Value   string
	Type    string
	Primary bool
}

// SCIMUser is an account as the directory sees it.
type SCIMUser struct {
	User       elevation.UserID
	UserName   string
	ExternalID string
	Display    string
	Given      string
	Family     string
	Formatted  string
	Emails     []SCIMEmail
	Active     bool // as the directory wants it
	Off        bool // the directory has disabled the account; else an administrator has
	MadeAt     time.Time
	ChangedAt  time.Time
	DeletedAt  time.Time // zero = the directory has it
}

// Email is the address to use: the primary one, else the first.
func (u SCIMUser) Email() string {
	for _, e := range u.Emails {
		if e.Primary {
			return e.Value
		}
	}
	if len(u.Emails) > 0 {
		return u.Emails[0].Value
	}
	return ""
}

// SCIMGroup is a group of the directory.
type SCIMGroup struct {
	ID         string
	Display    string
	ExternalID string
	MadeAt     time.Time
	ChangedAt  time.Time
}

type scimUserRow struct {
	User       string `gorm:"primaryKey"`
	UserName   string
	ExternalID string
	Email      string
	Display    string
	Active     bool
	Body       []byte
	MadeAt     int64
	ChangedAt  int64
	DeletedAt  int64
}

func (scimUserRow) TableName() string { return "scim_users" }

func (r scimUserRow) open() (SCIMUser, error) {
	var u SCIMUser
	err := unpack([]packing{{&r.Body, &u}})
	return u, err
}

// PutSCIMUser writes all of it, new or not. [ErrExists] when another one has its
// name, in whatever case.
func (tx *Tx) PutSCIMUser(u SCIMUser) error {
	tx.audited("directory's user " + string(u.User))
	r := scimUserRow{User: string(u.User), UserName: u.UserName, ExternalID: u.ExternalID, Email: u.Email(), Display: u.Display,
		Active: u.Active, MadeAt: ms(u.MadeAt), ChangedAt: ms(u.ChangedAt), DeletedAt: ms(u.DeletedAt)}
	if err := pack([]packing{{&r.Body, u}}); err != nil {
		return err
	}
	if _, err := tx.drop(&scimUserRow{}, "user = ?", r.User); err != nil {
		return err
	}
	if err := tx.create(&r); err != nil {
		return fmt.Errorf("write the directory's user %s: %w", u.UserName, err)
	}
	return nil
}

// SCIMUser reads what the directory says of an account, also once it has deleted
// it; [elevation.ErrNotFound] when it never said anything.
func (tx *Tx) SCIMUser(id elevation.UserID) (SCIMUser, error) {
	return one(tx, "directory's user", scimUserRow.open, "user = ?", string(id))
}

// SCIMMatch is one condition of a filter; Column is one that [Tx.SCIMUsers] or
// [Tx.SCIMGroups] knows.
type SCIMMatch struct{ Column, Value string }

// scimWhere turns conditions into SQL. What is not in the table is refused.
func scimWhere(known map[string]string, match []SCIMMatch) (string, []any, error) {
	var where strings.Builder
	var args []any
	for _, m := range match {
		sql, ok := known[m.Column]
		if !ok {
			return "", nil, fmt.Errorf("%w: there is no column %q to filter by", elevation.ErrInvalid, m.Column)
		}
		where.WriteString(" AND " + sql)
		args = append(args, m.Value)
	}
	return where.String(), args, nil
}

// SCIMUsers are the directory's users that match all conditions, from the
// offset on, and how many there are.
func (tx *Tx) SCIMUsers(match []SCIMMatch, offset, limit int) (out []SCIMUser, total int, err error) {
	where, args, err := scimWhere(map[string]string{"id": "user = ?", "username": "user_name = ?", "externalid": "external_id = ?",
		"emails": "email = ?", "displayname": "display = ?", "active": "active = (? = 'true')",
		"group": "user IN (SELECT user FROM scim_members WHERE grp = ?)"}, match)
	if err != nil {
		return nil, 0, err
	}
	if err := tx.row([]any{&total}, "SELECT COUNT(*) FROM scim_users WHERE deleted_at = 0"+where, args...); err != nil {
		return nil, 0, err
	}
	err = tx.rows(func(scan func(...any) error) error {
		var raw []byte
		if err := scan(&raw); err != nil {
			return err
		}
		u, err := scimUserRow{Body: raw}.open()
		out = append(out, u)
		return err
	}, "SELECT body FROM scim_users WHERE deleted_at = 0"+where+" ORDER BY user LIMIT ? OFFSET ?", append(args, limit, offset)...)
	return out, total, err
}

// PutSCIMGroup writes a group without its members. [ErrExists] when another one
// has its name, in whatever case.
func (tx *Tx) PutSCIMGroup(g SCIMGroup) error {
	tx.audited("directory's group " + g.ID)
	_, err := tx.exec(`INSERT INTO scim_groups(id, display, external_id, made_at, changed_at) VALUES (?,?,?,?,?)
ON CONFLICT (id) DO UPDATE SET display = excluded.display, external_id = excluded.external_id, changed_at = excluded.changed_at`,
		g.ID, g.Display, g.ExternalID, ms(g.MadeAt), ms(g.ChangedAt))
	if err != nil {
		return fmt.Errorf("write the directory's group %s: %w", g.Display, err)
	}
	return nil
}

// DeleteSCIMGroup deletes a group and its memberships; [elevation.ErrNotFound]
// when there is none.
func (tx *Tx) DeleteSCIMGroup(id string) error {
	tx.audited("directory's group " + id)
	if _, err := tx.exec("DELETE FROM scim_members WHERE grp = ?", id); err != nil {
		return err
	}
	n, err := tx.exec("DELETE FROM scim_groups WHERE id = ?", id)
	if err == nil && n == 0 {
		err = elevation.ErrNotFound
	}
	return err
}

// SCIMGroup reads one group; [elevation.ErrNotFound] when there is none.
func (tx *Tx) SCIMGroup(id string) (SCIMGroup, error) {
	all, _, err := tx.SCIMGroups([]SCIMMatch{{"id", id}}, 0, 1)
	switch {
	case err != nil:
		return SCIMGroup{}, err
	case len(all) == 0:
		return SCIMGroup{}, fmt.Errorf("directory's group: %w", elevation.ErrNotFound)
	}
	return all[0], nil
}

// SCIMGroups are the groups that match all conditions, from the offset on, and
// how many there are.
func (tx *Tx) SCIMGroups(match []SCIMMatch, offset, limit int) (out []SCIMGroup, total int, err error) {
	where, args, err := scimWhere(map[string]string{"id": "id = ?", "displayname": "display = ?", "externalid": "external_id = ?",
		"members": "id IN (SELECT grp FROM scim_members WHERE user = ?)"}, match)
	if err != nil {
		return nil, 0, err
	}
	if err := tx.row([]any{&total}, "SELECT COUNT(*) FROM scim_groups WHERE 1 = 1"+where, args...); err != nil {
		return nil, 0, err
	}
	err = tx.rows(func(scan func(...any) error) error {
		var g SCIMGroup
		var made, changed int64
		err := scan(&g.ID, &g.Display, &g.ExternalID, &made, &changed)
		g.MadeAt, g.ChangedAt = at(made), at(changed)
		out = append(out, g)
		return err
	}, "SELECT id, display, external_id, made_at, changed_at FROM scim_groups WHERE 1 = 1"+where+" ORDER BY id LIMIT ? OFFSET ?", append(args, limit, offset)...)
	return out, total, err
}

// SCIMMembers are the accounts in a group.
func (tx *Tx) SCIMMembers(group string) ([]elevation.UserID, error) {
	return tx.userIDs("SELECT user FROM scim_members WHERE grp = ? ORDER BY user", group)
}

// AddSCIMMember puts an account into a group; it may be there already.
func (tx *Tx) AddSCIMMember(group string, user elevation.UserID) error {
	tx.audited("directory's group " + group)
	_, err := tx.exec("INSERT INTO scim_members(grp, user) VALUES (?,?) ON CONFLICT DO NOTHING", group, string(user))
	return err
}

// DropSCIMMember takes an account out of a group; it may be out already.
func (tx *Tx) DropSCIMMember(group string, user elevation.UserID) error {
	tx.audited("directory's group " + group)
	_, err := tx.exec("DELETE FROM scim_members WHERE grp = ? AND user = ?", group, string(user))
	return err
}

// SCIMCounts counts the directory's users and groups, also deleted users.
func (tx *Tx) SCIMCounts() (users, groups int, err error) {
	err = tx.row([]any{&users, &groups}, "SELECT (SELECT COUNT(*) FROM scim_users), (SELECT COUNT(*) FROM scim_groups)")
	return users, groups, err
}

// SCIMGroupsOf are the groups of an account.
func (tx *Tx) SCIMGroupsOf(user elevation.UserID) ([]SCIMGroup, error) {
	out, _, err := tx.SCIMGroups([]SCIMMatch{{"members", string(user)}}, 0, 10_000)
	return out, err
}
