package accounts

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lockTime is how long the lock is waited for, as the system's tools do (lckpwdf).
const lockTime = 15 * time.Second

// Lock takes the lock under which the system's own tools write the account files
// of the folder etc. The caller gives it back. [ErrBusy] when it can not be had.
func Lock(ctx context.Context, etc string) (release func(), err error) {
	fd, err := unix.Open(filepath.Join(etc, ".pwd.lock"), unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the accounts: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
		if err == nil {
			return func() { _ = unix.Close(fd) }, nil
		}
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock the accounts: %w", err), unix.Close(fd))
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ErrBusy, unix.Close(fd))
		case <-tick.C:
		}
	}
}

// KeepAttributes takes labels and access lists of one file along to another, as
// far as that can be done.
func KeepAttributes(from, to string) {
	names := make([]byte, 4096)
	n, err := unix.Llistxattr(from, names)
	if err != nil {
		return
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(names[:n]), "\x00"), "\x00") {
		value := make([]byte, 64<<10)
		if n, err := unix.Lgetxattr(from, name, value); err == nil && name != "" {
			_ = unix.Lsetxattr(to, name, value[:n], 0)
		}
	}
}
