package standing

import (
	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/accounts"
)

// setLock is of the open file, and so not lost when another one is closed.
const setLock = unix.F_OFD_SETLK

func keepAttributes(from, to string) { accounts.KeepAttributes(from, to) }
