// Command assent-undo is run by Windows Installer, as SYSTEM, when Assent is
// removed: it asks the agent beside it to end every grant and to give back what it
// took over. Then it makes of Windows' own policy for elevation what it was before
// the installation, where that changed it (UAC_DENY).
//
// It takes no arguments, reads no file, no folder and no setting of people, and
// shows nothing: it has no window, and the agent is started without a console,
// which a person could otherwise reach (security research A60). When the agent can
// not undo everything, the exit code says so and nothing is removed.
package main

import (
	"os"
	"os/exec"
	"path/filepath"
)

func main() { os.Exit(run()) }

// failed ends a removal; so does each code of the agent but 0.
const failed = 1

func run() int {
	own, err := os.Executable()
	if err != nil {
		return failed
	}
	system := os.Getenv("SystemRoot")
	cmd := exec.Command(filepath.Join(filepath.Dir(own), "assent-agent.exe"), "uninstall", "--package")
	cmd.Dir = system // a folder that a program stands in can not be removed
	cmd.Env = environment(system, os.Getenv("ProgramData"))
	cmd.SysProcAttr = hidden()
	if err := cmd.Run(); err != nil {
		return failed
	}
	policy := uac()
	if err := policy.giveBack(); err != nil {
		return failed
	}
	if err := policy.forget(enrollment); err != nil {
		return failed
	}
	return 0
}

// environment is all that the agent gets of it: what Windows itself needs.
func environment(system, data string) []string {
	return []string{"SystemRoot=" + system, "ProgramData=" + data, `PATH=` + system + `\System32`}
}
