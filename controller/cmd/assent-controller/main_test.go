package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/e2e/helptext"
)

var update = flag.Bool("update", false, "rewrite golden files")

// asProgram makes the test binary the program itself.
const asProgram = "ASSENT_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

func none(string) (string, bool) { return "", false }

// program starts the controller as a process of its own.
func program(t *testing.T, data string, more ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--agent-listen", "127.0.0.1:0"}, more...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, bufio.NewScanner(out)
}

func line(t *testing.T, out *bufio.Scanner, prefix string) string {
	t.Helper()
	if !out.Scan() || !strings.HasPrefix(out.Text(), prefix+" ") {
		t.Fatalf("stdout has %q, want a line with %s", out.Text(), prefix)
	}
	return strings.TrimPrefix(out.Text(), prefix+" ")
}

func TestServeUntilSIGTERM(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	cmd, out := program(t, data)
	console := line(t, out, "console")
	line(t, out, "agents")
	line(t, out, "sign in")
	if _, err := os.Stat(filepath.Join(data, "admin.token")); err != nil {
		t.Error(err)
	}
	resp, err := http.Get(strings.Replace(console, "localhost", "127.0.0.1", 1) + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp, err = http.Get(strings.Replace(console, "localhost", "127.0.0.1", 1) + "/metrics"); err != nil {
		t.Fatal(err)
	}
	metrics, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	processors := runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" { // an operator's number is left alone
		processors += controller.DiskWaiters
	}
	if want := fmt.Sprintf("\ngo_sched_gomaxprocs_threads %d\n", processors); err != nil || !strings.Contains(string(metrics), want) {
		t.Errorf("/metrics lacks %q (%v)", want, err)
	}
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

// TestKilled is about a controller that is killed at once and started again.
func TestKilled(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	cmd, out := program(t, data)
	line(t, out, "console")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	again, out := program(t, data)
	line(t, out, "console")
	if err := again.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := again.Wait(); err != nil {
		t.Error(err)
	}
}

func TestUserCommands(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	call := func(in string, args ...string) (int, string, string) {
		var out, errOut bytes.Buffer
		code := run(t.Context(), append(args, "--data", data), strings.NewReader(in), &out, &errOut, none)
		return code, out.String(), errOut.String()
	}
	if code, _, text := call("", "user", "add", "bo"); code != 1 || !strings.HasPrefix(text, "error: there is no controller's data") || !strings.Contains(text, "\nhint: --data names the folder of the controller") {
		t.Errorf("without a controller: %d %s", code, text)
	}
	cmd, lines := program(t, data)
	line(t, lines, "console")
	if code, out, text := call("", "user", "add", "bo", "--role", "approver", "--token"); code != 0 || !strings.HasPrefix(out, "ast_") || strings.Count(out, "\n") != 1 {
		t.Errorf("add --token: %d %q %s", code, out, text)
	}
	if code, out, text := call("correct horse\n", "user", "add", "cy", "--password-stdin"); code != 0 || !strings.HasPrefix(out, "sign in http://localhost:") {
		t.Errorf("add: %d %q %s", code, out, text)
	}
	before, _ := os.ReadFile(filepath.Join(data, "admin.token"))
	if code, out, text := call("", "user", "reset", "admin"); code != 0 || !strings.Contains(out, "admin.token was renewed: whoever uses the old one reads it anew\nsign in ") {
		t.Errorf("reset: %d %q %s", code, out, text)
	}
	if after, _ := os.ReadFile(filepath.Join(data, "admin.token")); bytes.Equal(before, after) {
		t.Error("admin.token is the old one")
	}
	for name, args := range map[string][]string{"twice": {"user", "add", "bo"}, "nobody": {"user", "reset", "nobody"}} {
		if code, _, text := call("", args...); code != 1 || !strings.HasPrefix(text, "error: ") {
			t.Errorf("%s: %d %s", name, code, text)
		}
	}
	if code, _, _ := call("short\n", "user", "add", "dee", "--password-stdin"); code != 1 {
		t.Errorf("a short password: %d", code)
	}
	if code, _, _ := call("", "user", "add", "dee", "--role", "god"); code != 2 {
		t.Errorf("an unknown role: %d", code)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestUsage(t *testing.T) {
	for args, want := range map[string]int{"": 0, "--help": 0, "serve --help": 0, "version": 0, "version --format json": 0,
		"completion bash": 0, "completion": 2, "completion foo": 2, "completion bash zsh": 2, "user foo": 2,
		"version --format xml": 2, "frobnicate": 2, "serve --frobnicate": 2, "serve extra": 2, "user add": 2, "serve --config /nowhere.toml": 2} {
		if got := run(t.Context(), strings.Fields(args), strings.NewReader(""), io.Discard, io.Discard, none); got != want {
			t.Errorf("%q exits %d, want %d", args, got, want)
		}
	}
}

// TestPrecedence: flags, then environment, then file, then defaults.
func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(file, []byte("data = \"from-file\"\nlisten = \"from-file\"\nagent_listen = \"from-file\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := &app{out: io.Discard, err: io.Discard, env: func(name string) (string, bool) {
		v, ok := map[string]string{"ASSENT_CONFIG": file, "ASSENT_LISTEN": "from-env", "ASSENT_DATA": "from-env"}[name]
		return v, ok
	}}
	c := a.serve()
	if err := c.ParseFlags([]string{"--data", "from-flag"}); err != nil {
		t.Fatal(err)
	}
	if err := a.fill(c); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"data": "from-flag", "listen": "from-env", "agent-listen": "from-file", "public-url": ""} {
		if got := c.Flags().Lookup(name).Value.String(); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	networks := func(text string) string {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := a.serve()
		if err := a.fill(c); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		return c.Flags().Lookup("notify-allow").Value.String()
	}
	for text, want := range map[string]string{`notify_allow = ["10.0.0.0/8", "fd00::/8"]`: "[10.0.0.0/8,fd00::/8]", `notify_allow = "10.0.0.0/8,fd00::/8"`: "[10.0.0.0/8,fd00::/8]",
		`notify_allow = "10.0.0.0/8"`: "[10.0.0.0/8]", `notify_allow = []`: "[]"} {
		if got := networks(text); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
	for _, bad := range []string{"nope = 1", "listen = [1]", "agent_listen = [\"127.0.0.1:0\"]", "notify_allow = [1]", "notify_allow = [[\"a\"]]", "listen", "config = \"x\""} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := a.fill(a.serve()); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestHelp keeps the text of every --help in a golden file.
func TestHelp(t *testing.T) {
	helptext.Check(t, (&app{env: none}).root(), *update, func(args []string, out io.Writer) int {
		return run(t.Context(), args, strings.NewReader(""), out, out, none)
	})
}
