package cel

import (
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/rules"
)

// TestUnsureIsNoYes has a rule that approves beside one that could not be
// evaluated: what might have denied asks a person.
func TestUnsureIsNoYes(t *testing.T) {
	for _, then := range []string{"deny", "require"} {
		set, faults := rules.Parse([]byte(`rules:
- {name: yes, match: {path: /usr/bin/apt, args: [update]}, then: approve}
- name: unsure
  match: {path: /usr/bin/apt, args: [update], user: [bo, dina]}
  when: 1 / size(endpoint.labels.role) == 0
  then: `+then+"\n"), rules.WithConditions(compiler(t)))
		if set == nil {
			t.Fatal(faults)
		}
		in := input()
		in.Attempt.User.Name = "bo"
		in.Endpoint.Labels = map[string]string{"role": ""}
		if o := set.Evaluate(in, time.Now()); o.Kind != rules.Ask {
			t.Errorf("beside a rule that might %s: %v", then, o.Kind)
		}
		in.Attempt.User.Name = "somebody"
		if o := set.Evaluate(in, time.Now()); o.Kind != rules.Approve {
			t.Errorf("without it: %v (%v)", o.Kind, o.Trace)
		}
	}
}
