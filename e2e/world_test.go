// Package e2e tests the whole system as people meet it: a controller, machines
// with a real systemd, real sudo and real users over ssh, and approvers by REST
// and command line. A test here reads as what somebody does and sees.
//
// world_test.go builds the stage once for all tests: one controller on the
// host's side of a private network and two endpoints, "desk" and "rack", with
// the agent installed as a service. The other files are the scenes.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/machine"
	"github.com/assent-epm/assent/e2e/testgroup"
)

func TestMain(m *testing.M) {
	if err := machine.Stage(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	code := m.Run()
	if stage.world != nil {
		stage.world.close()
	}
	os.Exit(code)
}

// stage is made by the first test that needs it.
var stage struct {
	once  sync.Once
	world *world
	err   error
}

// world is one controller and two endpoints.
type world struct {
	lab        *machine.Lab
	bin        string // the programs under test, built with fail points
	controller *controller
	api        *client.Client // as the first administrator
	desk, rack *machine.Machine
}

// theWorld gives the shared stage, with rules and waiting requests cleared.
func theWorld(t *testing.T) *world {
	t.Helper()
	testgroup.Need(t, "nspawn")
	testgroup.Need(t, "shim")
	stage.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
		defer cancel()
		stage.world, stage.err = build(ctx)
	})
	if stage.err != nil {
		t.Fatal(stage.err)
	}
	w := stage.world
	t.Cleanup(func() {
		if t.Failed() {
			for _, m := range []*machine.Machine{w.desk, w.rack} {
				t.Logf("agent of %s:\n%s", m.Name, tail(m.Journal(context.Background(), "assent-agent.service"), 60))
			}
			t.Logf("controller:\n%s", tail(w.controller.log(), 40))
		}
	})
	w.rules(t, "rules: []\n")
	return w
}

func tail(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func build(ctx context.Context) (w *world, err error) {
	w = &world{}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.lab, err = machine.New(ctx); err != nil {
		return w, err
	}
	w.bin = filepath.Join(w.lab.Dir(), "bin")
	if err := buildPrograms(ctx, w.bin); err != nil {
		return w, err
	}
	if w.controller, err = startController(ctx, w.bin, filepath.Join(w.lab.Dir(), "controller"), w.lab.Host.String()); err != nil {
		return w, err
	}
	if w.api, err = w.controller.client(); err != nil {
		return w, err
	}
	machines, err := w.lab.Boot(ctx, "desk", "rack")
	if err != nil {
		return w, err
	}
	w.desk, w.rack = machines[0], machines[1]
	for _, m := range machines {
		if err := w.install(ctx, m); err != nil {
			return w, fmt.Errorf("install the agent on %s: %w", m.Name, err)
		}
	}
	return w, w.connected(ctx, 2)
}

func (w *world) close() {
	if w.controller != nil {
		w.controller.stop()
	}
	if w.lab != nil {
		if err := w.lab.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "close the machines:", err)
		}
	}
}

// buildPrograms builds what is tested. Fail points are only in these builds.
func buildPrograms(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	run := func(name string, args ...string) error {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir = ".."
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
		}
		return nil
	}
	return errors.Join(
		run("go", "build", "-tags", "failpoints", "-o", dir+"/", "./agent/cmd/assent-agent", "./agent/cmd/assent",
			"./controller/cmd/assent-controller", "./controller/cmd/assentctl"),
		run("cc", "-std=c11", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror", "-o", filepath.Join(dir, "assent_sudo.so"),
			"agent/intercept/sudo/shim/assent_sudo.c"),
	)
}

