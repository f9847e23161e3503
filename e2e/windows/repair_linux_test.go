package windows

import (
	"bytes"
	"testing"
)

// TestD1Repair: a repair puts damaged files back; the machine is the same endpoint
// with the same keys, and what was granted goes on until it is removed. Wine knows a
// repair by its properties alone, not by /f.
func TestD1Repair(t *testing.T) {
	o := open(t)
	o.installed()
	const tool = `C:\Program Files\Assent\assent.exe`
	whole, err := o.windows.Read(tool)
	if err != nil {
		t.Fatal(err)
	}
	running := o.stayer()
	id, before := o.endpoint().ID, o.kept()
	o.stays(running, "30m")
	if err := o.windows.Write(tool, []byte("damaged")); err != nil {
		t.Fatal(err)
	}
	o.msiexec("/i", `C:\1.2.3.msi`, "REINSTALL=ALL", "REINSTALLMODE=amus")
	if now, err := o.windows.Read(tool); err != nil || !bytes.Equal(now, whole) {
		t.Errorf("it has %d bytes after the repair, had %d: %v", len(now), len(whole), err)
	}
	o.same(id, before, "1.2.3")
	if !running() {
		t.Error("the repair ended a grant")
	}
	o.msiexec("/x", `C:\1.2.3.msi`)
	if running() {
		t.Error("the removal left what was granted before the repair")
	}
}
