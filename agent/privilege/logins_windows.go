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
	look := time.NewTicker(loginLook)
	defer look.Stop()
	var was map[string]login
	for {
		is, err := loginsNow()
		if err != nil {
			return fmt.Errorf("watch logins: %w", err)
		}
		for _, e := range loginEvents(was, is) {
			hear(e)
		}
		was = is
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
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

// What the system says of sessions.
const (
	wtsSessionInfoEx = 25 // of WTS_INFO_CLASS
	wtsLocked        = 0  // WTS_SESSIONSTATE_LOCK
	wtsDisconnected  = 4  // nobody sees its screen
)

// loginsNow asks who is logged on, and whose screen is locked.
func loginsNow() (map[string]login, error) {
	var list *windows.WTS_SESSION_INFO
	var n uint32
	if err := windows.WTSEnumerateSessions(0, 0, 1, &list, &n); err != nil {
		return nil, err
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(list)))
	var sessions []uint32
	for _, s := range unsafe.Slice(list, n) {
		if s.SessionID != 0 && s.State != windows.WTSListen { // not of services, nor what waits for somebody
			sessions = append(sessions, s.SessionID)
		}
	}
	return loginsIn(sessions, func(session uint32) (login, error) {
		info, err := sessionInfoOf(session)
		who := windows.UTF16ToString(info.user[:])
		if err != nil || who == "" {
			return login{}, err
		}
		return login{who: windows.UTF16ToString(info.domain[:]) + `\` + who, since: info.logon, locked: info.flags == wtsLocked || info.state == wtsDisconnected}, nil
	})
}

func sessionInfoOf(session uint32) (info sessionInfo, err error) {
	proc := windows.NewLazySystemDLL("wtsapi32.dll").NewProc("WTSQuerySessionInformationW")
	if err := proc.Find(); err != nil {
		return info, err
	}
	var buf uintptr
	var size uint32
	ok, _, err := proc.Call(0, uintptr(session), wtsSessionInfoEx, uintptr(unsafe.Pointer(&buf)), uintptr(unsafe.Pointer(&size)))
	if ok == 0 {
		return info, err
	}
	defer windows.WTSFreeMemory(buf)
	if buf == 0 || uintptr(size) < unsafe.Sizeof(info) {
		return info, fmt.Errorf("the system tells %d bytes", size)
	}
	info = **(**sessionInfo)(unsafe.Pointer(&buf))
	return info, nil
}
