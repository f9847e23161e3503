package privilege

import (
	"fmt"
	"os"
	"testing"

	"github.com/assent-epm/assent/agent/mactool/fakemac"
	"github.com/assent-epm/assent/e2e/machine"
)

// TestMain lets the test binary be the gate, as the agent's binary is, the stage
// of a machine, a program of a Mac that is not there, and a part in the contract of
// trees.
func TestMain(m *testing.M) {
	fakemac.Main()
	if err := machine.Stage(); err != nil {
		fmt.Fprintln(os.Stderr, "stage:", err)
		os.Exit(1)
	}
	if playsPart(os.Args) {
		return
	}
	if IsGate(os.Args) {
		os.Exit(Gate())
	}
	if isMacGate(os.Args) {
		os.Exit(macGateMain())
	}
	os.Exit(m.Run())
}
