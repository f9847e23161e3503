package local

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/privilege"
)

// peerOf asks for the credentials of the moment of connecting, and for the process
// by number and by audit token, which must agree.
func peerOf(c *net.UnixConn) (peer, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return peer{}, fmt.Errorf("look at the peer: %w", err)
	}
	var cred *unix.Xucred
	var token *unix.ICMPv6Filter // eight numbers, as an audit token is
	var pid int
	var credErr, pidErr, tokenErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
		pid, pidErr = unix.GetsockoptInt(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERPID)
		token, tokenErr = unix.GetsockoptICMPv6Filter(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERTOKEN)
	})
	if err := errors.Join(err, credErr, pidErr, tokenErr); err != nil {
		return peer{}, fmt.Errorf("look at the peer: %w", err)
	}
	groups := cred.Groups[:max(0, min(int(cred.Ngroups), len(cred.Groups)))]
	return credential{version: cred.Version, uid: cred.Uid, groups: groups, pid: pid, token: token.Filt}.peer(privilege.Started)
}

// overflowID is nobody: it can be anybody.
const overflowID = ^uint32(0) - 1

func sendAtOnce(fd int, text []byte) error {
	return unix.Sendto(fd, text, unix.MSG_DONTWAIT, nil)
}

// withStreams: nobody's terminal is handed to a program of root's, so everything is
// relayed.
func withStreams(c *net.UnixConn) net.Conn { return relayedConn{c} }
