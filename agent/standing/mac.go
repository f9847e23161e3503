package standing

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/assent-epm/assent/agent/localgroup"
	"github.com/assent-epm/assent/shared/elevation"
)

// This file has the standing rights of macOS: the members of the group admin, which
// the directory has, and what sudo's files give beside. Accounts and groups are in no
// file there: Config.People tells them.

// macRights are both, and what makes somebody root without them.
func (s *Standing) macRights() ([]right, *machine) {
	admins, told := s.adminRights()
	m := s.readMachine()
	m.faults = append(told.faults, m.faults...)
	list := append(admins, m.sudoRights()...)
	for _, r := range m.groupRights() {
		if r.Group == localgroup.MacAdmin || r.Text == "member of "+r.Group {
			continue // told as what they are, or a group that gives nothing here
		}
		r.Source, r.Fixed = "local group "+r.Group, "only members of admin are taken out of their group on macOS: change the rule of "+r.Group
		list = append(list, r)
	}
	for _, r := range m.uid0() {
		r.Source = "local account " + r.User
		list = append(list, r)
	}
	return list, m
}

// readDirectory takes accounts and groups from the directory.
func (m *machine) readDirectory() {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	short, _, _ := strings.Cut(host, ".")
	m.hosts = []string{host, short}
	people, groups, err := m.s.cfg.People()
	if err != nil {
		m.fault("the accounts: %v", err)
	}
	for _, p := range people {
		m.accounts = append(m.accounts, account{name: p.Name, uid: p.UID, gid: p.GID, password: !p.Disabled})
	}
	for _, g := range groups {
		m.groups = append(m.groups, group{name: g.Name, gid: g.GID, members: g.Members})
	}
}

// inAdmins reports whether a record is of the administrators' group, and not of a
// file.
func (s *Standing) inAdmins(r record) bool {
	return s.cfg.Admins != nil && r.Right.Kind == elevation.RightGroup
}

// keepsAdmin refuses to leave a Mac without anybody in the group admin who can log on,
// whatever is taken: a rule of sudo alone unlocks nothing else.
func keepsAdmin(list []right, taken right) error {
	left := slices.ContainsFunc(list, func(x right) bool { return x.sid != "" && !x.off && x.sid != taken.sid })
	if !left {
		return refuse("it is the last administrator")
	}
	return nil
}

// Includes reports whether sudo reads the rules in a folder, and nobody but root can
// put any there.
func Includes(root, dir string) (bool, error) {
	s := &Standing{cfg: Config{Root: root, Log: slog.New(slog.DiscardHandler)}}
	real, err := filepath.EvalSymlinks(s.at(dir))
	if err != nil {
		return false, err
	}
	if err := s.trusted(dir); err != nil {
		return false, err
	}
	for read := range s.readMachine().includes {
		if other, err := filepath.EvalSymlinks(s.at(read)); err == nil && other == real {
			return true, nil
		}
	}
	return false, nil
}
