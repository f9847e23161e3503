package sudo

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/privilege"
)

// peer is the process at the other end of the plugin socket: a sudo.
type peer struct {
	pid   int
	start uint64 // clock ticks since boot, as /proc has it
	pidfd int
}

// errPeer refuses whoever is not a sudo of this machine.
var errPeer = errors.New("not a sudo of this machine")

// ticks is USER_HZ, which Linux has fixed at 100 for everything that /proc tells.
const ticks = 100

// identify finds out who connected. Only root may: a real sudo runs as root
// while it loads plugins. A sudo in a container (another view of files or
// processes) is refused: what it would run is not what we see.
func identify(c *net.UnixConn) (*peer, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	var e1, e2 error
	fd := -1
	err = raw.Control(func(s uintptr) {
		cred, e1 = unix.GetsockoptUcred(int(s), unix.SOL_SOCKET, unix.SO_PEERCRED)
		fd, e2 = unix.GetsockoptInt(int(s), unix.SOL_SOCKET, unix.SO_PEERPIDFD)
	})
	if err := errors.Join(err, e1); err != nil {
		return nil, fmt.Errorf("look at the peer: %w", err)
	}
	if cred.Uid != 0 || cred.Pid <= 0 {
		return nil, fmt.Errorf("%w: uid %d, pid %d", errPeer, cred.Uid, cred.Pid)
	}
	if e2 != nil { // before Linux 6.5; the start time below tells a reused pid
		if fd, err = unix.PidfdOpen(int(cred.Pid), 0); err != nil {
			return nil, fmt.Errorf("open the peer: %w", err)
		}
	}
	unix.CloseOnExec(fd)
	p := &peer{pid: int(cred.Pid), pidfd: fd}
	if err := p.look(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// look reads what /proc tells and makes sure afterwards that it was about this
// process and no later one of the same number.
func (p *peer) look() error {
	for _, ns := range []string{"mnt", "pid"} {
		mine, err1 := os.Readlink("/proc/self/ns/" + ns)
		theirs, err2 := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", p.pid, ns))
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("look at the peer: %w", err)
		}
		if mine != theirs {
			return fmt.Errorf("%w: another %s namespace", errPeer, ns)
		}
	}
	start, err := startTicks(p.pid)
	if err != nil {
		return fmt.Errorf("look at the peer: %w", err)
	}
	p.start = start
	if !p.alive() {
		return errGone
	}
	return nil
}

// startTicks is when a process started.
func startTicks(pid int) (uint64, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, err
	}
	// The program's name stands in parentheses and may hold anything.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 20 {
		return 0, errors.New("/proc is not readable")
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

// realUID is who started the process: sudo keeps it until it runs the command.
func (p *peer) realUID() (uint32, error) {
	uid, err := p.statusUID()
	if err == nil && !p.alive() {
		return 0, errGone
	}
	return uid, err
}

// statusUID is the real user of whatever process has the peer's number now.
func (p *peer) statusUID() (uint32, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 5 && f[0] == "Uid:" {
			n, err := strconv.ParseUint(f[1], 10, 32)
			return uint32(n), err
		}
	}
	return 0, errors.New("/proc has no uid")
}

// alive asks the kernel by the descriptor, which no other process can inherit.
func (p *peer) alive() bool { return !p.ended(0) }

// ended waits at most d for the process to end.
func (p *peer) ended(d time.Duration) bool {
	fds := []unix.PollFd{{Fd: int32(p.pidfd), Events: unix.POLLIN}}
	until := time.Now().Add(d)
	for {
		n, err := unix.Poll(fds, int(max(0, time.Until(until)).Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return err != nil || n > 0
	}
}

func (p *peer) close() { unix.Close(p.pidfd) }

// bootTicks is now on the clock of start times.
func bootTicks() (uint64, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0, err
	}
	return uint64(t.Sec)*ticks + uint64(t.Nsec)/(1e9/ticks), nil
}

// rootOwned refuses a file that others than root could change or swap.
func rootOwned(path string) error {
	only, err := privilege.RootOnly(path)
	if err == nil && !only {
		err = fmt.Errorf("%s can be changed by others than root", path)
	}
	return err
}
