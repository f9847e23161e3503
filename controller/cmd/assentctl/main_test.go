package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/e2e/helptext"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"assentctl": main})
}

// TestScripts tells what assentctl does, in testdata/script. Each script has a
// real controller of its own. Besides assentctl they know:
//
//	endpoint NAME [k=v…]       an enrolled machine
//	ask VAR NAME USER ARG…     a request from there; its id goes to $VAR, or is what $VAR has
//	person LOGIN ROLE          an account; its token goes to $LOGIN
//	code N assentctl …         the exit code is exactly N
//	terminal N assentctl …     the same on a terminal, where the file typed is typed in;
//	                           what stands there afterwards is the file screen
//	rest METHOD PATH BODY      a call of the first administrator
//	seen FILE PATTERN          waits until a line of a file that is being written matches
//	busy FILE PATTERN          the same, while something happens at the controller
//	ending VAR FROM            the last six characters of $FROM
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			c, err := serve(env)
			if err != nil {
				return err
			}
			raw, err := os.ReadFile(filepath.Join(env.WorkDir, "data", "admin.token"))
			if err != nil {
				return err
			}
			env.Values["controller"] = c
			env.Setenv("ASSENT_URL", "http://"+c.Addr())
			env.Setenv("ASSENT_TOKEN", strings.TrimSpace(string(raw)))
			env.Setenv("ADMIN", strings.TrimSpace(string(raw)))
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"endpoint": addEndpoint, "rights": tellRights, "ask": ask, "person": person, "code": code, "seen": seen, "busy": busy, "rest": rest, "terminal": terminal, "ending": ending,
		},
	})
}

func serve(env *testscript.Env) (*controller.Controller, error) {
	c, err := controller.New(context.Background(), controller.Config{Data: filepath.Join(env.WorkDir, "data"), Listen: "127.0.0.1:0", AgentListen: "127.0.0.1:0"})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	env.Defer(func() {
		cancel()
		<-done
	})
	return c, nil
}

func theController(ts *testscript.TestScript) *controller.Controller {
	return ts.Value("controller").(*controller.Controller)
}

func addEndpoint(ts *testscript.TestScript, _ bool, args []string) {
	now := time.Now()
	e := store.Endpoint{ID: elevation.EndpointID(elevation.NewID(elevation.EndpointPrefix, now)), Name: args[0], SPKI: []byte(args[0]),
		Labels: map[string]string{}, Mode: "ask", EnrolledAt: now}
	for _, kv := range args[1:] {
		k, v, _ := strings.Cut(kv, "=")
		e.Labels[k] = v
	}
	ts.Check(theController(ts).Store().Update(context.Background(), func(tx *store.Tx) error {
		if err := tx.InsertEndpoint(e); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: now, Kind: audit.EndpointEnrolled, Actor: elevation.Actor{Kind: elevation.BySystem}, Endpoint: e.ID})
	}))
}

// tellRights has an endpoint tell a standing right of each user, each through the
// group sudo.
func tellRights(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(theController(ts).Store().Update(context.Background(), func(tx *store.Tx) error {
		found, err := tx.Endpoints(store.EndpointFilter{Name: args[0]})
		if err != nil || len(found) != 1 {
			return errors.Join(err, fmt.Errorf("%d endpoints are called %s", len(found), args[0]))
		}
		ep := found[0]
		ep.Capabilities = []string{"rights"}
		told := store.StandingRights{Endpoint: ep.ID, At: time.Now()}
		for i, user := range args[1:] {
			told.Rights = append(told.Rights, elevation.Right{ID: fmt.Sprintf("%016x", i+1), Kind: elevation.RightGroup, User: user, Group: "sudo",
				Source: "/etc/group", All: true})
		}
		return errors.Join(tx.SeenEndpoint(ep), tx.PutStandingRights(told, told.At))
	}))
}

func ask(ts *testscript.TestScript, _ bool, args []string) {
	c := theController(ts)
	var ep store.Endpoint
	ts.Check(c.Store().View(context.Background(), func(tx *store.Tx) error {
		found, err := tx.Endpoints(store.EndpointFilter{Name: args[1]})
		if err == nil && len(found) == 1 {
			ep = found[0]
		}
		return err
	}))
	id := elevation.RequestID(ts.Getenv(args[0])) // a script may choose it
	if id == "" {
		id = elevation.NewRequestID(time.Now())
	}
	digest := fmt.Sprintf("%-32s", strings.Join(args[3:], " "))[:32]
	_, err := c.Queue().Draft(context.Background(), ep.ID, wire.Attempt{Request: id, Attempt: elevation.Attempt{AccessType: elevation.Run, Mechanism: "sudo",
		User: elevation.User{Name: args[2], UID: "1000", Groups: []string{}},
		Subject: elevation.Subject{Path: "/usr/bin/id", Args: args[3:], ArgsDigest: []byte(digest), Cwd: "/", RunAs: "root",
			SHA256: fmt.Sprintf("%064x", 1), Size: 10, Marks: []string{}}}})
	ts.Check(err)
	_, err = c.Queue().Complete(context.Background(), ep.ID, wire.Complete{Request: id, Justification: "evil \x1b[2J\u202e reason"})
	ts.Check(err)
	ts.Setenv(args[0], string(id))
}

