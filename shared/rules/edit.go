package rules

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assent-epm/assent/shared/elevation"
)

// file is a text of rules whose rules can be cut out and put in; everything
// else of it stays as it was written, byte for byte.
type file struct {
	lines []string // with their ends
	top   *yaml.Node
	rules *yaml.Node // nil = the key is not there
	key   *yaml.Node // of rules
	next  int        // line of the key behind the rules, from 1; one behind the last line when there is none
}

func readFile(text []byte) (file, error) {
	top, err := readTop(text)
	if err != nil {
		return file{}, err
	}
	f := file{top: top, rules: section(top, "rules", false)}
	for line := range strings.Lines(string(text)) {
		f.lines = append(f.lines, line)
	}
	f.next = len(f.lines) + 1
	for i := 0; i+1 < len(top.Content); i += 2 {
		switch {
		case top.Content[i+1] == f.rules && f.rules != nil:
			f.key = top.Content[i]
		case f.key != nil && top.Content[i].Line > f.key.Line:
			f.next = min(f.next, top.Content[i].Line)
		}
	}
	return f, nil
}

// block reports whether the rules are written one below the other, each behind a
// dash, which is what can be cut by lines.
func (f file) block() bool {
	if f.rules == nil || f.rules.Style&yaml.FlowStyle != 0 || f.top.Style&yaml.FlowStyle != 0 {
		return false
	}
	for i := range f.rules.Content {
		if f.dash(i) < 0 {
			return false
		}
	}
	return true
}

// dash is the line, from 0, with the dash of a rule; -1 when it is not found.
func (f file) dash(i int) int {
	for at := f.rules.Content[i].Line - 1; at >= 0; at-- {
		switch s := strings.TrimSpace(f.lines[at]); {
		case strings.HasPrefix(s, "- ") || s == "-":
			return at
		case s == "" || strings.HasPrefix(s, "#"):
		default:
			return -1
		}
	}
	return -1
}

