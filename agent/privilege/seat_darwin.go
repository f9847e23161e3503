package privilege

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// processes is what macOS says of its processes.
type processes struct{}

var _ kinship = processes{}

func (processes) look(pid int) (kin, error) {
	is, err := lookMac(pid)
	if err != nil {
		return kin{}, err
	}
	return is.kin(pid)
}

// types is not asked on macOS, which knows of terminals.
func (processes) types(int) bool { return false }

func seatOf(pid int, started uint64, user string) (Seat, error) {
	return terminalSeat(processes{}, pid, started, user)
}

func seatBy(pid int) (Seat, bool) {
	k, err := processes{}.look(pid)
	if err != nil {
		return Seat{}, false
	}
	return seated(terminalSeat(processes{}, pid, k.started, k.user))
}

// Started is when a process began, in microseconds since 1970; with its number that
// is one process and never another.
func Started(pid int) (uint64, error) {
	k, err := processes{}.look(pid)
	if err != nil {
		return 0, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return k.started, nil
}

func (s Seat) holds(pid int, started uint64) bool { return atTerminal(processes{}, s, pid, started) }

func (s Seat) alive() bool {
	_, ok := known(processes{}, s.Leader, s.Started)
	return ok
}

// seatLook is between two looks at whether somebody still sits there.
const seatLook = 500 * time.Millisecond

func (s Seat) gone(ctx context.Context) error { return goneAfter(ctx, s.alive, seatLook) }

// HasGroup is not asked here: who is administrator is asked of the directory, each
// time, and not of a process.
func HasGroup(int, uint32) (bool, error) { return false, errors.ErrUnsupported }

// endHolders has nothing to end: a process of macOS has no rights of its own by the
// group admin, it is asked for at each use.
func endHolders(context.Context, Membership, time.Duration, string) error { return nil }
