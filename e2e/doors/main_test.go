package doors

import (
	"os"
	"testing"

	"github.com/assent-epm/assent/e2e/browser"
	"github.com/assent-epm/assent/e2e/desk"
)

// people is the browser of all tests.
var people browser.Shared

// TestMain takes away the one thing that all tests share.
func TestMain(m *testing.M) {
	code := m.Run()
	people.End()
	desk.Tidy()
	os.Exit(code)
}
