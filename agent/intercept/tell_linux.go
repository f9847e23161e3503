package intercept

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/shared/inert"
)

// TellTerminal writes a line to the terminal of a process, as wall does: for a
// sudo, with which there is no connection any more. It must be the very process,
// and a pseudo terminal of the user's own.
func TellTerminal(pid int, started uint64, uid uint32, text string) error {
	if pid <= 1 {
		return errors.New("no process")
	}
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return err
	}
	// The name stands in parentheses and may hold anything but the last of them.
	_, rest, ok := strings.Cut(string(raw[strings.LastIndexByte(string(raw), ')')+1:]), " ")
	f := strings.Fields(rest)
	if !ok || len(f) < 20 {
		return errors.New("the process can not be read")
	}
	tty, err := strconv.ParseUint(f[4], 10, 32)
	begun, err2 := strconv.ParseUint(f[19], 10, 64)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	if begun != started {
		return errors.New("it is another process now")
	}
	major, minor := unix.Major(tty), unix.Minor(tty)
	if major < 136 || major > 143 {
		return errors.New("it has no terminal")
	}
	path := fmt.Sprintf("/dev/pts/%d", (major-136)<<8|minor)
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Uid != uid || uint64(st.Rdev) != tty {
		return errors.New("the terminal is somebody else's")
	}
	_, err = unix.Write(fd, []byte("\r\n"+inert.Text(text)+"\r\n"))
	return err
}
