package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/assent-epm/assent/agent/tray"
	"github.com/assent-epm/assent/agent/words"
)

// files are what is there.
func files(paths ...string) func(string) bool {
	is := map[string]bool{}
	for _, p := range paths {
		is[p] = true
	}
	return func(p string) bool { return is[p] }
}

func TestWindowsPrograms(t *testing.T) {
	there := files(`C:\Windows\System32\cmd.exe`, `C:\Windows\regedit.exe`, `C:\Windows\System32\mmc.exe`, `C:\Windows\mmc.exe`, `D:\Tools\Editor\edit.exe`, `edit.exe`, `\\far\share\x.exe`)
	got := windowsPrograms(map[string]string{"edit.exe": `"D:\Tools\Editor\edit.exe"`, "gone.exe": `D:\gone.exe`, "bare.exe": "edit.exe", "far.exe": `\\far\share\x.exe`, "none.exe": ""}, there)
	want := tray.Sorted([]tray.Program{{Name: "cmd.exe", Path: `C:\Windows\System32\cmd.exe`}, {Name: "edit", Path: `D:\Tools\Editor\edit.exe`},
		{Name: "mmc.exe", Path: `C:\Windows\System32\mmc.exe`}, {Name: "regedit.exe", Path: `C:\Windows\regedit.exe`}})
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestMacPrograms(t *testing.T) {
	got := macPrograms([]string{"/Applications/Notes.app", "/Applications/Odd.app"}, files("/Applications/Notes.app/Contents/MacOS/Notes", "/Applications/Odd.app/Contents/MacOS/other"))
	if len(got) != 1 || got[0].Name != "Notes" || got[0].Path != "/Applications/Notes.app/Contents/MacOS/Notes" {
		t.Errorf("%v", got)
	}
}

func TestSignedBy(t *testing.T) {
	var english words.Tongue
	for want, by := range map[string]struct {
		name string
		err  error
	}{"Signed by ACME": {"ACME", nil}, "Not signed: who made it is not known": {"", nil}, "Who signed it could not be verified": {"ACME", errors.New("broken")}} {
		if got := signedBy(english, by.name, by.err); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestRegular(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if !regular(file) || regular(dir) || regular(file+"x") {
		t.Error("what is no file is a program, or a file is none")
	}
}
