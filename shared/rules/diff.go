package rules

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Changes are the names of the rules that one text has and another has not, or
// has otherwise; nil for a text that can not be read.
func Changes(old, next []byte) (added, changed, removed []string) {
	before, after := ruleNodes(old), ruleNodes(next)
	for name, text := range after {
		was, ok := before[name]
		switch {
		case !ok:
			added = append(added, name)
		case was != text:
			changed = append(changed, name)
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			removed = append(removed, name)
		}
	}
	slices.Sort(added)
	slices.Sort(changed)
	slices.Sort(removed)
	return added, changed, removed
}

func ruleNodes(text []byte) map[string]string {
	out := map[string]string{}
	top, err := readTop(text)
	if err != nil {
		return out
	}
	for _, r := range items(section(top, "rules", false)) {
		bare(r)
		out[ruleNameOf(r)] = written(r)
	}
	return out
}

// bare takes away how something is written.
func bare(n *yaml.Node) {
	n.HeadComment, n.LineComment, n.FootComment, n.Style = "", "", "", 0
	for _, c := range n.Content {
		bare(c)
	}
}

// maxDiff bounds the work of [Diff]: differing lines of both texts multiplied.
const maxDiff = 4_000_000

// around is how many equal lines are shown around a difference.
const around = 3

// Diff shows the differing lines of two texts with a few equal ones around them,
// in the usual unified form; "" when they are equal.
func Diff(old, next, oldName, newName string) string {
	if old == next {
		return ""
	}
	a, b := textLines(old), textLines(next)
	steps := script(a, b)
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", oldName, newName)
	for from := 0; from < len(steps); {
		if steps[from].sign == ' ' {
			from++
			continue
		}
		start, end := max(0, from-around), from
		for quiet := 0; end < len(steps) && quiet <= 2*around; end++ {
			quiet++
			if steps[end].sign != ' ' {
				quiet = 0
			}
		}
		last := end
		for last > from && steps[last-1].sign == ' ' {
			last--
		}
		last = min(len(steps), last+around)
		hunk(&out, steps[start:last])
		from = last
	}
	return out.String()
}

// step is one line of a difference: ' ' stays, '-' goes, '+' comes.
type step struct {
	sign byte
	text string
	a, b int // numbers of the line on both sides, from 1
}

func hunk(out *strings.Builder, steps []step) {
	minus, plus := 0, 0
	for _, s := range steps {
		if s.sign != '+' {
			minus++
		}
		if s.sign != '-' {
			plus++
		}
	}
	fmt.Fprintf(out, "@@ -%d,%d +%d,%d @@\n", steps[0].a, minus, steps[0].b, plus)
	for _, s := range steps {
		fmt.Fprintf(out, "%c%s\n", s.sign, s.text)
	}
}

func textLines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}

// script is the way from a to b. Equal lines at both ends are not looked at;
// between them the longest common part is found, unless that is too much work.
func script(a, b []string) []step {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var out []step
	i, j := 0, 0
	add := func(sign byte, text string) {
		out = append(out, step{sign, text, i + 1, j + 1})
		if sign != '+' {
			i++
		}
		if sign != '-' {
			j++
		}
	}
	for _, line := range a[:head] {
		add(' ', line)
	}
	for _, s := range middle(a[head:len(a)-tail], b[head:len(b)-tail]) {
		add(s.sign, s.text)
	}
	for _, line := range a[len(a)-tail:] {
		add(' ', line)
	}
	return out
}

func middle(a, b []string) []step {
	var out []step
	if len(a)*len(b) > maxDiff {
		for _, line := range a {
			out = append(out, step{sign: '-', text: line})
		}
		for _, line := range b {
			out = append(out, step{sign: '+', text: line})
		}
		return out
	}
	// common[i][j] is the length of the longest common part of a[i:] and b[j:].
	common := make([][]int32, len(a)+1)
	for i := range common {
		common[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if common[i][j] = max(common[i+1][j], common[i][j+1]); a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, step{sign: ' ', text: a[i]})
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || common[i+1][j] >= common[i][j+1]):
			out = append(out, step{sign: '-', text: a[i]})
			i++
		default:
			out = append(out, step{sign: '+', text: b[j]})
			j++
		}
	}
	return out
}
