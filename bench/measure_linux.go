package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/e2e/machine"
)

// timer runs rounds of something and answers how long each took.
type timer func(ctx context.Context, rounds int) (sample, error)

// timed is the floor's clock on a machine, around one program, as a user. The
// program is started by the same process every time.
func timed(ctx context.Context, m *machine.Machine, user string, argv ...string) (timer, error) {
	s, err := m.Open(ctx, user, "/usr/local/bin/floor time "+strings.Join(argv, " "), machine.Options{Lines: true})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, rounds int) (sample, error) {
		if err := s.Send(strconv.Itoa(rounds) + "\n"); err != nil {
			return nil, err
		}
		line, err := s.Line(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s as %s on %s: %w", strings.Join(argv, " "), user, m.Name, err)
		}
		return parse(line)
	}, nil
}

func parse(line string) (sample, error) {
	var out sample
	if err := json.Unmarshal([]byte(line), &out); err != nil {
		return nil, fmt.Errorf("read the rounds: %w", err)
	}
	return out, nil
}

// interleave takes pairs: rounds of the one, rounds of the other, in turns the
// first. What counts of several rounds is their median.
func interleave(ctx context.Context, base, ours timer, count, rounds int) (pairs, error) {
	var p pairs
	for i := range count {
		order := []struct {
			run  timer
			into *sample
		}{{base, &p.base}, {ours, &p.ours}}
		if i%2 == 1 {
			order[0], order[1] = order[1], order[0]
		}
		for _, o := range order {
			got, err := o.run(ctx, rounds)
			if err != nil {
				return p, err
			}
			*o.into = append(*o.into, got.median())
		}
	}
	return p, nil
}

// warmUp does the ten elevations after which memory is looked at.
func (s *site) warmUp(ctx context.Context, _ *table) error {
	for range 10 {
		result, err := s.with.SSH(ctx, machine.Alice, "assent run -- /usr/bin/true", machine.Options{})
		if err != nil || result.Code != 0 {
			return errors.Join(err, fmt.Errorf("assent run: %s\n%s", result, s.with.Journal(ctx, "assent-agent")))
		}
	}
	return nil
}

// memory is the proportional set size of the agent and what it left running.
func (s *site) memory(ctx context.Context, t *table) error {
	select {
	case <-time.After(time.Until(s.started.Add(60 * time.Second))):
	case <-ctx.Done():
		return ctx.Err()
	}
	kib, err := s.pss(ctx)
	if err != nil {
		return err
	}
	mb := kib * 1024 / 1e6
	t.add(row{"memory of agent and reaper (PSS), 60 s and 10 elevations after start", megabytes(mb), "", "", "≤ 15 MB", within(mb, 15, megabytes)})
	return nil
}

func megabytes(mb float64) string { return fmt.Sprintf("%.1f MB", mb) }

// pss is the proportional set size of all programs of the agent, in KiB.
func (s *site) pss(ctx context.Context) (kib float64, err error) {
	result, err := s.with.SSH(ctx, machine.Root, "cat $(pgrep -x assent-agent | sed 's|.*|/proc/&/smaps_rollup|')", machine.Options{})
	if err != nil || result.Code != 0 {
		return 0, errors.Join(err, fmt.Errorf("read the memory: %s", result))
	}
	for line := range strings.Lines(result.Stdout) {
		if value, found := strings.CutPrefix(line, "Pss:"); found {
			n, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			if err != nil {
				return 0, err
			}
			kib += n
		}
	}
	return kib, nil
}

// sudo compares `sudo true` of somebody who has rights, with and without the
// plugin: first warm, then the first call after sudoers changed.
func (s *site) sudo(ctx context.Context, t *table) error {
	base, err := timed(ctx, s.without, machine.Carol, "/usr/bin/sudo", "/usr/bin/true")
	if err != nil {
		return err
	}
	ours, err := timed(ctx, s.with, machine.Carol, "/usr/bin/sudo", "/usr/bin/true")
	if err != nil {
		return err
	}
	if _, err := interleave(ctx, base, ours, 5, 1); err != nil { // warms both caches
		return err
	}
	p, err := interleave(ctx, base, ours, 300, 1)
	if err != nil {
		return err
	}
	median, low, high := p.extra()
	t.add(row{"sudo true with rights, warm, 300 pairs", micros(p.ours.median()), micros(p.base.median()),
		fmt.Sprintf("%s more (%s to %s)", micros(median), micros(low), micros(high)), "≤ 5 ms more", within(median, 5e6, micros)})
	var first pairs
	for range 20 {
		for _, m := range []*machine.Machine{s.with, s.without} {
			if err := m.Write("/etc/sudoers.d/changed", []byte("# "+time.Now().String()+"\n"), 0o440); err != nil {
				return err
			}
		}
		one, err := interleave(ctx, base, ours, 1, 1)
		if err != nil {
			return err
		}
		first.base, first.ours = append(first.base, one.base...), append(first.ours, one.ours...)
	}
	median, low, high = first.extra()
	t.add(row{"the same, first call after sudoers changed, 20 pairs", micros(first.ours.median()), micros(first.base.median()),
		fmt.Sprintf("%s more (%s to %s)", micros(median), micros(low), micros(high)), "", ""})
	return nil
}

