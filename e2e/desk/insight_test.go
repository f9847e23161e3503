package desk

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
)

// fact is the fact of a reason for caution, "" when it is not there.
func fact(r client.Request, reason string) string {
	for _, c := range r.Caution {
		if c.Reason == reason {
			return c.Fact
		}
	}
	return ""
}

// seenFact waits for a fact: what was asked a moment ago is known a moment later.
func (d *Desk) seenFact(p *Person, id, reason, want string) {
	d.T.Helper()
	last := client.Request{}
	d.Eventually(fmt.Sprintf("%s is %q", reason, want), func() bool {
		last = p.See(id)
		return strings.Contains(fact(last, reason), want)
	})
	if d.T.Failed() {
		d.T.Log(JSON(last.Caution))
	}
}

func TestA2DetailsOfARequest(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	web := d.Endpoint("web-1", "role=web")
	d.Rules("rules:\n  - name: ssl-needs-people\n    match: {path: /usr/bin/openssl}\n    then: require\n    require: {stages: [{team: Approvers, quorum: 1}]}\n")
	a := web.Attempt("dina", "/usr/bin/openssl", "x509", "-in", "/etc/ssl/web.pem")
	a.Attempt.Subject.Publisher = elevation.Publisher{Name: "Example Ltd", Thumbprint: "a1b2c3"}
	a.Attempt.Subject.Product, a.Attempt.Subject.Version = "OpenSSL", "3.0.11"
	id := web.AskWith(a, "look at the certificate, INC-4821", "INC-4821")
	r := bo.See(id)
	s := r.Subject
	switch {
	case s.Path != "/usr/bin/openssl" || strings.Join(s.Args, " ") != "x509 -in /etc/ssl/web.pem" || s.SHA256 == nil || len(*s.SHA256) != 64:
		t.Errorf("the application is %s", JSON(s))
	case s.Publisher == nil || s.Publisher.Thumbprint != "a1b2c3" || s.Version == nil || *s.Version != "3.0.11" || s.Parent == nil || *s.Parent != "/usr/bin/bash":
		t.Errorf("publisher, version, parent: %s", JSON(s))
	case r.Justification == nil || *r.Justification != "look at the certificate, INC-4821" || r.Ticket == nil || *r.Ticket != "INC-4821":
		t.Errorf("the reason is %s", JSON(r.Justification))
	case r.Endpoint.Name == nil || *r.Endpoint.Name != "web-1" || r.Endpoint.OS == nil || *r.Endpoint.OS != "linux" || r.Endpoint.IP == nil || r.Endpoint.Labels["role"] != "web":
		t.Errorf("the endpoint is %s", JSON(r.Endpoint))
	case len(r.Rules) != 1 || !strings.HasPrefix(r.Rules[0], "ssl-needs-people@"):
		t.Errorf("the rules are %v", r.Rules)
	case r.Queue == nil || r.SubmittedAt == nil || r.ExpiresAt == nil:
		t.Errorf("times and queue: %s", JSON(r))
	}
	x := Must(client.Get[client.Explanation](t.Context(), bo.Client, "/requests/"+id+"/explain", nil))(t)
	if x.Outcome != "ask" || !strings.Contains(x.Sentence, "ssl-needs-people") {
		t.Errorf("why it asked: %s", JSON(x))
	}
	out := d.Works(bo, "approval", "view", id)
	for _, want := range []string{"/usr/bin/openssl x509 -in /etc/ssl/web.pem", "web-1", "INC-4821", "caution"} {
		if !strings.Contains(out, want) {
			t.Errorf("approval view does not show %q:\n%s", want, out)
		}
	}
}

