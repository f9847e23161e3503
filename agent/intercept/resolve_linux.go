package intercept

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/privilege"
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
	return f, Identity{Dev: st.Dev, Ino: st.Ino, Size: st.Size, rootOnly: privilege.RootsAlone(&st)}, nil
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
