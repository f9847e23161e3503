package rules

import (
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // a machine may have no time zones

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/assent-epm/assent/shared/elevation"
)

var update = flag.Bool("update", false, "rewrite golden files")

const (
	hashA = "000000000000000000000000000000000000000000000000000000000000000a"
	hashB = "000000000000000000000000000000000000000000000000000000000000000b"
)

// attempt makes an input for a program with its arguments.
func attempt(path string, args ...string) Input {
	return Input{Attempt: elevation.Attempt{AccessType: elevation.Run, User: elevation.User{Name: "bo", UID: "1000", Groups: []string{"staff"}},
		Subject: elevation.Subject{Path: path, Args: args, SHA256: hashA, RunAs: "root", Cwd: "/"}},
		Endpoint: Endpoint{Labels: map[string]string{"role": "web"}, Reported: map[string]string{"role": "db", "site": "x"}}}
}

func canChildren(in *Input) { in.Endpoint.Can = []string{"run", CanChildren} }

func with(in Input, change func(*Input)) Input {
	change(&in)
	return in
}

func mark(marks ...string) func(*Input) {
	return func(in *Input) { in.Attempt.Subject.Marks = marks }
}

func TestEvaluate(t *testing.T) {
	tests := []struct {
		name, rules string
		in          Input
		kind        Kind
		rule        string
	}{
		{"no rules", `rules: []`, attempt("/usr/bin/id"), Ask, ""},
		{"zero attempt", approveID, Input{}, Ask, ""},
		{"approve", approveID, attempt("/usr/bin/id"), Approve, "a@3"},
		{"one argument too many", approveID, attempt("/usr/bin/id", "-u"), Ask, ""},
		{"an empty argument counts", approveID, attempt("/usr/bin/id", ""), Ask, ""},
		{"path is compared whole", approveID, attempt("/usr/bin/id2"), Ask, ""},
		{"path is compared with case", approveID, attempt("/usr/bin/ID"), Ask, ""},
		{"path with a line end", approveID, attempt("/usr/bin/id\n"), Ask, ""},

		{"called by another name", approveID, with(attempt("/usr/bin/id"), mark("called_as:reboot")), Ask, ""},
		{"called without the version", `rules: [{name: a, match: {path: /usr/bin/tool3.11, args: [x]}, then: approve}]`,
			with(attempt("/usr/bin/tool3.11", "x"), mark("called_as:tool3")), Approve, "a@3"},
		{"called by half of the name", `rules: [{name: a, match: {path: /usr/bin/lz4cat, args: [x]}, then: approve}]`,
			with(attempt("/usr/bin/lz4cat", "x"), mark("called_as:lz4")), Ask, ""},
		{"denied by any name", `rules: [{name: no, match: {path: /usr/bin/id}, then: deny}]`,
			with(attempt("/usr/bin/id"), mark("called_as:reboot")), Deny, "no@3"},
		{"denied by the name it is called by", `rules: [{name: no, match: {path: reboot}, then: deny}]`,
			with(attempt("/usr/bin/systemctl"), mark("called_as:reboot")), Deny, "no@3"},
		{"a pattern for what is hidden", `rules: [{name: a, match: {path: /usr/bin/apt, args: [{regex: '[^/]*'}]}, then: approve}]`,
			attempt("/usr/bin/apt", "token=***"), Ask, ""},
		{"anything for what is hidden", `rules: [{name: a, match: {path: /usr/bin/apt, args: [{any: true}]}, then: approve}]`,
			attempt("/usr/bin/apt", "token=***"), Approve, "a@3"},

		{"deny beats approve", `rules:
- {name: yes, match: {path: /usr/bin/id, args: []}, then: approve, precedence: 0}
- {name: no, match: {user: [bo]}, then: deny, precedence: 999}`, attempt("/usr/bin/id"), Deny, "no@3"},
		{"require beats approve", `rules:
- {name: yes, match: {path: /usr/bin/id, sha256: [` + hashA + `], args: []}, then: approve}
- {name: ask, match: {user: [bo]}, then: require}`, attempt("/usr/bin/id"), Ask, "ask@3"},
		{"deny beats require", `rules:
- {name: ask, match: {path: /usr/bin/id}, then: require}
- {name: no, match: {user: [bo]}, then: deny}`, attempt("/usr/bin/id"), Deny, "no@3"},
		{"hash is more specific", `rules:
- {name: a, match: {path: /usr/bin/id, args: []}, then: approve, precedence: 1}
- {name: b, match: {sha256: [` + hashA + `], args: []}, then: approve, precedence: 500}`, attempt("/usr/bin/id"), Approve, "b@3"},
		{"precedence", `rules:
- {name: a, match: {path: /usr/bin/id, args: []}, then: approve, precedence: 7}
- {name: b, match: {path: /usr/bin/id, args: [], user: [bo]}, then: approve, precedence: 6}`, attempt("/usr/bin/id"), Approve, "b@3"},
		{"name decides last", `rules:
- {name: b, match: {path: /usr/bin/id, args: []}, then: approve}
- {name: a, match: {path: /usr/bin/id, args: [], user: [bo]}, then: approve}`, attempt("/usr/bin/id"), Approve, "a@3"},
		{"observe does not decide", `rules:
- {name: a, match: {path: /usr/bin/id}, then: deny, mode: observe}`, attempt("/usr/bin/id"), Ask, ""},
		{"observe does not stop others", approveID + "- {name: b, match: {user: [bo]}, then: deny, mode: observe}", attempt("/usr/bin/id"), Approve, "a@3"},

		{"joined arguments", `rules:
- {name: a, match: {path: /usr/bin/cat, args: ["/var/log/messages"]}, then: approve}`, attempt("/usr/bin/cat", "/var/log/messages /etc/shadow"), Ask, ""},
		{"a second file", `rules:
- {name: a, match: {path: /usr/bin/cat, args: [{regex: '/var/log/messages.*'}]}, then: approve}`, attempt("/usr/bin/cat", "/var/log/messages", "/etc/shadow"), Ask, ""},
		{"regex matches all of it", `rules:
- {name: a, match: {path: /usr/bin/cat, args: [{regex: 'a|b'}]}, then: approve}`, attempt("/usr/bin/cat", "ab"), Ask, ""},
		{"regex does not cross lines", `rules:
- {name: a, match: {path: /usr/bin/cat, args: [{regex: '/var/log/.*'}]}, then: approve}`, attempt("/usr/bin/cat", "/var/log/x\n/etc/shadow"), Ask, ""},
		{"regex matches", `rules:
- {name: a, match: {path: /usr/bin/cat, args: [{regex: '/var/log/[a-z]+'}]}, then: approve}`, attempt("/usr/bin/cat", "/var/log/messages"), Approve, "a@3"},
		{"any is exactly one", `rules:
- {name: a, match: {path: /usr/bin/cat, args: [{any: true}]}, then: approve}`, attempt("/usr/bin/cat"), Ask, ""},
		{"rest may be none", `rules:
- {name: a, match: {path: /usr/bin/cat, args: [x, {rest: true}]}, then: approve}`, attempt("/usr/bin/cat", "x"), Approve, "a@3"},
		{"rest may be many", `rules:
- {name: a, match: {path: /usr/bin/cat, args: [x, {rest: true}]}, then: approve}`, attempt("/usr/bin/cat", "x", "y", "z"), Approve, "a@3"},
		{"rest does not replace the first", `rules:
- {name: a, match: {path: /usr/bin/cat, args: [x, {rest: true}]}, then: approve}`, attempt("/usr/bin/cat", "y"), Ask, ""},

		{"label", approveWith("endpoint: {labels: {role: web}}"), attempt("/usr/bin/id"), Approve, "a@3"},
		{"label differs", approveWith("endpoint: {labels: {role: db}}"), attempt("/usr/bin/id"), Ask, ""},
		{"a reported label is no label", approveWith("endpoint: {labels: {site: x}}"), attempt("/usr/bin/id"), Ask, ""},
		{"an absent label is not empty", approveWith("endpoint: {labels: {none: ''}}"), attempt("/usr/bin/id"), Ask, ""},
		{"group", approveWith("group: [wheel, staff]"), attempt("/usr/bin/id"), Approve, "a@3"},
		{"other group", approveWith("group: [wheel]"), attempt("/usr/bin/id"), Ask, ""},
		{"user", approveWith("user: [bo]"), attempt("/usr/bin/id"), Approve, "a@3"},
		{"user with other case", approveWith("user: [Bo]"), attempt("/usr/bin/id"), Ask, ""},
		{"access type", approveWith("access_type: [session]"), attempt("/usr/bin/id"), Ask, ""},
		{"parent", approveWith("parent: /usr/bin/bash"), with(attempt("/usr/bin/id"), func(in *Input) { in.Attempt.Subject.Parent = "/usr/bin/bash" }), Approve, "a@3"},
		{"parent differs", approveWith("parent: /usr/bin/bash"), attempt("/usr/bin/id"), Ask, ""},
		{"version", approveWith("version: {regex: '1\\.\\d+'}"), with(attempt("/usr/bin/id"), func(in *Input) { in.Attempt.Subject.Version = "1.22" }), Approve, "a@3"},
		{"hash differs", approveWith("sha256: [" + hashB + "]"), attempt("/usr/bin/id"), Ask, ""},
		{"nobody is no publisher", `rules:
- {name: a, match: {publisher: {thumbprint: ` + hashA + `}, path: /usr/bin/id, args: []}, then: approve}`, attempt("/usr/bin/id"), Ask, ""},
		{"publisher and product", `rules:
- {name: a, match: {publisher: {thumbprint: ` + hashA + `}, product: Tool, args: []}, then: approve}`, with(attempt(`C:\x\t.exe`), func(in *Input) {
			in.Attempt.Subject.Publisher.Thumbprint, in.Attempt.Subject.Product = hashA, "Tool"
		}), Approve, "a@3"},
		{"windows paths have no case", `rules:
- {name: a, match: {path: 'C:\Windows\System32\net.exe'}, then: deny}`, attempt(`c:\windows\system32\NET.EXE`), Deny, "a@3"},
		{"name anywhere", `rules:
- {name: a, match: {path: su}, then: deny}`, attempt("/home/bo/su"), Deny, "a@3"},

		{"user writable without hash", approveID, with(attempt("/usr/bin/id"), mark(elevation.MarkUserWritable)), Ask, ""},
		{"user writable, wrong hash", approveWith("sha256: [" + hashB + "]"), with(attempt("/usr/bin/id"), mark(elevation.MarkUserWritable)), Ask, ""},
		{"user writable with hash", approveWith("sha256: [" + hashA + "]"), with(attempt("/usr/bin/id"), mark(elevation.MarkUserWritable)), Approve, "a@3"},
		{"user writable can be denied", `rules:
- {name: a, match: {path: /usr/bin/id}, then: deny}`, with(attempt("/usr/bin/id"), mark(elevation.MarkUserWritable)), Deny, "a@3"},
		{"dialogs for files", approveWith("sha256: [" + hashA + "]"), with(attempt("/usr/bin/id"), mark(elevation.MarkDialogs)), Ask, ""},
		{"dialogs for files, by a rule that says so", approveWith("sha256: [" + hashA + "], dialogs: true"), with(attempt("/usr/bin/id"), mark(elevation.MarkDialogs)), Approve, "a@3"},
		{"dialogs: true selects nothing", approveWith("sha256: [" + hashA + "], dialogs: true"), attempt("/usr/bin/id"), Approve, "a@3"},
		{"interactive shell", approveWith("sha256: [" + hashA + "]"), with(attempt("/usr/bin/id"), mark(elevation.MarkShell)), Ask, ""},
		{"unbounded by its mark", `rules:
- {name: a, match: {sha256: [` + hashA + `]}, then: approve}`, with(attempt("/opt/renamed", "x"), mark(elevation.MarkUnbounded)), Ask, ""},
		{"unbounded by its name", `rules:
- {name: a, match: {sha256: [` + hashA + `]}, then: approve}`, attempt("/usr/bin/python3.11", "x"), Ask, ""},
		{"unbounded with fixed arguments", `rules:
- {name: a, match: {sha256: [` + hashA + `], args: [/opt/x.py]}, then: approve}`, with(attempt("/usr/bin/python3.11", "/opt/x.py"), mark(elevation.MarkUnbounded)), Approve, "a@3"},

		{"condition error denies an approval", approveID + "  when: error\n", attempt("/usr/bin/id"), Ask, ""},
		{"condition error of a denial asks", approveID + `- {name: no, match: {user: [bo]}, then: deny, when: error}`, attempt("/usr/bin/id"), Ask, "no@3"},
		{"condition error of a requirement asks", approveID + `- {name: q, match: {user: [bo]}, then: require, when: error}`, attempt("/usr/bin/id"), Ask, "q@3"},
		{"a clear denial beats an unclear one", `rules:
- {name: no, match: {user: [bo]}, then: deny, when: error}
- {name: sure, match: {path: /usr/bin/id}, then: deny}`, attempt("/usr/bin/id"), Deny, "sure@3"},
		{"an observed error changes nothing", approveID + `- {name: no, match: {user: [bo]}, then: deny, when: error, mode: observe}`, attempt("/usr/bin/id"), Approve, "a@3"},

		{"ticket is missing", approveID + "  require: {ticket: 'INC-\\d+'}\n", attempt("/usr/bin/id"), Ask, "a@3"},
		{"ticket is there", approveID + "  require: {ticket: 'INC-\\d+'}\n", with(attempt("/usr/bin/id"), func(in *Input) { in.Ticket = "INC-1" }), Approve, "a@3"},
		{"ticket is wrong", approveID + "  require: {ticket: 'INC-\\d+'}\n", with(attempt("/usr/bin/id"), func(in *Input) { in.Ticket = "INC-1; x" }), Ask, "a@3"},
		{"step-up needs a person", approveID + "  require: {step_up: true}\n", attempt("/usr/bin/id"), Ask, "a@3"},
		{"confirm needs a person", approveID + "  require: {confirm: password}\n", attempt("/usr/bin/id"), Ask, "a@3"},
		{"a passkey needs a person", approveID + "  require: {confirm: passkey}\n", attempt("/usr/bin/id"), Ask, "a@3"},
		{"a password is no passkey", approveID + "  require: {confirm: passkey}\n", with(attempt("/usr/bin/id"), func(in *Input) { in.Endpoint.Can = []string{CanConfirm} }), Ask, "a@3"},
		{"a passkey where it is asked for", approveID + "  require: {confirm: passkey}\n", with(attempt("/usr/bin/id"), func(in *Input) { in.Endpoint.Can = []string{CanPasskey} }), Approve, "a@3"},
		{"no confirm", approveID + "  require: {confirm: none}\n", attempt("/usr/bin/id"), Approve, "a@3"},
		{"children deny needs a person", approveID + "  children: deny\n", attempt("/usr/bin/id"), Ask, "a@3"},
		{"children contain needs a person", approveID + "  children: contain\n", attempt("/usr/bin/id"), Ask, "a@3"},
		{"children deny where it is kept", approveID + "  children: deny\n", with(attempt("/usr/bin/id"), canChildren), Approve, "a@3"},
		{"children contain where it is kept", approveID + "  children: contain\n", with(attempt("/usr/bin/id"), canChildren), Approve, "a@3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := mustParse(t, tt.rules).Evaluate(tt.in, fixtureTime())
			if o.Kind != tt.kind || o.Rule != tt.rule {
				t.Errorf("got %s by %q, want %s by %q\n%s\n%v", o.Kind, o.Rule, tt.kind, tt.rule, o.Sentence, o.Trace)
			}
			if o.Sentence == "" || !strings.HasSuffix(o.Sentence, ".") {
				t.Errorf("the sentence is %q", o.Sentence)
			}
		})
	}
}

