package intercept

import (
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/inert"
)

// This file decides who is an account of Windows and of macOS; users_windows.go and
// users_darwin.go ask their directories.

// principal is what Windows says of a SID.
type principal struct {
	sid, name, domain string
	kind              uint32
}

// Kinds of principals among which are accounts (SID_NAME_USE): those of a machine or a
// domain, and the system's own, which has groups among them as well.
const (
	kindUser      = 1
	kindWellKnown = 5
)

// winDirectory is what Windows knows of accounts.
type winDirectory interface {
	bySID(text string) (principal, error)
	byName(name string) (sid string, kind uint32, err error)
	computer() (string, error)
	// groups are the local ones of DOMAIN\NAME, also by way of another group.
	groups(account string) ([]string, error)
	home(sid string) (string, error)
}

// accountByName finds a person by the name that somebody typed.
func accountByName(dir winDirectory, name string) (Account, error) {
	sid, kind, err := dir.byName(name)
	if err != nil || kind != kindUser {
		return Account{}, fmt.Errorf("%w: %s", ErrNoUser, inert.Text(name))
	}
	return accountBySID(dir, sid)
}

// accountBySID finds an account. Groups and others that are none are nobody, as is
// whoever's groups are not told, and whom the directory takes for another one: some
// take no text at all for the SID of nobody.
func accountBySID(dir winDirectory, text string) (Account, error) {
	p, err := dir.bySID(text)
	if err != nil || !strings.EqualFold(p.sid, text) || p.kind != kindUser && !(p.kind == kindWellKnown && isService(p.sid)) {
		return Account{}, fmt.Errorf("%w: %s", ErrNoUser, inert.Text(text))
	}
	computer, err := dir.computer()
	if err != nil {
		return Account{}, fmt.Errorf("look up %s: whose account it is: %w", p.sid, err)
	}
	a := Account{Name: p.name, UID: privilege.NoUID, GID: privilege.NoUID, SID: p.sid}
	if p.kind == kindUser {
		a.Name = calledIn(p.domain, p.name, computer)
	}
	groups, err := dir.groups(p.domain + `\` + p.name)
	if err != nil {
		return Account{}, fmt.Errorf("look up the groups of %s: %w", inert.Text(p.name), err)
	}
	for _, name := range groups {
		a.Groups = append(a.Groups, Group{Name: strings.ToValidUTF8(name, "?"), GID: privilege.NoUID})
	}
	if home, err := dir.home(p.sid); err == nil {
		a.Home = home // without one nothing is put there
	}
	return a, nil
}

// isService reports whether a SID of the system's own is one that programs run as: the
// system, the two services of [MS-DTYP] 2.4.2.4, and those that have a name. Everybody,
// or whoever is logged on, is a group.
func isService(sid string) bool {
	rest, own := strings.CutPrefix(sid, "S-1-5-")
	return own && (slices.Contains([]string{"18", "19", "20"}, rest) || strings.Contains(rest, "-"))
}

// macDirectory is what macOS knows of groups.
type macDirectory interface {
	groups(*user.User) (gids []string, err error)
	group(gid string) (name string, known bool)
}

// accountOfMac is a person of macOS as its directory tells of them. A group without a
// name has its number; whoever's groups are not told is nobody.
func accountOfMac(dir macDirectory, u *user.User, err error) (Account, error) {
	if err != nil {
		return Account{}, fmt.Errorf("%w: %w", ErrNoUser, err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	ids, err3 := dir.groups(u)
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
		if name, known := dir.group(id); known {
			g.Name = name
		}
		groups = append(groups, g)
	}
	a.Groups = primaryFirst(groups, a.GID)
	return a, nil
}

// nameService is what package user asks.
type nameService struct{}

func (nameService) groups(u *user.User) ([]string, error) { return u.GroupIds() }

func (nameService) group(gid string) (string, bool) {
	g, err := user.LookupGroupId(gid)
	if err != nil {
		return "", false
	}
	return g.Name, true
}
