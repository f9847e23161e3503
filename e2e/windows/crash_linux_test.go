package windows

import (
	"strings"
	"testing"
)

// stays has an approved program run for so long at most, and waits until it does.
func (o office) stays(running func() bool, lasts string) {
	o.Helper()
	cmd := o.windows.Command(o.ctx, `C:\Program Files\Assent\assent.exe`, "run", "--reason", "the printer needs its driver", "--", `C:\windows\stayer.exe`)
	if err := cmd.Start(); err != nil {
		o.Fatal(err)
	}
	o.Cleanup(func() { _ = cmd.Wait() })
	o.until("the request waits", func() bool {
		pending, err := o.controller.Pending(o.ctx)
		if err != nil || len(pending) != 1 {
			return false
		}
		o.ctl("approval", "approve", pending[0], "--for", lasts)
		return true
	})
	o.until("it runs", func() bool { _, err := o.windows.Read(`C:\stays.txt`); return err == nil && running() })
}

// killed ends the agent as a crash does. Its reaper is a program of another name.
func (o office) killed() {
	o.Helper()
	const agent = "assent-agent.exe"
	if r := o.windows.Run("taskkill", "/f", "/im", agent); r.Code != 0 || strings.Contains(o.windows.Run("tasklist").Stdout, agent) {
		o.Fatalf("the agent was not killed: %v", r)
	}
}

// TestDeadAgentOnWindows: what was granted ends on time though the agent has crashed,
// and the next agent tells the controller.
func TestDeadAgentOnWindows(t *testing.T) {
	o := open(t)
	o.installed()
	running := o.stayer()
	o.stays(running, "1m")
	o.killed()
	if !running() {
		t.Fatal("the program ended with the agent")
	}
	o.until("the program ends without the agent", func() bool { return !running() })
	if r := o.windows.Run("sc", "start", "assent-agent"); r.Code != 0 {
		t.Fatalf("start the service again: %v", r)
	}
	o.until("the controller knows", func() bool {
		return strings.Contains(o.ctl("approval", "list", "--status", "ended,expired", "--format", "json"), "stayer.exe")
	})
}

// TestAgentFoundAgainOnWindows: an agent that comes back while a grant is in force
// knows it, and ends it when it is revoked.
func TestAgentFoundAgainOnWindows(t *testing.T) {
	o := open(t)
	o.installed()
	running := o.stayer()
	cmd, _, _ := o.approved(`C:\windows\stayer.exe`)
	defer func() { _ = cmd.Wait() }()
	o.until("it runs", func() bool { _, err := o.windows.Read(`C:\stays.txt`); return err == nil && running() })
	o.killed()
	if r := o.windows.Run("sc", "start", "assent-agent"); r.Code != 0 {
		t.Fatalf("start the service again: %v", r)
	}
	o.until("the agent is connected again", func() bool {
		return strings.Contains(o.windows.Run(`C:\Program Files\Assent\assent.exe`, "status").Stdout, "connected since")
	})
	if !running() {
		t.Fatal("the start of the agent has ended a grant in force")
	}
	active := strings.Fields(o.ctl("approval", "list", "--status", "active", "--format", "id"))
	if len(active) != 1 {
		t.Fatalf("the controller knows of %d grants", len(active))
	}
	o.ctl("approval", "revoke", active[0])
	o.until("it was revoked", func() bool { return !running() })
}
