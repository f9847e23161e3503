package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// Limits of what a directory brings.
const (
	maxUsers     = 100_000
	maxSCIMGroup = 10_000 // groups
	maxEmails    = 20
	maxPage      = 200
	firstPage    = 100
)

// Query asks for a page of a list.
type Query struct {
	Filter     string
	StartIndex int // the first is 1
	Count      int // negative = the default
}

// Resource is a SCIM resource as JSON writes it.
type Resource map[string]any

// sync checks that the actor is a directory: a token with the scope for it, of
// somebody who may, over all endpoints.
func (d *Directory) sync(ctx context.Context, act auth.Actor, what string) error {
	if act.User == "" {
		return auth.ErrUnauthenticated
	}
	if act.Session || act.Token == "" || !slices.Contains(act.Scopes, auth.ScopeSCIM) {
		return d.refuse(ctx, act, what, fmt.Errorf("%w: a directory needs an API token with the scope %s", elevation.ErrNotAllowed, auth.ScopeSCIM))
	}
	return d.may(ctx, act, auth.DirectorySync, what)
}

// Users is a page of the directory's users.
func (d *Directory) Users(ctx context.Context, act auth.Actor, q Query) (Resource, error) {
	if err := d.sync(ctx, act, "scim.users"); err != nil {
		return nil, err
	}
	match, err := readFilter(q.Filter, schemaUser, map[string]string{"username": "username", "externalid": "externalid", "id": "id",
		"displayname": "displayname", "emails": "emails", "emails.value": "emails", "active": "active", "groups": "group", "groups.value": "group"})
	if err != nil {
		return nil, err
	}
	start, count := page(q)
	var list []Resource
	var total int
	err = d.view(ctx, func(tx *store.Tx) error {
		users, n, err := tx.SCIMUsers(match, start-1, count)
		if err != nil {
			return err
		}
		total = n
		list, err = each(users, func(u store.SCIMUser) (Resource, error) { return d.userResource(tx, u) })
		return err
	})
	return listOf(list, total, start), err
}

func page(q Query) (start, count int) {
	count = q.Count
	if count < 0 {
		count = firstPage
	}
	return min(max(q.StartIndex, 1), 1<<30), min(count, maxPage)
}

