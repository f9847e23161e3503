//go:build linux || darwin

package local

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// keys watches the terminal for the one key that counts while somebody waits: b
// leaves the request to go on by itself. Whatever else is typed meanwhile is
// kept for the command, as the terminal itself would have done.
type keys struct {
	tty  *os.File
	old  *unix.Termios
	stop *os.File
	done chan struct{}

	left chan struct{} // closed when b was typed

	mu    sync.Mutex // guards the field below
	ahead []byte     // typed for the command
}

// maxAhead is how much may be typed ahead, as a terminal keeps it.
const maxAhead = 4096

// watchKeys begins to watch; nil where the terminal is not ours to change.
func watchKeys(tty *os.File) *keys {
	if tty == nil || !foreground(tty) {
		return nil
	}
	fd := int(tty.Fd())
	old, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil
	}
	mode := *old
	mode.Lflag &^= unix.ICANON | unix.ECHO // Ctrl-C stays a signal
	mode.Cc[unix.VMIN], mode.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, setTermios, &mode); err != nil {
		r.Close()
		w.Close()
		return nil
	}
	k := &keys{tty: tty, old: old, stop: w, done: make(chan struct{}), left: make(chan struct{})}
	go func() {
		defer close(k.done)
		defer r.Close()
		k.watch(r)
	}()
	return k
}

func (k *keys) watch(stop *os.File) {
	fds := []unix.PollFd{{Fd: int32(k.tty.Fd()), Events: unix.POLLIN}, {Fd: int32(stop.Fd()), Events: unix.POLLIN}}
	buf := make([]byte, 256)
	for {
		if _, err := unix.Poll(fds, -1); err == unix.EINTR {
			continue
		} else if err != nil || fds[1].Revents != 0 || fds[0].Revents&unix.POLLIN == 0 {
			return
		}
		n, err := unix.Read(int(k.tty.Fd()), buf)
		if n <= 0 || err != nil {
			return
		}
		if n == 1 && (buf[0] == 'b' || buf[0] == 'B') {
			close(k.left)
			return
		}
		k.mu.Lock()
		k.ahead = append(k.ahead, buf[:min(n, maxAhead-len(k.ahead))]...)
		k.mu.Unlock()
	}
}

// end gives the terminal back as it was and what was typed ahead. It may be
// called again, and on nil.
func (k *keys) end() []byte {
	if k == nil || k.stop == nil {
		return nil
	}
	_ = k.stop.Close()
	<-k.done
	k.stop = nil
	_ = unix.IoctlSetTermios(int(k.tty.Fd()), setTermios, k.old) // nothing else can be done
	return k.ahead
}

// leaving is closed when the person wants to leave; never on nil.
func (k *keys) leaving() <-chan struct{} {
	if k == nil {
		return nil
	}
	return k.left
}
