package privilege

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func seatOf(pid int, started uint64, user string) (Seat, error) {
	uid, err := UIDOf(user)
	if err != nil {
		return Seat{}, fmt.Errorf("%w: %w", ErrSeat, err)
	}
	p, err := readStat(pid)
	if err != nil || p.started != started {
		return Seat{}, errors.Join(ErrSeat, err)
	}
	if err := whollyOf(pid, uid); err != nil {
		return Seat{}, err
	}
	s := Seat{TTY: p.tty, Login: loginOf(pid)}
	if leader, err := readStat(p.session); err == nil && p.session > 1 {
		s.Leader, s.Started = p.session, leader.started
	}
	again, err := readStat(pid)
	if err != nil || again != p && (again.started != started || again.session != p.session || again.tty != p.tty) {
		return Seat{}, errors.Join(ErrSeat, err)
	}
	return s, nil
}

// whollyOf refuses a process that has another user in any of its four uids: it
// may have become a program with rights of its own.
func whollyOf(pid int, uid uint32) error {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSeat, err)
	}
	want := strconv.FormatUint(uint64(uid), 10)
	for line := range strings.Lines(string(raw)) {
		f := strings.Fields(line)
		if len(f) != 5 || f[0] != "Uid:" {
			continue
		}
		if f[1] == want && f[2] == want && f[3] == want && f[4] == want {
			return nil
		}
		break
	}
	return fmt.Errorf("%w: process %d is not of user %d alone", ErrSeat, pid, uid)
}

func seatBy(pid int) (Seat, bool) {
	p, err := readStat(pid)
	if err != nil || p.session <= 1 {
		return Seat{}, false
	}
	leader, err := readStat(p.session)
	if err != nil {
		return Seat{}, false
	}
	return Seat{Leader: p.session, Started: leader.started, TTY: p.tty, Login: loginOf(pid)}, true
}

// Started is when a process began, in clock ticks since boot; with its number
// that is one process and never another.
func Started(pid int) (uint64, error) {
	s, err := readStat(pid)
	return s.started, err
}

var loginScope = regexp.MustCompile(`/session-([A-Za-z0-9]{1,32})\.scope`)

// loginOf is the login session by the place of the process among the service
// manager's groups.
func loginOf(pid int) string {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return ""
	}
	if m := loginScope.FindSubmatch(raw); m != nil {
		return string(m[1])
	}
	return ""
}

func (s Seat) holds(pid int, started uint64) bool {
	p, err := readStat(pid)
	return err == nil && p.started == started && p.session == s.Leader && p.tty == s.TTY
}

func (s Seat) alive() bool {
	p, err := readStat(s.Leader)
	return err == nil && p.started == s.Started && p.state != 'Z' && p.state != 'X'
}

// seatLook is between two looks at whether the wait is still wanted.
const seatLook = time.Second

func (s Seat) gone(ctx context.Context) error {
	fd, err := unix.PidfdOpen(s.Leader, 0)
	if err != nil || !s.alive() { // opened first, looked at then: it is this one
		if err == nil {
			err = unix.Close(fd)
		}
		if !s.alive() {
			return nil
		}
		return fmt.Errorf("watch process %d: %w", s.Leader, err)
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	for ctx.Err() == nil {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(seatLook.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("watch process %d: %w", s.Leader, err)
		}
		if n > 0 {
			return nil
		}
	}
	return ctx.Err()
}

// HasGroup reports whether a process has gid among its supplementary groups, as
// the kernel knows them.
func HasGroup(pid int, gid uint32) (bool, error) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return false, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return statusHas(string(raw), gid), nil
}

func statusHas(status string, gid uint32) bool {
	want := strconv.FormatUint(uint64(gid), 10)
	for line := range strings.Lines(status) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != "Groups:" && f[0] != "Gid:" {
			continue
		}
		for _, g := range f[1:] {
			if g == want {
				return true
			}
		}
	}
	return false
}

// holders are the processes of a user that have the group.
func holders(uid, gid uint32) ([]int, error) {
	all, err := allProcesses()
	if err != nil {
		return nil, err
	}
	var found []int
	for pid, s := range all {
		if s.state == 'Z' || pid == os.Getpid() {
			continue
		}
		raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
		if err != nil {
			continue // ended meanwhile
		}
		if statusUser(string(raw)) == strconv.FormatUint(uint64(uid), 10) && statusHas(string(raw), gid) {
			found = append(found, pid)
		}
	}
	return found, nil
}

func statusUser(status string) string {
	for line := range strings.Lines(status) {
		if f := strings.Fields(line); len(f) == 5 && f[0] == "Uid:" {
			return f[1]
		}
	}
	return ""
}

// endHolders ends the processes of a user that have a group which they were only
// lent: a log-in during that time has it, whatever the group file says by now.
func endHolders(ctx context.Context, m Membership, grace time.Duration, _ string) error {
	uid, gid := m.UID, m.GID
	if uid == 0 || gid == 0 {
		return fmt.Errorf("end what has a lent group: %w", ErrIdentity)
	}
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	sigs := []unix.Signal{unix.SIGTERM, unix.SIGHUP, unix.SIGCONT}
	for round := 0; ; round++ {
		pids, err := holders(uid, gid)
		if err != nil {
			return fmt.Errorf("end what has a lent group: %w", err)
		}
		switch {
		case len(pids) == 0:
			return nil
		case round > maxHolderRounds:
			return fmt.Errorf("end what has a lent group: %w: %d", ErrStillAlive, len(pids))
		}
		for _, pid := range pids {
			for _, sig := range sigs {
				_ = unix.Kill(pid, sig) // gone meanwhile; they are looked for again
			}
		}
		if sigs = nil; ctx.Err() != nil {
			sigs = []unix.Signal{unix.SIGKILL}
		} else {
			round = 0
		}
		<-time.After(seldomLook / 4)
	}
}

const maxHolderRounds = 40
