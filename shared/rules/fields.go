package rules

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/assent-epm/assent/shared/elevation"
)

// maxDraft is how many values a draft has: one rule with its tests. What is done
// with each of them would take minutes for as many as a whole set has.
const maxDraft = 10_000

// draftTop reads the text of a draft.
func draftTop(text []byte) (*yaml.Node, error) {
	top, err := readTop(text)
	if err != nil {
		return nil, err
	}
	if n := nodes(top); n > maxDraft {
		return nil, fmt.Errorf("%w: one rule with its tests has no more than %d values, this text has %d", elevation.ErrInvalid, maxDraft, n)
	}
	return top, nil
}

func nodes(n *yaml.Node) int {
	count := 1
	for _, c := range n.Content {
		count += nodes(c)
	}
	return count
}

// Fields is a text of rules as plain values, for a form: mappings, lists, texts,
// numbers and truth values. What no rule knows is in it too. A text that is no
// plain YAML is [elevation.ErrInvalid].
func Fields(text []byte) (map[string]any, error) {
	top, err := draftTop(text)
	if err != nil {
		return nil, err
	}
	v, err := valueOf(top)
	if err != nil {
		return nil, err
	}
	m, _ := v.(map[string]any)
	return m, nil
}

// SetFields makes a text say what the values say. What says it already stays as
// it is written, with its comments; a key that the values lack is taken out. The
// values are those of encoding/json.
func SetFields(text []byte, values map[string]any) ([]byte, error) {
	top, err := draftTop(text)
	if err != nil {
		return nil, err
	}
	if _, err := valueOf(top); err != nil {
		return nil, err
	}
	size := 0
	if err := measure(values, 0, &size); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(say(top, values, 0)); err != nil {
		return nil, fmt.Errorf("write the fields: %w", err)
	}
	return out.Bytes(), nil
}

// measure bounds what is written.
func measure(v any, depth int, count *int) error {
	if *count++; depth > maxDepth || *count > maxDraft {
		return fmt.Errorf("%w: the fields are too many or nested too deep", elevation.ErrInvalid)
	}
	switch x := v.(type) {
	case map[string]any:
		for _, c := range x {
			if err := measure(c, depth+1, count); err != nil {
				return err
			}
		}
	case []any:
		for _, c := range x {
			if err := measure(c, depth+1, count); err != nil {
				return err
			}
		}
	}
	return nil
}

// valueOf is a node as encoding/json would read it.
func valueOf(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			if _, twice := out[k.Value]; twice || k.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("%w: line %d: a key is there twice, or is no word", elevation.ErrInvalid, k.Line)
			}
			v, err := valueOf(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			out[k.Value] = v
		}
		return out, nil
	case yaml.SequenceNode:
		out := []any{}
		for _, c := range n.Content {
			v, err := valueOf(c)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	}
	return scalarOf(n), nil
}

// scalarOf is text for everything that a number of JSON would change.
func scalarOf(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int":
		if v, err := strconv.ParseInt(n.Value, 10, 64); err == nil && strconv.FormatInt(v, 10) == n.Value && v < 1<<53 && v > -1<<53 {
			return float64(v)
		}
	}
	return n.Value
}

// say makes a node say a value, and keeps what says it already.
func say(n *yaml.Node, v any, depth int) *yaml.Node {
	if n != nil {
		if was, err := valueOf(n); err == nil && equal(was, v) {
			return n
		}
	}
	switch x := v.(type) {
	case map[string]any:
		return sayMapping(n, x, depth)
	case []any:
		return sayList(n, x, depth)
	}
	out := scalar(v)
	if n != nil && n.Kind == yaml.ScalarNode {
		out.HeadComment, out.LineComment, out.FootComment = n.HeadComment, n.LineComment, n.FootComment
		if out.Tag == "!!str" && n.ShortTag() == "!!str" {
			out.Style = n.Style
		}
	}
	return out
}

// equal compares values of encoding/json.
func equal(a, b any) bool {
	x, err := json.Marshal(a)
	if err != nil {
		return false
	}
	y, err := json.Marshal(b)
	return err == nil && bytes.Equal(x, y)
}

