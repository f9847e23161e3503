package notify

import (
	"net"

	"golang.org/x/sys/unix"
)

// unsent is how many bytes the other side has not acknowledged yet. TLS adds some to
// each record, so this is never too few.
func (w *wire) unsent() int64 {
	tcp, ok := w.raw.(*net.TCPConn)
	if !ok {
		return 0
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0
	}
	left := 0
	if err := raw.Control(func(fd uintptr) { left, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); err != nil {
		return 0
	}
	return int64(left)
}