func TestA11ContextThatHelps(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	outside := d.Scoped("otto", map[string]string{"role": "db"}, "approver")
	one, two, three, db := d.Endpoint("ws-1"), d.Endpoint("ws-2"), d.Endpoint("ws-3"), d.Endpoint("db-1", "role=db")
	restart := []string{"/usr/bin/systemctl", "restart", "nginx"}

	first := one.Ask("dina", restart...)
	d.seenFact(bo, first, "never_asked", "nobody")
	d.seenFact(bo, first, "first_seen", "nobody had asked for this very file")
	d.seenFact(bo, first, "rare", "fewer than 3")
	d.seenFact(bo, first, "unlinked", "dina")
	bo.Does("deny", first, client.Answer{Comment: "not now"})
	d.Pass(2 * time.Minute) // the cool-down after a denial

	second := one.Ask("dina", restart...)
	d.seenFact(bo, second, "asked_before", "once before: 1 denied by people")
	d.seenFact(bo, second, "denied_before", "denied the same once")
	bo.Does("approve", second, nil)
	third := two.Ask("eve", restart...)
	d.seenFact(bo, third, "asked_in_fleet", "2 times before by 1 person on 1 endpoint: 1 approved by people, 1 denied by people")
	d.seenFact(bo, third, "first_here", "eve has not asked")
	fourth := three.Ask("eve", restart...)
	d.seenFact(bo, fourth, "prevalence", "on 3 endpoints")
	d.seenFact(bo, fourth, "first_seen", "first seen on 2026-11-24")

	// Nothing outside of a scope is told, not even a number.
	fifth := db.Ask("eve", restart...)
	d.seenFact(bo, fifth, "asked_in_fleet", "4 times before")
	if got := outside.See(fifth); fact(got, "never_asked") == "" || fact(got, "prevalence") != "" || fact(got, "denied_before") != "" {
		t.Errorf("an approver of db alone is told %s", JSON(got.Caution))
	}

	// Weak and repeated reasons, programs that can do anything, folders of users.
	a := one.Attempt("mallory", "/usr/bin/bash", "-c", "id")
	a.Attempt.Subject.Marks = append(a.Attempt.Subject.Marks, elevation.MarkUserWritable)
	a.Attempt.Subject.Publisher = elevation.Publisher{Name: "Example Ltd", Thumbprint: "a1b2c3"}
	weak := one.AskWith(a, "aaaaaaaaaa", "")
	for reason, want := range map[string]string{"weak_reason": "single word", "unbounded": "any other program", "user_writable": "ordinary users", "publisher_new": "Example Ltd"} {
		d.seenFact(bo, weak, reason, want)
	}
	for i := range 3 {
		b := one.Attempt("mallory", "/usr/bin/tool", fmt.Sprint(i))
		b.Attempt.Subject.Publisher = a.Attempt.Subject.Publisher
		weak = one.AskWith(b, "because it must be done today", "")
	}
	d.seenFact(bo, weak, "repeated_reason", "2 times before")
	d.seenFact(bo, weak, "publisher", "3 times before: 3 not answered")

	// The list tells the same of what waits, and the command line shows it. Facts
	// are remembered for a while: what was looked up late must be read before that
	// is over, and what is old must be looked up again.
	looks := 0
	d.Eventually("the list has the facts too", func() bool {
		if looks++; looks%100 == 1 {
			d.Pass(30 * time.Second)
		}
		page := Must(client.Get[client.List[client.Request]](t.Context(), bo.Client, "/requests", map[string][]string{"status": {"pending"}}))(t)
		for _, r := range page.Items {
			if r.ID == weak {
				return fact(r, "repeated_reason") != ""
			}
		}
		return false
	})
	if out := d.Works(bo, "approval", "view", weak); !strings.Contains(out, "repeated_reason: mallory gave the same reason") {
		t.Errorf("approval view:\n%s", out)
	}
}

const aptRule = "rules:\n  - name: apt-update\n    match: {path: /usr/bin/apt, args: [update]}\n    then: approve\n"

