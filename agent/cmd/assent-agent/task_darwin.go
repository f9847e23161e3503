package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"github.com/assent-epm/assent/shared/durable"
)

// Programs of macOS.
const (
	launchctlPath = "/bin/launchctl"
	plutilPath    = "/usr/bin/plutil"
)

const reapFile = "/Library/LaunchDaemons/" + reapLabel + ".plist"

func installReaper(ctx context.Context, set *settings, _ *slog.Logger) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	return scheduleJob(reapJob(ctx), exe, set.data)
}

func removeReaper(ctx context.Context) error { return unscheduleJob(reapJob(ctx)) }

func reapJob(ctx context.Context) launchd { return launchd{ctx, reapFile, reapLabel} }

// launchd is that of macOS, with one job.
type launchd struct {
	ctx         context.Context
	file, label string
}

func (l launchd) write(plist []byte) error {
	return errors.Join(durable.Replace(l.file, plist), os.Chmod(l.file, 0o644))
}

func (l launchd) load() error   { return launchctl(l.ctx, "bootstrap", "system", l.file) }
func (l launchd) unload() error { return launchctl(l.ctx, "bootout", "system/"+l.label) }

func (l launchd) remove() error {
	if err := os.Remove(l.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// launchctlTime bounds what launchd is asked.
const launchctlTime = 30 * time.Second

func launchctl(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, launchctlTime)
	defer cancel()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, launchctlPath, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("launchctl %s: %w: %s", args[0], err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}
