package intercept

import (
	"errors"
	"os/user"
	"slices"
	"strings"
	"testing"

	"github.com/assent-epm/assent/agent/privilege"
)

// domain is a directory of Windows in memory.
type domain struct {
	all    []principal
	member map[string][]string // by account
	homes  map[string]string   // by SID
	broken string              // what can not be asked
}

func (d *domain) ask(what string) error {
	if d.broken == what {
		return errors.New("the directory does not answer")
	}
	return nil
}

func (d *domain) bySID(text string) (principal, error) {
	if text == "" {
		return principal{"S-1-0-0", "NULL SID", "", kindWellKnown}, nil // as Wine says
	}
	i := slices.IndexFunc(d.all, func(p principal) bool { return strings.EqualFold(p.sid, text) })
	if i < 0 {
		return principal{}, errors.New("there is no such SID")
	}
	return d.all[i], d.ask("sid")
}

func (d *domain) byName(name string) (string, uint32, error) {
	for _, p := range d.all {
		if strings.EqualFold(p.name, name) || strings.EqualFold(p.domain+`\`+p.name, name) {
			return p.sid, p.kind, d.ask("name")
		}
	}
	return "", 0, errors.New("there is no such name")
}

func (d *domain) computer() (string, error) { return "PC7", d.ask("computer") }

func (d *domain) groups(account string) ([]string, error) {
	return d.member[account], d.ask("groups")
}

func (d *domain) home(sid string) (string, error) {
	if home, there := d.homes[sid]; there {
		return home, nil
	}
	return "", errors.New("there is no profile")
}

const (
	boSID    = "S-1-5-21-1-2-3-1001"
	annSID   = "S-1-5-21-9-9-9-500"
	usersSID = "S-1-5-32-545"
)

func aDomain() *domain {
	return &domain{all: []principal{
		{boSID, "bo", "PC7", kindUser}, {annSID, "ann", "CORP", kindUser}, {"S-1-5-18", "SYSTEM", "NT AUTHORITY", kindWellKnown},
		{"S-1-1-0", "Everyone", "", kindWellKnown}, {"S-1-5-11", "Authenticated Users", "NT AUTHORITY", kindWellKnown}, {"S-1-5-4", "INTERACTIVE", "NT AUTHORITY", kindWellKnown},
		{usersSID, "Users", "BUILTIN", 4}, {"S-1-5-21-9-9-9-513", "Domain Users", "CORP", 2}, {"S-1-5-21-9-9-9-9", "PC9$", "CORP", 9}, {"S-1-5-21-9-9-9-666", "gone", "CORP", 6},
	}, member: map[string][]string{`PC7\bo`: {"Users", "caf\xe9"}, `CORP\ann`: {"Administrators", "Users"}}, homes: map[string]string{boSID: `C:\Users\bo`}}
}

// winDirectoryContract is what every directory of Windows is: who is known by SID is the
// same by name, and nobody else is anybody. sid is somebody's who is there.
func winDirectoryContract(t *testing.T, dir winDirectory, sid string) {
	t.Helper()
	p, err := dir.bySID(sid)
	if err != nil || p.sid != sid || p.name == "" || p.kind != kindUser {
		t.Fatalf("%+v %v", p, err)
	}
	if again, kind, err := dir.byName(p.domain + `\` + p.name); err != nil || again != sid || kind != p.kind {
		t.Errorf("by name: %s %d %v", again, kind, err)
	}
	if computer, err := dir.computer(); err != nil || computer == "" {
		t.Errorf("the computer is %q: %v", computer, err)
	}
	a, err := accountBySID(dir, sid)
	if err != nil || a.SID != sid || a.Name == "" || a.UID != privilege.NoUID || a.GID != privilege.NoUID {
		t.Errorf("%+v %v", a, err)
	}
	if b, err := accountByName(dir, p.domain+`\`+p.name); err != nil || b.SID != sid || b.Name != a.Name {
		t.Errorf("by name: %+v %v", b, err)
	}
	for _, text := range []string{"", "bo", "S-1-5-21-0-0-0-4711", "S-1-x"} {
		if a, err := accountBySID(dir, text); !errors.Is(err, ErrNoUser) || a.SID != "" {
			t.Errorf("%q is %+v: %v", text, a, err)
		}
	}
	for _, name := range []string{"nobody of that name", ""} {
		if a, err := accountByName(dir, name); !errors.Is(err, ErrNoUser) || a.SID != "" {
			t.Errorf("%q is %+v: %v", name, a, err)
		}
	}
}

func TestDomain(t *testing.T) { winDirectoryContract(t, aDomain(), boSID) }

// People are called as they are everywhere: those of a domain by it. Only accounts
// are somebody, and only while the directory tells all of them.
func TestAccountsOfWindows(t *testing.T) {
	d := aDomain()
	bo, err := accountBySID(d, boSID)
	if err != nil || bo.Name != "bo" || bo.Home != `C:\Users\bo` || len(bo.Groups) != 2 || bo.Groups[1].Name != "caf?" || bo.Groups[0].GID != privilege.NoUID {
		t.Errorf("%+v %v", bo, err)
	}
	ann, err := accountByName(d, `CORP\ann`)
	if err != nil || ann.Name != `CORP\ann` || ann.SID != annSID || ann.Home != "" {
		t.Errorf("%+v %v", ann, err)
	}
	d.all = append(d.all, principal{"S-1-5-80-1-2-3-4-5", "Spooler", "NT SERVICE", kindWellKnown})
	if a, err := accountBySID(d, "S-1-5-80-1-2-3-4-5"); err != nil || a.Name != "Spooler" {
		t.Errorf("%+v %v", a, err)
	}
	d.all = d.all[:len(d.all)-1]
	system, err := accountBySID(d, "S-1-5-18")
	if err != nil || system.Name != "SYSTEM" {
		t.Errorf("%+v %v", system, err)
	}
	for _, name := range []string{"SYSTEM", "Everyone", "Users", "Domain Users", "PC9$", "gone"} {
		if a, err := accountByName(d, name); !errors.Is(err, ErrNoUser) {
			t.Errorf("by name %s is %+v: %v", name, a, err)
		}
	}
	for _, p := range d.all[3:] {
		if a, err := accountBySID(d, p.sid); !errors.Is(err, ErrNoUser) {
			t.Errorf("%s is %+v: %v", p.name, a, err)
		}
	}
	for _, broken := range []string{"sid", "name", "computer", "groups"} {
		d.broken = broken
		if a, err := accountByName(d, "bo"); err == nil || a.SID != "" {
			t.Errorf("without %s: %+v", broken, a)
		}
	}
}

// staff is a directory of macOS in memory.
type staff struct {
	of    map[string][]string // by name
	names map[string]string
}

func (s staff) groups(u *user.User) ([]string, error) {
	ids, there := s.of[u.Username]
	if !there {
		return nil, errors.New("no groups are told")
	}
	return ids, nil
}

func (s staff) group(gid string) (string, bool) { name, known := s.names[gid]; return name, known }

func TestAccountsOfMac(t *testing.T) {
	dir := staff{of: map[string][]string{"bo": {"12", "20", "703"}, "eve": {"20", "x"}, "big": {"20"}}, names: map[string]string{"12": "everyone", "20": "staff"}}
	bo := &user.User{Uid: "501", Gid: "20", Username: "bo", Name: "Bo", HomeDir: "/Users/bo"}
	a, err := accountOfMac(dir, bo, nil)
	if err != nil || a.Name != "bo" || a.Display != "Bo" || a.UID != 501 || a.GID != 20 || a.Home != "/Users/bo" || a.Shell != "/bin/zsh" {
		t.Errorf("%+v %v", a, err)
	}
	if want := []Group{{"staff", 20}, {"everyone", 12}, {"703", 703}}; !slices.Equal(a.Groups, want) {
		t.Errorf("groups %v", a.Groups)
	}
	for name, u := range map[string]*user.User{
		"groups are not told":  {Uid: "502", Gid: "20", Username: "zoe"},
		"a group is no number": {Uid: "503", Gid: "20", Username: "eve"},
		"a uid is no number":   {Uid: "x", Gid: "20", Username: "bo"},
		"a uid is too large":   {Uid: "4294967296", Gid: "20", Username: "big"},
		"a gid is negative":    {Uid: "501", Gid: "-2", Username: "bo"},
	} {
		if a, err := accountOfMac(dir, u, nil); err == nil || a.Name != "" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if _, err := accountOfMac(dir, nil, errors.New("nobody")); !errors.Is(err, ErrNoUser) {
		t.Errorf("nobody: %v", err)
	}
}

// nameServiceContract is what every directory with numbers is: who is there has
// groups, the primary one among them.
func nameServiceContract(t *testing.T, dir macDirectory, u *user.User) {
	t.Helper()
	ids, err := dir.groups(u)
	if err != nil || !slices.Contains(ids, u.Gid) {
		t.Fatalf("%v %v", ids, err)
	}
	if name, known := dir.group(u.Gid); !known || name == "" {
		t.Errorf("its group is %q", name)
	}
	if name, known := dir.group("4294967294"); known {
		t.Errorf("a group of nobody is %q", name)
	}
	a, err := accountOfMac(dir, u, nil)
	if err != nil || len(a.Groups) == 0 || a.Groups[0].GID != a.GID {
		t.Errorf("%+v %v", a, err)
	}
}

func TestStaff(t *testing.T) {
	nameServiceContract(t, staff{of: map[string][]string{"bo": {"12", "20"}}, names: map[string]string{"20": "staff"}}, &user.User{Uid: "501", Gid: "20", Username: "bo"})
}
