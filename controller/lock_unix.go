//go:build unix

package controller

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// lockFile makes sure that one controller at a time has what the file stands for.
// The kernel gives the lock back when the process ends, however it ends.
func lockFile(file, of string) (io.Closer, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", of, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s is in use by another controller", of)
		}
		return nil, fmt.Errorf("lock %s: %w", of, err)
	}
	return held{f}, nil
}

// held is a locked file. Its lock is given back by word: a child that was started
// in the same moment may have the file open for a little longer.
type held struct{ f *os.File }

// Close gives the lock back.
func (h held) Close() error {
	err := unix.Flock(int(h.f.Fd()), unix.LOCK_UN)
	return errors.Join(err, h.f.Close())
}

// ownAll gives a file, or a folder with everything below it, to the owner that info
// names: a restore by root is for the account that the controller runs as. Nobody
// else may be able to change what is there meanwhile.
func ownAll(dir string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(st.Uid), int(st.Gid))
	})
}
