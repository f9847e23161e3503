package rules

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assent-epm/assent/shared/elevation"
)

// The golden file shows a set with everything that evaluating its tests gives.
func TestExampleGolden(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s, faults := Parse(raw, WithConditions(words{}))
	if s == nil {
		t.Fatal(format(faults))
	}
	s = s.At(3)
	if failed := s.Test(); len(failed) > 0 {
		t.Error(format(failed))
	}
	var b strings.Builder
	b.WriteString(format(faults))
	for _, f := range s.fixtures {
		o := s.Evaluate(f.Input, f.At)
		fmt.Fprintf(&b, "\n%s: %s by %q\n  %s\n", f.Name, o.Kind, o.Rule, o.Sentence)
		if m := o.Text("en"); m != "" {
			fmt.Fprintf(&b, "  message: %s\n", m)
		}
		if o.Limits.Duration > 0 {
			fmt.Fprintf(&b, "  at most: %s\n", elevation.FormatDuration(o.Limits.Duration))
		}
		if o.Need.Ticket != "" {
			fmt.Fprintf(&b, "  ticket: %s (then by rule: %v)\n", o.Need.Ticket, o.ByRule)
		}
		for _, st := range o.Need.Stages {
			fmt.Fprintf(&b, "  stage: %d of %s\n", st.Quorum, st.Team)
		}
		for _, l := range o.Trace {
			fmt.Fprintf(&b, "  - %s %v: %s\n", l.Rule, l.Matched, l.Why)
		}
	}
	golden := filepath.Join("testdata", "example.out")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Error(d)
	}
}

// What every part of the described format means, in full.
func TestDesignGolden(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "design.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	list := mustParse(t, string(raw)).Rules()
	for i := range list {
		list[i].YAML = ""
	}
	got, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "design.json")
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)+"\n"); d != "" {
		t.Error(d)
	}
}

func TestFailingFixturesAreNamed(t *testing.T) {
	s := mustParse(t, approveID+`tests:
- {name: wrong, attempt: {path: /usr/bin/id}, expect: deny}
- {attempt: {path: /usr/bin/id}, expect: approve, rule: other}
- {attempt: {path: /usr/bin/id, args: [-u]}, expect: require}
- {attempt: {path: /usr/bin/id, marks: [user_writable]}, expect: ask}
`)
	got := s.Test()
	if len(got) != 3 || got[0].Line != 6 || got[0].Code != "test_failed" || !strings.Contains(got[0].Text, "wrong expects deny, but the rules say approve") {
		t.Errorf("got\n%s", format(got))
	}
}
