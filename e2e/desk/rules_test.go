package desk

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// file writes a text into the folder where assentctl runs.
func (d *Desk) file(name, text string) string {
	d.T.Helper()
	at := filepath.Join(d.Data, name)
	if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
		d.T.Fatal(err)
	}
	return at
}

// Rules approve, deny and want a person with a ticket; limits cap time and say at
// which hours a rule applies, in the zone of the settings.
func TestU1ApproveDenyRequire(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	web := d.Endpoint("web-1", "role=web")
	d.Rules(`rules:
  - name: id
    match: {path: /usr/bin/id, args: []}
    then: approve
    limits: {duration: 5m}
  - name: no-at
    match: {path: /usr/bin/at}
    then: deny
    message: {en: "Jobs are planned by the platform team."}
  - name: restart
    match: {path: /usr/bin/systemctl, args: [restart, {any: true}]}
    then: require
    require: {stages: [{team: Approvers, quorum: 1}], ticket: 'INC-\d+', after_review: {team: Approvers, comment: true}}
    set_priority: high
  - name: stepped
    match: {path: /usr/bin/w, args: []}
    then: approve
    require: {step_up: true}
  - name: by-day
    match: {path: /usr/bin/who, args: []}
    then: approve
    limits: {hours: "14:00-15:00"}
`)
	a := web.Attempt("dina", "/usr/bin/id")
	a.Attempt.Duration = time.Hour
	if got := web.Send(a); got != wire.TDecision || web.Grant(string(a.Request)).Duration != 5*time.Minute {
		t.Errorf("approved at once, for five minutes: %s", got)
	}
	no := web.Attempt("dina", "/usr/bin/at", "now")
	web.Send(no)
	if dec := web.Decision(string(no.Request)); dec.Verdict != elevation.Denied || !strings.Contains(dec.Text, "platform team") || !dec.Rule {
		t.Errorf("denied: %+v", dec)
	}
	re := web.Attempt("dina", "/usr/bin/systemctl", "restart", "nginx")
	if got := web.Send(re); got != wire.TNeed {
		t.Fatalf("a person is needed: %s", got)
	}
	if got := web.Complete(re.Request, "restart after the update", "nonsense"); got != wire.TError {
		t.Errorf("a wrong ticket is taken: %s", got)
	}
	if got := web.Complete(re.Request, "restart after the update", "INC-77"); got != wire.TProgress {
		t.Errorf("with a ticket: %s", got)
	}
	r := bo.See(string(re.Request))
	if r.State != "pending" || r.Priority.Value != "high" || len(r.Approvals.Stages) != 1 || r.Approvals.Need != 1 {
		t.Errorf("it waits: %s", JSON(r))
	}
	w := web.Ask("dina", "/usr/bin/w")
	if r := bo.See(w); r.State != "pending" {
		t.Errorf("a rule that wants a proof of presence approves by itself: %s", r.State)
	}
	if who := web.Ask("dina", "/usr/bin/who"); bo.See(who).State != "pending" {
		t.Error("a rule answers outside of its hours")
	}
	d.Settings(map[string]any{"time_zone": "Asia/Dubai"})  // noon in UTC is four there
	d.Settings(map[string]any{"time_zone": "Europe/Kyiv"}) // and two here
	if who := web.Ask("eve", "/usr/bin/who"); bo.See(who).State != "available" {
		t.Error("the hours are not in the zone of the settings")
	}
	if _, err := d.Admin.Do("PUT", "/settings", map[string]any{"time_zone": "Mars/Base"}); Code(err) != "invalid" || !strings.Contains(err.Error(), "Europe/Berlin") {
		t.Errorf("a zone that is not: %v", err)
	}
}

