package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/desk"
)

// loginBed is a controller with an administrator who is signed in by a browser.
type loginBed struct {
	t       *testing.T
	url     string
	browser *client.Client
	config  string
}

func newLoginBed(t *testing.T) *loginBed {
	t.Helper()
	d := desk.Open(t, time.Now())
	return &loginBed{t: t, url: d.URL, browser: d.Admin.SignIn().Client, config: t.TempDir()}
}

// login runs the program until it has shown its code; end gives its exit code and
// what it said.
func (b *loginBed) login(ctx context.Context) (code string, end func() (int, string)) {
	b.t.Helper()
	out, write := io.Pipe()
	env := map[string]string{"XDG_CONFIG_HOME": b.config, "USER": "eve\x1b[2J"}
	exit := make(chan int, 1)
	go func() {
		exit <- run(ctx, []string{"login", "--url", b.url}, strings.NewReader(""), io.Discard, write, func(k string) string { return env[k] })
		write.Close()
	}()
	said := &bytes.Buffer{}
	lines := bufio.NewScanner(out)
	spelt := regexp.MustCompile(`^  ([0-9A-Z]{4}-[0-9A-Z]{4})$`)
	for code == "" && lines.Scan() {
		fmt.Fprintln(said, lines.Text())
		if m := spelt.FindStringSubmatch(lines.Text()); m != nil {
			code = m[1]
		}
	}
	if code == "" {
		b.t.Fatalf("no code was shown: %s", said)
	}
	if !strings.Contains(said.String(), "/#/device?code="+code) {
		b.t.Errorf("the address is not shown: %s", said)
	}
	return code, func() (int, string) {
		for lines.Scan() {
			fmt.Fprintln(said, lines.Text())
		}
		return <-exit, said.String()
	}
}

// TestLoginByCode: the terminal shows a code, the browser allows it, the token is
// kept in a file of one's own.
func TestLoginByCode(t *testing.T) {
	t.Parallel()
	b := newLoginBed(t)
	code, end := b.login(t.Context())
	asked, err := b.browser.Device(t.Context(), strings.ToLower(strings.ReplaceAll(code, "-", " ")))
	if err != nil || !strings.HasPrefix(asked.Name, "assentctl of eve?[2J") {
		t.Fatalf("the page shows %+v %v", asked, err)
	}
	if err := b.browser.AnswerDevice(t.Context(), code, true); err != nil {
		t.Fatal(err)
	}
	if exit, said := end(); exit != exitDone {
		t.Fatalf("exit code %d: %s", exit, said)
	}
	path := filepath.Join(b.config, "assent", "ctl.json")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var kept saved
	if err := json.Unmarshal(raw, &kept); err != nil || kept.URL != b.url {
		t.Fatalf("kept %s %v", raw, err)
	}
	me, err := client.Get[client.Me](t.Context(), &client.Client{URL: b.url, Token: kept.Token}, "/me", nil)
	if err != nil || me.Login != "admin" || me.Session {
		t.Errorf("the token is %+v %v", me, err)
	}
}

func TestLoginByCodeEnds(t *testing.T) {
	t.Parallel()
	b := newLoginBed(t)
	t.Run("given up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		_, end := b.login(ctx)
		cancel()
		if exit, said := end(); exit != exitFailure || !strings.Contains(said, "given up") {
			t.Errorf("exit code %d: %s", exit, said)
		}
	})
	t.Run("denied", func(t *testing.T) {
		code, end := b.login(t.Context())
		if err := b.browser.AnswerDevice(t.Context(), code, false); err != nil {
			t.Fatal(err)
		}
		if exit, said := end(); exit != exitForbidden || !strings.Contains(said, "denied") {
			t.Errorf("exit code %d: %s", exit, said)
		}
	})
	if _, err := os.Stat(filepath.Join(b.config, "assent", "ctl.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was kept: %v", err)
	}
}

func TestNextPoll(t *testing.T) {
	const five = 5 * time.Second
	problem := func(code string, status int) error { return &client.Problem{Code: code, Status: status} }
	for name, row := range map[string]struct {
		wait time.Duration
		err  error
		want time.Duration
		exit int // 0 = goes on
	}{
		"pending":              {five, problem("authorization_pending", 400), five, 0},
		"too fast":             {five, problem("slow_down", 400), 10 * time.Second, 0},
		"too fast again":       {10 * time.Second, problem("slow_down", 400), 15 * time.Second, 0},
		"limited":              {five, problem("rate_limited", 429), 10 * time.Second, 0},
		"database away":        {five, problem("unavailable", 503), 10 * time.Second, 0},
		"controller away":      {five, client.ErrUnreachable, 10 * time.Second, 0},
		"away for a long time": {50 * time.Second, client.ErrUnreachable, time.Minute, 0},
		"denied":               {five, problem("access_denied", 400), 0, exitForbidden},
		"over":                 {five, problem("expired_token", 400), 0, exitSignIn},
		"something else":       {five, problem("invalid", 400), 0, exitUsage},
		"no answer of ours":    {five, errors.New("x"), 0, exitFailure},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := nextPoll(row.wait, row.err)
			if row.exit == 0 && (err != nil || got != row.want) {
				t.Errorf("got %v %v", got, err)
			}
			if row.exit != 0 && (err == nil || codeOf(err) != row.exit) {
				t.Errorf("ends with %v, code %d", err, codeOf(err))
			}
		})
	}
}