func TestU5ReplayBeforeEnabling(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	web, db := d.Endpoint("web-1", "role=web"), d.Endpoint("db-1", "role=db")
	yes := web.Ask("dina", "/usr/bin/apt", "update")
	other := web.Ask("dina", "/usr/bin/id")
	d.Pass(30 * time.Minute)
	bo.Does("approve", yes, nil)
	bo.Does("approve", other, nil)
	no := db.Ask("eve", "/usr/bin/apt", "update")
	d.Pass(10 * time.Minute)
	bo.Does("deny", no, client.Answer{Comment: "not on databases"})

	file := filepath.Join(d.Data, "apt.yaml")
	if err := os.WriteFile(file, []byte(aptRule), 0o600); err != nil {
		t.Fatal(err)
	}
	out := d.Works(d.Admin, "rule", "replay", file)
	for _, line := range []string{"requests 3\n", "changed 2\n", "newly_approved 2\n", "human_denied 1\n", "minutes_saved 40\n"} {
		if !strings.Contains(out, line) {
			t.Errorf("replay does not say %q:\n%s", line, out)
		}
	}
	r := Must(client.Post[client.Replay](t.Context(), d.Admin.Client, "/rules/replay", client.ReplayRules{YAML: aptRule, Days: 1}))(t)
	if len(r.Changes) != 2 || r.Changes[0].RequestID != no || r.Changes[0].Who != "eve" || r.Changes[0].What != "/usr/bin/apt update" ||
		r.Changes[0].From != "ask: denied by bo" || r.Changes[0].To != "approve: apt-update" || r.Changes[0].Endpoint != "db-1" {
		t.Errorf("the changes are %s", JSON(r.Changes))
	}
	// Enabling is refused while it would approve what a person denied.
	if got := d.Ctl(d.Admin, "rule", "apply", file); got.Code != 6 || !strings.Contains(got.Err, no) {
		t.Errorf("apply: %+v", got)
	}
	if set := Must(client.Get[client.Ruleset](t.Context(), d.Admin.Client, "/rules", nil))(t); len(set.Items) != 0 {
		t.Error("the refused rules are in force")
	}
	narrow := strings.Replace(aptRule, "args: [update]", "args: [update], endpoint: {labels: {role: web}}", 1)
	d.Rules(narrow)
	if got := d.Ctl(d.Admin, "rule", "apply", file, "--acknowledge-denied"); got.Code != 0 {
		t.Errorf("acknowledged: %+v", got)
	}

	// A scope bounds what a replay looks at; a text with faults is refused.
	scoped := d.Scoped("sue", map[string]string{"role": "db"}, "auditor")
	if r := Must(client.Post[client.Replay](t.Context(), scoped.Client, "/rules/replay", client.ReplayRules{YAML: aptRule}))(t); r.Requests != 1 || r.Changed != 1 {
		t.Errorf("replay within a scope: %s", JSON(r))
	}
	_, err := client.Post[client.Replay](t.Context(), d.Admin.Client, "/rules/replay", client.ReplayRules{YAML: "rules:\n  - nome: x\n"})
	if Code(err) != "invalid" {
		t.Errorf("rules with faults: %v", err)
	}
	_, err = client.Post[client.Replay](t.Context(), d.Admin.Client, "/rules/replay", client.ReplayRules{YAML: aptRule, Days: 401})
	if Code(err) != "invalid" {
		t.Errorf("too many days: %v", err)
	}
}

