package intercept

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
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

// resolve follows every link of an absolute path. only is false when somebody
// other than root could change a folder or link on the way.
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
	if !rootsAlone(&st) {
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

func rootsAlone(st *unix.Stat_t) bool { return st.Uid == 0 && st.Mode&0o022 == 0 }

func ownedByRoot(path string) (bool, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return false, err
	}
	return rootsAlone(&st), nil
}

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
	return f, Identity{Dev: st.Dev, Ino: st.Ino, Size: st.Size, rootOnly: rootsAlone(&st)}, nil
}

// parentProgram is the program of the process that started pid, "" when it can
// not be told.
func parentProgram(pid int) string {
	if pid <= 0 {
		return ""
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// The program's name stands in parentheses and may hold any character.
	_, after, ok := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
	fields := strings.Fields(after)
	if !ok || len(fields) < 2 {
		return ""
	}
	exe, err := os.Readlink("/proc/" + fields[1] + "/exe")
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(exe, "?")
}
