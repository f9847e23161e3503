package consent

import (
	"strings"
	"testing"
)

func TestInBlock(t *testing.T) {
	long := `C:\` + strings.Repeat("a", maxPath) + ".exe"
	for name, c := range map[string]struct {
		raw           []byte
		program, line string
	}{
		"a program alone":           {block(`C:\Windows\regedit.exe`, "Registry Editor"), `C:\Windows\regedit.exe`, ""},
		"with arguments":            {block("Mia", `C:\a b\c.exe`, `"c:\A B\c.exe" /x`), `C:\a b\c.exe`, `"c:\A B\c.exe" /x`},
		"another one's line":        {block(`C:\a.exe`, `C:\a.exe.old /x`), `C:\a.exe`, ""},
		"another machine's":         {block(`\\evil\share\a.exe`, `\\?\C:\a.exe`), "", ""},
		"climbing":                  {block(`C:\Windows\..\Users\mia\a.exe`), "", ""},
		"a hidden name":             {block("C:\\a\u202eexe.txt.exe"), "", ""},
		"a stream of a file":        {block(`C:\a.txt:b.exe`), "", ""},
		"not a program":             {block(`C:\a.txt`, `C:\.exe`, `C:\a.exe\b`), "", ""},
		"a path that is too long":   {block(long), "", ""},
		"a line that is too long":   {block(`C:\a.exe`, `C:\a.exe `+strings.Repeat("x", maxLine+9)), `C:\a.exe`, ""},
		"nothing":                   {nil, "", ""},
		"a text without its end":    {block(`C:\a.exe`)[:20], "", ""},
		"half a character":          {[]byte{'C'}, "", ""},
		"far behind too many texts": {block(append(make([]string, 0), append(strings.Split(strings.Repeat("text ", maxText), " ")[:maxText], `C:\a.exe`)...)...), "", ""},
	} {
		if program, line := inBlock(c.raw); program != c.program || line != c.line {
			t.Errorf("%s: %q, %q", name, program, line)
		}
	}
}

// Whatever stands in the memory of a service: what comes out is bounded.
func FuzzInBlock(f *testing.F) {
	f.Add(block(`C:\a b\c.exe`, `"C:\a b\c.exe" /x`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		program, line := inBlock(raw)
		if program != "" && !isProgram(program) || len(line) > maxLine || line != "" && !calls(line, program) {
			t.Errorf("%q, %q", program, line)
		}
	})
}
