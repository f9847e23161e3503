package rules

import (
	"testing"
	"time"
)

// TestPrecedence holds the order of answers pair by pair.
func TestPrecedence(t *testing.T) {
	const (
		thumb       = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
		byHash      = "{name: hash, match: {sha256: [" + hashA + "], path: /usr/bin/id}, then: %s, precedence: 900}"
		byBoth      = "{name: both, match: {publisher: {thumbprint: " + thumb + "}, product: tool}, then: %s, precedence: 900}"
		byPublisher = "{name: alone, match: {publisher: {thumbprint: " + thumb + "}}, then: %s, precedence: 1}"
		byPath      = "{name: path, match: {path: /usr/bin/id}, then: %s, precedence: 1}"
		byPathLater = "{name: later, match: {path: /usr/bin/id, user: [bo]}, then: %s, precedence: 2}"
	)
	in := attempt("/usr/bin/id")
	in.Attempt.Subject.Publisher.Thumbprint, in.Attempt.Subject.Product = thumb, "tool"
	say := func(rule, then string) string {
		for i := 0; i+1 < len(rule); i++ {
			if rule[i:i+2] == "%s" {
				return rule[:i] + then + rule[i+2:]
			}
		}
		return rule
	}
	rows := []struct {
		name         string
		first, other string
		want         string
	}{
		{"hash before publisher and product", byHash, byBoth, "hash"},
		{"hash before path", byHash, byPath, "hash"},
		{"publisher and product before publisher", byBoth, byPublisher, "both"},
		{"publisher before path", byPublisher, byPath, "alone"},
		{"lower precedence first", byPath, byPathLater, "path"},
	}
	for _, row := range rows {
		for _, then := range []string{"deny", "require"} {
			for _, pair := range [][2]string{{row.first, row.other}, {row.other, row.first}} {
				set, faults := Parse([]byte("rules:\n- " + say(pair[0], then) + "\n- " + say(pair[1], then) + "\n"))
				if set == nil {
					t.Fatalf("%s: %v", row.name, faults)
				}
				if got := set.Evaluate(in, time.Time{}); string(got.Name) != row.want {
					t.Errorf("%s (%s): %q answers", row.name, then, got.Name)
				}
			}
		}
	}
	for _, row := range []struct {
		thens []string
		want  Kind
	}{
		{[]string{"deny", "approve"}, Deny}, {[]string{"deny", "require"}, Deny}, {[]string{"require", "approve"}, Ask}, {[]string{"deny", "require", "approve"}, Deny},
	} {
		text := "rules:\n"
		for i, then := range row.thens {
			text += "- {name: r" + string(rune('a'+i)) + ", match: {path: /usr/bin/id, args: [], user: [bo" + ", x"[:3*min(i, 1)] + "]" + ", group: [staff]"[:16*(i/2)] + "}, then: " + then + "}\n"
		}
		set, faults := Parse([]byte(text))
		if set == nil {
			t.Fatalf("%s: %v", text, faults)
		}
		if got := set.Evaluate(in, time.Time{}); got.Kind != row.want {
			t.Errorf("%v: %v", row.thens, got.Kind)
		}
	}
}
