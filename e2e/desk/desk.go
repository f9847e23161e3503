// Package desk is the bed of the request desk's end-to-end tests: a whole
// controller per test on free ports with its own database and its own clock,
// people with tokens or passwords, simulated endpoints over the real protocol,
// and assentctl as a process.
//
// Each row of the desk's features has a test here that goes through a public
// door: REST (package client) or assentctl. To add one, write
//
//	func TestA5StagesWithQuorum(t *testing.T) {
//		d := New(t)
//
// named Test, the row, words; read desk.go and endpoint.go for what d can do.
package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/client"
)

// Patience is how long anything may take before a test gives up on it.
const Patience = 15 * time.Second

// Password is the password of everybody who has one.
const Password = "correct horse battery"

// Desk is one controller with everybody around it.
type Desk struct {
	*controller.Controller
	T     testing.TB
	Data  string  // the controller's folder
	URL   string  // of REST
	Admin *Person // the first administrator, with admin.token: good for 24 h

	mu     sync.Mutex // guards the fields below
	ahead  time.Duration
	people []*Person // that have tokens
}

// New starts a controller for a test, which runs beside the others. Now is
// today at noon and goes on; [Desk.Pass] moves it.
func New(t *testing.T) *Desk {
	t.Helper()
	t.Parallel()
	return Open(t, time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)) // a Tuesday
}

// Open is New at a time of the test's choice, and lets the test say whether it
// runs beside others. Tune may change how the controller is started.
func Open(t testing.TB, at time.Time, tune ...func(*controller.Config)) *Desk {
	t.Helper()
	d, _ := Over(t, t.TempDir(), at, tune...)
	return d
}

// Over is Open over a data folder that may have been served before. End stops the
// controller before the test ends.
func Over(t testing.TB, data string, at time.Time, tune ...func(*controller.Config)) (d *Desk, end func()) {
	t.Helper()
	d = &Desk{T: t, Data: data, ahead: time.Until(at)}
	cfg := controller.Config{Data: d.Data, Listen: "127.0.0.1:0", AgentListen: "127.0.0.1:0", Now: d.Now}
	for _, change := range tune {
		change(&cfg)
	}
	c, err := controller.New(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(end)
	d.Controller, d.URL = c, "http://"+c.Addr()
	d.Admin = d.bearer("admin", d.adminToken())
	d.Admin.ID = Must(client.Get[client.Me](t.Context(), d.Admin.Client, "/me", nil))(t).ID
	return d, end
}

// adminToken is the first administrator's, or a new one where the data came
// without it: no backup holds it.
func (d *Desk) adminToken() string {
	d.T.Helper()
	file := filepath.Join(d.Data, "admin.token")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		l := Must(controller.OpenLocal(d.T.Context(), d.Data, "", nil))(d.T)
		defer l.Close()
		Must(l.RenewAdminToken(d.T.Context(), "admin"))(d.T)
	}
	return strings.TrimSpace(string(Must(os.ReadFile(file))(d.T)))
}

// Now is the controller's and the endpoints' time.
func (d *Desk) Now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Now().Add(d.ahead)
}

// Pass lets time pass, and the controller notice it.
func (d *Desk) Pass(by time.Duration) {
	d.T.Helper()
	d.mu.Lock()
	d.ahead += by
	d.mu.Unlock()
	if _, _, err := d.Queue().Sweep(d.T.Context()); err != nil {
		d.T.Fatal(err)
	}
}

// Eventually waits until something holds that happens by itself.
func (d *Desk) Eventually(what string, holds func() bool) {
	d.T.Helper()
	end := time.NewTimer(Patience)
	defer end.Stop()
	look := time.NewTicker(3 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-end.C:
			d.T.Fatalf("it does not come to be that %s", what)
		}
	}
}

// Person is somebody with an account, and their way in.
type Person struct {
	*client.Client
	Login string
	ID    string
	desk  *Desk

	scopes []string // of the token
}

func (d *Desk) bearer(login, token string) *Person {
	d.T.Helper()
	return &Person{Client: Must(client.New(d.URL, token))(d.T), Login: login, desk: d}
}

