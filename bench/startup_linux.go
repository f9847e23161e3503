package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// startRounds is how often each program is started.
const startRounds = 50

// hello is the least that a program written in Go can be.
const hello = "package main\n\nimport \"os\"\n\nfunc main() { os.Stdout.WriteString(\"hello\\n\") }\n"

// startUp measures how long assentctl takes from its start to its end, where it
// asks nobody: what somebody feels at every command. The floor is a program that
// prints one word, started in turns with it.
func startUp(ctx context.Context, t *table) error {
	dir, err := os.MkdirTemp("", "assent-bench-start-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	source, floor, ours := filepath.Join(dir, "hello.go"), filepath.Join(dir, "hello"), filepath.Join(dir, "assentctl")
	if err := os.WriteFile(source, []byte(hello), 0o600); err != nil {
		return fmt.Errorf("write the floor: %w", err)
	}
	for out, what := range map[string]string{floor: source, ours: "./controller/cmd/assentctl"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", out, what)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", what, err, text)
		}
	}
	for _, arg := range []string{"version", "--help"} {
		var p pairs
		for range startRounds {
			base, err := started(ctx, floor)
			if err != nil {
				return err
			}
			took, err := started(ctx, ours, arg)
			if err != nil {
				return err
			}
			p.base, p.ours = append(p.base, base), append(p.ours, took)
		}
		took := p.ours.median()
		t.add(row{fmt.Sprintf("assentctl %s, from its start to its end (floor: a program that prints a word)", arg), micros(took), micros(p.base.median()),
			micros(took-p.base.median()) + " more", "≤ 30 ms", within(took, float64(30*time.Millisecond), micros)})
	}
	return nil
}

// started runs a program once.
func started(ctx context.Context, program string, args ...string) (float64, error) {
	began := time.Now()
	if err := exec.CommandContext(ctx, program, args...).Run(); err != nil {
		return 0, fmt.Errorf("run %s: %w", filepath.Base(program), err)
	}
	return float64(time.Since(began)), nil
}
