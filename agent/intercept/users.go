package intercept

import (
	"bufio"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// Account is a user as this machine's name services know them: by numbers on Unix,
// by a SID on Windows, where both numbers are those of nobody.
type Account struct {
	Name    string
	Display string // full name, may be empty
	UID     uint32
	GID     uint32
	SID     string
	Home    string
	Shell   string
	Groups  []Group // all, the primary one first
}

// Group is one group of an account. A group without a name has its number as name.
type Group struct {
	Name string
	GID  uint32
}

// calledIn is what a user of Windows is called on a computer: its own users by
// their name, those of a domain with the domain before it. Without it two people
// could have one name.
func calledIn(domain, name, computer string) string {
	if strings.EqualFold(domain, computer) {
		return name
	}
	return domain + `\` + name
}

// sameElevated is whom a program of Windows runs as: who asks, by another name. Whom
// to run as must be left open.
func sameElevated(who Account, as, name string) (Account, error) {
	if as != "" {
		return Account{}, fmt.Errorf("%w: on Windows a program runs as who asks, with the rights of an administrator", ErrNoUser)
	}
	who.Name = name
	return who, nil
}

func (a Account) elevationUser() elevation.User {
	u := elevation.User{Name: a.Name, Display: strings.ToValidUTF8(a.Display, "?"), UID: a.User()}
	for _, g := range a.Groups {
		u.Groups = append(u.Groups, g.Name)
	}
	return u
}

// User is who the account is for everything but the mechanisms of Unix: a decimal
// uid, or a SID.
func (a Account) User() string {
	if a.SID != "" {
		return a.SID
	}
	return privilege.UserOf(a.UID)
}

// Lookup finds the account of a user, as [LookupUID]. Who is of another kind of
// system is nobody here.
func Lookup(user string) (Account, error) {
	uid, sid, err := privilege.Owner(user)
	switch {
	case err != nil:
		return Account{}, fmt.Errorf("%w: %w", ErrNoUser, err)
	case sid != "":
		return lookupSID(sid)
	}
	return LookupUID(uid)
}

// LookupUID finds the account of a uid. It reads passwd and group itself and
// asks the name services by the system's own programs where other sources than
// files are configured. Anything that fails is an error: nobody is taken for
// somebody else, and nobody is taken for a user with fewer groups.
func LookupUID(uid uint32) (Account, error) {
	if uid == math.MaxUint32 { // (uid_t)-1 means "no change" to the kernel
		return Account{}, fmt.Errorf("%w: uid -1", ErrNoUser)
	}
	return lookupUID(uid)
}

// LookupName finds an account by its name, as [LookupUID].
func LookupName(name string) (Account, error) {
	if name == "" || strings.ContainsAny(name, ":\n\x00") || strings.HasPrefix(name, "-") {
		return Account{}, ErrNoUser
	}
	return lookupName(name)
}

// LookupRunAs finds whom to run as: a name, #uid, or "" for root.
func LookupRunAs(s string) (Account, error) {
	if s == "" {
		s = "#0"
	}
	if digits, ok := strings.CutPrefix(s, "#"); ok {
		uid, err := strconv.ParseUint(digits, 10, 32)
		if err != nil {
			return Account{}, fmt.Errorf("%w: %s", ErrNoUser, inert.Text(s))
		}
		return LookupUID(uint32(uid))
	}
	return LookupName(s)
}

// parsePasswd finds the first line that match accepts.
func parsePasswd(text string, match func(Account) bool) (Account, bool) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		f := strings.Split(lines.Text(), ":")
		if len(f) != 7 || f[0] == "" || strings.HasPrefix(f[0], "+") || strings.HasPrefix(f[0], "-") || strings.HasPrefix(f[0], "#") {
			continue
		}
		uid, err1 := strconv.ParseUint(f[2], 10, 32)
		gid, err2 := strconv.ParseUint(f[3], 10, 32)
		if err1 != nil || err2 != nil {
			continue
		}
		full, _, _ := strings.Cut(f[4], ",")
		a := Account{Name: f[0], Display: full, UID: uint32(uid), GID: uint32(gid), Home: f[5], Shell: f[6]}
		if match(a) {
			return a, true
		}
	}
	return Account{}, false
}

// parseGroups lists the groups in text that name is a member of, and gid's own.
func parseGroups(text, name string, gid uint32) []Group {
	var primary, others []Group
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, 1<<20) // groups with thousands of members
	for lines.Scan() {
		f := strings.Split(lines.Text(), ":")
		if len(f) != 4 || f[0] == "" {
			continue
		}
		id, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil {
			continue
		}
		g := Group{Name: f[0], GID: uint32(id)}
		switch {
		case g.GID == gid:
			primary = append(primary, g)
		case slices.Contains(strings.Split(f[3], ","), name):
			others = append(others, g)
		}
	}
	return append(orNumber(primary, gid), others...)
}

// primaryFirst puts the primary group before the others; one that is not among them
// is known by its number.
func primaryFirst(list []Group, gid uint32) []Group {
	var primary, others []Group
	for _, g := range list {
		if g.GID == gid {
			primary = append(primary, g)
			continue
		}
		others = append(others, g)
	}
	return append(orNumber(primary, gid), others...)
}

func orNumber(list []Group, gid uint32) []Group {
	if len(list) > 0 {
		return list[:1]
	}
	return []Group{{Name: strconv.FormatUint(uint64(gid), 10), GID: gid}}
}

// onlyFiles reports whether nsswitch.conf names no source for database but
// plain files. Without a line the C library's own choice is files, too.
func onlyFiles(nsswitch, database string) bool {
	lines := bufio.NewScanner(strings.NewReader(nsswitch))
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		name, sources, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) != database {
			continue
		}
		for _, s := range strings.Fields(sources) {
			// systemd only adds users made up for services and root, nobody.
			if s != "files" && s != "systemd" && !strings.HasPrefix(s, "[") && !strings.HasSuffix(s, "]") {
				return false
			}
		}
	}
	return true
}
