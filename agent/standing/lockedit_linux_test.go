package standing

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// lockedByOthers reports whether somebody else could not lock a file. Its lock is of an
// open file, which meets those of processes also in this one.
func lockedByOthers(t *testing.T, path string) bool {
	t.Helper()
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	err = unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) {
		t.Fatal(err)
	}
	return err != nil
}

// A file that is to be replaced stays locked until it is, also by the lock of a process
// that macOS has, which any closing of the file ends.
func TestTheLockOfAnEditIsHeld(t *testing.T) {
	for name, how := range map[string]int{"of the open file": unix.F_OFD_SETLK, "of the process": unix.F_SETLK} {
		path := filepath.Join(t.TempDir(), "sudoers")
		if err := os.WriteFile(path, []byte("root ALL=(ALL) ALL\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		unlock, err := lockEdit(path, []byte("root ALL=(ALL) ALL\n"), how)
		if err != nil {
			t.Fatal(err)
		}
		if !lockedByOthers(t, path) {
			t.Errorf("a lock %s is gone while it is wanted", name)
		}
		unlock()
		if lockedByOthers(t, path) {
			t.Errorf("a lock %s is never given back", name)
		}
		for what, was := range map[string][]byte{"other bytes": []byte("x"), "no file": nil} {
			if _, err := lockEdit(path, was, how); err == nil {
				t.Errorf("%s: %s", name, what)
			}
		}
		if lockedByOthers(t, path) {
			t.Errorf("a lock %s is left after an error", name)
		}
		if err := os.Symlink(path, path+"2"); err != nil {
			t.Fatal(err)
		}
		if _, err := lockEdit(path+"2", []byte("root ALL=(ALL) ALL\n"), how); err == nil {
			t.Error("a link is followed")
		}
	}
}
