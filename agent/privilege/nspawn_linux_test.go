package privilege

import (
	"strings"
	"testing"

	"github.com/assent-epm/assent/e2e/machine"
)

// The tests of this package again, in a real system with systemd: there every
// tree is a scope.
func TestInsideSystemd(t *testing.T) {
	got := machine.Inside(t, "Test")
	if got.Code != 0 || !strings.Contains(got.Stdout, "TestEndEndsEverythingThatWasStarted/scope") {
		t.Error(got)
	}
}
