//go:build linux || darwin

package local

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// openTerminal opens the terminal that controls this process, nil = there is none.
func openTerminal() *os.File {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	return f
}

// heardSignals are those that the client takes for itself or for the program.
func heardSignals() []os.Signal {
	return []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH}
}

func isResize(s syscall.Signal) bool { return s == unix.SIGWINCH }

// passedOn reports whether a client may send a signal to its program.
func passedOn(s syscall.Signal) bool {
	switch s {
	case unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, unix.SIGCONT, unix.SIGWINCH:
		return true
	}
	return false
}

// folder is the working folder without any link in it: the environment's idea
// of it may have some.
func folder() (string, error) { return unix.Getwd() }

// terminalOf names where somebody sits: by the session of processes that has it.
func terminalOf(p peer) string {
	sid, err := unix.Getsid(p.pid)
	if err != nil || sid <= 0 {
		return ""
	}
	return strconv.Itoa(sid)
}

// endsLine are the bytes that end a line, also that of Enter on a terminal out of
// line mode.
const endsLine = "\n\r"

// hideTyping keeps what is typed from being shown until show is called.
func hideTyping(tty *os.File) (show func(), err error) {
	fd := int(tty.Fd())
	old, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, err
	}
	hidden := *old
	hidden.Lflag &^= unix.ECHO
	hidden.Lflag |= unix.ICANON | unix.ISIG
	if err := unix.IoctlSetTermios(fd, setTermiosTo, &hidden); err != nil { // what was typed before is no password
		return nil, err
	}
	return func() { _ = unix.IoctlSetTermios(fd, setTermios, old) }, nil // nothing else can be done
}

// unlessStopped reads a line unless the prompt is taken away before one is there.
// What was begun then is thrown away: it was never meant for the command.
func (p prompt) unlessStopped() (string, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	over := make(chan struct{})
	defer close(over)
	go func() {
		defer w.Close()
		select {
		case <-p.stop:
		case <-over:
		}
	}()
	fds := []unix.PollFd{{Fd: int32(p.in.Fd()), Events: unix.POLLIN}, {Fd: int32(r.Fd()), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return "", err
		case fds[1].Revents != 0:
			_ = forgetTyped(int(p.in.Fd())) // at worst the person sees it again
			fmt.Fprint(p.out, "\r\x1b[K")
			return "", errStopped
		default:
			return p.read()
		}
	}
}
