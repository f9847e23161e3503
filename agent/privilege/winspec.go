package privilege

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf16"
)

// This file has what is decided about a program of Windows before the calls of
// start_windows.go are made. It runs everywhere; winstart.go has the order.

// checkSession refuses a spec whose people are not one person of Windows in a
// session of theirs. An elevated program runs as the same person: with the rights
// of an administrator, never with those of the system.
func (s Spec) checkSession() error {
	who := s.Requester
	switch {
	case !isPerson(who.SID):
		return fmt.Errorf("%w: %q is no person", ErrIdentity, who.SID)
	case s.RunAs.SID != who.SID:
		return fmt.Errorf("%w: a program of %s can not run as %q", ErrIdentity, who.SID, s.RunAs.SID)
	case who.Session == 0:
		return fmt.Errorf("%w: nobody sits in the session of services", ErrIdentity)
	}
	given := 0
	for _, f := range s.Files {
		if f != nil {
			given++
		}
	}
	if given != 0 && given != len(s.Files) {
		return fmt.Errorf("%w: a standard descriptor is missing", ErrArguments)
	}
	return nil
}

// isPerson reports whether a SID is an account of a machine, of a domain, or of a
// company's directory in the cloud; the system and services are not.
func isPerson(sid string) bool {
	for _, kind := range []string{"S-1-5-21-", "S-1-12-1-"} {
		rest, ok := strings.CutPrefix(sid, kind)
		if ok && len(sid) <= 184 && strings.Trim(rest, "0123456789-") == "" && rest != "" && rest[len(rest)-1] != '-' {
			return true
		}
	}
	return false
}

// way is how somebody becomes an administrator in their session.
type way string

const (
	wayOwn    way = "own"    // the token of their session as it is
	wayFull   way = "full"   // it is an administrator's already: UAC is off
	wayLinked way = "linked" // the other half of a split token
	wayLogon  way = "logon"  // a log-on of the same person without a password (S4U)
)

// standardWay is how people become administrators who are none. It is one place,
// so that it can be changed after trials on machines.
//
// The log-on names the administrators' group itself, which only the system may do:
// nobody becomes a member of it, so nothing is left behind by a crash. Whether the
// token is what it should be is checked before anything runs with it.
const standardWay = wayLogon

// What the system says of a session's token (TOKEN_ELEVATION_TYPE).
const (
	elevationDefault = 1
	elevationFull    = 2
	elevationLimited = 3
)

// wayFor chooses by what the session's token is.
func wayFor(own bool, elevation uint32) (way, error) {
	switch {
	case own:
		return wayOwn, nil
	case elevation == elevationLimited:
		return wayLinked, nil
	case elevation == elevationFull:
		return wayFull, nil
	case elevation == elevationDefault:
		return standardWay, nil
	}
	return "", fmt.Errorf("%w: a token of unknown kind %d", ErrIdentity, elevation)
}

// tokenFacts are what is read back of a token.
type tokenFacts struct {
	user    string
	session uint32
	admin   bool // the administrators' group is in it and counts

	integrity uint32 // what may write to it; see highIntegrity
}

// highIntegrity is that of administrators. Below it every program of the same
// person could write into an elevated one, and it would load their own COM classes.
const highIntegrity = 0x3000

// checkToken compares a token with who the program shall run as.
func (s Spec) checkToken(f tokenFacts) error {
	switch {
	case f.user != s.RunAs.SID:
		return fmt.Errorf("%w: it is %s, want %s", ErrIdentity, f.user, s.RunAs.SID)
	case f.session != s.Requester.Session:
		return fmt.Errorf("%w: it is in session %d, want %d", ErrIdentity, f.session, s.Requester.Session)
	case !s.Own && !f.admin:
		return fmt.Errorf("%w: it is no administrator", ErrIdentity)
	case !s.Own && f.integrity < highIntegrity:
		return fmt.Errorf("%w: its integrity is %#x, want %#x", ErrIdentity, f.integrity, highIntegrity)
	}
	return nil
}

// consoleBelow is the program of an administrator's window in the system's folder. It is
// the system's oldest shell, as it can be told (/d) not to run what the registry of
// the person, who could write there before, wants run with it; PowerShell reads
// files of theirs.
func consoleBelow(root string) (path string, args []string) {
	return root + `\System32\cmd.exe`, []string{"/d", "/k", "title", "Administrator", "for", "a", "while", "-", "Assent"}
}

// checkImage refuses what CreateProcess would not run itself but hand to a shell
// or an older subsystem, whatever its name.
func checkImage(path string, head []byte) error {
	if !strings.EqualFold(extension(path), ".exe") || len(head) < 2 || string(head[:2]) != "MZ" {
		return fmt.Errorf("%w: %s is no program of Windows; scripts and packages are run by the program that reads them", ErrUnsafe, path)
	}
	return nil
}

func extension(path string) string { return filepath.Ext(fileName(path)) }

// maxCommandLine is the system's limit in UTF-16 units, with its end.
const maxCommandLine = 32767

