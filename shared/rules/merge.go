package rules

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/assent-epm/assent/shared/elevation"
)

// Merge puts the rules of incoming into current: a rule of the same name is
// replaced where it stands, others are added at the end, and so are tests that
// are not there yet. Both texts must be readable ([Parse] gives no syntax
// faults); current may be empty. The result must be parsed again: rules that
// were right alone may be wrong together.
func Merge(current, incoming []byte) ([]byte, error) {
	into, err := readTop(current)
	if err != nil {
		return nil, fmt.Errorf("read the present rules: %w", err)
	}
	from, err := readTop(incoming)
	if err != nil {
		return nil, fmt.Errorf("read the new rules: %w", err)
	}
	rules := section(into, "rules", true)
	for _, r := range items(section(from, "rules", false)) {
		if i := named(rules, ruleNameOf(r)); i >= 0 {
			rules.Content[i] = r
			continue
		}
		rules.Content = append(rules.Content, r)
	}
	if added := items(section(from, "tests", false)); len(added) > 0 {
		tests := section(into, "tests", true)
		have := map[string]bool{}
		for _, t := range tests.Content {
			have[written(t)] = true
		}
		for _, t := range added {
			if !have[written(t)] {
				tests.Content = append(tests.Content, t)
			}
		}
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(into); err != nil {
		return nil, fmt.Errorf("write the merged rules: %w", err)
	}
	return out.Bytes(), nil
}

// readTop reads the mapping at the top; an empty text is an empty mapping.
func readTop(text []byte) (*yaml.Node, error) {
	if len(text) > MaxYAML {
		return nil, fmt.Errorf("%w: larger than %d bytes", elevation.ErrInvalid, MaxYAML)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return &yaml.Node{Kind: yaml.MappingNode}, nil
	}
	l := &loader{}
	n := l.document(text)
	if n == nil || n.Kind != yaml.MappingNode || len(l.faults) > 0 {
		return nil, fmt.Errorf("%w: not a readable set of rules", elevation.ErrInvalid)
	}
	return n, nil
}

// section is the list under a key; nil when there is none, unless it shall be created.
func section(top *yaml.Node, key string, create bool) *yaml.Node {
	for i := 0; i+1 < len(top.Content); i += 2 {
		if top.Content[i].Value == key && top.Content[i+1].Kind == yaml.SequenceNode {
			return top.Content[i+1]
		}
	}
	if !create {
		return nil
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	top.Content = append(top.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, list)
	return list
}

func items(n *yaml.Node) []*yaml.Node {
	if n == nil {
		return nil
	}
	return n.Content
}

func ruleNameOf(n *yaml.Node) string {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "name" {
			return n.Content[i+1].Value
		}
	}
	return ""
}

func named(list *yaml.Node, name string) int {
	for i, r := range list.Content {
		if name != "" && ruleNameOf(r) == name {
			return i
		}
	}
	return -1
}

// written is a node as text, to compare two of them; "" for what can not be
// written, which equals nothing that is there.
func written(n *yaml.Node) string {
	raw, err := yaml.Marshal(n)
	if err != nil {
		return ""
	}
	return string(raw)
}
