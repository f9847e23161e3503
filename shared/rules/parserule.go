package rules

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/assent-epm/assent/shared/elevation"
)

func (l *loader) top(n *yaml.Node) {
	l.mapping(n, "the file", fields{
		"rules": func(n *yaml.Node) { l.list(n, "rules", MaxRules, l.rule) },
		"tests": func(n *yaml.Node) { l.list(n, "tests", MaxTests, l.fixture) },
	}, "rules")
}

func (l *loader) rule(n *yaml.Node) {
	d := draft{rule: &rule{place: len(l.drafts)}, node: n}
	r := &d.Rule
	r.Line, r.Children, r.Precedence, r.Mode = n.Line, ChildrenAllow, 100, Enforce
	var tz, hours *yaml.Node
	ok := l.mapping(n, "a rule", fields{
		"name":         func(n *yaml.Node) { r.Name = l.ruleName(n) },
		"match":        func(n *yaml.Node) { d.match = n; l.match(n, &d) },
		"when":         func(n *yaml.Node) { d.when = n; r.When = l.condition(n) },
		"then":         func(n *yaml.Node) { d.then = n; r.Then = word(l, n, "then", ThenApprove, ThenDeny, ThenRequire) },
		"require":      func(n *yaml.Node) { d.require = n; l.require(n, &r.Require) },
		"limits":       func(n *yaml.Node) { hours, tz = l.limits(n, &r.Limits) },
		"children":     func(n *yaml.Node) { r.Children = word(l, n, "children", ChildrenAllow, ChildrenContain, ChildrenDeny) },
		"set_priority": func(n *yaml.Node) { r.SetPriority = l.priority(n, "set_priority") },
		"precedence":   func(n *yaml.Node) { r.Precedence = l.integer(n, "precedence", 0, 1_000_000) },
		"mode":         func(n *yaml.Node) { r.Mode = word(l, n, "mode", Enforce, Observe) },
		"message":      func(n *yaml.Node) { r.Message = l.message(n) },
	}, "name", "match", "then")
	l.hours(d.rule, hours, tz)
	l.compile(d)
	if !ok {
		return
	}
	if raw, err := yaml.Marshal(n); err == nil { // a tree that was just read can be written
		r.YAML = string(raw)
	}
	l.drafts = append(l.drafts, d)
}

var ruleNames = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (l *loader) ruleName(n *yaml.Node) elevation.RuleID {
	s, ok := l.anyStr(n, "name", maxText)
	if ok && !ruleNames.MatchString(s) {
		l.fail(n, "bad_value", "the name %q is not usable: letters, digits, dots, dashes and underscores, 64 at most, beginning with a letter or digit", printable(s))
	}
	return elevation.RuleID(s)
}

func (l *loader) priority(n *yaml.Node, what string) elevation.Priority {
	return word(l, n, what, elevation.Low, elevation.Normal, elevation.High, elevation.Urgent)
}

func (l *loader) condition(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && len(n.Value) > MaxWhen {
		l.fail(n, "too_large", "the condition is longer than %d bytes: say more in `match`, or make two rules", MaxWhen)
		return ""
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" { // a block may have line ends
		flat := *n
		flat.Value = strings.NewReplacer("\n", " ", "\t", " ").Replace(n.Value)
		n = &flat
	}
	return strings.TrimSpace(l.str(n, "when", MaxWhen))
}

func (l *loader) message(n *yaml.Node) map[string]string {
	out := map[string]string{}
	if n.Kind != yaml.MappingNode {
		l.fail(n, "wrong_type", "message must be a mapping of languages, like {en: \"Ask your team lead.\"}, not %s", typeName(n))
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		lang, _ := l.anyStr(n.Content[i], "a language", maxText)
		if !languages.MatchString(lang) {
			l.fail(n.Content[i], "bad_value", "%q is no language: write codes like en, de or pt-BR", printable(lang))
			continue
		}
		if _, twice := out[lang]; twice {
			l.fail(n.Content[i], "duplicate_key", "the language %q is there twice: keep one", lang)
		}
		out[lang] = l.str(n.Content[i+1], "a message", maxMessage)
	}
	return out
}

