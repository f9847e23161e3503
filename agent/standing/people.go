package standing

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-epm/assent/agent/accounts"
	"github.com/assent-epm/assent/shared/elevation"
)

// account is one line of passwd.
type account struct {
	name     string
	uid, gid uint32
	line     int
	password bool // it has a usable one, and a shell
}

// group is one line of group.
type group struct {
	name    string
	gid     uint32
	members []string
	line    int
}

// readPeople reads the accounts and groups of this machine and where else there
// may be some.
func (m *machine) readPeople() {
	if m.s.cfg.People != nil {
		m.readDirectory()
		return
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	short, _, _ := strings.Cut(host, ".")
	m.hosts = []string{host, short}
	if raw, err := m.s.read(nsswitchPath); err == nil {
		m.readSources(string(raw))
	}
	passwords := map[string]bool{}
	if raw, err := m.s.read(shadowPath); err == nil {
		for line := range strings.Lines(string(raw)) {
			if f := strings.Split(line, ":"); len(f) > 1 {
				passwords[f[0]] = f[1] != "" && !strings.HasPrefix(f[1], "!") && !strings.HasPrefix(f[1], "*")
			}
		}
	}
	raw, err := m.s.read(passwdPath)
	if err != nil {
		m.fault("%s: %v", passwdPath, err)
	}
	n := 0
	for line := range strings.Lines(string(raw)) {
		n++
		f := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(f) != 7 || f[0] == "" || strings.ContainsAny(f[0][:1], "+-#") {
			continue
		}
		uid, err1 := strconv.ParseUint(f[2], 10, 32)
		gid, err2 := strconv.ParseUint(f[3], 10, 32)
		if err1 != nil || err2 != nil {
			continue
		}
		shell := !strings.HasSuffix(f[6], "/nologin") && !strings.HasSuffix(f[6], "/false")
		m.accounts = append(m.accounts, account{name: f[0], uid: uint32(uid), gid: uint32(gid), line: n, password: passwords[f[0]] && shell})
	}
	if raw, err = m.s.read(groupPath); err != nil {
		m.fault("%s: %v", groupPath, err)
	}
	m.groups = parseGroups(string(raw))
}

// parseGroups reads the text of /etc/group.
func parseGroups(text string) (out []group) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		f := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(f) != 4 || f[0] == "" || strings.ContainsAny(f[0][:1], "+-#") {
			continue
		}
		if gid, err := strconv.ParseUint(f[2], 10, 32); err == nil {
			out = append(out, group{name: f[0], gid: uint32(gid), members: accounts.Members(f[3]), line: n})
		}
	}
	return out
}

// readSources notes what nsswitch.conf names beside files.
func (m *machine) readSources(text string) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		name, sources, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !ok {
			continue
		}
		for _, s := range strings.Fields(sources) {
			if s == "files" || s == "systemd" || strings.HasPrefix(s, "[") || strings.HasSuffix(s, "]") {
				continue
			}
			switch name {
			case "passwd", "group":
				m.foreign[name] = true
			case "sudoers":
				m.fault("sudo also reads rules from %s: they are not listed", s)
			}
		}
	}
}

// accountOf finds an account of this machine by name or #uid.
func (m *machine) accountOf(name string) (account, bool) {
	i := slices.IndexFunc(m.accounts, func(a account) bool {
		return a.name == name || name == "#"+strconv.FormatUint(uint64(a.uid), 10)
	})
	if i < 0 {
		return account{}, false
	}
	return m.accounts[i], true
}

// groupOf finds a group of this machine by name or #gid.
func (m *machine) groupOf(name string) (group, bool) {
	i := slices.IndexFunc(m.groups, func(g group) bool {
		return g.name == name || name == "#"+strconv.FormatUint(uint64(g.gid), 10)
	})
	if i < 0 {
		return group{}, false
	}
	return m.groups[i], true
}

// members are the accounts in a group, by its list or by their primary group.
func (m *machine) members(g group) []string {
	out := slices.Clone(g.members)
	for _, a := range m.accounts {
		if a.gid == g.gid && a.uid != 0 && !slices.Contains(out, a.name) {
			out = append(out, a.name)
		}
	}
	return out
}

// groupRights are the memberships that make somebody root.
func (m *machine) groupRights() (out []right) {
	for _, g := range m.groups {
		kind := elevation.RightGroup
		if slices.Contains(rootGroups(), g.name) {
			kind = elevation.RightRootGroup
		} else if !slices.Contains(adminGroups(), g.name) {
			continue
		}
		for _, name := range m.members(g) {
			a, here := m.accountOf(name)
			if here && a.uid == 0 || !here && !m.foreign["passwd"] {
				continue
			}
			text, p := m.throughGroup(g, name)
			one := right{Right: elevation.Right{Kind: kind, User: name, Group: g.name, Source: fmt.Sprintf("%s:%d", groupPath, g.line),
				Text: text, NoAsk: p.noAsk, All: p.all}}
			if text == "" {
				one.Text = "member of " + g.name
			}
			if kind == elevation.RightRootGroup {
				one.NoAsk, one.All = true, true
			}
			if !slices.Contains(g.members, name) {
				one.Fixed = "it is the account's primary group"
			}
			out = append(out, one)
		}
	}
	return out
}

// uid0 are the accounts beside root that are root.
func (m *machine) uid0() (out []right) {
	for _, a := range m.accounts {
		if a.uid == 0 && a.name != "root" {
			out = append(out, right{Right: elevation.Right{Kind: elevation.RightUID0, User: a.name, Source: fmt.Sprintf("%s:%d", passwdPath, a.line),
				Text: "uid 0", All: true, Fixed: "the account is root itself under another name"}})
		}
	}
	return out
}

// administrators counts the accounts that can become root by any command once the
// given rights are all there is; with says whether some has a usable password. One
// whose password is not known here may have one.
func (m *machine) administrators(list []right) (n int, with bool) {
	noAsk := false
	add := func(name string) {
		a, here := m.accountOf(name)
		with = with || here && a.password
		if noAsk || !here || a.password {
			n++
		}
	}
	for _, r := range list {
		noAsk = r.NoAsk
		switch {
		case !r.All || r.Kind == elevation.RightPolkit:
		case r.Kind == elevation.RightRootGroup: // root, but not an administrator who can put something right
		case r.User == "ALL":
			for _, a := range m.accounts {
				if a.password {
					add(a.name)
				}
			}
		case r.User != "":
			add(r.User)
		default:
			if g, ok := m.groupOf(r.Group); ok {
				for _, name := range m.members(g) {
					add(name)
				}
			}
		}
	}
	return n, with
}
