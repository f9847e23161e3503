package doors

import (
	"os"
	"testing"

	"github.com/assent-epm/assent/e2e/browser"
	"github.com/assent-epm/assent/e2e/desk"
)

// TestMain takes away the one thing that all tests share.
func TestMain(m *testing.M) {
	end := browser.Share()
	code := m.Run()
	end()
	desk.Tidy()
	os.Exit(code)
}
