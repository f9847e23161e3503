package rules

import (
	"fmt"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// Fixture is one line of `tests:`: an attempt and what the rules must say of it.
type Fixture struct {
	Name   string
	Input  Input
	At     time.Time
	Expect string           // "approve", "deny", "ask", or "require": asked because a rule requires it
	Rule   elevation.RuleID // that must have answered, "" = any
	Line   int
	Col    int
}

// fixtureTime is when fixtures happen that do not say `at`: a Wednesday, noon
// in UTC.
func fixtureTime() time.Time { return time.Date(2026, time.January, 7, 12, 0, 0, 0, time.UTC) }

// maxTestCost bounds the cost of all conditions in one run of the tests.
const maxTestCost = 20 * maxCost

// Test runs the fixtures of the set and returns a fault for each that fails,
// at its place in the file.
func (s *Set) Test() []Fault {
	if s == nil {
		return nil
	}
	var out []Fault
	spent := uint64(0)
	for _, f := range s.fixtures {
		if spent > maxTestCost {
			return append(out, Fault{Line: f.Line, Col: f.Col, Severity: Error, Code: "too_large",
				Text: "the tests up to here took too long: make their attempts smaller, or the conditions of the rules simpler"})
		}
		in := f.Input
		in.Endpoint.Can = Current()
		o := s.Evaluate(in, f.At)
		spent += o.cost
		got := o.Kind.String()
		if f.Expect == "require" && o.Kind == Ask && len(o.Need.Rules) > 0 {
			got = "require"
		}
		what := f.Name
		if what == "" {
			what = "the test"
		}
		switch {
		case got != f.Expect:
			out = append(out, Fault{Line: f.Line, Col: f.Col, Severity: Error, Code: "test_failed",
				Text: fmt.Sprintf("%s expects %s, but the rules say %s: %s", what, f.Expect, got, o.Sentence)})
		case f.Rule != "" && f.Rule != o.Name:
			out = append(out, Fault{Line: f.Line, Col: f.Col, Severity: Error, Code: "test_failed",
				Text: fmt.Sprintf("%s expects rule %q to answer, but it is %q: %s", what, f.Rule, o.Name, o.Sentence)})
		}
	}
	return out
}
