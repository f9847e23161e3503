package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// autostart has each desktop session start the user's own program there. It is
// the one that packages install too.
//
//go:embed autostart/assent-desktop.desktop
var autostart string

const (
	autostartDir  = "/etc/xdg/autostart"
	autostartName = "assent-desktop.desktop"
)

// installAutostart writes it where there are desktops, and where the users'
// program stands beside this one.
func installAutostart(dir, exe string) error {
	program := filepath.Join(filepath.Dir(exe), "assent")
	for _, needed := range []string{dir, program} {
		if _, err := os.Stat(needed); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	text := strings.ReplaceAll(autostart, "{{assent}}", program)
	if err := os.WriteFile(filepath.Join(dir, autostartName), []byte(text), 0o644); err != nil {
		return hinted{fmt.Errorf("have desktops start assent: %w", err), "run it as root"}
	}
	return nil
}

func removeAutostart(dir string) error {
	err := os.Remove(filepath.Join(dir, autostartName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return hinted{fmt.Errorf("have desktops start assent no more: %w", err), "run it as root"}
	}
	return nil
}
