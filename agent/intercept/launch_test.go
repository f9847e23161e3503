package intercept

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestOpener(t *testing.T) {
	for file, want := range map[string]string{
		`C:\Temp\setup.msi`:        `C:\Windows\System32\msiexec.exe /i C:\Temp\setup.msi`,
		`C:\Temp\SETUP.MSI`:        `C:\Windows\System32\msiexec.exe /i C:\Temp\SETUP.MSI`,
		`C:\Temp\fix.msp`:          `C:\Windows\System32\msiexec.exe /p C:\Temp\fix.msp`,
		`C:\Windows\devmgmt.msc`:   `C:\Windows\System32\mmc.exe C:\Windows\devmgmt.msc`,
		`C:\Windows\main.cpl`:      `C:\Windows\System32\control.exe C:\Windows\main.cpl`,
		`C:\Temp\a b.bat`:          `C:\Windows\System32\cmd.exe /d /c C:\Temp\a b.bat`,
		`C:\Temp\a b.ps1`:          `C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe -NoProfile -File C:\Temp\a b.ps1`,
		`C:\Temp\x & calc.cmd`:     "",
		`C:\Temp\%PATH%.cmd`:       "",
		`C:\Temp\setup.exe`:        "",
		`C:\Temp\letter.docx`:      "",
		`C:\Temp\no ending`:        "",
		`C:\folder.msi\no ending`:  "",
		`C:\Temp\script.msi.hello`: "",
	} {
		program, args, ok := opener(file, `C:\Windows\`)
		if got := strings.TrimSpace(program + " " + strings.Join(args, " ")); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", file, got, ok)
		}
	}
}

// What opens a file reads it, so its content is bound; a batch file gets no
// arguments, because cmd.exe would read them anew.
func TestLaunched(t *testing.T) {
	raw := launched(Raw{Command: `C:\Temp\setup.msi`, Args: []string{"/qn"}, Cwd: `C:\`}, `C:\Windows`)
	if raw.Command != `C:\Windows\System32\msiexec.exe` || strings.Join(raw.Args, " ") != "/i "+inFolder(`C:\`, `C:\Temp\setup.msi`)+" /qn" {
		t.Errorf("%+v", raw)
	}
	if !interprets(raw.Command) || !interprets(`C:\Windows\System32\CMD.EXE`) || !interprets(`C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe`) || interprets(`C:\Temp\setup.exe`) || interprets("control") {
		t.Error("what reads files is not told")
	}
	if raw := launched(Raw{Command: `C:\Temp\a.bat`, Args: []string{"x & calc"}, Cwd: `C:\`}, `C:\Windows`); raw.Command != `C:\Temp\a.bat` {
		t.Errorf("%+v", raw)
	}
}

// Two people of two domains never have one name.
func TestCalledIn(t *testing.T) {
	for _, c := range []struct{ domain, name, computer, want string }{
		{"PC7", "alice", "PC7", "alice"},
		{"pc7", "alice", "PC7", "alice"},
		{"CORP", "alice", "PC7", `CORP\alice`},
		{"", "alice", "PC7", `\alice`},
	} {
		if got := calledIn(c.domain, c.name, c.computer); got != c.want {
			t.Errorf("%s of %s on %s is %s, want %s", c.name, c.domain, c.computer, got, c.want)
		}
	}
}

// A program of Windows is told by its name; folders and other files are none.
func TestProgramNamed(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"setup.exe", "UPPER.EXE", "notes.txt", "bare"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.exe"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"setup.exe": "setup.exe", "setup": "setup.exe", "UPPER.EXE": "UPPER.EXE", "x/../setup": "setup.exe",
		"notes.txt": "", "bare": "", "folder": "", "folder.exe": "", "none": "",
	} {
		if name == "x/../setup" {
			_ = os.Mkdir(filepath.Join(dir, "x"), 0o700) // Unix wants the folder to be there
		}
		got, ok := programNamed(dir+string(filepath.Separator)+filepath.FromSlash(name), os.Stat)
		if ok != (want != "") || ok && got != filepath.Join(dir, want) {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
	}
}

// A program of Windows runs as who asks, and as nobody else who is named.
func TestSameElevated(t *testing.T) {
	bo := Account{Name: "bo", SID: "S-1-5-21-1-2-3-1001"}
	if got, err := sameElevated(bo, "", "administrator"); err != nil || got.Name != "administrator" || got.SID != bo.SID {
		t.Errorf("%+v, %v", got, err)
	}
	for _, as := range []string{"mika", "SYSTEM", "bo"} {
		if got, err := sameElevated(bo, as, "administrator"); err == nil {
			t.Errorf("as %s: %+v", as, got)
		}
	}
}

func TestPrimaryFirst(t *testing.T) {
	staff, admin := Group{"staff", 20}, Group{"admin", 80}
	if got := primaryFirst([]Group{admin, staff}, 20); !slices.Equal(got, []Group{staff, admin}) {
		t.Errorf("%v", got)
	}
	if got := primaryFirst([]Group{admin}, 20); !slices.Equal(got, []Group{{"20", 20}, admin}) {
		t.Errorf("a primary group that is not told: %v", got)
	}
}

func TestIsFile(t *testing.T) {
	if err := isFile(ofDisk, 0x20); err != nil {
		t.Errorf("a file: %v", err)
	}
	for name, is := range map[string][2]uint32{"a folder": {ofDisk, isFolder}, "a link": {ofDisk, isLink | 0x20}, "a device": {2, 0}, "a pipe": {3, 0}, "nothing that is known": {0, 0}} {
		if isFile(is[0], is[1]) == nil {
			t.Errorf("%s is a file", name)
		}
	}
}
