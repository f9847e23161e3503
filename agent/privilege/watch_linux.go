package privilege

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// treeWatch hears of changes by inotify on cgroup.events.
type treeWatch struct{ events *os.File }

// safetyLook: the kernel tells when a v2 tree is emptied, but may leave out the
// last change of a folder that is removed at once.
const safetyLook = time.Second

func (o osTrees) watch(ref TreeRef) watcher {
	if ref.Kind == TreeSessions || ref.Kind == TreeCgroup1 || ref.Dir == "" {
		return newSeldom()
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return newSeldom()
	}
	if _, err := unix.InotifyAddWatch(fd, ref.Dir+"/cgroup.events", unix.IN_MODIFY); err != nil {
		_ = unix.Close(fd)
		return newSeldom()
	}
	// systemd removes an emptied scope before the kernel may have told of it.
	// Only a hint as well: without it the safety look remains.
	_, _ = unix.InotifyAddWatch(fd, ref.Dir, unix.IN_DELETE_SELF)
	return treeWatch{os.NewFile(uintptr(fd), "cgroup.events")}
}

func (w treeWatch) close() { _ = w.events.Close() }

func (w treeWatch) wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.events.SetReadDeadline(time.Now().Add(safetyLook)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = w.events.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var buf [4096]byte
	_, err := w.events.Read(buf[:])
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}
