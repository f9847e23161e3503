package controller

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

var update = flag.Bool("update", false, "rewrite golden files")

// bed is a whole controller on free ports with a real database.
type bed struct {
	*Controller
	t     *testing.T
	base  string
	admin *client.Client
	out   *bytes.Buffer
	end   func() error
}

func start(t *testing.T) *bed { return startWith(t, 0) }

// startWith is start with another limit of calls a second; 0 = the usual one.
func startWith(t *testing.T, calls float64) *bed {
	t.Helper()
	b := &bed{t: t, out: &bytes.Buffer{}}
	data := t.TempDir()
	c, err := New(context.Background(), Config{Data: data, Listen: "127.0.0.1:0", AgentListen: "127.0.0.1:0", Out: b.out, Calls: calls})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	stopped := false
	b.end = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() {
		if err := b.end(); err != nil {
			t.Error(err)
		}
	})
	b.Controller, b.base = c, "http://"+c.Addr()
	raw, err := os.ReadFile(filepath.Join(data, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	b.admin = b.client(strings.TrimSpace(string(raw)))
	return b
}

func (b *bed) client(token string) *client.Client {
	b.t.Helper()
	c, err := client.New(b.base, token)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// person makes an account with a token of its own.
func (b *bed) person(login string, scope map[string]string, roles ...string) *client.Client {
	b.t.Helper()
	must[client.User](b.t)(client.Post[client.User](b.t.Context(), b.admin, "/users", client.NewUser{Login: login, Name: "The " + login, Roles: roles, Scope: scope}))
	tok := must[client.Token](b.t)(client.Post[client.Token](b.t.Context(), b.admin, "/tokens", client.NewToken{Name: "test", User: login}))
	return b.client(tok.Token)
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// endpoint puts an enrolled machine into the database.
func (b *bed) endpoint(name string, labels map[string]string) elevation.EndpointID {
	b.t.Helper()
	now := time.Now()
	id := elevation.EndpointID(elevation.NewID(elevation.EndpointPrefix, now))
	err := b.store.Update(b.t.Context(), func(tx *store.Tx) error {
		if err := tx.InsertEndpoint(store.Endpoint{ID: id, Name: name, SPKI: []byte(id), Labels: labels, Mode: "ask", EnrolledAt: now}); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: now, Kind: audit.EndpointEnrolled, Actor: elevation.Actor{Kind: elevation.BySystem}, Endpoint: id})
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

// ask raises a request as an endpoint does.
func (b *bed) ask(ep elevation.EndpointID, user, arg string) string {
	b.t.Helper()
	id := elevation.NewRequestID(time.Now())
	a := wire.Attempt{Request: id, Attempt: elevation.Attempt{AccessType: elevation.Run, Mechanism: "sudo",
		User: elevation.User{Name: user, UID: "1000", Groups: []string{"users"}},
		Subject: elevation.Subject{Path: "/usr/bin/id", Args: []string{arg}, ArgsDigest: bytes.Repeat([]byte{arg[len(arg)-1]}, 32), Cwd: "/", RunAs: "root",
			SHA256: fmt.Sprintf("%064x", 1), Size: 10, Marks: []string{}}}}
	ans, err := b.queue.Draft(b.t.Context(), ep, a)
	if err != nil || ans.Need == nil {
		b.t.Fatalf("draft: %+v %v", ans, err)
	}
	if _, err := b.queue.Complete(b.t.Context(), ep, wire.Complete{Request: id, Justification: "because of INC-4821"}); err != nil {
		b.t.Fatal(err)
	}
	return string(id)
}

// call does one raw call.
func (b *bed) call(method, path, token string, body io.Reader, headers ...string) (int, *client.Problem, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		b.t.Fatal(err)
	}
	p := &client.Problem{}
	if resp.StatusCode >= 400 {
		if kind := resp.Header.Get("Content-Type"); kind != "application/problem+json" {
			b.t.Errorf("%s %s: status %d with content type %q: %s", method, path, resp.StatusCode, kind, raw)
		} else if err := json.Unmarshal(raw, p); err != nil || p.Code == "" || p.Status != resp.StatusCode {
			b.t.Errorf("%s %s: not a problem: %s", method, path, raw)
		}
	}
	return resp.StatusCode, p, string(raw)
}

func codeOf(err error) string {
	var p *client.Problem
	if errors.As(err, &p) {
		return p.Code
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestFirstStart(t *testing.T) {
	b := start(t)
	lines := strings.Split(strings.TrimSpace(b.out.String()), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "console http://localhost:") || !strings.HasPrefix(lines[1], "agents https://localhost:") ||
		!strings.HasPrefix(lines[2], "sign in http://localhost:") {
		t.Fatalf("stdout is %q", lines)
	}
	for _, name := range []string{"admin.token", "addresses.json", "assent.db"} {
		info, err := os.Stat(filepath.Join(b.cfg.Data, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	var where map[string]string
	raw, _ := os.ReadFile(filepath.Join(b.cfg.Data, "addresses.json"))
	if err := json.Unmarshal(raw, &where); err != nil || where["listen"] != b.Addr() || where["agent_listen"] != b.AgentAddr() {
		t.Errorf("addresses.json is %s (%v)", raw, err)
	}
	if _, err := New(t.Context(), Config{Data: b.cfg.Data, Listen: "127.0.0.1:0", AgentListen: "127.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second controller on the same folder: %v", err)
	}
	if _, err := New(t.Context(), Config{Data: t.TempDir(), Listen: "0.0.0.0:0", AgentListen: "127.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("plain HTTP beyond loopback: %v", err)
	}
	for _, p := range []string{"/healthz", "/readyz", "/openapi.json", "/docs", "/metrics"} {
		if status, _, _ := b.call("GET", p, "", nil); status != 200 {
			t.Errorf("%s without sign-in: %d", p, status)
		}
	}
	if err := b.end(); err != nil {
		t.Fatal(err)
	}
	again, err := New(t.Context(), Config{Data: b.cfg.Data, Listen: "127.0.0.1:0", AgentListen: "127.0.0.1:0", Out: b.out})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if n := strings.Count(b.out.String(), "sign in"); n != 1 {
		t.Errorf("%d sign-in links over two starts, want 1", n)
	}
}

func TestSignIn(t *testing.T) {
	b := start(t)
	link := strings.TrimSpace(b.out.String()[strings.Index(b.out.String(), "link=")+5:])
	post := func(body string) *http.Response {
		resp, err := http.Post(b.base+"/api/v1/sessions", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	resp := post(`{"link":"` + link + `"}`)
	if resp.StatusCode != 201 || len(resp.Cookies()) != 1 {
		t.Fatalf("sign in by link: %d %v", resp.StatusCode, resp.Cookies())
	}
	cookie := resp.Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Domain != "" || cookie.Secure {
		t.Errorf("the cookie is %v", cookie)
	}
	if got := post(`{"link":"` + link + `"}`).StatusCode; got != 401 {
		t.Errorf("the link a second time: %d", got)
	}
	with := []string{"Cookie", cookie.Name + "=" + cookie.Value}
	if status, _, _ := b.call("GET", "/api/v1/me", "", nil, with...); status != 200 {
		t.Errorf("with the cookie: %d", status)
	}
	cross := append(with, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	if status, p, _ := b.call("POST", "/api/v1/tokens", "", strings.NewReader(`{"name":"x"}`), cross...); status != 403 || p.Code != "forbidden" {
		t.Errorf("from another site: %d %v", status, p)
	}
	if status, _, _ := b.call("DELETE", "/api/v1/sessions", "", nil, with...); status != 204 {
		t.Errorf("sign out: %d", status)
	}
	if status, _, _ := b.call("GET", "/api/v1/me", "", nil, with...); status != 401 {
		t.Errorf("after signing out: %d", status)
	}
	must[client.User](t)(client.Post[client.User](t.Context(), b.admin, "/users", client.NewUser{Login: "bo", Roles: []string{"approver"}, Password: "correct horse"}))
	if got := post(`{"login":"bo","password":"correct horse"}`).StatusCode; got != 201 {
		t.Errorf("right password: %d", got)
	}
	for i := range 6 {
		got := post(`{"login":"bo","password":"wrong horse"}`)
		if want := map[bool]int{true: 401, false: 429}[i < 5]; got.StatusCode != want || want == 429 && got.Header.Get("Retry-After") == "" {
			t.Errorf("wrong password %d: %d, want %d", i+1, got.StatusCode, want)
		}
	}
	if got := post(`{"login":"bo","password":"correct horse"}`).StatusCode; got != 429 {
		t.Errorf("right password while limited: %d", got)
	}
	if got := post(`{"login":"bo"}`).StatusCode; got != 400 {
		t.Errorf("half a sign-in: %d", got)
	}
}

func TestOneElevation(t *testing.T) {
	b := start(t)
	bo, cy := b.person("bo", nil, "approver"), b.person("cy", nil, "approver")
	ep := b.endpoint("web-1", map[string]string{"role": "web"})
	id := b.ask(ep, "eve", "a")
	ctx := t.Context()
	r := must[client.Request](t)(bo.Request(ctx, id))
	if r.State != "pending" || r.Queue == nil || *r.Queue.Position != 1 || r.Approvals.Need != 1 || *r.Endpoint.Name != "web-1" || r.Decision != nil {
		t.Errorf("the request is %+v", r)
	}
	if c := must[client.Counts](t)(client.Get[client.Counts](ctx, bo, "/counts", nil)); c.Pending != 1 || c.All != 1 {
		t.Errorf("counts are %+v", c)
	}
	r = must[client.Request](t)(bo.Act(ctx, id, "approve", client.Answer{Comment: "fine", DurationSeconds: 60}))
	if r.State != "available" || r.Approvals.Have != 1 || r.Granted.DurationSeconds != 60 || r.Decision.By.Login != "bo" || r.Decision.By.Name != "The bo" || r.Grant == nil {
		t.Errorf("approved: %+v %+v", r, r.Decision)
	}
	must[client.Request](t)(bo.Act(ctx, id, "approve", client.Answer{Comment: "fine", DurationSeconds: 60}))
	_, err := cy.Act(ctx, id, "deny", client.Answer{})
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 409 || p.Code != "already_decided" || p.Decision == nil || p.Decision.By.Login != "bo" || *p.Decision.Comment != "fine" {
		t.Errorf("second answer: %v %+v", err, p)
	}
	line := must[client.Timeline](t)(client.Get[client.Timeline](ctx, cy, "/requests/"+id+"/timeline", nil))
	var kinds []string
	for _, i := range line.Items {
		kinds = append(kinds, i.Kind)
	}
	if got := strings.Join(kinds, " "); got != "request.submitted request.reviewed request.approved grant.issued" {
		t.Errorf("timeline: %s", got)
	}
	if e := must[client.Explanation](t)(client.Get[client.Explanation](ctx, cy, "/requests/"+id+"/explain", nil)); e.Outcome != "ask" || e.Sentence == "" {
		t.Errorf("explained: %+v", e)
	}
	if r = must[client.Request](t)(cy.Act(ctx, id, "revoke", client.Answer{Comment: "no"})); r.State != "revoked" {
		t.Errorf("revoked: %s", r.State)
	}
	if _, err := cy.Act(ctx, id, "approve", client.Answer{}); codeOf(err) != "already_decided" {
		t.Errorf("answer after the end: %v", err)
	}
	if _, err := cy.Act(ctx, id, "deny", client.Answer{DurationSeconds: 4}); codeOf(err) != "invalid" {
		t.Errorf("a denial with a duration: %v", err)
	}
	one, two := b.ask(ep, "eve", "b"), b.ask(ep, "eve", "c")
	res := must[client.BatchResults](t)(client.Post[client.BatchResults](ctx, bo, "/requests/batch",
		client.Batch{Action: "deny", IDs: []string{one, id, "req_nonsense", two}}))
	if got := strings.TrimSpace(fmt.Sprintln(res.Results[0].OK, res.Results[1].Error.Code, res.Results[1].State, res.Results[2].Error.Code, res.Results[3].State)); got != "true already_decided revoked not_found denied" {
		t.Errorf("batch: %s", got)
	}
	if page := must[client.List[client.Request]](t)(client.Get[client.List[client.Request]](ctx, bo, "/requests", url.Values{"q": {two[len(two)-6:]}})); len(page.Items) != 1 || page.Items[0].ID != two {
		t.Errorf("found by its ending: %+v", page)
	}
}

// TestUndo is about answers from a browser: they are held for three seconds.
func TestUndo(t *testing.T) {
	b := start(t)
	must[client.User](t)(client.Post[client.User](t.Context(), b.admin, "/users", client.NewUser{Login: "bo", Roles: []string{"approver"}, Password: "correct horse"}))
	resp, err := http.Post(b.base+"/api/v1/sessions", "application/json", strings.NewReader(`{"login":"bo","password":"correct horse"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	cookie := resp.Cookies()[0]
	act := func(id, verb string) client.Request {
		_, _, text := b.call("POST", "/api/v1/requests/"+id+"/"+verb, "", strings.NewReader("{}"), "Cookie", cookie.Name+"="+cookie.Value)
		var r client.Request
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	id := b.ask(b.endpoint("web-1", nil), "eve", "a")
	if r := act(id, "approve"); r.State != "pending" || r.Decision == nil || r.Decision.HeldUntil == nil || r.Grant != nil || r.Approvals.Have != 1 {
		t.Errorf("held: %+v", r)
	}
	if _, err := b.admin.Act(t.Context(), id, "undo", client.Answer{}); codeOf(err) != "forbidden" {
		t.Errorf("somebody else takes it back: %v", err)
	}
	if r := act(id, "undo"); r.State != "pending" || r.Decision != nil || r.Approvals.Have != 0 {
		t.Errorf("taken back: %+v", r)
	}
	act(id, "approve")
	// When the hold is over, the sweep makes the grant; events say so.
	for e := range 20 {
		if got := follow(t, b.admin, "0", 8+e, nil); got[len(got)-1].Kind == "grant.issued" {
			break
		}
	}
	if r := must[client.Request](t)(b.admin.Request(t.Context(), id)); r.State != "available" || r.Grant == nil {
		t.Errorf("after the hold: %+v", r)
	}
}

func TestAnswerWithoutBody(t *testing.T) {
	b := start(t)
	id := b.ask(b.endpoint("web-1", nil), "eve", "a")
	status, _, text := b.call("POST", "/api/v1/requests/"+id+"/approve", b.admin.Token, nil)
	if status != 200 || !strings.Contains(text, `"state":"available"`) {
		t.Errorf("approve without a body: %d %s", status, text)
	}
	for _, field := range []string{`"account":null`, `"ticket":null`, `"previous_id":null`, `"questions":[]`, `"granted":{"start":null`, `"emergency":false`, `"end_reason":null`} {
		if !strings.Contains(text, field) {
			t.Errorf("the request has no %s", field)
		}
	}
}

func TestScopeHides(t *testing.T) {
	b := start(t)
	dee := b.person("dee", map[string]string{"role": "db"}, "approver")
	aud := b.person("aud", nil, "auditor")
	id := b.ask(b.endpoint("web-1", map[string]string{"role": "web"}), "eve", "a")
	for name, err := range map[string]error{
		"view": second(dee.Request(t.Context(), id)), "approve": second(dee.Act(t.Context(), id, "approve", client.Answer{})),
	} {
		if codeOf(err) != "not_found" {
			t.Errorf("%s outside the scope: %v", name, err)
		}
	}
	if page := must[client.List[client.Request]](t)(client.Get[client.List[client.Request]](t.Context(), dee, "/requests", nil)); len(page.Items) != 0 || page.Total != 0 {
		t.Errorf("listed outside the scope: %+v", page)
	}
	if _, err := aud.Act(t.Context(), id, "approve", client.Answer{}); codeOf(err) != "forbidden" {
		t.Errorf("an auditor approves: %v", err)
	}
	// Nobody decides for the local user of their own name.
	eve := b.person("eve", nil, "approver")
	if _, err := eve.Act(t.Context(), id, "approve", client.Answer{}); codeOf(err) != "self_approval" {
		t.Errorf("the requester approves: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }
