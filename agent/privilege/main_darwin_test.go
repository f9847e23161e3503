package privilege

import (
	"os"
	"testing"
)

// TestMain lets the test binary be the gate, as the agent's binary is, and a part in
// the contract of trees. It has run on no Mac.
func TestMain(m *testing.M) {
	if playsPart(os.Args) {
		return
	}
	if IsGate(os.Args) {
		os.Exit(Gate())
	}
	os.Exit(m.Run())
}
