// Command mutate breaks the guards of the request desk one at a time and wants
// a test to fail each time. The faults stand in e2e/mutate/mutations.txt.
//
// The tree is never touched: each fault is built through an overlay. A fault
// that no test notices is a survivor; so that nothing else looks like a success,
// the same tests must pass without it, and a fault must compile.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/assent-epm/assent/e2e/mutate"
)

// limit is how long the tests of one fault may take; a fault may well make a
// test wait for ever.
const limit = 3 * time.Minute

func main() {
	only := flag.String("only", "", "only the mutations whose name or file has this text")
	workers := flag.Int("workers", runtime.NumCPU(), "how many at the same time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *only, *workers); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// verdict is what came of one fault.
type verdict struct {
	mutation mutate.Mutation
	killed   bool
	trouble  string // why neither is known
	took     time.Duration
}

func run(ctx context.Context, only string, workers int) error {
	all, err := mutate.All()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(m mutate.Mutation) bool { return !strings.Contains(m.Name+" "+m.File, only) })
	var misfits []error
	for _, m := range all {
		if _, err := m.Apply("."); err != nil {
			misfits = append(misfits, err)
		}
	}
	if err := errors.Join(misfits...); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	began := time.Now()
	if err := sound(ctx, all, workers); err != nil {
		return err
	}
	fmt.Printf("the tests pass without a fault, after %s\n", time.Since(began).Round(time.Second))
	var bad []verdict
	each(workers, len(all), func(i int) verdict { return try(ctx, work, i, all[i]) }, func(v verdict) {
		word := "found"
		if !v.killed {
			word, bad = "SURVIVED", append(bad, v)
		}
		if v.trouble != "" {
			word = "TROUBLE"
		}
		fmt.Printf("%-9s %5.1fs  %s (%s)\n", word, v.took.Seconds(), v.mutation.Name, v.mutation.File)
		if v.trouble != "" {
			fmt.Println("          " + strings.ReplaceAll(v.trouble, "\n", "\n          "))
		}
	})
	fmt.Printf("%d faults, %d found by a test, %d not, after %s\n", len(all), len(all)-len(bad), len(bad), time.Since(began).Round(time.Second))
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(bad) > 0 {
		return fmt.Errorf("%d faults were not found", len(bad))
	}
	return nil
}

// each does n things with some workers and tells of each as it is done.
func each[T any](workers, n int, do func(int) T, tell func(T)) {
	var all sync.WaitGroup
	next, done := make(chan int), make(chan T)
	for range max(workers, 1) {
		all.Go(func() {
			for i := range next {
				done <- do(i)
			}
		})
	}
	go func() {
		for i := range n {
			next <- i
		}
		close(next)
		all.Wait()
		close(done)
	}()
	for v := range done {
		tell(v)
	}
}

// sound runs every named test without any fault.
func sound(ctx context.Context, all []mutate.Mutation, workers int) error {
	patterns := map[string][]string{}
	for _, m := range all {
		if !slices.Contains(patterns[m.Package], m.Run) {
			patterns[m.Package] = append(patterns[m.Package], m.Run)
		}
	}
	type pair struct{ folder, pattern string }
	var pairs []pair
	for folder, list := range patterns {
		for _, p := range list {
			pairs = append(pairs, pair{folder, p})
		}
	}
	var err error
	each(workers, len(pairs), func(i int) error {
		out, failed := test(ctx, "", pairs[i].folder, pairs[i].pattern)
		switch {
		case failed:
			return fmt.Errorf("the tests fail without a fault: %s %s\n%s", pairs[i].folder, pairs[i].pattern, out)
		case strings.Contains(out, "no tests to run"):
			return fmt.Errorf("no test of %s is named %s", pairs[i].folder, pairs[i].pattern)
		}
		return nil
	}, func(e error) {
		if err == nil {
			err = e
		}
	})
	return err
}

func try(ctx context.Context, work string, i int, m mutate.Mutation) (v verdict) {
	began := time.Now()
	v.mutation = m
	defer func() { v.took = time.Since(began) }()
	overlay, err := prepare(work, i, m)
	if err != nil {
		v.trouble = err.Error()
		return v
	}
	out, failed := test(ctx, overlay, m.Package, m.Run)
	switch {
	case ctx.Err() != nil:
		v.trouble = ctx.Err().Error()
	case strings.Contains(out, "[build failed]"), strings.Contains(out, "[setup failed]"):
		v.trouble = "it does not compile:\n" + strings.TrimSpace(out)
	default:
		v.killed = failed
	}
	return v
}

// prepare writes the file with its fault and the overlay that names it.
func prepare(work string, i int, m mutate.Mutation) (string, error) {
	raw, err := m.Apply(".")
	if err != nil {
		return "", err
	}
	root, err := filepath.Abs(".")
	if err != nil {
		return "", err
	}
	file := filepath.Join(work, fmt.Sprintf("%d.go", i))
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, filepath.FromSlash(m.File)): file}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(work, fmt.Sprintf("%d.json", i))
	return name, os.WriteFile(name, overlay, 0o600)
}

func test(ctx context.Context, overlay, folder, pattern string) (out string, failed bool) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	args := []string{"test", "-count=1", "-short", "-failfast", "-vet=off", "-timeout", (limit - 10*time.Second).String(), "-run", pattern}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	args = append(args, folder)
	if usesRapid(folder) { // a found fault needs no smaller example, and no file in the tree
		args = append(args, "-rapid.checks=500", "-rapid.shrinktime=1ms", "-rapid.nofailfile")
	}
	raw, err := exec.CommandContext(ctx, "go", args...).CombinedOutput()
	return string(raw), err != nil
}

func usesRapid(folder string) bool {
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	return err == nil && slices.ContainsFunc(files, func(name string) bool {
		raw, err := os.ReadFile(name)
		return err == nil && strings.Contains(string(raw), `"pgregory.net/rapid"`)
	})
}
