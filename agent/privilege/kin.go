package privilege

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// This file decides where somebody sits on systems whose facts come as a table of
// processes (Windows and macOS). It runs everywhere; seat_*.go have the calls.

// kin is what the kernel says of one living process.
type kin struct {
	parent  int
	started uint64
	user    string // wholly theirs, see elevation.User's UID; "" = of several, or not known
	session uint32 // Windows: in which session it is, 0 = that of services
	leader  int    // macOS: who leads the session of its terminal
	tty     int    // macOS: the terminal's device, 0 = none
}

// kinship tells of processes. An error says that there is none of that number, or
// that nothing can be known of it: both are nobody.
type kinship interface {
	look(pid int) (kin, error)
	// types reports whether a process is a program that people type into: one of a
	// console, with no windows of its own.
	types(pid int) bool
}

// known is what is known of a process that began then, and of no other one.
func known(of kinship, pid int, started uint64) (kin, bool) {
	if pid <= 1 {
		return kin{}, false
	}
	k, err := of.look(pid)
	return k, err == nil && k.started == started
}

// parentOf is who started a process, as long as that lives: one that began later
// has only got its number.
func parentOf(of kinship, k kin) (pid int, parent kin, ok bool) {
	if k.parent <= 1 {
		return 0, kin{}, false
	}
	parent, err := of.look(k.parent)
	if err != nil || parent.started > k.started {
		return 0, kin{}, false
	}
	return k.parent, parent, true
}

// shellSeat is where a process of Windows sits: in the shell that it was called
// from. What was started by a program with windows, by somebody else or by who is
// gone has no shell, and a seat without a leader.
func shellSeat(of kinship, pid int, started uint64, user string) (Seat, error) {
	me, ok := known(of, pid, started)
	switch {
	case !ok, user == "" || me.user != user:
		return Seat{}, fmt.Errorf("%w: process %d is not theirs", ErrSeat, pid)
	case me.session == 0:
		return Seat{}, fmt.Errorf("%w: nobody sits in the session of services", ErrSeat)
	}
	s := Seat{TTY: int(me.session), Login: strconv.FormatUint(uint64(me.session), 10)}
	if up, shell, ok := parentOf(of, me); ok && shell.user == user && shell.session == me.session && of.types(up) {
		s.Leader, s.Started = up, shell.started
	}
	if again, ok := known(of, pid, started); !ok || again != me {
		return Seat{}, fmt.Errorf("%w: process %d has changed", ErrSeat, pid)
	}
	return s, nil
}

// maxGenerations is how far down from a shell somebody is looked for.
const maxGenerations = 64

// descends reports whether a process comes from the shell of a seat, by parents
// that all live: what has lost one of them is in no shell any more.
func descends(of kinship, s Seat, pid int, started uint64) bool {
	k, ok := known(of, pid, started)
	for range maxGenerations {
		if !ok || int(k.session) != s.TTY {
			return false
		}
		if pid == s.Leader {
			return k.started == s.Started
		}
		pid, k, ok = parentOf(of, k)
	}
	return false
}

// terminalSeat is where a process of macOS sits: at a terminal, in the session that
// its leader has opened there.
func terminalSeat(of kinship, pid int, started uint64, user string) (Seat, error) {
	me, ok := known(of, pid, started)
	if !ok || user == "" || me.user != user {
		return Seat{}, fmt.Errorf("%w: process %d is not theirs", ErrSeat, pid)
	}
	s := Seat{TTY: me.tty, Login: user}
	if me.leader > 1 {
		if leader, err := of.look(me.leader); err == nil && leader.leader == me.leader {
			s.Leader, s.Started = me.leader, leader.started
		}
	}
	if again, ok := known(of, pid, started); !ok || again != me {
		return Seat{}, fmt.Errorf("%w: process %d has changed", ErrSeat, pid)
	}
	return s, nil
}

// seated is a seat that has somebody at its head.
func seated(s Seat, err error) (Seat, bool) { return s, err == nil && s.Leader > 1 }

// endedState is the state of a process of macOS that is only not missed yet (SZOMB of
// sys/proc.h).
const endedState = 5

func hasEnded(state int8) bool { return state == endedState }

// macProcess is what macOS says of a process.
type macProcess struct {
	pid, parent    int
	zombie         bool
	started        uint64
	leader         int
	device         int    // of the terminal; below 1 = none
	uid, real, was uint32 // the user that counts, the real one, the one that was kept

	gid, realGID, wasGID uint32 // likewise
}

// errNoProcess: there is none of that number any more.
var errNoProcess = errors.New("there is no such process")

// kin is what counts of it: a process that has only not been missed yet is gone, and
// one that has several people is nobody's.
func (p macProcess) kin(pid int) (kin, error) {
	if p.pid != pid || p.zombie {
		return kin{}, errNoProcess
	}
	k := kin{parent: p.parent, started: p.started, leader: p.leader, tty: max(p.device, 0)}
	if p.real == p.uid && p.was == p.uid {
		k.user = UserOf(p.uid)
	}
	return k, nil
}

// goneAfter waits until something is not alive any more, looking so often.
func goneAfter(ctx context.Context, alive func() bool, often time.Duration) error {
	look := time.NewTicker(often)
	defer look.Stop()
	for alive() {
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// atTerminal reports whether a process sits in the session and at the terminal of a
// seat.
func atTerminal(of kinship, s Seat, pid int, started uint64) bool {
	k, ok := known(of, pid, started)
	return ok && k.leader == s.Leader && k.tty == s.TTY
}

// Where a program of Windows says what it is made for.
const (
	atPE          = 0x3c    // the place of its header
	subsystemAt   = 24 + 68 // from there
	subsystemText = 3       // IMAGE_SUBSYSTEM_WINDOWS_CUI
	maxPE         = 1 << 16
)

// programs tells of the files that processes run.
type programs interface {
	runs(pid int) (path string, err error)
	head(path string, size int) ([]byte, error)
}

// typesInto reports whether a process of Windows runs a program of a console. What is
// not known is none.
func typesInto(of programs, pid int) bool {
	path, err := of.runs(pid)
	if err != nil || !ofThisMachine(path) {
		return false
	}
	head, err := of.head(path, maxPE+4096)
	return err == nil && isConsoleProgram(head)
}

// isConsoleProgram reports whether the first bytes of a file are those of a program
// that works in a console.
func isConsoleProgram(head []byte) bool {
	if len(head) < atPE+4 || string(head[:2]) != "MZ" {
		return false
	}
	at := binary.LittleEndian.Uint32(head[atPE:])
	if at > maxPE || int(at)+subsystemAt+2 > len(head) || string(head[at:at+4]) != "PE\x00\x00" {
		return false
	}
	return binary.LittleEndian.Uint16(head[at+subsystemAt:]) == subsystemText
}
