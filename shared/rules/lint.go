package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assent-epm/assent/shared/elevation"
)

// lint looks for what is written correctly and still wrong. A rule that would
// approve by itself is refused where its anchor does not hold it to one program
// that ordinary users can not change; one that observes is warned of.
func (l *loader) lint() {
	names := map[elevation.RuleID]int{}
	anchors := map[string]draft{}
	for _, d := range l.drafts {
		if line, twice := names[d.Name]; twice {
			l.fail(d.node, "duplicate_name", "the name %q is used by the rule in line %d already: choose another one", d.Name, line)
		}
		names[d.Name] = d.Line
		l.lintParts(d)
		l.lintImpossible(d)
		if d.Then == ThenApprove {
			l.lintApprove(d)
		} else {
			l.lintPatterns(d, nil)
		}
		if !d.broken { // what is missing in a match with faults says nothing
			l.lintConflict(d, anchors)
		}
	}
	l.lintShadowed()
	l.lintFixtures(names)
}

func (l *loader) lintParts(d draft) {
	q := d.Require
	switch {
	case d.Then == ThenApprove && len(q.Stages) > 0:
		l.fail(d.require, "stages_with_approve", "stages name people who must answer, so the rule can not approve: write `then: require`, or remove stages")
	case d.Then == ThenDeny && d.require != nil:
		l.fail(d.require, "require_with_deny", "a rule that denies can not require anything: remove require, or write `then: require`")
	}
	if d.Then == ThenDeny && d.Limits.Duration > 0 {
		l.fault(d.node, Warning, "unused", "a duration changes nothing in a rule that denies: remove it")
	}
	if d.Then != ThenApprove && d.dialogs != nil {
		l.fault(d.dialogs, Warning, "unused", "dialogs changes nothing in a rule that does not approve: remove it")
	}
	switch path := d.Match.Path.Literal; {
	case d.Children == ChildrenAllow:
	case d.Then == ThenDeny:
		l.fault(d.node, Warning, "unused", "children changes nothing in a rule that denies: remove it")
	case d.Children == ChildrenDeny && elevation.Interpreter(path):
		l.fault(d.node, Warning, "children", "%s can hardly do anything without starting programs: write `children: contain`, or name the program that does the task", printable(path))
	case d.Children == ChildrenContain && d.Then == ThenApprove && elevation.Unbounded(path):
		l.fault(d.node, Warning, "children", "each program that %s starts needs an approving rule of its own, else it is refused", printable(path))
	}
	if p := d.Match.Path.Literal; strings.HasPrefix(p, "/bin/") || strings.HasPrefix(p, "/sbin/") || strings.HasPrefix(p, "/lib/") {
		l.fault(d.path, Warning, "merged_usr", "paths are resolved, and on most systems %s is really /usr%s: write that, or both in two rules", p, p)
	}
}

// lintApprove refuses approving rules that hold to nothing.
func (l *loader) lintApprove(d draft) {
	refuse := func(n *yaml.Node, code, format string, args ...any) {
		if d.Mode == Observe {
			l.fault(n, Warning, code, format+" (only a warning while the rule observes)", args...)
			return
		}
		l.fail(n, code, format, args...)
	}
	l.lintPatterns(d, refuse)
	l.lintFiles(d, refuse)
	m := d.Match
	hashed := len(m.SHA256) > 0
	switch {
	case hashed || d.broken:
	case m.Publisher != "" && m.Product.absent() && m.Path.absent():
		refuse(d.match, "publisher_only", "this approves everything that the publisher ever signs: add a product or a path")
	case m.Publisher == "" && m.Path.absent():
		refuse(d.match, "no_anchor", "this approves programs without naming one: add sha256, publisher with product, or path")
	case m.Path.Regex != "":
		refuse(d.path, "regex_path", "a regular expression as path is too loose to approve: write the whole path, or add sha256")
	case m.Path.Literal != "" && !absolute(m.Path.Literal):
		refuse(d.path, "name_only", "anybody can give a program the name %q: write the whole path, or add sha256", printable(m.Path.Literal))
	}
	if !hashed && userWritable(m.Path.Literal) {
		refuse(d.path, "user_writable", "ordinary users can change files in the folder of %s: add sha256, or move the program to a folder of root", printable(m.Path.Literal))
	}
	if m.Dialogs {
		l.fault(d.dialogs, Warning, "dialogs", "a dialog for files of such a program starts and changes whatever administrators may: approve by rule only programs that you would approve a shell for")
	}
	l.lintArgs(d, refuse)
}

