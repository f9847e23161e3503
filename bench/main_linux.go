// Command bench measures Assent against fixed minimal programs (bench/floor), in
// one run on one machine, and prints one table.
//
// Every comparison is interleaved: a round of the one, a round of the other, in
// alternating order, so that whatever else the machine does hits both. Times are
// taken inside the measured systems, never over ssh. A goal that is missed is
// printed with by how much; ARCHITECTURE.md says why. The part "machines" needs
// root, because its endpoints are real machines (e2e/machine); arguments name the
// parts to measure.
package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/assent-epm/assent/e2e/lab"
	"github.com/assent-epm/assent/e2e/machine"
	"github.com/assent-epm/assent/e2e/testgroup"
)

// limit bounds the whole run.
const limit = 30 * time.Minute

func main() {
	err := machine.Stage()
	if err == nil {
		err = run(os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// run measures the parts that are named, by default all. What the bench starts
// of itself comes here too.
func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	switch {
	case len(args) == 2 && args[0] == asHolder:
		return holdAgents(ctx, args[1])
	case len(args) == 5 && args[0] == asAgents:
		count, err := strconv.Atoi(args[4])
		if err != nil {
			return err
		}
		return beAgents(ctx, args[1], args[2], args[3], count)
	}
	parts := map[string]func(context.Context, *table) error{"machines": machines, "doors": doors, "start": startUp, "screens": screens, "lists": scaled((*scale).lists), "search": scaled((*scale).search),
		"decisions": scaled((*scale).decisions), "idle": scaled((*scale).idle),
		"rules": scaled((*scale).rules), "replay": scaled((*scale).replay)}
	order := []string{"lists", "search", "rules", "replay", "decisions", "idle", "doors", "start", "screens", "machines"}
	if len(args) > 0 {
		order = args
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	t := &table{}
	for _, name := range order {
		measure := parts[name]
		if measure == nil {
			return fmt.Errorf("no part is called %q; there are: %s", name, strings.Join(slices.Sorted(maps.Keys(parts)), ", "))
		}
		fmt.Fprintln(os.Stderr, "measuring:", name)
		if err := measure(ctx, t); err != nil {
			t.failed(name, err)
		}
	}
	fmt.Print(conditions(), t)
	return ctx.Err()
}

// measured is one thing to measure.
type measured struct {
	name    string
	measure func(context.Context, *table) error
}

// each measures one thing after the other; what fails is said in the table.
func each(ctx context.Context, t *table, all []measured) error {
	for _, m := range all {
		fmt.Fprintln(os.Stderr, "measuring:", m.name)
		if err := m.measure(ctx, t); err != nil {
			t.failed(m.name, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return ctx.Err()
}

// scaled measures what needs no machines.
func scaled(measure func(*scale, context.Context, *table) error) func(context.Context, *table) error {
	return func(ctx context.Context, t *table) error {
		s, err := newScale(ctx)
		if err != nil {
			return err
		}
		defer os.RemoveAll(s.dir)
		return measure(s, ctx, t)
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

// machines measures what needs real ones, and root.
func machines(ctx context.Context, t *table) error {
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
	return each(ctx, t, []measured{
		{"elevations for the memory figure", s.warmUp},
		{"attempt to decision", s.decision},
		{"memory", s.memory}, // after ten elevations, before the hundreds below
		{"sudo of a user who has rights", s.sudo},
		{"assent run by rule", s.assentRun},
		{"plain exec", s.plainExec},
		{"idle agent", s.idleAgent},
		{"without the controller", s.withoutController}, // the last: it ends and starts it
	})
}

// machineRules answer the measured commands at once, without a person.
const machineRules = `rules:
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
	if err := os.WriteFile(file, []byte(machineRules), 0o600); err != nil {
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
