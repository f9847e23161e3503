// Command testall is what `make test` runs: vet, the tests with the race
// detector, wide searches without it (wide.go), then the whole-system tests, the
// tests for Windows under Wine, and a closing that tells the truth.
//
// It prints one line per package, the output of what failed, one line per
// skipped group with its reason, and last `N passed, N failed, N skipped`. Few
// failures of tests that drive browsers and machines are tried again (again.go).
// It also looks at the machine's own sudo configuration before and after: a test
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

// Packages of whole-system tests are run without the race detector, as the
// programs and browsers they start are built without it. Their machines share
// nothing: each process has a network, folders and cgroups of its own. Two
// packages at a time therefore.
const e2ePackages = "/e2e/machine /e2e/lab /e2e/wine /e2e/cmd/runhere /e2e/linux /e2e/windows /e2e/console"

// Packages whose tests are also built for Windows and run under Wine.
const winePackages = "/agent/acl /agent/cmd/assent-agent /agent/cmd/assent-tray /agent/companion /agent/consent /agent/grants /agent/harden /agent/intercept /agent/keep /agent/link /agent/local /agent/local/pipe /agent/localgroup /agent/offline /agent/privilege /agent/publisher /agent/standing /agent/tamper /agent/tray /installer/msi/undo /installer/pe /shared/durable"

// windows is said before the names of those.
const windows = "windows: "

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
	all, err := packages(ctx)
	if err != nil {
		return false, err
	}
	raced := race(ctx)
	if !raced {
		report.note("race detector: off, it needs a C compiler")
	}
	for _, args := range passes(all, raced) {
		if err := report.goTest(ctx, append([]string{"-vet=off", "-timeout=15m"}, args...)); err != nil {
			return false, err
		}
	}
	if err := report.underWine(ctx); err != nil {
		return false, err
	}
	if err := report.secondTries(ctx, alone(raced, report)); err != nil {
		return false, err
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

// packages lists the packages of the module.
func packages(ctx context.Context) ([]string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "./...").Output()
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	return strings.Fields(string(out)), nil
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
