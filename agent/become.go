package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/agent/standing"
	"github.com/assent-epm/assent/agent/tamper"
)

// This file says who can be made administrator for a while, and by which place in
// which group. Linux has a file of groups, and sudo to be asked what they give;
// Windows and macOS have one group of administrators.

// Admins is how this machine makes administrators. What is not set is the real
// thing.
type Admins struct {
	Way       privilege.AdminWay
	GroupFile string                                                  // Linux: with passwd beside it
	Full      func() ([]string, error)                                // Linux: groups that sudo gives everything to, the likeliest first
	Allows    func(ctx context.Context, user string) (bool, error)    // Linux: asks sudo itself
	Snapshot  func(ctx context.Context) tamper.Snapshot               // what an administrator can change
	Groups    func(user string) (groups []intercept.Group, err error) // of an account
	Seat      func(pid int, started uint64, user string) (privilege.Seat, error)
	Start     func(ctx context.Context, spec privilege.Spec) (*privilege.Running, error)
}

func (a *Agent) admins() Admins {
	h := a.Admins
	if h.Way == "" {
		h.Way = privilege.Way
	}
	if h.GroupFile == "" {
		h.GroupFile = privilege.GroupFile
	}
	if h.Full == nil {
		h.Full = func() ([]string, error) { return standing.FullGroups("") }
	}
	if h.Allows == nil {
		h.Allows = privilege.SudoAllows
	}
	if h.Snapshot == nil {
		h.Snapshot = func(ctx context.Context) tamper.Snapshot { return tamper.Take(ctx, "/") }
	}
	if h.Groups == nil {
		h.Groups = func(user string) ([]intercept.Group, error) {
			who, err := a.Lookup(user)
			return who.Groups, err
		}
	}
	if h.Seat == nil {
		h.Seat = privilege.SeatOf
	}
	if h.Start == nil {
		h.Start = a.Trees.Start
	}
	return h
}

// errAlready refuses who is administrator without us.
var errAlready = fmt.Errorf("%w: you are administrator already, so there is nothing to ask for", errNotHere)

// MayBecome says why a user can not be made administrator here, before anybody is
// asked. It implements local's Sessions.
func (a *Agent) MayBecome(ctx context.Context, user string) error {
	_, err := a.membership(ctx, user, "")
	return err
}

// membership is the place that a user would get. name, if it is not "", is whom
// the grant is for: a number that somebody else has by now gets nothing.
func (a *Agent) membership(ctx context.Context, user, name string) (privilege.Membership, error) {
	none := privilege.Membership{}
	if err := a.takingBack(user); err != nil {
		return none, err
	}
	if user == privilege.UserOf(0) {
		return none, fmt.Errorf("%w: root needs none", errNotHere)
	}
	who, err := a.Lookup(user)
	if err != nil {
		return none, fmt.Errorf("become administrator: %w", err)
	}
	if name != "" && who.Name != name {
		return none, fmt.Errorf("%w: %s is another user now", errNotHere, user)
	}
	m, err := a.place(who)
	if err != nil {
		return none, fmt.Errorf("%w: %w", errNotHere, err)
	}
	if a.lentTo(user) {
		return m, nil // by an earlier grant, which a new one takes the place of
	}
	already, err := a.already(ctx, user, m)
	switch {
	case err != nil:
		return none, fmt.Errorf("become administrator: %w", err)
	case already:
		return none, errAlready
	}
	return m, nil
}

// place is the place in a group that an account would get.
func (a *Agent) place(who intercept.Account) (privilege.Membership, error) {
	h := a.admins()
	if h.Way != privilege.AdminShell {
		return a.Trees.AdministratorsOf(who.User(), who.Name)
	}
	full, err := h.Full()
	if err != nil {
		return privilege.Membership{}, err
	}
	return privilege.RightsGroup(h.GroupFile, full, who.Name, who.UID)
}

// already reports whether somebody is administrator without us: by the group itself,
// by one that is in it, or by a rule of sudo.
func (a *Agent) already(ctx context.Context, user string, m privilege.Membership) (bool, error) {
	h := a.admins()
	groups, err := h.Groups(user)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(groups, func(g intercept.Group) bool {
		return g.GID == m.GID && m.GID != privilege.NoUID || g.Name == m.Group || m.SID != "" && strings.EqualFold(g.Name, m.Group)
	}) {
		return true, nil
	}
	return a.gives(ctx, m)
}

// gives reports whether somebody is administrator now.
func (a *Agent) gives(ctx context.Context, m privilege.Membership) (bool, error) {
	if h := a.admins(); h.Way == privilege.AdminShell {
		return h.Allows(ctx, m.User)
	}
	return a.Trees.Has(m)
}
