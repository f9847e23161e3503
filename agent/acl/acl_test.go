package acl

import (
	"errors"
	"io/fs"
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

// memory is a machine with folders and their lists.
type memory map[string]List

func (m memory) Make(path string) error {
	if _, there := m[path]; there {
		return fs.ErrExist
	}
	m[path] = List{Owner: administrators, Protected: true, Allow: []Entry{{system, full}, {administrators, full}}}
	return nil
}

func (m memory) Read(path string) (List, error) {
	l, there := m[path]
	if !there {
		return List{}, fs.ErrInvalid // a link
	}
	return l, nil
}

func (m memory) Reset(path string, ours func(string) bool) error {
	for at, list := range m {
		if strings.HasPrefix(at, path+`\`) && !ours(list.Owner) {
			return ErrForeign
		}
	}
	delete(m, path)
	return m.Make(path)
}

func (memory) Self() string { return system }

func exists(err error) bool { return errors.Is(err, fs.ErrExist) }

// The data folder was made by somebody before the agent was installed: it is refused, or its list is taken back.
func TestClaim(t *testing.T) {
	const path = `C:\ProgramData\Assent`
	secret := List{Owner: administrators, Protected: true, Allow: []Entry{{system, full}, {administrators, full}}}
	for name, row := range map[string]struct {
		before List
		want   error
	}{
		"as it should be":         {secret, nil},
		"inherited from above":    {List{Owner: administrators, Allow: []Entry{{administrators, full}, {users, 0x1200a9}}}, nil},
		"readable by users":       {List{Owner: system, Protected: true, Allow: []Entry{{administrators, full}, {users, 0x1200a9}}}, nil},
		"without a list":          {List{Owner: administrators, Missing: true}, nil},
		"made by a user":          {List{Owner: user, Protected: true, Allow: secret.Allow}, ErrForeign},
		"made by a user, for all": {List{Owner: user, Allow: []Entry{{"S-1-1-0", full}}}, ErrForeign},
	} {
		m := memory{path: row.before}
		if err := Claim(m, path, exists); !errors.Is(err, row.want) {
			t.Errorf("%s: %v", name, err)
		}
		if got := m[path]; row.want == nil && !got.secret() {
			t.Errorf("%s: the list is %+v", name, got)
		} else if row.want != nil && got.Owner != row.before.Owner {
			t.Errorf("%s: it was changed", name)
		}
	}
	byHand := memory{path: {Owner: administrators, Allow: []Entry{{administrators, full}, {users, 0x116}}}, path + `\ledger`: {Owner: user}}
	for range 2 { // refused at each start
		if err := Claim(byHand, path, exists); !errors.Is(err, ErrForeign) {
			t.Errorf("a user put a file into it: %v", err)
		}
	}
	delete(byHand, path+`\ledger`)
	if err := Claim(byHand, path, exists); err != nil || !byHand[path].secret() {
		t.Errorf("it was removed: %v, %+v", err, byHand[path])
	}
	m := memory{}
	if err := Claim(m, path, exists); err != nil || !m[path].secret() {
		t.Errorf("a new one: %v, %+v", err, m[path])
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
