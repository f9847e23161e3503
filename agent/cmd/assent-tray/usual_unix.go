//go:build linux || darwin

package main

import (
	"net"
	"os"
)

// same reports whether the other end is a program of this person.
func same(c net.Conn) bool {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return false
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return false
	}
	var uid uint32
	var why error
	err = raw.Control(func(fd uintptr) { uid, why = peerUID(fd) })
	return err == nil && why == nil && int(uid) == os.Getuid()
}