// Everything that a rule can match by, one at a time: the rule holds for the
// attempt, and does not when that one thing differs.
func TestU3MatchByEverything(t *testing.T) {
	d := New(t)
	base := client.EvaluateAttempt{Path: "/usr/bin/tool", Args: []string{"a", "b c"}, SHA256: strings.Repeat("a", 64), Thumbprint: strings.Repeat("b", 40),
		Product: "Tool", Version: "1.2", Parent: "/usr/bin/bash", User: "dina", Groups: []string{"web"}, Labels: map[string]string{"role": "web"}, Ticket: "INC-1"}
	tests := []struct {
		match, when string
		other       func(*client.EvaluateAttempt)
		why         string // of the rule that does not hold
	}{
		{"sha256: ['" + base.SHA256 + "']", "", func(a *client.EvaluateAttempt) { a.SHA256 = strings.Repeat("c", 64) }, "SHA-256"},
		{"publisher: {thumbprint: '" + base.Thumbprint + "'}, product: Tool", "", func(a *client.EvaluateAttempt) { a.Thumbprint = "" }, "publisher"},
		{"path: /usr/bin/tool, product: Tool", "", func(a *client.EvaluateAttempt) { a.Product = "Too" }, "product"},
		{"path: /usr/bin/tool, version: {regex: '1\\..*'}", "", func(a *client.EvaluateAttempt) { a.Version = "2.1" }, "version"},
		{"path: /usr/bin/tool", "", func(a *client.EvaluateAttempt) { a.Path = "/usr/bin/tool2" }, "path"},
		{"path: /usr/bin/tool, args: [a, 'b c']", "", func(a *client.EvaluateAttempt) { a.Args = []string{"a", "b", "c"} }, "number of arguments"},
		{"path: /usr/bin/tool, args: [{any: true}, {regex: '[b-d] c'}]", "", func(a *client.EvaluateAttempt) { a.Args = []string{"a", "bb c"} }, "argument 2"},
		{"path: /usr/bin/tool, parent: /usr/bin/bash", "", func(a *client.EvaluateAttempt) { a.Parent = "" }, "parent"},
		{"path: /usr/bin/tool, user: [dina]", "", func(a *client.EvaluateAttempt) { a.User = "eve" }, "user"},
		{"path: /usr/bin/tool, group: [web, db]", "", func(a *client.EvaluateAttempt) { a.Groups = []string{"x"} }, "groups"},
		{"path: /usr/bin/tool, endpoint: {labels: {role: web}}", "", func(a *client.EvaluateAttempt) { a.Labels = map[string]string{"role": "db"} }, "role=web"},
		{"path: /usr/bin/tool, access_type: [run]", "", func(a *client.EvaluateAttempt) { a.AccessType = "session" }, "access type"},
		{"path: /usr/bin/tool", `ticket.startsWith("INC-") && "web" in user.groups`, func(a *client.EvaluateAttempt) { a.Ticket = "x" }, "condition"},
		{"path: /usr/bin/tool", `now.getHours("UTC") == 12`, nil, ""},
	}
	for _, tt := range tests {
		text := "rules:\n  - name: r\n    match: {" + tt.match + "}\n    then: deny\n"
		if tt.when != "" {
			text += "    when: '" + tt.when + "'\n"
		}
		d.Rules(text)
		ask := func(a client.EvaluateAttempt) client.Explanation {
			return Must(client.Post[client.Explanation](t.Context(), d.Admin.Client, "/rules/evaluate", client.Evaluate{Attempt: &a, Rule: "r"}))(t)
		}
		if x := ask(base); x.Outcome != "deny" || len(x.Trace) != 1 || !x.Trace[0].Matched {
			t.Errorf("%s %s: %s", tt.match, tt.when, JSON(x))
		}
		if tt.other == nil {
			continue
		}
		other := base
		tt.other(&other)
		if x := ask(other); x.Outcome != "ask" || x.Trace[0].Matched || !strings.Contains(x.Trace[0].Why, tt.why) {
			t.Errorf("%s %s, differing: %s", tt.match, tt.when, JSON(x))
		}
	}
}

