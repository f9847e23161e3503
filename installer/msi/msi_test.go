package msi

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/installer/independent"
)

var update = flag.Bool("update", false, "rewrite golden files")

// sample is a package with programs that are none.
func sample(version, arch string) Package {
	p := Package{Version: version, Arch: arch, Date: time.Unix(1767225600, 0).UTC(), Files: map[string][]byte{}}
	for _, name := range Names() {
		p.Files[name] = []byte(name + " of " + version)
	}
	return p
}

// tools skips where what makes and reads an MSI is missing.
func tools(t *testing.T) {
	t.Helper()
	testgroup.Need(t, "packages")
}

func built(t *testing.T, p Package) string {
	t.Helper()
	tools(t)
	to := filepath.Join(t.TempDir(), "assent.msi")
	if err := p.Build(t.Context(), t.TempDir(), to); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestSameBytes(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		sums := map[string]bool{}
		for range 2 {
			raw, err := os.ReadFile(built(t, sample("1.2.3", arch)))
			if err != nil {
				t.Fatal(err)
			}
			sums[fmt.Sprintf("%x", sha256.Sum256(raw))] = true
		}
		if len(sums) != 1 {
			t.Errorf("the MSI for %s differs from run to run", arch)
		}
	}
}

// msiinfo reads a package back with the tool that others wrote.
func msiinfo(t *testing.T, args ...string) string {
	t.Helper()
	return independent.Says(t, "", "msiinfo", args...)
}

// rows are the rows of a table by its first column, each by the names of columns.
func rows(t *testing.T, msi, table string) map[string]map[string]string {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(msiinfo(t, "export", msi, table), "\n"), "\n")
	names := strings.Split(lines[0], "\t")
	all := map[string]map[string]string{}
	for _, line := range lines[3:] {
		row := map[string]string{}
		for i, field := range strings.Split(line, "\t") {
			row[names[i]] = field
		}
		all[row[names[0]]] = row
	}
	return all
}

// TestTables: everything that is in the packages, as msitools reads it.
func TestTables(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		msi := built(t, sample("1.2.3", arch))
		var b strings.Builder
		b.WriteString(msiinfo(t, "suminfo", msi))
		for _, table := range slices.Sorted(strings.FieldsSeq(msiinfo(t, "tables", msi))) {
			lines := strings.SplitAfter(msiinfo(t, "export", msi, table), "\n")
			slices.Sort(lines[min(3, len(lines)):])
			fmt.Fprintf(&b, "\n[%s]\n%s", table, strings.TrimLeft(strings.Join(lines, ""), "\n"))
		}
		b.WriteString("\n[streams]\n" + msiinfo(t, "streams", msi))
		independent.Golden(t, *update, "tables."+arch, b.String())
	}
}

// TestService: the agent is a service of the system that starts with the machine,
// is stopped before its files are touched, and started after everything is there.
func TestService(t *testing.T) {
	msi := built(t, sample("1.2.3", "arm64"))
	s := rows(t, msi, "ServiceInstall")["AgentService"]
	for column, want := range map[string]string{"StartName": "LocalSystem", "Password": "", "StartType": "2", "ServiceType": "16", "Arguments": "run", "Component_": cAgent} {
		if s[column] != want {
			t.Errorf("%s is %q, want %q", column, s[column], want)
		}
	}
	order := rows(t, msi, "InstallExecuteSequence")
	at := func(action string) int {
		n, err := strconv.Atoi(order[action]["Sequence"])
		if err != nil {
			t.Fatalf("%s: %v", action, err)
		}
		return n
	}
	actions := strings.Fields(`FindRelatedProducts AppSearch LaunchConditions InstallInitialize RemoveExistingProducts StopServices Undo DeleteServices
		RemoveFiles InstallFiles WriteRegistryValues InstallServices StartServices InstallFinalize`)
	for i := range actions[1:] {
		if at(actions[i]) >= at(actions[i+1]) {
			t.Errorf("%s comes after %s", actions[i], actions[i+1])
		}
	}
}

