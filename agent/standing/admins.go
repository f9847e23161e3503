package standing

import (
	"errors"
	"fmt"
	"strings"

	"github.com/assent-epm/assent/agent/localgroup"
	"github.com/assent-epm/assent/shared/elevation"
)

// This file has the standing rights of Windows: who is in the administrators'
// group, people and groups with all their members. On macOS it is one half of them,
// see mac.go.

// Ends of the SIDs that Windows itself gives to accounts and groups of an
// administrator.
const (
	builtInAdministrator = "-500"
	domainAdmins         = "-512"
	macRoot              = "FFFFEEEE-DDDD-CCCC-BBBB-AAAA00000000" // root of every Mac
)

// adminRights are the members of the administrators' group.
func (s *Standing) adminRights() (out []right, m *machine) {
	m = &machine{s: s, foreign: map[string]bool{}, watch: map[string]bool{}}
	name, err := s.cfg.Admins.Name()
	if err != nil {
		m.fault("the administrators: %v", err)
		return nil, m
	}
	members, err := s.cfg.Admins.Members()
	if err != nil {
		m.fault("the administrators: %v", err)
		return nil, m
	}
	for _, who := range members {
		out = append(out, adminRight(name, who))
	}
	return out, m
}

func adminRight(group string, who localgroup.Member) right {
	r := right{Right: elevation.Right{Kind: elevation.RightGroup, Source: "local group " + group, Text: "member of " + group, All: true}, sid: who.SID, off: who.Disabled}
	switch who.Kind {
	case localgroup.User:
		r.User, r.Group = who.Name, group
		if who.Disabled {
			r.Text += ", switched off"
		}
		if strings.HasPrefix(who.SID, "S-1-5-21-") && strings.HasSuffix(who.SID, builtInAdministrator) {
			r.Fixed = "it is the administrator that Windows has built in"
		}
		if who.SID == macRoot {
			r.Fixed = "it is root"
		}
	case localgroup.Nested:
		r.Group, r.Text = who.Name, "the group and all its members are in "+group
		if strings.HasPrefix(who.SID, "S-1-5-21-") && strings.HasSuffix(who.SID, domainAdmins) {
			r.Text += ": the administrators of the domain"
		}
	case localgroup.Special:
		r.Group, r.Fixed = who.Name, "it is no account: Windows counts people to it by how they come"
	default:
		r.User, r.Group = who.Name, group
		r.Text += ", of an account that is not known any more"
		r.off = true
	}
	return r
}

// takeAdmin takes an account or a group out of the administrators.
func (s *Standing) takeAdmin(order string, r right, list []right) error {
	if err := keepsAdmin(list, r); err != nil && !r.off {
		return err
	}
	rec := record{Right: r.Right, UID: r.sid, GID: localgroup.AdministratorsSID, Order: order, At: s.cfg.Now(), State: statePlanned}
	if err := s.put(rec); err != nil {
		return err
	}
	s.cfg.FailPoint("planned")
	err := s.cfg.Admins.Remove(r.sid)
	if errors.Is(err, localgroup.ErrNotMember) {
		return errors.Join(refuse("this right is not there any more"), s.drop(rec))
	}
	s.cfg.FailPoint("changed")
	if err == nil {
		err = s.isAdmin(r.sid, false)
	}
	if err != nil {
		_, undo := s.giveAdmin(rec)
		if undo == nil {
			undo = s.drop(rec)
		}
		return errors.Join(err, undo)
	}
	s.cfg.FailPoint("checked")
	rec.State = stateDone
	return s.put(rec)
}

// isAdmin reads back that somebody is in the group, or is not.
func (s *Standing) isAdmin(sid string, want bool) error {
	_, in, err := localgroup.Find(s.cfg.Admins, sid)
	if err == nil && in != want {
		err = errors.New("the change of the administrators did not last")
	}
	return err
}

// giveAdmin puts somebody back. Who has no account any more is said and forgotten:
// a SID is never given to anybody else.
func (s *Standing) giveAdmin(r record) (said string, err error) {
	err = s.cfg.Admins.Add(r.UID)
	switch {
	case errors.Is(err, localgroup.ErrNoAccount):
		who := r.Right.User
		if who == "" {
			who = r.Right.Group
		}
		return fmt.Sprintf("not put back: there is no account %s any more", who), nil
	case err != nil && !errors.Is(err, localgroup.ErrMember):
		return "", err
	}
	s.cfg.FailPoint("restored")
	return "", s.isAdmin(r.UID, true)
}
