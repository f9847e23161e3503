package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/mactool"
	"github.com/assent-epm/assent/agent/publisher"
	"github.com/assent-epm/assent/agent/tray"
	"github.com/assent-epm/assent/agent/words"
)

// openPath is the external program.
const openPath = "/usr/bin/open"

const programWithin = 5 * time.Second

func canShow() error { return nil }

// openFile opens a file with the person's own program for it.
func openFile(file string) error {
	ctx, cancel := context.WithTimeout(context.Background(), programWithin)
	defer cancel()
	if err := exec.CommandContext(ctx, openPath, file).Run(); err != nil {
		return fmt.Errorf("%w: %w", errNoBrowser, err)
	}
	return nil
}

// publisherOf is who signed a program, as codesign verifies it.
func publisherOf(path string, t words.Tongue) string {
	ctx, cancel := context.WithTimeout(context.Background(), programWithin)
	defer cancel()
	by, err := publisher.Mac{Tools: mactool.System{}}.Named(ctx, path)
	switch {
	case err == nil && by.Name != "":
		return t.Say("Signed by %s", by.Name)
	case err != nil:
		return t.Say("Who signed it could not be verified")
	}
	return t.Say("Not signed: who made it is not known")
}

// programs are those in the folders of applications.
func programs(string) []tray.Program {
	var all []tray.Program
	for _, dir := range []string{"/Applications", "/Applications/Utilities", "/System/Applications/Utilities"} {
		apps, _ := filepath.Glob(filepath.Join(dir, "*.app")) // the pattern is right
		for _, app := range apps {
			name := strings.TrimSuffix(filepath.Base(app), ".app")
			path := filepath.Join(app, "Contents", "MacOS", name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				all = append(all, tray.Program{Name: name, Path: path})
			}
		}
	}
	return tray.Sorted(all)
}