func TestU6SuggestionsWithEvidence(t *testing.T) {
	d := New(t)
	bo, cy := d.Person("bo", "approver"), d.Person("cy", "approver")
	var fleet []*Endpoint
	for i := range 3 {
		fleet = append(fleet, d.Endpoint(fmt.Sprintf("ws-%d", i+1), "role=workstation", fmt.Sprintf("room=%d", i)))
	}
	asked := []string{}
	answer := func(e *Endpoint, user string, argv ...string) {
		id := e.Ask(user, argv...)
		d.Pass(5 * time.Minute)
		p := bo
		if len(asked)%2 == 1 {
			p = cy
		}
		p.Does("approve", id, nil)
		e.Uses(id)
		e.Ends(id, elevation.Completed)
		asked = append(asked, id)
	}
	for i, e := range fleet {
		answer(e, "dina", "/usr/bin/apt", "update")
		answer(e, "eve", "/usr/bin/apt", "update")
		answer(e, "dina", "/usr/bin/systemctl", "restart", []string{"nginx", "redis", "cups"}[i])
		answer(e, "eve", "/usr/bin/systemctl", "restart", []string{"redis", "cups", "nginx"}[i])
		answer(e, "eve", "/usr/bin/dnf", "remove", "x")
		answer(fleet[0], "eve", "/usr/bin/pacman", "-Syu") // one endpoint alone
	}
	// What a person denied once is never suggested.
	no := fleet[1].Ask("eve", "/usr/bin/dnf", "remove", "x")
	bo.Does("deny", no, nil)
	d.Pass(2 * time.Minute)
	for range 2 {
		answer(fleet[2], "eve", "/usr/bin/dnf", "remove", "x")
	}

	page := Must(client.Get[client.List[client.Suggestion]](t.Context(), d.Admin.Client, "/rules/suggestions", nil))(t)
	if len(page.Items) != 2 {
		t.Fatalf("%d suggestions: %s", len(page.Items), JSON(page.Items))
	}
	for _, s := range page.Items {
		if s.Approvals != 6 || s.Seen != 3 || s.Replay.NewlyApproved != 6 || s.Replay.HumanDenied != 0 || s.Replay.MinutesSaved != 30 ||
			strings.Join(s.Requesters, " ") != "dina eve" || strings.Join(s.Approvers, " ") != "bo cy" || len(s.RequestIDs) != 6 {
			t.Errorf("the evidence is %s", JSON(s))
		}
		if !strings.Contains(s.YAML, "mode: observe") || !strings.Contains(s.YAML, "role: workstation") || strings.Contains(s.YAML, "room") {
			t.Errorf("the rule is not narrow, or it enforces:\n%s", s.YAML)
		}
	}
	both := page.Items[0].YAML + page.Items[1].YAML
	if !strings.Contains(both, "args: [update]") || !strings.Contains(both, "regex: cups|nginx|redis") {
		t.Errorf("the rules are:\n%s", both)
	}
	// It can be taken as it is, and does nothing until a person enables it.
	file := filepath.Join(d.Data, "suggested.yaml")
	if err := os.WriteFile(file, []byte(page.Items[0].YAML), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Works(d.Admin, "rule", "apply", "--merge", file)
	id := fleet[0].Ask("dina", "/usr/bin/apt", "update")
	if r := bo.See(id); r.State != "pending" {
		t.Errorf("a suggested rule answers by itself: %s", r.State)
	}
	taken := page.Items[0]
	d.Works(d.Admin, "rule", "enable", taken.Name)
	command := []string{"/usr/bin/apt", "update"}
	if strings.Contains(taken.YAML, "systemctl") {
		command = []string{"/usr/bin/systemctl", "restart", "cups"}
	}
	if r := bo.See(fleet[1].Ask("eve", command...)); r.State != "available" || r.Decision == nil || r.Decision.Rule == nil || !strings.HasPrefix(*r.Decision.Rule, taken.Name+"@") {
		t.Errorf("enabled by a person it answers: %s", JSON(r.Decision))
	}
	if left := Must(client.Get[client.List[client.Suggestion]](t.Context(), d.Admin.Client, "/rules/suggestions", nil))(t); len(left.Items) != 1 || left.Items[0].Name == taken.Name {
		t.Errorf("what is a rule now is still suggested: %s", JSON(left.Items))
	}
	out := d.Works(bo, "rule", "suggest")
	if !strings.Contains(out, "approved by bo, cy") || !strings.Contains(out, "a person denied none of them") {
		t.Errorf("rule suggest:\n%s", out)
	}
	if got := d.Ctl(d.Person("rae"), "rule", "suggest"); got.Code != 4 {
		t.Errorf("suggest by a requester: %+v", got)
	}
}

func TestU2ObserveAndLearning(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	web := d.Endpoint("web-1")
	d.Rules(strings.Replace(aptRule, "then: approve\n", "then: approve\n    mode: observe\n", 1))
	id := web.Ask("dina", "/usr/bin/apt", "update")
	if r := bo.See(id); r.State != "pending" {
		t.Fatalf("a rule that observes answered: %s", r.State)
	}
	x := Must(client.Get[client.Explanation](t.Context(), bo.Client, "/requests/"+id+"/explain", nil))(t)
	if !strings.Contains(JSON(x.Trace), "observes only") {
		t.Errorf("the trace does not show it: %s", JSON(x))
	}
	bo.Does("approve", id, nil)
	// What it would have answered is counted, and the same rule enforcing is tried on it.
	rows := d.report(d.Admin, "per-rule")
	if len(rows) != 1 || rows[0]["rule"] != "apt-update" || rows[0]["would_approve"] != "1" || rows[0]["approved"] != "0" {
		t.Errorf("per-rule says %v", rows)
	}
	r := Must(client.Post[client.Replay](t.Context(), d.Admin.Client, "/rules/replay", client.ReplayRules{YAML: aptRule}))(t)
	if r.NewlyApproved != 1 || r.Requests != 1 {
		t.Errorf("replay over what was observed: %s", JSON(r))
	}
}

// report is a report as rows by column, over the command line.
func (d *Desk) report(p *Person, name string, more ...string) []map[string]string {
	d.T.Helper()
	rows := []map[string]string{}
	for line := range strings.Lines(d.Works(p, append([]string{"report", name, "--format", "jsonl"}, more...)...)) {
		one := map[string]string{}
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			d.T.Fatalf("report %s: %v in %q", name, err, line)
		}
		rows = append(rows, one)
	}
	return rows
}

