package directory

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// Who gives roles besides an administrator's hand. Providers do by their id.
const (
	scimSource = "scim"
	noSource   = "none" // what an account without any role shows: an account needs one
	offSource  = store.OffSource
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
		if err := elevation.CheckLine("id of a group", g.ID, 256); err != nil {
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
// is; access is false when nobody gives it any role: then it is disabled until
// somebody does, and every session, token and link of it has ended.
// [elevation.ErrConflict] when nobody would be left who administers.
func (d *Directory) give(tx *store.Tx, by elevation.Actor, u store.User, source string, want []auth.Role, floor bool) (now store.User, access bool, err error) {
	given, err := tx.GivenRoles(u.ID)
	if err != nil {
		return u, false, err
	}
	var byOthers, hand []auth.Role
	sources := slices.Collect(maps.Values(given))
	for _, r := range u.Roles {
		if !slices.ContainsFunc(sources, func(roles []auth.Role) bool { return slices.Contains(roles, r) }) {
			hand = append(hand, r)
		}
	}
	for s, roles := range given {
		if s != source && s != noSource && s != offSource {
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
	before := u
	u.Roles = next
	mark := given[offSource]
	switch {
	case access && len(mark) > 0:
		off, err := turnedOff(tx, u.ID)
		if err != nil {
			return u, false, err
		}
		if mark = nil; !off {
			u.DisabledAt = time.Time{}
		}
	case !access && u.DisabledAt.IsZero():
		u.DisabledAt, mark = d.cfg.Now(), placeholder
	}
	for s, roles := range map[string][]auth.Role{source: mine, noSource: placeholder, offSource: mark} {
		if err := tx.PutGivenRoles(u.ID, s, roles); err != nil {
			return u, false, err
		}
	}
	if !access {
		if err := tx.EndAccess(u.ID); err != nil {
			return u, false, err
		}
	}
	return u, access, d.putRoles(tx, by, before, u, source)
}

// turnedOff reports whether the directory has turned an account off, which is then
// its to turn on again: no group is.
func turnedOff(tx *store.Tx, id elevation.UserID) (bool, error) {
	u, err := tx.SCIMUser(id)
	switch {
	case errors.Is(err, elevation.ErrNotFound):
		return false, nil
	case err != nil || u.Active:
		return false, err
	}
	u.Off = true
	return true, tx.PutSCIMUser(u)
}

// putRoles writes the roles of an account where they changed.
func (d *Directory) putRoles(tx *store.Tx, by elevation.Actor, before, now store.User, source string) error {
	disabled := now.DisabledAt.IsZero() != before.DisabledAt.IsZero()
	if slices.Equal(ordered(before.Roles), now.Roles) && !disabled {
		return nil
	}
	if err := tx.PutUser(now); err != nil {
		return err
	}
	data := map[string]string{"user": string(now.ID), "login": now.Login, "roles": roleList(now.Roles), "roles_before": roleList(before.Roles), "source": source}
	if disabled {
		data["disabled"] = fmt.Sprint(!now.DisabledAt.IsZero())
	}
	if err := tx.Append(d.event(by, audit.UserChanged, data)); err != nil {
		return err
	}
	if slices.Contains(before.Roles, auth.Administrator) && (disabled || !slices.Contains(now.Roles, auth.Administrator)) {
		return tx.KeepsAdministrator()
	}
	return nil
}

func roleList(roles []auth.Role) string {
	var out []string
	for _, r := range roles {
		out = append(out, string(r))
	}
	return strings.Join(out, ", ")
}