// approveWith is approveID with one more part in its match.
func approveWith(part string) string {
	return strings.Replace(approveID, "args: []", "args: [], "+part, 1)
}

func TestNilSetAsks(t *testing.T) {
	var s *Set
	o := s.Evaluate(attempt("/usr/bin/id"), time.Now())
	if o.Kind != Ask || o.Rule != "" || o.Sentence == "" || s.Version() != 0 || s.Len() != 0 || s.Rules() != nil || s.Test() != nil || s.At(4) != nil {
		t.Errorf("got %+v", o)
	}
	if (Outcome{}).Kind != Ask || (Outcome{}).Kind.String() != "ask" {
		t.Error("the zero outcome does not ask")
	}
}

func TestLimitsAndDemandsAddUp(t *testing.T) {
	s := mustParse(t, `rules:
- name: a
  match: {path: /usr/bin/id}
  then: require
  limits: {duration: 2h}
  set_priority: high
  require: {stages: [{team: Platform, quorum: 2}], ticket: 'INC-\d+', after_review: {team: Audit, comment: true}}
- name: b
  match: {user: [bo]}
  then: require
  limits: {duration: 30m}
  set_priority: low
  children: contain
  require: {stages: [{team: Security}], ticket: '.*-7', step_up: true}
- name: c
  match: {path: /usr/bin/id, args: []}
  then: approve
  limits: {duration: 10m}
- name: d
  match: {path: /usr/bin/id, user: [cy]}
  then: require
  limits: {duration: 1s}
`)
	o := s.Evaluate(attempt("/usr/bin/id"), fixtureTime())
	want := []elevation.Stage{{Team: "Platform", Name: "Platform", Quorum: 2}, {Team: "Security", Name: "Security", Quorum: 1}}
	if d := cmp.Diff(want, o.Need.Stages); d != "" {
		t.Error(d)
	}
	if o.Kind != Ask || o.Name != "a" || o.Limits.Duration != 10*time.Minute || o.Need.MaxDuration != 10*time.Minute || !o.Need.StepUp ||
		o.Need.AfterReview != "Audit" || !o.Need.AfterComment || o.SetPriority != elevation.High || o.Children != ChildrenContain || o.ByRule {
		t.Errorf("got %+v", o)
	}
	if d := cmp.Diff([]string{"a@3", "c@3", "b@3"}, o.Need.Rules); d != "" {
		t.Error(d)
	}
	for _, tt := range []struct{ ticket, want string }{{"", `INC-\d+`}, {"x-7", `INC-\d+`}, {"INC-8", `.*-7`}, {"INC-7", `INC-\d+`}} {
		in := attempt("/usr/bin/id")
		in.Ticket = tt.ticket
		if got := s.Evaluate(in, fixtureTime()).Need.Ticket; got != tt.want {
			t.Errorf("with ticket %q: asks for %q, want %q", tt.ticket, got, tt.want)
		}
	}
}

