package rules

import (
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/assent-epm/assent/shared/elevation"
)

func (l *loader) match(n *yaml.Node, d *draft) {
	m, t := &d.Match, &d.text
	before := len(l.faults) + l.unsaid
	defer func() { d.broken = len(l.faults)+l.unsaid > before }()
	l.mapping(n, "match", fields{
		"sha256":      func(n *yaml.Node) { m.SHA256 = l.hashes(n) },
		"publisher":   func(n *yaml.Node) { m.Publisher = l.publisher(n) },
		"product":     func(n *yaml.Node) { m.Product, t.product = l.pattern(n, "product") },
		"version":     func(n *yaml.Node) { m.Version, t.version = l.pattern(n, "version") },
		"path":        func(n *yaml.Node) { d.path = n; m.Path, t.path = l.pathPattern(n, "path") },
		"parent":      func(n *yaml.Node) { m.Parent, t.parent = l.pathPattern(n, "parent") },
		"args":        func(n *yaml.Node) { d.args = n; m.Args, d.rule.args = l.argList(n) },
		"user":        func(n *yaml.Node) { m.Users = l.strs(n, "user") },
		"group":       func(n *yaml.Node) { m.Groups = l.strs(n, "group") },
		"access_type": func(n *yaml.Node) { m.AccessTypes = l.accessTypes(n) },
		"dialogs":     func(n *yaml.Node) { d.dialogs = n; m.Dialogs = l.boolean(n, "dialogs") },
		"endpoint": func(n *yaml.Node) {
			l.mapping(n, "endpoint", fields{"labels": func(n *yaml.Node) { m.Labels = l.labels(n) }}, "labels")
		},
	})
}

func (l *loader) hashes(n *yaml.Node) []string {
	var out []string
	ok := l.list(n, "sha256", maxList, func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && lowerHex(n.Value, 64) { // YAML takes one without letters for a number
			out = append(out, n.Value)
		} else if s := l.str(n, "a sha256", maxText); s != "" {
			l.fail(n, "bad_value", "%q is no SHA-256: write 64 hexadecimal digits in lower case, as sha256sum prints them", printable(s))
		}
	})
	if ok && len(n.Content) == 0 {
		l.fail(n, "bad_value", "sha256 is an empty list, which would match nothing: leave the key out to match everything")
	}
	return out
}

func lowerHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}

func (l *loader) publisher(n *yaml.Node) string {
	thumbprint := ""
	l.mapping(n, "publisher", fields{"thumbprint": func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && (lowerHex(n.Value, 40) || lowerHex(n.Value, 64)) {
			thumbprint = n.Value
		} else if s := l.str(n, "thumbprint", maxText); s != "" {
			l.fail(n, "bad_value", "%q is no thumbprint: write 40 or 64 hexadecimal digits in lower case", printable(s))
		}
	}}, "thumbprint")
	return thumbprint
}

// pattern reads a text or {regex: …}.
func (l *loader) pattern(n *yaml.Node, what string) (Text, *regexp.Regexp) {
	if n.Kind != yaml.MappingNode {
		return Text{Literal: l.str(n, what, maxText)}, nil
	}
	var t Text
	var re *regexp.Regexp
	l.mapping(n, what, fields{"regex": func(n *yaml.Node) {
		if t.Regex = l.str(n, "regex", maxText); t.Regex != "" {
			re = l.regex(n, t.Regex)
		}
	}}, "regex")
	return t, re
}

