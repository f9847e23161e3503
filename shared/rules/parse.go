package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Limits of a file of rules; each is refused with a fault when exceeded.
const (
	MaxYAML    = 2 << 20 // bytes
	MaxRules   = 20_000
	MaxTests   = 2000
	MaxWhen    = 8 << 10 // bytes of one condition
	maxDepth   = 16
	maxNodes   = 400_000
	maxFaults  = 100
	maxList    = 1000
	maxText    = 4096
	maxMessage = 500
)

// Option changes how [Parse] reads a set.
type Option func(*loader)

// WithConditions allows `when`; without it a rule that has one is a fault.
func WithConditions(c Conditions) Option { return func(l *loader) { l.conditions = c } }

// WithTeams are the teams that there are; another name gets a warning. Without it
// every name is taken silently.
func WithTeams(names ...string) Option { return func(l *loader) { l.teams = names } }

// WithZone is the zone of hours that name none; without it that is UTC.
func WithZone(z *time.Location) Option { return func(l *loader) { l.zone = z } }

// Parse reads a set of rules and lints it. The faults are sorted by place. The
// set is nil exactly when one of them is an error; fixtures are not run, see
// [Set.Test].
func Parse(text []byte, options ...Option) (*Set, []Fault) {
	l := &loader{zone: time.UTC}
	for _, o := range options {
		o(l)
	}
	if doc := l.document(text); doc != nil {
		l.top(doc)
	}
	l.lint()
	slices.SortStableFunc(l.faults, byPlace)
	if Failed(l.faults) {
		return nil, l.faults
	}
	s := &Set{fixtures: l.fixtures}
	for _, d := range l.drafts {
		s.rules = append(s.rules, d.rule)
	}
	s.arrange()
	return s, l.faults
}

// arrange gives the rules their ranks and makes the index.
func (s *Set) arrange() {
	slices.SortStableFunc(s.rules, answering)
	for i, r := range s.rules {
		r.rank = i
		r.prepare()
	}
	s.index = newIndex(s.rules)
	s.name()
}

// name writes the references of all rules for the present version.
func (s *Set) name() {
	s.refs = make([]string, len(s.rules))
	for i, r := range s.rules {
		s.refs[i] = string(r.Name) + "@" + strconv.FormatInt(s.version, 10)
	}
}

// loader reads one file. Its methods return zero values after a fault; the set
// is thrown away then.
type loader struct {
	conditions Conditions
	teams      []string
	zone       *time.Location

	faults   []Fault
	drafts   []draft
	fixtures []Fixture
	compiled map[compiled]Condition
	unsaid   int // faults that were not added
	regexes  int // size of all regular expressions so far
}

// compiled names a condition.
type compiled struct {
	source    string
	approving bool
}

// draft is a rule with the places of its parts, for the linter.
type draft struct {
	*rule
	node, match, path, args, dialogs, when, then, require *yaml.Node // nil = absent; node never is

	broken bool // its match has faults, so what is missing in it says nothing
}

func (l *loader) fault(n *yaml.Node, s Severity, code, format string, args ...any) {
	if len(l.faults) == maxFaults || n.Tag == hidden {
		l.unsaid++
		return
	}
	line, col := max(n.Line, 1), max(n.Column, 1)
	l.faults = append(l.faults, Fault{Line: line, Col: col, Severity: s, Code: code, Text: fmt.Sprintf(format, args...)})
}

func (l *loader) fail(n *yaml.Node, code, format string, args ...any) {
	l.fault(n, Error, code, format, args...)
}

// document reads the one document of the file and refuses what YAML can do and
// rules do not need: anchors, aliases, merge keys, tags, depth.
func (l *loader) document(text []byte) *yaml.Node {
	start := &yaml.Node{Line: 1, Column: 1}
	if len(text) > MaxYAML {
		l.fail(start, "too_large", "the file is larger than %d bytes: split it or remove rules that are no longer used", MaxYAML)
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		l.fail(start, "missing", "the file is empty: write `rules: []` for a set without rules")
		return nil
	case err != nil:
		l.syntax(err)
		return nil
	}
	var more yaml.Node
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		if err != nil {
			l.syntax(err)
			return nil
		}
		l.fail(&more, "syntax", "there is a second document after `---`: keep all rules in one")
		return nil
	}
	count := 0
	if len(doc.Content) != 1 || !l.plain(doc.Content[0], 0, &count) {
		return nil
	}
	return doc.Content[0]
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func (l *loader) syntax(err error) {
	at := &yaml.Node{Line: 1, Column: 1}
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		if n, e := strconv.Atoi(m[1]); e == nil {
			at.Line = n
		}
		text = text[len(m[0]):]
	}
	l.fail(at, "syntax", "this is not valid YAML: %s", printable(text))
}

// hidden is the tag of a value that has got its fault already.
const hidden = "!hidden"

