// Command bench measures Assent against fixed minimal programs (bench/floor), in
// one run on one machine, and prints one table.
//
// Every comparison is interleaved: a round of the one, a round of the other, in
// alternating order, so that whatever else the machine does hits both. Times are
// taken inside the measured systems, never over ssh. A goal that is missed is
// printed with by how much; ARCHITECTURE.md says why. It needs root, because the
// endpoints are real machines (e2e/machine).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/assent-epm/assent/e2e/lab"
	"github.com/assent-epm/assent/e2e/machine"
	"github.com/assent-epm/assent/e2e/testgroup"
)

// limit bounds the whole run.
const limit = 15 * time.Minute

func main() {
	err := machine.Stage()
	if err == nil {
		err = bench()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// site is what is measured: a controller and two equal machines, one without
// the agent.
type site struct {
	dir        string
	floor      string // the program bench/floor, here and on both machines
	bin        string
	controller *lab.Controller
	with       *machine.Machine
	without    *machine.Machine
	started    time.Time // of the agent
}

func bench() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if lacks, err := testgroup.Missing("nspawn"); err != nil || lacks != "" {
		return errors.Join(err, fmt.Errorf("bench %s", lacks))
	}
	l, err := machine.New(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	s, err := build(ctx, l)
	if err != nil {
		return err
	}
	defer s.controller.Kill()
	t := &table{}
	for _, m := range []struct {
		name    string
		measure func(context.Context, *table) error
	}{
		{"elevations for the memory figure", s.warmUp},
		{"attempt to decision", s.decision},
		{"memory", s.memory}, // after ten elevations, before the hundreds below
		{"sudo of a user who has rights", s.sudo},
		{"assent run by rule", s.assentRun},
		{"plain exec", s.plainExec},
	} {
		fmt.Fprintln(os.Stderr, "measuring:", m.name)
		if err := m.measure(ctx, t); err != nil {
			t.failed(m.name, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	fmt.Print(conditions(), t)
	return ctx.Err()
}

// rules answer the measured commands at once, without a person.
const rules = `rules:
  - name: bench-true
    match: {path: /usr/bin/true}
    then: approve
`

func build(ctx context.Context, l *machine.Lab) (*site, error) {
	bin, err := lab.Bin()
	if err != nil {
		return nil, err
	}
	root, err := lab.Root()
	if err != nil {
		return nil, err
	}
	s := &site{dir: l.Dir(), bin: bin, floor: filepath.Join(l.Dir(), "floor")}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", s.floor, "./bench/floor")
	cmd.Dir, cmd.Env, cmd.Stderr = root, append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("build the floor: %w", err)
	}
	machines, err := l.Boot(ctx, "with", "without")
	if err != nil {
		return nil, err
	}
	s.with, s.without = machines[0], machines[1]
	program, err := os.ReadFile(s.floor)
	if err != nil {
		return nil, err
	}
	for _, m := range machines {
		if err := m.Write("/usr/local/bin/floor", program, 0o755); err != nil {
			return nil, err
		}
	}
	s.controller, err = lab.StartController(ctx, lab.Config{Bin: bin, Data: filepath.Join(l.Dir(), "controller"), AgentListen: l.Host.String() + ":0"})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(l.Dir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		return nil, err
	}
	result, err := s.controller.Ctl(ctx, "rule", "apply", file)
	if err != nil || result.Code != 0 {
		return nil, errors.Join(err, fmt.Errorf("apply the rules: %s", result))
	}
	if err := lab.InstallAgent(ctx, s.with, s.controller); err != nil {
		return nil, err
	}
	s.started = time.Now()
	return s, nil
}

// conditions says what the numbers were taken on.
func conditions() string {
	load, _ := os.ReadFile("/proc/loadavg")
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	cpu := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo")
	count := 0
	for line := range strings.Lines(string(info)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			cpu, count = strings.TrimSpace(value), count+1
		}
	}
	return fmt.Sprintf("\n%d × %s, kernel %s, load %s, SQLite synchronous=FULL\n\n", count, cpu, strings.TrimSpace(string(kernel)), strings.Join(strings.Fields(string(load))[:3], " "))
}