// Administrators read which rule said what and the first thing that did not hold;
// there is one plain sentence.
func TestU4TraceAndSentence(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	web := d.Endpoint("web-1", "role=web")
	d.Rules(`rules:
  - {name: apt-db, match: {path: /usr/bin/apt, args: [update], endpoint: {labels: {role: db}}}, then: approve}
  - {name: apt-more, match: {path: /usr/bin/apt, args: [update, '-y']}, then: approve}
  - {name: later, match: {path: /usr/bin/apt, args: [update]}, then: approve, mode: observe}
  - {name: id, match: {path: /usr/bin/id, args: []}, then: approve}
`)
	id := web.Ask("dina", "/usr/bin/apt", "update")
	x := Must(client.Get[client.Explanation](t.Context(), bo.Client, "/requests/"+id+"/explain", nil))(t)
	got := map[string]string{}
	for _, l := range x.Trace {
		got[l.Rule] = l.Why
	}
	if x.Outcome != "ask" || !strings.HasPrefix(x.Sentence, "No rule answers this, so a person is asked") || len(got) != 3 ||
		!strings.Contains(got["apt-db@1"], "the rule wants role=db") || !strings.Contains(got["apt-more@1"], "the rule wants 2") ||
		!strings.Contains(got["later@1"], "it would approve") {
		t.Errorf("explained: %s", JSON(x))
	}
	// Why not a rule that is about something else.
	x = Must(client.Post[client.Explanation](t.Context(), bo.Client, "/rules/evaluate", client.Evaluate{RequestID: id, Rule: "id"}))(t)
	if len(x.Trace) != 1 || !strings.Contains(x.Trace[0].Why, "another program") || !strings.Contains(x.Trace[0].Why, "/usr/bin/id") {
		t.Errorf("why not: %s", JSON(x))
	}
	if _, err := client.Post[client.Explanation](t.Context(), bo.Client, "/rules/evaluate", client.Evaluate{RequestID: id, Rule: "none"}); Code(err) != "not_found" {
		t.Errorf("a rule that is not: %v", err)
	}
	out := d.Works(bo, "rule", "evaluate", "--rule", "apt-db", "--user", "dina", "--label", "role=db", "--", "/usr/bin/apt", "update")
	if !strings.Contains(out, `approve: Rule "apt-db" approves it.`) || !strings.Contains(out, "yes  apt-db@1") {
		t.Errorf("assentctl rule evaluate: %s", out)
	}
	auto := web.Ask("dina", "/usr/bin/id")
	if x = Must(client.Get[client.Explanation](t.Context(), bo.Client, "/requests/"+auto+"/explain", nil))(t); x.Outcome != "approve" || x.Sentence != `Rule "id" approved it.` {
		t.Errorf("approved by a rule: %s", JSON(x))
	}
	dina := d.Person("dina")
	linked(dina, web, "dina")
	x = Must(client.Get[client.Explanation](t.Context(), dina.Client, "/requests/"+id+"/explain", nil))(t)
	if len(x.Trace) != 0 || !strings.HasPrefix(x.Sentence, "No rule answers this") {
		t.Errorf("explained to the requester: %s", JSON(x))
	}
	if r := d.Ctl(dina, "rule", "evaluate", "--request", id); r.Code != 4 {
		t.Errorf("a requester reads the trace of the rules: %+v", r)
	}
}

// The linter refuses what would approve too much, and says of each line why.
func TestU7LinterAgainstDangerousRules(t *testing.T) {
	d := New(t)
	for code, match := range map[string]string{
		"name_only": "{path: id, args: []}", "user_writable": "{path: /home/bo/tool, args: []}", "unbounded": "{path: /usr/bin/bash}",
		"no_anchor": "{user: [bo]}", "regex_path": "{path: {regex: '/usr/.*'}, args: []}", "matches_all": "{path: /usr/bin/id, args: [{regex: '.*'}]}",
		"relative_file": "{path: /usr/bin/dpkg, args: ['-i', ./x.deb]}", "any_package": "{path: /usr/bin/apt, args: [install, {rest: true}]}",
	} {
		text := "rules:\n  - name: a\n    match: " + match + "\n    then: approve\n"
		got := Must(client.Post[client.RuleCheck](t.Context(), d.Admin.Client, "/rules/check", client.RuleText{YAML: text}))(t)
		if got.OK || !slices.ContainsFunc(got.Faults, func(f client.Fault) bool { return f.Code == code && f.Severity == "error" && f.Line == 3 }) {
			t.Errorf("%s: %s", match, JSON(got))
		}
		if _, err := client.Post[client.Rule](t.Context(), d.Admin.Client, "/rules", client.EditRule{YAML: "name: a\nmatch: " + match + "\nthen: approve\n"}); Code(err) != "invalid" {
			t.Errorf("%s is taken: %v", match, err)
		}
		if r := d.Ctl(nil, "rule", "check", d.file("bad.yaml", text)); r.Code != 1 || !strings.Contains(r.Out, "bad.yaml:3:") || !strings.Contains(r.Out, "["+code+"]") {
			t.Errorf("assentctl rule check: %+v", r)
		}
	}
	got := Must(client.Post[client.RuleCheck](t.Context(), d.Admin.Client, "/rules/check", client.RuleText{YAML: `rules:
  - {name: a, match: {path: /usr/bin/id, args: []}, then: approve}
  - {name: b, match: {path: /usr/bin/id}, then: deny}
`}))(t)
	if !got.OK || len(got.Faults) != 1 || got.Faults[0].Code != "shadowed" || got.Faults[0].Line != 2 {
		t.Errorf("a shadowed rule: %s", JSON(got))
	}
}

