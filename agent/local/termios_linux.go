package local

import "golang.org/x/sys/unix"

// The calls that change a terminal: now, and after throwing away what was typed.
const (
	getTermios   = unix.TCGETS
	setTermios   = unix.TCSETS
	setTermiosTo = unix.TCSETSF
)

// forgetTyped throws away what was typed and not read.
func forgetTyped(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) }