// lintArgs refuses approving programs that can do anything unless their
// arguments are pinned.
func (l *loader) lintArgs(d draft, refuse func(n *yaml.Node, code, format string, args ...any)) {
	m := d.Match
	path := m.Path.Literal
	at := d.match
	if d.args != nil {
		at = d.args
	}
	switch {
	case elevation.Unbounded(path) && !fixed(m.Args) && d.broken:
	case elevation.Unbounded(path) && !fixed(m.Args):
		refuse(at, "unbounded", "%s can start any other program or change any file: give every argument as plain text (args: [...], at least one, no any, regex or rest)", printable(path))
	case elevation.Unbounded(path):
		l.lintFixed(d, refuse)
	case m.Args == nil && !d.broken, len(m.Args) == 1 && m.Args[0].Rest:
		l.fault(at, Warning, "any_args", "this approves the program with any arguments: say them in args (args: [] for none)")
	}
}

// lintFixed looks at the pinned arguments of an unbounded program.
func (l *loader) lintFixed(d draft, refuse func(n *yaml.Node, code, format string, args ...any)) {
	program, script := d.Match.Path.Literal, ""
	for _, a := range d.Match.Args {
		if userWritable(a.Literal) {
			refuse(d.args, "user_writable", "%s would run or read %s, which ordinary users can change: move it to a folder of root", printable(program), printable(a.Literal))
		}
		if script == "" && a.Literal != "" && !strings.HasPrefix(a.Literal, "-") {
			script = a.Literal
		}
	}
	if !elevation.Interpreter(program) {
		l.fault(d.args, Warning, "unbounded", "%s can do more than its arguments say: prefer a program that only does the task", printable(program))
		return
	}
	l.lintProfile(d)
	inline := slices.ContainsFunc(d.Match.Args, func(a Arg) bool { return slices.Contains([]string{"-c", "-e", "-m", "-E", "-r"}, a.Literal) })
	open := slices.ContainsFunc(d.Match.Args, func(a Arg) bool { return slices.Contains([]string{"-i", "-s", "-", "--interactive"}, a.Literal) })
	switch {
	case script == "" || open:
		refuse(d.args, "unbounded", "%s would read commands from the user with these arguments: name the script it shall run", printable(program))
	case !inline && !absolute(script):
		refuse(d.args, "unbounded", "%s would run %q from whatever folder the user is in: write its whole path", printable(program), printable(script))
	}
}

// lintConflict refuses two enforcing rules with the same anchor and different
// answers: whoever wrote one of them did not know of the other.
func (l *loader) lintConflict(d draft, seen map[string]draft) {
	if d.Mode != Enforce {
		return
	}
	key := d.anchorKey()
	other, ok := seen[key]
	switch {
	case !ok:
		seen[key] = d
	case other.Then != d.Then:
		l.fail(d.node, "conflict", "rule %q in line %d matches exactly the same and says %s, this one says %s: keep one", other.Name, other.Line, other.Then, d.Then)
	default:
		l.fault(d.node, Warning, "same_match", "rule %q in line %d matches exactly the same: put both into one", other.Name, other.Line)
	}
}

// anchorKey is equal for rules that match the same attempts at the same times.
func (d draft) anchorKey() string {
	m := d.Match
	for _, list := range []*[]string{&m.SHA256, &m.Users, &m.Groups} {
		*list = slices.Compact(slices.Sorted(slices.Values(*list)))
	}
	m.AccessTypes = slices.Compact(slices.Sorted(slices.Values(m.AccessTypes)))
	if absolute(m.Path.Literal) {
		m.Path.Literal = pathKey(m.Path.Literal)
	}
	raw, err := json.Marshal(m) // maps are written in the order of their keys
	if err != nil {
		return string(d.Name) // cannot happen: a match is plain text; then it is like no other
	}
	return fmt.Sprintf("%s\x00%t\x00%s\x00%s\x00%s", raw, m.Args == nil, d.When, d.Limits.Hours, d.Limits.Zone)
}

func (l *loader) lintFixtures(names map[elevation.RuleID]int) {
	for _, f := range l.fixtures {
		if _, ok := names[f.Rule]; f.Rule != "" && !ok {
			l.fault(&yaml.Node{Line: f.Line, Column: f.Col}, Warning, "unknown_rule", "there is no rule %q in this file", f.Rule)
		}
	}
}

// userWritable reports whether ordinary users can usually change files there.
func userWritable(path string) bool {
	p := pathKey(path)
	for _, prefix := range []string{"/home/", "/tmp/", "/var/tmp/", "/dev/", "/proc/", "/run/user/", "/media/", "/mnt/", "/Users/", "/private/tmp/", "/private/var/tmp/", "/Volumes/"} {
		if strings.HasPrefix(p, prefix) {
			return true
		}
	}
	if !drive(path) {
		return false
	}
	for _, prefix := range []string{`:\users\`, `:\programdata\`, `:\windows\temp\`, `:\temp\`, `:\tmp\`} {
		if strings.HasPrefix(p[1:], prefix) {
			return true
		}
	}
	return !strings.HasPrefix(p[1:], `:\windows\`) && !strings.HasPrefix(p[1:], `:\program files`)
}
