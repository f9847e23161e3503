package controller

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
)

// TestBadInput sends what nobody should; every answer is a problem with the
// right status, and the controller goes on.
func TestBadInput(t *testing.T) {
	b := start(t)
	id := b.ask(b.endpoint("web-1", nil), "eve", "a")
	deep := strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000)
	rows := []struct {
		name, method, path, body string
		status                   int
		code                     string
	}{
		{"unknown query", "GET", "/requests?nope=1", "", 400, "invalid"},
		{"query twice", "GET", "/requests?limit=1&limit=2", "", 400, "invalid"},
		{"negative limit", "GET", "/requests?limit=-1", "", 400, "invalid"},
		{"huge limit", "GET", "/requests?limit=1000000000", "", 400, "invalid"},
		{"limit is no number", "GET", "/requests?limit=ten", "", 400, "invalid"},
		{"limit overflows", "GET", "/audit?after=99999999999999999999999", "", 400, "invalid"},
		{"sort by a secret", "GET", "/requests?sort=password_hash", "", 400, "invalid"},
		{"sort injection", "GET", "/requests?sort=id;drop%20table%20requests", "", 400, "invalid"},
		{"unknown status", "GET", "/requests?status=maybe", "", 400, "invalid"},
		{"unknown type", "GET", "/requests?access_type=root", "", 400, "invalid"},
		{"since is no time", "GET", "/requests?since=yesterday", "", 400, "invalid"},
		{"foreign cursor", "GET", "/requests?cursor=AAAA", "", 400, "invalid"},
		{"unknown kind", "GET", "/audit?kind=request.nope", "", 400, "invalid"},
		{"NUL in a query", "GET", "/requests?user=a%00b", "", 400, "invalid"},
		{"invalid UTF-8 in a query", "GET", "/requests?user=%ff", "", 400, "invalid"},
		{"invalid UTF-8 in a path", "GET", "/users/%ff", "", 400, "invalid"},
		{"broken escape in a query", "GET", "/requests?user=%zz", "", 400, "invalid"},
		{"path outside", "GET", "/requests/..%2f..%2fetc%2fpasswd", "", 404, "not_found"},
		{"id of another kind", "GET", "/requests/usr_01a20005-306a-7b74-9e52-2eb237279fce", "", 404, "not_found"},
		{"no such path", "GET", "/setup", "", 404, "not_found"},
		{"no such method", "PUT", "/requests", "", 405, "method_not_allowed"},
		{"unknown field", "POST", "/requests/" + id + "/approve", `{"comment":"a","admin":true}`, 400, "invalid"},
		{"negative duration", "POST", "/requests/" + id + "/approve", `{"duration_seconds":-1}`, 400, "invalid"},
		{"huge duration", "POST", "/requests/" + id + "/approve", `{"duration_seconds":9223372036854775807}`, 400, "invalid"},
		{"a field twice", "POST", "/requests/" + id + "/approve", `{"comment":"a","comment":"b"}`, 400, "invalid"},
		{"a field twice in another casing", "POST", "/requests/" + id + "/approve", `{"comment":"a","Comment":"b"}`, 400, "invalid"},
		{"a field in another casing", "POST", "/requests/" + id + "/approve", `{"Comment":"b"}`, 400, "invalid"},
		{"two values", "POST", "/requests/" + id + "/approve", `{}{}`, 400, "invalid"},
		{"not JSON", "POST", "/requests/" + id + "/approve", `comment=a`, 400, "invalid"},
		{"truncated", "POST", "/requests/" + id + "/approve", `{"comment":"a`, 400, "invalid"},
		{"a list for an object", "POST", "/requests/" + id + "/approve", `[]`, 400, "invalid"},
		{"NUL in a comment", "POST", "/requests/" + id + "/approve", `{"comment":"a\u0000b"}`, 400, "invalid"},
		{"invalid UTF-8 in a comment", "POST", "/requests/" + id + "/approve", "{\"comment\":\"\xff\"}", 400, "invalid"},
		{"long comment", "POST", "/requests/" + id + "/approve", `{"comment":"` + strings.Repeat("a", 2001) + `"}`, 400, "invalid"},
		{"deep nesting", "POST", "/requests/" + id + "/approve", deep, 400, "invalid"},
		{"no ids", "POST", "/requests/batch", `{"action":"approve","ids":[]}`, 400, "invalid"},
		{"501 ids", "POST", "/requests/batch", `{"action":"approve","ids":["` + strings.Repeat(`a","`, 500) + `a"]}`, 400, "invalid"},
		{"unknown action", "POST", "/requests/batch", `{"action":"rm","ids":["a"]}`, 400, "invalid"},
		{"no body", "POST", "/users", "", 400, "invalid"},
		{"empty login", "POST", "/users", `{"login":""}`, 400, "invalid"},
		{"escape in a login", "POST", "/users", `{"login":"a\u001b[2J"}`, 400, "invalid"},
		{"unknown role", "POST", "/users", `{"login":"x","roles":["god"]}`, 400, "invalid"},
		{"short password", "POST", "/users", `{"login":"x","password":"short"}`, 400, "invalid"},
		{"unknown scope", "POST", "/tokens", `{"name":"x","scopes":["everything"]}`, 400, "invalid"},
		{"endless token", "POST", "/tokens", `{"name":"x","ttl_seconds":99999999999}`, 400, "invalid"},
		{"token for nobody", "POST", "/tokens", `{"name":"x","user":"nobody"}`, 404, "not_found"},
		{"rules of 5 MB", "POST", "/rules/check", `{"yaml":"` + strings.Repeat("a", 5<<20) + `"}`, 413, "too_large"},
		{"evaluate nothing", "POST", "/rules/evaluate", `{}`, 400, "invalid"},
		{"settings out of bounds", "PUT", "/settings", `{"pending_ttl_seconds":0}`, 400, "invalid"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			var body io.Reader
			if r.body != "" {
				body = strings.NewReader(r.body)
			}
			sub := *b
			sub.t = t
			status, p, text := sub.call(r.method, "/api/v1"+r.path, b.admin.Token, body)
			if status != r.status || p.Code != r.code {
				t.Errorf("got %d %q, want %d %q: %.300s", status, p.Code, r.status, r.code, text)
			}
		})
	}
	if status, p, _ := b.call("POST", "/api/v1/users", b.admin.Token, strings.NewReader("login=x"), "Content-Type", "application/x-www-form-urlencoded"); status != 415 || p.Code != "invalid" {
		t.Errorf("a form: %d %v", status, p)
	}
	for name, header := range map[string]string{"basic": "Basic YTpi", "empty": "Bearer ", "not a token": "Bearer x", "long": "Bearer ast_" + strings.Repeat("a", 9000)} {
		if status, p, _ := b.call("GET", "/api/v1/me", "", nil, "Authorization", header); status != 401 || p.Code != "unauthenticated" {
			t.Errorf("%s: %d %v", name, status, p)
		}
	}
	if r := must[client.Request](t)(b.admin.Request(t.Context(), id)); r.State != "pending" {
		t.Errorf("after all that the request is %s", r.State)
	}
}