var languages = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$`)

func (l *loader) require(n *yaml.Node, r *Require) {
	l.mapping(n, "require", fields{
		"stages": func(n *yaml.Node) {
			l.list(n, "stages", 10, func(n *yaml.Node) { r.Stages = append(r.Stages, l.stage(n)) })
		},
		"ticket": func(n *yaml.Node) {
			if s := l.str(n, "ticket", elevation.MaxTicketPattern); s != "" && l.regex(n, s) != nil {
				r.Ticket = s
			}
		},
		"step_up": func(n *yaml.Node) { r.StepUp = l.boolean(n, "step_up") },
		"confirm": func(n *yaml.Node) { r.Confirm = word(l, n, "confirm", "none", "password", "passkey") },
		"after_review": func(n *yaml.Node) {
			l.mapping(n, "after_review", fields{
				"team":    func(n *yaml.Node) { r.AfterReview = l.team(n) },
				"comment": func(n *yaml.Node) { r.AfterComment = l.boolean(n, "comment") },
				"blocks":  func(n *yaml.Node) { r.AfterBlocks = l.boolean(n, "blocks") },
			}, "team")
		},
	})
}

func (l *loader) stage(n *yaml.Node) elevation.Stage {
	s := elevation.Stage{Quorum: 1}
	l.mapping(n, "a stage", fields{
		"team":   func(n *yaml.Node) { s.Team = l.team(n) },
		"quorum": func(n *yaml.Node) { s.Quorum = l.integer(n, "quorum", 1, 20) },
	}, "team")
	s.Name = string(s.Team)
	return s
}

func (l *loader) team(n *yaml.Node) elevation.TeamID {
	s := l.str(n, "team", 100)
	if s == "" || l.teams == nil || slices.ContainsFunc(l.teams, func(t string) bool { return strings.EqualFold(t, s) }) {
		return elevation.TeamID(s)
	}
	names := slices.DeleteFunc(slices.Clone(l.teams), func(t string) bool { return strings.HasPrefix(t, elevation.TeamPrefix) })
	// Not an error: a set must stay readable when a team is deleted later, and
	// what a missing team must approve is approved by nobody.
	l.fault(n, Warning, "unknown_team", "there is no team %q, so nobody can answer until there is: name one of %s", printable(s), printable(strings.Join(names, ", ")))
	return elevation.TeamID(s)
}

func (l *loader) limits(n *yaml.Node, out *Limits) (hours, tz *yaml.Node) {
	l.mapping(n, "limits", fields{
		"duration": func(n *yaml.Node) { out.Duration = l.duration(n) },
		"hours":    func(n *yaml.Node) { hours = n; out.Hours = l.str(n, "hours", 500) },
		"tz":       func(n *yaml.Node) { tz = n; out.Zone = l.str(n, "tz", 64) },
	})
	return hours, tz
}

func (l *loader) duration(n *yaml.Node) time.Duration {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!int" {
		l.fail(n, "wrong_type", "the duration %s has no unit: write it like 90s, 15m, 8h or 7d", printable(n.Value))
		return 0
	}
	s := l.str(n, "duration", 64)
	if s == "" {
		return 0
	}
	d, err := elevation.ParseDuration(s)
	if err != nil || d < time.Second {
		l.fail(n, "bad_value", "the duration %q can not be read: write it like 90s, 15m, 8h or 7d, one second at least", printable(s))
	}
	return d
}

// hours reads the windows once the zone is known.
func (l *loader) hours(r *rule, hours, tz *yaml.Node) {
	zone := l.zone
	if tz != nil && r.Limits.Zone != "" {
		z, err := time.LoadLocation(r.Limits.Zone)
		if err != nil || r.Limits.Zone == "Local" {
			l.fail(tz, "bad_value", "the time zone %q is not known: write a name like Europe/Berlin or UTC", printable(r.Limits.Zone))
			return
		}
		zone = z
	}
	if hours == nil || r.Limits.Hours == "" {
		if tz != nil {
			l.fault(tz, Warning, "unused", "tz changes nothing without hours: add hours or remove it")
		}
		return
	}
	h, err := elevation.ParseHours(r.Limits.Hours, zone)
	if err != nil {
		l.fail(hours, "bad_value", "hours can not be read: %s", printable(err.Error()))
	}
	r.hours = h
}

// compile makes the expressions of a rule ready.
func (l *loader) compile(d draft) {
	r := d.rule
	if r.When == "" || d.when == nil {
		return
	}
	if l.conditions == nil {
		l.fail(d.when, "when", "conditions (`when`) can not be read here: use `match`")
		return
	}
	key := compiled{r.When, r.Then == ThenApprove}
	c, ok := l.compiled[key] // sets repeat themselves, and one of a kind is enough
	if !ok {
		var err error
		if c, err = l.conditions.Compile(r.When, key.approving); err != nil {
			l.fail(d.when, "when", "the condition can not be used: %s", clean(err.Error(), 400))
			return
		}
		if l.compiled == nil {
			l.compiled = map[compiled]Condition{}
		}
		l.compiled[key] = c
	}
	r.cond = c
}

// regex compiles a regular expression that must match all of a text.
func (l *loader) regex(n *yaml.Node, src string) *regexp.Regexp {
	re, size, err := wholeRegexp(src)
	if err != nil {
		l.fail(n, "regex", "the regular expression %q can not be used: %s", printable(src), printable(err.Error()))
		return nil
	}
	if l.regexes += size; l.regexes > maxRegexAll {
		l.fail(n, "too_large", "the regular expressions up to here are too large together: write plain text where you can")
		return nil
	}
	return re
}

const (
	maxRegex     = 1000    // bytes of one expression
	maxRegexSize = 20_000  // nodes after repeats are written out
	maxRegexAll  = 500_000 // nodes of all expressions of a set
)

// wholeRegexp compiles src so that it matches whole texts only. What is too
// long, or would be when repeats are written out, is an error.
func wholeRegexp(src string) (re *regexp.Regexp, size int, err error) {
	if size, err = bounded(src); err != nil {
		return nil, 0, err
	}
	// src is valid by itself, so no bracket in it can end the group early.
	if re, err = regexp.Compile(`\A(?:` + src + `)\z`); err != nil {
		return nil, 0, fmt.Errorf("compile it: %w", err)
	}
	return re, size, nil
}

// Regexp compiles a regular expression (RE2) that may match a part of a text. One
// that is too long, or would be when repeats are written out, is an error.
func Regexp(src string) (*regexp.Regexp, error) {
	if _, err := bounded(src); err != nil {
		return nil, err
	}
	re, err := regexp.Compile(src)
	if err != nil {
		return nil, fmt.Errorf("compile it: %w", err)
	}
	return re, nil
}

// bounded is the size of an expression that is small enough.
func bounded(src string) (int, error) {
	if len(src) > maxRegex {
		return 0, fmt.Errorf("it is longer than %d bytes", maxRegex)
	}
	tree, err := syntax.Parse(src, syntax.Perl)
	if err != nil {
		return 0, fmt.Errorf("read it: %w", err)
	}
	size := regexSize(tree)
	if size > maxRegexSize {
		return 0, fmt.Errorf("its repeats are too large: more than %d steps", maxRegexSize)
	}
	return size, nil
}

// regexSize estimates the compiled size before anything is written out.
func regexSize(t *syntax.Regexp) int {
	n := 1 + len(t.Rune)
	for _, s := range t.Sub {
		n = min(n+regexSize(s), maxRegexSize+1)
	}
	if t.Op == syntax.OpRepeat {
		n = min(n*max(t.Min, t.Max, 1), maxRegexSize+1)
	}
	return n
}

// clean makes text of others fit for one line of at most limit characters.
func clean(s string, limit int) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if control(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))), " ")
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return s
}
