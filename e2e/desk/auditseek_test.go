package desk

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/client"
)

// The log is read backwards, from a time, by who did it and by a text.
func TestAuditNewestFirst(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	web := d.Endpoint("web-1")
	first := web.Ask("dina", "/usr/bin/id")
	bo.Does("approve", first, map[string]any{"comment": "Fine for today"})
	d.Pass(2 * time.Hour)
	middle := d.Now()
	d.Pass(2 * time.Hour)
	second := web.Ask("dina", "/usr/bin/uptime")
	read := func(query ...string) client.AuditPage {
		q := url.Values{"sort": {"newest"}}
		for i := 0; i < len(query); i += 2 {
			q.Set(query[i], query[i+1])
		}
		return Must(client.Get[client.AuditPage](t.Context(), d.Admin.Client, "/audit", q))(t)
	}
	seqs := func(p client.AuditPage) (out []uint64) {
		for _, e := range p.Items {
			out = append(out, e.Seq)
		}
		return out
	}

	// Pages backwards are the whole log turned around.
	forward := Must(client.Get[client.AuditPage](t.Context(), d.Admin.Client, "/audit", url.Values{"limit": {"500"}}))(t)
	back, pages := read("limit", "3"), 1
	all := seqs(back)
	for ; back.NextBefore > 0; pages++ {
		back = read("limit", "3", "before", strconv.FormatUint(back.NextBefore, 10))
		all = append(all, seqs(back)...)
	}
	slices.Reverse(all)
	if want := seqs(forward); !slices.Equal(all, want) || pages < 3 {
		t.Errorf("%d pages backwards have %v, forwards it is %v", pages, all, want)
	}

	// A time: nothing after it, and the newest before it.
	p := read("until", middle.UTC().Format(time.RFC3339))
	if len(p.Items) == 0 || p.Items[0].At.After(middle) || strings.Contains(JSON(p), second) || !strings.Contains(JSON(p), first) {
		t.Errorf("before %s: %s", middle, JSON(p))
	}
	if p := read("until", "2001-01-01T00:00:00Z"); len(p.Items) != 0 || p.NextBefore != 0 {
		t.Errorf("before there was anything: %s", JSON(p))
	}

	// Who, and what text.
	if p := read("actor", "BO"); len(p.Items) == 0 || slices.ContainsFunc(p.Items, func(e client.AuditEvent) bool { return e.Actor.Name != "bo" }) {
		t.Errorf("of bo: %s", JSON(p))
	}
	if p := read("actor", "endpoint", "kind", "request.submitted"); len(p.Items) != 2 {
		t.Errorf("what endpoints submitted: %s", JSON(p))
	}
	if p := read("q", "fine FOR today", "kind", "request.approved"); len(p.Items) != 1 || p.Items[0].Request != first {
		t.Errorf("with the comment: %s", JSON(p))
	}
	if p := read("q", "no such text anywhere"); len(p.Items) != 0 || p.NextBefore != 0 {
		t.Errorf("a text that is nowhere: %s", JSON(p))
	}
	for _, q := range []url.Values{{"q": {"x"}}, {"before": {"3"}}, {"sort": {"newest"}, "after": {"2"}}, {"sort": {"newest"}, "until": {"noon"}},
		{"sort": {"newest"}, "kind": {"no.kind"}}} {
		if _, err := client.Get[client.AuditPage](t.Context(), d.Admin.Client, "/audit", q); Code(err) != "invalid" {
			t.Errorf("GET /audit?%s: %v", q.Encode(), err)
		}
	}
	if c := Must(client.Get[client.Checkpoint](t.Context(), d.Admin.Client, "/audit/checkpoint", nil))(t); c.At == nil || c.At.IsZero() {
		t.Errorf("the checkpoint says no time: %s", JSON(c))
	}
}

// The log goes to other systems in their forms, one event a line.
func TestAuditExportAs(t *testing.T) {
	d := New(t)
	web := d.Endpoint("web-1")
	web.Ask("dina", "/usr/bin/id")
	for as, begins := range map[string]string{"json": `{"seq":`, "cef": "CEF:0|", "ocsf": "{", "syslog": "<"} {
		status, head, body := d.Raw(d.Admin, http.MethodGet, "/api/v1/audit/export?as="+as, "")
		lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
		if status != 200 || len(lines) < 3 || !strings.Contains(head.Get("Content-Disposition"), "assent-audit-"+as) {
			t.Errorf("as %s: %d, %d lines, %v", as, status, len(lines), head)
		}
		for _, l := range lines {
			if !strings.HasPrefix(l, begins) {
				t.Errorf("as %s: a line is %.80q", as, l)
			}
			if as == "json" {
				if _, err := audit.ReadShown([]byte(l)); err != nil {
					t.Errorf("as json: %v", err)
				}
			}
		}
	}
	if _, _, body := d.Raw(d.Admin, http.MethodGet, "/api/v1/audit/export?as=json&kind=request.submitted", ""); strings.Count(body, "\n") != 1 {
		t.Errorf("of one kind: %s", body)
	}
	for _, query := range []string{"as=pdf", "kind=request.submitted", "as=json&kind=no.kind", "x=1"} {
		if status, _, body := d.Raw(d.Admin, http.MethodGet, "/api/v1/audit/export?"+query, ""); status != 400 && status != 422 {
			t.Errorf("export?%s: %d %s", query, status, body)
		}
	}
	if status, _, _ := d.Raw(d.Person("bo", "approver"), http.MethodGet, "/api/v1/audit/export?as=json", ""); status != 403 {
		t.Errorf("an approver exports the log: %d", status)
	}
}

// How much is asked for, by day, by team, by program.
func TestA18Volumes(t *testing.T) {
	d := New(t)
	bo := d.Person("bo", "approver")
	web := d.Endpoint("web-1")
	d.Rules("rules:\n  - name: ids\n    match: {path: /usr/bin/id}\n    then: approve\n")
	web.Send(web.Attempt("dina", "/usr/bin/id"))
	a := web.Ask("dina", "/usr/bin/uptime")
	d.Pass(4 * time.Minute)
	bo.Does("approve", a, nil)
	d.Pass(7 * time.Hour)
	d.Pass(7 * time.Hour)
	b := web.Ask("dina", "/usr/bin/uptime")
	d.Pass(time.Minute)
	bo.Does("deny", b, nil)
	days := d.report(d.Admin, "volume")
	if len(days) != 2 || days[0]["requests"] != "2" || days[0]["by_rule"] != "1" || days[0]["median_seconds"] != "240" ||
		days[1]["denied"] != "1" || days[1]["p95_seconds"] != "60" {
		t.Errorf("by day: %s", JSON(days))
	}
	if teams := d.report(d.Admin, "per-team"); len(teams) != 1 || teams[0]["team"] != "Approvers" || teams[0]["requests"] != "2" || teams[0]["answered"] != "2" {
		t.Errorf("by team: %s", JSON(teams))
	}
	programs := d.report(d.Admin, "per-application")
	if len(programs) != 2 || programs[0]["program"] != "/usr/bin/uptime" || programs[0]["by_person"] != "2" || programs[1]["by_rule"] != "1" {
		t.Errorf("by program: %s", JSON(programs))
	}
}
