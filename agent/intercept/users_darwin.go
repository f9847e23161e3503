package intercept

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"

	"github.com/assent-epm/assent/shared/inert"
)

// The directory of macOS is asked through the C library, which package user calls
// without cgo.

// lookupSID finds nobody: SIDs are of Windows.
func lookupSID(string) (Account, error) { return Account{}, ErrNoUser }

func lookupUID(uid uint32) (Account, error) {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	return fromDirectory(u, err)
}

func lookupName(name string) (Account, error) {
	u, err := user.Lookup(name)
	return fromDirectory(u, err)
}

func fromDirectory(u *user.User, err error) (Account, error) {
	if err != nil {
		return Account{}, fmt.Errorf("%w: %w", ErrNoUser, err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	ids, err3 := u.GroupIds()
	if err := errors.Join(err1, err2, err3); err != nil {
		return Account{}, fmt.Errorf("look up %s: %w", inert.Text(u.Username), err)
	}
	a := Account{Name: u.Username, Display: u.Name, UID: uint32(uid), GID: uint32(gid), Home: u.HomeDir, Shell: "/bin/zsh"}
	var groups []Group
	for _, id := range ids {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return Account{}, fmt.Errorf("look up the groups of %s: %w", inert.Text(u.Username), err)
		}
		g := Group{Name: id, GID: uint32(n)}
		if known, err := user.LookupGroupId(id); err == nil {
			g.Name = known.Name
		}
		groups = append(groups, g)
	}
	a.Groups = primaryFirst(groups, a.GID)
	return a, nil
}
