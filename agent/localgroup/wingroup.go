package localgroup

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// This file has what is made of what Windows tells of its administrators. It runs
// everywhere; administrators_windows.go has the calls.

// accounts are those of a machine with Windows, and its local groups by name.
type accounts interface {
	Computer() (string, error)
	// NameOf is what the machine calls a SID, without a domain.
	NameOf(sid string) (string, error)
	Members(group string) ([]entry, error)
	// Add and Remove answer the errors of a [Group].
	Add(group, sid string) error
	Remove(group, sid string) error
	// Flags are those of an account of the machine itself (UF_…).
	Flags(user string) (uint32, error)
}

// entry is a member as Windows tells it.
type entry struct {
	SID, Name string // "" = it is not known
	Use       uint32 // SID_NAME_USE
}

// windowsAdmins is the administrators' group of a machine with Windows.
type windowsAdmins struct{ accounts accounts }

var _ Group = windowsAdmins{}

// Name is what the machine calls its administrators: the word differs by language.
func (g windowsAdmins) Name() (string, error) {
	name, err := g.accounts.NameOf(AdministratorsSID)
	if err != nil {
		return "", fmt.Errorf("find the administrators' group: %w", err)
	}
	return name, nil
}

// Members lists the group.
func (g windowsAdmins) Members() ([]Member, error) {
	name, err := g.Name()
	if err != nil {
		return nil, err
	}
	list, err := g.accounts.Members(name)
	if err != nil {
		return nil, fmt.Errorf("list the administrators: %w", err)
	}
	out := make([]Member, 0, len(list))
	for _, e := range list {
		out = append(out, g.member(e))
	}
	slices.SortFunc(out, func(a, b Member) int { return cmp.Compare(a.SID, b.SID) })
	return out, nil
}

// member is an entry in our words. One without a name, or of no account, is known by
// its SID alone.
func (g windowsAdmins) member(e entry) Member {
	m := Member{SID: e.SID, Name: e.Name, Kind: kindOf(e.Use)}
	if m.Name == "" || m.Kind == Unknown {
		m.Name = m.SID
	}
	m.Disabled = m.Kind == User && g.disabled(m.Name)
	return m
}

// kindOf is the kind of a SID (SID_NAME_USE) in our words: 1 is a user, 2 a group, 4
// a local group, 5 one of who somebody is by how they come.
func kindOf(use uint32) Kind {
	switch use {
	case 1:
		return User
	case 2, 4:
		return Nested
	case 5:
		return Special
	}
	return Unknown
}

// disabled reports whether an account of this machine is switched off. Of accounts
// of a domain, which may have the name of one here, that is not known.
func (g windowsAdmins) disabled(name string) bool {
	domain, user, ok := strings.Cut(name, `\`)
	if !ok {
		return false
	}
	computer, err := g.accounts.Computer()
	if err != nil || !strings.EqualFold(domain, computer) {
		return false
	}
	flags, err := g.accounts.Flags(user)
	const off = 0x2 // UF_ACCOUNTDISABLE
	return err == nil && flags&off != 0
}

// Add puts an account into the group.
func (g windowsAdmins) Add(sid string) error { return g.change(g.accounts.Add, sid) }

// Remove takes one out.
func (g windowsAdmins) Remove(sid string) error { return g.change(g.accounts.Remove, sid) }

func (g windowsAdmins) change(do func(group, sid string) error, sid string) error {
	name, err := g.Name()
	if err != nil {
		return err
	}
	if err := do(name, sid); err != nil {
		return fmt.Errorf("change the administrators: %w", err)
	}
	return nil
}
