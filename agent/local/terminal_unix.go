//go:build linux || darwin

package local

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// relay joins the user's terminal with the program's: keys in, text out.
type relay struct {
	master  *os.File
	in      *os.File
	size    *os.File // terminal whose size counts
	out     io.Writer
	restore func()
	ended   atomic.Bool
	copied  chan struct{} // closed when all text is out
}

// followTerminal follows a program under a terminal, whose other end is master, and
// takes that over. With both ends of the conversation on the terminal it is put into
// raw mode: the program's own terminal does everything. When only the input is a
// terminal, lines are passed on as they are typed. What was typed ahead comes first.
func followTerminal(master *os.File, std Streams, tty *os.File, ahead []byte) follower {
	r := &relay{master: poller(master), in: std.In, restore: func() {}, copied: make(chan struct{})}
	inTTY, outTTY := isTerminal(std.In), isTerminal(std.Out)
	switch {
	case outTTY:
		r.out, r.size = std.Out, std.Out
	case isTerminal(std.Err):
		r.out, r.size = std.Err, std.Err
	case tty != nil:
		r.out, r.size = tty, tty
	default:
		r.out = io.Discard
	}
	r.resize()
	keys := r.takeKeys(inTTY, outTTY) // before anything is shown: whoever sees text may type to the program
	go r.copyOut()
	if keys != nil {
		go func() { // ends with the process: a read of a terminal can not be called off
			_, _ = r.master.Write(ahead) // as if typed now
			keys()
		}()
	}
	return r
}

// takeKeys makes the person's terminal ready for the program and returns what
// passes on what is typed, nil when nothing is.
func (r *relay) takeKeys(inTTY, outTTY bool) func() {
	switch {
	case !inTTY || !foreground(r.in):
		return nil
	case !outTTY:
		return r.copyLines
	}
	if old, err := term.MakeRaw(int(r.in.Fd())); err == nil {
		r.restore = func() { _ = term.Restore(int(r.in.Fd()), old) } // nothing else can be done at the end
	}
	return r.copyKeys
}

// foreground reports whether the terminal is ours to change: a job in the
// background would be stopped.
func foreground(f *os.File) bool {
	group, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// poller makes reads of f obey deadlines.
func poller(f *os.File) *os.File {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return f
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return f
	}
	_ = f.Close() // its other descriptor is used from now on
	return os.NewFile(uintptr(fd), "terminal")
}

func (r *relay) resize() {
	if r.size == nil {
		return
	}
	if size, err := unix.IoctlGetWinsize(int(r.size.Fd()), unix.TIOCGWINSZ); err == nil {
		r.control(func(fd int) { _ = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size) }) // only how it looks
	}
}

// control uses the descriptor without taking it out of the poller.
func (r *relay) control(f func(fd int)) {
	if raw, err := r.master.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { f(int(fd)) })
	}
}

func (r *relay) copyOut() {
	defer close(r.copied)
	buf := make([]byte, 32<<10)
	for {
		if r.ended.Load() {
			_ = r.master.SetReadDeadline(time.Now().Add(drainTime))
		}
		n, err := r.master.Read(buf)
		if n > 0 {
			if _, err := r.out.Write(buf[:n]); err != nil {
				r.out = io.Discard // nobody looks; the program goes on
			}
		}
		if err != nil && !(errors.Is(err, os.ErrDeadlineExceeded) && n > 0) {
			return // the other end is closed, or silent after the end
		}
	}
}

func (r *relay) copyKeys() {
	_, _ = io.Copy(r.master, r.in) // ends when either side is gone
}

// copyLines passes typed lines on. While another program on the same terminal
// has taken it out of line mode (a pager at the end of the pipe), the keys are
// that program's.
func (r *relay) copyLines() {
	fd := int(r.in.Fd())
	buf := make([]byte, 4096)
	for !r.ended.Load() {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 200)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		mode, err := unix.IoctlGetTermios(fd, getTermios)
		if n <= 0 || err != nil || mode.Lflag&unix.ICANON == 0 {
			if n > 0 {
				time.Sleep(50 * time.Millisecond) // not ours: do not spin on it
			}
			continue
		}
		got, err := r.in.Read(buf)
		if got == 0 || err != nil {
			_, _ = r.master.Write([]byte{4}) // the terminal's end of file
			return
		}
		if _, err := r.master.Write(bytes.Clone(buf[:got])); err != nil {
			return
		}
	}
}

// finish waits for the last text and gives the terminal back. With told the
// program's end is known; otherwise its terminal's end is waited for.
func (r *relay) finish(told bool) {
	if told {
		r.ended.Store(true)
		_ = r.master.SetReadDeadline(time.Now().Add(drainTime)) // wakes a read that waits
	}
	<-r.copied
	r.ended.Store(true)
	r.restore()
	_ = r.master.Close() // hangs up what is left of it
}