// span are the lines of a rule, from and up to, without the comments and empty
// lines that stand before the next one.
func (f file) span(i int) (from, to int) {
	from, to = f.dash(i), f.next-1
	if i+1 < len(f.rules.Content) {
		to = f.dash(i + 1)
	}
	depth := indent(f.lines[from])
	for to > from+1 {
		s := strings.TrimSpace(f.lines[to-1])
		if s != "" && (!strings.HasPrefix(s, "#") || indent(f.lines[to-1]) > depth) {
			break
		}
		to--
	}
	return from, to
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// RuleText is a rule of a text as it was written, as a mapping of its own.
// [elevation.ErrNotFound] when there is none of that name.
func RuleText(text []byte, name elevation.RuleID) (string, error) {
	f, err := readFile(text)
	if err != nil {
		return "", err
	}
	i := -1
	if f.rules != nil {
		i = named(f.rules, string(name))
	}
	if i < 0 {
		return "", fmt.Errorf("rule %s: %w", printable(string(name)), elevation.ErrNotFound)
	}
	if !f.block() {
		return written(f.rules.Content[i]), nil
	}
	from, to := f.span(i)
	first := strings.TrimLeft(f.lines[from], " ")
	depth := len(f.lines[from]) - len(strings.TrimLeft(strings.TrimPrefix(first, "-"), " "))
	out := strings.TrimLeft(strings.TrimPrefix(first, "-"), " ")
	if strings.TrimSpace(out) == "" {
		out, depth = "", f.rules.Content[i].Column-1
	}
	for _, line := range f.lines[from+1 : to] {
		out += line[min(depth, indent(line)):]
	}
	if !strings.HasSuffix(out, "\n") {
		out += "\n"
	}
	return out, nil
}

// PutRule puts a rule, written as a mapping, in the place of the one called name
// in a text; with name "" it is added behind the last. The rest stays as it was
// written. [elevation.ErrNotFound] when there is no rule to replace,
// [elevation.ErrInvalid] when one of the texts can not be read.
func PutRule(text []byte, name elevation.RuleID, rule string) ([]byte, error) {
	f, err := readFile(text)
	if err != nil {
		return nil, err
	}
	node, lines, err := readRule(rule)
	if err != nil {
		return nil, err
	}
	i := -1
	if name != "" {
		if f.rules != nil {
			i = named(f.rules, string(name))
		}
		if i < 0 {
			return nil, fmt.Errorf("rule %s: %w", printable(string(name)), elevation.ErrNotFound)
		}
	}
	out := f.put(i, lines)
	want := &yaml.Node{Kind: yaml.SequenceNode, Content: slices.Clone(items(f.rules))}
	if i >= 0 {
		want.Content[i] = node
	} else {
		want.Content = append(want.Content, node)
	}
	return f.sure(out, want)
}

// put makes the new lines of the whole text; nil where lines can not say it.
func (f file) put(i int, lines []string) []string {
	empty := f.rules != nil && len(f.rules.Content) == 0
	switch {
	case f.rules == nil || empty:
		const depth = 2
		out, at := slices.Clone(f.lines), 0
		if empty {
			if at = f.rules.Line; at != f.key.Line {
				return nil
			}
			head, tail, ok := strings.Cut(out[at-1], "[]")
			if !ok {
				return nil
			}
			out[at-1] = strings.TrimRight(head, " ") + tail
		} else {
			out = append(ended(out), "rules:\n")
			at = len(out)
		}
		return slices.Insert(ended(out), at, listed(lines, depth)...)
	case !f.block():
		return nil
	case i >= 0:
		from, to := f.span(i)
		return slices.Concat(f.lines[:from], listed(lines, indent(f.lines[from])), f.lines[to:])
	}
	from, to := f.span(len(f.rules.Content) - 1)
	return slices.Concat(ended(f.lines[:to]), listed(lines, indent(f.lines[from])), f.lines[to:])
}

// ended gives the last line an end.
func ended(lines []string) []string {
	if n := len(lines); n > 0 && !strings.HasSuffix(lines[n-1], "\n") {
		lines = append(slices.Clone(lines[:n-1]), lines[n-1]+"\n")
	}
	return lines
}

// listed writes the lines of a mapping as an element of a list.
func listed(lines []string, depth int) []string {
	out := make([]string, 0, len(lines))
	space := strings.Repeat(" ", depth)
	for i, line := range lines {
		switch {
		case i == 0:
			line = space + "- " + line
		case strings.TrimSpace(line) != "":
			line = space + "  " + line
		}
		out = append(out, line)
	}
	return out
}

// readRule reads one rule and its lines without the depth at which it stands.
func readRule(text string) (*yaml.Node, []string, error) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if len(text) > MaxYAML {
		return nil, nil, fmt.Errorf("%w: the rule is larger than %d bytes", elevation.ErrInvalid, MaxYAML)
	}
	l := &loader{}
	n := l.document([]byte(text))
	switch {
	case n == nil && len(l.faults) == 0:
		return nil, nil, fmt.Errorf("%w: the rule can not be read", elevation.ErrInvalid)
	case len(l.faults) > 0:
		return nil, nil, fmt.Errorf("%w: the rule can not be read: %s", elevation.ErrInvalid, l.faults[0].Text)
	case n.Kind != yaml.MappingNode:
		return nil, nil, fmt.Errorf("%w: write one rule as a mapping: name: …, match: …, then: …", elevation.ErrInvalid)
	case section(n, "rules", false) != nil:
		only := section(n, "rules", false)
		if len(only.Content) != 1 {
			return nil, nil, fmt.Errorf("%w: the text has %d rules, but one is changed at a time: use apply for more", elevation.ErrInvalid, len(only.Content))
		}
		alone, err := RuleText([]byte(text), elevation.RuleID(ruleNameOf(only.Content[0])))
		if err != nil {
			return nil, nil, err
		}
		return readRule(alone)
	}
	depth := n.Column - 1
	var lines []string
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" && len(lines) == 0 || strings.TrimSpace(line) == "---" {
			continue
		}
		lines = append(lines, line[min(depth, indent(line)):])
	}
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	return n, ended(lines), nil
}