func TestA18NamedReports(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	web, db := d.Endpoint("web-1", "role=web"), d.Endpoint("db-1", "role=db")
	d.Rules(aptRule + "    limits: {duration: 1h}\n  - name: never-used\n    match: {path: /usr/bin/false, args: []}\n    then: deny\n")
	used := web.Ask("dina", "/usr/bin/id")
	d.Pass(4 * time.Minute)
	bo.Does("approve", used, nil)
	web.Uses(used)
	web.Ends(used, elevation.Completed)
	web.Ask("dina", "/usr/bin/apt", "update") // by rule
	denied := db.Ask("eve", "/usr/bin/id")
	d.Pass(2 * time.Minute)
	bo.Does("deny", denied, client.Answer{Comment: "no"})
	late := db.Ask("eve", "/usr/bin/whoami")
	d.Pass(9 * time.Hour)
	d.Admin.See(late)

	check := func(name, key string, want ...string) {
		t.Helper()
		rows := d.report(d.Admin, name)
		var got []string
		for _, r := range rows {
			var cells []string
			for _, k := range strings.Fields(key) {
				cells = append(cells, r[k])
			}
			got = append(got, strings.Join(cells, " "))
		}
		if strings.Join(got, "; ") != strings.Join(want, "; ") {
			t.Errorf("%s says %q, want %q", name, got, want)
		}
	}
	check("could-and-did", "user endpoint granted used by_rule by_person", "dina web-1 2 1 1 1")
	check("per-approver", "approver approved denied median_seconds longest_seconds", "bo 1 1 240 240")
	check("per-rule", "rule approved denied asked", "apt-update 1 0 0")
	stale := map[string]string{}
	for _, r := range d.report(d.Admin, "stale-rules") {
		stale[r["rule"]] = r["then"]
	}
	if _, matched := stale["apt-update"]; matched || stale["never-used"] != "deny" {
		t.Errorf("stale-rules says %v", stale)
	}
	check("waiting-times", "team priority answered unanswered longest_seconds", "Approvers normal 2 1 240")
	check("emergencies", "request")
	check("unreviewed", "request")
	check("standing-rights", "endpoint")
	cover := map[string]string{}
	for _, r := range d.report(d.Admin, "coverage") {
		cover[r["what"]] = r["count"]
	}
	for what, n := range map[string]string{"requests": "4", "answered by a rule": "1", "answered by a person": "2", "not answered": "1", "endpoints": "2"} {
		if cover[what] != n {
			t.Errorf("coverage: %s is %s, want %s", what, cover[what], n)
		}
	}

	// A period narrows; a scope narrows everything alike.
	if rows := d.report(d.Admin, "per-approver", "--until", d.Now().Add(-10*time.Hour).UTC().Format(time.RFC3339)); len(rows) != 0 {
		t.Errorf("before anything happened: %v", rows)
	}
	sue := d.Scoped("sue", map[string]string{"role": "db"}, "auditor")
	for _, r := range Must(client.Get[client.List[client.ReportInfo]](t.Context(), sue.Client, "/reports", nil))(t).Items {
		if out := d.Works(sue, "report", r.Name, "--format", "json"); strings.Contains(out, "web-1") || strings.Contains(out, "dina") || strings.Contains(out, used) {
			t.Errorf("%s tells an auditor of db alone of others:\n%s", r.Name, out)
		}
	}
	if rows := d.report(sue, "per-approver"); len(rows) != 1 || rows[0]["approved"] != "0" || rows[0]["denied"] != "1" {
		t.Errorf("per-approver within db: %v", rows)
	}
	if got := d.Ctl(bo, "report", "coverage"); got.Code != 4 {
		t.Errorf("a report for an approver: %+v", got)
	}
	if got := d.Ctl(d.Admin, "report", "nothing"); got.Code != 5 {
		t.Errorf("a report that is not there: %+v", got)
	}
	if _, err := client.Get[client.Report](t.Context(), d.Admin.Client, "/reports/coverage", map[string][]string{"since": {"yesterday"}}); Code(err) != "invalid" {
		t.Errorf("a bad time: %v", err)
	}
	if out := d.Works(d.Admin, "report"); !strings.Contains(out, "waiting-times") {
		t.Errorf("the list of reports:\n%s", out)
	}
}

