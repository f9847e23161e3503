package acl

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	user  = "S-1-5-21-1-2-3-1001"
	users = "S-1-5-32-545"
	full  = 0x1f01ff
)

func TestSecretIsWordForWord(t *testing.T) {
	if Secret != "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)" {
		t.Errorf("got %s", Secret)
	}
}

func TestOnlyPrivileged(t *testing.T) {
	admins := []Entry{{system, full}, {administrators, full}}
	for name, row := range map[string]struct {
		list  List
		above bool
		want  bool
	}{
		"administrators alone":         {List{Owner: administrators, Allow: admins}, false, true},
		"users read":                   {List{Owner: system, Allow: append(slices.Clone(admins), Entry{users, 0x1200a9})}, false, true},
		"the installer's":              {List{Owner: installer, Allow: []Entry{{installer, full}, {users, 0x1200a9}}}, false, true},
		"no list":                      {List{Owner: system, Missing: true}, false, false},
		"a user's":                     {List{Owner: user, Allow: admins}, false, false},
		"nobody's":                     {List{Allow: admins}, false, false},
		"users write":                  {List{Owner: system, Allow: append(slices.Clone(admins), Entry{users, 0x2})}, false, false},
		"users append":                 {List{Owner: system, Allow: append(slices.Clone(admins), Entry{users, 0x4})}, false, false},
		"users change the list":        {List{Owner: system, Allow: append(slices.Clone(admins), Entry{user, 0x40000})}, false, false},
		"users delete inside":          {List{Owner: system, Allow: append(slices.Clone(admins), Entry{user, 0x40})}, false, false},
		"everything, generically":      {List{Owner: system, Allow: append(slices.Clone(admins), Entry{"S-1-1-0", 0x10000000})}, false, false},
		"an entry of unknown kind":     {List{Owner: system, Allow: append(slices.Clone(admins), Entry{"", ^uint32(0)})}, false, false},
		"users make folders on a disk": {List{Owner: installer, Allow: append(slices.Clone(admins), Entry{users, 0x4})}, true, true},
		"ProgramData, above":           {List{Owner: system, Allow: append(slices.Clone(admins), Entry{users, 0x1200a9}, Entry{users, 0x116})}, true, true},
		"ProgramData, around it":       {List{Owner: system, Allow: append(slices.Clone(admins), Entry{users, 0x1200a9}, Entry{users, 0x116})}, false, false},
		"users delete from a disk":     {List{Owner: installer, Allow: append(slices.Clone(admins), Entry{users, 0x10040})}, true, false},
	} {
		if got := row.list.OnlyPrivileged(row.above); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// memory is a machine whose folders and files have lists: what nobody has given one
// belongs to who made it, and is everybody's.
type memory struct {
	self  string
	lists map[string]List
}

func newMemory() *memory { return &memory{self: system, lists: map[string]List{}} }

func secretList(protected bool) List {
	return List{Owner: administrators, Protected: protected, Allow: []Entry{{system, full}, {administrators, full}}}
}

func (m *memory) Make(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	m.lists[path] = secretList(true)
	return nil
}

func (m *memory) List(path string) (List, error) {
	if _, err := os.Lstat(path); err != nil {
		return List{}, err
	}
	if l, is := m.lists[path]; is {
		return l, nil
	}
	return List{Owner: m.self, Allow: []Entry{{"S-1-1-0", full}}}, nil
}

func (m *memory) Set(path string, protected bool) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	m.lists[path] = secretList(protected)
	return nil
}

func (m *memory) Self() string { return m.self }

func TestMemory(t *testing.T) { contract(t, newMemory(), true) }

// made makes a folder that has a list.
func (m *memory) made(t *testing.T, list List) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "Assent")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	m.lists[path] = list
	return path
}

