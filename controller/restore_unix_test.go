//go:build unix

package controller

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/assent-epm/assent/e2e/testgroup"
)

// TestRestoreGivesAwayItsOwnFilesOnly: root restores into the folder of the
// controller's account, which can put something there meanwhile: a second name of
// a file of root's, or a link in the place of a folder.
func TestRestoreGivesAwayItsOwnFilesOnly(t *testing.T) {
	testgroup.Need(t, "root")
	const account = 41000
	base := t.TempDir()
	work, data, outside := filepath.Join(base, "work"), filepath.Join(base, "data"), filepath.Join(base, "shadow")
	for _, dir := range []string{filepath.Join(work, "keys"), data} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{filepath.Join(work, databaseFile), filepath.Join(work, "keys", "a"), outside} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(data, account, account); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(outside, filepath.Join(data, "planted")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := adopt(work, data, info); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]uint32{outside: 0, data: account, filepath.Join(data, databaseFile): account,
		filepath.Join(data, "keys"): account, filepath.Join(data, "keys", "a"): account} {
		var st fs.FileInfo
		if st, err = os.Lstat(path); err != nil {
			t.Fatal(err)
		}
		if got := st.Sys().(*syscall.Stat_t).Uid; got != want {
			t.Errorf("%s belongs to %d, want %d", path, got, want)
		}
	}
}
