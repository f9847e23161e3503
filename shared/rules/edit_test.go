package rules

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/assent-epm/assent/shared/elevation"
)

const commented = `# the head stays
rules:   # a remark
  # about a
  - name: a   # first
    match: {path: /usr/bin/id, args: []}
    then: approve
    # the end of a

  # about b
  -   name: b
      match:
        path: "/usr/bin/uptime"   # quoted
        args: []
      then:   approve
      mode: observe # not yet
      when: |
        user.groups.exists(g,
          g == "developers")

  - {name: c, match: {path: /usr/bin/w}, then: deny}
# the tests
tests:
  - {attempt: {path: /usr/bin/id}, expect: approve}   # odd   spaces
`

// A change of one rule leaves every other byte as it was.
func TestEditKeepsTheRest(t *testing.T) {
	part := func(from, to string) string {
		_, tail, _ := strings.Cut(commented, from)
		body, _, _ := strings.Cut(tail, to)
		return from + body
	}
	a, b, c := part("  - name: a", "\n  # about b"), part("  -   name: b", "\n  - {name: c"), part("  - {name: c", "# the tests")
	const next = "name: x\nmatch: {path: /usr/bin/who, args: []} # new\nthen: approve\n"
	const listedNext = "  - name: x\n    match: {path: /usr/bin/who, args: []} # new\n    then: approve\n"
	tests := []struct {
		name string
		do   func() ([]byte, error)
		want string
	}{
		{"replace a", func() ([]byte, error) { return PutRule([]byte(commented), "a", next) }, strings.Replace(commented, a, listedNext, 1)},
		{"replace b", func() ([]byte, error) { return PutRule([]byte(commented), "b", next) }, strings.Replace(commented, b, listedNext, 1)},
		{"replace c", func() ([]byte, error) { return PutRule([]byte(commented), "c", next) }, strings.Replace(commented, c, listedNext, 1)},
		{"add", func() ([]byte, error) { return PutRule([]byte(commented), "", next) }, strings.Replace(commented, c, c+listedNext, 1)},
		{"add from a file of one", func() ([]byte, error) {
			return PutRule([]byte(commented), "", "rules:\n- name: x\n  match: {path: /usr/bin/who, args: []} # new\n  then: approve\n")
		}, strings.Replace(commented, c, c+listedNext, 1)},
		{"remove a", func() ([]byte, error) { return RemoveRule([]byte(commented), "a") }, strings.Replace(commented, a, "", 1)},
		{"remove b", func() ([]byte, error) { return RemoveRule([]byte(commented), "b") }, strings.Replace(commented, b, "", 1)},
		{"remove c", func() ([]byte, error) { return RemoveRule([]byte(commented), "c") }, strings.Replace(commented, c, "", 1)},
		{"a observes", func() ([]byte, error) { return SetMode([]byte(commented), "a", Observe) },
			strings.Replace(commented, "name: a   # first\n", "name: a   # first\n    mode: observe\n", 1)},
		{"b enforces", func() ([]byte, error) { return SetMode([]byte(commented), "b", Enforce) },
			strings.Replace(strings.Replace(commented, b, strings.ReplaceAll(strings.ReplaceAll(b, "\n      ", "\n    "), "-   name", "- name"), 1), "mode: observe", "mode: enforce", 1)},
		{"b observes already", func() ([]byte, error) { return SetMode([]byte(commented), "b", Observe) }, commented},
		{"c observes", func() ([]byte, error) { return SetMode([]byte(commented), "c", Observe) },
			strings.Replace(commented, "{name: c", "{mode: observe, name: c", 1)},
		{"into nothing", func() ([]byte, error) { return PutRule(nil, "", next) }, "rules:\n" + listedNext},
		{"into an empty list", func() ([]byte, error) { return PutRule([]byte("rules: [] # none\n"), "", next) }, "rules: # none\n" + listedNext},
		{"into an empty list, tests behind", func() ([]byte, error) {
			return PutRule([]byte("rules: []\ntests: [] # t\n"), "", next)
		}, "rules:\n" + listedNext + "tests: [] # t\n"},
		{"the last one goes", func() ([]byte, error) { return RemoveRule([]byte("# x\nrules:\n"+listedNext+"# y\n"), "x") }, "# x\nrules: []\n# y\n"},
		{"no line end", func() ([]byte, error) {
			return PutRule([]byte(strings.TrimSuffix(approveID, "\n")), "", next)
		}, approveID + strings.ReplaceAll(listedNext, "\n  ", "\n")[2:]},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.do()
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, string(got)); d != "" {
				t.Error(d)
			}
			mustParse(t, string(got))
		})
	}
}

