package privilege

import (
	"os"
	"testing"
)

// TestMain lets the test binary be the gate, as the agent's binary is.
func TestMain(m *testing.M) {
	if IsGate(os.Args) {
		os.Exit(Gate())
	}
	os.Exit(m.Run())
}
