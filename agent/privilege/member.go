package privilege

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-epm/assent/agent/accounts"
	"github.com/assent-epm/assent/agent/localgroup"
)

// Membership is a place in a group that a user has for a while: plain data for
// the ledger, which is written before it exists. Everything about it is done in
// the files of this machine: the group is one of them. The account may be of a
// directory, whose own groups are not ours; whoever asks has found it there.
type Membership struct {
	File  string `cbor:"file"` // of groups, absolute; passwd and gshadow stand beside it
	Group string `cbor:"group"`
	GID   uint32 `cbor:"gid"`
	User  string `cbor:"user"`
	UID   uint32 `cbor:"uid"`
	// SID is whose place it is where the administrators are one group of the system:
	// that of Windows, where GID and UID are nothing, or the GeneratedUID of macOS.
	// File is "" there.
	SID string `cbor:"sid,omitempty"`

	Directory bool `cbor:"directory,omitempty"` // the account is not in passwd, and nobody there has its number
}

// Why a membership is not given, or not taken back.
var (
	// ErrMember: the user is in the group already, which is theirs to keep.
	ErrMember = errors.New("administrator already")
	// ErrAccount: no such account, one that is somebody else's by now, or root's.
	ErrAccount = errors.New("not an account that can be given rights for a while")
	// ErrGroup: no such group in the files of this machine.
	ErrGroup = errors.New("no such local group")
)

// Valid refuses what can not have been made here: root's own number above all.
func (m Membership) Valid() error {
	if m.SID != "" {
		return m.validSID()
	}
	switch {
	case !filepath.IsAbs(m.File) || m.Group == "" || m.User == "" || strings.ContainsAny(m.Group+m.User, ":,\n\x00 "):
		return fmt.Errorf("%w: it names nobody", ErrAccount)
	case m.UID == 0 || m.UID == ^uint32(0) || m.User == "root":
		return fmt.Errorf("%w: root", ErrAccount)
	case m.GID == 0 || m.GID == ^uint32(0):
		return fmt.Errorf("%w: the group of root", ErrGroup)
	}
	return nil
}

// Join puts the user into the group. before is called once it is certain that
// they are not in it, with the account files locked: what it writes down is true
// when the change is made. [ErrMember] when they are; after any error the files
// are as they were.
func (m Membership) Join(before func() error) error { return m.joinBy(nil, before) }

// joinBy is Join by a group of the system; nil is that of this machine.
func (m Membership) joinBy(of localgroup.Group, before func() error) error {
	if err := m.Valid(); err != nil {
		return fmt.Errorf("join %s: %w", m.Group, err)
	}
	do := func() error { return m.locked(func() error { return m.join(before) }) }
	if m.SID != "" {
		do = func() error { return inGroup(of, func(g localgroup.Group) error { return m.joinSID(g, before) }) }
	}
	if err := do(); err != nil {
		return fmt.Errorf("put %s into %s: %w", m.User, m.Group, err)
	}
	return nil
}

// locked does something under the lock of every tool that changes accounts.
func (m Membership) locked(do func() error) error {
	release, err := accounts.Lock(context.Background(), filepath.Dir(m.File)) // its wait is bounded
	if err != nil {
		return err
	}
	defer release()
	return do()
}

func (m Membership) join(before func() error) error {
	f, err := m.read()
	if err != nil {
		return err
	}
	_, gid, found := f.account(m.User)
	switch {
	case !m.is(f):
		return ErrAccount
	case f.gid(m.Group) != m.GID:
		return ErrGroup
	case found && gid == m.GID || f.in(m.Group, m.User):
		return ErrMember
	}
	if err := before(); err != nil {
		return err
	}
	return m.write(f, true)
}

// Leave takes the user out of the group and reads the files again. Whoever has
// the name or the number by now and is somebody else keeps what they have: then
// kept says so, and there is nothing left to take back. The name of a directory's
// account is taken out in any case: whose it is now can not be known.
func (m Membership) Leave() (kept string, err error) { return m.leaveBy(nil) }

