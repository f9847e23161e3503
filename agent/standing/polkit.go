package standing

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/assent-epm/assent/shared/elevation"
)

// polkitFixed is why what polkit allows is only listed: its rules are programs.
const polkitFixed = "rules of polkit are reported only; change the file"

// What rules of polkit say of people.
var (
	namedGroup = regexp.MustCompile(`isInGroup\(\s*["']([^"']+)["']`)
	namedUser  = regexp.MustCompile(`subject\.user\s*={2,3}\s*["']([^"']+)["']`)
)

func polkitFolders() []string {
	return []string{"/etc/polkit-1/rules.d", "/usr/share/polkit-1/rules.d", "/etc/polkit-1/localauthority", "/var/lib/polkit-1/localauthority"}
}

// polkit lists who gets a yes without a question: in rules the groups and users
// beside a YES, in pkla files the identities of sections that end in yes.
func (m *machine) polkit() (out []right) {
	for _, dir := range polkitFolders() {
		own := strings.HasPrefix(dir, "/etc/")
		m.watch[dir] = true
		for _, path := range m.below(dir) {
			raw, err := m.s.read(path)
			switch {
			case err != nil:
				m.fault("%s: %v", path, err)
			case strings.HasSuffix(path, ".rules") && strings.Contains(string(raw), "polkit.Result.YES"):
				out = append(out, m.polkitRule(path, string(raw), own)...)
			case strings.HasSuffix(path, ".pkla"):
				out = append(out, polkitSections(path, string(raw))...)
			}
		}
	}
	return out
}

// below are the files of polkit in a folder and the folders in it.
func (m *machine) below(dir string) (out []string) {
	if m.s.trusted(dir) != nil {
		return nil
	}
	entries, err := os.ReadDir(m.s.at(dir))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir() && strings.HasSuffix(dir, "localauthority"):
			m.watch[path] = true
			out = append(out, m.below(path)...)
		case strings.Contains(e.Name(), "assent"): // Assent's own
		case strings.HasSuffix(path, ".rules"), strings.HasSuffix(path, ".pkla"):
			out = append(out, path)
		}
	}
	return out
}

// polkitRule finds the groups and users that a program of rules names beside a
// yes. A package's own rules are told only for groups of administrators.
func (m *machine) polkitRule(path, text string, own bool) (out []right) {
	add := func(r elevation.Right) {
		r.Kind, r.Source, r.NoAsk, r.Fixed = elevation.RightPolkit, path, true, polkitFixed
		r.All = !strings.Contains(text, "action.id") // for every action
		if r.Text = "a rule with polkit.Result.YES"; !slices.ContainsFunc(out, func(x right) bool { return x.User == r.User && x.Group == r.Group }) {
			out = append(out, right{Right: r})
		}
	}
	for _, f := range namedGroup.FindAllStringSubmatch(text, 100) {
		if own || slices.Contains(adminGroups(), f[1]) {
			add(elevation.Right{Group: f[1]})
		}
	}
	if own {
		for _, f := range namedUser.FindAllStringSubmatch(text, 100) {
			if f[1] != "root" {
				add(elevation.Right{User: f[1]})
			}
		}
	}
	return out
}

// polkitSections reads a pkla file.
func polkitSections(path, text string) (out []right) {
	for n, section := range strings.Split("\n"+text, "\n[") {
		set := map[string]string{}
		for line := range strings.Lines(section) {
			if key, value, ok := strings.Cut(line, "="); ok {
				set[strings.TrimSpace(key)] = strings.TrimSpace(value)
			}
		}
		if set["ResultAny"] != "yes" && set["ResultActive"] != "yes" && set["ResultInactive"] != "yes" {
			continue
		}
		for _, who := range strings.Split(set["Identity"], ";") {
			kind, name, _ := strings.Cut(strings.TrimSpace(who), ":")
			r := elevation.Right{Kind: elevation.RightPolkit, Source: fmt.Sprintf("%s:%d", path, n), Text: set["Action"] + ": yes", NoAsk: true,
				All: slices.Contains(strings.Split(set["Action"], ";"), "*"), Fixed: polkitFixed}
			switch {
			case kind == "unix-user" && name != "root" && name != "":
				r.User = name
			case kind == "unix-group" && name != "":
				r.Group = name
			default:
				continue
			}
			out = append(out, right{Right: r})
		}
	}
	return out
}

// doas lists what doas allows.
func (m *machine) doas() (out []right) {
	if _, err := os.Lstat(m.s.at(doasPath)); err != nil {
		return nil
	}
	raw, err := m.s.read(doasPath)
	if err != nil {
		m.fault("%s: %v", doasPath, err)
	}
	n := 0
	for line := range strings.Lines(string(raw)) {
		n++
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "permit" {
			continue
		}
		who := slices.IndexFunc(f[1:], func(w string) bool {
			return !slices.Contains([]string{"nopass", "persist", "keepenv", "nolog"}, w)
		}) + 1
		if at := slices.Index(f, "as"); who == 0 || at > 0 && at+1 < len(f) && f[at+1] != "root" || f[who] == "root" {
			continue
		}
		r := elevation.Right{Kind: elevation.RightSudoers, Source: fmt.Sprintf("%s:%d", doasPath, n), Text: strings.Join(f, " "),
			NoAsk: slices.Contains(f, "nopass"), All: !slices.Contains(f, "cmd"), Fixed: "rules of doas are reported only; change the file"}
		if group, ok := strings.CutPrefix(f[who], ":"); ok {
			r.Group = group
		} else {
			r.User = f[who]
		}
		out = append(out, right{Right: r})
	}
	return out
}
