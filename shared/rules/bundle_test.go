package rules

import (
	"slices"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// bundleOf is what a controller makes of a text for an endpoint.
func bundleOf(t *testing.T, text string, labels map[string]string) *Bundled {
	t.Helper()
	set, faults := Parse([]byte(text), WithConditions(&Bundled{}))
	if set == nil {
		t.Fatal(faults)
	}
	b, err := FromBundle(elevation.Bundle{Endpoint: "ep_1", Version: 7, Labels: labels,
		Rules: []elevation.BundledRules{{YAML: []byte(BundleText(set.Rules(), labels))}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBundleApprovesOnlyWhatNeedsNobody(t *testing.T) {
	attempt := elevation.Attempt{AccessType: elevation.Run, User: elevation.User{Name: "alice", UID: "1000"},
		Subject: elevation.Subject{Path: "/usr/bin/id", Args: []string{}, RunAs: "root"}}
	approve := "rules:\n- name: id\n  match: {path: /usr/bin/id, args: []}\n  then: approve\n"
	rows := []struct {
		name, text string
		want       Kind
	}{
		{"a rule approves", approve, Approve},
		{"a rule denies", approve + "- name: not\n  match: {path: /usr/bin/id}\n  then: deny\n", Deny},
		{"no rule", "rules:\n- name: other\n  match: {path: /usr/bin/who}\n  then: approve\n", Ask},
		{"a person", approve + "- name: who\n  match: {path: /usr/bin/id}\n  then: require\n", Ask},
		{"a ticket that is given", approve + "  require: {ticket: 'CHG-[0-9]+'}\n", Ask},
		{"presence", approve + "  require: {step_up: true}\n", Ask},
		{"confirmation", approve + "  require: {confirm: password}\n", Ask},
		{"a condition of its own", approve + "  when: user.name == 'alice'\n", Ask},
		{"a condition of a denial", approve + "- name: not\n  match: {path: /usr/bin/id}\n  when: priority == 'high'\n  then: deny\n", Ask},
		{"a condition of another approval", approve + "- name: more\n  match: {path: /usr/bin/id, args: [], user: [alice]}\n  when: 'true'\n  then: approve\n  limits: {duration: 1m}\n", Ask},
		{"a condition elsewhere", approve + "- name: not\n  match: {path: /usr/bin/who}\n  when: 'true'\n  then: deny\n", Approve},
		{"another label", approve + "- name: not\n  match: {path: /usr/bin/id, endpoint: {labels: {env: prod}}}\n  then: deny\n", Approve},
		{"this label", approve + "- name: not\n  match: {path: /usr/bin/id, endpoint: {labels: {env: test}}}\n  then: deny\n", Deny},
		{"one that observes", approve + "- name: not\n  match: {path: /usr/bin/id}\n  then: deny\n  mode: observe\n", Approve},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			out := bundleOf(t, row.text, map[string]string{"env": "test"}).Answer(attempt, "CHG-1", time.Now())
			if out.Kind != row.want {
				t.Errorf("%s: %s", out.Kind, out.Sentence)
			}
			if row.want == Approve && out.Rule != "id@7" {
				t.Errorf("by %q", out.Rule)
			}
		})
	}
}

// TestBundleSaysWhatTheSetSays: what a bundle answers is what the whole set does,
// or a question.
func TestBundleSaysWhatTheSetSays(t *testing.T) {
	text := "rules:\n"
	for _, r := range []string{
		"{name: a, match: {path: /usr/bin/a}, then: approve, limits: {duration: 5m}}",
		"{name: b, match: {path: {regex: '/usr/bin/[ab]'}, args: [x]}, then: deny, message: {en: 'not: \"x\"'}}",
		"{name: c, match: {path: /usr/bin/c, endpoint: {labels: {env: prod}}}, then: approve}",
		"{name: d, match: {path: /usr/bin/d, user: [bob]}, then: approve}",
	} {
		text += "- " + r + "\n"
	}
	set, faults := Parse([]byte(text))
	if set == nil {
		t.Fatal(faults)
	}
	set = set.At(7)
	for _, labels := range []map[string]string{{}, {"env": "prod"}} {
		b := bundleOf(t, text, labels)
		for _, path := range []string{"/usr/bin/a", "/usr/bin/b", "/usr/bin/c", "/usr/bin/d"} {
			for _, args := range [][]string{{}, {"x"}} {
				for _, user := range []string{"alice", "bob"} {
					a := elevation.Attempt{AccessType: elevation.Run, User: elevation.User{Name: user, UID: "1"}, Subject: elevation.Subject{Path: path, Args: args, RunAs: "root"}}
					want := set.Evaluate(Input{Attempt: a, Endpoint: Endpoint{Labels: labels}}, time.Now())
					got := b.Answer(a, "", time.Now())
					if got.Kind != want.Kind || got.Rule != want.Rule || got.Limits != want.Limits || got.Text("en") != want.Text("en") {
						t.Errorf("%s %v %s %v: %s by %s, the set says %s by %s", path, args, user, labels, got.Kind, got.Rule, want.Kind, want.Rule)
					}
				}
			}
		}
	}
}

func TestBundleOfPack(t *testing.T) {
	pack := []byte("rules:\n- name: guard\n  match: {path: /usr/bin/id}\n  then: deny\n")
	b, err := FromBundle(elevation.Bundle{Rules: []elevation.BundledRules{{Pack: "deny@1", Asking: true, YAML: pack}}})
	if err != nil {
		t.Fatal(err)
	}
	out := b.Answer(elevation.Attempt{AccessType: elevation.Run, Subject: elevation.Subject{Path: "/usr/bin/id"}}, "", time.Now())
	if out.Kind != Ask || !slices.Contains(out.Need.Rules, "guard@0") {
		t.Errorf("%s: %s", out.Kind, out.Sentence)
	}
	if _, err := FromBundle(elevation.Bundle{Rules: []elevation.BundledRules{{YAML: []byte("rules: {")}}}); err == nil {
		t.Error("what can not be read is a bundle")
	}
	if _, err := FromBundle(elevation.Bundle{Zone: "Nowhere/Land"}); err == nil {
		t.Error("a zone that is not there is taken")
	}
}
