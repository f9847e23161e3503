package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/windows"

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

func installReaper(ctx context.Context, set *settings) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if err := keep.Folder(set.data); err != nil {
		return err
	}
	definition := filepath.Join(set.data, "reap.xml") // nobody but administrators writes there
	if err := durable.Replace(definition, wide(reapTask(exe, windows.ComposeCommandLine(reapArgs(set.data))))); err != nil {
		return fmt.Errorf("write the definition of the task %s: %w", taskName, err)
	}
	return errors.Join(task(ctx, "/Create", "/F", "/TN", taskName, "/XML", definition), os.Remove(definition))
}

func removeReaper(ctx context.Context) error {
	if _, err := os.Stat(system32(`Tasks\` + taskName)); errors.Is(err, fs.ErrNotExist) {
		return nil // it was never there, whatever /Query says: Wine's finds every task
	}
	return task(ctx, "/Delete", "/F", "/TN", taskName)
}

func task(ctx context.Context, args ...string) error {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, system32("schtasks.exe"), args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s the task %s: %w: %s", args[0], taskName, err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}