// install puts the agent on a machine as an administrator does.
func (w *world) install(ctx context.Context, m *machine.Machine) error {
	for _, name := range []string{"assent-agent", "assent", "assent_sudo.so"} {
		raw, err := os.ReadFile(filepath.Join(w.bin, name))
		if err != nil {
			return err
		}
		if err := m.Write("/usr/local/bin/"+name, raw, 0o755); err != nil {
			return err
		}
	}
	token, err := client.Post[client.EnrollToken](ctx, w.api, "/enrollment-tokens", client.NewEnrollToken{Labels: map[string]string{"site": m.Name}})
	if err != nil {
		return err
	}
	for _, argv := range [][]string{
		{"/usr/local/bin/assent-agent", "enroll", "--controller", "https://" + w.controller.agents, "--token", token.Token},
		{"/usr/local/bin/assent-agent", "install"},
	} {
		r, err := m.Exec(ctx, argv...)
		if err != nil {
			return err
		}
		if r.Code != 0 {
			return fmt.Errorf("%s: %s", argv[1], r)
		}
	}
	return nil
}

// connected waits until n endpoints have a live session.
func (w *world) connected(ctx context.Context, n int) error {
	return until(ctx, 20*time.Second, func() error {
		list, err := client.All[client.Endpoint](ctx, w.api, "/endpoints", nil, 100)
		if err != nil {
			return err
		}
		online := 0
		for _, e := range list {
			if e.Connected {
				online++
			}
		}
		if online < n {
			return fmt.Errorf("%d of %d endpoints are connected", online, n)
		}
		return nil
	})
}

// until asks again and again until cond is nil, at most for d.
func until(ctx context.Context, d time.Duration, cond func() error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := cond()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("after %v: %w", d, err)
		case <-tick.C:
		}
	}
}

// controller is a running controller process, which tests kill and start again.
type controller struct {
	bin, data, host string
	listen, agents  string
	cmd             *exec.Cmd
	gone            chan error
	out             *os.File
}

func startController(ctx context.Context, bin, data, host string) (*controller, error) {
	c := &controller{bin: bin, data: data, host: host, listen: "127.0.0.1:0", agents: host + ":0"}
	return c, c.start(ctx)
}

func (c *controller) start(ctx context.Context, env ...string) error {
	if err := os.MkdirAll(c.data, 0o700); err != nil {
		return err
	}
	var err error
	if c.out, err = os.OpenFile(filepath.Join(c.data, "..", "controller.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	_ = os.Remove(filepath.Join(c.data, "addresses.json"))
	c.cmd = exec.Command(filepath.Join(c.bin, "assent-controller"), "serve", "--data", c.data, "--listen", c.listen, "--agent-listen", c.agents)
	c.cmd.Stdout, c.cmd.Stderr = c.out, c.out
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		return err
	}
	c.gone = make(chan error, 1)
	go func(cmd *exec.Cmd) { c.gone <- cmd.Wait() }(c.cmd)
	return until(ctx, 20*time.Second, func() error {
		raw, err := os.ReadFile(filepath.Join(c.data, "addresses.json"))
		if err != nil {
			return err
		}
		var a struct {
			Listen      string `json:"listen"`
			AgentListen string `json:"agent_listen"`
		}
		if err := json.Unmarshal(raw, &a); err != nil {
			return err
		}
		c.listen, c.agents = a.Listen, a.AgentListen // a restart keeps them: agents know the address
		cl, err := c.client()
		if err != nil {
			return err
		}
		_, err = client.Get[client.Me](ctx, cl, "/me", nil)
		return err
	})
}

func (c *controller) client() (*client.Client, error) {
	token, err := os.ReadFile(filepath.Join(c.data, "admin.token"))
	if err != nil {
		return nil, err
	}
	return client.New("http://"+c.listen, strings.TrimSpace(string(token)))
}

func (c *controller) kill() error {
	if err := c.cmd.Process.Kill(); err != nil {
		return err
	}
	<-c.gone
	return nil
}

func (c *controller) stop() {
	if c.cmd == nil || c.cmd.Process == nil {
		return
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.gone:
	case <-time.After(10 * time.Second):
		_ = c.cmd.Process.Kill()
	}
}

func (c *controller) log() string {
	raw, err := os.ReadFile(c.out.Name())
	if err != nil {
		return err.Error()
	}
	return string(bytes.ToValidUTF8(raw, []byte("?")))
}
