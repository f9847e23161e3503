package privilege

import (
	"context"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// loginLook is between two looks at who is logged on.
const loginLook = 2 * time.Second

// WatchLogins calls hear for every session whose screen is locked or that is over,
// until ctx ends. It looks again and again: the system tells a service of changes,
// but not an agent in the foreground, and not of those that it missed.
func WatchLogins(ctx context.Context, hear func(LoginEvent)) error {
	return pollLogins(ctx, loginLook, func(context.Context) (map[string]login, error) { return windowsLogins(processes{}) }, hear)
}

// sessionInfo is WTSINFOEX_LEVEL1 behind its level.
type sessionInfo struct {
	level   uint32
	_       uint32
	session uint32
	state   uint32
	flags   int32
	station [33]uint16
	user    [21]uint16
	domain  [18]uint16
	logon   int64
}

const wtsSessionInfoEx = 25 // of WTS_INFO_CLASS

func (processes) sessions() ([]terminal, error) {
	var list *windows.WTS_SESSION_INFO
	var n uint32
	if err := windows.WTSEnumerateSessions(0, 0, 1, &list, &n); err != nil {
		return nil, err
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(list)))
	var all []terminal
	for _, s := range unsafe.Slice(list, n) {
		all = append(all, terminal{number: s.SessionID, state: s.State})
	}
	return all, nil
}

func (processes) occupant(session uint32) (occupant, error) {
	proc := windows.NewLazySystemDLL("wtsapi32.dll").NewProc("WTSQuerySessionInformationW")
	if err := proc.Find(); err != nil {
		return occupant{}, err
	}
	var buf uintptr
	var size uint32
	ok, _, err := proc.Call(0, uintptr(session), wtsSessionInfoEx, uintptr(unsafe.Pointer(&buf)), uintptr(unsafe.Pointer(&size)))
	if ok == 0 {
		return occupant{}, err
	}
	defer windows.WTSFreeMemory(buf)
	if buf == 0 || uintptr(size) < unsafe.Sizeof(sessionInfo{}) {
		return occupant{}, fmt.Errorf("the system tells %d bytes", size)
	}
	info := **(**sessionInfo)(unsafe.Pointer(&buf))
	return occupant{user: windows.UTF16ToString(info.user[:]), domain: windows.UTF16ToString(info.domain[:]), since: info.logon, state: info.state, flags: info.flags}, nil
}
