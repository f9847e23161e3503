package windows

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/client"
)

// upgradedBy is any product's code: a removal that names one makes room for it.
const upgradedBy = "UPGRADINGPRODUCTCODE={11111111-2222-3333-4444-555555555555}"

// endpoint is the one machine as the controller knows it.
func (o office) endpoint() client.Endpoint {
	o.Helper()
	var list []client.Endpoint
	if err := json.Unmarshal([]byte(o.ctl("endpoint", "list", "--format", "json")), &list); err != nil || len(list) != 1 {
		o.Fatalf("%d endpoints: %v", len(list), err)
	}
	return list[0]
}

// kept are the files of the data folder that must outlive an upgrade.
func (o office) kept() map[string]string {
	o.Helper()
	all := map[string]string{}
	for _, name := range []string{`identity\identity.json`, `identity\key.pem`, "salt", "labels"} {
		raw, err := o.windows.Read(`C:\ProgramData\Assent\` + name)
		if err != nil {
			o.Fatal(err)
		}
		all[name] = string(raw)
	}
	return all
}

// same makes sure that a machine is who it was, with what it kept, and runs a version.
func (o office) same(id string, before map[string]string, version string) {
	o.Helper()
	o.until("the agent is connected", func() bool {
		e := o.endpoint()
		if e.ID != id {
			o.Fatalf("another endpoint: %s, was %s", e.ID, id)
		}
		return e.Connected && e.AgentVersion != nil && *e.AgentVersion == version
	})
	if now := o.kept(); !maps.Equal(now, before) {
		o.Errorf("the data folder has %v, had %v", slices.Sorted(maps.Keys(now)), slices.Sorted(maps.Keys(before)))
	}
	if r := o.windows.Run("sc", "query", "assent-agent"); !strings.Contains(r.Stdout, "RUNNING") {
		o.Errorf("the service: %s", r.Stdout)
	}
	if said := o.windows.Run("reg", "query", `HKLM\SOFTWARE\Assent`, "/v", "Version", "/reg:64").Stdout; !strings.Contains(said, version) {
		o.Errorf("the version: %s", said)
	}
}

// stayer puts a program into the machine that stays when it was started.
func (o office) stayer() (running func() bool) {
	o.Helper()
	path := filepath.Join(o.TempDir(), "stayer.exe")
	build := exec.Command("go", "build", "-o", path, "./testdata/stayer")
	build.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		o.Fatalf("%v\n%s", err, said)
	}
	raw, err := os.ReadFile(path)
	if err == nil {
		err = o.windows.Write(`C:\windows\stayer.exe`, raw)
	}
	if err != nil {
		o.Fatal(err)
	}
	return func() bool { return strings.Contains(o.windows.Run("tasklist").Stdout, "stayer.exe") }
}

// TestD1Upgrade: a newer MSI over an older one, without a property: the machine is
// the same endpoint with the same keys, the service is the new one, and what is
// asked goes on.
func TestD1Upgrade(t *testing.T) {
	o := open(t)
	o.installed()
	o.msi("1.3.0")
	id, before := o.endpoint().ID, o.kept()
	o.msiexec("/i", `C:\1.3.0.msi`)
	o.same(id, before, "1.3.0")
	cmd, stdout, stderr := o.approved(`C:\windows\system32\cmd.exe`, "/c", "echo done & exit 7")
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 7 || !strings.Contains(stdout.String(), "done") {
		t.Errorf("exit code %d, %q\n%s\n%s", code, stdout.String(), stderr.String(), o.diary())
	}
	if r := o.windows.Run("msiexec", "/qn", "/i", `C:\1.2.3.msi`); r.Code == 0 {
		t.Error("the older version was installed over the newer one")
	}
}

// TestUpgradeKeepsGrants: what was granted before an upgrade goes on after it, and
// is ended by the new agent. Wine does not tell the old product that a newer one
// takes its place, so its removal is called by hand, as Windows calls it.
func TestUpgradeKeepsGrants(t *testing.T) {
	o := open(t)
	o.installed()
	o.msi("1.3.0")
	running := o.stayer()
	id, before := o.endpoint().ID, o.kept()
	cmd, _, _ := o.approved(`C:\windows\stayer.exe`)
	defer func() { _ = cmd.Wait() }()
	o.until("it runs", func() bool { _, err := o.windows.Read(`C:\stays.txt`); return err == nil && running() })
	o.msiexec("/x", `C:\1.2.3.msi`, upgradedBy)
	if !running() {
		t.Fatal("making room for an upgrade ended a grant")
	}
	// Whoever installs each version by one line names a token each time.
	o.msiexec("/i", `C:\1.3.0.msi`, "CONTROLLER_URL="+o.controller.AgentURL, "ENROLL_TOKEN=asn1_again")
	o.same(id, before, "1.3.0")
	o.until("a token that nobody needs is gone", func() bool {
		return !strings.Contains(o.windows.Run("reg", "query", `HKLM\SOFTWARE\Assent\Enroll`, "/reg:64").Stdout, "asn1_again")
	})
	active := o.ctl("approval", "list", "--status", "active", "--format", "json")
	if !running() || !strings.Contains(active, "stayer.exe") {
		t.Fatalf("the grant did not outlive the upgrade: %s", active)
	}
	o.msiexec("/x", `C:\1.3.0.msi`)
	if running() {
		t.Error("the removal left what the older agent had granted")
	}
}

// TestTrayIsStartedAgain: whose program beside the clock is not there, or was
// killed, has it again after a while, started by the service.
func TestTrayIsStartedAgain(t *testing.T) {
	o := open(t)
	o.installed()
	const program = "assent-tray.exe"
	running := func() bool { return strings.Contains(o.windows.Run("tasklist").Stdout, program) }
	o.until("the tray runs", running)
	if r := o.windows.Run("taskkill", "/f", "/im", program); r.Code != 0 || running() {
		t.Fatalf("it was not killed: %v", r)
	}
	o.until("the tray runs again", running)
	o.msiexec("/x", `C:\1.2.3.msi`)
}
