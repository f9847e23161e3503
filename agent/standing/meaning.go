package standing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/assent-epm/assent/shared/elevation"
)

// adminGroups are groups that exist to make their members administrators: there a
// membership is the right. rootGroups are root by another name.
func adminGroups() []string { return []string{"sudo", "wheel", "admin"} }

func rootGroups() []string {
	return []string{"docker", "lxd", "incus-admin", "libvirt", "disk"}
}

// grantee is whom a rule is for.
type grantee struct {
	name   string // account, %group, #uid, %#gid, +netgroup, %:group or ALL
	entry  int    // in the list of the rule
	alias  bool   // reached through an alias
	except []string
}

// grantees are those that a list of users names; a later exception takes out what
// stands before it.
func (m *machine) grantees(list []item, depth int) (out []grantee) {
	for i, it := range list {
		a, isAlias := m.aliases["User "+it.name]
		var found []grantee
		if isAlias && !it.quoted && depth < maxDepth {
			found = m.grantees(a.items, depth+1)
			for j := range found {
				found[j].entry, found[j].alias = i, true
			}
		} else {
			found = []grantee{{name: it.name, entry: i}}
		}
		if !it.not {
			out = append(out, found...)
			continue
		}
		for _, f := range found {
			out = slices.DeleteFunc(out, func(g grantee) bool { return g.name == f.name })
			for j := range out {
				out[j].except = append(out[j].except, f.name)
			}
		}
	}
	return out
}

// power is what a rule lets people do as root.
type power struct{ any, all, noAsk bool }

// power looks at the commands that a rule gives on this machine as root.
func (m *machine) power(r rule) (p power) {
	for _, on := range r.permits {
		if !m.thisHost(on.hosts, 0) {
			continue
		}
		for _, c := range on.commands {
			if c.not || !m.asRoot(c) {
				continue
			}
			p.any, p.noAsk = true, p.noAsk || c.noAsk
			p.all = p.all || m.everything(c.name, 0)
		}
	}
	return p
}

func (m *machine) everything(name string, depth int) bool {
	if name == "ALL" {
		return true
	}
	a, ok := m.aliases["Cmnd "+name]
	return ok && depth < maxDepth && slices.ContainsFunc(a.commands, func(c command) bool { return !c.not && m.everything(c.name, depth+1) })
}

// asRoot reports whether a command runs as root, or with a group that is as good.
func (m *machine) asRoot(c command) bool {
	if !c.said {
		return m.defaults.runas == "root" || m.defaults.runas == "#0"
	}
	if m.names(c.users, "Runas", 0, func(name string) bool { return name == "root" || name == "#0" || name == "ALL" }) {
		return true
	}
	return m.names(c.groups, "Runas", 0, func(name string) bool {
		return name == "ALL" || name == "root" || slices.Contains(rootGroups(), name) || slices.Contains(adminGroups(), name)
	})
}

func (m *machine) names(list []item, kind string, depth int, is func(string) bool) bool {
	found := false
	for _, it := range list {
		a, ok := m.aliases[kind+" "+it.name]
		match := is(it.name)
		if ok && !it.quoted && depth < maxDepth {
			match = m.names(a.items, kind, depth+1, is)
		}
		if match {
			found = !it.not
		}
	}
	return found
}

// sudoRights are the rights that rules give, except memberships.
func (m *machine) sudoRights() (out []right) {
	for _, r := range m.rules {
		p := m.power(r.rule)
		if !p.any {
			continue
		}
		for _, g := range m.grantees(r.users, 0) {
			if one, ok := m.sudoRight(r, g, p); ok {
				out = append(out, one)
			}
		}
	}
	return out
}

// sudoRight is what a rule gives one grantee; false when that is nobody, root, or
// the members of a group of administrators, who are listed one by one.
func (m *machine) sudoRight(r placed, g grantee, p power) (right, bool) {
	one := right{file: r.file, line: r.line, entry: g.entry}
	name := g.name
	entry := r.users[g.entry].name
	if r.users[g.entry].not {
		return one, false
	}
	switch group, isGroup := strings.CutPrefix(name, "%"); {
	case strings.HasPrefix(name, "+"):
		one.Group, one.Fixed = name, "the members of a netgroup are known to no file of this machine"
	case isGroup && strings.HasPrefix(group, ":"):
		one.Group, one.Fixed = group[1:], "the members of this group are known to no file of this machine"
	case isGroup:
		known, here := m.groupOf(group)
		if here && slices.Contains(adminGroups(), known.name) || here && len(m.members(known)) == 0 || !here && !m.foreign["group"] {
			return one, false
		}
		if one.Group = group; here {
			one.Group = known.name
		} else {
			one.Fixed = "the group belongs to a directory, not to this machine"
		}
	case name == "ALL":
		one.User = "ALL"
	default:
		a, here := m.accountOf(name)
		if here && a.uid == 0 || name == "root" || name == "#0" || !here && !m.foreign["passwd"] {
			return one, false
		}
		if one.User = name; here {
			one.User = a.name
		}
	}
	if g.alias {
		one.via = name
	}
	p.noAsk = p.noAsk || m.defaults.noAsk[""] || m.defaults.noAsk[one.User] || one.Group != "" && m.defaults.noAsk["%"+one.Group]
	one.Right = elevation.Right{Kind: elevation.RightSudoers, User: one.User, Group: one.Group, Source: fmt.Sprintf("%s:%d", r.file, r.line.n),
		Text: entry + " " + r.rest, NoAsk: p.noAsk, All: p.all, Fixed: one.Fixed}
	switch {
	case one.Fixed != "":
	case r.file == vendorPath:
		one.Fixed = "the file belongs to a package"
	case m.defaults.target && !p.noAsk:
		one.Fixed = "sudo asks for the other account's password here, so it gives nothing by itself"
	}
	return one, true
}

// throughGroup is what rules of sudo give the members of a group.
func (m *machine) throughGroup(g group, member string) (text string, p power) {
	for _, r := range m.rules {
		has := m.power(r.rule)
		if !has.any {
			continue
		}
		for _, to := range m.grantees(r.users, 0) {
			name, ok := strings.CutPrefix(to.name, "%")
			if known, here := m.groupOf(name); !ok || !here || known.name != g.name || slices.Contains(to.except, member) {
				continue
			}
			if text == "" {
				text = r.users[to.entry].name + " " + r.rest
			}
			p.any, p.all = true, p.all || has.all
			p.noAsk = p.noAsk || has.noAsk || m.defaults.noAsk[""] || m.defaults.noAsk[member] || m.defaults.noAsk["%"+g.name]
		}
	}
	return text, p
}
