package privilege

import (
	"testing"

	"github.com/assent-epm/assent/agent/mactool"
)

// What ioreg of this Mac says has the form that is read here.
func TestConsoleOfThisMac(t *testing.T) {
	is, err := consoleLogins(t.Context(), mactool.System{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("at the screen: %+v", is)
}