// RemoveRule takes a rule out of a text. Comments above it stay.
func RemoveRule(text []byte, name elevation.RuleID) ([]byte, error) {
	f, err := readFile(text)
	if err != nil {
		return nil, err
	}
	i := -1
	if f.rules != nil {
		i = named(f.rules, string(name))
	}
	if i < 0 {
		return nil, fmt.Errorf("rule %s: %w", printable(string(name)), elevation.ErrNotFound)
	}
	var out []string
	if f.block() {
		from, to := f.span(i)
		out = slices.Concat(f.lines[:from], f.lines[to:])
		if at := f.key.Line - 1; len(f.rules.Content) == 1 {
			out[at] = strings.Replace(out[at], f.key.Value+":", f.key.Value+": []", 1)
		}
	}
	want := &yaml.Node{Kind: yaml.SequenceNode, Content: slices.Delete(slices.Clone(f.rules.Content), i, i+1)}
	return f.sure(out, want)
}

// SetMode makes a rule enforce or observe.
func SetMode(text []byte, name elevation.RuleID, mode Mode) ([]byte, error) {
	alone, err := RuleText(text, name)
	if err != nil {
		return nil, err
	}
	n, lines, err := readRule(alone)
	if err != nil {
		return nil, err
	}
	at, value := 0, (*yaml.Node)(nil)
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch n.Content[i].Value {
		case "mode":
			value = n.Content[i+1]
		case "name":
			at = n.Content[i+1].Line
		}
	}
	switch {
	case value != nil && value.Kind == yaml.ScalarNode && value.Value == string(mode):
		return text, nil
	case value != nil && value.Kind == yaml.ScalarNode:
		line := []rune(lines[value.Line-1])
		raw := strings.Replace(string(line[value.Column-1:]), value.Value, string(mode), 1)
		lines[value.Line-1] = string(line[:value.Column-1]) + raw
	case n.Style&yaml.FlowStyle != 0:
		line := []rune(lines[n.Line-1])
		lines[n.Line-1] = string(line[:n.Column]) + "mode: " + string(mode) + ", " + string(line[n.Column:])
	default:
		lines = slices.Insert(lines, at, "mode: "+string(mode)+"\n")
	}
	return PutRule(text, name, strings.Join(lines, ""))
}

// sure takes the new lines if they say exactly what they shall, and writes the
// whole text anew if they do not.
func (f file) sure(lines []string, want *yaml.Node) ([]byte, error) {
	if lines != nil {
		text := []byte(strings.Join(lines, ""))
		if again, err := readFile(text); err == nil && f.same(again, want) {
			return text, nil
		}
	}
	if f.rules == nil {
		section(f.top, "rules", true)
		f.rules = section(f.top, "rules", false)
	}
	f.rules.Content, f.rules.Style = want.Content, 0
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(f.top); err != nil {
		return nil, fmt.Errorf("write the rules: %w", err)
	}
	return out.Bytes(), nil
}

// same reports whether another reading has the wanted rules and all the rest.
func (f file) same(again file, want *yaml.Node) bool {
	if !slices.EqualFunc(items(again.rules), want.Content, sameValue) {
		return false
	}
	rest := func(n *yaml.Node) []*yaml.Node {
		var out []*yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value != "rules" {
				out = append(out, n.Content[i], n.Content[i+1])
			}
		}
		return out
	}
	return slices.EqualFunc(rest(f.top), rest(again.top), sameValue)
}

// sameValue compares what two nodes say, not how.
func sameValue(a, b *yaml.Node) bool {
	return a.Kind == b.Kind && a.Value == b.Value && a.ShortTag() == b.ShortTag() && slices.EqualFunc(a.Content, b.Content, sameValue)
}
