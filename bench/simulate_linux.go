package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// simulate raises one turn of requests from one simulated endpoint over the real
// protocol and answers the latency of every decision.
func (s *site) simulate(ctx context.Context, turn int) (sample, error) {
	token, err := s.controller.EnrollToken(ctx)
	if err != nil {
		return nil, err
	}
	out := filepath.Join(s.dir, fmt.Sprintf("sim-%d.json", turn))
	rate := float64(time.Second) / float64(decisionPace)
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "agentsim"),
		"--controller", s.controller.AgentURL, "--token", token, "--endpoints", "1", "--users", "1", "--use", "1s",
		"--rate", strconv.FormatFloat(rate, 'f', -1, 64)+"/s", "--requests", strconv.Itoa(decisionRounds),
		"--command", "/usr/bin/true", "--seed", strconv.Itoa(turn+1), "--data", filepath.Join(s.dir, fmt.Sprintf("sim-%d", turn)), "--out", out)
	if printed, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("agentsim: %w: %s", err, printed)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	return latencies(raw)
}

// latencies reads the decisions out of agentsim's report.
func latencies(raw []byte) (sample, error) {
	var out sample
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		var line struct {
			Kind      string  `json:"kind"`
			LatencyUS float64 `json:"latency_us"`
			Verdict   string  `json:"verdict"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("read agentsim's report: %w", err)
		}
		if line.Kind != "decision" {
			continue
		}
		if line.Verdict != "approved" {
			return nil, fmt.Errorf("a decision was %q, the rule approves", line.Verdict)
		}
		out = append(out, line.LatencyUS*1000)
	}
	// A run that lost or doubled a decision has no result.
	if len(out) != decisionRounds {
		return nil, errors.Join(fmt.Errorf("agentsim had %d decisions for %d requests", len(out), decisionRounds), lines.Err())
	}
	return out, lines.Err()
}