// endless is a body without an end.
type endless struct{ n int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.n <= 0 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = ' '
	}
	e.n -= int64(len(p))
	return len(p), nil
}

func TestHugeBody(t *testing.T) {
	b := start(t)
	for name, size := range map[string]int64{"with its length": 100 << 20, "without": -1} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", b.base+"/api/v1/users", &endless{100 << 20})
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = size
		req.Header.Set("Authorization", "Bearer "+b.admin.Token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			// The controller may close while we still send: it did not read on.
			continue
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("100 MB %s: %d", name, resp.StatusCode)
		}
	}
	if status, _, _ := b.call("GET", "/readyz", "", nil); status != 200 {
		t.Errorf("afterwards: %d", status)
	}
}

// TestSlowBody waits the real ten seconds: the deadline is the kernel's.
func TestSlowBody(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	t.Parallel()
	b := start(t)
	conn, err := net.Dial("tcp", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", b.admin.Token)
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("a body that does not come: %d", resp.StatusCode)
	}
}

// TestCallsAreLimited holds for tokens and for browsers, whose refused acts fill
// the audit log just as well.
func TestCallsAreLimited(t *testing.T) {
	b := start(t)
	must[client.User](t)(client.Post[client.User](t.Context(), b.admin, "/users", client.NewUser{Login: "cy", Roles: []string{"requester"}, Password: "correct horse"}))
	resp, err := http.Post(b.base+"/api/v1/sessions", "application/json", strings.NewReader(`{"login":"cy","password":"correct horse"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	bo := b.person("bo", nil, "approver")
	for name, me := range map[string]func() string{
		"token": func() string {
			_, err := client.Get[client.Me](t.Context(), bo, "/me", nil)
			return codeOf(err)
		},
		"session": func() string {
			_, p, _ := b.call("GET", "/api/v1/me", "", nil, "Cookie", resp.Cookies()[0].Name+"="+resp.Cookies()[0].Value)
			if p == nil {
				return ""
			}
			return p.Code
		},
	} {
		var calls, limited atomic.Int64
		var wg sync.WaitGroup
		for range 16 { // side by side, so that a slow machine is fast enough to be limited
			wg.Go(func() {
				for limited.Load() == 0 && calls.Load() < 5000 {
					calls.Add(1)
					switch code := me(); code {
					case "":
					case "rate_limited":
						limited.Add(1)
					default:
						t.Errorf("%s: %s", name, code)
						return
					}
				}
			})
		}
		wg.Wait()
		if limited.Load() == 0 || calls.Load() < 200 {
			t.Errorf("%s: %d calls, %d of them limited", name, calls.Load(), limited.Load())
		}
	}
	if _, err := client.Get[client.Me](t.Context(), b.admin, "/me", nil); err != nil {
		t.Errorf("another token: %v", err)
	}
}

func TestTwentyApproversAtOnce(t *testing.T) {
	b := start(t)
	var all []*client.Client
	for i := range 20 {
		all = append(all, b.person(fmt.Sprintf("bo%02d", i), nil, "approver"))
	}
	id := b.ask(b.endpoint("web-1", nil), "eve", "a")
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() { _, errs[i] = c.Act(t.Context(), id, "approve", client.Answer{}) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		var p *client.Problem
		switch {
		case err == nil:
			won++
		case !errors.As(err, &p) || p.Code != "already_decided" || p.Decision == nil:
			t.Errorf("a lost race: %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d decisions, want 1", won)
	}
	line := must[client.Timeline](t)(client.Get[client.Timeline](t.Context(), b.admin, "/requests/"+id+"/timeline", nil))
	kinds := map[string]int{}
	for _, i := range line.Items {
		kinds[i.Kind]++
	}
	if kinds["request.reviewed"] != 1 || kinds["request.approved"] != 1 || kinds["grant.issued"] != 1 || kinds["auth.refused"] != 19 {
		t.Errorf("events: %v", kinds)
	}
}