func TestA18ReportsAreInert(t *testing.T) {
	d := New(t)
	web := d.Endpoint("web-1")
	a := web.Attempt("=HYPERLINK(\"http://x\")", "/opt/\x1b[2J\u202eevil", "=1+1", "\n")
	a.Attempt.User.UID = "4711"
	id := web.AskWith(a, "=cmd|' /C calc'!A0", "")
	d.Admin.Does("approve", id, nil)
	out := d.Works(d.Admin, "report", "could-and-did", "--format", "csv")
	if strings.Contains(out, "\n=") || strings.Contains(out, "\n\"=") || !strings.Contains(out, "'=HYPERLINK") {
		t.Errorf("a formula in csv:\n%q", out)
	}
	for _, as := range []string{"json", "cef", "ocsf", "syslog"} {
		out := d.Works(d.Admin, "audit", "export", "--as", as)
		if strings.ContainsAny(out, "\x1b\u202e\x00\r") || strings.Contains(out, "\n=") {
			t.Errorf("%s lets hostile text through: %q", as, out)
		}
		if !strings.Contains(out, "request.approved") {
			t.Errorf("%s has no request.approved:\n%s", as, out)
		}
	}
	if got := d.Ctl(d.Admin, "audit", "export", "--as", "xml"); got.Code != 2 {
		t.Errorf("an unknown form: %+v", got)
	}
}

