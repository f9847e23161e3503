package sudo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// inotify notices changes of what decides about rights. The kernel queues
// events while they are made, so looking right before an answer is used is
// never too late.
type inotify struct {
	fd     int // -1 = nothing is noticed now
	dirs   map[int32]string
	closed bool
	begin  func() (fd int, err error)
	now    func() time.Time
	retry  time.Time // while nothing is noticed: not before
}

// watchRest is between two tries to notice changes where the machine had no room
// for it: until then sudo is asked each time.
const watchRest = 30 * time.Second

const watchMask = unix.IN_CLOSE_WRITE | unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_CREATE | unix.IN_DELETE |
	unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR

// watched are the entries of /etc that matter; everything in sudoers.d does,
// except our own rules, which are never in force while sudo is asked.
func watched(dir, name string) bool {
	if dir == sudoersDir {
		return !strings.HasPrefix(name, dropPrefix)
	}
	switch name {
	case "sudoers", "sudoers.d", "sudo.conf", "sudoers.ldap", "passwd", "group", "nsswitch.conf", "hosts", "hostname", "netgroup":
		return true
	}
	return false
}

func watchFiles() changes {
	w := &inotify{fd: -1, now: time.Now, begin: func() (int, error) { return unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK) }}
	w.open()
	return w
}

// open begins to notice changes, if that is possible now.
func (w *inotify) open() {
	w.retry = w.now().Add(watchRest)
	fd, err := w.begin()
	if err != nil {
		return
	}
	w.dirs = map[int32]string{}
	for _, dir := range []string{"/etc", sudoersDir} {
		n, err := unix.InotifyAddWatch(fd, dir, watchMask)
		if errors.Is(err, fs.ErrNotExist) && dir == sudoersDir {
			continue // its making is an event of /etc; until then it has no rules
		}
		if err != nil {
			unix.Close(fd)
			return
		}
		w.dirs[int32(n)] = dir
	}
	w.fd = fd
}

// Changed implements changes.
func (w *inotify) Changed() (changed, ok bool) {
	if w.fd < 0 && !w.closed && !w.now().Before(w.retry) {
		if w.open(); w.fd >= 0 {
			return true, true // what happened before is not known
		}
	}
	if w.fd < 0 {
		return true, false
	}
	buf := make([]byte, 16<<10)
	for {
		n, err := unix.Read(w.fd, buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return changed, true
		case err != nil || n <= 0:
			return true, false
		}
		if w.relevant(buf[:n]) {
			changed = true
		}
	}
}

// relevant reads events. A lost watch or an overflow ends remembering: sudoers.d
// that was replaced as a whole is no longer watched.
func (w *inotify) relevant(events []byte) bool {
	hit := false
	for len(events) >= unix.SizeofInotifyEvent {
		wd := int32(binary.NativeEndian.Uint32(events))
		mask := binary.NativeEndian.Uint32(events[4:])
		size := int(binary.NativeEndian.Uint32(events[12:]))
		if len(events) < unix.SizeofInotifyEvent+size {
			break
		}
		name := string(bytes.TrimRight(events[unix.SizeofInotifyEvent:unix.SizeofInotifyEvent+size], "\x00"))
		events = events[unix.SizeofInotifyEvent+size:]
		switch {
		case mask&(unix.IN_Q_OVERFLOW|unix.IN_IGNORED|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF) != 0,
			w.dirs[wd] == "/etc" && name == "sudoers.d":
			hit = true
			w.again()
		case watched(w.dirs[wd], name):
			hit = true
		}
	}
	return hit
}

// again watches sudoers.d as it is now.
func (w *inotify) again() {
	for wd, dir := range w.dirs {
		if dir == sudoersDir {
			delete(w.dirs, wd)
		}
	}
	if n, err := unix.InotifyAddWatch(w.fd, sudoersDir, watchMask); err == nil {
		w.dirs[int32(n)] = sudoersDir
	} else if _, e := os.Lstat(sudoersDir); e == nil {
		unix.Close(w.fd)
		w.fd = -1 // it is there and can not be watched
	}
}

// Close implements changes.
func (w *inotify) Close() error {
	w.closed = true
	if w.fd < 0 {
		return nil
	}
	err := unix.Close(w.fd)
	w.fd = -1
	return err
}
