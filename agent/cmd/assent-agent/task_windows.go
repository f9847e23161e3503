package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/windows"

	"github.com/assent-epm/assent/agent/acl"
	"github.com/assent-epm/assent/agent/keep"
	"github.com/assent-epm/assent/shared/durable"
)

// taskName is the task of Windows that takes back at the machine's start what was
// left, also without the service.
const taskName = `Assent\Reap`

// system32 is a file of Windows itself.
func system32(name string) string {
	return filepath.Join(cmp.Or(os.Getenv("SystemRoot"), `C:\Windows`), "System32", name)
}

func installReaper(ctx context.Context, set *settings, log *slog.Logger) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	return scheduleTask(taskScheduler{ctx, set.data}, exe, windows.ComposeCommandLine(reapArgs(set.data)), acl.Windows{}.Self(), log)
}

func removeReaper(ctx context.Context) error { return unscheduleTask(taskScheduler{ctx: ctx}) }

// taskScheduler is that of Windows; data is the folder for a definition.
type taskScheduler struct {
	ctx  context.Context
	data string
}

func (s taskScheduler) define(definition []byte) (path string, err error) {
	if err := keep.Folder(s.data); err != nil {
		return "", err
	}
	path = filepath.Join(s.data, "reap.xml")
	return path, durable.Replace(path, definition)
}

func (s taskScheduler) create(path string) error {
	return task(s.ctx, "/Create", "/F", "/TN", taskName, "/XML", path)
}

func (taskScheduler) forget(path string) error { return os.Remove(path) }

func (taskScheduler) folder() (acl.List, error) {
	return acl.Of(filepath.Dir(system32(`Tasks\` + taskName)))
}

// there looks at the file of the task: /Query of Wine finds every task.
func (taskScheduler) there() (bool, error) {
	_, err := os.Stat(system32(`Tasks\` + taskName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (s taskScheduler) remove() error { return task(s.ctx, "/Delete", "/F", "/TN", taskName) }

func task(ctx context.Context, args ...string) error {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, system32("schtasks.exe"), args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s the task %s: %w: %s", args[0], taskName, err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}
