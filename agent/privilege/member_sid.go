package privilege

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/assent-epm/assent/agent/localgroup"
)

// This file is about systems whose administrators are one group of the system:
// Windows and macOS.

// AdministratorsOf is the place among the administrators of this machine that a
// user (elevation.User's UID) would get. Whether they have it already is asked with
// [Trees.Has].
func (t *Trees) AdministratorsOf(user, name string) (m Membership, err error) {
	fail := func(err error) (Membership, error) {
		return Membership{}, fmt.Errorf("become administrator: %w", err)
	}
	m = Membership{User: name, UID: NoUID, GID: NoUID}
	if m.SID, err = t.identify(user); err != nil {
		return fail(err)
	}
	if localgroup.IsUUID(m.SID) {
		if m.UID, err = UIDOf(user); err != nil {
			return fail(err)
		}
		m.GID = localgroup.MacAdminGID
	}
	err = inGroup(t.cfg.Administrators, func(g localgroup.Group) error {
		m.Group, err = g.Name()
		return err
	})
	if err == nil {
		err = m.Valid()
	}
	if err != nil {
		return fail(err)
	}
	return m, nil
}

func (t *Trees) identify(user string) (string, error) {
	if t.cfg.Identify != nil {
		return t.cfg.Identify(user)
	}
	return localgroup.Identify(user)
}

// Join is [Membership.Join] on this machine.
func (t *Trees) Join(m Membership, before func() error) error {
	return m.joinBy(t.cfg.Administrators, before)
}

// Leave is [Membership.Leave] on this machine.
func (t *Trees) Leave(m Membership) (kept string, err error) {
	return m.leaveBy(t.cfg.Administrators)
}

// Has reports whether a membership exists, whoever has given it.
func (t *Trees) Has(m Membership) (bool, error) { return m.holdsBy(t.cfg.Administrators) }

// EndHolders ends what a user has started with rights that they were only lent,
// outside of trees: it would keep them, whatever the group says by now.
func (t *Trees) EndHolders(ctx context.Context, m Membership, grace time.Duration) error {
	if err := m.Valid(); err != nil {
		return fmt.Errorf("end what was lent rights: %w", err)
	}
	return endHolders(ctx, m, grace, t.prefix())
}

func (m Membership) validSID() error {
	mac := localgroup.IsUUID(m.SID)
	switch {
	case !mac && !isPerson(m.SID) || m.User == "":
		return fmt.Errorf("%w: it names nobody", ErrAccount)
	case m.Group == "":
		return fmt.Errorf("%w: it names none", ErrGroup)
	case m.File != "" || m.Directory:
		return fmt.Errorf("%w: it is of two kinds of system", ErrAccount)
	case mac && (m.UID == 0 || m.UID >= NoUID || m.User == "root"):
		return fmt.Errorf("%w: root", ErrAccount)
	case mac && m.GID != localgroup.MacAdminGID, !mac && (m.UID != NoUID || m.GID != NoUID):
		return fmt.Errorf("%w: it is of two kinds of system", ErrAccount)
	}
	return nil
}

// inGroup does something with the administrators' group; nil is that of this
// machine.
func inGroup(g localgroup.Group, do func(localgroup.Group) error) (err error) {
	if g == nil {
		if g, err = administrators(); err != nil {
			return err
		}
	}
	return do(g)
}

// joinSID puts the person in and reads it back. After an error they are not in.
func (m Membership) joinSID(g localgroup.Group, before func() error) error {
	if _, in, err := localgroup.Find(g, m.SID); err != nil || in {
		if in {
			err = ErrMember
		}
		return err
	}
	if err := before(); err != nil {
		return err
	}
	err := g.Add(m.SID)
	switch {
	case errors.Is(err, localgroup.ErrNoAccount):
		return ErrAccount
	case errors.Is(err, localgroup.ErrMember): // somebody else has put them in just now: theirs to keep
		return ErrMember
	case err != nil:
		return errors.Join(err, m.leaveSID(g))
	}
	if _, in, err := localgroup.Find(g, m.SID); err != nil || !in {
		return errors.Join(errors.New("the change of the administrators did not last"), err, m.leaveSID(g))
	}
	return nil
}

// byName is a group that lists its members by their names as well (macOS).
type byName interface{ ForgetName(name string) error }

// leaveSID takes the person out and reads it back, also when their account is gone,
// or is called by another name or number by now.
func (m Membership) leaveSID(g localgroup.Group) error {
	err := g.Remove(m.SID)
	if err != nil && !errors.Is(err, localgroup.ErrNotMember) && !errors.Is(err, localgroup.ErrNoAccount) {
		return err
	}
	if names, ok := g.(byName); ok {
		if err := names.ForgetName(m.User); err != nil {
			return err
		}
	}
	_, in, err := localgroup.Find(g, m.SID)
	if err == nil && in {
		err = errors.New("the change of the administrators did not last")
	}
	return err
}