// plain walks the whole tree once. What it reports it makes harmless, so that
// the faults behind it are found too; false means that nothing more can be read.
func (l *loader) plain(n *yaml.Node, depth int, count *int) bool {
	*count++
	switch {
	case depth > maxDepth:
		l.fail(n, "too_large", "nested deeper than %d levels: rules need no more than that", maxDepth)
		return false
	case *count > maxNodes:
		l.fail(n, "too_large", "more than %d values: split the set or remove rules that are no longer used", maxNodes)
		return false
	case n.Kind == yaml.AliasNode:
		l.fail(n, "alias", "aliases (*) are not allowed: write the value out")
		*n = yaml.Node{Kind: yaml.ScalarNode, Tag: hidden, Line: n.Line, Column: n.Column}
	case n.Anchor != "":
		l.fail(n, "alias", "anchors (&) are not allowed: write the value out")
		n.Anchor = ""
	}
	if n.Style&yaml.TaggedStyle != 0 {
		l.fail(n, "tag", "tags (%s) are not allowed: write the plain value", printable(n.Tag))
		*n = yaml.Node{Kind: yaml.ScalarNode, Tag: hidden, Line: n.Line, Column: n.Column}
	}
	for _, c := range n.Content {
		if !l.plain(c, depth+1, count) {
			return false
		}
	}
	return true
}

// fields are the keys that a mapping may have, each with what reads its value.
type fields map[string]func(n *yaml.Node)

// mapping reads a mapping strictly: every key once, none unknown.
func (l *loader) mapping(n *yaml.Node, what string, known fields, required ...string) bool {
	if n.Kind != yaml.MappingNode {
		l.fail(n, "wrong_type", "%s must be a mapping (key: value), not %s", what, typeName(n))
		return false
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		read, ok := known[k.Value]
		switch {
		case k.Kind != yaml.ScalarNode:
			l.fail(k, "wrong_type", "a key of %s must be a word, not %s", what, typeName(k))
		case !ok:
			l.fail(k, "unknown_key", "%s has no key %q: the keys are %s", what, printable(k.Value), keyList(known))
		case seen[k.Value]:
			l.fail(k, "duplicate_key", "the key %q is there twice in %s: keep one", k.Value, what)
		default:
			read(v)
		}
		seen[k.Value] = true
	}
	all := true
	for _, r := range required {
		if !seen[r] {
			l.fail(n, "missing", "%s needs the key %q", what, r)
			all = false
		}
	}
	return all
}

func keyList(known fields) string {
	keys := make([]string, 0, len(known))
	for k := range known {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return strings.Join(keys, ", ")
}

// list reads a sequence of at most limit elements.
func (l *loader) list(n *yaml.Node, what string, limit int, read func(n *yaml.Node)) bool {
	if n.Kind != yaml.SequenceNode {
		l.fail(n, "wrong_type", "%s must be a list ([a, b]), not %s", what, typeName(n))
		return false
	}
	if len(n.Content) > limit {
		l.fail(n, "too_large", "%s has more than %d elements", what, limit)
		return false
	}
	for _, c := range n.Content {
		read(c)
	}
	return true
}

// str reads a text of 1 to limit bytes without control characters.
func (l *loader) str(n *yaml.Node, what string, limit int) string {
	s, ok := l.anyStr(n, what, limit)
	if ok && s == "" {
		l.fail(n, "bad_value", "%s is empty: give it a value or leave the key out", what)
	}
	return s
}

// anyStr is str that may be empty.
func (l *loader) anyStr(n *yaml.Node, what string, limit int) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		hint := ""
		if n.Kind == yaml.ScalarNode && n.Value != "" {
			hint = fmt.Sprintf(": put it in quotes, '%s'", printable(n.Value))
		}
		l.fail(n, "wrong_type", "%s must be text, not %s%s", what, typeName(n), hint)
		return "", false
	}
	if len(n.Value) > limit {
		l.fail(n, "too_large", "%s is longer than %d bytes", what, limit)
		return "", false
	}
	if i := strings.IndexFunc(n.Value, control); i >= 0 {
		l.fail(n, "bad_value", "%s has a control character: remove it", what)
		return "", false
	}
	return n.Value, true
}

func (l *loader) strs(n *yaml.Node, what string) []string {
	var out []string
	l.list(n, what, maxList, func(n *yaml.Node) { out = append(out, l.str(n, "an element of "+what, maxText)) })
	if len(out) == 0 && n.Kind == yaml.SequenceNode {
		l.fail(n, "bad_value", "%s is an empty list, which would match nothing: leave the key out to match everything", what)
	}
	return out
}

func (l *loader) boolean(n *yaml.Node, what string) bool {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		l.fail(n, "wrong_type", "%s must be true or false, not %s", what, typeName(n))
		return false
	}
	return n.Value == "true" || n.Value == "True" || n.Value == "TRUE"
}

func (l *loader) integer(n *yaml.Node, what string, low, high int) int {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil || v < low || v > high {
		l.fail(n, "wrong_type", "%s must be a whole number from %d to %d, not %s", what, low, high, typeName(n))
		return low
	}
	return v
}

// word reads one of a few words.
func word[T ~string](l *loader, n *yaml.Node, what string, allowed ...T) T {
	s, ok := l.anyStr(n, what, maxText)
	if !ok || slices.Contains(allowed, T(s)) {
		return T(s)
	}
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	l.fail(n, "bad_value", "%s can not be %q: write one of %s", what, printable(s), strings.Join(names, ", "))
	return ""
}

func typeName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		switch n.ShortTag() {
		case "!!null":
			return "nothing"
		case "!!int", "!!float":
			return "the number " + printable(n.Value)
		case "!!bool":
			return "the truth value " + printable(n.Value)
		case "!!timestamp":
			return "the date " + printable(n.Value)
		case "!!str":
			return "the text " + strconv.Quote(printable(n.Value))
		}
	}
	return "something else"
}

// control is true for characters that must not reach a terminal or a log.
func control(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// printable shortens text for a message and removes control characters.
func printable(s string) string {
	s = strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if control(r) {
			return '?'
		}
		return r
	}, s), "?")
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}
