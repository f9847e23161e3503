package rules

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assent-epm/assent/shared/elevation"
)

// probes are texts that have nothing in common: what matches them all matches
// everything.
func probes() []string {
	return []string{"a", "/etc/shadow", "--option=value", "Z 9;|&$(x)", "../../x", "ünï", "0123456789"}
}

// everything reports whether a regular expression matches any text at all.
func everything(re *regexp.Regexp) bool {
	return re != nil && !slices.ContainsFunc(probes(), func(p string) bool { return !re.MatchString(p) })
}

// lintPatterns looks for regular expressions that say nothing, or less than they
// seem to.
func (l *loader) lintPatterns(d draft, refuse func(n *yaml.Node, code, format string, args ...any)) {
	for _, t := range []struct {
		what string
		re   *regexp.Regexp
	}{{"path", d.text.path}, {"product", d.text.product}, {"version", d.text.version}, {"parent", d.text.parent}} {
		if everything(t.re) {
			l.fault(d.match, Warning, "matches_all", "the pattern for %s matches everything: leave it out, or say more", t.what)
		}
	}
	for i, re := range d.rule.args {
		at := d.argNode(i)
		switch {
		case everything(re) && d.Then == ThenApprove:
			refuse(at, "matches_all", "the pattern for argument %d matches everything: say more, or write {any: true} if any argument is meant", i+1)
		case everything(re):
			l.fault(at, Warning, "matches_all", "the pattern for argument %d matches everything: write {any: true}", i+1)
		case d.Then == ThenApprove && climbs(re):
			l.fault(at, Warning, "path_climbs", "the pattern for argument %d also matches paths with /../ in them, which lead anywhere: say which characters may follow, like [a-z0-9.-]+", i+1)
		}
	}
	if d.Require.Ticket == "" {
		return
	}
	if re, _, err := wholeRegexp(d.Require.Ticket); err == nil && everything(re) {
		l.fault(d.require, Warning, "matches_all", "the pattern for the ticket matches everything, so any word is a ticket: say how tickets look, like 'INC-\\d+'")
	}
}

// climbs reports whether a pattern for paths lets a path lead out of its folder.
func climbs(re *regexp.Regexp) bool {
	if re == nil {
		return false
	}
	prefix, _ := re.LiteralPrefix()
	cut := strings.LastIndexByte(prefix, '/')
	if cut < 0 {
		return false
	}
	return re.MatchString(prefix[:cut+1]+"../../etc/shadow") || re.MatchString(prefix+"../../etc/shadow") || re.MatchString(prefix+"x/../../etc/shadow")
}

// argNode is the place of an argument in the file.
func (d draft) argNode(i int) *yaml.Node {
	if d.args != nil && i < len(d.args.Content) {
		return d.args.Content[i]
	}
	return d.match
}

// installers put files into the system; a file or an option that the user chooses
// makes them run what the user likes.
const installers = " apt apt-get aptitude dpkg rpm dnf dnf5 yum microdnf zypper pacman apk snap flatpak pip pip3 gem npm installer msiexec brew "

// installing are the verbs with which they take files.
const installing = " install reinstall localinstall add in upgrade -i -U --install --upgrade -S /i -pkg "

func isWord(list, word string) bool { return strings.Contains(list, " "+word+" ") }

// lintFiles looks at the files that arguments of an approving rule name.
func (l *loader) lintFiles(d draft, refuse func(n *yaml.Node, code, format string, args ...any)) {
	name := strings.TrimSuffix(nameKey(d.Match.Path.Literal), ".exe")
	takes, open := isWord(installers, name), len(d.Match.Args) > 0 && d.Match.Args[len(d.Match.Args)-1].Rest
	verb := open || slices.ContainsFunc(d.Match.Args, func(a Arg) bool { return a.Literal != "" && isWord(installing, a.Literal) })
	for i, a := range d.Match.Args {
		at := d.argNode(i)
		switch {
		case a.Literal != "" && userFolder(a.Literal) && !elevation.Unbounded(d.Match.Path.Literal):
			say := refuse
			if !takes {
				say = func(n *yaml.Node, code, format string, args ...any) { l.fault(n, Warning, code, format, args...) }
			}
			say(at, "user_writable", "ordinary users can change %s: name a file in a folder of root", printable(a.Literal))
		case strings.HasPrefix(a.Literal, "./") || strings.HasPrefix(a.Literal, "../"):
			refuse(at, "relative_file", "%q is a file of whatever folder the user is in: write its whole path", printable(a.Literal))
		case relativeFile(a.Literal):
			l.fault(at, Warning, "relative_file", "%q looks like a file of whatever folder the user is in: write its whole path", printable(a.Literal))
		case takes && verb && (d.takes(i, "./x.deb") || d.takes(i, "-oDPkg::Pre-Invoke::=x")):
			refuse(at, "any_package", "this lets %s install any file, or take any option, that the user chooses: name the packages, or write a pattern without / that does not begin with -, like '[a-z0-9][a-z0-9.+-]*'", printable(name))
		}
	}
}

