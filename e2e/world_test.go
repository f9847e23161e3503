// Package e2e tests the whole system as people meet it: a controller, machines
// with a real systemd, real sudo and real users over ssh, and approvers by REST
// and command line. A test here reads as what somebody does and sees.
//
// world_test.go builds the stage once for all tests: one controller on the
// host's side of a private network and two endpoints, "desk" and "rack", with
// the agent installed as a service. The other files are the scenes.
package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/lab"
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
	machines   *machine.Lab
	controller *lab.Controller
	api        *client.Client // as the first administrator
	desk, rack *machine.Machine
}

// theWorld gives the shared stage, with the rules cleared.
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
		if !t.Failed() {
			return
		}
		for _, m := range []*machine.Machine{w.desk, w.rack} {
			t.Logf("agent of %s:\n%s", m.Name, tail(m.Journal(context.Background(), "assent-agent.service"), 60))
		}
		t.Logf("controller:\n%s", tail(w.controller.Log(), 40))
	})
	w.rules(t, "rules: []\n")
	w.clear(t)
	return w
}

// clear takes away what an earlier scene left waiting or unused.
func (w *world) clear(t *testing.T) {
	t.Helper()
	for status, action := range map[string]string{"pending": "remove", "available": "revoke"} {
		list, err := w.list(t, status)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			if _, err := w.api.Act(t.Context(), r.ID, action, client.Answer{}); err != nil {
				t.Logf("%s %s: %v", action, r.ID, err) // it may have ended meanwhile
			}
		}
	}
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
	if w.machines, err = machine.New(ctx); err != nil {
		return w, err
	}
	bin := filepath.Join(w.machines.Dir(), "bin")
	if err := lab.BuildFailPoints(ctx, bin); err != nil {
		return w, err
	}
	w.controller, err = lab.StartController(ctx, lab.Config{Bin: bin, Data: filepath.Join(w.machines.Dir(), "controller"),
		AgentListen: w.machines.Host.String() + ":0"})
	if err != nil {
		return w, err
	}
	if w.api, err = client.New(w.controller.URL, w.controller.Token); err != nil {
		return w, err
	}
	both, err := w.machines.Boot(ctx, "desk", "rack")
	if err != nil {
		return w, err
	}
	w.desk, w.rack = both[0], both[1]
	for _, m := range both {
		if err := lab.InstallAgent(ctx, m, w.controller); err != nil {
			return w, err
		}
	}
	return w, w.connected(ctx, 2)
}

func (w *world) close() {
	if w.controller != nil {
		_ = w.controller.Kill() // its data goes with the machines
	}
	if w.machines != nil {
		if err := w.machines.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "close the machines:", err)
		}
	}
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
