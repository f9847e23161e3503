// Package localgroup reads and changes the members of one local group of Windows or
// macOS, the administrators above all, by their SIDs: names can change and be reused.
// On macOS an account's GeneratedUID stands in a SID's place.
//
// Group is the seam. Administrators (windows, darwin) is the real one, of which
// windowsAdmins and MacAdmins decide what can be decided anywhere; Memory is a
// machine of memory that behaves alike, for tests of everything that decides. All
// pass one contract. Whether somebody may be put in or taken out is decided elsewhere, see
// packages privilege (for a while) and standing (for good).
package localgroup

import (
	"errors"
	"fmt"
	"slices"
	"sync"
)

// AdministratorsSID is the administrators' group of every machine.
const AdministratorsSID = "S-1-5-32-544"

// Kind says what a member is.
type Kind string

// The kinds of members.
const (
	User    Kind = "user"
	Nested  Kind = "group"   // a group, whose own members are in it as well
	Special Kind = "special" // who somebody is by how they come: everyone, services
	Unknown Kind = "unknown" // an account that is not there any more, or of a directory that does not answer
)

// Member is one entry of the group's list.
type Member struct {
	SID      string
	Name     string // MACHINE\name or DOMAIN\name; the SID where there is no name
	Kind     Kind
	Disabled bool // nobody can log on with it; only known of accounts of this machine
}

// Errors of a group.
var (
	ErrMember    = errors.New("already in the group")
	ErrNotMember = errors.New("not in the group")
	ErrNoAccount = errors.New("there is no such account")
)

// Group is one group of this machine.
type Group interface {
	// Name is what this machine calls the group.
	Name() (string, error)
	// Members lists it, sorted by SID.
	Members() ([]Member, error)
	// Add puts an account into it: [ErrMember] when it is, [ErrNoAccount].
	Add(sid string) error
	// Remove takes one out: [ErrNotMember] when it is not in.
	Remove(sid string) error
}

// Find is the member with that SID.
func Find(g Group, sid string) (m Member, in bool, err error) {
	list, err := g.Members()
	if err != nil {
		return m, false, fmt.Errorf("look who is in the group: %w", err)
	}
	i := slices.IndexFunc(list, func(m Member) bool { return m.SID == sid })
	if i < 0 {
		return m, false, nil
	}
	return list[i], true, nil
}

// Memory is a group of a machine that is not there. Accounts are those that can be
// members.
type Memory struct {
	Called   string
	Accounts []Member
	Fail     func(what string) error // asked before each change and look; may be nil

	mu sync.Mutex
	in []string
}

var _ Group = (*Memory)(nil)

func (g *Memory) asked(what string) error {
	if g.Fail == nil {
		return nil
	}
	return g.Fail(what)
}

// Name is what it was called.
func (g *Memory) Name() (string, error) { return g.Called, g.asked("name") }

// Members lists who is in it; those whose account is gone stay as unknown.
func (g *Memory) Members() ([]Member, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.asked("members"); err != nil {
		return nil, err
	}
	var out []Member
	for _, sid := range g.in {
		i := g.account(sid)
		if i < 0 {
			out = append(out, Member{SID: sid, Name: sid, Kind: Unknown})
			continue
		}
		out = append(out, g.Accounts[i])
	}
	return out, nil
}

func (g *Memory) account(sid string) int {
	return slices.IndexFunc(g.Accounts, func(m Member) bool { return m.SID == sid })
}

// Add puts an account into it.
func (g *Memory) Add(sid string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.asked("add"); err != nil {
		return err
	}
	switch {
	case g.account(sid) < 0:
		return ErrNoAccount
	case slices.Contains(g.in, sid):
		return ErrMember
	}
	g.in = append(g.in, sid)
	slices.Sort(g.in)
	return nil
}

// Remove takes somebody out.
func (g *Memory) Remove(sid string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.asked("remove"); err != nil {
		return err
	}
	i := slices.Index(g.in, sid)
	if i < 0 {
		return ErrNotMember
	}
	g.in = slices.Delete(g.in, i, i+1)
	return nil
}
