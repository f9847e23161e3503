package privilege

import (
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// macFiles are the files of this machine.
type macFiles struct{}

func resolve(path string) (real string, only bool, err error) { return resolveMac(macFiles{}, path) }

func ownedByRoot(path string) (bool, error) { return macFiles{}.owned(path) }

func (macFiles) owned(path string) (bool, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return false, err
	}
	return RootsOwn(st.Uid, uint32(st.Mode)), nil
}

func (macFiles) real(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	return asWritten(real)
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
