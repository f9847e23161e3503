package intercept

import (
	"errors"
	"testing"

	"github.com/assent-epm/assent/shared/elevation"
)

// Another machine is not asked for a program or a file, whoever names it.
func TestOtherMachineIsNotAsked(t *testing.T) {
	for _, row := range [][3]string{{`\\host\share\a.exe`, `C:\`, ""}, {`.\a.exe`, `\\host\share`, ""}, {`\??\UNC\host\share\a.exe`, `C:\`, ""}, {`//host/share/a.exe`, `C:\`, ""}} {
		if _, err := Find(row[0], row[1], row[2]); !errors.Is(err, elevation.ErrInvalid) {
			t.Errorf("%q: %v", row, err)
		}
	}
	if _, err := Find("a.exe", `C:\`, `\\host\share`); !errors.Is(err, ErrNoProgram) {
		t.Errorf("looked for in a folder of another machine: %v", err)
	}
	shell := Real{Called: "powershell.exe", Path: `C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe`, Cwd: `\\host\share`}
	for arg, refused := range map[string]bool{`\\host\share\x.ps1`: true, "x.ps1": false} {
		shell.Args = []string{"-File", arg}
		if list, err := feeds(shell); errors.Is(err, elevation.ErrInvalid) != refused || len(list) > 0 {
			t.Errorf("%s: %v, %v", arg, list, err)
		}
	}
}
