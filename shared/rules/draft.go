package rules

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assent-epm/assent/shared/elevation"
)

// Cut is one rule of a whole text with its tests, as a file of its own that can
// be changed and put back by [Put]. [elevation.ErrNotFound] when there is none of
// that name.
func Cut(whole []byte, name elevation.RuleID) (string, error) {
	rule, err := RuleText(whole, name)
	if err != nil {
		return "", err
	}
	top, err := readTop(whole)
	if err != nil {
		return "", err
	}
	var lines []string
	for line := range strings.Lines(rule) {
		lines = append(lines, line)
	}
	out := "rules:\n" + strings.Join(listed(lines, 2), "")
	tests, err := testText(testsOf(top, string(name)))
	return out + tests, err
}

// testsOf are the tests of one rule: those that name it, and those that name no
// rule and try its program.
func testsOf(top *yaml.Node, name string) []*yaml.Node {
	path := ""
	if list := section(top, "rules", false); list != nil {
		if i := named(list, name); i >= 0 {
			path = textAt(list.Content[i], "match", "path")
		}
	}
	var out []*yaml.Node
	for _, t := range items(section(top, "tests", false)) {
		switch at := textAt(t, "rule"); {
		case at == name && name != "", at == "" && path != "" && textAt(t, "attempt", "path") == path:
			out = append(out, t)
		}
	}
	return out
}

// textAt is the text under keys, "" when there is none.
func textAt(n *yaml.Node, keys ...string) string {
	for _, k := range keys {
		var next *yaml.Node
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == k {
				next = n.Content[i+1]
			}
		}
		if next == nil {
			return ""
		}
		n = next
	}
	if n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

func testText(tests []*yaml.Node) (string, error) {
	if len(tests) == 0 {
		return "", nil
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	top := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{scalar("tests"), {Kind: yaml.SequenceNode, Content: tests}}}
	if err := enc.Encode(top); err != nil {
		return "", fmt.Errorf("write the tests: %w", err)
	}
	return out.String(), nil
}

// Put puts a file with one rule and its tests into a whole text, in the place of
// the rule called name, or behind the last with name "". The other rules and
// tests stay as they are written. [elevation.ErrConflict] when there is another rule
// of the new name.
func Put(whole []byte, name elevation.RuleID, file []byte) ([]byte, error) {
	part, err := draftTop(file)
	if err != nil {
		return nil, err
	}
	list := items(section(part, "rules", false))
	if len(list) != 1 {
		return nil, fmt.Errorf("%w: the text has %d rules, but one is changed at a time", elevation.ErrInvalid, len(list))
	}
	was, err := readTop(whole)
	if err != nil {
		return nil, err
	}
	next := ruleNameOf(list[0])
	if have := section(was, "rules", false); next != string(name) && have != nil && named(have, next) >= 0 {
		return nil, fmt.Errorf("%w: there is a rule called %s already: choose another name", elevation.ErrConflict, printable(next))
	}
	out, err := PutRule(whole, name, string(file))
	if err != nil {
		return nil, err
	}
	return putTests(out, testsOf(was, string(name)), items(section(part, "tests", false)))
}

// putTests takes the tests called gone out of a text and puts others in.
func putTests(text []byte, gone, come []*yaml.Node) ([]byte, error) {
	if slices.EqualFunc(gone, come, sameValue) {
		return text, nil
	}
	f, err := readFile(text)
	if err != nil {
		return nil, err
	}
	var all []*yaml.Node
	for _, t := range items(section(f.top, "tests", false)) {
		if !slices.ContainsFunc(gone, func(g *yaml.Node) bool { return sameValue(g, t) }) {
			all = append(all, t)
		}
	}
	for _, t := range come {
		if !slices.ContainsFunc(all, func(have *yaml.Node) bool { return sameValue(have, t) }) {
			all = append(all, t)
		}
	}
	tests, err := testText(all)
	if err != nil {
		return nil, err
	}
	from, to := f.part("tests")
	out := strings.Join(ended(slices.Clone(f.lines[:from])), "") + tests + strings.Join(f.lines[to:], "")
	if again, err := readTop([]byte(out)); err == nil && slices.EqualFunc(items(section(again, "tests", false)), all, sameValue) &&
		slices.EqualFunc(items(section(again, "rules", false)), items(f.rules), sameValue) {
		return []byte(out), nil
	}
	section(f.top, "tests", true).Content = all
	var raw bytes.Buffer
	enc := yaml.NewEncoder(&raw)
	enc.SetIndent(2)
	if err := enc.Encode(f.top); err != nil {
		return nil, fmt.Errorf("write the rules: %w", err)
	}
	return raw.Bytes(), nil
}

// part are the lines of a key at the top, from and up to; both the end when it is
// not there.
func (f file) part(key string) (from, to int) {
	from, to = len(f.lines), len(f.lines)
	for i := 0; i+1 < len(f.top.Content); i += 2 {
		switch k := f.top.Content[i]; {
		case k.Value == key:
			from = k.Line - 1
		case from < len(f.lines) && k.Line-1 > from:
			to = min(to, k.Line-1)
		}
	}
	for to < len(f.lines) && to > from+1 && strings.HasPrefix(f.lines[to-1], "#") {
		to--
	}
	return from, to
}

// Placed moves faults of a whole text into the lines of a file that was put into
// it. Faults of other rules have line 0.
func Placed(whole, file []byte, faults []Fault) []Fault {
	w, err := readTop(whole)
	if err != nil {
		return faults
	}
	p, err := readTop(file)
	if err != nil {
		return faults
	}
	type span struct{ from, to, line, col int }
	var spans []span
	match := func(key string) {
		for _, n := range items(section(p, key, false)) {
			for _, o := range items(section(w, key, false)) {
				if sameValue(n, o) {
					spans = append(spans, span{o.Line, lastLine(o), n.Line - o.Line, n.Column - o.Column})
					break
				}
			}
		}
	}
	match("rules")
	match("tests")
	out := make([]Fault, 0, len(faults))
	for _, f := range faults {
		at := slices.IndexFunc(spans, func(s span) bool { return f.Line >= s.from && f.Line <= s.to })
		if at < 0 {
			f.Text, f.Line, f.Col = fmt.Sprintf("line %d of all rules: %s", f.Line, f.Text), 0, 0
		} else {
			f.Line, f.Col = f.Line+spans[at].line, max(1, f.Col+spans[at].col)
		}
		out = append(out, f)
	}
	return out
}

func lastLine(n *yaml.Node) int {
	last := n.Line + strings.Count(strings.TrimSuffix(n.Value, "\n"), "\n")
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		last++
	}
	for _, c := range n.Content {
		last = max(last, lastLine(c))
	}
	return last
}
