package local

// The places of an audit token of macOS, which is eight numbers.
const (
	tokenUID = 1 // the effective one
	tokenPID = 5
)

// tokenOf reports whether an audit token is that of a process of a user. A number
// alone could be another process by now; the token is made when it connects.
func tokenOf(token [8]uint32, uid uint32, pid int) bool {
	return pid > 0 && token[tokenPID] == uint32(pid) && token[tokenUID] == uid
}
