package packs

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/rules/cel"
)

// Every pack has no fault at all, each rule has a sentence and a test of its own
// name that it answers, and its tests hold.
func TestPacks(t *testing.T) {
	conditions, err := cel.New()
	if err != nil {
		t.Fatal(err)
	}
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		set, faults := rules.Parse([]byte(p.YAML), rules.WithConditions(conditions))
		if set == nil || slices.ContainsFunc(faults, func(f rules.Fault) bool { return f.Code != "merged_usr" }) { // a Mac has /bin
			t.Errorf("%s: %v", p.Name, faults)
			continue
		}
		if failed := set.Test(); len(failed) > 0 {
			t.Errorf("%s: %v", p.Name, failed)
		}
		if p.Title == "" || p.Version < 1 || !p.Allows(p.First) || p.First == Enforce || p.First == Observe {
			t.Errorf("%s: %+v", p.Name, p)
		}
		for _, r := range set.Rules() {
			if !strings.HasPrefix(string(r.Name), p.Name+".") || len(r.Message["en"]) < 10 {
				t.Errorf("rule %s of %s has another name or no sentence", r.Name, p.Name)
			}
			if !strings.Contains(p.YAML, "- {name: "+string(r.Name)+", ") || !strings.Contains(p.YAML, "rule: "+string(r.Name)+"}") {
				t.Errorf("rule %s has no test", r.Name)
			}
		}
	}
}

func deny(t testing.TB, s State) *rules.Set {
	t.Helper()
	conditions, err := cel.New()
	if err != nil {
		t.Fatal(err)
	}
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	set, err := all[0].Set(s, conditions, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// The guarding pack asks a person with a warning, whatever others approve, until
// it is enforced; a rule of one's own of the same name takes its place.
func TestGuard(t *testing.T) {
	own, faults := rules.Parse([]byte("rules:\n- {name: a, match: {sha256: ['" + strings.Repeat("a", 64) + "'], args: [x]}, then: approve}\n"))
	if own == nil {
		t.Fatal(faults)
	}
	in := rules.Input{Attempt: elevation.Attempt{AccessType: elevation.Run,
		Subject: elevation.Subject{Path: "/usr/sbin/visudo", Args: []string{"x"}, SHA256: strings.Repeat("a", 64), RunAs: "root"}}}
	o := own.Join(deny(t, Ask)).At(4).Evaluate(in, time.Now())
	if o.Kind != rules.Ask || o.Rule != "deny.visudo@4" || len(o.Need.Caution) != 1 || o.Need.Caution[0].Reason != "deny.visudo" ||
		!strings.Contains(o.Need.Caution[0].Fact, "who may become root") {
		t.Errorf("in ask mode: %v by %s, %v", o.Kind, o.Rule, o.Need.Caution)
	}
	if o := own.Join(deny(t, Enforce)).Evaluate(in, time.Now()); o.Kind != rules.Deny {
		t.Errorf("enforced: %v", o.Kind)
	}
	o = own.Join(deny(t, Observe)).At(1).Evaluate(in, time.Now())
	if len(o.Need.Observed) != 1 || o.Need.Observed[0] != (elevation.WouldBe{Rule: "deny.visudo@1", Then: "deny"}) {
		t.Errorf("observing: %v %v", o.Kind, o.Need.Observed)
	}
	if set := deny(t, Off); set != nil {
		t.Error("off has rules")
	}
	mine, faults := rules.Parse([]byte("rules:\n- {name: deny.visudo, match: {path: visudo}, then: require}\n"))
	if mine == nil {
		t.Fatal(faults)
	}
	both := mine.Join(deny(t, Enforce))
	if o := both.Evaluate(in, time.Now()); o.Kind != rules.Ask || both.Len() != deny(t, Enforce).Len() {
		t.Errorf("one's own: %v of %d rules", o.Kind, both.Len())
	}
	if o := (*rules.Set)(nil).Join(deny(t, Ask)).Evaluate(rules.Input{}, time.Now()); o.Kind != rules.Ask {
		t.Error("a pack alone")
	}
}
