package privilege

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// beganLook is between two looks at whether the wait is still wanted.
const beganLook = 200 * time.Millisecond

// Becomes watches a process that is about to become sudo. began waits until sudo has
// begun the command, and must be called once; the kernel tells each step from the
// moment of Becomes on, so that none is missed.
func Becomes(pid int, started uint64) (began func(context.Context) error, err error) {
	queue, err := unix.Kqueue()
	if err != nil {
		return nil, fmt.Errorf("watch process %d: %w", pid, err)
	}
	watch := unix.Kevent_t{Ident: uint64(pid), Filter: unix.EVFILT_PROC, Flags: unix.EV_ADD | unix.EV_CLEAR, Fflags: unix.NOTE_EXEC | unix.NOTE_FORK | unix.NOTE_EXIT}
	_, err = unix.Kevent(queue, []unix.Kevent_t{watch}, nil, nil)
	if err == nil {
		var now uint64
		if now, err = Started(pid); err == nil && now != started {
			err = ErrNotBegun // another process has its number
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watch process %d: %w", pid, err), unix.Close(queue))
	}
	return func(ctx context.Context) error {
		defer unix.Close(queue)
		return steps(ctx, queue, pid)
	}, nil
}

// steps follows them. Two that come at once are told as one: sudo that has become the
// command at once has another name by then.
func steps(ctx context.Context, queue, pid int) error {
	var seen frontSteps
	for ctx.Err() == nil {
		events := make([]unix.Kevent_t, 1)
		wait := unix.NsecToTimespec(int64(beganLook))
		n, err := unix.Kevent(queue, nil, events, &wait)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("watch a process: %w", err)
		}
		if n <= 0 {
			continue
		}
		flags := events[0].Fflags
		became := flags&unix.NOTE_EXEC != 0
		begun := flags&unix.NOTE_FORK != 0 || became && beyondSudo(pid)
		if done, err := seen.take(became, begun, flags&unix.NOTE_EXIT != 0); done {
			return err
		}
	}
	return seen.late()
}

// beyondSudo reports whether a process that has become another program is not sudo.
func beyondSudo(pid int) bool {
	k, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	return err == nil && unix.ByteSliceToString(k.Proc.P_comm[:]) != "sudo"
}
