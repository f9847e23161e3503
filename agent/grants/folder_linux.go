package grants

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// watchFolder tells when files of dir were replaced, added or removed. Where
// that can not be had the channel stays silent: it is only a hint.
func watchFolder(dir string) (changes <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return c, func() {}
	}
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MOVED_TO|unix.IN_DELETE); err != nil {
		_ = unix.Close(fd)
		return c, func() {}
	}
	events := os.NewFile(uintptr(fd), dir)
	var reader sync.WaitGroup
	reader.Go(func() {
		var buf [4096]byte
		for {
			if _, err := events.Read(buf[:]); err != nil {
				return
			}
			select {
			case c <- struct{}{}:
			default:
			}
		}
	})
	return c, func() {
		_ = events.Close()
		reader.Wait()
	}
}
