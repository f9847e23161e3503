package local

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/privilege"
)

// peerOf refuses a peer that has no usable identity or is already gone.
func peerOf(c *net.UnixConn) (peer, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return peer{}, fmt.Errorf("look at the peer: %w", err)
	}
	var cred *unix.Ucred
	pidfd, credErr, pidErr := -1, error(nil), error(nil)
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		pidfd, pidErr = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PEERPIDFD)
	})
	if err := errors.Join(err, credErr); err != nil {
		return peer{}, fmt.Errorf("look at the peer: %w", err)
	}
	p, err := usable(cred.Uid, cred.Gid, int(cred.Pid))
	if err != nil {
		closeFD(pidfd, pidErr)
		return peer{}, err
	}
	p.from.Started, _ = privilege.Started(p.pid) // 0 is no process: nothing is opened for it
	switch {
	case errors.Is(pidErr, unix.ENOPROTOOPT):
		p.pid = 0 // an old kernel: the program that asks is not known
		return p, nil
	case pidErr != nil:
		return peer{}, fmt.Errorf("look at the peer: %w", pidErr)
	}
	defer closeFD(pidfd, nil)
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 0); err != nil || n != 0 {
		return peer{}, errors.New("look at the peer: it is gone")
	}
	return p, nil
}

func closeFD(fd int, err error) {
	if err == nil && fd >= 0 {
		_ = unix.Close(fd)
	}
}

// overflowID stands for users of another namespace that this one has no number
// for: it can be anybody.
const overflowID = 65534

func sendAtOnce(fd int, text []byte) error {
	return unix.Sendto(fd, text, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, nil)
}

// withStreams: descriptors are passed here, and a terminal among them is replaced.
func withStreams(c *net.UnixConn) net.Conn { return unixConn{c} }
