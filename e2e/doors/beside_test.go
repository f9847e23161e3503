package doors

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/shared/elevation"
	protocol "github.com/assent-epm/assent/shared/wire"
)

// codeOf waits until an endpoint is told a code for a request that holds.
func codeOf(d *desk.Desk, ep *desk.Endpoint, id string, holds func(protocol.Progress) bool) protocol.Progress {
	d.T.Helper()
	return desk.Wait(ep, protocol.TProgress, func(p protocol.Progress) bool { return string(p.Request) == id && holds(p) })
}

func hasCode(p protocol.Progress) bool { return p.Code != "" }

// TestE17CodeBesideYou: the endpoint is told a code at once; somebody beside the
// requester types it, sees the request and decides as ever.
func TestE17CodeBesideYou(t *testing.T) {
	d := desk.New(t)
	bo := d.Person("bo", "approver")
	dee := d.Scoped("dee", map[string]string{"role": "db"}, "approver")
	eve := d.Person("eve")
	ep := d.Endpoint("web-1", "role=web")
	id := ep.Ask("eve", "/usr/bin/systemctl", "restart", "nginx")
	code := codeOf(d, ep, id, hasCode).Code
	if !regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$`).MatchString(code) {
		t.Fatalf("the code is %q", code)
	}
	for _, typed := range []string{code, strings.ToLower(strings.ReplaceAll(code, "-", "")), strings.ReplaceAll(code, "-", " ")} {
		if r := desk.Must(bo.ByCode(t.Context(), typed))(t); r.ID != id || r.State != "pending" || r.Subject.Path != "/usr/bin/systemctl" {
			t.Errorf("%q leads to %+v", typed, r)
		}
	}
	for who, want := range map[*desk.Person]string{dee: "not_found", eve: "not_found"} {
		if _, err := who.ByCode(t.Context(), code); desk.Code(err) != want {
			t.Errorf("%s: %v, want %s", who.Login, err, want)
		}
	}
	if status, _, _ := d.Raw(nil, "POST", "/api/v1/requests/by-code", `{"code":"`+code+`"}`); status != http.StatusUnauthorized {
		t.Errorf("without a sign-in: %d", status)
	}
	for _, bad := range []string{`{"code":"7K2Q"}`, `{}`, `{"code":"7K2Q-M9XD","x":1}`, `{"code":"UUUU-UUUU"}`} {
		if status, _, body := d.Raw(bo, "POST", "/api/v1/requests/by-code", bad); status != http.StatusBadRequest && status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", bad, status, body)
		}
	}
	// The code decides nothing: the one who typed it does, by the usual way.
	bo.Does("approve", id, map[string]string{"comment": "I stand beside her"})
	if g := ep.Grant(id); g.Approvers[0].Name != "bo" {
		t.Errorf("approved by %+v", g.Approvers)
	}
	if _, err := bo.ByCode(t.Context(), code); desk.Code(err) != "not_found" {
		t.Errorf("after its request was decided: %v", err)
	}
	// What was refused is in the log, and the code is nowhere in it.
	_, _, log := d.Raw(d.Admin, "GET", "/api/v1/audit?limit=500", "")
	if strings.Contains(log, code) || strings.Contains(log, strings.ReplaceAll(code, "-", "")) || strings.Count(log, `"no_such_code"`) != 3 {
		t.Errorf("the audit log: %s", log)
	}
}

// TestE17CodesAreOfOneRequest: two requests have two codes; a request that a rule
// answers, or that was made at the console, has none.
func TestE17CodesAreOfOneRequest(t *testing.T) {
	d := desk.New(t)
	bo := d.Person("bo", "approver")
	ep := d.Endpoint("web-1")
	first, second := ep.Ask("eve", "/usr/bin/id"), ep.Ask("kim", "/usr/bin/id")
	one, two := codeOf(d, ep, first, hasCode).Code, codeOf(d, ep, second, hasCode).Code
	if one == two {
		t.Fatal("two requests have one code")
	}
	for code, want := range map[string]string{one: first, two: second} {
		if r := desk.Must(bo.ByCode(t.Context(), code))(t); r.ID != want {
			t.Errorf("%s leads to %s, want %s", code, r.ID, want)
		}
	}
	ep.Withdraw(second)
	if _, err := bo.ByCode(t.Context(), two); desk.Code(err) != "not_found" {
		t.Errorf("the code of what was withdrawn: %v", err)
	}
	if again := ep.Ask("eve", "/usr/bin/id"); again != first {
		t.Errorf("the same thing again is %s, not %s", again, first)
	}
	if p := desk.Frames(ep, protocol.TProgress, func(p protocol.Progress) bool { return string(p.Request) == first }); p[len(p)-1].Code != one {
		t.Errorf("who joins is told %q, not %q", p[len(p)-1].Code, one)
	}
	d.Rules("rules:\n  - {name: whoami, match: {path: /usr/bin/whoami}, then: approve}\n")
	ruled := ep.Ask("eve", "/usr/bin/whoami")
	if p := desk.Frames(ep, protocol.TProgress, func(p protocol.Progress) bool { return string(p.Request) == ruled && p.Code != "" }); len(p) != 0 {
		t.Errorf("what a rule answers has a code: %+v", p)
	}
}

// TestE17CodesRunOut: after a quarter of an hour a code is good for nothing, and
// the endpoint is told the next one.
func TestE17CodesRunOut(t *testing.T) {
	d := desk.New(t)
	bo := d.Person("bo", "approver")
	ep := d.Endpoint("web-1")
	id := ep.Ask("eve", "/usr/bin/id")
	code := codeOf(d, ep, id, hasCode).Code
	d.Pass(elevation.CodeTime - time.Minute)
	desk.Must(bo.ByCode(t.Context(), code))(t)
	d.Pass(time.Minute + time.Second)
	if _, err := bo.ByCode(t.Context(), code); desk.Code(err) != "not_found" {
		t.Errorf("a code that ran out: %v", err)
	}
	bo.Does("claim", id, nil) // it is told anew because of this, else within ten seconds
	next := codeOf(d, ep, id, func(p protocol.Progress) bool { return p.Code != "" && p.Code != code }).Code
	if r := desk.Must(bo.ByCode(t.Context(), next))(t); r.ID != id {
		t.Errorf("the next code leads to %s", r.ID)
	}
}

// TestE17CodesAreNotSearchedFor: ten tries a minute and account, whatever token
// they come with.
func TestE17CodesAreNotSearchedFor(t *testing.T) {
	d := desk.New(t)
	bo, cy := d.Person("bo", "approver"), d.Person("cy", "approver")
	ep := d.Endpoint("web-1")
	id := ep.Ask("eve", "/usr/bin/id")
	code := codeOf(d, ep, id, hasCode).Code
	other := d.Token("bo")
	limited := 0
	for i := range 12 {
		who := bo
		if i%2 == 1 {
			who = other
		}
		_, err := who.ByCode(t.Context(), elevation.CodeOf([5]byte{byte(i)}))
		switch desk.Code(err) {
		case "rate_limited":
			limited++
		case "not_found":
		default:
			t.Errorf("try %d: %v", i, err)
		}
	}
	if limited == 0 {
		t.Error("twelve tries are not limited")
	}
	if status, header, _ := d.Raw(bo, "POST", "/api/v1/requests/by-code", `{"code":"`+code+`"}`); status != http.StatusTooManyRequests || header.Get("Retry-After") == "" {
		t.Errorf("the right one now: %d", status)
	}
	if r := desk.Must(cy.ByCode(t.Context(), code))(t); r.ID != id {
		t.Errorf("somebody else: %+v", r)
	}
	d.Pass(time.Minute)
	if r := desk.Must(bo.ByCode(t.Context(), code))(t); r.ID != id {
		t.Errorf("after a minute: %+v", r)
	}
}

// TestN2RequesterIsToldOfEachStep: what the endpoint is told, by the real
// protocol: to whom it went, who looks at it, how far it is, the question, the
// answer with its comment, the revocation; without names where approvers are not
// shown. What an agent makes of it is tested with the agent.
func TestN2RequesterIsToldOfEachStep(t *testing.T) {
	for _, shown := range []bool{true, false} {
		d := desk.Open(t, time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC))
		d.Settings(map[string]any{"show_approvers": shown})
		name := "bo"
		if !shown {
			name = "an approver"
		}
		bo, cy := d.Person("bo", "approver"), d.Person("cy", "approver")
		d.Rules("rules:\n  - {name: two, match: {path: /usr/bin/systemctl}, then: require, require: {stages: [{team: Approvers, quorum: 2}]}}\n")
		ep := d.Endpoint("web-1")
		id := ep.Ask("eve", "/usr/bin/systemctl", "restart", "nginx")
		need := desk.Wait(ep, protocol.TNeed, func(n protocol.Need) bool { return string(n.Request) == id })
		if len(need.GoesTo) == 0 || need.GoesTo[0] != "Approvers" {
			t.Errorf("it goes to %v", need.GoesTo)
		}
		bo.Does("claim", id, nil)
		codeOf(d, ep, id, func(p protocol.Progress) bool { return p.SeenBy == name })
		bo.Does("ask", id, map[string]string{"comment": "which server?"})
		if q := ep.Question(id); q.By != name || q.Text != "which server?" {
			t.Errorf("asked %+v", q)
		}
		ep.Answer(id, "the new one")
		bo.Does("approve", id, nil)
		codeOf(d, ep, id, func(p protocol.Progress) bool { return p.ApprovHave == 1 && p.ApprovNeed == 2 })
		cy.Does("approve", id, map[string]any{"comment": "ok for today", "duration_seconds": 1200})
		if dec := ep.Decision(id); dec.Text != "ok for today" || shown && dec.By != "cy" || !shown && dec.By != name {
			t.Errorf("decided %+v", dec)
		}
		ep.Uses(id)
		bo.Does("revoke", id, map[string]string{"comment": "wrong host"})
		if r := ep.Revocation(id); r.Comment != "wrong host" || r.By.Name != name {
			t.Errorf("revoked %+v", r)
		}
		denied := ep.Ask("eve", "/usr/bin/id")
		bo.Does("deny", denied, map[string]string{"comment": "use staging"})
		if dec := ep.Decision(denied); dec.Verdict != elevation.Denied || dec.Text != "use staging" || dec.By != name {
			t.Errorf("denied %+v", dec)
		}
		expires := ep.Ask("eve", "/usr/bin/whoami")
		d.Pass(9 * time.Hour)
		if c := ep.Closed(expires); c.Why != protocol.ClosedExpired {
			t.Errorf("closed %+v", c)
		}
	}
}
