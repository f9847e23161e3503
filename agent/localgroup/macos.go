package localgroup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-epm/assent/agent/mactool"
)

// This file has the administrators of macOS: the group admin of the machine's own
// directory, read and changed by the programs of macOS. What is called a SID
// elsewhere is the account's GeneratedUID here: numbers of accounts are reused, these
// are not.

// Facts of macOS that never change.
const (
	MacAdmin    = "admin"
	MacAdminGID = 80
	macLocal    = "/Local/Default"
	macSearch   = "/Search"
	macRecord   = "/Groups/" + MacAdmin
)

// MacAdmins is the group admin as the programs of macOS tell it.
type MacAdmins struct{ Tools mactool.Runner }

var _ Group = MacAdmins{}

// Person is an account of this machine's own directory.
type Person struct {
	Name     string
	UID, GID uint32
	Disabled bool // nobody can log on with it
}

// Gathering is one of its groups, with the names of those who are in it themselves.
type Gathering struct {
	Name    string
	GID     uint32
	Members []string
}

// account is one user of a directory.
type account struct {
	name, uuid string
	uid, gid   uint32
	off        bool
}

func (a account) member() Member {
	return Member{SID: a.uuid, Name: a.name, Kind: User, Disabled: a.off}
}

// record is what the group's own entry says.
type record struct{ names, uuids, nested []string }

func (r record) has(a account) bool {
	return slices.Contains(r.names, a.name) || has(r.uuids, a.uuid)
}

// has compares as the directory does: a GeneratedUID can be written small.
func has(list []string, value string) bool {
	return slices.ContainsFunc(list, func(x string) bool { return strings.EqualFold(x, value) })
}

// IsUUID reports whether text is a GeneratedUID in the form that macOS writes.
func IsUUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i, c := range []byte(text) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && !strings.ContainsRune("0123456789ABCDEF", rune(c)) {
			return false
		}
	}
	return true
}

// Name is the same on every Mac.
func (g MacAdmins) Name() (string, error) {
	if _, err := g.record(); err != nil {
		return "", err
	}
	return MacAdmin, nil
}

func (g MacAdmins) answer(tool mactool.Tool, args ...string) ([]byte, error) {
	return mactool.Answer(context.Background(), g.Tools, tool, nil, args...) // its time is bounded
}

// attribute is one of a record, with and without the prefix of its kind.
func attribute(dict map[string]any, name string) []string {
	if value, ok := dict["dsAttrTypeStandard:"+name]; ok {
		return mactool.Strings(value)
	}
	return mactool.Strings(dict[name])
}

func (g MacAdmins) record() (r record, err error) {
	raw, err := g.answer(mactool.Dscl, "-plist", macLocal, "-read", macRecord)
	if err != nil {
		return r, fmt.Errorf("list the administrators: %w", err)
	}
	dict, err := mactool.Dict(raw)
	if err != nil {
		return r, fmt.Errorf("list the administrators: %w", err)
	}
	if !slices.Contains(attribute(dict, "RecordName"), MacAdmin) || !slices.Contains(attribute(dict, "PrimaryGroupID"), strconv.Itoa(MacAdminGID)) {
		return r, errors.New("list the administrators: what was told is not the group admin")
	}
	r = record{names: attribute(dict, "GroupMembership"), uuids: attribute(dict, "GroupMembers"), nested: attribute(dict, "NestedGroups")}
	return r, nil
}

// accounts are the users of this machine's own directory.
func (g MacAdmins) accounts() ([]account, error) {
	raw, err := g.answer(mactool.Dscl, "-plist", macLocal, "-readall", "/Users", "RecordName", "UniqueID", "PrimaryGroupID", "GeneratedUID", "AuthenticationAuthority")
	if err != nil {
		return nil, fmt.Errorf("list the accounts: %w", err)
	}
	value, err := mactool.Plist(raw)
	if err != nil {
		return nil, fmt.Errorf("list the accounts: %w", err)
	}
	list, ok := value.([]any)
	if !ok {
		return nil, errors.New("list the accounts: the directory tells no list")
	}
	var out []account
	for _, one := range list {
		dict, _ := one.(map[string]any)
		if a, ok := accountOf(dict); ok {
			out = append(out, a)
		}
	}
	return out, nil
}

// accountOf reads one record; without a name, a number and a GeneratedUID it is none.
func accountOf(dict map[string]any) (a account, ok bool) {
	names, ids, uuids := attribute(dict, "RecordName"), attribute(dict, "UniqueID"), attribute(dict, "GeneratedUID")
	if len(names) == 0 || len(ids) != 1 || len(uuids) != 1 || mactool.Plain(names[0]) != nil || !IsUUID(strings.ToUpper(uuids[0])) {
		return a, false
	}
	uid, err := strconv.ParseInt(ids[0], 10, 64) // nobody is -2
	if err != nil || uid < -2 || uid > int64(^uint32(0)) {
		return a, false
	}
	ways := attribute(dict, "AuthenticationAuthority")
	off := len(ways) == 0 || slices.ContainsFunc(ways, func(w string) bool { return strings.Contains(w, ";DisabledUser;") })
	a = account{name: names[0], uuid: strings.ToUpper(uuids[0]), uid: uint32(uid), gid: ^uint32(0), off: off}
	if gids := attribute(dict, "PrimaryGroupID"); len(gids) == 1 {
		if gid, err := strconv.ParseInt(gids[0], 10, 64); err == nil {
			a.gid = uint32(gid)
		}
	}
	return a, true
}