func scalar(v any) *yaml.Node {
	out := &yaml.Node{Kind: yaml.ScalarNode}
	switch x := v.(type) {
	case nil:
		out.Tag, out.Value = "!!null", "null"
	case bool:
		out.Tag, out.Value = "!!bool", strconv.FormatBool(x)
	case float64:
		out.Tag, out.Value = "!!float", strconv.FormatFloat(x, 'g', -1, 64)
		if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			out.Tag, out.Value = "!!int", strconv.FormatInt(int64(x), 10)
		}
	case string:
		out.Tag, out.Value = "!!str", x
		if strings.ContainsFunc(x, control) && !strings.Contains(x, "\n") {
			out.Style = yaml.DoubleQuotedStyle
		}
	default:
		out.Tag, out.Value = "!!str", fmt.Sprint(x)
	}
	return out
}

// keyOrder is how people write the keys of a rule and of a test.
func keyOrder() []string {
	return []string{"rules", "tests", "name", "path", "sha256", "publisher", "product", "version", "args", "parent", "user", "group", "endpoint", "access_type", "dialogs",
		"match", "when", "then", "require", "limits", "children", "set_priority", "precedence", "mode", "message", "attempt", "expect", "rule", "at",
		"team", "quorum", "stages", "ticket", "step_up", "confirm", "after_review", "duration", "hours", "tz"}
}

// flowDepth is where what is new is written in one line: below match, require and
// an attempt.
const flowDepth = 4

func keyRank(order []string, k string) int {
	if i := slices.Index(order, k); i >= 0 {
		return i
	}
	return len(order)
}

func sayMapping(n *yaml.Node, values map[string]any, depth int) *yaml.Node {
	out := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	if depth >= flowDepth {
		out.Style = yaml.FlowStyle
	}
	left := maps.Clone(values)
	if n != nil && n.Kind == yaml.MappingNode {
		kept := *n
		out, kept.Content = &kept, nil
		for i := 0; i+1 < len(n.Content); i += 2 {
			if v, ok := left[n.Content[i].Value]; ok {
				out.Content = append(out.Content, n.Content[i], say(n.Content[i+1], v, depth+1))
				delete(left, n.Content[i].Value)
			}
		}
	}
	order := keyOrder()
	added := slices.SortedFunc(maps.Keys(left), func(a, b string) int {
		return cmp.Or(cmp.Compare(keyRank(order, a), keyRank(order, b)), cmp.Compare(a, b))
	})
	for _, k := range added {
		at := 0
		for i := 0; i+1 < len(out.Content); i += 2 {
			if keyRank(order, out.Content[i].Value) <= keyRank(order, k) {
				at = i + 2
			}
		}
		below := depth + 1
		if slices.Contains([]string{"limits", "message", "endpoint", "publisher", "after_review"}, k) {
			below = flowDepth
		}
		out.Content = slices.Insert(out.Content, at, scalar(k), say(nil, left[k], below))
	}
	return out
}

// sayList takes elements that are there already wherever they stood.
func sayList(n *yaml.Node, values []any, depth int) *yaml.Node {
	out := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if depth > 1 {
		out.Style = yaml.FlowStyle
	}
	var old []*yaml.Node
	if n != nil && n.Kind == yaml.SequenceNode {
		kept := *n
		out, old, kept.Content = &kept, slices.Clone(n.Content), nil
	}
	same := map[string][]int{} // places of what is there, by how it reads
	for i, c := range old {
		if was, err := valueOf(c); err == nil {
			if text, err := json.Marshal(was); err == nil {
				same[string(text)] = append(same[string(text)], i)
			}
		}
	}
	take := func(v any) *yaml.Node {
		text, err := json.Marshal(v)
		if places := same[string(text)]; err == nil && len(places) > 0 {
			c := old[places[0]]
			same[string(text)], old[places[0]] = places[1:], nil
			return c
		}
		return nil
	}
	out.Content = make([]*yaml.Node, len(values))
	for i, v := range values {
		out.Content[i] = take(v)
	}
	for i, v := range values {
		switch {
		case out.Content[i] != nil:
		case i < len(old) && old[i] != nil:
			out.Content[i] = say(old[i], v, depth+1)
		default:
			out.Content[i] = say(nil, v, depth+1)
		}
	}
	return out
}
