package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// Make writes the narrowest rule that approves this attempt when it comes again,
// as a file with one rule and a test of it: the same program with the same
// arguments, by the same user, on endpoints with the same labels, or on this one
// when it has none. about is the sentence above it; taken are names that are in
// use. What no rule may approve is [elevation.ErrConflict], with the reason.
func Make(in Input, about string, longest time.Duration, taken func(elevation.RuleID) bool) (string, error) {
	a, s := in.Attempt, in.Attempt.Subject
	if why := cannotMake(a); why != "" {
		return "", fmt.Errorf("%w: no rule can approve this: %s", elevation.ErrConflict, why)
	}
	w := &writing{}
	w.line("# %s", clean(about, 300))
	w.line("rules:")
	w.line("  - name: %s", freeName(a, taken))
	w.line("    match:")
	w.anchor(s)
	w.line("      args: [%s]", w.list(s.Args, true))
	w.line("      user: [%s]", w.quote(a.User.Name))
	w.line("      access_type: [run]")
	var when []string
	if len(in.Endpoint.Labels) > 0 {
		w.line("      endpoint: {labels: {%s}}", w.labels(in.Endpoint.Labels))
	} else if in.Endpoint.ID != "" {
		when = append(when, "endpoint.id == "+strconv.Quote(string(in.Endpoint.ID)))
	}
	if s.RunAs != "" && s.RunAs != "root" {
		when = append(when, "subject.run_as == "+strconv.Quote(s.RunAs))
	}
	if len(when) > 0 {
		w.line("    when: %s", w.quote(strings.Join(when, " && ")))
	}
	w.line("    then: approve")
	if longest >= time.Second {
		w.line("    limits: {duration: %s}", elevation.FormatDuration(longest))
	}
	w.fixture(in)
	if w.bad != "" {
		return "", fmt.Errorf("%w: no rule can say this: %s has a control character", elevation.ErrConflict, w.bad)
	}
	return w.b.String(), nil
}

// cannotMake says why no rule may approve an attempt; "" if one may.
func cannotMake(a elevation.Attempt) string {
	s := a.Subject
	unbounded := s.HasMark(elevation.MarkUnbounded) || elevation.Unbounded(s.Path)
	hidden := slices.ContainsFunc(s.Args, func(v string) bool { return strings.Contains(v, elevation.Masked) })
	switch {
	case a.AccessType != elevation.Run:
		return "it asks for a whole session, which a person answers"
	case s.HasMark(elevation.MarkShell):
		return "an interactive shell is answered by a person"
	case s.CalledAs() != "":
		return "the program is called by another name, and may be another program by that"
	case s.HasMark(elevation.MarkUserWritable) && !lowerHex(s.SHA256, 64):
		return "ordinary users can change the program, and its SHA-256 is not known"
	case s.HasMark(elevation.MarkDialogs):
		return "its file dialogs can start and change whatever it may: a person answers, or a rule written by hand whose match says dialogs: true"
	case unbounded && len(s.Args) == 0:
		return "the program can do anything and has no arguments that would hold it"
	case unbounded && hidden:
		return "the program can do anything, and one of its arguments is hidden"
	}
	return ""
}

// freeName makes a name of program, first word and user.
func freeName(a elevation.Attempt, taken func(elevation.RuleID) bool) elevation.RuleID {
	words := []string{strings.TrimSuffix(nameKey(a.Subject.Path), ".exe")}
	if len(a.Subject.Args) > 0 && !strings.HasPrefix(a.Subject.Args[0], "-") && !strings.ContainsAny(a.Subject.Args[0], `/\*`) {
		words = append(words, a.Subject.Args[0])
	}
	words = append(words, a.User.Name)
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return '-'
	}, strings.Join(words, "-"))
	name = strings.Trim(name, "-._")
	name = "for-" + name[:min(len(name), 50)]
	for i := 2; taken != nil && taken(elevation.RuleID(name)); i++ {
		base, _, _ := strings.Cut(name, ".again")
		name = base + ".again" + strconv.Itoa(i)
	}
	return elevation.RuleID(name)
}

// writing builds a file; bad names what can not be written.
type writing struct {
	b   strings.Builder
	bad string
}

func (w *writing) line(format string, args ...any) { fmt.Fprintf(&w.b, format+"\n", args...) }

// quote writes a text so that YAML reads the same one.
func (w *writing) quote(s string) string {
	if strings.ContainsFunc(s, control) {
		w.bad = "what was asked for"
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

func (w *writing) list(args []string, pattern bool) string {
	out := make([]string, len(args))
	for i, a := range args {
		if out[i] = w.quote(a); pattern && strings.Contains(a, elevation.Masked) {
			out[i] = "{any: true}"
		}
	}
	return strings.Join(out, ", ")
}

func (w *writing) labels(m map[string]string) string {
	var out []string
	for k, v := range m {
		out = append(out, w.quote(k)+": "+w.quote(v))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// anchor pins the program: by hash where users can change it or it has no place
// that only administrators write to, else by publisher where it is signed.
func (w *writing) anchor(s elevation.Subject) {
	w.line("      path: %s", w.quote(s.Path))
	if s.HasMark(elevation.MarkUserWritable) || userWritable(s.Path) || s.HasMark(elevation.MarkScript) && lowerHex(s.SHA256, 64) {
		w.line("      sha256: [%s]", w.quote(s.SHA256))
	}
	if p := s.Publisher.Thumbprint; lowerHex(p, 40) || lowerHex(p, 64) {
		w.line("      publisher: {thumbprint: %s}", w.quote(p))
	}
}

// fixture writes the test that the attempt is approved, and that it is not for
// somebody else.
func (w *writing) fixture(in Input) {
	a, s := in.Attempt, in.Attempt.Subject
	w.line("tests:")
	for _, t := range []struct{ name, user, expect string }{{"the same again", a.User.Name, "approve"}, {"somebody else", a.User.Name + "-2", "ask"}} {
		w.line("  - name: %s", t.name)
		w.line("    attempt:")
		w.line("      path: %s", w.quote(s.Path))
		w.line("      args: [%s]", w.list(s.Args, false))
		w.line("      user: %s", w.quote(t.user))
		if s.RunAs != "" {
			w.line("      run_as: %s", w.quote(s.RunAs))
		}
		if lowerHex(s.SHA256, 64) {
			w.line("      sha256: %s", w.quote(s.SHA256))
		}
		if p := s.Publisher.Thumbprint; lowerHex(p, 40) || lowerHex(p, 64) {
			w.line("      publisher: {thumbprint: %s}", w.quote(p))
		}
		if len(in.Endpoint.Labels) > 0 {
			w.line("      labels: {%s}", w.labels(in.Endpoint.Labels))
		} else if in.Endpoint.ID != "" {
			w.line("      endpoint: %s", w.quote(string(in.Endpoint.ID)))
		}
		w.line("    expect: %s", t.expect)
	}
}
