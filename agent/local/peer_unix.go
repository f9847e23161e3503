//go:build linux || darwin

package local

import (
	"errors"
	"fmt"

	"github.com/assent-epm/assent/agent/privilege"
)

// usable makes a peer of what the kernel says, unless that is nobody.
func usable(uid, gid uint32, pid int) (peer, error) {
	if uid >= privilege.NoUID || gid == ^uint32(0) || uid == overflowID || pid <= 0 {
		return peer{}, fmt.Errorf("look at the peer: uid %d, gid %d, pid %d", uid, gid, pid)
	}
	user := privilege.UserOf(uid)
	return peer{user: user, pid: pid, from: Caller{PID: pid, User: user}}, nil
}

// credential is what macOS says of who connected: by number, and by an audit token
// that was made when they did.
type credential struct {
	version uint32 // of the form
	uid     uint32
	groups  []uint32 // the primary one first
	pid     int
	token   [8]uint32
}

// xucredVersion is XUCRED_VERSION of sys/ucred.h.
const xucredVersion = 0

// peer is who that is. Where the token is of another process the user still is who
// they are, but the program that asks is not known. started tells when a process
// began.
func (c credential) peer(started func(pid int) (uint64, error)) (peer, error) {
	if len(c.groups) < 1 || c.version != xucredVersion {
		return peer{}, errors.New("look at the peer: its credentials are of an unknown form")
	}
	p, err := usable(c.uid, c.groups[0], c.pid)
	if err != nil {
		return peer{}, err
	}
	if !tokenOf(c.token, c.uid, c.pid) {
		p.pid, p.from.PID = 0, 0
		return p, nil
	}
	p.from.Started, _ = started(p.pid) // 0 is no process: nothing is opened for it
	return p, nil
}