const u8 = `# kept
rules:
  - name: id   # first
    match: {path: /usr/bin/id, args: []}
    then: approve
  # about w
  - name: w
    match: {path: /usr/bin/w, args: []}
    then: approve
tests:
  - {attempt: {path: /usr/bin/id}, expect: approve}
`

// Rules live in git: check in CI, apply, single changes that leave the rest as it
// is written, versions, what changed, and back again.
func TestU8VersionsDiffRollback(t *testing.T) {
	d := New(t)
	rita, bo := d.Person("rita", "rule_author"), d.Person("bo", "approver")
	at := d.file("rules.yaml", u8)
	if r := d.Ctl(nil, "rule", "check", at); r.Code != 0 {
		t.Errorf("check: %+v", r)
	}
	if r := d.Ctl(nil, "rule", "check", d.file("bad.yaml", strings.Replace(u8, "expect: approve", "expect: deny", 1))); r.Code != 1 || !strings.Contains(r.Out, "bad.yaml:11:5: error:") {
		t.Errorf("check of a failing test: %+v", r)
	}
	d.Works(rita, "rule", "apply", at)
	d.Works(rita, "rule", "apply", at) // changes nothing
	if r := d.Ctl(bo, "rule", "apply", at); r.Code != 4 {
		t.Errorf("an approver applies rules: %+v", r)
	}
	d.Works(rita, "rule", "disable", "w")
	set := Must(client.Get[client.Ruleset](t.Context(), bo.Client, "/rules", nil))(t)
	if want := strings.Replace(u8, "name: w\n", "name: w\n    mode: observe\n", 1); set.YAML != want || set.Version != 2 {
		t.Errorf("after a switch:\n%s", set.YAML)
	}
	d.Works(rita, "rule", "enable", "w")
	d.Works(rita, "rule", "add", d.file("who.yaml", "name: who\nmatch: {path: /usr/bin/who, args: []} # new\nthen: approve\n"))
	set = Must(client.Get[client.Ruleset](t.Context(), bo.Client, "/rules", nil))(t)
	if !strings.HasPrefix(set.YAML, "# kept\nrules:\n  - name: id   # first\n") || !strings.Contains(set.YAML, "  # about w\n  - name: w\n    mode: enforce\n") ||
		!strings.Contains(set.YAML, "args: []} # new\n    then: approve\ntests:\n") {
		t.Errorf("after an addition:\n%s", set.YAML)
	}
	r := Must(client.Get[client.Rule](t.Context(), bo.Client, "/rules/who", nil))(t)
	if r.YAML != "name: who\nmatch: {path: /usr/bin/who, args: []} # new\nthen: approve\n" {
		t.Errorf("one rule: %s", JSON(r))
	}
	if _, err := client.Post[client.Rule](t.Context(), rita.Client, "/rules", client.EditRule{YAML: r.YAML}); Code(err) != "conflict" && Code(err) != "invalid" {
		t.Errorf("the same name again: %v", err)
	}
	if got := d.Ctl(rita, "rule", "delete", "id"); got.Code != 1 || !strings.Contains(got.Err, "the test expects approve") {
		t.Errorf("deleted although a test wants it: %+v", got)
	}
	d.Works(rita, "rule", "delete", "w")
	if got := d.Ctl(rita, "rule", "delete", "w"); got.Code != 5 {
		t.Errorf("deleted twice: %+v", got)
	}
	out := d.Works(bo, "rule", "diff", "4")
	if !strings.Contains(out, "+  - name: who") || strings.Contains(out, "-  - name") {
		t.Errorf("diff:\n%s", out)
	}
	all := Must(client.Get[client.List[client.RuleVersion]](t.Context(), bo.Client, "/rules/versions", nil))(t)
	if len(all.Items) != 5 || all.Items[0].Removed[0] != "w" || all.Items[1].Added[0] != "who" || all.Items[0].AppliedBy != "rita" {
		t.Errorf("versions: %s", JSON(all))
	}
	diff := Must(client.Get[client.RuleDiff](t.Context(), bo.Client, "/rules/versions/5", url.Values{"against": {"1"}}))(t)
	if diff.Against != 1 || !strings.Contains(diff.Diff, "--- version 1\n+++ version 5\n") || diff.Removed[0] != "w" {
		t.Errorf("against the first: %s", JSON(diff))
	}
	d.Works(rita, "rule", "rollback", "1")
	if set = Must(client.Get[client.Ruleset](t.Context(), bo.Client, "/rules", nil))(t); set.YAML != u8 || set.Version != 6 {
		t.Errorf("rolled back: version %d\n%s", set.Version, set.YAML)
	}
	if got := d.Ctl(rita, "rule", "rollback", "99"); got.Code != 5 {
		t.Errorf("to a version that is not: %+v", got)
	}
	if web := d.Endpoint("web-1"); bo.See(web.Ask("dina", "/usr/bin/id")).Decision == nil {
		t.Error("what was rolled back to is not in force")
	}
}