func TestEditRefuses(t *testing.T) {
	const good = "name: x\nmatch: {path: /usr/bin/who, args: []}\nthen: approve\n"
	for name, err := range map[string]error{
		"no such rule":    errOf(PutRule([]byte(commented), "zz", good)),
		"nothing to take": errOf(RemoveRule([]byte(commented), "zz")),
		"no mode to set":  errOf(SetMode([]byte(commented), "zz", Observe)),
	} {
		if !errors.Is(err, elevation.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, rule := range []string{"", "[", "- a", "a", "name: &x a", "rules: []", "rules: [{name: a}, {name: b}]"} {
		if _, err := PutRule([]byte(commented), "a", rule); !errors.Is(err, elevation.ErrInvalid) {
			t.Errorf("%q: %v", rule, err)
		}
	}
}

func errOf(_ []byte, err error) error { return err }

// What a rule's own text is put back as changes nothing.
func TestRuleTextGoesBack(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range mustParse(t, string(raw)).Rules() {
		alone, err := RuleText(raw, r.Name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := PutRule(raw, r.Name, alone); err != nil || string(got) != string(raw) {
			t.Errorf("%s: %v\n%s", r.Name, err, cmp.Diff(string(raw), string(got)))
		}
	}
	alone, err := RuleText([]byte(commented), "b")
	if err != nil || !strings.HasPrefix(alone, "name: b\nmatch:\n  path:") || !strings.Contains(alone, "\n  user.groups.exists(g,\n    g ==") {
		t.Errorf("%v\n%s", err, alone)
	}
}

// Whatever the text looks like, a change does what it says and nothing else.
func TestEditAnyText(t *testing.T) {
	styles := []string{"- name: %s\n  match: {path: /usr/bin/%s}\n  then: deny\n", "-\n  name: %s\n  # in between\n  match:\n    path: /usr/bin/%s\n  then: deny\n",
		"- {name: %s, match: {path: /usr/bin/%s}, then: deny}\n", "-   then: deny\n    name: %s\n    match: {path: /usr/bin/%s}\n\n",
		"- name: %s\n  match: {path: /usr/bin/%s,\n    args: [x,\n    y]}\n  then: deny\n# behind\n"}
	rapid.Check(t, func(t *rapid.T) {
		deep := rapid.SampledFrom([]string{"", "  "}).Draw(t, "depth")
		text := rapid.SampledFrom([]string{"", "# head\n", "tests: []\n"}).Draw(t, "head") + "rules:\n"
		names := []string{"a", "b", "c", "d"}[:rapid.IntRange(1, 4).Draw(t, "rules")]
		for _, n := range names {
			one := strings.ReplaceAll(rapid.SampledFrom(styles).Draw(t, "style"), "%s", n)
			for line := range strings.Lines(one) {
				text += deep + line
			}
		}
		if rapid.Bool().Draw(t, "tail") && !strings.HasPrefix(text, "tests") {
			text += "tests: []\n"
		}
		which := rapid.SampledFrom(names).Draw(t, "which")
		var out []byte
		var err error
		var added, changed, removed []string
		switch rapid.IntRange(0, 2).Draw(t, "act") {
		case 0:
			out, err = PutRule([]byte(text), elevation.RuleID(which), "name: "+which+"\nmatch: {path: /usr/bin/other}\nthen: deny\n")
			changed = []string{which}
		case 1:
			out, err = PutRule([]byte(text), "", "name: new\nmatch: {path: /usr/bin/other}\nthen: deny\n")
			added = []string{"new"}
		case 2:
			out, err = RemoveRule([]byte(text), elevation.RuleID(which))
			removed = []string{which}
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if set, faults := Parse(out); set == nil {
			t.Fatalf("%s of\n%s", format(faults), out)
		}
		x, y, z := Changes([]byte(text), out)
		if !cmp.Equal(x, added) || !cmp.Equal(y, changed) || !cmp.Equal(z, removed) {
			t.Fatalf("added %v, changed %v, removed %v:\n%s\nbecame\n%s", x, y, z, text, out)
		}
	})
}

func TestDiff(t *testing.T) {
	lines := func(s string) string { return strings.Join(strings.Fields(s), "\n") + "\n" }
	tests := []struct{ name, old, next, want string }{
		{"equal", "a\n", "a\n", ""},
		{"one line", lines("1 2 3 4 5 6 7 8 9"), lines("1 2 3 4 x 6 7 8 9"), "--- old\n+++ new\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n"},
		{"from nothing", "", "a\nb\n", "--- old\n+++ new\n@@ -1,0 +1,2 @@\n+a\n+b\n"},
		{"two places", lines("a 1 2 3 4 5 6 7 8 b"), lines("x 1 2 3 4 5 6 7 8 y"), "--- old\n+++ new\n@@ -1,4 +1,4 @@\n-a\n+x\n 1\n 2\n 3\n@@ -7,4 +7,4 @@\n 6\n 7\n 8\n-b\n+y\n"},
	}
	for _, tt := range tests {
		if got := Diff(tt.old, tt.next, "old", "new"); got != tt.want {
			t.Errorf("%s:\n%s", tt.name, cmp.Diff(tt.want, got))
		}
	}
	big := strings.Repeat("a\nb\n", 20_000)
	if got := Diff(big, strings.Repeat("c\nd\n", 20_000), "old", "new"); strings.Count(got, "\n+c") != 20_000 {
		t.Error("two large texts that have nothing in common")
	}
}
