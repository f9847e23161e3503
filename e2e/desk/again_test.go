package desk

import (
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// What is over can be asked for again, as a new request that is linked to it.
func TestR4Resubmit(t *testing.T) {
	d := New(t)
	bo, dina := d.Person("bo", "approver"), d.Person("dina")
	web := d.Endpoint("web-1")
	id := web.Ask("dina", "/usr/bin/systemctl", "restart", "nginx")
	bo.Does("deny", id, map[string]any{"comment": "say which change"})
	if _, err := dina.Again(t.Context(), id, "resubmit", client.Again{}); Code(err) != "not_found" {
		t.Errorf("without a link: %v", err)
	}
	linked(dina, web, "dina")
	// The same reason within the pause is refused, another one is taken once.
	dina.Refused("rate_limited", "resubmit", id, nil)
	r := Must(dina.Again(t.Context(), id, "resubmit", client.Again{Justification: "change CHG-77 needs it"}))(t)
	if r.ID == id || r.State != "pending" || r.Origin != "resubmit" || *r.PreviousID != id || r.Subject.Path != "/usr/bin/systemctl" {
		t.Fatalf("resubmitted: %s", JSON(r))
	}
	if kinds := d.Kinds(id); !strings.Contains(kinds, "request.resubmitted") {
		t.Errorf("it happened: %s", kinds)
	}
	if kinds := d.Kinds(r.ID); kinds != "request.submitted" {
		t.Errorf("to the new one: %s", kinds)
	}
	dina.Refused("conflict", "resubmit", id, map[string]any{"justification": "and once more please"})
	bo.Does("deny", r.ID, nil)
	dina.Refused("rate_limited", "resubmit", id, map[string]any{"justification": "a third reason for it"})
	d.Pass(2 * time.Minute)
	out := d.Works(dina, "request", "resubmit", id, "--reason", "a third reason for it", "--format", "id")
	r = dina.See(strings.TrimSpace(out))
	if r.State != "pending" || *r.PreviousID != id {
		t.Errorf("after the pause: %s", JSON(r))
	}
	bo.Does("approve", r.ID, nil)
	dina.Refused("not_pending", "resubmit", r.ID, nil)
	bo.Does("revoke", r.ID, nil)
	if r = dina.Does("resubmit", r.ID, nil); r.State != "pending" || *r.Justification != "a third reason for it" {
		t.Errorf("after a revocation: %s", JSON(r))
	}
	d.Pass(9 * time.Hour)
	if r = dina.See(r.ID); r.State != "expired" {
		t.Fatal(r.State)
	}
	if r = dina.Does("resubmit", r.ID, nil); r.State != "pending" {
		t.Errorf("after expiry: %s", r.State)
	}
	bo.Refused("forbidden", "resubmit", id, nil)
}

// More time is asked for while something runs; a yes makes it longer.
func TestR11Extend(t *testing.T) {
	d := New(t)
	bo, dina := d.Person("bo", "approver"), d.Person("dina")
	web := d.Endpoint("web-1")
	linked(dina, web, "dina")
	a := web.Attempt("dina", "/usr/bin/apt", "upgrade")
	a.Attempt.Duration = time.Hour
	id := web.AskWith(a, "updates of the day", "")
	bo.Does("approve", id, nil)
	dina.Refused("not_pending", "extend", id, map[string]any{"duration_seconds": 600, "comment": "not yet in use"})
	g := web.Uses(id)
	dina.Refused("invalid", "extend", id, map[string]any{"duration_seconds": 8 * 3600, "comment": "more than the cap"})
	dina.Refused("invalid", "extend", id, map[string]any{"comment": "no duration at all"})
	bo.Refused("forbidden", "extend", id, map[string]any{"duration_seconds": 600, "comment": "not the requester"})
	r := dina.Does("extend", id, map[string]any{"duration_seconds": 1800, "comment": "the mirror is slow"})
	if r.State != "pending" || *r.ExtendsID != id || *r.Justification != "the mirror is slow" || *r.Requested.DurationSeconds != 1800 {
		t.Fatalf("asked for more: %s", JSON(r))
	}
	dina.Refused("conflict", "extend", id, map[string]any{"duration_seconds": 600, "comment": "and some more"})
	bo.Does("approve", r.ID, nil)
	d.Eventually("the endpoint has the amendment", func() bool { return len(web.Amendments(id)) == 1 })
	am := web.Amendments(id)[0]
	if am.Grant != g.ID || am.Duration != 90*time.Minute || string(am.Request) != r.ID || am.Endpoint != web.ID {
		t.Errorf("the amendment: %+v", am)
	}
	if r = dina.See(r.ID); r.State != "available" {
		t.Errorf("approved, not confirmed: %s", r.State)
	}
	bo.Refused("not_pending", "revoke", r.ID, nil)
	if of := dina.See(id); of.Granted.DurationSeconds != 5400 || of.State != "active" {
		t.Errorf("what it extends: %s", JSON(of))
	}
	if err := web.Link.Report(wire.Report{Request: am.Request, Grant: am.Grant, Kind: elevation.ReportDelivered, At: d.Now().UTC()}); err != nil {
		t.Fatal(err)
	}
	d.Eventually("the extension is over", func() bool { return dina.See(r.ID).State == "ended" })
	if kinds := d.Kinds(id); !strings.Contains(kinds, "request.extended") {
		t.Errorf("it happened: %s", kinds)
	}
	d.Pass(80 * time.Minute)
	if of := dina.See(id); of.State != "active" {
		t.Errorf("within the longer time: %s", of.State)
	}
	// The person at the endpoint asks too.
	next := web.Extend(id, 10*time.Minute, "one more package")
	d.Eventually("it waits", func() bool { r, err := bo.Request(t.Context(), next); return err == nil && r.State == "pending" })
	if ends := bo.See(id).Grant.StartedAt.Add(90 * time.Minute); !bo.See(next).ExpiresAt.Equal(ends) {
		t.Errorf("it waits until %v, beyond the end of what it extends", bo.See(next).ExpiresAt)
	}
	web.Ends(id, elevation.Completed)
	if late := bo.See(next); late.State != "expired" {
		t.Errorf("it waits for what is over: %s", JSON(late))
	}
	bo.Refused("not_pending", "approve", next, nil)
	if len(web.Amendments(id)) != 1 {
		t.Error("time is given to what is over")
	}
	out := d.Ctl(dina, "request", "extend", id)
	if out.Code != 2 || !strings.Contains(out.Err, "--for") {
		t.Errorf("assentctl request extend: %+v", out)
	}
}

// A rule's limit bounds extensions too, and a rule may approve them.
func TestR11ExtendUnderRules(t *testing.T) {
	d := New(t)
	d.Person("bo", "approver")
	dina := d.Person("dina")
	web := d.Endpoint("web-1")
	linked(dina, web, "dina")
	d.Rules("rules:\n  - name: apt\n    match: {path: /usr/bin/apt, args: [update]}\n    then: approve\n    limits: {duration: 1h}\n")
	a := web.Attempt("dina", "/usr/bin/apt", "update")
	a.Attempt.Duration = 20 * time.Minute
	id := web.AskWith(a, "", "")
	web.Uses(id)
	dina.Refused("invalid", "extend", id, map[string]any{"duration_seconds": 3600})
	r := dina.See(strings.TrimSpace(d.Works(dina, "request", "extend", id, "--for", "20m", "--reason", "the mirror is slow", "--format", "id")))
	if r.State != "available" || r.Decision == nil || r.Decision.Rule == nil {
		t.Errorf("a rule gives it: %s", JSON(r))
	}
	d.Eventually("the endpoint has the amendment", func() bool {
		all := web.Amendments(id)
		return len(all) == 1 && all[0].Duration == 40*time.Minute
	})
}

// The time counts from first use, which must come in time; the same command
// again joins what waits.
func TestR13TimesThatFitPeople(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	web := d.Endpoint("web-1")
	a := web.Attempt("eve", "/usr/bin/apt", "upgrade")
	a.Attempt.Duration = time.Hour
	id := web.AskWith(a, "updates of the day", "")
	for range 2 {
		if again := web.Ask("eve", "/usr/bin/apt", "upgrade"); again != id {
			t.Errorf("the same command is another request: %s", again)
		}
	}
	if r := bo.See(id); r.Joined != 2 {
		t.Errorf("joined %d times", r.Joined)
	}
	if kinds := d.Kinds(id); kinds != "request.submitted request.joined request.joined" {
		t.Errorf("it happened: %s", kinds)
	}
	d.Pass(7 * time.Hour)
	bo.Does("approve", id, nil)
	r := bo.See(id)
	if r.Granted.DurationSeconds != 3600 || r.Granted.UseWithinSeconds != 4*3600 {
		t.Errorf("a slow answer eats the time: %s", JSON(r.Granted))
	}
	d.Pass(3*time.Hour + 50*time.Minute)
	web.Uses(id)
	d.Pass(55 * time.Minute)
	if r = bo.See(id); r.State != "active" {
		t.Errorf("in use: %s", r.State)
	}
	late := web.Ask("eve", "/usr/bin/apt", "update")
	bo.Does("approve", late, nil)
	d.Pass(4*time.Hour + time.Minute)
	if r = bo.See(late); r.State != "expired" {
		t.Errorf("not used in time: %s", r.State)
	}
}

func TestR5CheckIn(t *testing.T) {
	d := New(t)
	bo, dina := d.Person("bo", "approver"), d.Person("dina")
	web := d.Able([]string{"session", "admin"}, "web-1")
	linked(dina, web, "dina")
	plain := d.Endpoint("plain")
	linked(dina, plain, "dina")
	dina.notFiled("conflict", client.NewRequest{AccessType: "session", Endpoint: string(plain.ID)})
	r := dina.files(client.NewRequest{AccessType: "session", Endpoint: "web-1"})
	if r.AccessType != "session" || r.State != "pending" {
		t.Fatalf("a session: %s", JSON(r))
	}
	bo.Does("approve", r.ID, nil)
	g := web.Uses(r.ID)
	if g.AccessType != elevation.Session || g.Duration != 30*time.Minute || g.User.UID != UID("dina") || g.Subject.Path != "" {
		t.Errorf("the grant of a session: %+v", g)
	}
	r = dina.Does("check-in", r.ID, nil)
	if rev := web.Revocation(r.ID); rev.Reason != elevation.CheckedIn || rev.Grant != g.ID {
		t.Errorf("the endpoint is told: %+v", rev)
	}
	web.Ends(r.ID, elevation.CheckedIn)
	if r = dina.See(r.ID); r.State != "ended" || *r.EndReason != "checked_in" {
		t.Errorf("given back: %s", JSON(r))
	}
	dina.notFiled("invalid", client.NewRequest{AccessType: "admin", Endpoint: "web-1", DurationSeconds: 4*3600 + 1})
	out := d.Works(dina, "request", "new", "--type", "admin", "--endpoint", "web-1", "--reason", "a new printer driver", "--for", "1h", "--format", "id")
	r = dina.See(strings.TrimSpace(out))
	if r.AccessType != "admin" || *r.Requested.DurationSeconds != 3600 {
		t.Errorf("administrator for a while: %s", JSON(r))
	}
	bo.Does("approve", r.ID, nil)
	if g := web.Uses(r.ID); g.AccessType != elevation.Admin || g.Duration != time.Hour {
		t.Errorf("its grant: %+v", g)
	}
	d.Works(dina, "request", "checkin", r.ID)
}

// The times of access types are settings, which only make them shorter than what
// endpoints take.
func TestR9TimesAreSettings(t *testing.T) {
	d := New(t)
	bo, dina := d.Person("bo", "approver"), d.Person("dina")
	web := d.Able([]string{"admin", "session"}, "web-1")
	linked(dina, web, "dina")
	for _, bad := range []map[string]any{{"run_cap_seconds": 28801}, {"admin_cap_seconds": 14401}, {"admin_seconds": 14401}, {"session_seconds": 0},
		{"admin_cap_seconds": 600}, {"min_duration_seconds": 3600}} {
		if err := d.Admin.Call(t.Context(), "PUT", "/settings", nil, bad, nil); Code(err) != "invalid" {
			t.Errorf("%s: %v", JSON(bad), err)
		}
	}
	d.Settings(map[string]any{"run_cap_seconds": 7200, "session_seconds": 600, "admin_seconds": 300, "admin_cap_seconds": 3600})
	dina.notFiled("invalid", client.NewRequest{AccessType: "admin", Endpoint: "web-1", DurationSeconds: 3601})
	for kind, want := range map[string]int64{"session": 600, "admin": 300} {
		r := dina.files(client.NewRequest{AccessType: kind, Endpoint: "web-1"})
		bo.Refused("invalid", "approve", r.ID, map[string]any{"duration_seconds": 3601})
		if r = bo.Does("approve", r.ID, nil); r.Granted.DurationSeconds != want {
			t.Errorf("%s is given for %d s", kind, r.Granted.DurationSeconds)
		}
	}
	id := web.Ask("dina", "/usr/bin/apt", "upgrade")
	if r := bo.Does("approve", id, nil); r.Granted.DurationSeconds != 7200 {
		t.Errorf("a run is given for %d s", r.Granted.DurationSeconds)
	}
}
