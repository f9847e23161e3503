package rules

import (
	"fmt"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// WhyNot says of one rule whether it matches an attempt, and else the first
// condition that does not hold, also when the rule is about another program,
// which the trace of an [Outcome] leaves out. [elevation.ErrNotFound] when there
// is no such rule.
func (s *Set) WhyNot(name elevation.RuleID, in Input, now time.Time) (elevation.TraceLine, error) {
	if s != nil {
		for _, r := range s.rules {
			if r.Name == name {
				return s.whyNot(r, in, now), nil
			}
		}
	}
	return elevation.TraceLine{}, fmt.Errorf("rule %s: %w", printable(string(name)), elevation.ErrNotFound)
}

func (s *Set) whyNot(r *rule, in Input, now time.Time) elevation.TraceLine {
	if !r.anchored(&in.Attempt.Subject) {
		return elevation.TraceLine{Rule: s.refs[r.rank], Why: r.otherProgram(&in.Attempt.Subject)}
	}
	v := verdict{in: &in, refs: s.refs}
	v.hear(r, r.holds(&in, now, 0))
	return v.trace[0]
}
