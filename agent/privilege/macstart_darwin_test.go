package privilege

import (
	"os"
	"testing"
)

// What macOS does is what the contracts say. None of it has run on a Mac.
func TestContractOfGatesHere(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root starts programs as somebody")
	}
	gateContract(t, execGates{lookMac})
}

func TestContractOfTheTableHere(t *testing.T) { tableContract(t, macTable{}) }
