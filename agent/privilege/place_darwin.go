package privilege

import (
	"fmt"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/shared/elevation"
)

// resolve is [Resolve]: only judges the folders that the resolved path leads
// through, up to the topmost.
func resolve(path string) (real string, only bool, err error) {
	if !filepath.IsAbs(path) {
		return "", false, fmt.Errorf("%w: not an absolute path", elevation.ErrInvalid)
	}
	if real, err = filepath.EvalSymlinks(path); err != nil {
		return "", false, err
	}
	if real, err = asWritten(real); err != nil {
		return "", false, err
	}
	only = real == filepath.Clean(path) // a link on the way can be somebody's
	for dir := filepath.Dir(real); only; dir = filepath.Dir(dir) {
		if only, err = ownedByRoot(dir); err != nil {
			return "", false, err
		}
		if dir == "/" {
			break
		}
	}
	return real, only, nil
}

func ownedByRoot(path string) (bool, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return false, err
	}
	return st.Uid == 0 && st.Mode&0o022 == 0, nil
}

// asWritten is the name of a file as its disk has it: most disks of macOS do not tell
// small letters from large ones, and a rule for /bin/zsh is one for /bin/ZSH.
func asWritten(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_EVTONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	var name [unix.PathMax]byte
	if _, _, code := unix.Syscall(unix.SYS_FCNTL, uintptr(fd), unix.F_GETPATH, uintptr(unsafe.Pointer(&name[0]))); code != 0 {
		return "", code
	}
	return unix.ByteSliceToString(name[:]), nil
}