// A change of rules can need a second person; one's own tokens and those that the
// author made are no second person, and who is alone is told and not blocked.
func TestU8FourEyes(t *testing.T) {
	d := New(t)
	d.Settings(map[string]any{"four_eyes_rules": true})
	const text = "rules:\n  - {name: id, match: {path: /usr/bin/id, args: []}, then: approve}\n"
	alone := Must(client.Post[client.Ruleset](t.Context(), d.Admin.Client, "/rules/apply", client.ApplyRules{YAML: text}))(t)
	if alone.Version != 1 || len(alone.Warnings) != 1 || alone.Warnings[0].Code != "alone" {
		t.Errorf("alone: %s", JSON(alone))
	}
	rita, rolf, bo := d.Person("rita", "rule_author"), d.Person("rolf", "rule_author"), d.Person("bo", "approver")
	more := strings.Replace(text, "name: id", "name: id2", 1)
	set := Must(client.Post[client.Ruleset](t.Context(), rita.Client, "/rules/apply", client.ApplyRules{YAML: more}))(t)
	if set.Version != 1 || set.Proposal == nil || set.Proposal.State != "open" || set.Items[0].ID != "id" {
		t.Fatalf("proposed: %s", JSON(set))
	}
	id := set.Proposal.ID
	if p := Must(client.Get[client.Proposal](t.Context(), bo.Client, "/rules/proposals/"+id, nil))(t); !strings.Contains(p.Diff, "+  - {name: id2") || p.ProposedBy != "rita" {
		t.Errorf("what is proposed: %s", JSON(p))
	}
	if r := d.Ctl(rita, "rule", "confirm", id); r.Code != 4 || !strings.Contains(r.Err, "somebody else") {
		t.Errorf("the author confirms: %+v", r)
	}
	if r := d.Ctl(bo, "rule", "confirm", id); r.Code != 4 {
		t.Errorf("an approver confirms: %+v", r)
	}
	d.Works(rolf, "rule", "confirm", id)
	set = Must(client.Get[client.Ruleset](t.Context(), bo.Client, "/rules", nil))(t)
	if set.Version != 2 || set.Items[0].ID != "id2" {
		t.Errorf("confirmed: %s", JSON(set))
	}
	if r := d.Ctl(rolf, "rule", "confirm", id); r.Code != 6 {
		t.Errorf("confirmed twice: %+v", r)
	}
	// Every way to change rules waits, and one that is out of date is refused.
	first := d.Works(rita, "rule", "disable", "id2")
	second := d.Works(rita, "pack", "enable", "services")
	for _, out := range []string{first, second} {
		if !strings.Contains(out, "waits for a second person") {
			t.Errorf("it does not wait: %s", out)
		}
	}
	if r := d.Ctl(rita, "rule", "delete", "id2"); r.Code != 6 || !strings.Contains(r.Err, "second person") {
		t.Errorf("delete: %+v", r)
	}
	open := Must(client.Get[client.List[client.Proposal]](t.Context(), bo.Client, "/rules/proposals", nil))(t)
	if len(open.Items) != 3 {
		t.Fatalf("open: %s", JSON(open))
	}
	d.Works(rolf, "rule", "confirm", open.Items[2].ID)
	if r := d.Ctl(rolf, "rule", "confirm", open.Items[1].ID); r.Code != 6 || !strings.Contains(r.Err, "have changed") {
		t.Errorf("out of date: %+v", r)
	}
	d.Works(rita, "rule", "reject", open.Items[1].ID)
	if set = Must(client.Get[client.Ruleset](t.Context(), bo.Client, "/rules", nil))(t); set.Version != 3 || set.Items[0].Mode != "observe" {
		t.Errorf("in the end: %s", JSON(set))
	}
	// A token that the author made for somebody else is the author.
	chief := Must(client.Post[client.Ruleset](t.Context(), d.Admin.Client, "/rules/apply", client.ApplyRules{YAML: text}))(t)
	if chief.Proposal == nil {
		t.Fatal("the administrator's change does not wait")
	}
	if r := d.Ctl(rolf, "rule", "confirm", chief.Proposal.ID); r.Code != 4 {
		t.Errorf("by a token that the author made: %+v", r)
	}
}