func each[T any](in []T, make func(T) (Resource, error)) ([]Resource, error) {
	out := []Resource{}
	for _, x := range in {
		r, err := make(x)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func listOf(list []Resource, total, start int) Resource {
	return Resource{"schemas": []string{schemaList}, "totalResults": total, "startIndex": start, "itemsPerPage": len(list), "Resources": list}
}

// User is one user of the directory.
func (d *Directory) User(ctx context.Context, act auth.Actor, id string) (r Resource, err error) {
	if err := d.sync(ctx, act, "scim.user"); err != nil {
		return nil, err
	}
	err = d.view(ctx, func(tx *store.Tx) error {
		u, err := scimUser(tx, id)
		if err == nil {
			r, err = d.userResource(tx, u)
		}
		return err
	})
	return r, err
}

// scimUser is a user that the directory has.
func scimUser(tx *store.Tx, id string) (store.SCIMUser, error) {
	u, err := tx.SCIMUser(elevation.UserID(id))
	if err == nil && !u.DeletedAt.IsZero() {
		err = fmt.Errorf("directory's user: %w", elevation.ErrNotFound)
	}
	return u, err
}

func (d *Directory) userResource(tx *store.Tx, u store.SCIMUser) (Resource, error) {
	acc, err := tx.User(u.User)
	if err != nil {
		return nil, err
	}
	groups, err := tx.SCIMGroupsOf(u.User)
	if err != nil {
		return nil, err
	}
	in := []Resource{}
	for _, g := range groups {
		in = append(in, Resource{"value": g.ID, "display": g.Display, "$ref": d.location("Groups", g.ID)})
	}
	emails := []Resource{}
	for _, e := range u.Emails {
		emails = append(emails, Resource{"value": e.Value, "type": e.Type, "primary": e.Primary})
	}
	r := Resource{"schemas": []string{schemaUser}, "id": string(u.User), "userName": u.UserName, "displayName": u.Display,
		"name":   Resource{"givenName": u.Given, "familyName": u.Family, "formatted": u.Formatted},
		"emails": emails, "active": u.Active && acc.DisabledAt.IsZero(), "groups": in,
		"meta": d.meta("User", "Users", string(u.User), u.MadeAt, u.ChangedAt)}
	if u.ExternalID != "" {
		r["externalId"] = u.ExternalID
	}
	return r, nil
}

func (d *Directory) location(kind, id string) string {
	return d.cfg.Public() + "/scim/v2/" + kind + "/" + id
}

func (d *Directory) meta(kind, folder, id string, made, changed time.Time) Resource {
	return Resource{"resourceType": kind, "created": made.UTC().Format(time.RFC3339Nano), "lastModified": changed.UTC().Format(time.RFC3339Nano),
		"location": d.location(folder, id), "version": fmt.Sprintf(`W/"%d"`, changed.UnixMilli())}
}

// AddUser takes a user of the directory: a new account, one that the directory
// deleted before, or, where the settings say so, one with the same login.
func (d *Directory) AddUser(ctx context.Context, act auth.Actor, raw []byte) (r Resource, err error) {
	if err := d.sync(ctx, act, "scim.user.add"); err != nil {
		return nil, err
	}
	body, err := readObject(raw)
	if err != nil {
		return nil, err
	}
	wanted := store.SCIMUser{Active: true}
	if err := setUser(&wanted, body); err != nil {
		return nil, err
	}
	if err := checkUser(wanted); err != nil {
		return nil, err
	}
	err = d.update(ctx, func(tx *store.Tx) error {
		users, _, err := tx.SCIMCounts()
		if err != nil {
			return err
		}
		if users >= maxUsers {
			return fmt.Errorf("%w: the directory has brought %d users", elevation.ErrLimit, users)
		}
		u, acc, err := d.claim(tx, act, wanted)
		if err != nil {
			return err
		}
		if err := d.apply(tx, act, u, acc); err != nil {
			return err
		}
		u, err = tx.SCIMUser(u.User)
		if err == nil {
			r, err = d.userResource(tx, u)
		}
		return err
	})
	return r, err
}

// claim finds or makes the account of a user that the directory brings.
func (d *Directory) claim(tx *store.Tx, act auth.Actor, u store.SCIMUser) (store.SCIMUser, store.User, error) {
	now := d.cfg.Now()
	u.MadeAt = now
	taken := &Fault{"uniqueness", fmt.Errorf("%w: the userName %q is taken", elevation.ErrConflict, u.UserName)}
	acc, err := tx.UserByLogin(u.UserName)
	switch {
	case err == nil:
		old, err := tx.SCIMUser(acc.ID)
		known := err == nil
		if err != nil && !errors.Is(err, elevation.ErrNotFound) {
			return u, acc, err
		}
		set, err := tx.Directory()
		if err != nil {
			return u, acc, err
		}
		if known && old.DeletedAt.IsZero() || !known && !set.AdoptAccounts {
			return u, acc, taken
		}
		u.User, u.Off = acc.ID, old.Off
		return u, acc, nil
	case !errors.Is(err, elevation.ErrNotFound):
		return u, acc, err
	}
	if _, n, err := tx.SCIMUsers([]store.SCIMMatch{{Column: "username", Value: u.UserName}}, 0, 1); err != nil || n > 0 {
		return u, acc, errors.Join(err, taken)
	}
	acc = store.User{ID: elevation.UserID(elevation.NewID(elevation.UserPrefix, now)), Login: u.UserName, Roles: []auth.Role{auth.Requester}, CreatedAt: now}
	if err := auth.CheckLogin(acc.Login); err != nil {
		return u, acc, &Fault{"invalidValue", err}
	}
	u.User = acc.ID
	if err := tx.InsertUser(acc); err != nil {
		return u, acc, err
	}
	if err := tx.PutGivenRoles(acc.ID, noSource, acc.Roles); err != nil {
		return u, acc, err
	}
	return u, acc, tx.Append(d.event(act.Elevation(), audit.UserCreated, map[string]string{"user": string(acc.ID), "login": acc.Login, "roles": roleList(acc.Roles), "source": scimSource}))
}

// apply writes what the directory says of a user into it and its account. An
// account that the directory turns off loses its sessions and tokens; one that an
// administrator has disabled stays so.
func (d *Directory) apply(tx *store.Tx, act auth.Actor, u store.SCIMUser, acc store.User) error {
	before := acc
	now := d.cfg.Now()
	u.ChangedAt = now
	acc.Name, acc.Email = nameOf(u), u.Email()
	switch {
	case u.Active && u.Off:
		acc.DisabledAt, u.Off = time.Time{}, false
	case !u.Active && acc.DisabledAt.IsZero():
		acc.DisabledAt, u.Off = now, true
	}
	err := tx.PutSCIMUser(u)
	if errors.Is(err, store.ErrExists) {
		return &Fault{"uniqueness", fmt.Errorf("%w: the userName %q is taken", elevation.ErrConflict, u.UserName)}
	}
	if err != nil {
		return err
	}
	data := map[string]string{"user": string(acc.ID), "login": acc.Login, "source": scimSource}
	differ := func(what, was, is string) bool {
		if was != is {
			data[what], data[what+"_before"] = is, was
		}
		return was != is
	}
	changed := differ("name", before.Name, acc.Name)
	changed = differ("email", before.Email, acc.Email) || changed
	changed = differ("disabled", fmt.Sprint(!before.DisabledAt.IsZero()), fmt.Sprint(!acc.DisabledAt.IsZero())) || changed
	if changed {
		if err := tx.PutUser(acc); err != nil {
			return err
		}
	}
	if err := tx.Append(d.event(act.Elevation(), audit.UserChanged, data)); err != nil {
		return err
	}
	if !u.Active {
		if err := tx.EndAccess(acc.ID); err != nil {
			return err
		}
	}
	if before.DisabledAt.IsZero() && !acc.DisabledAt.IsZero() && slices.Contains(acc.Roles, auth.Administrator) {
		if err := tx.KeepsAdministrator(); err != nil {
			return err
		}
	}
	return d.regive(tx, act.Elevation(), acc.ID)
}

func nameOf(u store.SCIMUser) string {
	for _, n := range []string{u.Display, u.Formatted, strings.TrimSpace(u.Given + " " + u.Family)} {
		if n != "" {
			return audit.Clip(n, 200)
		}
	}
	return ""
}

// regive gives a user of the directory what its groups give.
func (d *Directory) regive(tx *store.Tx, by elevation.Actor, id elevation.UserID) error {
	acc, err := tx.User(id)
	if err != nil {
		return err
	}
	set, err := tx.Directory()
	if err != nil {
		return err
	}
	groups, err := tx.SCIMGroupsOf(id)
	if err != nil {
		return err
	}
	roles := rolesOf(set.Groups, func(id string) bool {
		return slices.ContainsFunc(groups, func(g store.SCIMGroup) bool { return means(store.GroupRoles{ID: id}, g) })
	})
	u, err := tx.SCIMUser(id)
	if err != nil {
		return err
	}
	_, _, err = d.give(tx, by, acc, scimSource, roles, u.DeletedAt.IsZero())
	return err
}

// ReplaceUser writes a user anew: what the body leaves out is gone.
func (d *Directory) ReplaceUser(ctx context.Context, act auth.Actor, id string, raw []byte) (Resource, error) {
	if err := d.sync(ctx, act, "scim.user.edit"); err != nil {
		return nil, err
	}
	body, err := readObject(raw)
	if err != nil {
		return nil, err
	}
	return d.editUser(ctx, act, id, func(u *store.SCIMUser) error {
		next := store.SCIMUser{User: u.User, Active: u.Active, Off: u.Off, MadeAt: u.MadeAt}
		err := setUser(&next, body)
		*u = next
		return err
	})
}

// PatchUser changes parts of a user.
func (d *Directory) PatchUser(ctx context.Context, act auth.Actor, id string, raw []byte) (Resource, error) {
	if err := d.sync(ctx, act, "scim.user.edit"); err != nil {
		return nil, err
	}
	ops, err := readPatch(raw, schemaUser)
	if err != nil {
		return nil, err
	}
	return d.editUser(ctx, act, id, func(u *store.SCIMUser) error {
		for _, op := range ops {
			if err := patchUser(u, op); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *Directory) editUser(ctx context.Context, act auth.Actor, id string, change func(*store.SCIMUser) error) (r Resource, err error) {
	err = d.update(ctx, func(tx *store.Tx) error {
		u, err := scimUser(tx, id)
		if err != nil {
			return err
		}
		u.Emails = slices.Clone(u.Emails)
		if err := change(&u); err != nil {
			return err
		}
		if err := checkUser(u); err != nil {
			return err
		}
		acc, err := tx.User(u.User)
		if err != nil {
			return err
		}
		if err := d.apply(tx, act, u, acc); err != nil {
			return err
		}
		if u, err = tx.SCIMUser(u.User); err == nil {
			r, err = d.userResource(tx, u)
		}
		return err
	})
	return r, err
}

// DeleteUser lets the directory forget a user. The account stays, disabled and
// without its sessions, tokens and given roles: what it did has its name, and its
// links go on to keep people from answering their own requests.
func (d *Directory) DeleteUser(ctx context.Context, act auth.Actor, id string) error {
	if err := d.sync(ctx, act, "scim.user.delete"); err != nil {
		return err
	}
	return d.update(ctx, func(tx *store.Tx) error {
		u, err := scimUser(tx, id)
		if err != nil {
			return err
		}
		acc, err := tx.User(u.User)
		if err != nil {
			return err
		}
		groups, err := tx.SCIMGroupsOf(u.User)
		if err != nil {
			return err
		}
		for _, g := range groups {
			if err := tx.DropSCIMMember(g.ID, u.User); err != nil {
				return err
			}
		}
		u.Active, u.DeletedAt = false, d.cfg.Now()
		return d.apply(tx, act, u, acc)
	})
}