func TestByRuleOnlyForTickets(t *testing.T) {
	s := mustParse(t, approveID+"  require: {ticket: 'INC-\\d+'}\n")
	in := attempt("/usr/bin/id")
	if o := s.Evaluate(in, fixtureTime()); !o.ByRule || o.Need.Ticket != `INC-\d+` || len(o.Need.Stages) != 0 {
		t.Errorf("without a ticket: %+v", o)
	}
	in.Ticket = "INC-4"
	if o := s.Evaluate(in, fixtureTime()); o.ByRule || o.Kind != Approve {
		t.Errorf("with a ticket: %+v", o)
	}
}

func TestHours(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, berlin)
		if err != nil {
			t.Fatal(err)
		}
		return v.UTC()
	}
	tests := []struct {
		hours string
		when  string
		want  bool
	}{
		{"Mon-Fri 07:00-20:00", "2026-01-05 07:00", true}, // a Monday
		{"Mon-Fri 07:00-20:00", "2026-01-05 06:59", false},
		{"Mon-Fri 07:00-20:00", "2026-01-05 19:59", true},
		{"Mon-Fri 07:00-20:00", "2026-01-05 20:00", false},
		{"Mon-Fri 07:00-20:00", "2026-01-10 12:00", false},
		{"Mon-Fri 07:00-20:00, Sat 09:00-12:00", "2026-01-10 09:30", true},
		{"07:00-08:00", "2026-01-11 07:30", true},
		{"00:00-24:00", "2026-01-11 23:59", true},
		{"Fri 22:00-06:00", "2026-01-09 23:00", true},
		{"Fri 22:00-06:00", "2026-01-10 05:59", true},
		{"Fri 22:00-06:00", "2026-01-10 06:00", false},
		{"Fri 22:00-06:00", "2026-01-09 05:00", false},
		{"Sat-Mon 10:00-11:00", "2026-01-11 10:30", true},
		{"Sat-Mon 10:00-11:00", "2026-01-06 10:30", false},
		{"Sun 01:00-04:00", "2026-03-29 03:30", true},  // the night that loses an hour
		{"Sun 02:00-03:00", "2026-10-25 02:30", true},  // the hour that comes twice
		{"Sun 22:00-02:00", "2026-01-05 01:00", true},  // over the end of the week
		{"Sun 22:00-02:00", "2026-01-04 01:00", false}, // Saturday's night
	}
	for _, tt := range tests {
		t.Run(tt.hours+" at "+tt.when, func(t *testing.T) {
			h, err := elevation.ParseHours(tt.hours, berlin)
			if err != nil {
				t.Fatal(err)
			}
			if got := h.Cover(at(tt.when)); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
	for _, bad := range []string{"", "Mon", "Mon-Fri", "Mon-Fri 7:00-20:00", "Mon-Fri 07:00", "07:00-25:00", "07:60-08:00", "24:01-03:00", "24:00-03:00",
		"mon 07:00-08:00", "Mon-Xyz 07:00-08:00", "Mon Tue 07:00-08:00", "07:00-07:00", ",", "07:00-08:00,", "-1:00-02:00", strings.Repeat("07:00-08:00,", 40) + "07:00-08:00"} {
		if _, err := elevation.ParseHours(bad, berlin); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestHoursDecide(t *testing.T) {
	s := mustParse(t, approveID+"  limits: {hours: '08:00-09:00', tz: UTC}\n")
	in := attempt("/usr/bin/id")
	if o := s.Evaluate(in, time.Date(2026, 1, 7, 8, 30, 0, 0, time.UTC)); o.Kind != Approve {
		t.Errorf("inside: %s", o.Sentence)
	}
	if o := s.Evaluate(in, time.Date(2026, 1, 7, 9, 0, 0, 0, time.UTC)); o.Kind != Ask || !strings.Contains(o.Trace[0].Why, "outside its hours") {
		t.Errorf("outside: %s %v", o.Sentence, o.Trace)
	}
	s = mustParse(t, approveID+"  limits: {hours: '08:00-09:00'}\n")
	if o := s.Evaluate(in, time.Date(2026, 1, 7, 9, 30, 0, 0, time.FixedZone("x", 3600))); o.Kind != Approve {
		t.Errorf("without a zone it is UTC: %s", o.Sentence)
	}
}

func TestMessages(t *testing.T) {
	o := Outcome{Message: map[string]string{"de": "nein", "en": "no"}}
	for lang, want := range map[string]string{"de": "nein", "en": "no", "fr": "no"} {
		if got := o.Text(lang); got != want {
			t.Errorf("%s: got %q", lang, got)
		}
	}
	if got := (Outcome{Message: map[string]string{"pt": "p", "de": "d"}}).Text("en"); got != "d" {
		t.Errorf("without English: %q", got)
	}
	if got := (Outcome{}).Text("en"); got != "" {
		t.Errorf("without any: %q", got)
	}
}

func TestLabels(t *testing.T) {
	got := Labels(map[string]string{"role": "web"}, []string{"role", "site", "absent"}, map[string]string{"role": "db", "site": "x", "other": "y"})
	if d := cmp.Diff(map[string]string{"role": "web", "site": "x"}, got); d != "" {
		t.Error(d)
	}
}

func TestTraceIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("rules:\n")
	for i := range 200 {
		fmt.Fprintf(&b, "- {name: r%03d, match: {path: /usr/bin/id, user: [u%d]}, then: deny}\n", i, i)
	}
	b.WriteString("- {name: z, match: {user: [bo]}, then: deny}\n")
	o := mustParse(t, b.String()).Evaluate(attempt("/usr/bin/id"), fixtureTime())
	if len(o.Trace) != maxTrace || !o.Trace[0].Matched || o.Trace[0].Rule != "z@3" {
		t.Errorf("%d lines, the first is %v", len(o.Trace), o.Trace[0])
	}
}

// Costly conditions of many rules do not add up for ever: once there were too
// many, the others count as errors, which never approves.
func TestConditionsTogetherAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("rules:\n")
	for i := range 6 {
		fmt.Fprintf(&b, "- {name: q%d, match: {path: /usr/bin/id, user: [bo, u%d]}, then: require, mode: observe, precedence: %d, when: group costly}\n", i, i, i)
	}
	b.WriteString("- {name: yes, match: {path: /usr/bin/id, args: []}, then: approve, when: group staff, precedence: 50}\n")
	o := mustParse(t, b.String()).Evaluate(attempt("/usr/bin/id"), fixtureTime())
	if o.Kind != Ask || !strings.Contains(o.Trace[6].Why, "took too long") {
		t.Errorf("got %s: %v", o.Kind, o.Trace)
	}
	b.WriteString("tests:\n" + strings.Repeat("- {attempt: {path: /usr/bin/id, user: bo}, expect: ask}\n", 30))
	faults := mustParse(t, b.String()).Test()
	if len(faults) != 1 || faults[0].Code != "too_large" {
		t.Errorf("30 costly tests: %s", format(faults))
	}
}

// What the index finds is what asking every rule finds, trace and all.
func TestIndexedEqualsLinear(t *testing.T) {
	paths := []string{"/usr/bin/id", "/usr/bin/apt", "/opt/x", `C:\Tool.exe`, `c:/tool.EXE`, "id", ""}
	hashes := []string{hashA, hashB, ""}
	rapid.Check(t, func(t *rapid.T) {
		var all []*rule
		for i := range rapid.IntRange(0, 12).Draw(t, "rules") {
			all = append(all, drawRule(t, i, paths, hashes))
		}
		s := &Set{version: 1, rules: all}
		s.arrange()
		in := attempt(rapid.SampledFrom(paths).Draw(t, "path"), rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b"}), 0, 2).Draw(t, "args")...)
		in.Attempt.Subject.SHA256 = rapid.SampledFrom(hashes).Draw(t, "sha256")
		in.Attempt.Subject.Publisher.Thumbprint = rapid.SampledFrom(hashes).Draw(t, "thumbprint")
		in.Attempt.Subject.Marks = rapid.SliceOfN(rapid.SampledFrom([]string{elevation.MarkUserWritable, elevation.MarkUnbounded, elevation.MarkShell, elevation.MarkDialogs}), 0, 1).Draw(t, "marks")
		indexed, linear := s.Evaluate(in, fixtureTime()), s.evaluate(s.rules, &in, fixtureTime())
		if d := cmp.Diff(linear, indexed, cmpopts.IgnoreUnexported(Outcome{})); d != "" {
			t.Fatal(d)
		}
		if indexed.Kind == Approve && slices.Contains(in.Attempt.Subject.Marks, elevation.MarkUserWritable) &&
			!slices.ContainsFunc(s.rules, func(r *rule) bool { return slices.Contains(r.Match.SHA256, in.Attempt.Subject.SHA256) }) {
			t.Fatal("a user-writable program was approved without its hash")
		}
	})
}

func TestLastNames(t *testing.T) {
	tests := map[string]string{"/usr/bin/(id|who)": "id who", "(/usr)?/s?bin/(cp|mv|vim|vim\\.tiny)": "cp mv vim vim.tiny", "/a/b": "b", "/opt/[x-z]": "x y z",
		"/usr/bin/(id)?": " id", "id": "", ".*/id": "id", ".*id": "", "/usr/.*": "", "(?i)/id": "", "/(a|b/c)": "a c", "[a-z]{2}": "", "": "", "/x?": " x", "x?": ""}
	for pattern, want := range tests {
		if got := strings.Join(lastNames(pattern), " "); got != want {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
}

func drawRule(t *rapid.T, i int, paths, hashes []string) *rule {
	r := &rule{Rule: Rule{Name: elevation.RuleID(fmt.Sprintf("r%02d", i)), Mode: Enforce, Children: ChildrenAllow}, place: i}
	r.Then = rapid.SampledFrom([]Then{ThenApprove, ThenDeny, ThenRequire}).Draw(t, "then")
	r.Mode = rapid.SampledFrom([]Mode{Enforce, Enforce, Enforce, Observe}).Draw(t, "mode")
	r.Precedence = rapid.IntRange(0, 2).Draw(t, "precedence")
	r.Limits.Duration = time.Duration(rapid.IntRange(0, 3).Draw(t, "duration")) * time.Minute
	if rapid.Bool().Draw(t, "has path") {
		r.Match.Path.Literal = rapid.SampledFrom(paths).Draw(t, "rule path")
	}
	if rapid.IntRange(0, 3).Draw(t, "has hash") == 0 {
		r.Match.SHA256 = rapid.SliceOfNDistinct(rapid.SampledFrom(hashes[:2]), 1, 2, rapid.ID).Draw(t, "rule hashes")
	}
	if rapid.IntRange(0, 3).Draw(t, "has publisher") == 0 {
		r.Match.Publisher = rapid.SampledFrom(hashes[:2]).Draw(t, "rule publisher")
	}
	if rapid.Bool().Draw(t, "has args") {
		r.Match.Args = []Arg{}
		for range rapid.IntRange(0, 2).Draw(t, "number of args") {
			r.Match.Args = append(r.Match.Args, Arg{Literal: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "arg")})
			r.args = append(r.args, nil)
		}
	}
	switch rapid.IntRange(0, 6).Draw(t, "odd") {
	case 0:
		src := rapid.SampledFrom([]string{".*id", "(/usr)?/s?bin/(id|apt|i[dx])", "/usr/bin/(a?pt|id)?", "id|/opt/x", "/(usr/bin/)?id", "(?i)/USR/BIN/ID", "/opt/[x-z]"}).Draw(t, "pattern")
		r.Match.Path, r.text.path = Text{Regex: src}, regexp.MustCompile(`\A(?:`+src+`)\z`)
	case 1:
		r.cond = wordCond(rapid.SampledFrom([]string{"error", "group staff", "group other"}).Draw(t, "condition"))
	case 2:
		r.Match.Labels = map[string]string{"role": rapid.SampledFrom([]string{"web", "db"}).Draw(t, "role")}
	case 3:
		r.Match.Groups = []string{rapid.SampledFrom([]string{"staff", "other"}).Draw(t, "group")}
	case 4:
		r.warns = r.Then == ThenRequire
	}
	if rapid.IntRange(0, 2).Draw(t, "has user") == 0 {
		r.Match.Users = []string{rapid.SampledFrom([]string{"bo", "cy"}).Draw(t, "user")}
	}
	return r
}

func BenchmarkEvaluate(b *testing.B) {
	var text strings.Builder
	text.WriteString("rules:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "- {name: r%d, match: {path: /usr/bin/p%d, args: [x]}, then: approve}\n", i, i)
	}
	s := mustParse(b, text.String())
	in := attempt("/usr/bin/p500", "x")
	now := fixtureTime()
	b.ReportAllocs()
	for b.Loop() {
		if s.Evaluate(in, now).Kind != Approve {
			b.Fatal("not approved")
		}
	}
}

// The strictest rule counts, and only an endpoint that keeps it gets it signed.
func TestChildrenGoIntoTheNeed(t *testing.T) {
	set := mustParse(t, approveID+"  children: contain\n- name: b\n  match: {path: /usr/bin/id, user: [bo]}\n  then: approve\n  children: deny\n")
	in := attempt("/usr/bin/id")
	if o := set.Evaluate(in, fixtureTime()); o.Need.Children != "" || o.Children != ChildrenDeny {
		t.Errorf("without the capability: %q, %q", o.Need.Children, o.Children)
	}
	canChildren(&in)
	if o := set.Evaluate(in, fixtureTime()); o.Need.Children != ChildrenDeny || o.Kind != Approve {
		t.Errorf("with it: %q, %v", o.Need.Children, o.Kind)
	}
}

// What an endpoint could not see of an attempt is said to whoever answers.
func TestUnseenArgumentsAreACaution(t *testing.T) {
	for _, marks := range [][]string{nil, {elevation.MarkUnbounded}, {elevation.MarkAnyArguments, elevation.MarkUnbounded}} {
		in := with(attempt("/usr/bin/su"), mark(marks...))
		got := slices.ContainsFunc(cautions(in.Attempt), func(c elevation.Caution) bool {
			return c.Reason == "any_arguments" && c.Fact == "its arguments can not be seen: it may be started with any"
		})
		if want := slices.Contains(marks, elevation.MarkAnyArguments); got != want {
			t.Errorf("marks %v: told %v", marks, got)
		}
	}
}
