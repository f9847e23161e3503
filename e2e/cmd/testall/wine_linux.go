package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/e2e/wine"
)

// underWine builds the tests of winePackages for Windows and runs them in labs.
// Where there is no Wine, one line says so.
func (r *report) underWine(ctx context.Context) error {
	lacks, err := testgroup.Missing("wine")
	if err != nil {
		return err
	}
	if lacks == "" {
		if _, err := wine.Image(ctx); err != nil {
			lacks = err.Error()
		}
	}
	if lacks != "" {
		if testgroup.Required("wine") {
			r.fail("group wine", lacks+", and "+testgroup.RequireEnv+" forbids skipping it")
			return nil
		}
		r.note("skipped group wine, tests for Windows: " + strings.ReplaceAll(strings.TrimSpace(lacks), "\n", " "))
		return nil
	}
	var folders []string
	for _, folder := range strings.Fields(winePackages) {
		folders = append(folders, module+folder)
	}
	return r.onWine(ctx, folders...)
}

// onWine is goTest for Windows; args are the packages and what else is asked of it.
func (r *report) onWine(ctx context.Context, args ...string) error {
	dir, err := os.MkdirTemp("", "assent-testall-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	runner := filepath.Join(dir, "underwine")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", runner, module+"/e2e/cmd/underwine").CombinedOutput(); err != nil {
		return fmt.Errorf("build what runs tests under wine: %w\n%s", err, out)
	}
	r.where, r.env = windows, []string{"GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0"}
	defer func() { r.where, r.env = "", nil }()
	return r.goTest(ctx, append([]string{"-vet=off", "-timeout=5m", "-count=1", "-p=2", "-exec=" + runner}, args...))
}
