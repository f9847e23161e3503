package main

import (
	"fmt"
	"os"

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
	return signedBy(t, p.Name, err)
}

// appPaths is where programs say how they are called.
const appPaths = `SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths`

// programs are those that told Windows of themselves, and its own tools.
func programs(string) []tray.Program {
	told := map[string]string{}
	if k, err := registry.OpenKey(registry.LOCAL_MACHINE, appPaths, registry.READ); err == nil {
		defer k.Close()
		names, _ := k.ReadSubKeyNames(-1) // without them the others are left
		for _, name := range names {
			if app, err := registry.OpenKey(k, name, registry.QUERY_VALUE); err == nil {
				told[name], _, _ = app.GetStringValue("") // "" without one
				_ = app.Close()                           // it was only read
			}
		}
	}
	return windowsPrograms(told, regular)
}
