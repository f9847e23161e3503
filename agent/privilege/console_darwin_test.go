package privilege

import (
	"testing"

	"github.com/assent-epm/assent/agent/mactool"
)

// What ioreg of this Mac tells is what that of memory tells. It has run on no Mac.
func TestConsoleContractHere(t *testing.T) { consoleContract(t, mactool.System{}) }
