package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"

	"github.com/assent-epm/assent/shared/durable"
)

// Programs of macOS.
const (
	launchctlPath = "/bin/launchctl"
	plutilPath    = "/usr/bin/plutil"
)

const reapFile = "/Library/LaunchDaemons/" + reapLabel + ".plist"

func installReaper(ctx context.Context, set *settings) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if err := durable.Replace(reapFile, []byte(reapPlist(exe, set.data))); err != nil {
		return fmt.Errorf("write the reaper's job: %w", err)
	}
	if err := os.Chmod(reapFile, 0o644); err != nil {
		return fmt.Errorf("write the reaper's job: %w", err)
	}
	_ = launchctl(ctx, "bootout", "system/"+reapLabel) // an older one
	return launchctl(ctx, "bootstrap", "system", reapFile)
}

func removeReaper(ctx context.Context) error {
	_ = launchctl(ctx, "bootout", "system/"+reapLabel) // it may not be loaded
	if err := os.Remove(reapFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the reaper's job: %w", err)
	}
	return nil
}

func launchctl(ctx context.Context, args ...string) error {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, launchctlPath, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("launchctl %s: %w: %s", args[0], err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}
