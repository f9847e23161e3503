// Command testall is what `make test` runs: vet, every test with the race
// detector, then the whole-system tests, and a closing that tells the truth.
//
// It prints one line per package, the output of what failed, one line per
// skipped group with its reason, and last `N passed, N failed, N skipped`. It
// also looks at the machine's own sudo configuration before and after: a test
// that changed it is a failure, whatever the test itself says.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// e2ePackages are run without the race detector and one package at a time: they
// measure times of real systems, and the programs they start are built without it.
const e2ePackages = "/e2e/machine /e2e/lab /e2e/cmd/runhere /e2e"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(ctx context.Context) (bool, error) {
	before, err := sudoState()
	if err != nil {
		return false, err
	}
	began := time.Now()
	report := newReport(os.Stdout)
	if err := step(ctx, "go", "vet", "./..."); err != nil {
		report.fail("go vet", "")
	}
	unit, system, err := packages(ctx)
	if err != nil {
		return false, err
	}
	unitArgs := append([]string{"-vet=off", "-timeout=15m"}, unit...)
	if race(ctx) {
		unitArgs = append([]string{"-race"}, unitArgs...)
	} else {
		report.note("race detector: off, it needs a C compiler")
	}
	if err := report.goTest(ctx, unitArgs); err != nil {
		return false, err
	}
	if len(system) > 0 {
		if err := report.goTest(ctx, append([]string{"-vet=off", "-timeout=15m", "-count=1", "-p=1"}, system...)); err != nil {
			return false, err
		}
	}
	after, err := sudoState()
	if err != nil {
		return false, err
	}
	for _, change := range before.changes(after) {
		report.fail("this machine's own sudo was changed", change)
	}
	for _, left := range after.leftovers() {
		report.note("left by an earlier installation, `assent-agent uninstall` removes it: " + left)
	}
	return report.close(time.Since(began)), ctx.Err()
}

// packages lists the packages of the module, those of whole-system tests apart.
func packages(ctx context.Context) (unit, system []string, err error) {
	out, err := exec.CommandContext(ctx, "go", "list", "./...").Output()
	if err != nil {
		return nil, nil, fmt.Errorf("list packages: %w", err)
	}
	for path := range strings.FieldsSeq(string(out)) {
		if isSystem(path) {
			system = append(system, path)
		} else {
			unit = append(unit, path)
		}
	}
	return unit, system, nil
}

func isSystem(path string) bool {
	for suffix := range strings.FieldsSeq(e2ePackages) {
		if strings.HasSuffix(path, suffix) {
			return true
		}
	}
	return false
}

// race reports whether tests can be built with the race detector here.
func race(ctx context.Context) bool {
	out, err := exec.CommandContext(ctx, "go", "env", "CC").Output()
	if err != nil {
		return false
	}
	_, err = exec.LookPath(strings.TrimSpace(string(out)))
	return err == nil
}

func step(ctx context.Context, name string, args ...string) error {
	fmt.Println(name, strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
