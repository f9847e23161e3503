package standing

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// gather is how long changes are gathered before they are told: tools write
// several files, one after the other.
const gather = 300 * time.Millisecond

const watchMask = unix.IN_CLOSE_WRITE | unix.IN_ATTRIB | unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO |
	unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR

// watchRest is between two tries to be told of changes by a kernel that had no room
// for it.
const watchRest = time.Minute

func inotify() (fd int, err error) { return unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK) }

// Watch tells when something that decides about rights may have changed, until ctx
// ends; over waits until nothing of it runs any more. While the kernel can not tell
// it is silent: the caller looks from time to time anyway.
func (s *Standing) Watch(ctx context.Context) (changes <-chan struct{}, over func()) {
	return s.watch(ctx, inotify, watchRest)
}

func (s *Standing) watch(ctx context.Context, begin func() (int, error), rest time.Duration) (changes <-chan struct{}, over func()) {
	out := make(chan struct{}, 1)
	tell := func() {
		select {
		case out <- struct{}{}:
		default:
		}
	}
	var work sync.WaitGroup
	fd, err := begin()
	if err == nil {
		work.Go(s.tells(ctx, fd, tell))
		return out, work.Wait
	}
	work.Go(func() {
		for err != nil {
			if !wait(ctx, rest) {
				return
			}
			fd, err = begin()
		}
		tells := s.tells(ctx, fd, tell)
		tell() // of what happened meanwhile
		tells()
	})
	return out, work.Wait
}

// tells watches the folders as they are now. What it returns tells of changes
// until ctx ends.
func (s *Standing) tells(ctx context.Context, fd int, tell func()) func() {
	events := os.NewFile(uintptr(fd), "inotify")
	dirs := s.watchFolders(fd)
	context.AfterFunc(ctx, func() { _ = events.Close() })
	return func() {
		buf := make([]byte, 16<<10)
		for {
			n, err := events.Read(buf)
			if err != nil {
				return
			}
			if !relevant(buf[:n], dirs) {
				continue
			}
			if !wait(ctx, gather) {
				return
			}
			dirs = s.watchFolders(fd)
			tell()
		}
	}
}

// wait is false when ctx ends before.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// watchFolders watches every folder that the present rules are read from.
func (s *Standing) watchFolders(fd int) map[int32]string {
	dirs := map[int32]string{}
	m := s.readMachine()
	m.polkit()
	m.watch["/etc"] = true
	for dir := range m.watch {
		if n, err := unix.InotifyAddWatch(fd, s.at(dir), watchMask); err == nil {
			dirs[int32(n)] = filepath.Clean(dir)
		}
	}
	return dirs
}

// relevant reports whether events are about more than other files of /etc and
// Assent's own.
func relevant(events []byte, dirs map[int32]string) bool {
	hit := false
	for len(events) >= unix.SizeofInotifyEvent {
		dir, known := dirs[int32(binary.NativeEndian.Uint32(events))]
		size := int(binary.NativeEndian.Uint32(events[12:]))
		if len(events) < unix.SizeofInotifyEvent+size {
			return true
		}
		name := strings.TrimRight(string(events[unix.SizeofInotifyEvent:unix.SizeofInotifyEvent+size]), "\x00")
		events = events[unix.SizeofInotifyEvent+size:]
		switch {
		case strings.HasPrefix(name, ownPrefix):
		case known && dir == "/etc":
			hit = hit || slices.Contains([]string{"sudoers", "sudoers.d", "sudo.conf", "passwd", "group", "nsswitch.conf", "doas.conf", "polkit-1"}, name)
		default:
			hit = true
		}
	}
	return hit
}
