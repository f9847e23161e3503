package local

import "golang.org/x/sys/unix"

// The calls that change a terminal: now, and after throwing away what was typed.
const (
	getTermios   = unix.TIOCGETA
	setTermios   = unix.TIOCSETA
	setTermiosTo = unix.TIOCSETAF
)

// forgetTyped throws away what was typed and not read.
func forgetTyped(fd int) error { return unix.IoctlSetPointerInt(fd, unix.TIOCFLUSH, 1) }
