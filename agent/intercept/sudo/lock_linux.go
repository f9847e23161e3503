package sudo

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// LockPath is the lock of the one agent that works with sudo on a machine.
const LockPath = "/run/assent-sudo.lock"

// ErrLocked is returned when another agent works with sudo here.
var ErrLocked = errors.New("another agent on this machine works with sudo")

// Lock takes the right to touch sudo.conf and sudoers.d. It ends with the
// process at the latest, however that ends. The file stays: removing it would
// let two agents hold two locks.
func Lock(path string) (io.Closer, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		unix.Close(fd)
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrLocked
		}
		return nil, fmt.Errorf("take the lock: %w", err)
	}
	return os.NewFile(uintptr(fd), path), nil
}
