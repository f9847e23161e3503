//go:build linux || darwin

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// errTaken is the error of a file that somebody else has alone.
const errTaken = unix.EWOULDBLOCK

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

// enrollSize bounds a file that an administrator leaves for the enrolment.
const enrollSize = 16 << 10

// readRootsOwn is a small file that root alone can have written and can read. A
// link is not followed, and nothing is waited for.
func readRootsOwn(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Uid != 0 || st.Mode&0o077 != 0 || st.Nlink != 1 || st.Size > enrollSize {
		return nil, errors.New("it is not a small file that root alone can read (chown root, chmod 600)")
	}
	return io.ReadAll(io.LimitReader(f, enrollSize))
}

// leftBeside is what a profile says, and for what it does not say the property list
// that an administrator left at path. The profile belongs to the device management:
// what is forgotten is that list.
type leftBeside struct {
	profile func() (leftover, error)
	path    string
}

func (l leftBeside) read() (leftover, error) {
	profile, err := l.profile()
	if err != nil {
		return leftover{}, err
	}
	raw, err := readRootsOwn(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return profile, nil
	}
	var file leftover
	if err == nil {
		file, err = readLeft(raw)
	}
	if err != nil {
		return leftover{}, fmt.Errorf("read %s: %w", l.path, err)
	}
	return profile.or(file), nil
}

func (l leftBeside) forget() error {
	if err := os.Remove(l.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the token: %w", err)
	}
	return nil
}