// pathPattern reads an absolute path, a name without folders, or {regex: …}.
func (l *loader) pathPattern(n *yaml.Node, what string) (Text, *regexp.Regexp) {
	t, re := l.pattern(n, what)
	p := t.Literal
	if p == "" {
		return t, re
	}
	segments := strings.Split(strings.ReplaceAll(p, `\`, "/"), "/")
	odd := strings.HasSuffix(p, "/") || strings.HasSuffix(p, `\`)
	for i, s := range segments {
		odd = odd || s == "." || s == ".." || s == "" && i > 0
	}
	switch {
	case strings.ContainsAny(p, "*?"):
		l.fail(n, "bad_value", "%s does not know wildcards (%q): write the whole path, or {regex: '…'}", what, printable(p))
	case what == "parent" && !absolute(p):
		l.fail(n, "bad_value", "parent must be an absolute path, not %q", printable(p))
	case !absolute(p) && len(segments) > 1:
		l.fail(n, "bad_value", "%q is neither an absolute path nor a name: write the whole path from / on", printable(p))
	case odd:
		l.fail(n, "bad_value", "%q would never match, because paths are resolved: write it without . and .. and double or closing slashes", printable(p))
	}
	return t, re
}

func (l *loader) argList(n *yaml.Node) ([]Arg, []*regexp.Regexp) {
	out, res := []Arg{}, []*regexp.Regexp{}
	ok := l.list(n, "args", 256, func(n *yaml.Node) {
		if len(out) > 0 && out[len(out)-1].Rest {
			l.fail(n, "bad_value", "{rest: true} must be the last element of args")
		}
		a, re := l.arg(n)
		out, res = append(out, a), append(res, re)
	})
	if !ok {
		return nil, nil
	}
	return out, res
}

func (l *loader) arg(n *yaml.Node) (Arg, *regexp.Regexp) {
	if n.Kind != yaml.MappingNode {
		s, _ := l.anyStr(n, "an argument", maxText)
		return Arg{Literal: s}, nil
	}
	var a Arg
	var re *regexp.Regexp
	yes := func(what string, to *bool) func(*yaml.Node) {
		return func(n *yaml.Node) {
			if *to = l.boolean(n, what); !*to {
				l.fail(n, "bad_value", "%s can only be true", what)
			}
		}
	}
	l.mapping(n, "an argument", fields{
		"any":  yes("any", &a.Any),
		"rest": yes("rest", &a.Rest),
		"regex": func(n *yaml.Node) {
			if a.Regex = l.str(n, "regex", maxText); a.Regex != "" {
				re = l.regex(n, a.Regex)
			}
		},
	})
	if len(n.Content) != 2 {
		l.fail(n, "bad_value", "an argument is a text or exactly one of {any: true}, {regex: '…'} and {rest: true}")
	}
	return a, re
}

func (l *loader) accessTypes(n *yaml.Node) []elevation.AccessType {
	var out []elevation.AccessType
	ok := l.list(n, "access_type", 20, func(n *yaml.Node) {
		out = append(out, word(l, n, "access_type", elevation.Run, elevation.Session, elevation.Admin))
	})
	if ok && len(out) == 0 {
		l.fail(n, "bad_value", "access_type is an empty list, which would match nothing: leave the key out to match everything")
	}
	return out
}

func (l *loader) labels(n *yaml.Node) map[string]string {
	if n.Kind != yaml.MappingNode {
		l.fail(n, "wrong_type", "labels must be a mapping (key: value), not %s", typeName(n))
		return nil
	}
	out := map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := l.str(n.Content[i], "a label's name", 100)
		if _, twice := out[k]; twice {
			l.fail(n.Content[i], "duplicate_key", "the label %q is there twice: keep one", printable(k))
		}
		out[k], _ = l.anyStr(n.Content[i+1], "the value of a label", 200)
	}
	return out
}

// fixture reads one element of tests.
func (l *loader) fixture(n *yaml.Node) {
	f := Fixture{Line: n.Line, Col: n.Column, At: fixtureTime()}
	a := &f.Input.Attempt
	a.AccessType, a.Mechanism = elevation.Run, "sudo"
	a.User = elevation.User{Name: "user", UID: "1000"}
	a.Subject.RunAs, a.Subject.Cwd = "root", "/"
	f.Input.Priority = elevation.Normal
	ok := l.mapping(n, "a test", fields{
		"name":    func(n *yaml.Node) { f.Name = l.str(n, "name", 200) },
		"attempt": func(n *yaml.Node) { l.fixtureAttempt(n, &f.Input) },
		"expect":  func(n *yaml.Node) { f.Expect = word(l, n, "expect", "approve", "deny", "ask", "require") },
		"rule":    func(n *yaml.Node) { f.Rule = l.ruleName(n) },
		"at":      func(n *yaml.Node) { f.At = l.instant(n) },
	}, "attempt", "expect")
	if ok {
		l.fixtures = append(l.fixtures, f)
	}
}

func (l *loader) fixtureAttempt(n *yaml.Node, in *Input) {
	a, s := &in.Attempt, &in.Attempt.Subject
	text := func(what string, to *string) func(*yaml.Node) {
		return func(n *yaml.Node) { *to = l.str(n, what, maxText) }
	}
	l.mapping(n, "attempt", fields{
		"path": text("path", &s.Path),
		"sha256": func(n *yaml.Node) {
			if s.SHA256 = n.Value; n.Kind != yaml.ScalarNode || !lowerHex(n.Value, 64) {
				s.SHA256 = l.str(n, "sha256", maxText)
			}
		},
		"product":       text("product", &s.Product),
		"version":       text("version", &s.Version),
		"parent":        text("parent", &s.Parent),
		"cwd":           text("cwd", &s.Cwd),
		"run_as":        text("run_as", &s.RunAs),
		"user":          text("user", &a.User.Name),
		"uid":           text("uid", &a.User.UID),
		"justification": text("justification", &in.Justification),
		"ticket":        text("ticket", &in.Ticket),
		"publisher":     func(n *yaml.Node) { s.Publisher.Thumbprint = l.publisher(n) },
		"groups":        func(n *yaml.Node) { a.User.Groups = l.strs(n, "groups") },
		"marks":         func(n *yaml.Node) { s.Marks = l.marks(n) },
		"labels":        func(n *yaml.Node) { in.Endpoint.Labels = l.labels(n) },
		"endpoint":      func(n *yaml.Node) { in.Endpoint.ID = elevation.EndpointID(l.str(n, "endpoint", 200)) },
		"priority":      func(n *yaml.Node) { in.Priority = l.priority(n, "priority") },
		"access_type": func(n *yaml.Node) {
			a.AccessType = word(l, n, "access_type", elevation.Run, elevation.Session, elevation.Admin)
		},
		"args": func(n *yaml.Node) {
			l.list(n, "args", elevation.MaxArgs, func(n *yaml.Node) {
				v, _ := l.anyStr(n, "an argument", maxText)
				s.Args = append(s.Args, v)
			})
		},
	}, "path")
}

func (l *loader) marks(n *yaml.Node) []string {
	var out []string
	l.list(n, "marks", 16, func(n *yaml.Node) {
		out = append(out, word(l, n, "a mark", elevation.MarkUserWritable, elevation.MarkUnbounded, elevation.MarkScript, elevation.MarkShell, elevation.MarkDialogs))
	})
	return out
}

// instant reads a time of RFC 3339, in quotes or not.
func (l *loader) instant(n *yaml.Node) time.Time {
	if n.Kind == yaml.ScalarNode {
		if t, err := time.Parse(time.RFC3339, n.Value); err == nil {
			return t
		}
	}
	l.fail(n, "bad_value", "at must be a time like 2026-01-07T12:00:00Z, not %s", typeName(n))
	return fixtureTime()
}
