package intercept

import "testing"

// A path of Windows is of this machine when it begins with a drive, and of nothing else.
func TestAway(t *testing.T) {
	for path, want := range map[string]bool{`C:\Temp\a.exe`: false, `c:/Temp/a.exe`: false, `\\host\share\a.exe`: true, `//host/share/a.exe`: true, `\/host\share\a.exe`: true,
		`\\?\UNC\host\share\a.exe`: true, `\\?\C:\Temp\a.exe`: true, `\\.\pipe\a`: true, `\??\UNC\host\share\a.exe`: true, `\Temp\a.exe`: true, `C:a.exe`: true, "C:": true, "": true} {
		if got := away(path, `\/`); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	for _, path := range []string{"/usr/bin/id", "//usr/bin/id", ""} {
		if away(path, "/") {
			t.Errorf("%q is of this machine where there are no drives", path)
		}
	}
}

func TestNamesFile(t *testing.T) {
	for arg, want := range map[string]bool{`\\host\share`: true, `\\host\share\x.ps1`: true, `//host/share/x.ps1`: true, `\\?\UNC\host\share\x`: true, `\??\UNC\host`: true,
		`\\host`: false, `\\host\`: false, `\\d+`: false, `/c`: false, `\x\y`: false, `x`: false, "": false} {
		if got := namesFile(arg, `\/`); got != want {
			t.Errorf("%s: %v", arg, got)
		}
	}
}
