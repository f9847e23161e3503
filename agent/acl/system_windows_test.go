package acl

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A folder that somebody with rights made by hand gets the list of the agent's, and
// so does what is in it. What is not ours is refused, at each start.
func TestReset(t *testing.T) {
	path := filepath.Join(t.TempDir(), "Assent")
	file := filepath.Join(path, "run", "ledger")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("kept"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := (Windows{}).Reset(path, func(string) bool { return false }); !errors.Is(err, ErrForeign) {
			t.Errorf("somebody else's: %v", err)
		}
		if list, err := Of(path); err != nil || list.secret() {
			t.Errorf("it looks as if it were ours: %+v, %v", list, err)
		}
	}
	if err := (Windows{}).Reset(path, func(string) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if raw, err := os.ReadFile(file); err != nil || string(raw) != "kept" {
		t.Errorf("%q, %v", raw, err)
	}
	for _, at := range []string{path, filepath.Dir(file), file} {
		list, err := Of(at)
		if err != nil {
			t.Fatal(err)
		}
		if !list.secret() {
			t.Skipf("Wine has the modes of the system below in place of lists: %s has %+v", at, list)
		}
	}
}
