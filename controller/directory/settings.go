package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// EditSettings changes what the groups of the directory mean; what is nil stays.
type EditSettings struct {
	Groups        *[]store.GroupRoles
	AdoptAccounts *bool
}

// Settings are what the groups of the directory mean, with the groups that it has
// brought.
type Settings struct {
	store.Directory
	Users int
	Known []store.SCIMGroup // the first of them
}

const maxKnown = 500

// Settings reads what the groups of the directory mean.
func (d *Directory) Settings(ctx context.Context, act auth.Actor) (s Settings, err error) {
	if err := act.Can(auth.SettingsRead); err != nil {
		return s, err
	}
	err = d.view(ctx, func(tx *store.Tx) error { s, err = readSettings(tx); return err })
	return s, err
}

func readSettings(tx *store.Tx) (s Settings, err error) {
	if s.Directory, err = tx.Directory(); err != nil {
		return s, err
	}
	if _, s.Users, err = tx.SCIMUsers(nil, 0, 0); err != nil {
		return s, err
	}
	s.Known, _, err = tx.SCIMGroups(nil, 0, maxKnown)
	return s, err
}

// EditSettings changes what the groups of the directory mean: what they now give
// is given, what they gave is taken away. [elevation.ErrConflict] when nobody
// would be left who administers.
func (d *Directory) EditSettings(ctx context.Context, act auth.Actor, in EditSettings) (s Settings, err error) {
	if err := d.may(ctx, act, auth.DirectoryWrite, "directory.edit"); err != nil {
		return s, err
	}
	if in.Groups != nil {
		if err := checkMapping(*in.Groups); err != nil {
			return s, err
		}
	}
	err = d.update(ctx, func(tx *store.Tx) error {
		old, err := tx.Directory()
		if err != nil {
			return err
		}
		next := old
		set(&next.Groups, in.Groups)
		set(&next.AdoptAccounts, in.AdoptAccounts)
		if err := tx.PutDirectory(next); err != nil {
			return err
		}
		var means []string
		for _, g := range next.Groups {
			means = append(means, g.ID+": "+roleList(g.Roles))
		}
		data := map[string]string{"what": "settings", "groups": audit.Clip(strings.Join(means, "; "), 1000), "adopt_accounts": fmt.Sprint(next.AdoptAccounts)}
		if err := tx.Append(d.event(act.Elevation(), audit.DirectoryChanged, data)); err != nil {
			return err
		}
		if err := d.remap(tx, act.Elevation(), slices.Concat(old.Groups, next.Groups)); err != nil {
			return err
		}
		s, err = readSettings(tx)
		return err
	})
	return s, err
}

// remap gives the members of these groups what all their groups give.
func (d *Directory) remap(tx *store.Tx, by elevation.Actor, mapped []store.GroupRoles) error {
	done := map[elevation.UserID]bool{}
	for _, m := range mapped {
		for _, column := range []string{"id", "externalid"} {
			groups, _, err := tx.SCIMGroups([]store.SCIMMatch{{Column: column, Value: m.ID}}, 0, maxKnown)
			if err != nil {
				return err
			}
			for _, g := range groups {
				members, err := tx.SCIMMembers(g.ID)
				if err != nil {
					return err
				}
				for _, id := range members {
					if done[id] {
						continue
					}
					done[id] = true
					if err := d.regive(tx, by, id); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}
