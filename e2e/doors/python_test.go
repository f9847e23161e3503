package doors

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/desk"
	"github.com/assent-epm/assent/e2e/testgroup"
)

// sdk is the Python SDK as pip installs it from its folder.
type sdk struct {
	t        *testing.T
	d        *desk.Desk
	home     string
	packages string
}

// installed installs the SDK from a copy, so that the checkout stays as it is,
// and without a network.
func installed(t *testing.T, d *desk.Desk) *sdk {
	t.Helper()
	testgroup.Need(t, "python")
	s := &sdk{t: t, d: d, home: t.TempDir(), packages: filepath.Join(t.TempDir(), "packages")}
	source := filepath.Join(t.TempDir(), "source")
	if err := os.CopyFS(source, os.DirFS(folder())); err != nil {
		t.Fatal(err)
	}
	pip := exec.CommandContext(t.Context(), "python3", "-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check", "--target", s.packages, source)
	if out, err := pip.CombinedOutput(); err != nil {
		t.Fatalf("pip install: %v\n%s", err, out)
	}
	return s
}

// folder is the SDK in the checkout.
func folder() string { return filepath.Join("..", "..", "controller", "client", "python") }

// python is the interpreter with arguments, as the owner of a token.
func (s *sdk) python(p *desk.Person, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.t.Context(), "python3", args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.home, "PYTHONPATH=" + s.packages, "PYTHONDONTWRITEBYTECODE=1",
		"ASSENT_URL=" + s.d.URL, "ASSENT_TOKEN=" + p.Token}
	return cmd
}

