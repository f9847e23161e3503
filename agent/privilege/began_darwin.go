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
		now, failed := Started(pid)
		err = checkSame(now, started, failed)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watch process %d: %w", pid, err), unix.Close(queue))
	}
	return func(ctx context.Context) error {
		defer unix.Close(queue)
		return begins(ctx, frontQueue{queue, pid})
	}, nil
}

// frontQueue is where the kernel tells of a process.
type frontQueue struct{ queue, pid int }

func (q frontQueue) next() (became, forked, ended bool, err error) {
	events := make([]unix.Kevent_t, 1)
	wait := unix.NsecToTimespec(int64(beganLook))
	n, err := unix.Kevent(q.queue, nil, events, &wait)
	if errors.Is(err, unix.EINTR) {
		return false, false, false, nil
	}
	if err != nil {
		return false, false, false, fmt.Errorf("watch a process: %w", err)
	}
	flags := uint32(0)
	for _, e := range events[:n] {
		flags |= e.Fflags
	}
	return flags&unix.NOTE_EXEC != 0, flags&unix.NOTE_FORK != 0, flags&unix.NOTE_EXIT != 0, nil
}

func (q frontQueue) called() string {
	k, err := unix.SysctlKinfoProc("kern.proc.pid", q.pid)
	if err != nil {
		return ""
	}
	return unix.ByteSliceToString(k.Proc.P_comm[:])
}
