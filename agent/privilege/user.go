package privilege

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrUser: that is not a user of this system.
var ErrUser = errors.New("no user of this kind of system")

// NoUID is the uid of whoever has none, as users of Windows: nobody's, so that no
// mechanism of Unix takes them for root.
const NoUID = ^uint32(0) - 1

// UserOf names a uid the way users are named everywhere but in the mechanisms of
// Unix: in decimal, see elevation.User.
func UserOf(uid uint32) string { return strconv.FormatUint(uint64(uid), 10) }

// UIDOf is the uid of a user, for the mechanisms that are only on Unix. A SID has
// none: the error wraps [ErrUser].
func UIDOf(user string) (uint32, error) {
	uid, err := strconv.ParseUint(user, 10, 32)
	if err != nil || uid >= uint64(NoUID) || UserOf(uint32(uid)) != user {
		return NoUID, fmt.Errorf("%w: %q", ErrUser, user)
	}
	return uint32(uid), nil
}

// Owner splits a user into what a ledger keeps of them: a uid, or [NoUID] and a
// SID.
func Owner(user string) (uid uint32, sid string, err error) {
	if isSID(user) {
		return NoUID, user, nil
	}
	uid, err = UIDOf(user)
	return uid, "", err
}

// isSID reports whether text is a security identifier in its usual form.
func isSID(text string) bool {
	rest, ok := strings.CutPrefix(text, "S-1-")
	parts := strings.Split(rest, "-")
	if !ok || len(text) > 184 || len(parts) < 2 || len(parts) > 16 {
		return false
	}
	for _, p := range parts {
		if n, err := strconv.ParseUint(p, 10, 48); err != nil || strconv.FormatUint(n, 10) != p {
			return false
		}
	}
	return true
}
