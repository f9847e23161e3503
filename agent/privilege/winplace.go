package privilege

import (
	"fmt"
	"io"
	"strings"

	"github.com/assent-epm/assent/agent/acl"
	"github.com/assent-epm/assent/shared/elevation"
)

// This file decides what a path of Windows leads to and who could change that. It
// runs everywhere; place_windows.go has the calls.

// winFiles is what Windows says of files, and does with them.
type winFiles interface {
	// look opens a file or folder to ask what it is, following links; nobody is kept
	// from anything by it.
	look(path string) (winFile, error)
	// hold opens a file for reading; until it is closed nobody can write to it, remove
	// it or give it another name. errInUse: somebody can write to it already.
	hold(path string) (winFile, error)
	list(path string) (acl.List, error)
	self() string // SID of this process
	// makeFolder makes a folder that only administrators reach, in one step. An error
	// that is fs.ErrExist means that something is there.
	makeFolder(path string) error
	// newFile makes a file that was not there.
	newFile(path string) (io.WriteCloser, error)
	removeAll(path string) error
}

// winFile is an open file.
type winFile interface {
	io.Reader
	io.ReaderAt
	io.Closer
	real() (string, error) // where it is, without links
	id() (winFileID, error)
}

// winFileID tells a file from every other one of the machine.
type winFileID struct {
	volume uint32
	index  uint64
}

// resolveWindows is [Resolve]: only judges the folders on the way, by their access
// lists.
func resolveWindows(of winFiles, path string) (real string, only bool, err error) {
	if !ofThisMachine(strings.ReplaceAll(path, "/", `\`)) { // another machine is not even asked
		return "", false, fmt.Errorf("%w: not an absolute path of this machine", elevation.ErrInvalid)
	}
	f, err := of.look(path)
	if err != nil {
		return "", false, err
	}
	defer f.Close()
	if real, err = f.real(); err != nil {
		return "", false, err
	}
	if !ofThisMachine(real) {
		return "", false, fmt.Errorf("%w: a link leads to another machine", elevation.ErrInvalid)
	}
	for dir, around := folderOf(real), true; ; dir, around = folderOf(dir), false {
		if only, err = privilegedAlone(of, dir, !around); err != nil || !only {
			return real, false, err
		}
		if dir == folderOf(dir) {
			return real, true, nil
		}
	}
}

// privilegedAlone reports whether only the system and administrators can change what
// has the path; above says that it is a folder further up.
func privilegedAlone(of winFiles, path string, above bool) (bool, error) {
	list, err := of.list(path)
	if err != nil {
		return false, err
	}
	return list.For(of.self()).OnlyPrivileged(above), nil
}

// privilegedPlace is [RootOnly] for a path that is resolved already.
func privilegedPlace(of winFiles, path string) (bool, error) {
	real, only, err := resolveWindows(of, path)
	if err != nil || !only || !sameName(real, path) {
		return false, err
	}
	return privilegedAlone(of, path, false)
}

// sameName reports whether two paths are one but for small and capital letters, of
// those alone that every table of Windows takes for the same: Unicode knows more, such
// as ſ for s, and a link may have such a name.
func sameName(a, b string) bool {
	small := func(c byte) byte {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		return c
	}
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if small(a[i]) != small(b[i]) {
			return false
		}
	}
	return true
}

// ofThisMachine reports whether a path, as the system tells where an open file
// really is, begins with a drive. Files of other machines begin with UNC.
func ofThisMachine(real string) bool {
	return len(real) > 2 && real[1] == ':' && real[2] == '\\' && (real[0]|0x20 >= 'a' && real[0]|0x20 <= 'z')
}

// folderOf is the folder around a path that begins with a drive; that of a drive is
// itself.
func folderOf(path string) string {
	return path[:max(strings.LastIndexByte(path, '\\'), len(`C:\`))]
}

// fileName is the last part of a path.
func fileName(path string) string { return path[strings.LastIndexAny(path, `\/`)+1:] }
