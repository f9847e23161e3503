package fakemac

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/assent-epm/assent/agent/mactool"
)

func list(values ...string) []any {
	out := []any{}
	for _, v := range values {
		out = append(out, v)
	}
	return out
}

func (u User) record() map[string]any {
	dict := map[string]any{"RecordName": list(u.Name), "UniqueID": list(strconv.FormatInt(u.UID, 10)), "PrimaryGroupID": list("20"), "GeneratedUID": list(u.UUID), "UserShell": list("/bin/zsh")}
	if len(u.Ways) > 0 {
		dict["AuthenticationAuthority"] = list(u.Ways...)
	}
	return named(dict)
}

func (g Group) record() map[string]any {
	dict := map[string]any{"RecordName": list(g.Name, "BUILTIN\\Administrators"), "PrimaryGroupID": list(strconv.FormatInt(g.GID, 10)), "GeneratedUID": list(g.UUID)}
	for key, values := range map[string][]string{"GroupMembership": g.Names, "GroupMembers": g.UUIDs, "NestedGroups": g.Nested} {
		if len(values) > 0 {
			dict[key] = list(values...)
		}
	}
	return named(dict)
}

func named(dict map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range dict {
		out["dsAttrTypeStandard:"+key] = value
	}
	return out
}

func tell(value any) int {
	raw, err := mactool.WritePlist(value)
	if err != nil {
		return complain(70, err.Error())
	}
	_, _ = os.Stdout.Write(raw) // the caller sees what is missing
	return 0
}

// only keeps the attributes that were asked for.
func only(dict map[string]any, keys []string) map[string]any {
	if len(keys) == 0 {
		return dict
	}
	out := map[string]any{}
	for _, key := range keys {
		if value, ok := dict["dsAttrTypeStandard:"+key]; ok {
			out["dsAttrTypeStandard:"+key] = value
		}
	}
	return out
}

const notFound = "<dscl_cmd> DS Error: -14136 (eDSRecordNotFound)"

// dscl reads and changes records.
func dscl(p *program) int {
	args, plist := p.args, false
	if len(args) > 0 && args[0] == "-plist" {
		args, plist = args[1:], true
	}
	if len(args) < 3 || args[0] != "/Local/Default" && args[0] != "/Search" {
		return complain(64, "usage: dscl")
	}
	everywhere, verb, path, rest := args[0] == "/Search", args[1], args[2], args[3:]
	kind, name, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case verb == "-readall" && plist && kind == "Users":
		all := []any{}
		for _, u := range p.m.Users {
			if everywhere || !u.Elsewhere {
				all = append(all, only(u.record(), rest))
			}
		}
		return tell(all)
	case verb == "-readall" && plist && kind == "Groups":
		all := []any{}
		for _, g := range p.m.Groups {
			all = append(all, only(g.record(), rest))
		}
		return tell(all)
	case verb == "-read" && plist && kind == "Users":
		for _, u := range p.m.Users {
			if u.Name == name && (everywhere || !u.Elsewhere) {
				return tell(only(u.record(), rest))
			}
		}
		return complain(56, notFound)
	case verb == "-read" && plist && kind == "Groups":
		for _, g := range p.m.Groups {
			if g.Name == name {
				return tell(only(g.record(), rest))
			}
		}
		return complain(56, notFound)
	case verb == "-search" && len(rest) == 2:
		return p.search(kind, rest[0], rest[1], everywhere)
	case (verb == "-delete" || verb == "-append") && kind == "Groups" && len(rest) == 2:
		return p.values(verb, name, rest[0], rest[1])
	}
	return complain(64, "usage: dscl")
}

func (p *program) search(kind, key, value string, everywhere bool) int {
	found := func(name, is string) {
		if is == value {
			say(fmt.Sprintf("%s\t\t%s = (\n    %q\n)", name, key, value))
		}
	}
	for _, u := range p.m.Users {
		if kind == "Users" && (everywhere || !u.Elsewhere) {
			found(u.Name, map[string]string{"GeneratedUID": u.UUID, "UniqueID": strconv.FormatInt(u.UID, 10)}[key])
		}
	}
	for _, g := range p.m.Groups {
		if kind == "Groups" {
			found(g.Name, map[string]string{"GeneratedUID": g.UUID}[key])
		}
	}
	return 0
}

// values changes the values of one attribute of a group.
func (p *program) values(verb, name, key, value string) int {
	for i := range p.m.Groups {
		g := &p.m.Groups[i]
		at := map[string]*[]string{"GroupMembership": &g.Names, "GroupMembers": &g.UUIDs, "NestedGroups": &g.Nested}[key]
		if g.Name != name || at == nil {
			continue
		}
		p.wrote = true
		if verb == "-append" {
			*at = append(*at, value)
			return 0
		}
		*at = slices.DeleteFunc(*at, func(v string) bool { return v == value })
		return 0
	}
	return complain(56, notFound)
}

// dseditgroup changes who is in a group.
func dseditgroup(p *program) int {
	flags := map[string]string{}
	args := p.args
	for len(args) > 1 && strings.HasPrefix(args[0], "-") {
		flags[args[0]], args = args[1], args[2:]
	}
	if len(args) != 1 || flags["-o"] != "edit" || flags["-t"] != "user" || flags["-n"] != "/Local/Default" {
		return complain(64, "usage: dseditgroup")
	}
	name := flags["-a"] + flags["-d"]
	u := slices.IndexFunc(p.m.Users, func(u User) bool { return u.Name == name })
	g := slices.IndexFunc(p.m.Groups, func(g Group) bool { return g.Name == args[0] })
	if u < 0 || g < 0 {
		return complain(64, "Record was not found.")
	}
	group, user := &p.m.Groups[g], p.m.Users[u]
	without := func(list []string, text string) []string {
		return slices.DeleteFunc(list, func(x string) bool { return x == text })
	}
	group.Names, group.UUIDs, p.wrote = without(group.Names, user.Name), without(group.UUIDs, user.UUID), true
	if flags["-a"] != "" {
		group.Names, group.UUIDs = append(group.Names, user.Name), append(group.UUIDs, user.UUID)
	}
	return 0
}

// dsmemberutil says who counts as a member.
func dsmemberutil(p *program) int {
	if slices.Equal(p.args, []string{"flushcache"}) {
		return 0
	}
	if len(p.args) != 5 || p.args[0] != "checkmembership" || p.args[1] != "-U" || p.args[3] != "-G" {
		return complain(64, "usage: dsmemberutil")
	}
	u := slices.IndexFunc(p.m.Users, func(u User) bool { return u.Name == p.args[2] })
	if u < 0 {
		say("Unable to find uuid for user " + p.args[2])
		return 1
	}
	user := p.m.Users[u]
	var in func(match func(Group) bool, depth int) bool
	in = func(match func(Group) bool, depth int) bool {
		for _, g := range p.m.Groups {
			if !match(g) || depth > 8 {
				continue
			}
			if slices.Contains(g.Names, user.Name) || slices.Contains(g.UUIDs, user.UUID) {
				return true
			}
			if in(func(x Group) bool { return slices.Contains(g.Nested, x.UUID) }, depth+1) {
				return true
			}
		}
		return false
	}
	if in(func(g Group) bool { return g.Name == p.args[4] }, 0) {
		say("user is a member of the group")
	} else {
		say("user is not a member of the group")
	}
	return 0
}
