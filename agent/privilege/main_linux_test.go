package privilege

import (
	"fmt"
	"os"
	"testing"

	"github.com/assent-epm/assent/e2e/machine"
)

// TestMain lets the test binary be the gate, as the agent's binary is, and the
// stage of a machine.
func TestMain(m *testing.M) {
	if err := machine.Stage(); err != nil {
		fmt.Fprintln(os.Stderr, "stage:", err)
		os.Exit(1)
	}
	if IsGate(os.Args) {
		os.Exit(Gate())
	}
	os.Exit(m.Run())
}
