package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// The system's programs that are run here.
const (
	useraddPath = "/usr/sbin/useradd"
	userdelPath = "/usr/sbin/userdel"
)

// run is for programs that have to succeed; what they print is in the error.
func run(ctx context.Context, path string, args ...string) error {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", path, args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}