// assentRun compares `assent run` that a rule approves with plain sudo of
// somebody who has rights, on the machine without the agent.
func (s *site) assentRun(ctx context.Context, t *table) error {
	base, err := timed(ctx, s.without, machine.Carol, "/usr/bin/sudo", "/usr/bin/true")
	if err != nil {
		return err
	}
	ours, err := timed(ctx, s.with, machine.Alice, "/usr/local/bin/assent", "run", "--", "/usr/bin/true")
	if err != nil {
		return err
	}
	p, err := interleave(ctx, base, ours, 200, 1)
	if err != nil {
		return err
	}
	t.add(row{"assent run by rule, 200 pairs (floor: plain sudo)", micros(p.ours.median()), micros(p.base.median()),
		fmt.Sprintf("%.2f×, p99 %s", p.ours.median()/p.base.median(), micros(p.ours.at(0.99))), "", ""})
	return nil
}

// plainExec compares a program that is not elevated, with and without the agent.
func (s *site) plainExec(ctx context.Context, t *table) error {
	base, err := timed(ctx, s.without, machine.Alice, "/usr/bin/true")
	if err != nil {
		return err
	}
	ours, err := timed(ctx, s.with, machine.Alice, "/usr/bin/true")
	if err != nil {
		return err
	}
	p, err := interleave(ctx, base, ours, 600, 9)
	if err != nil {
		return err
	}
	median, _, high := p.extra()
	percent := func(v float64) string { return fmt.Sprintf("%.1f %%", v) }
	share := 100 / p.base.median()
	t.add(row{"plain exec, 600 pairs of 9", micros(p.ours.median()), micros(p.base.median()),
		fmt.Sprintf("%+.1f %%, upper 95 %% bound %+.1f %%", median*share, high*share), "bound ≤ +2 %", within(high*share, 2, percent)})
	return nil
}

// process is the floor on the host, asked over its stdin.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

func startFloor(ctx context.Context, path string, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 16<<20)
	return &process{cmd, stdin, lines}, cmd.Start()
}

func (p *process) rounds(_ context.Context, n int) (sample, error) {
	if _, err := fmt.Fprintln(p.stdin, n); err != nil {
		return nil, err
	}
	if !p.lines.Scan() {
		return nil, errors.Join(errors.New("the floor ended"), p.lines.Err())
	}
	return parse(p.lines.Text())
}

func (p *process) close() error { return errors.Join(p.stdin.Close(), p.cmd.Wait()) }

// The arrivals of both sides of the decision bench.
const (
	decisionTurns  = 8
	decisionRounds = 100
	decisionPace   = 20 * time.Millisecond
)

// decision compares an attempt that a rule approves, from the instant at which
// it was due to the verified decision, with the floor. Both get arrivals at the
// same pace, in turns.
func (s *site) decision(ctx context.Context, t *table) error {
	floor, err := startFloor(ctx, s.floor, "decide", filepath.Join(s.dir, "floor.db"), decisionPace.String())
	if err != nil {
		return err
	}
	var p pairs
	for turn := range decisionTurns {
		base, err := floor.rounds(ctx, decisionRounds)
		if err != nil {
			return err
		}
		ours, err := s.simulate(ctx, turn)
		if err != nil {
			return err
		}
		if turn > 0 { // the first turn warms both
			p.base, p.ours = append(p.base, base...), append(p.ours, ours...)
		}
	}
	for _, q := range []struct {
		name  string
		share float64
		goal  float64
	}{{"p50", 0.5, 1.5}, {"p99", 0.99, 0}} {
		ours, base := p.ours.at(q.share), p.base.at(q.share)
		r := row{what: fmt.Sprintf("attempt to decision, one agent, %s of %d", q.name, len(p.ours)), ours: micros(ours), floor: micros(base), compared: fmt.Sprintf("%.2f×", ours/base)}
		if q.goal > 0 {
			r.goal = fmt.Sprintf("≤ %.1f×", q.goal)
			r.missed = within(ours/base, q.goal, func(v float64) string { return fmt.Sprintf("%.2f×", v) })
		}
		t.add(r)
	}
	return floor.close()
}
