package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/lab"
	"github.com/assent-epm/assent/e2e/machine"
)

// The bundle that the endpoint has while there is no controller.
const (
	bundleRules  = 200
	bundleWait   = 30 * time.Second
	offlinePairs = 100
)

// idleTime is how long the agent is watched while nobody elevates: two turns in
// which it gives memory back. idleFrom is when the start is over: two minutes after
// it the agent looks through the machine for setuid programs, then each hour.
const (
	idleTime = 60 * time.Second
	idleFrom = 3 * time.Minute
)

// idleAgent is what the agent takes of a processor while nobody elevates.
func (s *site) idleAgent(ctx context.Context, t *table) error {
	select {
	case <-time.After(time.Until(s.started.Add(idleFrom))):
	case <-ctx.Done():
		return ctx.Err()
	}
	used := func() (float64, error) {
		result, err := s.with.Systemctl(ctx, "show", "-p", "CPUUsageNSec", "--value", "assent-agent.service")
		if err != nil {
			return 0, err
		}
		return strconv.ParseFloat(strings.TrimSpace(result.Stdout), 64)
	}
	from, err := used()
	if err != nil {
		return fmt.Errorf("read the agent's time: %w", err)
	}
	begun := time.Now()
	select {
	case <-time.After(idleTime):
	case <-ctx.Done():
		return ctx.Err()
	}
	to, err := used()
	if err != nil {
		return fmt.Errorf("read the agent's time: %w", err)
	}
	percent := func(v float64) string { return fmt.Sprintf("%.3f %% of a core", v) }
	share := 100 * (to - from) / float64(time.Since(begun))
	t.add(row{fmt.Sprintf("idle agent over %v, between its hourly walks", idleTime), percent(share), "", "", "< 0.1 %", within(share, 0.1, percent)})
	return nil
}

// withoutController measures an endpoint with a bundle of rules whose controller is
// gone: its memory, and `sudo` that a rule of the bundle approves beside plain sudo.
func (s *site) withoutController(ctx context.Context, t *table) error {
	if err := s.giveBundle(ctx); err != nil {
		return err
	}
	if err := s.controller.Stop(); err != nil {
		return err
	}
	if err := s.agentMemory(ctx, t, fmt.Sprintf("the agent with a bundle of %d rules, before its first use", bundleRules), 24); err != nil {
		return err
	}
	base, err := timed(ctx, s.without, machine.Carol, "/usr/bin/sudo", "/usr/bin/true")
	if err != nil {
		return err
	}
	ours, err := timed(ctx, s.with, machine.Alice, "/usr/bin/sudo", "/usr/bin/true")
	if err != nil {
		return err
	}
	if _, err := interleave(ctx, base, ours, 3, 1); err != nil { // reads the rules
		return err
	}
	if err := s.agentMemory(ctx, t, "the same with the rules in memory", 24); err != nil {
		return err
	}
	p, err := interleave(ctx, base, ours, offlinePairs, 1)
	if err != nil {
		return err
	}
	median, low, high := p.extra()
	t.add(row{fmt.Sprintf("sudo true by a rule without the controller, %d pairs (floor: plain sudo)", offlinePairs), micros(p.ours.median()), micros(p.base.median()),
		fmt.Sprintf("%s more (%s to %s)", micros(median), micros(low), micros(high)), "≤ 50 ms more", within(median, 50e6, micros)})
	return s.controller.Start(ctx)
}

// giveBundle lets the endpoint use rules without the controller and waits until it
// has them.
func (s *site) giveBundle(ctx context.Context) error {
	api, err := client.New(s.controller.URL, s.controller.Token)
	if err != nil {
		return err
	}
	var rules strings.Builder
	rules.WriteString(machineRules)
	for i := range bundleRules - 1 {
		fmt.Fprintf(&rules, "  - name: r%d\n    match: {path: /usr/bin/tool%d, args: [restart, {regex: '[a-z0-9.-]{1,40}'}]}\n    then: approve\n    limits: {duration: 10m}\n", i, i)
	}
	if _, err := client.Post[client.RuleVersion](ctx, api, "/rules/apply", client.ApplyRules{YAML: rules.String()}); err != nil {
		return fmt.Errorf("apply the rules: %w", err)
	}
	var out client.Policies
	if err := api.Call(ctx, "PUT", "/policies", nil, client.PutPolicies{Items: []client.Policy{{Name: "all", Offline: &client.PolicyOffline{Rules: true}}}}, &out); err != nil {
		return fmt.Errorf("make the policy: %w", err)
	}
	if result, err := s.with.Systemctl(ctx, "restart", "assent-agent.service"); err != nil || result.Code != 0 {
		return errors.Join(err, fmt.Errorf("start the agent again: %s", result))
	}
	if err := lab.AwaitConnected(ctx, s.with); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, bundleWait)
	defer cancel()
	for {
		if raw, err := s.with.Read("/var/lib/assent/offline/bundle"); err == nil && len(raw) > 0 {
			break
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return errors.New("no bundle has come")
		}
	}
	select { // the start is given back within one turn
	case <-time.After(bundleWait):
	case <-ctx.Done():
	}
	return nil
}

// agentMemory adds the proportional set size of the agent alone.
func (s *site) agentMemory(ctx context.Context, t *table, what string, most float64) error {
	kib, err := s.pss(ctx)
	if err != nil {
		return err
	}
	mb := kib * 1024 / 1e6
	t.add(row{"memory of " + what, megabytes(mb), "", "", fmt.Sprintf("≤ %.0f MB", most), within(mb, most, megabytes)})
	return nil
}
