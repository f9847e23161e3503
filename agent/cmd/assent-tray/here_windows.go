package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"github.com/assent-epm/assent/agent/publisher"
	"github.com/assent-epm/assent/agent/tray"
	"github.com/assent-epm/assent/agent/words"
)

func canShow() error { return nil }

// openFile opens a file with the person's own program for it.
func openFile(file string) error {
	name, err := windows.UTF16PtrFromString(file)
	if err != nil {
		return fmt.Errorf("open a page: %w", err)
	}
	if err := windows.ShellExecute(0, nil, name, nil, nil, windows.SW_SHOWNORMAL); err != nil {
		return fmt.Errorf("%w: %w", errNoBrowser, err)
	}
	return nil
}

// publisherOf is who signed a program.
func publisherOf(path string, t words.Tongue) string {
	f, err := os.Open(path)
	if err != nil {
		return t.Say("The program can not be read")
	}
	defer f.Close()
	p, err := publisher.Of(f)
	switch {
	case err != nil:
		return t.Say("Who signed it could not be verified")
	case p.Name == "":
		return t.Say("Not signed: who made it is not known")
	}
	return t.Say("Signed by %s", p.Name)
}

// appPaths is where programs say how they are called.
const appPaths = `SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths`

// programs are those that told Windows of themselves, and its own tools.
func programs(string) []tray.Program {
	var all []tray.Program
	for _, name := range []string{"cmd.exe", "mmc.exe", "regedit.exe", "Taskmgr.exe", "services.msc", "devmgmt.msc", "diskmgmt.msc", "eventvwr.msc", "ncpa.cpl", "appwiz.cpl"} {
		for _, dir := range []string{`C:\Windows\System32`, `C:\Windows`} {
			if path := filepath.Join(dir, name); regular(path) {
				all = append(all, tray.Program{Name: name, Path: path})
				break
			}
		}
	}
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, appPaths, registry.READ)
	if err != nil {
		return tray.Sorted(all)
	}
	defer k.Close()
	names, _ := k.ReadSubKeyNames(-1) // without them the others are left
	for _, name := range names {
		app, err := registry.OpenKey(k, name, registry.QUERY_VALUE)
		if err != nil {
			continue
		}
		path, _, err := app.GetStringValue("")
		_ = app.Close() // it was only read
		if path = strings.Trim(path, `"`); err == nil && filepath.IsAbs(path) && regular(path) {
			all = append(all, tray.Program{Name: strings.TrimSuffix(name, filepath.Ext(name)), Path: path})
		}
	}
	return tray.Sorted(all)
}

func regular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
