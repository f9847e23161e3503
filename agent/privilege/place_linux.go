package privilege

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/shared/elevation"
)

// Filesystems whose content depends on who looks, or that a user serves.
const (
	procMagic = 0x9fa0
	fuseMagic = 0x65735546
)

const maxLinks = 40 // as the kernel

// errMagic refuses paths whose meaning depends on the process that uses them:
// /proc/self/cwd is one place for the agent and another for sudo.
var errMagic = fmt.Errorf("%w: the path leads through /proc", elevation.ErrInvalid)

// walker resolves a path one component at a time, so that every folder and link
// on the way is looked at, also those that resolving forgets.
type walker struct {
	real  string // resolved so far
	dev   uint64
	only  bool
	links int
}

// resolve is [Resolve].
func resolve(path string) (real string, only bool, err error) {
	if !filepath.IsAbs(path) {
		return "", false, fmt.Errorf("%w: not an absolute path", elevation.ErrInvalid)
	}
	w := walker{only: true}
	if err := w.enter("/"); err != nil {
		return "", false, err
	}
	rest := strings.Split(path, "/")
	for len(rest) > 0 {
		next := rest[0]
		rest = rest[1:]
		switch next {
		case "", ".":
			continue
		case "..":
			if err := w.enter(filepath.Dir(w.real)); err != nil {
				return "", false, err
			}
			continue
		}
		target, err := w.step(next, len(rest) == 0)
		if err != nil {
			return "", false, err
		}
		if target == "" {
			continue
		}
		if strings.HasPrefix(target, "/") {
			if err := w.enter("/"); err != nil {
				return "", false, err
			}
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return w.real, w.only, nil
}

// step goes to one entry of the present folder and returns the target when it
// is a link.
func (w *walker) step(name string, last bool) (target string, err error) {
	path := strings.TrimSuffix(w.real, "/") + "/" + name
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return "", err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		if w.links++; w.links > maxLinks {
			return "", unix.ELOOP
		}
		if st.Uid != 0 {
			w.only = false
		}
		return os.Readlink(path)
	case unix.S_IFDIR:
		return "", w.enter(path)
	}
	if !last {
		return "", unix.ENOTDIR
	}
	w.real = path
	return "", nil
}

// enter makes path, a real folder, the present one.
func (w *walker) enter(path string) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return unix.ENOTDIR
	}
	if !RootsAlone(&st) {
		w.only = false
	}
	if w.real == "" || st.Dev != w.dev {
		var fs unix.Statfs_t
		if err := unix.Statfs(path, &fs); err != nil {
			return err
		}
		switch fs.Type {
		case procMagic:
			return errMagic
		case fuseMagic:
			w.only = false
		}
	}
	w.real, w.dev = path, st.Dev
	return nil
}

// RootsAlone reports whether root alone can change what st describes: an access
// list that lets others write shows as the group's bit.
func RootsAlone(st *unix.Stat_t) bool { return st.Uid == 0 && st.Mode&0o022 == 0 }

func ownedByRoot(path string) (bool, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return false, err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return false, err
	}
	return RootsAlone(&st) && fs.Type != fuseMagic, nil // a single file can be mounted as well
}