// A rule from which only its author gains waits for somebody else, if that is set.
func TestU8Beneficiary(t *testing.T) {
	d := New(t)
	rita, rolf := d.Person("rita", "rule_author"), d.Person("rolf", "rule_author")
	mine := client.ApplyRules{YAML: "rules:\n  - {name: mine, match: {path: /usr/bin/id, args: [], user: [Rita]}, then: approve}\n"}
	d.Settings(map[string]any{"beneficiary_check": true})
	set := Must(client.Post[client.Ruleset](t.Context(), rita.Client, "/rules/apply", mine))(t)
	if set.Proposal == nil || !strings.Contains(set.Proposal.Why, `only its author gains from rule "mine"`) || set.Version != 0 {
		t.Fatalf("for oneself: %s", JSON(set))
	}
	other := client.ApplyRules{YAML: strings.Replace(mine.YAML, "[Rita]", "[Rita, dina]", 1)}
	if set = Must(client.Post[client.Ruleset](t.Context(), rita.Client, "/rules/apply", other))(t); set.Proposal != nil || set.Version != 1 {
		t.Errorf("for oneself and another: %s", JSON(set))
	}
	if set = Must(client.Post[client.Ruleset](t.Context(), rolf.Client, "/rules/apply", mine))(t); set.Proposal != nil || set.Version != 2 {
		t.Errorf("for somebody else: %s", JSON(set))
	}
}

// A request becomes the narrowest rule, with tests that hold, which then answers
// the same thing and nothing else.
func TestU9RuleFromARequest(t *testing.T) {
	d := New(t)
	bo, rita := d.Person("bo", "approver"), d.Person("rita", "rule_author")
	web := d.Endpoint("web-1", "role=web")
	id := web.Ask("dina", "/usr/bin/systemctl", "restart", "nginx")
	bo.Does("approve", id, map[string]any{"duration_seconds": 600})
	out := d.Works(rita, "rule", "from", id)
	for _, part := range []string{id, "path: '/usr/bin/systemctl'", "args: ['restart', 'nginx']", "user: ['dina']", "'role': 'web'", "duration: 10m", "then: approve", "expect: approve", "expect: ask"} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is missing in\n%s", part, out)
		}
	}
	at := d.file("new.yaml", out)
	if r := d.Ctl(nil, "rule", "check", at); r.Code != 0 {
		t.Errorf("check: %+v", r)
	}
	d.Works(rita, "rule", "apply", "--merge", at)
	if r := bo.See(web.Ask("dina", "/usr/bin/systemctl", "restart", "nginx")); r.State != "available" || r.Decision == nil || r.Decision.Rule == nil {
		t.Errorf("the same again: %s", JSON(r.Decision))
	}
	for what, other := range map[string]string{"another user": web.Ask("eve", "/usr/bin/systemctl", "restart", "nginx"), "another service": web.Ask("dina", "/usr/bin/systemctl", "restart", "sshd"),
		"another endpoint": d.Endpoint("db-1", "role=db").Ask("dina", "/usr/bin/systemctl", "restart", "nginx")} {
		if r := bo.See(other); r.State != "pending" {
			t.Errorf("%s: %s", what, r.State)
		}
	}
	m := Must(client.Get[client.MadeRule](t.Context(), bo.Client, "/requests/"+id+"/rule", nil))(t)
	if !strings.HasPrefix(m.Name, "for-systemctl-restart-dina") || len(m.Faults) != 0 {
		t.Errorf("made: %s", JSON(m))
	}
	shell := web.Ask("dina", "/usr/bin/bash")
	if r := d.Ctl(rita, "rule", "from", shell); r.Code != 6 || !strings.Contains(r.Err, "can do anything") {
		t.Errorf("from a shell: %+v", r)
	}
	if _, err := client.Get[client.MadeRule](t.Context(), d.Scoped("ron", map[string]string{"role": "db"}, "rule_author").Client, "/requests/"+id+"/rule", nil); Code(err) != "not_found" {
		t.Errorf("outside the scope: %v", err)
	}
}

