package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Texts of the largest size, each made to be slow or deep, are read or refused
// within seconds and never bring the program down.
func TestHostileTexts(t *testing.T) {
	fill := func(unit string) string { return strings.Repeat(unit, (MaxYAML-200)/len(unit)) }
	rule := func(part string) string { return "rules:\n- name: a\n  then: deny\n  match: " + part + "\n" }
	tests := []struct{ name, text string }{
		{"open lists", "rules: " + fill("[")},
		{"open mappings", "rules: " + fill("{")},
		{"closed lists", "rules: " + fill("[],")},
		{"dashes", "rules:\n" + fill("- ")},
		{"dashes on lines", "rules:\n" + fill("-\n")},
		{"questions", "rules:\n" + fill("? ")},
		{"colons", fill("a: ")},
		{"one long key", fill("a") + ": b\n"},
		{"many keys", manyLines("k%d: 1\n")},
		{"comments", "rules: []\n" + fill("# x\n")},
		{"comments inside", "rules:\n" + fill("- # x\n")},
		{"anchors", "rules:\n" + manyLines("- &a%d x\n")},
		{"quotes", "rules: " + fill("'")},
		{"double quotes", `rules: "` + fill(`\"`)},
		{"escapes", `rules: "` + fill(`\x41`) + `"`},
		{"a block", "rules: |\n" + fill(" x\n")},
		{"folds", "rules: >\n" + fill(" x\n\n")},
		{"tags", "rules: " + fill("!!str ")},
		{"directives", fill("%YAML 1.1\n")},
		{"documents", fill("---\n")},
		{"deep indents", deepIndents()},
		{"line ends", fill("\r\n") + "rules: []"},
		{"NULs", fill("\x00")},
		{"no UTF-8", fill("\xff")},
		{"UTF-16", "\xff\xfe" + fill("r\x00")},
		{"byte order marks", fill("\ufeff")},
		{"a large condition", "rules:\n- {name: a, match: {path: /usr/bin/id}, then: deny, when: '" + fill("a||") + "a'}\n"},
		{"a large path", rule("{path: /" + fill("a") + "}")},
		{"a large regex", rule("{path: {regex: '" + fill("a*") + "'}}")},
		{"a deep regex", rule("{path: {regex: '" + strings.Repeat("(", 450) + strings.Repeat(")", 450) + "'}}")},
		{"many args", rule("{path: /usr/bin/id, args: [" + fill("a,") + "]}")},
		{"many labels", rule("{endpoint: {labels: {" + manyLines("a%d: b, ") + "}}}")},
		{"many hashes", rule("{sha256: [" + fill(hashA+", ") + "]}")},
		{"many rules", "rules:\n" + manyLines("- {name: r%d, match: {path: /a/b}, then: deny}\n")},
		{"many tests", "rules: []\ntests:\n" + manyLines("- {attempt: {path: /a/%d}, expect: ask}\n")},
		{"many regexes", "rules:\n" + manyLines("- {name: r%d, match: {path: {regex: '(a{100}){100}'}}, then: deny}\n")},
		{"many large regexes", "rules:\n" + strings.Repeat("- {name: r, match: {path: {regex: '(a{100}){99}'}}, then: deny}\n", 4000)},
		{"many messages", "rules:\n- {name: a, match: {}, then: deny, message: {" + fill("en: x, ") + "}}\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			started := time.Now()
			s, faults := Parse([]byte(tt.text), WithConditions(words{}))
			if d := time.Since(started); d > 20*time.Second {
				t.Errorf("it took %v", d)
			}
			if (s == nil) != Failed(faults) || len(faults) > maxFaults {
				t.Errorf("set %v with %d faults", s != nil, len(faults))
			}
			for _, f := range faults {
				if len(f.Text) > 2000 {
					t.Errorf("a fault of %d bytes: %.100s", len(f.Text), f.Text)
				}
			}
		})
	}
}

func manyLines(format string) string {
	var b strings.Builder
	for i := 0; b.Len() < MaxYAML-400; i++ {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func deepIndents() string {
	var b strings.Builder
	for i := 0; b.Len() < MaxYAML-4000; i++ {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestMerge(t *testing.T) {
	const b = "rules:\n- {name: b, match: {path: /usr/bin/uptime, args: []}, then: approve}\n"
	tests := []struct {
		name, current, incoming string
		want                    []string // names and answers
		fixtures                int
	}{
		{"into nothing", "", b, []string{"b approve"}, 0},
		{"into an empty set", "rules: []\n", b, []string{"b approve"}, 0},
		{"one more", approveID, b, []string{"a approve", "b approve"}, 0},
		{"replace in place", approveID + b[len("rules:\n"):], "rules:\n- {name: a, match: {path: /usr/bin/id}, then: deny}\n", []string{"a deny", "b approve"}, 0},
		{"nothing new", approveID, approveID, []string{"a approve"}, 0},
		{"tests come along once", approveID + "tests:\n- {attempt: {path: /usr/bin/id}, expect: approve}\n",
			b + "tests:\n- {attempt: {path: /usr/bin/id}, expect: approve}\n- {attempt: {path: /usr/bin/uptime}, expect: approve}\n", []string{"a approve", "b approve"}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := Merge([]byte(tt.current), []byte(tt.incoming))
			if err != nil {
				t.Fatal(err)
			}
			s := mustParse(t, string(out))
			var got []string
			for _, r := range s.Rules() {
				got = append(got, string(r.Name)+" "+string(r.Then))
			}
			if strings.Join(got, ", ") != strings.Join(tt.want, ", ") || len(s.fixtures) != tt.fixtures || len(s.Test()) != 0 {
				t.Errorf("got %v with %d tests in\n%s", got, len(s.fixtures), out)
			}
			again, err := Merge(out, []byte(tt.incoming))
			if err != nil || string(again) != string(out) {
				t.Errorf("merging again changes it:\n%s", again)
			}
		})
	}
	for _, bad := range []string{"rules: [", "- a", "rules: &x []", strings.Repeat("#", MaxYAML+1)} {
		if _, err := Merge([]byte(approveID), []byte(bad)); err == nil {
			t.Errorf("%.20q was merged", bad)
		}
		if _, err := Merge([]byte(bad), []byte(approveID)); err == nil {
			t.Errorf("it was merged into %.20q", bad)
		}
	}
}