// says runs a program and gives what it printed.
func (s *sdk) says(p *desk.Person, args ...string) string {
	s.t.Helper()
	out, err := s.python(p, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("python3 %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func example(name string) string { return filepath.Join(folder(), "examples", name) }

// TestC3PythonExamples runs every example of the SDK against a controller.
func TestC3PythonExamples(t *testing.T) {
	d := desk.New(t)
	s := installed(t, d)
	bo, aud := d.Person("bo", "approver"), d.Person("aud", "auditor")
	web := d.Able([]string{"session", "admin"}, "web-1")
	first := web.AskWith(web.Attempt("eve", "/usr/bin/apt", "upgrade"), "security updates", "CHG-2001")
	second := web.Ask("eve", "/usr/bin/id")

	if out := s.says(bo, example("waiting.py")); !strings.Contains(out, first) || !strings.Contains(out, second) || !strings.Contains(out, "/usr/bin/apt upgrade") {
		t.Errorf("waiting.py: %s", out)
	}
	place := filepath.Join(t.TempDir(), "place")
	follow := s.python(bo, example("follow.py"), place, "1")
	if err := os.WriteFile(place, []byte("1"), 0o600); err != nil { // from the first event on: nothing is missed
		t.Fatal(err)
	}
	var told bytes.Buffer
	follow.Stdout, follow.Stderr = &told, &told
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	if out := s.says(bo, example("approve_known_tickets.py"), "CHG-2001"); strings.TrimSpace(out) != "approved "+first {
		t.Errorf("approve_known_tickets.py: %s", out)
	}
	if r := bo.See(first); r.Granted == nil || r.Granted.DurationSeconds != 900 || bo.See(second).State != "pending" {
		t.Errorf("granted %+v", r.Granted)
	}
	if err := follow.Wait(); err != nil || !strings.Contains(told.String(), "request.approved "+first) {
		t.Errorf("follow.py: %v %s", err, told.String())
	}
	if out := s.says(bo, example("ask_ahead.py"), "web-1", "eve", d.Now().Add(8*time.Hour).UTC().Format(time.RFC3339)); !strings.HasPrefix(out, "req_") {
		t.Errorf("ask_ahead.py: %s", out)
	}
	if out := s.says(aud, example("report.py"), "could-and-did"); !strings.Contains(out, "eve") || !strings.Contains(out, ",") {
		t.Errorf("report.py: %s", out)
	}
}

// TestC3PythonReceivesWebhooks holds the SDK's check of signatures against
// another implementation of the specification.
func TestC3PythonReceivesWebhooks(t *testing.T) {
	d := desk.New(t)
	s := installed(t, d)
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	cmd := s.python(d.Admin, example("receive_webhook.py"), "0")
	cmd.Env = append(cmd.Env, "WEBHOOK_SECRET="+secret)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	lines.Scan()
	var port int
	if _, err := fmt.Sscanf(lines.Text(), "listening on port %d", &port); err != nil {
		t.Fatalf("%q: %v", lines.Text(), err)
	}
	signer, err := webhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"type":"request.submitted","timestamp":"2026-11-24T12:00:00Z","data":{"event":{},"request":{"id":"req_1"}}}`)
	send := func(id string, at time.Time, body []byte, change func(http.Header)) int {
		signature, err := signer.Sign(id, at, body)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), "POST", fmt.Sprintf("http://127.0.0.1:%d/", port), bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("webhook-id", id)
		req.Header.Set("webhook-timestamp", fmt.Sprint(at.Unix()))
		req.Header.Set("webhook-signature", signature)
		if change != nil {
			change(req.Header)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	now := time.Now()
	for name, row := range map[string]struct {
		at     time.Time
		change func(http.Header)
		want   int
	}{
		"too old":         {now.Add(-6 * time.Minute), nil, 400},
		"from the future": {now.Add(6 * time.Minute), nil, 400},
		"no signature":    {now, func(h http.Header) { h.Del("webhook-signature") }, 400},
		"another version": {now, func(h http.Header) {
			h.Set("webhook-signature", strings.Replace(h.Get("webhook-signature"), "v1,", "v2,", 1))
		}, 400},
		"another id":             {now, func(h http.Header) { h.Set("webhook-id", "msg_2") }, 400},
		"another time":           {now, func(h http.Header) { h.Set("webhook-timestamp", fmt.Sprint(now.Unix()+1)) }, 400},
		"no number":              {now, func(h http.Header) { h.Set("webhook-timestamp", "now") }, 400},
		"one of several":         {now, func(h http.Header) { h.Set("webhook-signature", "v1,AAAA "+h.Get("webhook-signature")) }, 204},
		"delivered again":        {now, nil, 204},
		"delivered a third time": {now, nil, 204},
	} {
		if got := send("msg_1", row.at, body, row.change); got != row.want {
			t.Errorf("%s: %d, want %d", name, got, row.want)
		}
	}
	if got := send("msg_3", now, bytes.Replace(body, []byte("req_1"), []byte("req_3"), 1), nil); got != 204 {
		t.Errorf("another message: %d", got)
	}
	var seen []string
	for len(seen) < 2 && lines.Scan() {
		seen = append(seen, lines.Text())
	}
	if fmt.Sprint(seen) != "[request.submitted req_1 request.submitted req_3]" {
		t.Errorf("it told of %q", seen)
	}
}

// probe tells what the SDK does with what goes wrong.
const probe = `
import json, os, sys, typing
from assent import Client, Problem, Unreachable, types

def code(act):
    try:
        act()
    except Problem as p:
        return p.code
    except Unreachable:
        return "unreachable"
    except ValueError:
        return "value"
    return "fine"

client = Client()
for name in dir(types):
    shape = getattr(types, name)
    if isinstance(shape, type) and hasattr(shape, "__total__"):
        typing.get_type_hints(shape)
print(json.dumps({
    "twice": code(lambda: client.request_deny(sys.argv[1], comment="no")),
    "nothing": code(lambda: client.request_view("req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77")),
    "path": code(lambda: client.request_view("../users")),
    "empty": code(lambda: client.request_view("")),
    "wrong": code(lambda: client.request_list(limit=0)),
    "nobody": code(lambda: Client(token="ast_nobody").me()),
    "away": code(lambda: Client(url="http://127.0.0.1:9", token="x").me()),
    "elsewhere": code(lambda: Client(url=sys.argv[2]).me()),
    "address": code(lambda: Client(url="file:///etc/passwd")),
    "slow down": Client(url=sys.argv[3], token="x").me()["login"],
    "all": len(list(client.request_list_all(status="all", limit=1))),
}))
`

// TestC3PythonProblems tells problems apart, waits when it is told to, follows
// no redirect, and keeps a stored token for its own controller.
func TestC3PythonProblems(t *testing.T) {
	d := desk.New(t)
	s := installed(t, d)
	bo := d.Person("bo", "approver")
	web := d.Endpoint("web-1")
	id := web.Ask("eve", "/usr/bin/id")
	web.Ask("eve", "/usr/bin/who")
	bo.Does("approve", id, nil)

	leaked := make(chan string, 4)
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { leaked <- r.Header.Get("Authorization") }))
	defer thief.Close()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			leaked <- "a stored token went to another controller"
		}
		http.Redirect(w, r, thief.URL, http.StatusFound)
	}))
	defer elsewhere.Close()
	var calls atomic.Int32
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		fmt.Fprint(w, `{"login":"patient"}`)
	}))
	defer busy.Close()
	if err := os.MkdirAll(filepath.Join(s.home, ".config", "assent"), 0o700); err != nil {
		t.Fatal(err)
	}
	kept := fmt.Sprintf(`{"url":%q,"token":%q}`, d.URL, bo.Token)
	if err := os.WriteFile(filepath.Join(s.home, ".config", "assent", "ctl.json"), []byte(kept), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := s.python(bo, "-c", probe, id, elsewhere.URL, busy.URL)
	cmd.Env = append(cmd.Env[:4:4], "PYTHONWARNINGS=error") // what assentctl login stored, no environment
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := `{"twice": "already_decided", "nothing": "not_found", "path": "not_found", "empty": "value", "wrong": "invalid", "nobody": "unauthenticated", ` +
		`"away": "unreachable", "elsewhere": "unknown", "address": "value", "slow down": "patient", "all": 2}`
	if got := strings.TrimSpace(string(out)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	select {
	case what := <-leaked:
		t.Errorf("leaked: %s", what)
	default:
	}
	if _, err := client.Get[client.Me](t.Context(), bo.Client, "/me", nil); err != nil {
		t.Error(err)
	}
}