// Person makes an account with an API token. Without roles it is a requester.
func (d *Desk) Person(login string, roles ...string) *Person {
	d.T.Helper()
	return d.Scoped(login, nil, roles...)
}

// Scoped makes an account that sees the endpoints with these labels only.
func (d *Desk) Scoped(login string, labels map[string]string, roles ...string) *Person {
	d.T.Helper()
	u := Must(client.Post[client.User](d.T.Context(), d.Admin.Client, "/users",
		client.NewUser{Login: login, Name: "The " + login, Roles: roles, Scope: labels}))(d.T)
	p := d.Token(login)
	p.ID = u.ID
	return p
}

// Token makes another token for an account, for these scopes or for all.
func (d *Desk) Token(login string, scopes ...string) *Person {
	d.T.Helper()
	p := d.bearer(login, "")
	p.scopes = scopes
	p.renew()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.people = append(d.people, p)
	return p
}

// renew gives the person another token.
func (p *Person) renew() {
	d := p.desk
	d.T.Helper()
	p.Client.Token = Must(client.Post[client.Token](d.T.Context(), d.Admin.Client, "/tokens",
		client.NewToken{Name: "test", User: p.Login, Scopes: p.scopes, TTLSeconds: 31622400}))(d.T).Token
}

// Password sets [Password] for an account. That ends its tokens; whom Token knows
// gets another one.
func (d *Desk) Password(login string) {
	d.T.Helper()
	word := Password
	if err := d.Admin.Call(d.T.Context(), "PUT", "/users/"+login, nil, client.EditUser{Password: &word}, nil); err != nil {
		d.T.Fatal(err)
	}
	d.mu.Lock()
	known := slices.Clone(d.people)
	d.mu.Unlock()
	for _, p := range known {
		if p.Login == login {
			p.renew()
		}
	}
}

// SignIn gives the person a password and a session with a cookie.
func (p *Person) SignIn() *Person {
	t := p.desk.T
	t.Helper()
	p.desk.Password(p.Login)
	jar := Must(cookiejar.New(nil))(t)
	s := &Person{Client: Must(client.New(p.desk.URL, ""))(t), Login: p.Login, ID: p.ID, desk: p.desk}
	s.HTTP = &http.Client{Jar: jar}
	if err := s.Call(t.Context(), "POST", "/sessions", nil, map[string]string{"login": p.Login, "password": Password}, nil); err != nil {
		t.Fatal(err)
	}
	return s
}

// Do calls REST with any body and gives the answer as it is, for fields that
// the client's types do not matter for. Path is below /api/v1.
func (p *Person) Do(method, path string, body any) (map[string]any, error) {
	var out map[string]any
	err := p.Call(p.desk.T.Context(), method, path, nil, body, &out)
	return out, err
}

// See reads a request and ends the test when that is refused.
func (p *Person) See(id string) client.Request {
	p.desk.T.Helper()
	return Must(p.Request(p.desk.T.Context(), id))(p.desk.T)
}

// Does does a verb that must work, with a body (nil = none), and gives the
// request as it then is.
func (p *Person) Does(verb, id string, body any) client.Request {
	p.desk.T.Helper()
	if body == nil {
		body = struct{}{}
	}
	return Must(client.Post[client.Request](p.desk.T.Context(), p.Client, "/requests/"+id+"/"+verb, body))(p.desk.T)
}

// Refused does a verb that must be refused with a code.
func (p *Person) Refused(code, verb, id string, body any) {
	p.desk.T.Helper()
	if body == nil {
		body = struct{}{}
	}
	if _, err := client.Post[client.Request](p.desk.T.Context(), p.Client, "/requests/"+id+"/"+verb, body); Code(err) != code {
		p.desk.T.Errorf("%s by %s: got %v, want it refused as %s", verb, p.Login, err, code)
	}
}

// Rules replaces the rules.
func (d *Desk) Rules(yaml string) {
	d.T.Helper()
	Must(client.Post[client.Ruleset](d.T.Context(), d.Admin.Client, "/rules/apply", client.ApplyRules{YAML: yaml}))(d.T)
}