// put makes a file below a folder, which belongs to somebody.
func (m *memory) put(t *testing.T, folder, name, owner string) (path string) {
	t.Helper()
	path = filepath.Join(folder, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	m.lists[path] = List{Owner: owner, Allow: []Entry{{owner, full}}}
	return path
}

// The data folder was made by somebody before the agent was installed: it is refused, or its list is taken back.
func TestClaim(t *testing.T) {
	for name, row := range map[string]struct {
		before List
		want   error
	}{
		"as it should be":         {secretList(true), nil},
		"inherited from above":    {List{Owner: administrators, Allow: []Entry{{administrators, full}, {users, 0x1200a9}}}, nil},
		"readable by users":       {List{Owner: system, Protected: true, Allow: []Entry{{administrators, full}, {users, 0x1200a9}}}, nil},
		"without a list":          {List{Owner: administrators, Missing: true}, nil},
		"made by a user":          {List{Owner: user, Protected: true, Allow: secretList(true).Allow}, ErrForeign},
		"made by a user, for all": {List{Owner: user, Allow: []Entry{{"S-1-1-0", full}}}, ErrForeign},
		"nobody's":                {List{Protected: true, Allow: secretList(true).Allow}, ErrForeign},
	} {
		m := newMemory()
		path := m.made(t, row.before)
		if err := Claim(m, path); !errors.Is(err, row.want) {
			t.Errorf("%s: %v", name, err)
		}
		if got := m.lists[path]; row.want == nil && !got.secret() {
			t.Errorf("%s: the list is %+v", name, got)
		} else if row.want != nil && got.Owner != row.before.Owner {
			t.Errorf("%s: it was changed", name)
		}
	}
	m := newMemory()
	path := filepath.Join(t.TempDir(), "new")
	if err := Claim(m, path); err != nil || !m.lists[path].secret() {
		t.Errorf("a new one: %v, %+v", err, m.lists[path])
	}
	if err := Claim(m, filepath.Join(path, "none", "new")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("below nothing: %v", err)
	}
	m.self = ""
	if err := Claim(m, m.made(t, List{Protected: true, Allow: secretList(true).Allow})); !errors.Is(err, ErrForeign) {
		t.Errorf("nobody's, for who does not know who they are: %v", err)
	}
}

// byHand is a folder that an administrator has made for all.
var byHand = List{Owner: administrators, Allow: []Entry{{administrators, full}, {users, 0x116}}}

// What is in a folder that was made by hand is looked at, each time anew: what is
// somebody else's, or leads elsewhere, is not taken over.
func TestReset(t *testing.T) {
	m := newMemory()
	path := m.made(t, byHand)
	ours := m.put(t, path, filepath.Join("run", "ledger"), system)
	theirs := m.put(t, path, filepath.Join("run", "theirs"), user)
	for range 2 { // refused at each start
		if err := Claim(m, path); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), theirs) {
			t.Errorf("a user put a file into it: %v", err)
		}
		if m.lists[path].secret() || m.lists[theirs].Owner != user {
			t.Errorf("it looks as if it were ours: %+v", m.lists[path])
		}
	}
	if err := os.Remove(theirs); err != nil {
		t.Fatal(err)
	}
	if err := Claim(m, path); err != nil {
		t.Error(err)
	}
	for _, at := range []string{path, filepath.Dir(ours), ours} {
		if !m.lists[at].secret() {
			t.Errorf("%s has %+v", at, m.lists[at])
		}
	}
	if err := Claim(m, ours); err == nil || !strings.Contains(err.Error(), "is no folder") {
		t.Errorf("a file: %v", err)
	}
}

// What is the agent's own is safe, and only that: the service is the system anyway.
func TestFor(t *testing.T) {
	own := List{Owner: user, Allow: []Entry{{system, full}, {user, full}, {users, 0x1200a9}}}
	if own.OnlyPrivileged(false) || !own.For(user).OnlyPrivileged(false) || own.For("S-1-5-21-1-2-3-1002").OnlyPrivileged(false) || own.For(system).OnlyPrivileged(false) {
		t.Error("whose it is, is not told apart")
	}
	open := List{Owner: user, Allow: []Entry{{user, full}, {users, full}}}
	if open.For(user).OnlyPrivileged(false) {
		t.Error("others may change it")
	}
	odd := List{Owner: system, Allow: []Entry{{"", ^uint32(0)}}}
	if odd.For("").OnlyPrivileged(false) {
		t.Error("who does not know who they are takes an unknown entry for their own")
	}
}

// What has rights is nobody else's to open, also not its owner's as a person.
func TestExclusive(t *testing.T) {
	const mia = "S-1-5-21-1-2-3-1001"
	good := List{Owner: administrators, Protected: true, Allow: []Entry{{system, 0x1fffff}, {administrators, 0x1fffff}, {ownerRights, readList}}}
	if !good.Exclusive() {
		t.Error("the list that is set is refused")
	}
	theirs := good
	if theirs.Owner = mia; !theirs.Exclusive() {
		t.Error("the owner is bound by the list, and it is refused")
	}
	for name, l := range map[string]List{
		"nothing":                       {},
		"no list":                       {Owner: administrators, Missing: true},
		"a person owns it":              {Owner: mia, Allow: good.Allow[:2]},
		"a person may open it":          {Owner: system, Allow: append([]Entry{{mia, 0x1000}}, good.Allow...)},
		"everybody may":                 {Owner: system, Allow: []Entry{{"S-1-1-0", 1}}},
		"its owner may change it":       {Owner: system, Allow: []Entry{{ownerRights, readList | 0x40000}}},
		"an entry of an unknown kind":   {Owner: system, Allow: []Entry{{"", ^uint32(0)}}},
		"whoever makes something in it": {Owner: system, Allow: []Entry{{creatorOwner, 1}}},
	} {
		if l.Exclusive() {
			t.Errorf("%s: it is taken for guarded", name)
		}
	}
}
