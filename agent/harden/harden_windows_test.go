package harden

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

// TestMain lets this program be one that looks for a library by its name.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && strings.HasPrefix(os.Args[1], "load") {
		if os.Args[1] == "load-hardened" {
			if err := Process(); err != nil {
				os.Exit(3)
			}
		}
		if _, err := windows.LoadLibrary("planted.dll"); err != nil {
			os.Exit(2)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A library that stands beside the program and in the folder that it is started in
// is not loaded.
func TestE24PlantedLibrary(t *testing.T) {
	dir := t.TempDir()
	for from, to := range map[string]string{os.Args[0]: "program.exe", `C:\windows\system32\version.dll`: "planted.dll"} {
		raw, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), raw, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	code := func(how string) int {
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "program.exe"), how)
		cmd.Dir = dir
		_ = cmd.Run() // the code says it
		return cmd.ProcessState.ExitCode()
	}
	if got := code("load-hardened"); got != 2 {
		t.Errorf("exit %d: the planted library was loaded", got)
	}
	if got := code("load"); got != 0 {
		t.Skipf("exit %d: without it the library is not found either, so this shows nothing", got)
	}
}