func (m Membership) leaveBy(of localgroup.Group) (kept string, err error) {
	if err := m.Valid(); err != nil {
		return "", fmt.Errorf("leave %s: %w", m.Group, err)
	}
	if m.SID != "" {
		if err = inGroup(of, m.leaveSID); err != nil {
			return "", fmt.Errorf("take %s out of %s: %w", m.User, m.Group, err)
		}
		return "", nil
	}
	err = m.locked(func() error {
		f, err := m.read()
		if err != nil {
			return err
		}
		uid, _, found := f.account(m.User)
		switch {
		case !m.Directory && found && uid != m.UID:
			kept = "the account " + m.User + " has another number now, its groups are left as they are"
			return nil
		case f.in(m.Group, m.User):
			return m.write(f, false)
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("take %s out of %s: %w", m.User, m.Group, err)
	}
	return kept, nil
}

// Holds reports whether the membership exists.
func (m Membership) Holds() (in bool, err error) { return m.holdsBy(nil) }

func (m Membership) holdsBy(of localgroup.Group) (in bool, err error) {
	if m.SID != "" {
		err = inGroup(of, func(g localgroup.Group) error {
			_, in, err = localgroup.Find(g, m.SID)
			return err
		})
		return in, err
	}
	f, err := m.read()
	if err != nil {
		return false, fmt.Errorf("look at %s: %w", m.Group, err)
	}
	return f.in(m.Group, m.User), nil
}

// Same reports whether the account is still the one that it was given to, as far as
// the files of this machine say; what a directory says is asked of it.
func (m Membership) Same() bool {
	if m.SID != "" {
		return m.validSID() == nil // a SID is never another's
	}
	f, err := m.read()
	return err == nil && m.is(f)
}

// is reports whether the files say of the account what they said: its number, or
// that neither its name nor its number is one of this machine's.
func (m Membership) is(f accountFiles) bool {
	uid, _, found := f.account(m.User)
	if m.Directory {
		return !found && !f.numbered(m.UID)
	}
	return found && uid == m.UID
}

// accountFiles are the texts of the files.
type accountFiles struct{ passwd, group, gshadow string }

func (m Membership) read() (f accountFiles, err error) {
	dir := filepath.Dir(m.File)
	if f.passwd, err = readRootFile(filepath.Join(dir, "passwd"), true); err != nil {
		return f, err
	}
	if f.group, err = readRootFile(m.File, true); err != nil {
		return f, err
	}
	f.gshadow, err = readRootFile(filepath.Join(dir, "gshadow"), false)
	return f, err
}

// write changes both files and makes sure that the change is there. The group
// file is the one that counts: it comes last when something is given and first
// when it is taken.
func (m Membership) write(f accountFiles, in bool) error {
	group, err := withMember(f.group, m.Group, m.User, in)
	if err != nil {
		return err
	}
	shadow := func() error {
		if text, err := withMember(f.gshadow, m.Group, m.User, in); err == nil && text != f.gshadow {
			return replaceRootFile(filepath.Join(filepath.Dir(m.File), "gshadow"), text)
		}
		return nil // no such line: nobody keeps a shadow of groups here
	}
	if in {
		if err := shadow(); err != nil {
			return err
		}
	}
	if err := replaceRootFile(m.File, group); err != nil {
		return err
	}
	now, err := m.read()
	if err != nil {
		return err
	}
	if now.in(m.Group, m.User) != in {
		return fmt.Errorf("the change of %s did not last", m.File)
	}
	if !in {
		return shadow()
	}
	return nil
}

func (f accountFiles) account(name string) (uid, gid uint32, found bool) {
	for line := range strings.Lines(f.passwd) {
		p := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(p) != 7 || p[0] != name {
			continue
		}
		u, err1 := strconv.ParseUint(p[2], 10, 32)
		g, err2 := strconv.ParseUint(p[3], 10, 32)
		if err1 != nil || err2 != nil {
			return 0, 0, false
		}
		return uint32(u), uint32(g), true
	}
	return 0, 0, false
}

// numbered reports whether an account of this machine has a number.
func (f accountFiles) numbered(uid uint32) bool {
	for line := range strings.Lines(f.passwd) {
		p := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(p) != 7 {
			continue
		}
		if n, err := strconv.ParseUint(p[2], 10, 32); err == nil && uint32(n) == uid {
			return true
		}
	}
	return false
}

// gid is the number of a group, that of root when there is none.
func (f accountFiles) gid(group string) uint32 {
	if p := groupLine(f.group, group); p != nil {
		if n, err := strconv.ParseUint(p[2], 10, 32); err == nil {
			return uint32(n)
		}
	}
	return 0
}

func (f accountFiles) in(group, user string) bool {
	p := groupLine(f.group, group)
	if p == nil {
		return false
	}
	return slices.Contains(accounts.Members(p[3]), user)
}

func groupLine(text, group string) []string {
	for line := range strings.Lines(text) {
		p := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(p) == 4 && p[0] == group {
			return p
		}
	}
	return nil
}

// withMember is the text with the user in the group, or not.
func withMember(text, group, user string, in bool) (string, error) {
	is, _, ok := accounts.Change([]byte(text), group, func(members []string) []string {
		members = accounts.Without(members, user)
		if in {
			members = append(members, user)
		}
		return members
	})
	if !ok {
		return text, ErrGroup
	}
	return string(is), nil
}

// RightsGroup takes the first of the groups that sudo gives everything to which the
// group file has. Who is not in passwd is of a directory, as the caller found them
// by the name services.
func RightsGroup(file string, full []string, user string, uid uint32) (Membership, error) {
	m := Membership{File: file, User: user, UID: uid}
	f, err := m.read()
	if err != nil {
		return m, err
	}
	_, _, found := f.account(user)
	m.Directory = !found
	if !m.is(f) {
		return m, ErrAccount
	}
	for _, name := range full {
		if gid := f.gid(name); gid != 0 {
			m.Group, m.GID = name, gid
			return m, m.Valid()
		}
	}
	return m, fmt.Errorf("%w that sudo gives all rights to", ErrGroup)
}
