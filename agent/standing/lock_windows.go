package standing

import (
	"os"

	"golang.org/x/sys/windows"
)

// lockFile waits until no other process changes standing rights.
func lockFile(path string) (func(), error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, &windows.Overlapped{}); err != nil {
		_ = f.Close() // nothing was locked
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}