func person(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Exec("assentctl", "user", "add", args[0], "--role", args[1], "--name", "The "+args[0]))
	ts.Check(ts.Exec("assentctl", "token", "add", "test", "--user", args[0]))
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// code runs a program and wants exactly that exit code.
func code(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

func seen(ts *testscript.TestScript, _ bool, args []string) { wait(ts, args[0], args[1], func() {}) }

// busy makes accounts until the stream that was just opened shows something.
func busy(ts *testscript.TestScript, _ bool, args []string) {
	n := 0
	wait(ts, args[0], args[1], func() {
		n++
		ts.Check(ts.Exec("assentctl", "user", "add", fmt.Sprint("busy-", n), "--quiet"))
	})
}

func wait(ts *testscript.TestScript, file, pattern string, meanwhile func()) {
	want, err := regexp.Compile("(?m)" + pattern)
	ts.Check(err)
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	end := time.After(30 * time.Second)
	for {
		raw, _ := os.ReadFile(ts.MkAbs(file)) // not there at first
		if want.Match(raw) {
			return
		}
		meanwhile()
		select {
		case <-look.C:
		case <-end:
			ts.Fatalf("%s never has %q:\n%s", file, pattern, raw)
		}
	}
}

func rest(ts *testscript.TestScript, _ bool, args []string) {
	c, err := client.New(ts.Getenv("ASSENT_URL"), ts.Getenv("ADMIN"))
	ts.Check(err)
	ts.Check(c.Call(context.Background(), args[0], args[1], nil, json.RawMessage(strings.Join(args[2:], " ")), nil))
}

// terminal runs a program on a terminal of 160 columns.
func terminal(ts *testscript.TestScript, _ bool, args []string) {
	program, err := exec.LookPath(args[1])
	ts.Check(err)
	cmd := exec.Command(program, args[2:]...)
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"ASSENT_URL", "ASSENT_TOKEN", "XDG_CONFIG_HOME", "NO_COLOR", "TERM", "PATH", "TESTSCRIPT_COMMAND"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 160})
	ts.Check(err)
	defer tty.Close()
	if typed, err := os.ReadFile(filepath.Join(cmd.Dir, "typed")); err == nil {
		_, err = tty.Write(typed)
		ts.Check(err)
	}
	seen, _ := io.ReadAll(tty) // ends with an error where the other side has gone
	err = cmd.Wait()
	ts.Check(os.WriteFile(filepath.Join(cmd.Dir, "screen"), seen, 0o600))
	if got := fmt.Sprint(cmd.ProcessState.ExitCode()); got != args[0] {
		ts.Fatalf("exit code %s, want %s (%v)\n%s", got, args[0], err, seen)
	}
}

func ending(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], elevation.ShortID(ts.Getenv(args[1])))
}

// TestHelp keeps the text of every --help in a golden file.
func TestHelp(t *testing.T) {
	env := func(string) string { return "" }
	helptext.Check(t, (&app{env: env}).root(), *update, func(args []string, out io.Writer) int {
		return run(t.Context(), args, strings.NewReader(""), out, out, env)
	})
}

func TestWriteCSV(t *testing.T) {
	var out bytes.Buffer
	cols := []column[string]{{name: "x", text: func(s string) string { return s }}}
	if err := writeCSV(&out, []string{"=1+1", "+1", "-1", "@SUM(A1)", "\tx", "a,b", `a"b`}, cols, false); err != nil {
		t.Fatal(err)
	}
	if want := "x\n'=1+1\n'+1\n'-1\n'@SUM(A1)\n\\tx\n\"a,b\"\n\"a\"\"b\"\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestResolve(t *testing.T) {
	ids := []string{"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77", "req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2b77", "req_019aa8d2-6f3e-7c41-9d10-aaaa0c5f2a77"}
	rows := []struct {
		name, text, want string
		code             int
	}{
		{"whole", ids[0], ids[0], 0},
		{"whole, not in the list", "req_019aa8d2-6f3e-7c41-9d10-ffffffffffff", "req_019aa8d2-6f3e-7c41-9d10-ffffffffffff", 0},
		{"ending", "5f2b77", ids[1], 0},
		{"upper case", "5F2B77", ids[1], 0},
		{"ending with a dash", "-3b1f0c5f2a77", ids[0], 0},
		{"ambiguous", "5f2a77", "", exitUsage},
		{"too short", "2b77", "", exitUsage},
		{"unknown", "000000", "", exitNotFound},
		{"not hex", "zzzzzz", "", exitUsage},
		{"empty", "", "", exitUsage},
		{"a pattern", "%%%%%%", "", exitUsage},
		{"path", "../../etc", "", exitUsage},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			got, err := resolve(r.text, elevation.RequestPrefix, func() ([]string, error) { return ids, nil })
			if got != r.want || err == nil && r.code != 0 || err != nil && codeOf(err) != r.code {
				t.Errorf("got %q, %v", got, err)
			}
			if r.name == "ambiguous" {
				var e *exitError
				if !errors.As(err, &e) || !strings.Contains(strings.Join(e.hints, " "), ids[2]) {
					t.Errorf("the candidates are not named: %v", e.hints)
				}
			}
		})
	}
}
