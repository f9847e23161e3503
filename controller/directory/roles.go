package directory

import (
	"fmt"
	"slices"
	"strings"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// Who gives roles besides an administrator's hand. Providers do by their id.
const (
	scimSource = "scim"
	noSource   = "none" // what an account without any role shows: an account needs one
)

// maxMappings bounds how many groups are given roles.
const maxMappings = 1000

// rolesOf are the roles of the groups that somebody is in.
func rolesOf(mapped []store.GroupRoles, in func(id string) bool) []auth.Role {
	var out []auth.Role
	for _, m := range mapped {
		if in(m.ID) {
			out = append(out, m.Roles...)
		}
	}
	return ordered(out)
}

// ordered is each role once, in the order of [auth.Roles].
func ordered(roles []auth.Role) []auth.Role {
	var out []auth.Role
	for _, r := range auth.Roles() {
		if slices.Contains(roles, r) {
			out = append(out, r)
		}
	}
	return out
}

// checkMapping refuses roles that there are not and groups without a name.
func checkMapping(groups []store.GroupRoles) error {
	if len(groups) > maxMappings {
		return fmt.Errorf("%w: at most %d groups are given roles", elevation.ErrInvalid, maxMappings)
	}
	for i, g := range groups {
		if err := checkText("id of a group", g.ID, 256); err != nil {
			return err
		}
		if g.ID == "" || strings.TrimSpace(g.ID) != g.ID {
			return fmt.Errorf("%w: name each group by its id", elevation.ErrInvalid)
		}
		if slices.ContainsFunc(groups[:i], func(o store.GroupRoles) bool { return o.ID == g.ID }) {
			return fmt.Errorf("%w: the group %q is there twice", elevation.ErrInvalid, g.ID)
		}
		for _, r := range g.Roles {
			if !r.Valid() {
				return fmt.Errorf("%w: there is no role %q", elevation.ErrInvalid, audit.Clip(string(r), 40))
			}
		}
	}
	return nil
}

// give sets what a source gives an account and leaves alone what an
// administrator or another source has given. With floor the account is a
// requester when nothing else gives it a role. It returns the account as it now
// is; access is false when nobody gives it any role, and then every session,
// token and link of it has ended. [elevation.ErrConflict] when nobody would be
// left who administers.
func (d *Directory) give(tx *store.Tx, by elevation.Actor, u store.User, source string, want []auth.Role, floor bool) (now store.User, access bool, err error) {
	given, err := tx.GivenRoles(u.ID)
	if err != nil {
		return u, false, err
	}
	var byOthers, hand []auth.Role
	for _, r := range u.Roles {
		if !slices.ContainsFunc(keysOf(given), func(s string) bool { return slices.Contains(given[s], r) }) {
			hand = append(hand, r)
		}
	}
	for s, roles := range given {
		if s != source && s != noSource {
			byOthers = append(byOthers, roles...)
		}
	}
	mine := slices.DeleteFunc(ordered(want), func(r auth.Role) bool { return slices.Contains(hand, r) })
	if floor && len(hand)+len(byOthers)+len(mine) == 0 {
		mine = []auth.Role{auth.Requester}
	}
	next := ordered(slices.Concat(hand, byOthers, mine))
	access = len(next) > 0
	var placeholder []auth.Role
	if !access {
		placeholder = []auth.Role{auth.Requester}
		next = placeholder
	}
	if err := tx.PutGivenRoles(u.ID, source, mine); err != nil {
		return u, false, err
	}
	if err := tx.PutGivenRoles(u.ID, noSource, placeholder); err != nil {
		return u, false, err
	}
	if !access {
		if err := tx.EndAccess(u.ID); err != nil {
			return u, false, err
		}
	}
	before := u.Roles
	u.Roles = next
	if slices.Equal(ordered(before), next) {
		return u, access, nil
	}
	if err := tx.PutUser(u); err != nil {
		return u, false, err
	}
	data := map[string]string{"user": string(u.ID), "login": u.Login, "roles": roleList(next), "roles_before": roleList(before), "source": source}
	if err := tx.Append(d.event(by, audit.UserChanged, data)); err != nil {
		return u, false, err
	}
	if slices.Contains(before, auth.Administrator) && !slices.Contains(next, auth.Administrator) {
		return u, access, administered(tx)
	}
	return u, access, nil
}

func keysOf(given map[string][]auth.Role) []string {
	var out []string
	for s := range given {
		out = append(out, s)
	}
	return out
}

func roleList(roles []auth.Role) string {
	var out []string
	for _, r := range roles {
		out = append(out, string(r))
	}
	return strings.Join(out, ", ")
}

// administered fails with [elevation.ErrConflict] when nobody is left who can
// administer: an account that may sign in, with the role administrator over all
// endpoints.
func administered(tx *store.Tx) error {
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
