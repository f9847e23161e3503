package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/assent-epm/assent/e2e/testgroup"
)

// TestRootFolder: used grants would be unused again if somebody could put an
// older copy of the data folder in its place.
func TestRootFolder(t *testing.T) {
	testgroup.Need(t, "root")
	base := t.TempDir()
	theirs := filepath.Join(base, "theirs")
	for _, err := range []error{os.MkdirAll(filepath.Join(base, "target"), 0o755), os.Mkdir(theirs, 0o755), os.Chown(theirs, 41000, 41000),
		os.Symlink("target", filepath.Join(base, "link"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for dir, want := range map[string]bool{"new/deep": true, "target": true, "link": false, "theirs": false, "theirs/data": false} {
		if err := rootFolder(filepath.Join(base, dir), 0o700); (err == nil) != want {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if info, err := os.Stat(filepath.Join(base, "target")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the mode is not set: %v, %v", info.Mode(), err)
	}
}