// Packs: what approves is off until somebody enables it, what guards asks from the
// start, whatever other rules say.
func TestU12StarterPacks(t *testing.T) {
	d := New(t)
	bo, rita := d.Person("bo", "approver"), d.Person("rita", "rule_author")
	web := d.Endpoint("web-1")
	all := Must(client.Get[client.List[client.Pack]](t.Context(), bo.Client, "/packs", nil))(t)
	states := map[string]string{}
	for _, p := range all.Items {
		states[p.Name] = p.State
		if p.Version < 1 || p.Title == "" || len(p.Rules) < 3 || !strings.Contains(p.YAML, "tests:") {
			t.Errorf("pack %s: %s", p.Name, JSON(p))
		}
	}
	if JSON(states) != JSON(map[string]string{"deny": "ask", "packages": "off", "services": "off", "network": "off", "updaters": "off", "homebrew": "off"}) {
		t.Errorf("at first: %v", states)
	}
	d.Rules("rules:\n  - {name: usermod, match: {path: /usr/sbin/usermod, sha256: ['" + *bo.See(web.Ask("dina", "/usr/sbin/usermod", "-aG", "audio", "bo")).Subject.SHA256 + "'], args: ['-aG', sudo, dina]}, then: require}\n")
	id := web.Ask("dina", "/usr/sbin/usermod", "-aG", "sudo", "dina")
	r := bo.See(id)
	if r.State != "pending" || !strings.Contains(fact(r, "deny.new-administrator"), "administrator for good") {
		t.Errorf("a new administrator: %s", JSON(r.Caution))
	}
	apt := web.Ask("dina", "/usr/bin/apt", "update")
	if bo.See(apt).State != "pending" {
		t.Error("a pack approves without being enabled")
	}
	if res := d.Ctl(bo, "pack", "enable", "packages"); res.Code != 4 {
		t.Errorf("an approver enables a pack: %+v", res)
	}
	d.Works(rita, "pack", "enable", "packages", "--mode", "observe")
	if seen := bo.See(web.Ask("eve", "/usr/bin/apt", "update")); seen.State != "pending" {
		t.Error("an observing pack decides")
	}
	d.Works(rita, "pack", "enable", "packages")
	if r = bo.See(web.Ask("ian", "/usr/bin/apt", "update")); r.State != "available" || r.Decision.Rule == nil || !strings.HasPrefix(*r.Decision.Rule, "packages.apt-update@") {
		t.Errorf("enabled: %s", JSON(r.Decision))
	}
	if r := d.Ctl(rita, "rule", "disable", "packages.apt-update"); r.Code != 6 || !strings.Contains(r.Err, "pack") {
		t.Errorf("a rule of a pack alone: %+v", r)
	}
	if r := d.Ctl(rita, "pack", "enable", "packages", "--mode", "ask"); r.Code != 2 {
		t.Errorf("ask mode of what approves: %+v", r)
	}
	d.Works(rita, "pack", "enable", "deny")
	a := web.Attempt("dina", "/usr/sbin/visudo")
	web.Send(a)
	if dec := web.Decision(string(a.Request)); dec.Verdict != elevation.Denied || !strings.Contains(dec.Text, "become root") {
		t.Errorf("enforced: %+v", dec)
	}
	// A file from git takes no pack away.
	d.Rules("rules: []\n")
	if set := Must(client.Get[client.Ruleset](t.Context(), bo.Client, "/rules", nil))(t); len(set.Items) != 0 || set.Packs[0].State != "enforce" || set.Packs[1].State != "enforce" {
		t.Errorf("after apply: %s", JSON(set.Packs))
	}
	d.Works(rita, "pack", "disable", "packages")
	if r = bo.See(web.Ask("kim", "/usr/bin/apt", "update")); r.State != "pending" {
		t.Errorf("disabled: %s", r.State)
	}
	if r := d.Ctl(rita, "pack", "enable", "nothing"); r.Code != 5 {
		t.Errorf("a pack that is not: %+v", r)
	}
}

