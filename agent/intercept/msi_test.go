package intercept

import (
	"errors"
	"strings"
	"testing"

	"github.com/assent-epm/assent/shared/elevation"
)

// TestInstallerFiles: whatever Windows Installer is told to read is bound, or the
// call is refused.
func TestInstallerFiles(t *testing.T) {
	for _, row := range []struct {
		args string // parted by bars
		want string // files, parted by bars; "refused"
	}{
		{`/i|C:\Temp\a.msi|/qn|/norestart`, `C:\Temp\a.msi`},
		{`/i|C:\Temp\a.msi|TRANSFORMS=C:\Temp\b.mst;C:\Temp\c d.mst`, `C:\Temp\a.msi|C:\Temp\b.mst|C:\Temp\c d.mst`},
		{`/i|C:\Temp\a.msi|transforms=C:\Temp\b.mst`, `C:\Temp\a.msi|C:\Temp\b.mst`},
		{`/i|C:\Temp\a.msi|TRANSFORMS=:within;:again`, `C:\Temp\a.msi`},
		{`/i|C:\Temp\a.msi|PATCH=C:\Temp\p.msp;D:\q.msp`, `C:\Temp\a.msi|C:\Temp\p.msp|D:\q.msp`},
		{`/p|C:\a.msp;C:\b.msp`, `C:\a.msp|C:\b.msp`},
		{`/update|C:\a.msp|/l*v|new.log`, `C:\a.msp`},
		{`/jm|C:\a.msi|/t|C:\b.mst|/g|1033`, `C:\a.msi|C:\b.mst`},
		{`/x|{01234567-89ab-cdef-0123-456789ABCDEF}|/qn`, ``},
		{`/i|C:\a.msi|CONTROLLER_URL=https://assent.example:8443|INSTALLDIR=C:\x`, `C:\a.msi`},
		{`/y|C:\a.dll`, `C:\a.dll`},

		{`/i|a.msi`, "refused"},
		{`/i|\\server\share\a.msi`, "refused"},
		{`/i|https://example.com/a.msi`, "refused"},
		{`/iC:\Temp\a.msi`, "refused"},
		{`/i"C:\Temp\a.msi"`, "refused"},
		{`/i|C:\a.msi:stream`, "refused"},
		{`/i|C:\a.msi|TRANSFORMS=b.mst`, "refused"},
		{`/i|C:\a.msi|TRANSFORMS=@b.mst`, "refused"},
		{`/i|C:\a.msi|TRANSFORMS=http://example.com/b.mst`, "refused"},
		{`/i|C:\a.msi|TRANSFORMS=\\server\b.mst`, "refused"},
		{`/i|C:\a.msi|PATCH=p.msp`, "refused"},
		{`/i|C:\a.msi|X=1 TRANSFORMS=C:\evil.mst`, "refused"},
		{`/i|C:\a.msi|X=1" PATCH = "C:\evil.msp`, "refused"},
		{`/i|C:\a.msi|TRANSFORMS="C:\b.mst"`, "refused"},
		{`/i|C:\a.msi|X=1" /p \\evil\p.msp "`, "refused"},
		{`/i|C:\a.msi|/l*v|C:\a.log" TRANSFORMS=\\evil\t.mst "`, "refused"},
		{`/i|C:\a.msi|/tC:\b.mst`, "refused"},
		{`/i|:within`, "refused"},
		{`/i|C:a.msi`, "refused"},
	} {
		files, err := readByInstaller(strings.Split(row.args, "|"))
		got := strings.Join(files, "|")
		if errors.Is(err, elevation.ErrInvalid) {
			got = "refused"
		} else if err != nil {
			t.Errorf("%s: %v", row.args, err)
		}
		if got != row.want {
			t.Errorf("%s: %s, want %s", row.args, got, row.want)
		}
	}
	for name, want := range map[string]bool{`C:\Windows\System32\msiexec.exe`: true, `MSIEXEC.EXE`: true, "msiexec": true, `C:\x\notmsiexec.exe`: false, "/usr/bin/bash": false} {
		if installs(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
