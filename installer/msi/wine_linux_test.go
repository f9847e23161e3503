package msi

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-epm/assent/e2e/wine"
)

const (
	folder = `C:\Program Files\Assent\`
	diary  = `C:\said.txt`
	token  = "asn1_secretsecretsecret"
	// Wine gives the person's start menu for ALLUSERS too; Windows the common one.
	startMenu = `C:\users\root\AppData\Roaming\Microsoft\Windows\Start Menu\Programs\Assent.lnk`
)

// program compiles a program for Windows.
func program(t *testing.T, folder, flags string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program.exe")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w "+flags, "-o", out, folder)
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// windowsMachine is a lab with packages in it, C:\1.0.0.msi and C:\1.1.0.msi.
type windowsMachine struct {
	*testing.T
	lab *wine.Lab
}

func machine(t *testing.T) windowsMachine {
	t.Helper()
	m := windowsMachine{t, wine.Open(t)}
	undo := program(t, "./undo", "-H windowsgui")
	for _, version := range []string{"1.0.0", "1.1.0"} {
		p := sample(version, "amd64")
		p.Files[Agent], p.Files[Undo] = program(t, "./testdata/service", "-X main.version="+version), undo
		raw, err := os.ReadFile(built(t, p))
		if err == nil {
			err = m.lab.Write(`C:\`+version+`.msi`, raw)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// msiexec answers whether it went well.
func (m windowsMachine) msiexec(args ...string) bool {
	m.Helper()
	r := m.lab.Run(append([]string{"msiexec", "/qn", `/l*v`, `C:\log.txt`}, args...)...)
	m.Logf("msiexec %s: %d %s", strings.Join(args, " "), r.Code, r.Stderr)
	return r.Code == 0
}

func (m windowsMachine) must(args ...string) {
	m.Helper()
	if !m.msiexec(args...) {
		log, _ := m.lab.Read(`C:\log.txt`)
		m.Fatalf("msiexec %v: %s", args, plain(log))
	}
}

// plain reads what Windows writes with two bytes a letter.
func plain(raw []byte) string {
	return strings.ReplaceAll(strings.TrimPrefix(string(raw), "\xff\xfe"), "\x00", "")
}

func (m windowsMachine) holds(name string) bool {
	_, err := os.Stat(m.lab.Path(name))
	return err == nil
}

func (m windowsMachine) said() string {
	raw, _ := m.lab.Read(diary)
	return string(raw)
}

// registry is a key with what is below it; "" when there is none.
func (m windowsMachine) registry(key string) string {
	r := m.lab.Run("reg", "query", key, "/s", "/reg:64")
	if r.Code != 0 {
		return ""
	}
	return r.Stdout
}

func (m windowsMachine) running() bool {
	return strings.Contains(m.lab.Run("sc", "query", "assent-agent").Stdout, "RUNNING")
}

func (m windowsMachine) wants(what string, got, want bool) {
	m.Helper()
	if got != want {
		m.Errorf("%s: %v, want %v", what, got, want)
	}
}

func (m windowsMachine) has(text string, parts ...string) {
	m.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			m.Errorf("no %q in\n%s", part, text)
		}
	}
}

// TestD1MSI: installed, upgraded, repaired, not downgraded and removed by msiexec.
func TestD1MSI(t *testing.T) {
	m := machine(t)
	arm, err := os.ReadFile(built(t, sample("1.0.0", "arm64")))
	if err == nil {
		err = m.lab.Write(`C:\arm64.msi`, arm)
	}
	if err != nil {
		t.Fatal(err)
	}
	m.wants("the package for arm64 is taken", m.msiexec("/i", `C:\arm64.msi`), false)
	m.must("/i", `C:\1.0.0.msi`, "CONTROLLER_URL=https://assent.example:8443", "ENROLL_TOKEN="+token, "LABELS=ring=1")
	for _, name := range Names() {
		m.wants(name, m.holds(folder+name), true)
	}
	m.wants("the service runs", m.running(), true)
	m.has(m.said(), "1.0.0 start https://assent.example:8443 "+token+" ring=1")
	m.has(m.registry(`HKLM\SOFTWARE\Assent`), "1.0.0", `C:\ProgramData\Assent`)
	m.has(m.registry(`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run`), `"`+folder+Tray+`"`)
	for _, class := range classes() {
		m.has(m.registry(`HKLM\SOFTWARE\Classes\`+class+`\shell\Assent`), "Run with Assent", `"`+folder+Tray+`" request "%1"`)
	}
	m.wants("the start menu", m.holds(startMenu), true)
	m.wants("the data folder, which is the agent's to make", m.holds(`C:\ProgramData\Assent`), false)
	if err := m.lab.Write(`C:\ProgramData\Assent\identity`, []byte("kept")); err != nil {
		t.Fatal(err)
	}
	log, err := m.lab.Read(`C:\log.txt`)
	if err != nil || len(log) < 1000 {
		t.Fatalf("no log: %v", err)
	}
	for line := range strings.Lines(plain(log)) {
		// Wine prints all properties, Windows those that MsiHiddenProperties does not name.
		if strings.Contains(line, token) && !strings.HasPrefix(line, "Property(S): ENROLL_TOKEN") {
			t.Errorf("the log has the token: %s", line)
		}
	}

	// A plain repair has no properties to write: what the enrolment waits for stays.
	m.must("/i", `C:\1.0.0.msi`, "REINSTALL=ALL", "REINSTALLMODE=amus")
	m.has(m.registry(`HKLM\SOFTWARE\Assent\Enroll`), "https://assent.example:8443", token, "ring=1")
	m.wants("the service runs", m.running(), true)

	m.must("/i", `C:\1.1.0.msi`)
	m.wants("the service runs", m.running(), true)
	// Wine does not tell the old product that it is replaced (UPGRADINGPRODUCTCODE),
	// so that it is undone there; the condition is asserted in TestE78NothingOfPeople.
	m.has(m.said(), "1.0.0 stop", "1.1.0 start ")
	entries := m.registry(`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall`)
	m.wants("one entry of programs", strings.Count(entries, "DisplayVersion") == 1 && strings.Contains(entries, "1.1.0"), true)

	if err := os.Remove(m.lab.Path(folder + User)); err != nil {
		t.Fatal(err)
	}
	// The same as /famus, which Wine's msiexec does not find the product for.
	m.must("/i", `C:\1.1.0.msi`, "REINSTALL=ALL", "REINSTALLMODE=amus")
	m.wants("repaired", m.holds(folder+User), true)
	m.wants("the service runs", m.running(), true)
	m.wants("a repair undoes", strings.Contains(m.said(), "1.1.0 undo"), false)

	m.wants("downgraded", m.msiexec("/i", `C:\1.0.0.msi`), false)
	m.has(m.registry(`HKLM\SOFTWARE\Assent`), "1.1.0")
	m.wants("the service runs", m.running(), true)
	m.remove()
}

// remove: not while something can not be undone, then without a trace.
func (m windowsMachine) remove() {
	if err := m.lab.Write(`C:\refuse.txt`, []byte("x")); err != nil {
		m.Fatal(err)
	}
	m.wants("removed although not all was undone", m.msiexec("/x", `C:\1.1.0.msi`), false)
	m.has(m.said(), "can not undo")
	for _, name := range Names() {
		m.wants(name, m.holds(folder+name), true)
	}
	if err := os.Remove(m.lab.Path(`C:\refuse.txt`)); err != nil {
		m.Fatal(err)
	}
	m.must("/x", `C:\1.1.0.msi`)
	said := m.said()
	stop, undo := strings.LastIndex(said, "1.1.0 stop"), strings.LastIndex(said, "1.1.0 undo")
	m.wants("stopped, then undone", stop >= 0 && undo > stop, true)
	if left, err := os.ReadDir(m.lab.Path(folder)); err == nil {
		m.Errorf("left: %v", left)
	}
	m.wants("the start menu", m.holds(startMenu), false)
	m.wants("the service", m.lab.Run("sc", "query", "assent-agent").Code == 0, false)
	for _, key := range []string{`HKLM\SOFTWARE\Assent\Enroll`, `HKLM\SOFTWARE\Classes\exefile\shell\Assent`} {
		m.wants(key, m.registry(key) != "", false)
	}
	m.wants("at log-in", strings.Contains(m.registry(`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run`), "Assent"), false)
	m.wants("the data folder", m.holds(`C:\ProgramData\Assent`), true)
}

// TestE79FolderOfOthers: a data folder that somebody made first ends the
// installation; one that an earlier installation made does not.
func TestE79FolderOfOthers(t *testing.T) {
	m := machine(t)
	if err := m.lab.Write(`C:\ProgramData\Assent\identity`, []byte("planted")); err != nil {
		t.Fatal(err)
	}
	m.wants("installed over a folder of others", m.msiexec("/i", `C:\1.0.0.msi`, "ENROLL_TOKEN="+token), false)
	m.wants("the program folder", m.holds(folder), false)
	m.wants("the keys", m.registry(`HKLM\SOFTWARE\Assent`) != "", false)
	m.must("/i", `C:\1.0.0.msi`, "KEEP_DATA=1")
	m.must("/x", `C:\1.0.0.msi`)
	m.must("/i", `C:\1.1.0.msi`)
	m.wants("the service runs", m.running(), true)
}

// TestUACDeny: where the installation is told to, Windows refuses at once what it
// would ask about; a removal gives back what it did before, and an upgrade and a
// repair know what that was.
func TestUACDeny(t *testing.T) {
	const policies = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System`
	m := machine(t)
	behaviour := func() string {
		for line := range strings.Lines(m.registry(policies)) {
			if f := strings.Fields(line); len(f) == 3 && f[0] == "ConsentPromptBehaviorUser" {
				return f[2]
			}
		}
		return "none"
	}
	is := func(when, want string) {
		t.Helper()
		if got := behaviour(); got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	m.lab.Run("reg", "add", policies, "/v", "ConsentPromptBehaviorUser", "/t", "REG_DWORD", "/d", "3", "/f", "/reg:64")
	m.wants("a word that means nothing", m.msiexec("/i", `C:\1.0.0.msi`, "UAC_DENY=yes"), false)
	m.must("/i", `C:\1.0.0.msi`)
	is("not asked for", "0x3")
	m.must("/x", `C:\1.0.0.msi`)
	m.must("/i", `C:\1.0.0.msi`, "UAC_DENY=1", "KEEP_DATA=1")
	is("installed", "0x0")
	m.wants("a repair sets it", m.msiexec("/i", `C:\1.0.0.msi`, "REINSTALL=ALL", "REINSTALLMODE=amus", "UAC_DENY=1"), false)
	m.must("/i", `C:\1.0.0.msi`, "REINSTALL=ALL", "REINSTALLMODE=amus")
	is("repaired", "0x0")
	m.has(m.registry(`HKLM\SOFTWARE\Assent\UAC`), "0x3")
	m.must("/x", `C:\1.0.0.msi`)
	is("removed", "0x3")
	m.lab.Run("reg", "delete", policies, "/v", "ConsentPromptBehaviorUser", "/f", "/reg:64")
	m.must("/i", `C:\1.0.0.msi`, "UAC_DENY=1")
	is("installed where nothing was said", "0x0")
	m.must("/x", `C:\1.0.0.msi`)
	is("nothing was said", "none")
	m.wants("what it kept", m.registry(`HKLM\SOFTWARE\Assent\UAC`) != "", false)
}
