//go:build linux || darwin

package local

import (
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
