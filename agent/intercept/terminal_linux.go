package intercept

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/shared/elevation"
)

// Process is what /proc/PID/stat says of a process, as far as it matters here.
type Process struct {
	PID, Parent, Session int
	TTY                  uint64
	Started              uint64 // ticks after boot: with the pid it names one process
}

// ReadProcess reads what a process is.
func ReadProcess(pid int) (Process, error) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Process{}, err
	}
	// The name stands in parentheses and may hold anything but the last of them.
	f := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	if len(f) < 20 {
		return Process{}, errors.New("the process can not be read")
	}
	p := Process{PID: pid}
	var e1, e2, e3, e4 error
	p.Parent, e1 = strconv.Atoi(f[1])
	p.Session, e2 = strconv.Atoi(f[3])
	p.TTY, e3 = strconv.ParseUint(f[4], 10, 32)
	p.Started, e4 = strconv.ParseUint(f[19], 10, 64)
	return p, errors.Join(e1, e2, e3, e4)
}

// RealUID is who started a process.
func RealUID(pid int) (uint32, error) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if f := strings.Fields(line); len(f) == 5 && f[0] == "Uid:" {
			uid, err := strconv.ParseUint(f[1], 10, 32)
			return uint32(uid), err
		}
	}
	return 0, errors.New("the process has no uid")
}

// Terminal is the pseudo terminal of a user's process. The zero value is none.
type Terminal struct {
	pid     int
	started uint64
	uid     uint32
}

// TerminalOf finds the terminal of pid and a process of uid on it that will be
// there later too: the leader of the session, which is the shell of the person.
func TerminalOf(pid int, uid uint32) Terminal {
	p, err := ReadProcess(pid)
	if err != nil || p.TTY == 0 {
		return Terminal{}
	}
	for _, candidate := range []int{p.Session, p.Parent, pid} {
		c, err := ReadProcess(candidate)
		if err != nil || c.TTY != p.TTY {
			continue
		}
		if owner, err := RealUID(candidate); err == nil && owner == uid {
			return Terminal{pid: candidate, started: c.Started, uid: uid}
		}
	}
	return Terminal{}
}

// Tell writes a line to the terminal, if it is still there; see [TellTerminal].
func (t Terminal) Tell(text string) error { return TellTerminal(t.pid, t.started, t.uid, text) }

const maxTicket = 200 // characters

// Wish is what a person gave ahead in the environment of their process, as text
// that nothing is decided by.
func Wish(pid int) (reason, ticket string) {
	const most = 256 << 10
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/environ", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", ""
	}
	defer unix.Close(fd)
	raw, buf := make([]byte, 0, 4<<10), make([]byte, 16<<10)
	for len(raw) < most {
		n, err := unix.Read(fd, buf)
		if err != nil || n <= 0 {
			break
		}
		raw = append(raw, buf[:n]...)
	}
	for v := range strings.SplitSeq(string(raw), "\x00") {
		if s, ok := strings.CutPrefix(v, "ASSENT_REASON="); ok {
			reason = s
		}
		if s, ok := strings.CutPrefix(v, "ASSENT_TICKET="); ok {
			ticket = s
		}
	}
	if elevation.CheckText("reason", reason, elevation.MaxJustification) != nil {
		reason = ""
	}
	if elevation.CheckText("ticket", ticket, maxTicket) != nil {
		ticket = ""
	}
	return reason, ticket
}
