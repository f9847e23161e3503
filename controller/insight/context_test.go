package insight

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// logged puts requests one by one with their events, and takes them into the index.
func (b *bed) logged(list ...*elevation.Request) {
	b.t.Helper()
	for _, r := range list {
		b.put(r) // with its event
	}
	b.catchUp()
}

func fact(list []elevation.Caution, reason string) string {
	for _, c := range list {
		if c.Reason == reason {
			return c.Fact
		}
	}
	return ""
}

func TestWeakReasons(t *testing.T) {
	for reason, want := range map[string]string{
		"":                                "",
		"test":                            "single word",
		"...":                             "no words",
		"please, I need to run this!":     "nothing in particular",
		"xxxx xxxx xxxx":                  "a few characters",
		"a b cd":                          "shorter than 8",
		"restart after the update":        "",
		"Neustart nach dem Update":        "",
		"INC-4821 disk full":              "",
		"サーバー を 再起動 します":                  "",
		"need access because disk is bad": "",
	} {
		if got := weak(reason); got != want && (want == "" || !strings.Contains(got, want)) {
			t.Errorf("%q: got %q, want %q", reason, got, want)
		}
	}
}

// What many need and nobody minded is no reason for caution because it is new on
// one endpoint; one denial makes it one again.
func TestUsualThingsAreNotNewHere(t *testing.T) {
	b := newBed(t)
	var list []*elevation.Request
	for i := range 3 {
		ep := b.endpoint(fmt.Sprintf("web-%d", i), nil)
		list = append(list, answer(past1(ep, noon.Add(-time.Hour), fmt.Sprintf("user-%d", i), "/usr/bin/apt", "update"), elevation.Approved, time.Minute))
	}
	here := b.endpoint("web-9", nil)
	first := past1(here, noon, "dina", "/usr/bin/apt", "update")
	look := func() []elevation.Caution {
		t.Helper()
		got, err := b.Context(t.Context(), chief, *first)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	b.logged(append(list[:2:2], first)...)
	if got := look(); !strings.Contains(fact(got, "first_here"), "dina has not asked") {
		t.Errorf("two know it: %v", got)
	}
	b.logged(list[2])
	b.logged(answer(past1(here, noon.Add(-2*time.Hour), "mika", "/usr/bin/apt", "upgrade"), elevation.Denied, time.Minute)) // another thing
	later := past1(here, noon.Add(time.Minute), "dina", "/usr/bin/apt", "update")
	b.logged(later)
	first = later
	first.Attempt.User.UID = "1007"
	if got := look(); fact(got, "first_here") != "" || !strings.Contains(fact(got, "asked_in_fleet"), "; not yet by dina here") {
		t.Errorf("three know it: %v", got)
	}
	b.logged(answer(past1(here, noon.Add(2*time.Minute), "carl", "/usr/bin/apt", "update"), elevation.Denied, time.Minute))
	last := past1(here, noon.Add(time.Hour), "dina", "/usr/bin/apt", "update")
	last.Attempt.User.UID = "1007"
	b.logged(last)
	first = last
	if got := look(); fact(got, "first_here") == "" || fact(got, "denied_before") == "" {
		t.Errorf("one denied it: %v", got)
	}
}

func TestContextIsBoundedAndScoped(t *testing.T) {
	b := newBed(t)
	var fleet []elevation.EndpointID
	for i := range 4 {
		fleet = append(fleet, b.endpoint(fmt.Sprintf("web-%d", i), map[string]string{"role": "web"}))
	}
	db := b.endpoint("db-1", map[string]string{"role": "db"})
	var list []*elevation.Request
	for i := range contextDeep + 20 {
		r := past1(fleet[i%4], noon.Add(-time.Duration(500-i)*time.Minute), "dina", "/usr/bin/apt", "update")
		list = append(list, answer(r, elevation.Approved, time.Minute))
	}
	b.logged(list...)
	last := past1(db, noon, "dina", "/usr/bin/apt", "update")
	b.logged(last)
	got, err := b.Context(t.Context(), chief, *last)
	if err != nil {
		t.Fatal(err)
	}
	for reason, want := range map[string]string{"asked_in_fleet": "200 times or more before by 1 person on 4 endpoints: 200 approved by people", "prevalence": "on 5 endpoints",
		"first_here": "dina", "first_seen": "first seen on 2026-11-21 03:40"} {
		if !strings.Contains(fact(got, reason), want) {
			t.Errorf("%s: %q, want %q", reason, fact(got, reason), want)
		}
	}
	// Somebody with a scope learns of nothing outside of it; not from what another
	// was told a moment before either.
	for range 2 {
		all, err := b.Contexts(t.Context(), chief, []elevation.Request{*last})
		if err != nil || !strings.Contains(fact(all[0], "asked_in_fleet"), "16 times or more") {
			t.Fatalf("a page: %v %v", all, err)
		}
		some, err := b.Contexts(t.Context(), scoped, []elevation.Request{*last})
		if err != nil || fact(some[0], "never_asked") == "" || fact(some[0], "prevalence") != "" || !strings.Contains(fact(some[0], "rare"), "fewer than 3") {
			t.Errorf("within a scope: %v %v", some, err)
		}
	}
	if got, err := b.Contexts(t.Context(), asker, []elevation.Request{*last}); err != nil || len(got) != 1 || len(got[0]) != 0 {
		t.Errorf("a requester: %v %v", got, err)
	}
}

// Where there is no program, nobody is told that it was never asked for.
func TestNothingIsNewWithoutProgram(t *testing.T) {
	b := newBed(t)
	ep := b.endpoint("web-1", nil)
	for i, kind := range []elevation.AccessType{elevation.Run, elevation.Session, elevation.Admin} {
		r := past1(ep, noon.Add(time.Duration(i)*time.Minute), "dina", "/usr/bin/tool")
		if r.Attempt.AccessType = kind; kind != elevation.Run {
			r.Attempt.Subject = elevation.Subject{RunAs: "root", Cwd: "/"}
		}
		b.logged(r)
		got, err := b.Context(t.Context(), chief, *r)
		if err != nil || (fact(got, "never_asked") != "") != (kind == elevation.Run) {
			t.Errorf("%s: %v %v", kind, got, err)
		}
	}
}

// TestPageIsBounded looks up no more than contextPage requests of one page.
func TestPageIsBounded(t *testing.T) {
	b := newBed(t)
	b.patience = time.Hour
	ep := b.endpoint("web-1", nil)
	var page []elevation.Request
	for i := range contextPage + 5 {
		r := past1(ep, noon, "dina", "/usr/bin/tool", fmt.Sprint(i))
		b.put(r)
		page = append(page, *r)
	}
	got, err := b.Contexts(t.Context(), chief, page)
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for _, list := range got {
		if fact(list, "never_asked") != "" {
			known++
		}
	}
	if known != contextPage {
		t.Errorf("%d requests were looked up, want %d", known, contextPage)
	}
	if got, err = b.Contexts(t.Context(), chief, page); err != nil || fact(got[len(got)-1], "never_asked") == "" {
		t.Errorf("the rest is not looked up the next time: %v", err)
	}
}

// TestPageDoesNotWait gives a reader without patience one request's facts, and the
// others when they ask again.
func TestPageDoesNotWait(t *testing.T) {
	b := newBed(t)
	b.patience = 0
	ep := b.endpoint("web-1", nil)
	var page []elevation.Request
	for i := range 10 {
		r := past1(ep, noon, "dina", "/usr/bin/tool", fmt.Sprint(i))
		b.put(r)
		page = append(page, *r)
	}
	known := func() (n int) {
		got, err := b.Contexts(t.Context(), chief, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range got {
			if fact(list, "never_asked") != "" {
				n++
			}
		}
		return n
	}
	if n := known(); n != 1 {
		t.Errorf("%d requests were waited for", n)
	}
	p := <-b.later
	if _, err := b.lookUp(t.Context(), p.act, p.list, lateTime); err != nil || len(p.list) != 9 {
		t.Fatal(len(p.list), err)
	}
	if n := known(); n != 10 {
		t.Errorf("%d requests are known when asked again", n)
	}
	for range cap(b.later) + 5 { // more than fits is dropped, nobody waits
		clear(b.facts)
		known()
	}
}

func TestUnlinked(t *testing.T) {
	b := newBed(t)
	ep := b.endpoint("web-1", nil)
	r := past1(ep, noon, "dina", "/usr/bin/id")
	look := func(want bool, what string) {
		t.Helper()
		got, err := b.Context(t.Context(), chief, *r)
		if err != nil || (fact(got, "unlinked") != "") != want {
			t.Errorf("%s: %v %v", what, got, err)
		}
	}
	look(true, "no account at all")
	b.write(audit.UserCreated, func(tx *store.Tx) error {
		return tx.InsertUser(store.User{ID: "usr_x", Login: "other", CreatedAt: noon})
	})
	look(true, "an account of somebody else")
	b.write(audit.LinkChanged, func(tx *store.Tx) error {
		return tx.PutLink(store.Link{ID: "link_1", Link: delegation.Link{User: "usr_x", Endpoint: ep, UID: "1000"}, MadeAt: noon})
	})
	look(false, "a strong link")
	r.Attempt.User.UID = "1001"
	look(true, "another person of that endpoint")
	r.Attempt.User.Name = "OTHER"
	look(false, "an equal login name")
}

func TestSuggestionsAreNarrow(t *testing.T) {
	b := newBed(t)
	var fleet []elevation.EndpointID
	for i := range 3 {
		fleet = append(fleet, b.endpoint(fmt.Sprintf("ws-%d", i), map[string]string{"role": "ws", "site": fmt.Sprint(i)}))
	}
	at := noon.Add(-24 * time.Hour)
	add := func(n int, change func(i int, r *elevation.Request), argv ...string) {
		for i := range n {
			at = at.Add(time.Minute)
			r := answer(past1(fleet[i%3], at, []string{"dina", "eve"}[i%2], argv...), elevation.Approved, 10*time.Minute)
			if change != nil {
				change(i, r)
			}
			b.put(r)
		}
	}
	add(6, nil, "/usr/bin/apt", "update")
	add(6, func(i int, r *elevation.Request) {
		r.Attempt.Subject.Args = []string{"restart", fmt.Sprintf("svc.%d", i)}
	}, "/usr/bin/systemctl")
	add(4, nil, "/usr/bin/few")                                                                                          // too few
	add(9, func(_ int, r *elevation.Request) { r.Endpoint = fleet[0] }, "/usr/bin/one-endpoint")                         // one endpoint alone
	add(9, func(_ int, r *elevation.Request) { r.Attempt.Subject.Args = []string{"-c", "***"} }, "/usr/bin/hidden")      // a secret is in it
	add(9, func(_ int, r *elevation.Request) { r.Attempt.Subject.Marks = []string{elevation.MarkShell} }, "/usr/bin/sh") // full root
	add(9, func(i int, r *elevation.Request) { r.Attempt.Subject.Args = []string{fmt.Sprint(i)} }, "/usr/bin/python3")   // unbounded, varying
	add(9, func(_ int, r *elevation.Request) { r.Emergency = true }, "/usr/bin/emergency")
	add(9, func(_ int, r *elevation.Request) {
		r.Decision.By = elevation.Actor{Kind: elevation.ByRule, ID: "r@1", Name: "r"}
	}, "/usr/bin/by-rule")
	add(40, func(i int, r *elevation.Request) { r.Attempt.Subject.Args = []string{fmt.Sprint(i)} }, "/usr/bin/too-many-values")
	add(9, nil, "/usr/bin/denied-once")
	b.put(answer(past1(fleet[1], at, "eve", "/usr/bin/denied-once"), elevation.Denied, time.Minute))
	add(6, func(_ int, r *elevation.Request) { r.Attempt.Subject.Marks = []string{elevation.MarkUserWritable} }, "/home/dina/tool", "go")
	add(6, nil, "/usr/bin/ruled", "x")
	b.text = "rules:\n  - name: has-one\n    match: {path: /usr/bin/ruled, args: [x]}\n    then: approve\n"
	b.set = b.parse(b.text)

	got, err := b.Suggestions(t.Context(), chief, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, s := range got {
		all = append(all, s.YAML)
		if s.Approvals != 6 || s.Seen != 3 || s.Replay.HumanDenied != 0 || s.Replay.NewlyApproved != 6 || s.Replay.Saved != time.Hour {
			t.Errorf("the evidence is %+v", s)
		}
	}
	text := strings.Join(all, "\n")
	for _, want := range []string{"path: /usr/bin/apt", `svc\.0|svc\.1`, "sha256: [", "role: ws", "group: [users]", "mode: observe", "duration: 1h"} {
		if !strings.Contains(text, want) {
			t.Errorf("no rule has %q:\n%s", want, text)
		}
	}
	for _, never := range []string{"few", "one-endpoint", "hidden", "/usr/bin/sh", "python3", "emergency", "by-rule", "too-many", "denied-once", "site", "ruled"} {
		if strings.Contains(text, never) {
			t.Errorf("a rule has %q:\n%s", never, text)
		}
	}
	if len(got) != 3 {
		t.Errorf("%d suggestions:\n%s", len(got), text)
	}
	if some, err := b.Suggestions(t.Context(), scoped, 0); err != nil || len(some) != 0 {
		t.Errorf("suggestions from outside of the scope: %v %v", some, err)
	}
	again, err := b.Suggestions(t.Context(), chief, 0)
	if err != nil || !slices.EqualFunc(got, again, func(a, b Suggestion) bool { return a.Name == b.Name && a.YAML == b.YAML }) {
		t.Errorf("it does not suggest the same again: %v", err)
	}
}

func TestReportsRefuse(t *testing.T) {
	b := newBed(t)
	for name, p := range map[string][2]time.Time{"backwards": {noon, noon.Add(-time.Hour)}, "nothing": {noon, noon}, "too long": {noon.Add(-801 * 24 * time.Hour), noon}} {
		if _, err := b.Report(t.Context(), chief, "coverage", p[0], p[1]); !errors.Is(err, elevation.ErrInvalid) {
			t.Errorf("a period that is %s: %v", name, err)
		}
	}
	if _, err := b.Report(t.Context(), chief, "../coverage", time.Time{}, time.Time{}); !errors.Is(err, elevation.ErrNotFound) {
		t.Errorf("an unknown report: %v", err)
	}
	for _, r := range reports() {
		got, err := b.Report(t.Context(), chief, r.name, time.Time{}, time.Time{})
		if err != nil || got.Rows == nil || len(got.Columns) == 0 {
			t.Errorf("%s of an empty database: %+v %v", r.name, got, err)
		}
		for _, row := range got.Rows {
			if len(row) != len(got.Columns) {
				t.Errorf("%s: a row of %d for %d columns", r.name, len(row), len(got.Columns))
			}
		}
	}
}

func TestReportsTellOfRequests(t *testing.T) {
	b := newBed(t)
	web := b.endpoint("web-1", map[string]string{"role": "web"})
	emergency := answer(past1(web, noon.Add(-3*time.Hour), "dina", "/usr/bin/id"), elevation.Approved, 0)
	emergency.Emergency = true
	emergency.Grant = elevation.GrantFacts{ID: "gr_1", StartedAt: emergency.SubmittedAt, EndedAt: emergency.SubmittedAt.Add(time.Minute), EndReason: elevation.Completed}
	early := answer(past1(web, noon.Add(-40*24*time.Hour), "eve", "/usr/bin/id"), elevation.Approved, 0)
	early.Granted.Start, early.Granted.Duration = noon.Add(-time.Hour), 30*time.Minute // asked long ago, for today
	looked := answer(past1(web, noon.Add(-2*time.Hour), "dina", "/usr/bin/apt"), elevation.Approved, 0)
	used := emergency.Grant
	used.StartedAt, used.EndedAt = looked.SubmittedAt, looked.SubmittedAt.Add(time.Minute)
	looked.Need.AfterReview, looked.Grant = "team_audit", used
	looked.After = &elevation.AfterReview{By: bo, At: noon, Comment: "fine"}
	open := answer(past1(web, noon.Add(-2*time.Hour), "dina", "/usr/bin/yum"), elevation.Approved, 0)
	open.Need.AfterReview, open.Grant = "team_audit", used
	b.put(emergency, early, looked, open)
	rows := func(name string) string {
		t.Helper()
		got, err := b.Report(t.Context(), chief, name, noon.Add(-24*time.Hour), noon)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, r := range got.Rows {
			out = append(out, strings.Join(r, ","))
		}
		return strings.Join(out, "\n")
	}
	if got := rows("emergencies"); strings.Count(got, "\n") != 0 || !strings.HasPrefix(got, string(emergency.ID)) || !strings.Contains(got, ",yes,,") {
		t.Errorf("emergencies: %s", got)
	}
	if got := rows("unreviewed"); strings.Count(got, "\n") != 1 || !strings.Contains(got, string(emergency.ID)) || !strings.Contains(got, string(open.ID)) {
		t.Errorf("unreviewed: %s", got)
	}
	if got := rows("could-and-did"); !strings.HasPrefix(got, "dina,web-1,3,3,0,2,1,") || !strings.Contains(got, "\neve,web-1,1,0,0,1,0,") {
		t.Errorf("could-and-did: %s", got)
	}
}
