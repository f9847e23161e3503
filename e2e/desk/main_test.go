package desk

import (
	"os"
	"testing"
)

// TestMain takes away the one thing that all tests share.
func TestMain(m *testing.M) {
	code := m.Run()
	Tidy()
	os.Exit(code)
}
