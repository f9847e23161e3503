package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assent-epm/assent/shared/elevation"
)

// What says in one plain phrase what the rule is about, such as "/usr/bin/apt
// update by ada on endpoints with role=web". It repeats what the author wrote.
func (r Rule) What() string {
	m := r.Match
	var parts []string
	parts = append(parts, m.program())
	if !m.Product.absent() {
		parts = append(parts, "product "+m.Product.words())
	}
	if !m.Version.absent() {
		parts = append(parts, "version "+m.Version.words())
	}
	if m.Publisher != "" {
		parts = append(parts, "signed by "+m.Publisher[:min(len(m.Publisher), 8)]+"…")
	}
	if len(m.SHA256) > 0 {
		parts = append(parts, count(len(m.SHA256), "with this SHA-256", "with one of %d SHA-256"))
	}
	if !m.Parent.absent() {
		parts = append(parts, "started by "+m.Parent.words())
	}
	if len(m.Users) > 0 {
		parts = append(parts, "by "+listOf(m.Users))
	}
	if len(m.Groups) > 0 {
		parts = append(parts, "by members of "+listOf(m.Groups))
	}
	if len(m.Labels) > 0 {
		var labels []string
		for _, k := range slices.Sorted(maps.Keys(m.Labels)) {
			labels = append(labels, k+"="+m.Labels[k])
		}
		parts = append(parts, "on endpoints with "+strings.Join(labels, " and "))
	}
	if r.When != "" {
		parts = append(parts, "when its condition holds")
	}
	return strings.Join(parts, " ")
}

func count(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf(many, n)
}

func listOf(names []string) string {
	if len(names) <= 4 {
		return strings.Join(names, " or ")
	}
	return fmt.Sprintf("%s or %d others", strings.Join(names[:3], ", "), len(names)-3)
}

func (t Text) words() string {
	if t.Literal != "" {
		return t.Literal
	}
	return "like " + t.Regex
}

// program is the path with its arguments, or what is asked for in place of one.
func (m Match) program() string {
	kinds := make([]string, len(m.AccessTypes))
	for i, k := range m.AccessTypes {
		kinds[i] = map[elevation.AccessType]string{elevation.Session: "sessions", elevation.Admin: "administrator for a while"}[k]
		if kinds[i] == "" {
			kinds[i] = "single programs"
		}
	}
	if m.Path.absent() {
		what := "any program"
		if len(kinds) > 0 {
			what = strings.Join(kinds, " or ")
		}
		return what + m.arguments()
	}
	out := m.Path.words() + m.arguments()
	switch {
	case m.Path.Regex != "":
		out = "programs " + out
	case !absolute(m.Path.Literal):
		out = "any program called " + out
	}
	if len(kinds) > 0 && (len(kinds) > 1 || m.AccessTypes[0] != elevation.Run) {
		out += " (" + strings.Join(kinds, " or ") + ")"
	}
	return out
}

func (m Match) arguments() string {
	switch {
	case m.Args == nil && m.Path.absent():
		return ""
	case m.Args == nil:
		return " with any arguments"
	case len(m.Args) == 0:
		return " without arguments"
	}
	out := ""
	for _, a := range m.Args {
		switch {
		case a.Rest:
			out += " and any further"
		case a.Any:
			out += " ‹any›"
		case a.Regex != "":
			out += " ‹" + a.Regex + "›"
		case a.Literal == "" || strings.Contains(a.Literal, " "):
			out += " '" + a.Literal + "'"
		default:
			out += " " + a.Literal
		}
	}
	return out
}

// Terms are the rule's limits and what it wants, each a short phrase.
func (r Rule) Terms() []string {
	out := []string{}
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, s := range r.Require.Stages {
		if s.Quorum > 1 {
			add("%d of %s", s.Quorum, s.Team)
		} else {
			add("%s", s.Team)
		}
	}
	if r.Require.Ticket != "" {
		add("ticket %s", r.Require.Ticket)
	}
	if r.Require.StepUp {
		add("step-up")
	}
	if c := r.Require.Confirm; c != "" && c != "none" {
		add("confirm by %s", c)
	}
	if r.Require.AfterReview != "" {
		add("review by %s", r.Require.AfterReview)
	}
	if r.Limits.Duration > 0 {
		add("%s at most", elevation.FormatDuration(r.Limits.Duration))
	}
	if r.Limits.Hours != "" {
		add("%s", strings.TrimSpace(r.Limits.Hours+" "+r.Limits.Zone))
	}
	if r.Children != ChildrenAllow && r.Children != "" {
		add("child programs: %s", r.Children)
	}
	if r.Match.Dialogs {
		add("also programs with dialogs for files")
	}
	if r.SetPriority != "" {
		add("priority %s", r.SetPriority)
	}
	return out
}
