package desk

import (
	"net/url"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/client"
)

func draftOf(p *Person, in client.DraftRule) client.RuleDraft {
	p.desk.T.Helper()
	return Must(client.Post[client.RuleDraft](p.desk.T.Context(), p.Client, "/rules/draft", in))(p.desk.T)
}

// One rule is written by fields or by text, which say the same; what the form
// does not know stays, and faults stand at lines of the one rule.
func TestU8DraftOfOneRule(t *testing.T) {
	d := New(t)
	rita := d.Person("rita", "rule_author")
	d.Rules(u8)
	a := draftOf(rita, client.DraftRule{Rule: "w"})
	if !a.OK || a.Name != "w" || a.Diff != "" || a.Version != 1 || a.Stored != a.YAML || a.Whole != u8 || a.What != "/usr/bin/w without arguments" {
		t.Fatalf("as it is: %s", JSON(a))
	}
	rule, _ := a.Fields["rules"].([]any)[0].(map[string]any)
	rule["limits"] = map[string]any{"duration": "1h"}
	b := draftOf(rita, client.DraftRule{Rule: "w", YAML: a.YAML, Fields: a.Fields})
	if !b.OK || len(b.Terms) != 1 || !strings.Contains(b.Whole, "# kept\n") || !strings.Contains(b.Whole, "  # about w\n  - name: w\n    match: {path: /usr/bin/w, args: []}\n    then: approve\n    limits: {duration: 1h}\ntests:\n") ||
		!strings.Contains(b.Diff, "+    limits: {duration: 1h}") {
		t.Errorf("with a limit: %s", JSON(b))
	}
	c := draftOf(rita, client.DraftRule{Rule: "w", YAML: "# mine\nrules:\n  - name: w\n    match: {path: /usr/bin/w, args: []}\n    then: nothing\n    odd: 1\n"})
	if c.OK || len(c.Faults) != 2 || c.Faults[0].Line != 5 || c.Faults[1].Line != 6 || c.Fields["rules"] == nil {
		t.Errorf("with faults: %s", JSON(c))
	}
	if c = draftOf(rita, client.DraftRule{Rule: "w", YAML: "rules: [\n"}); c.OK || len(c.Fields) != 0 || len(c.Faults) == 0 || c.YAML != "rules: [\n" {
		t.Errorf("no YAML: %s", JSON(c))
	}
	// Another rule's test breaks by it: that is said, and not of a line of this text.
	c = draftOf(rita, client.DraftRule{YAML: "rules:\n  - {name: no-id, match: {path: /usr/bin/id}, then: deny}\n"})
	if c.OK || len(c.Faults) == 0 || c.Faults[len(c.Faults)-1].Line != 0 {
		t.Errorf("a test elsewhere: %s", JSON(c))
	}
	if c = draftOf(rita, client.DraftRule{YAML: "rules:\n  - {name: id, match: {path: /usr/bin/idle, args: []}, then: deny}\n"}); c.OK || !strings.Contains(JSON(c.Faults), "already") {
		t.Errorf("a name that is taken: %s", JSON(c))
	}
	if c = draftOf(rita, client.DraftRule{Rule: "network.radio"}); !c.OK || c.Stored != "" || !strings.Contains(c.Diff, "+  - name: network.radio") {
		t.Errorf("a pack's rule: %s", JSON(c))
	}
}

// A publication from an older version is refused; versions and proposals say why
// they were made.
func TestU8BaseAndComment(t *testing.T) {
	d := New(t)
	rita, rob := d.Person("rita", "rule_author"), d.Person("rob", "rule_author")
	d.Rules(u8)
	next := strings.Replace(u8, "# kept", "# kept too", 1)
	apply := func(p *Person, in client.ApplyRules) (client.Ruleset, error) {
		return client.Post[client.Ruleset](t.Context(), p.Client, "/rules/apply", in)
	}
	if _, err := apply(rita, client.ApplyRules{YAML: next, Base: 1, Comment: "CHG-7"}); err != nil {
		t.Fatal(err)
	}
	if _, err := apply(rob, client.ApplyRules{YAML: u8, Base: 1}); Code(err) != "conflict" {
		t.Errorf("from an older version: %v", err)
	}
	all := Must(client.Get[client.List[client.RuleVersion]](t.Context(), rob.Client, "/rules/versions", nil))(t)
	if all.Items[0].Comment != "CHG-7" || all.Items[1].Comment != "" {
		t.Errorf("versions: %s", JSON(all))
	}
	d.Settings(map[string]any{"four_eyes_rules": true})
	set, err := apply(rita, client.ApplyRules{YAML: strings.Replace(next, "name: w\n", "name: w\n    precedence: 9\n", 1), Base: 2, Comment: "CHG-8"})
	if err != nil || set.Proposal == nil || set.Proposal.Comment != "CHG-8" {
		t.Fatalf("proposed (%v): %s", err, JSON(set))
	}
	list := Must(client.Get[client.List[client.Proposal]](t.Context(), rob.Client, "/rules/proposals", nil))(t)
	if len(list.Items) != 1 || strings.Join(list.Items[0].Changed, "") != "w" || list.Items[0].YAML != "" {
		t.Errorf("proposals: %s", JSON(list))
	}
	one := Must(client.Get[client.Proposal](t.Context(), rob.Client, "/rules/proposals/"+set.Proposal.ID, nil))(t)
	if !strings.Contains(one.YAML, "precedence: 9") || one.Comment != "CHG-8" || one.Acknowledged {
		t.Errorf("one proposal: %s", JSON(one))
	}
	if _, err := client.Post[client.Ruleset](t.Context(), rob.Client, "/rules/proposals/"+set.Proposal.ID+"/confirm", struct{}{}); err != nil {
		t.Fatal(err)
	}
	all = Must(client.Get[client.List[client.RuleVersion]](t.Context(), rob.Client, "/rules/versions", nil))(t)
	if all.Items[0].Comment != "CHG-8" || all.Items[0].AppliedBy != "rita" {
		t.Errorf("after it was confirmed: %s", JSON(all.Items[0]))
	}
}

// How often each rule counted is told to who may read rules and requests.
func TestU4RuleHits(t *testing.T) {
	d := New(t)
	bo, web := d.Person("bo", "approver"), d.Endpoint("web-1", "role=web")
	d.Rules(u8)
	web.Ask("dina", "/usr/bin/id")
	web.Ask("eve", "/usr/bin/id")
	got := Must(client.Get[client.List[client.RuleHits]](t.Context(), bo.Client, "/rules/hits", url.Values{"days": {"7"}}))(t)
	if len(got.Items) != 1 || got.Items[0].Rule != "id" || got.Items[0].Approved != 2 || got.Items[0].LastAt == nil {
		t.Errorf("hits: %s", JSON(got))
	}
	if _, err := client.Get[client.List[client.RuleHits]](t.Context(), d.Person("dina").Client, "/rules/hits", nil); Code(err) != "forbidden" {
		t.Errorf("a requester reads them: %v", err)
	}
}
