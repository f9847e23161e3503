package privilege

import (
	"context"
	"errors"
)

// Seat is where somebody sits, by facts of the kernel: the process that leads
// the session of their terminal, the terminal, and their login session. On Windows,
// where terminals have no sessions, the leader is the shell that they typed in. It
// lasts as long as the leader does. The zero value is nowhere.
type Seat struct {
	Leader  int    `cbor:"leader"`  // 0 = not known
	Started uint64 `cbor:"started"` // of the leader, as the system counts
	TTY     int    `cbor:"tty"`     // device number, on Windows the number of their session; 0 = no terminal
	Login   string `cbor:"login"`   // Linux: that of logind; Windows: their session; macOS: their uid; "" = not known
}

// ErrSeat: a process is not where or whose it was said to be.
var ErrSeat = errors.New("the terminal is not there any more")

// SeatOf finds out where a process sits. It must be the one that started then
// and be wholly of that user (elevation.User's UID); else the error wraps [ErrSeat].
func SeatOf(pid int, started uint64, user string) (Seat, error) { return seatOf(pid, started, user) }

// SeatBy is where a process sits that is held, whoever it is by now. ok is false
// when that can not be known.
func SeatBy(pid int) (s Seat, ok bool) { return seatBy(pid) }

// Holds reports whether a process sits in the same terminal. Terminals of other
// sessions of the same user are others, also under the same name.
func (s Seat) Holds(pid int, started uint64) bool {
	return s.Leader > 1 && s.TTY != 0 && s.Alive() && s.holds(pid, started)
}

// Alive reports whether the leader lives.
func (s Seat) Alive() bool { return s.Leader > 1 && s.alive() }

// Gone waits until the leader has ended, or ctx ends.
func (s Seat) Gone(ctx context.Context) error {
	if s.Leader <= 1 {
		return ErrSeat
	}
	return s.gone(ctx)
}

// LoginEvent is what becomes of a login session.
type LoginEvent struct {
	Session string // as a [Seat] calls it
	Locked  bool   // the screen was locked; otherwise the session is over
}