// byName reads an account of any directory that this machine asks.
func (g MacAdmins) byName(name string) (account, error) {
	if err := mactool.Plain(name); err != nil {
		return account{}, ErrNoAccount
	}
	res, err := g.Tools.Run(context.Background(), mactool.Dscl, nil, "-plist", macSearch, "-read", "/Users/"+name, "RecordName", "UniqueID", "GeneratedUID", "AuthenticationAuthority")
	if err != nil {
		return account{}, fmt.Errorf("look up an account: %w", err)
	}
	if res.Code != 0 {
		return account{}, ErrNoAccount
	}
	dict, err := mactool.Dict(res.Out)
	if err != nil {
		return account{}, fmt.Errorf("look up an account: %w", err)
	}
	a, ok := accountOf(dict)
	if !ok {
		return account{}, ErrNoAccount
	}
	return a, nil
}

// search is the account of any directory with that value. Several are none: it could
// be the wrong one.
func (g MacAdmins) search(key, value string) (account, error) {
	raw, err := g.answer(mactool.Dscl, macSearch, "-search", "/Users", key, value)
	if err != nil {
		return account{}, fmt.Errorf("look up an account: %w", err)
	}
	var names []string
	for line := range strings.Lines(string(raw)) {
		name, rest, ok := strings.Cut(line, "\t\t")
		if ok && name != "" && strings.HasPrefix(rest, key+" = ") && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) != 1 {
		return account{}, ErrNoAccount
	}
	return g.byName(names[0])
}

// find is the account with that GeneratedUID, of this machine or of a directory.
func (g MacAdmins) find(uuid string) (account, error) {
	if !IsUUID(uuid) {
		return account{}, fmt.Errorf("%w: %q", ErrNoAccount, uuid)
	}
	list, err := g.accounts()
	if err != nil {
		return account{}, err
	}
	if i := slices.IndexFunc(list, func(a account) bool { return a.uuid == uuid }); i >= 0 {
		return list[i], nil
	}
	a, err := g.search("GeneratedUID", uuid)
	if err == nil && a.uuid != uuid {
		err = ErrNoAccount
	}
	return a, err
}

// Identify is the GeneratedUID of whoever has a number.
func (g MacAdmins) Identify(user string) (string, error) {
	uid, err := strconv.ParseUint(user, 10, 32)
	if err != nil || strconv.FormatUint(uid, 10) != user {
		return "", fmt.Errorf("%w: %q", ErrNoAccount, user)
	}
	list, err := g.accounts()
	if err != nil {
		return "", err
	}
	has := func(a account) bool { return a.uid == uint32(uid) }
	i := slices.IndexFunc(list, has)
	switch {
	case i >= 0 && slices.ContainsFunc(list[i+1:], has):
		return "", fmt.Errorf("%w: several have the number %s", ErrNoAccount, user)
	case i >= 0:
		return list[i].uuid, nil
	}
	a, err := g.search("UniqueID", user)
	if err == nil && a.uid != uint32(uid) {
		err = ErrNoAccount
	}
	return a.uuid, err
}

// Members lists the group: people, and groups that are in it as a whole.
func (g MacAdmins) Members() ([]Member, error) {
	r, err := g.record()
	if err != nil {
		return nil, err
	}
	local, err := g.accounts()
	if err != nil {
		return nil, err
	}
	var out []Member
	add := func(m Member) {
		if !slices.ContainsFunc(out, func(x Member) bool { return x.SID == m.SID }) {
			out = append(out, m)
		}
	}
	for _, name := range r.names {
		i := slices.IndexFunc(local, func(a account) bool { return a.name == name })
		if i >= 0 {
			add(local[i].member())
			continue
		}
		a, err := g.byName(name)
		switch {
		case errors.Is(err, ErrNoAccount):
			add(Member{SID: name, Name: name, Kind: Unknown})
		case err != nil:
			return nil, err
		default:
			add(a.member())
		}
	}
	for _, uuid := range r.uuids {
		uuid = strings.ToUpper(uuid)
		if slices.ContainsFunc(out, func(m Member) bool { return m.SID == uuid }) {
			continue
		}
		a, err := g.find(uuid)
		switch {
		case errors.Is(err, ErrNoAccount):
			add(Member{SID: uuid, Name: uuid, Kind: Unknown})
		case err != nil:
			return nil, err
		default:
			add(a.member())
		}
	}
	for _, uuid := range r.nested {
		add(g.nested(strings.ToUpper(uuid)))
	}
	slices.SortFunc(out, func(a, b Member) int { return cmp.Compare(a.SID, b.SID) })
	return out, nil
}

// nested is a group in the group, under its own name where it is known.
func (g MacAdmins) nested(uuid string) Member {
	m := Member{SID: uuid, Name: uuid, Kind: Nested}
	raw, err := g.answer(mactool.Dscl, macSearch, "-search", "/Groups", "GeneratedUID", uuid)
	if err != nil {
		return m // it is in the group, under whatever name
	}
	for line := range strings.Lines(string(raw)) {
		if name, rest, ok := strings.Cut(line, "\t\t"); ok && name != "" && strings.HasPrefix(rest, "GeneratedUID = ") {
			m.Name = name
			break
		}
	}
	return m
}