// lintProfile warns where a shell of Windows first runs what the user has written:
// cmd the AutoRun of their part of the registry, PowerShell the profile in their
// folder. Both do so before what the arguments say.
func (l *loader) lintProfile(d draft) {
	switch strings.TrimSuffix(strings.ToLower(nameKey(d.Match.Path.Literal)), ".exe") {
	case "cmd":
		if !d.saysFirst(`^/([aeqstuv:onf]*/)*d(/|$)`, `/[ckr]`) {
			l.fault(d.args, Warning, "user_startup", "cmd first runs what the user has set as AutoRun in the registry: write /d as the first argument")
		}
	case "powershell", "pwsh":
		if !d.saysFirst(`^[-/]{1,2}nop(r(o(f(i(l(e)?)?)?)?)?)?$`, `^[-/]{1,2}(c|command|f|fi|fil|file|e|ec|en[a-z]*|cwa|commandwithargs)$|^[^-/]`) {
			l.fault(d.args, Warning, "user_startup", "PowerShell first runs the user's own profile: write -NoProfile before the script")
		}
	}
}

// saysFirst reports whether an argument is written that matches want, before any
// that matches end.
func (d draft) saysFirst(want, end string) bool {
	is, over := regexp.MustCompile(want), regexp.MustCompile(end)
	for _, a := range d.Match.Args {
		text := strings.ToLower(a.Literal)
		if is.MatchString(text) {
			return true
		}
		if over.MatchString(text) {
			return false
		}
	}
	return false
}

// takes reports whether element i of args takes a text that it does not name.
func (d draft) takes(i int, text string) bool {
	a := d.Match.Args[i]
	return a.Literal == "" && (a.Rest || a.Any || a.Regex != "" && a.holds(d.rule.args[i], text))
}

// relativeFile reports whether an argument looks like a file without a folder.
func relativeFile(s string) bool {
	if s == "" || strings.HasPrefix(s, "-") || absolute(s) || strings.Contains(s, "://") || strings.ContainsAny(s, "=@: ") {
		return false
	}
	i := strings.LastIndexByte(s, '.')
	return i > 0 && isWord(" deb rpm sh py pl rb js ps1 bat cmd msi msix pkg dmg exe run bin so dll conf cfg rules ", strings.ToLower(s[i+1:]))
}