// Settings changes settings.
func (d *Desk) Settings(change map[string]any) {
	d.T.Helper()
	if err := d.Admin.Call(d.T.Context(), "PUT", "/settings", nil, change, nil); err != nil {
		d.T.Fatal(err)
	}
}

// Kinds are the kinds of the audit events of a request, in order.
func (d *Desk) Kinds(id string) string {
	d.T.Helper()
	line := Must(client.Get[client.Timeline](d.T.Context(), d.Admin.Client, "/requests/"+id+"/timeline", nil))(d.T)
	kinds := make([]string, 0, len(line.Items))
	for _, i := range line.Items {
		kinds = append(kinds, i.Kind)
	}
	return strings.Join(kinds, " ")
}

// Result is what a process said.
type Result struct {
	Out, Err string
	Code     int
}

// Ctl runs assentctl as a person. An empty person is somebody not signed in.
func (d *Desk) Ctl(p *Person, args ...string) Result {
	d.T.Helper()
	return d.CtlWith(p, "", args...)
}

// CtlWith is Ctl with text on the standard input.
func (d *Desk) CtlWith(p *Person, input string, args ...string) Result {
	d.T.Helper()
	program, err := built()
	if err != nil {
		d.T.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(d.T.Context(), Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = d.Data
	cmd.Env = []string{"ASSENT_URL=" + d.URL, "XDG_CONFIG_HOME=" + filepath.Join(d.Data, "ctl"), "HOME=" + d.Data, "PATH=/usr/bin:/bin", "TZ=UTC"}
	if p != nil {
		cmd.Env = append(cmd.Env, "ASSENT_TOKEN="+p.Client.Token)
	}
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		d.T.Fatalf("run assentctl: %v", err)
	}
	return Result{Out: out.String(), Err: errs.String(), Code: cmd.ProcessState.ExitCode()}
}

// Works is Ctl that must exit 0; it gives what was printed.
func (d *Desk) Works(p *Person, args ...string) string {
	d.T.Helper()
	r := d.Ctl(p, args...)
	if r.Code != 0 {
		d.T.Fatalf("assentctl %s: exit code %d\n%s%s", strings.Join(args, " "), r.Code, r.Out, r.Err)
	}
	return r.Out
}

// Tidy takes away the assentctl that this process built, when its tests are over.
func Tidy() { _ = os.RemoveAll(programFolder()) }

// programFolder is where this process keeps the assentctl that it built.
func programFolder() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("assentctl-%d", os.Getpid()))
}

// built makes assentctl once for all tests.
var built = sync.OnceValues(func() (string, error) {
	program := filepath.Join(programFolder(), "assentctl")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, "github.com/assent-epm/assent/controller/cmd/assentctl").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build assentctl: %w\n%s", err, out)
	}
	return program, nil
})

// Program is the path of assentctl, for tests that run it in their own way.
func (d *Desk) Program() string {
	d.T.Helper()
	return Must(built())(d.T)
}

// Raw does one call with a body as it is and gives status, headers and text.
func (d *Desk) Raw(p *Person, method, path, body string, headers ...string) (int, http.Header, string) {
	d.T.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req := Must(http.NewRequestWithContext(d.T.Context(), method, d.URL+path, in))(d.T)
	if p != nil {
		req.Header.Set("Authorization", "Bearer "+p.Client.Token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp := Must(http.DefaultClient.Do(req))(d.T)
	defer resp.Body.Close()
	raw := Must(io.ReadAll(io.LimitReader(resp.Body, 16<<20)))(d.T)
	return resp.StatusCode, resp.Header, string(raw)
}

// Must gives a value, or ends the test with its error: Must(f())(t).
func Must[V any](v V, err error) func(testing.TB) V {
	return func(t testing.TB) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// Code is the code of a problem, "" without an error.
func Code(err error) string {
	var p *client.Problem
	switch {
	case err == nil:
		return ""
	case errors.As(err, &p):
		return p.Code
	}
	return err.Error()
}

// JSON is a value as JSON, for looking at it whole.
func JSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}
