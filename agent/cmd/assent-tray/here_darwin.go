package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
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
	return signedBy(t, by.Name, err)
}

// programs are those in the folders of applications.
func programs(string) []tray.Program {
	var apps []string
	for _, dir := range []string{"/Applications", "/Applications/Utilities", "/System/Applications/Utilities"} {
		found, _ := filepath.Glob(filepath.Join(dir, "*.app")) // the pattern is right
		apps = append(apps, found...)
	}
	return macPrograms(apps, regular)
}
