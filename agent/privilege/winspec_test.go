package privilege

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

const aliceSID = "S-1-5-21-1-2-3-1001"

func aliceSpec() Spec {
	who := Account{Name: `OFFICE\alice`, SID: aliceSID, Session: 2}
	return Spec{Grant: "gr_1", Request: "rq_1", Requester: who, RunAs: who}
}

func TestCheckSession(t *testing.T) {
	if err := aliceSpec().checkSession(); err != nil {
		t.Error(err)
	}
	cloud := aliceSpec()
	cloud.Requester.SID, cloud.RunAs.SID = "S-1-12-1-11-22-33-44", "S-1-12-1-11-22-33-44"
	if err := cloud.checkSession(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Spec){
		"the system":        func(s *Spec) { s.Requester.SID, s.RunAs.SID = "S-1-5-18", "S-1-5-18" },
		"a group":           func(s *Spec) { s.Requester.SID, s.RunAs.SID = "S-1-5-32-544", "S-1-5-32-544" },
		"nobody":            func(s *Spec) { s.Requester.SID, s.RunAs.SID = "", "" },
		"no SID":            func(s *Spec) { s.Requester.SID, s.RunAs.SID = "S-1-5-21-1-x", "S-1-5-21-1-x" },
		"cut off":           func(s *Spec) { s.Requester.SID, s.RunAs.SID = "S-1-5-21-", "S-1-5-21-" },
		"as somebody else":  func(s *Spec) { s.RunAs.SID = aliceSID + "1" },
		"as the system":     func(s *Spec) { s.RunAs.SID = "S-1-5-18" },
		"services' session": func(s *Spec) { s.Requester.Session = 0 },
		"one file of three": func(s *Spec) { s.Files[1] = os.Stdout },
	} {
		s := aliceSpec()
		change(&s)
		if err := s.checkSession(); !errors.Is(err, ErrIdentity) && !errors.Is(err, ErrArguments) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWay(t *testing.T) {
	for _, row := range []struct {
		own  bool
		kind uint32
		want way
	}{{false, 3, wayLinked}, {false, 2, wayFull}, {false, 1, wayLogon}, {true, 3, wayOwn}, {true, 1, wayOwn}, {false, 0, ""}, {false, 4, ""}} {
		got, err := wayFor(row.own, row.kind)
		if got != row.want || (err != nil) != (row.want == "") {
			t.Errorf("own %v, kind %d: %q, %v", row.own, row.kind, got, err)
		}
	}
}

// Whatever made the token: only the person's own, in their session, with the right
// that was granted, is used.
func TestCheckToken(t *testing.T) {
	good := tokenFacts{user: aliceSID, session: 2, admin: true, integrity: 0x3000}
	if err := aliceSpec().checkToken(good); err != nil {
		t.Error(err)
	}
	for name, f := range map[string]tokenFacts{
		"the system's":     {user: "S-1-5-18", session: 2, admin: true, integrity: 0x4000},
		"somebody else's":  {user: aliceSID + "1", session: 2, admin: true, integrity: 0x3000},
		"another session":  {user: aliceSID, session: 3, admin: true, integrity: 0x3000},
		"no administrator": {user: aliceSID, session: 2, integrity: 0x3000},
		"open to others":   {user: aliceSID, session: 2, admin: true, integrity: 0x2100},
		"nobody's":         {},
	} {
		if err := aliceSpec().checkToken(f); !errors.Is(err, ErrIdentity) {
			t.Errorf("%s: %v", name, err)
		}
	}
	own := aliceSpec()
	own.Own = true
	if err := own.checkToken(tokenFacts{user: aliceSID, session: 2}); err != nil {
		t.Error(err)
	}
}

// An administrator's window runs nothing that the person could have put before.
func TestConsoleRunsNothingOfThePersons(t *testing.T) {
	if path, args := consoleBelow(`C:\Windows`); path != `C:\Windows\System32\cmd.exe` || args[0] != "/d" || slices.Contains(args, "/c") {
		t.Errorf("%s %q", path, args)
	}
}

func TestCheckImage(t *testing.T) {
	for path, head := range map[string]string{`C:\a.bat`: "MZ", `C:\a.cmd`: "ec", `C:\a.exe`: "#!", `C:\a`: "MZ", `C:\a.exe\b.com`: "MZ", `C:\b.exe`: "M"} {
		if err := checkImage(path, []byte(head)); !errors.Is(err, ErrUnsafe) {
			t.Errorf("%s %q: %v", path, head, err)
		}
	}
	if err := checkImage(`C:\Program Files\Tool\Setup.EXE`, []byte("MZ")); err != nil {
		t.Error(err)
	}
}

// How Windows programs read a line is told by TestStart, which runs one.
func TestCommandLine(t *testing.T) {
	for want, args := range map[string][]string{
		`"C:\a b\c.exe"`:                {`C:\a b\c.exe`},
		`"p" a "" "b c" "d\"e" f\g`:     {"p", "a", "", "b c", `d"e`, `f\g`},
		`"p" "a b\\" "c\\\"d" "\\\\ e"`: {"p", `a b\`, `c\"d`, `\\\\ e`},
	} {
		if got, err := commandLine(args); got != want || err != nil {
			t.Errorf("%q: got %s, %v, want %s", args, got, err, want)
		}
	}
	if _, err := commandLine([]string{`a"b`}); !errors.Is(err, ErrArguments) {
		t.Error(err)
	}
	if _, err := commandLine([]string{"p", strings.Repeat("x", 32764)}); !errors.Is(err, ErrArguments) {
		t.Error(err)
	}
}

func officeMachine() systemFacts {
	return systemFacts{Root: `C:\Windows`, Programs: `C:\Program Files`, Programs32: `C:\Program Files (x86)`, Data: `C:\ProgramData`, Public: `C:\Users\Public`,
		Profile: `C:\Users\alice`, Computer: "PC7", User: "alice", Domain: "OFFICE", Temp: `C:\ProgramData\Assent\stage\gr_1\temp`, Processors: 4, Machine: "AMD64"}
}

// Nothing that the person could have set names a file for a program with rights.
func TestE24WindowsEnvironment(t *testing.T) {
	s := aliceSpec()
	s.Env = []string{`Path=C:\Users\alice`, `windir=C:\Users\alice`, "COR_ENABLE_PROFILING=1", `COR_PROFILER_PATH=C:\x.dll`, `TEMP=C:\Users\alice`, "__COMPAT_LAYER=RunAsInvoker", "LANG=de"}
	env := windowsEnvironment(s, officeMachine(), "assent-x-gr_1")
	all := strings.Join(env, "\n")
	for _, bad := range []string{"COR_", "__COMPAT", "LANG="} {
		if strings.Contains(all, bad) {
			t.Errorf("it has %s", bad)
		}
	}
	once := map[string]bool{}
	for _, v := range env {
		name, value, _ := strings.Cut(strings.ToUpper(v), "=")
		if once[name] {
			t.Errorf("it has %s twice", name)
		}
		once[name] = true
		if slices.Contains([]string{"PATH", "WINDIR", "SYSTEMROOT", "TEMP", "TMP", "COMSPEC"}, name) && strings.Contains(value, "ALICE") {
			t.Errorf("it has %s", v)
		}
	}
	for _, want := range []string{`Path=C:\Windows\System32;C:\Windows;C:\Windows\System32\Wbem;C:\Windows\System32\WindowsPowerShell\v1.0`, `windir=C:\Windows`, "SystemDrive=C:",
		`TEMP=C:\ProgramData\Assent\stage\gr_1\temp`, `USERPROFILE=C:\Users\alice`, `HOMEPATH=\Users\alice`, `LOCALAPPDATA=C:\Users\alice\AppData\Local`,
		"ASSENT_SID=" + aliceSID, `ASSENT_USER=OFFICE\alice`, "ASSENT_TREE=assent-x-gr_1", `ProgramFiles(x86)=C:\Program Files (x86)`,
		`PSModulePath=C:\Windows\System32\WindowsPowerShell\v1.0\Modules;C:\Program Files\WindowsPowerShell\Modules`} {
		if !slices.Contains(env, want) {
			t.Errorf("it lacks %s in\n%s", want, all)
		}
	}
	if !slices.IsSortedFunc(env, func(a, b string) int { return strings.Compare(strings.ToUpper(a), strings.ToUpper(b)) }) {
		t.Error("it is not sorted")
	}
	s.Own = true
	env = windowsEnvironment(s, officeMachine(), "t")
	if !slices.Contains(env, `Path=C:\Users\alice`) || !slices.Contains(env, "LANG=de") || slices.Contains(env, `windir=C:\Windows`) {
		t.Errorf("a person's own: %q", env)
	}
	s.Env = []string{"ASSENT_SID=S-1-5-18", "assent_sid=S-1-5-18"}
	if env = windowsEnvironment(s, officeMachine(), "t"); !slices.Contains(env, "ASSENT_SID="+aliceSID) || strings.Contains(strings.Join(env, "\n"), "S-1-5-18") {
		t.Errorf("who they are is theirs to say: %q", env)
	}
}

func TestOfThisMachine(t *testing.T) {
	for path, want := range map[string]bool{`C:\Windows\x.exe`: true, `d:\x`: true, `UNC\server\share\x.exe`: false, `Volume{1}\x.exe`: false,
		`C:x.exe`: false, `\\server\x`: false, `1:\x`: false, ``: false, `GLOBALROOT\Device\Mup\server\x`: false} {
		if got := ofThisMachine(path); got != want {
			t.Errorf("%s: got %v", path, got)
		}
	}
}
