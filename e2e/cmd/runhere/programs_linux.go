package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// The system's programs that are run here.
const (
	useraddPath  = "/usr/sbin/useradd"
	userdelPath  = "/usr/sbin/userdel"
	chpasswdPath = "/usr/sbin/chpasswd"
)

// run is for programs that have to succeed; what they print is in the error.
func run(ctx context.Context, path string, args ...string) error {
	return feed(ctx, "", path, args...)
}

// feed is run for a program that reads something.
func feed(ctx context.Context, input, path string, args ...string) error {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Stdin = "/", strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(append([]string{path}, args[:min(len(args), 1)]...), " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
