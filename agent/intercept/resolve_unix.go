//go:build linux || darwin

package intercept

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openProgram opens a regular file without following a last link and without
// waiting for a pipe's other end.
func openProgram(path string) (*os.File, Identity, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, Identity{}, err
	}
	f := os.NewFile(uintptr(fd), path)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		f.Close()
		return nil, Identity{}, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		f.Close()
		return nil, Identity{}, errors.New("not a regular file")
	}
	return f, Identity{Dev: uint64(st.Dev), Ino: st.Ino, Size: st.Size, rootOnly: rootsAlone(&st)}, nil
}

// separators stand between the folders of a path.
const separators = "/"

// program is the program at path, if there is one.
func program(path string) (string, bool) {
	info, err := os.Stat(path)
	return path, err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// Elevated is how it is called whom something runs as where nobody is named.
const Elevated = "root"

// lookupElevated is whom a program runs as: root, or whom the user names.
func lookupElevated(_ Account, as string) (Account, error) { return LookupRunAs(as) }

// holdFeed holds nothing: nobody can be kept from writing to their own file.
func holdFeed(string) (*os.File, error) { return nil, nil }

// launch is the attempt as it is: files that can be run are programs.
func launch(raw Raw) Raw { return raw }

// topFolder is a folder of every machine, for what begins in none.
const topFolder = "/"