// userFolder reports whether a path lies where ordinary users keep files.
func userFolder(path string) bool {
	p := pathKey(path)
	for _, prefix := range []string{"/home/", "/tmp/", "/var/tmp/", "/dev/shm/", "/run/user/", "/Users/", "/private/tmp/", "/private/var/tmp/"} {
		if strings.HasPrefix(p, prefix) {
			return true
		}
	}
	return drive(path) && (strings.HasPrefix(p[1:], `:\users\`) || strings.HasPrefix(p[1:], `:\windows\temp\`) || strings.HasPrefix(p[1:], `:\temp\`))
}

// lintImpossible looks for what can never hold.
func (l *loader) lintImpossible(d draft) {
	m := d.Match
	program := len(m.SHA256) > 0 || m.Publisher != "" || !m.Path.absent() || m.Args != nil || !m.Product.absent() || !m.Version.absent()
	if program && !d.broken && len(m.AccessTypes) > 0 && !slices.Contains(m.AccessTypes, elevation.Run) {
		l.fault(d.match, Warning, "never", "this can never match: a program is named, but only access type run has one")
	}
}

// maxShadows bounds how many rules one rule is compared with.
const maxShadows = 300

// lintShadowed warns of rules that never decide because another one, which holds
// whenever they hold, is stronger.
func (l *loader) lintShadowed() {
	by := map[string][]draft{}
	for _, d := range l.drafts {
		if d.Mode != Enforce || d.broken || d.When != "" || d.Limits.Hours != "" {
			continue // it does not always hold
		}
		for _, k := range d.shadowKeys() {
			by[k] = append(by[k], d)
		}
	}
	for _, d := range l.drafts {
		if d.Mode != Enforce || d.broken || d.Then == ThenDeny && len(d.Match.SHA256) > 0 {
			continue
		}
		if other, ok := d.shadow(by); ok {
			l.fault(d.node, Warning, "shadowed", "this rule never decides: rule %q in line %d holds whenever it does and says %s, which is stronger", other.Name, other.Line, other.Then)
		}
	}
}

// shadowKeys are where a rule is looked for that may cover others; those that
// have it in their own keys or have none are under "".
func (d draft) shadowKeys() []string {
	m := d.Match
	switch {
	case len(m.SHA256) > 0:
		return m.SHA256
	case m.Publisher != "":
		return []string{m.Publisher}
	case absolute(m.Path.Literal):
		return []string{pathKey(m.Path.Literal)}
	}
	return []string{""}
}

func (d draft) shadow(by map[string][]draft) (draft, bool) {
	keys := append(slices.Clone(d.Match.SHA256[:min(len(d.Match.SHA256), 1)]), d.Match.Publisher, pathKey(d.Match.Path.Literal), "")
	for i, k := range keys {
		if slices.Index(keys, k) < i {
			continue
		}
		list := by[k]
		for _, other := range list[:min(len(list), maxShadows)] {
			if other.place != d.place && strength(other.Then) > strength(d.Then) && other.covers(d) && !d.covers(other) { // else it is a conflict
				return other, true
			}
		}
	}
	return draft{}, false
}

func strength(t Then) int {
	switch t {
	case ThenDeny:
		return 3
	case ThenRequire:
		return 2
	case ThenApprove:
		return 1
	}
	return 0
}

// covers reports whether d matches everything that the other one matches. It
// says no where it is not sure.
func (d draft) covers(other draft) bool {
	a, b := d.Match, other.Match
	if len(a.SHA256) > 0 && (len(b.SHA256) == 0 || !subset(b.SHA256, a.SHA256)) || a.Publisher != "" && a.Publisher != b.Publisher {
		return false
	}
	for k, v := range a.Labels {
		if got, ok := b.Labels[k]; !ok || got != v {
			return false
		}
	}
	if a.Args != nil && !sameArgs(a.Args, b.Args) {
		return false
	}
	return wider(a.Path, b.Path, d.text.path) && wider(a.Product, b.Product, d.text.product) && wider(a.Version, b.Version, d.text.version) &&
		wider(a.Parent, b.Parent, d.text.parent) && anyOf(a.Users, b.Users) && anyOf(a.Groups, b.Groups) && anyOf(a.AccessTypes, b.AccessTypes)
}

func sameArgs(a, b []Arg) bool {
	if b == nil {
		return len(a) == 1 && a[0].Rest
	}
	if slices.Equal(a, b) {
		return true
	}
	if len(a) == 0 || !a[len(a)-1].Rest || len(b) < len(a)-1 {
		return false
	}
	return slices.Equal(a[:len(a)-1], b[:len(a)-1])
}

// wider reports whether a holds for every text that b holds for.
func wider(a, b Text, re *regexp.Regexp) bool {
	switch {
	case a.absent() || a == b:
		return true
	case a.Regex != "" && b.Literal != "":
		return re != nil && re.MatchString(b.Literal)
	}
	return a.Literal != "" && absolute(a.Literal) && pathKey(a.Literal) == pathKey(b.Literal)
}

// anyOf reports whether a list of allowed values holds for all that b allows.
func anyOf[T comparable](a, b []T) bool { return len(a) == 0 || len(b) > 0 && subset(b, a) }

func subset[T comparable](small, large []T) bool {
	return !slices.ContainsFunc(small, func(s T) bool { return !slices.Contains(large, s) })
}
