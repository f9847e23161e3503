package windows

import (
	"strings"
	"testing"
)

// TestD1SessionsOnWindows: one approval lets assent run go through in the shell that
// asked, and in nothing else; a job is told from the shell that it was started in;
// both end with what they are for.
func TestD1SessionsOnWindows(t *testing.T) {
	o := open(t)
	o.agentHere()
	script := func(name string, lines ...string) string {
		if err := o.windows.Write(`C:\`+name, []byte("@echo off\r\n"+strings.Join(lines, "\r\n")+"\r\n")); err != nil {
			t.Fatal(err)
		}
		return `C:\` + name
	}
	nothingWaits := func(when string) {
		t.Helper()
		if waits, err := o.controller.Pending(o.ctx); err != nil || len(waits) > 0 {
			t.Errorf("%s: %v waits, %v", when, waits, err)
		}
	}
	var session string
	approve := func(id string) { session = id; o.ctl("approval", "approve", id) }
	ended := func(what, reason string) {
		t.Helper()
		o.until(what+" is over", func() bool {
			return strings.Contains(o.ctl("approval", "view", session), reason)
		})
	}

	shell := script("shell.bat",
		`C:\assent.exe session --reason "the drivers of the lab" || exit 90`,
		`C:\assent.exe run -- C:\windows\system32\cmd.exe /c "echo inside& exit 7"`,
		`if not %errorlevel%==7 exit 91`,
		`cmd /c C:\assent.exe run -- C:\windows\system32\cmd.exe /c "echo below"`,
		`exit 5`)
	code, stdout, stderr := o.answered(approve, "cmd", "/c", shell)
	if code != 5 || !strings.Contains(stdout, "inside") || !strings.Contains(stdout, "below") || !strings.Contains(stderr, "assent run goes through in this shell until") {
		t.Errorf("in the shell: %d %q %q", code, stdout, stderr)
	}
	nothingWaits("in the shell")
	ended("the shell's session", "logout")
	if list := o.ctl("approval", "view", session); strings.Count(list, "cmd.exe") < 2 {
		t.Errorf("what ran is not listed: %s", list)
	}

	code, _, stderr = o.asked(func(id string) { o.ctl("approval", "deny", id) }, "--", `C:\windows\system32\cmd.exe`, "/c", "exit 0")
	if code != 77 {
		t.Errorf("after the shell: %d %q", code, stderr)
	}

	job := script("job.bat", `C:\assent.exe run -- C:\windows\system32\cmd.exe /c "echo by the job"`, `exit 3`)
	code, stdout, stderr = o.answered(approve, "cmd", "/c", script("two.bat",
		`C:\assent.exe session --reason "the drivers of the lab" -- `+job,
		`if not %errorlevel%==3 exit 92`,
		`C:\assent.exe run --wait 0 --reason "not of the job" -- C:\windows\system32\cmd.exe /c "echo outside"`,
		`exit 4`))
	if code != 4 || !strings.Contains(stdout, "by the job") || !strings.Contains(stdout, "req_") {
		t.Errorf("a job: %d %q %q", code, stdout, stderr)
	}
	ended("the job's session", "completed")
	if waits, err := o.controller.Pending(o.ctx); err != nil || len(waits) != 1 {
		t.Errorf("the command after the job did not ask: %v, %v", waits, err)
	}
}

// TestD1RevokedSessionOnWindows: a session that is revoked ends what runs in it, and
// the next command of its shell asks.
func TestD1RevokedSessionOnWindows(t *testing.T) {
	o := open(t)
	o.agentHere()
	lines := []string{"@echo off",
		`C:\assent.exe session --reason "the drivers of the lab" || exit 90`,
		`C:\assent.exe run -- C:\windows\system32\cmd.exe /c "echo x> C:\runs.txt & ping -n 300 127.0.0.1"`,
		`C:\assent.exe run --wait 0 --reason "asked again" -- C:\windows\system32\cmd.exe /c "echo late"`,
		`exit 6`, ""}
	if err := o.windows.Write(`C:\revoked.bat`, []byte(strings.Join(lines, "\r\n"))); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := o.answered(func(id string) {
		o.ctl("approval", "approve", id)
		o.until("a command runs in it", func() bool { _, err := o.windows.Read(`C:\runs.txt`); return err == nil })
		o.ctl("approval", "revoke", id)
	}, "cmd", "/c", `C:\revoked.bat`)
	if code != 6 || !strings.Contains(stdout, "req_") || strings.Contains(stdout, "late") {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
	if waits, err := o.controller.Pending(o.ctx); err != nil || len(waits) != 1 {
		t.Errorf("the command after the end did not ask: %v, %v", waits, err)
	}
}

// TestA14AdministratorAlready: who is administrator by themselves is refused before
// anybody is asked. That is all that can be shown under Wine, where everybody is
// administrator and nobody is ever put into a group: what happens to others is shown
// by the tests of agent, with a group of memory, and the window by those of privilege.
func TestA14AdministratorAlready(t *testing.T) {
	o := open(t)
	o.agentHere()
	r := o.windows.Run(`C:\assent.exe`, "admin", "--reason", "the drivers of the lab")
	if r.Code == 0 || !strings.Contains(r.Stderr, "you are administrator already") {
		t.Error(r)
	}
	if waits, err := o.controller.Pending(o.ctx); err != nil || len(waits) > 0 {
		t.Errorf("somebody is asked: %v, %v", waits, err)
	}
}