// policies are the verified policies that came to an endpoint.
func (e *Endpoint) policies() []elevation.Policy {
	var out []elevation.Policy
	for _, m := range Frames(e, wire.TPolicy, func(wire.Signed) bool { return true }) {
		var p elevation.Policy
		if e.Link.KeySet().Open("policy", m.Raw, e.desk.Now(), &p) == nil {
			out = append(out, p)
		}
	}
	return out
}

// What endpoints do is an ordered list by label; each gets its own signed, when it
// changes, when its labels change, and when it is new.
func TestD11PoliciesByLabel(t *testing.T) {
	d := New(t)
	web, db := d.Endpoint("web-1", "role=web"), d.Endpoint("db-1", "role=db")
	at := d.file("policies.yaml", `items:
  - name: web
    labels: {role: web}
    mode: ask
    mechanisms: {sudo: ask, polkit: "off"}
    presets: [Planned maintenance, Incident]
    reason_min: 12
    mask: ['key-[0-9a-f]{16}']
    confirm: password
  - name: others
    mode: observe
`)
	d.Works(d.Admin, "policy", "set", at)
	d.Eventually("both have their policy", func() bool { return len(web.policies()) == 1 && len(db.policies()) == 1 })
	p := web.policies()[0]
	if p.Name != "web" || p.Endpoint != web.ID || p.Version != 1 || p.Mode != "ask" || p.Mechanisms["polkit"] != "off" || p.ReasonMin != 12 || p.Confirm != "password" || len(p.Mask) != 1 {
		t.Errorf("the policy of web-1: %+v", p)
	}
	if p = db.policies()[0]; p.Name != "others" || p.Mode != "observe" {
		t.Errorf("the policy of db-1: %+v", p)
	}
	d.Works(d.Admin, "policy", "set", at) // changes nothing
	// The reason is as long as the policy says, and its presets are offered.
	a := web.Attempt("dina", "/usr/bin/id")
	web.Send(a)
	need := Wait(web, wire.TNeed, func(m wire.Need) bool { return m.Request == a.Request })
	if need.ReasonMin != 12 || strings.Join(need.Presets, ",") != "Planned maintenance,Incident" {
		t.Errorf("asked for: %+v", need)
	}
	if got := web.Complete(a.Request, "short one", ""); got != wire.TError {
		t.Errorf("a short reason: %s", got)
	}
	// Other labels, another policy; a new endpoint has its own at once.
	d.Must("PATCH", "/endpoints/"+string(db.ID), map[string]any{"labels": map[string]string{"role": "web"}})
	d.Eventually("the other policy comes", func() bool { all := db.policies(); return len(all) == 2 && all[1].Name == "web" && all[1].Version == 2 })
	fresh := d.Endpoint("new-1", "role=web")
	d.Eventually("a new endpoint has its policy", func() bool { return len(fresh.policies()) == 1 })
	d.Settings(map[string]any{"mask_patterns": []string{"pin-[0-9]{4}"}})
	d.Eventually("patterns of the settings come along", func() bool { all := fresh.policies(); return len(all) == 2 && len(all[1].Mask) == 2 })
	for what, bad := range map[string]string{
		"no such mode":      `{"items":[{"name":"a","mode":"sleep"}]}`,
		"a mechanism":       `{"items":[{"name":"a","mechanisms":{"magic":"ask"}}]}`,
		"never reached":     `{"items":[{"name":"a"},{"name":"b","labels":{"role":"web"}}]}`,
		"twice":             `{"items":[{"name":"a","labels":{"x":"y"}},{"name":"a"}]}`,
		"a pattern":         `{"items":[{"name":"a","mask":["("]}]}`,
		"a pattern for all": `{"items":[{"name":"a","mask":[".*"]}]}`,
		"an unknown field":  `{"items":[{"name":"a","modes":"ask"}]}`,
	} {
		if status, _, text := d.Raw(d.Admin, "PUT", "/api/v1/policies", bad); status != 400 {
			t.Errorf("%s: %d %s", what, status, text)
		}
	}
	if got := Must(client.Get[client.Policies](t.Context(), d.Person("bo", "approver").Client, "/policies", nil))(t); got.Version != 1 || len(got.Items) != 2 {
		t.Errorf("in the end: %s", JSON(got))
	}
}

// Must does a call that must work.
func (d *Desk) Must(method, path string, body any) map[string]any {
	d.T.Helper()
	return Must(d.Admin.Do(method, path, body))(d.T)
}
