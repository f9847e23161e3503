package accounts

import (
	"slices"
	"testing"
)

func TestChange(t *testing.T) {
	const text = "root:x:0:\nsudo:x:27:carol,,bob\nusers:x:100:sudo\nno newline:x:5:a"
	rows := map[string]struct {
		group string
		out   string // who goes
		want  string
		was   []string
		ok    bool
	}{
		"one of two":        {"sudo", "bob", "root:x:0:\nsudo:x:27:carol\nusers:x:100:sudo\nno newline:x:5:a", []string{"carol", "bob"}, true},
		"nobody":            {"sudo", "alice", text, []string{"carol", "bob"}, true}, // as it was, with its empty place
		"the last line":     {"no newline", "a", "root:x:0:\nsudo:x:27:carol,,bob\nusers:x:100:sudo\nno newline:x:5:", []string{"a"}, true},
		"no such group":     {"wheel", "bob", text, nil, false},
		"a member's name":   {"bob", "bob", text, nil, false},
		"an empty group":    {"root", "bob", text, nil, true},
		"part of its name":  {"sud", "bob", text, nil, false},
		"with its password": {"sudo:x", "bob", text, nil, false},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			is, was, ok := Change([]byte(text), row.group, func(m []string) []string { return Without(m, row.out) })
			if string(is) != row.want || ok != row.ok || !slices.Equal(was, row.was) {
				t.Errorf("%q %q %t", is, was, ok)
			}
		})
	}
}
