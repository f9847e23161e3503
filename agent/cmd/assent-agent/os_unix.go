//go:build linux || darwin

package main

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openAlone opens a file and locks it.
func openAlone(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// parentAlive tells whether the process that started this one lives.
func parentAlive() func() bool {
	parent := os.Getppid()
	return func() bool { return os.Getppid() == parent }
}

// closeFile is what takes others' rights off a file.
func closeFile(name string) string { return "chmod 600 " + name }

// readAlone reports whether nobody but its owner and root can read a file.
func readAlone(f *os.File) (bool, error) {
	info, err := f.Stat()
	return err == nil && info.Mode().Perm()&0o077 == 0, err
}
