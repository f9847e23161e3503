package main

import (
	"os"
	"path"
	"strings"

	"github.com/assent-epm/assent/agent/tray"
	"github.com/assent-epm/assent/agent/words"
)

// What the form offers on Windows and macOS; here_windows.go and here_darwin.go ask
// the systems.

// signedBy is who signed a program, in the person's words.
func signedBy(t words.Tongue, name string, err error) string {
	switch {
	case err != nil:
		return t.Say("Who signed it could not be verified")
	case name == "":
		return t.Say("Not signed: who made it is not known")
	}
	return t.Say("Signed by %s", name)
}

func regular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// windowsPrograms are Windows' own tools and the programs that told it of themselves,
// by name and path, as far as they are there. A path may stand in quotes.
func windowsPrograms(told map[string]string, there func(path string) bool) []tray.Program {
	var all []tray.Program
	for _, name := range []string{"cmd.exe", "mmc.exe", "regedit.exe", "Taskmgr.exe", "services.msc", "devmgmt.msc", "diskmgmt.msc", "eventvwr.msc", "ncpa.cpl", "appwiz.cpl"} {
		for _, dir := range []string{`C:\Windows\System32\`, `C:\Windows\`} {
			if there(dir + name) {
				all = append(all, tray.Program{Name: name, Path: dir + name})
				break
			}
		}
	}
	for name, file := range told {
		file = strings.Trim(file, `"`)
		if len(file) > 3 && file[1:3] == `:\` && there(file) {
			all = append(all, tray.Program{Name: strings.TrimSuffix(name, path.Ext(name)), Path: file})
		}
	}
	return tray.Sorted(all)
}

// macPrograms are the programs of applications, which have the application's name, as
// far as they are there.
func macPrograms(apps []string, there func(path string) bool) []tray.Program {
	var all []tray.Program
	for _, app := range apps {
		name := strings.TrimSuffix(path.Base(app), ".app")
		if file := path.Join(app, "Contents", "MacOS", name); there(file) {
			all = append(all, tray.Program{Name: name, Path: file})
		}
	}
	return tray.Sorted(all)
}
