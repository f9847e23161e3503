package standing

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// FullGroups are the groups of a machine whose members sudo lets run everything as
// root with their own password at most, the usual names of such groups first. root
// is the machine's tree, "" = /. Only sudo itself knows what it really allows: who
// gets a place in one of them is asked about afterwards.
func FullGroups(root string) ([]string, error) {
	m := (&Standing{cfg: Config{Root: root}}).readMachine()
	if len(m.rules) == 0 && len(m.faults) > 0 {
		return nil, fmt.Errorf("read the rules of sudo: %w", errors.New(strings.Join(m.faults, "; ")))
	}
	if m.defaults.target {
		return nil, nil // it asks for another account's password
	}
	var usual, others []string
	for _, r := range m.rules {
		if !m.full(r.rule) {
			continue
		}
		for _, g := range m.grantees(r.users, 0) {
			name, is := strings.CutPrefix(g.name, "%")
			known, here := m.groupOf(name)
			switch {
			case !is || !here || r.users[g.entry].not || known.gid == 0:
			case slices.Contains(usual, known.name) || slices.Contains(others, known.name):
			case slices.Contains(adminGroups(), known.name):
				usual = append(usual, known.name)
			default:
				others = append(others, known.name)
			}
		}
	}
	return append(usual, others...), nil
}

// full reports whether a rule gives every command as root on this machine, with no
// exception.
func (m *machine) full(r rule) bool {
	for _, on := range r.permits {
		if m.thisHost(on.hosts, 0) && slices.ContainsFunc(on.commands, func(c command) bool { return !c.not && m.asRoot(c) && m.everything(c.name, 0) }) &&
			!slices.ContainsFunc(on.commands, func(c command) bool { return c.not }) {
			return true
		}
	}
	return false
}