// TestE78NothingOfPeople: what runs as SYSTEM in a repair, or in anything that a
// person could begin, touches nothing of theirs: the one action runs a program of
// this package, from the program folder, at a real removal alone, in the
// transaction and as SYSTEM. No script, no DLL, no program inside the package that
// would be unpacked to a temporary folder. No folder can be chosen by a command line.
func TestE78NothingOfPeople(t *testing.T) {
	msi := built(t, sample("1.2.3", "amd64"))
	actions := rows(t, msi, "CustomAction")
	if len(actions) != 1 || actions["Undo"]["Type"] != "3090" || actions["Undo"]["Source"] != fileKey(Undo) || actions["Undo"]["Target"] != "" {
		t.Errorf("custom actions: %v", actions)
	}
	for _, table := range []string{"InstallExecuteSequence", "InstallUISequence", "AdminExecuteSequence", "AdvtExecuteSequence"} {
		undo, is := rows(t, msi, table)["Undo"]
		if is != (table == "InstallExecuteSequence") || is && undo["Condition"] != `REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE` {
			t.Errorf("%s: %v", table, undo)
		}
	}
	for _, table := range strings.Fields("Binary Icon SelfReg TypeLib Class ODBCDriver DuplicateFile MoveFile IniFile Environment RemoveFile LockPermissions MsiEmbeddedUI Dialog Control") {
		if slices.Contains(strings.Fields(msiinfo(t, "tables", msi)), table) {
			t.Errorf("there is a table %s", table)
		}
	}
	for name, f := range rows(t, msi, "File") {
		if dir := rows(t, msi, "Component")[f["Component_"]]["Directory_"]; dir != programs {
			t.Errorf("%s is in %s", name, dir)
		}
	}
	for dir := range rows(t, msi, "Directory") {
		if strings.ToUpper(dir) == dir && dir != "TARGETDIR" {
			t.Errorf("a command line can choose %s", dir)
		}
	}
	if all := strings.Join(slices.Sorted(maps.Keys(rows(t, msi, "Directory"))), " "); strings.Contains(all, "Temp") || strings.Contains(all, "Personal") {
		t.Errorf("folders: %s", all)
	}
	p := rows(t, msi, "Property")
	if p["REBOOT"]["Value"] != "ReallySuppress" {
		t.Error("the package restarts a computer")
	}
	if p["ARPNOREPAIR"]["Value"] != "1" || p["MSIDISABLELUAPATCHING"]["Value"] != "1" || p["ALLUSERS"]["Value"] != "1" {
		t.Errorf("properties: %v", p)
	}
}

// TestE79AccessLists: the key with the token is locked to SYSTEM and administrators,
// who own it too. The data folder is left to the agent: a lock of the package would
// give a folder that somebody made before the agent's owner and list, also one that
// was made after the conditions were looked at.
func TestE79AccessLists(t *testing.T) {
	msi := built(t, sample("1.2.3", "amd64"))
	locks := rows(t, msi, "MsiLockPermissionsEx")
	if len(locks) != 1 || slices.Contains(strings.Fields(msiinfo(t, "tables", msi)), "CreateFolder") {
		t.Errorf("%v", locks)
	}
	for _, l := range locks {
		if !strings.HasPrefix(l["SDDLText"], "O:SYG:SYD:P(A;") || strings.Count(l["SDDLText"], "(") != 2 || !strings.HasSuffix(l["SDDLText"], ";;;BA)") || l["Condition"] != "" {
			t.Errorf("%v", l)
		}
	}
	if locks["LockEnroll"]["LockObject"] != "EnrollToken" {
		t.Errorf("%v", locks)
	}
	for name, r := range rows(t, msi, "Registry") {
		if strings.Contains(r["Value"], "ENROLL_TOKEN") && r["Key"] != enrollKey || r["Root"] != "2" {
			t.Errorf("%s: %v", name, r)
		}
	}
	if p := rows(t, msi, "Property"); p["MsiHiddenProperties"]["Value"] != "ENROLL_TOKEN" {
		t.Error("the token is not hidden")
	}
	for action, row := range rows(t, msi, "ActionText") {
		if strings.Contains(row["Template"], "[3]") {
			t.Errorf("%s tells values to the log", action)
		}
	}
}

// TestVerbs: each kind of file that elevates gets the verb, and the path is one
// argument, whatever is in it.
func TestVerbs(t *testing.T) {
	all := rows(t, built(t, sample("1.2.3", "amd64")), "Registry")
	for _, class := range classes() {
		r := all["VerbRun"+strings.ReplaceAll(class, ".", "")]
		if r["Key"] != `SOFTWARE\Classes\`+class+`\shell\Assent\command` || r["Value"] != `"[ProgramsOfAssent]assent-tray.exe" request "%1"` {
			t.Errorf("%s: %v", class, r)
		}
	}
}

// TestCodes: a version has its product, and different content another package.
func TestCodes(t *testing.T) {
	a, b := sample("1.2.3", "amd64"), sample("1.2.3", "amd64")
	b.Files[Agent] = []byte("another")
	if a.productCode() != b.productCode() || a.packageCode() == b.packageCode() {
		t.Error("the codes do not follow from version and content")
	}
	if a.productCode() == sample("1.2.3", "arm64").productCode() || a.productCode() == sample("1.2.3-1-gabc", "amd64").productCode() {
		t.Error("two products have one code")
	}
	for in, want := range map[string]string{"1.2.3": "1.2.3", "1.2.3-4-gabc": "1.2.3", "0.0.0-dev": "0.0.0", "main": "0.0.0", "1.2": "0.0.0"} {
		if got := ProductVersion(in); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

// TestWarningsFail: a word of a builder is an error, and so is a missing file.
func TestWarningsFail(t *testing.T) {
	if err := tool(t.Context(), t.TempDir(), "echo", "WARNING"); err == nil || !strings.Contains(err.Error(), "WARNING") {
		t.Errorf("a warning passed: %v", err)
	}
	if err := tool(t.Context(), t.TempDir(), "no-such-tool"); err == nil || !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("%v", err)
	}
	p := sample("1.2.3", "amd64")
	delete(p.Files, Tray)
	if err := p.Build(t.Context(), t.TempDir(), filepath.Join(t.TempDir(), "x")); err == nil || !strings.Contains(err.Error(), Tray) {
		t.Errorf("%v", err)
	}
}