// commandLine writes arguments so that programs read the same ones back.
func commandLine(args []string) (string, error) {
	var b strings.Builder
	for i, a := range args {
		if i > 0 {
			b.WriteByte(' ')
		}
		if i == 0 { // the first one knows no escapes
			if strings.Contains(a, `"`) {
				return "", fmt.Errorf("%w: the program's name has a quote", ErrArguments)
			}
			b.WriteString(`"` + a + `"`)
			continue
		}
		quote(&b, a)
	}
	if n := len(utf16.Encode([]rune(b.String()))) + 1; n > maxCommandLine {
		return "", fmt.Errorf("%w: they are longer than %d characters", ErrArguments, maxCommandLine)
	}
	return b.String(), nil
}

// quote writes one argument: backslashes count double before a quote only.
func quote(b *strings.Builder, a string) {
	if a != "" && !strings.ContainsAny(a, " \t\n\v\"") {
		b.WriteString(a)
		return
	}
	b.WriteByte('"')
	slashes := 0
	for i := range len(a) {
		switch a[i] {
		case '\\':
			slashes++
		case '"':
			b.WriteString(strings.Repeat(`\`, slashes+1)) // the others are written below
			slashes = 0
		default:
			slashes = 0
		}
		b.WriteByte(a[i])
	}
	b.WriteString(strings.Repeat(`\`, slashes) + `"`)
}

// systemFacts are what the service knows of the machine and of the person, by
// calls and not by anybody's environment.
type systemFacts struct {
	Root       string // C:\Windows
	Programs   string // C:\Program Files
	Programs32 string // C:\Program Files (x86), "" or Programs where there is none
	Data       string // C:\ProgramData
	Public     string
	Profile    string // the person's
	Computer   string
	User       string
	Domain     string
	Temp       string // where only administrators write
	Processors int
	Machine    string // AMD64, ARM64
}

// windowsEnvironment is what an elevated program sees. The person's own variables
// are none of it: they could name files that are loaded (windir, COR_PROFILER,
// PATH). It is sorted, as Windows wants it.
func windowsEnvironment(s Spec, f systemFacts, tree string) []string {
	drive := f.Root[:min(2, len(f.Root))]
	system := f.Root + `\System32`
	env := map[string]string{
		"ALLUSERSPROFILE": f.Data, "ProgramData": f.Data, "PUBLIC": f.Public,
		"APPDATA": f.Profile + `\AppData\Roaming`, "LOCALAPPDATA": f.Profile + `\AppData\Local`, "USERPROFILE": f.Profile,
		"HOMEDRIVE": f.Profile[:min(2, len(f.Profile))], "HOMEPATH": f.Profile[min(2, len(f.Profile)):],
		"USERNAME": f.User, "USERDOMAIN": f.Domain, "COMPUTERNAME": f.Computer,
		"SystemRoot": f.Root, "windir": f.Root, "SystemDrive": drive, "ComSpec": system + `\cmd.exe`, "OS": "Windows_NT",
		"Path":         strings.Join([]string{system, f.Root, system + `\Wbem`, system + `\WindowsPowerShell\v1.0`}, ";"),
		"PSModulePath": system + `\WindowsPowerShell\v1.0\Modules;` + f.Programs + `\WindowsPowerShell\Modules`, // without it the person's comes first
		"PATHEXT":      ".COM;.EXE;.BAT;.CMD;.VBS;.JS;.MSC",
		"TEMP":         f.Temp, "TMP": f.Temp, "ProgramFiles": f.Programs, "ProgramW6432": f.Programs, "CommonProgramFiles": f.Programs + `\Common Files`,
		"NUMBER_OF_PROCESSORS": fmt.Sprint(f.Processors), "PROCESSOR_ARCHITECTURE": f.Machine,
		"ASSENT_SID": s.Requester.SID, "ASSENT_USER": s.Requester.Name, "ASSENT_GRANT": string(s.Grant), "ASSENT_REQUEST": string(s.Request), treeMark: tree,
	}
	if f.Programs32 != "" && f.Programs32 != f.Programs {
		env["ProgramFiles(x86)"], env["CommonProgramFiles(x86)"] = f.Programs32, f.Programs32+`\Common Files`
	}
	if s.Own {
		addOwn(env, s.Env)
	}
	var out []string
	for name, value := range env {
		if !strings.ContainsRune(name+value, 0) {
			out = append(out, name+"="+value)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Compare(strings.ToUpper(a), strings.ToUpper(b)) })
	return out
}

// addOwn adds a person's variables to a program that has no rights but theirs.
func addOwn(env map[string]string, own []string) {
	for _, v := range own {
		name, value, ok := strings.Cut(v, "=")
		if !ok || !plainVariable(name) {
			continue
		}
		for have := range env {
			if strings.EqualFold(have, name) && !strings.HasPrefix(have, "ASSENT_") {
				delete(env, have)
			}
		}
		if !strings.HasPrefix(strings.ToUpper(name), "ASSENT_") {
			env[name] = value
		}
	}
}
