package doors

import (
	"os"
	"testing"

	"github.com/assent-epm/assent/e2e/desk"
)

// TestMain takes away the one thing that all tests share.
func TestMain(m *testing.M) {
	code := m.Run()
	desk.Tidy()
	os.Exit(code)
}