func TestA18EvidenceBundleWithProofs(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	web := d.Endpoint("web-1", "role=web")
	id := web.Ask("dina", "/usr/bin/systemctl", "restart", "nginx")
	bo.Does("approve", id, client.Answer{Comment: "ok, a 𝄞 and a \u202e"})
	web.Uses(id)
	web.Ends(id, elevation.Completed)
	kept := filepath.Join(d.Data, "checkpoint.json")
	bundle := filepath.Join(d.Data, "evidence.json")
	d.Eventually("every event is signed", func() bool {
		d.Works(bo, "approval", "proof", id, "--output", bundle)
		e := Must(client.Get[client.Evidence](t.Context(), bo.Client, "/requests/"+id+"/proof", nil))(t)
		return e.Unsigned == 0 && len(e.Events) >= 7
	})
	d.Works(d.Admin, "audit", "checkpoint", "--output", kept)
	out := d.Works(nil, "audit", "verify", "--evidence", bundle)
	if !strings.Contains(out, "events were logged as they stand here") || !strings.Contains(out, "was signed by a key of the key set") {
		t.Errorf("verify says %s", out)
	}
	d.Works(nil, "audit", "verify", "--evidence", bundle, "--checkpoint", kept)
	raw := string(Must(os.ReadFile(bundle))(t))
	for what, change := range map[string][2]string{
		"another approver":  {`"name": "bo"`, `"name": "cy"`},
		"another comment":   {`ok, a `, `no, a `},
		"another time":      {`"kind": "request.approved"`, `"kind": "request.denied"`},
		"another request":   {`"id": "` + id + `"`, `"id": "req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77"`},
		"another signature": {`assent-audit/`, `assent-audit/x`},
	} {
		if !strings.Contains(raw, change[0]) {
			t.Fatalf("%s: the bundle has no %q", what, change[0])
		}
		if err := os.WriteFile(bundle, []byte(strings.ReplaceAll(raw, change[0], change[1])), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := d.Ctl(nil, "audit", "verify", "--evidence", bundle); got.Code != 1 {
			t.Errorf("%s is not found: %+v", what, got)
		}
	}
	// One event of the log, by number and by id; nothing outside of a scope.
	if out := d.Works(d.Admin, "audit", "proof", "1"); !strings.Contains(out, "is in the signed log of") {
		t.Errorf("audit proof: %s", out)
	}
	page := Must(client.Get[client.AuditPage](t.Context(), d.Admin.Client, "/audit", map[string][]string{"request": {id}}))(t)
	p := Must(client.Get[client.EventProof](t.Context(), d.Admin.Client, "/audit/proof/"+page.Items[0].ID, nil))(t)
	if p.Event.Seq != page.Items[0].Seq {
		t.Errorf("the proof of %s is of %d", page.Items[0].ID, p.Event.Seq)
	}
	other := d.Scoped("otto", map[string]string{"role": "db"}, "approver")
	if _, err := client.Get[client.Evidence](t.Context(), other.Client, "/requests/"+id+"/proof", nil); Code(err) != "not_found" {
		t.Errorf("evidence outside of the scope: %v", err)
	}
	if _, err := client.Get[client.Evidence](t.Context(), d.Person("rae").Client, "/requests/"+id+"/proof", nil); Code(err) != "forbidden" {
		t.Errorf("evidence for a requester: %v", err)
	}
	// A log that was put back to an earlier state, with everything that belongs to
	// it, fits together by itself: what was kept shows it.
	early := filepath.Join(d.Data, "early")
	d.Works(d.Admin, "audit", "export", early)
	d.Pass(time.Minute)
	web.Ask("dina", "/usr/bin/id")
	d.Eventually("the log goes on", func() bool {
		d.Works(d.Admin, "audit", "checkpoint", "--output", kept)
		var c client.Checkpoint
		if err := json.Unmarshal(Must(os.ReadFile(kept))(t), &c); err != nil {
			t.Fatal(err)
		}
		return d.Ctl(nil, "audit", "verify", "--offline", early, "--checkpoint", kept).Code == 1
	})
	d.Works(nil, "audit", "verify", "--offline", early)
	d.Works(d.Admin, "audit", "verify", "--checkpoint", kept)
}
