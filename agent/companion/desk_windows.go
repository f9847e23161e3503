package companion

import (
	"errors"
	"fmt"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// Here is the Windows that this service runs on.
type Here struct {
	Program string // the program, in a folder that only administrators change
	Entry   string // the value of the Run key that starts it at log-in
}

var _ Desk = Here{}

const runKey = `SOFTWARE\Microsoft\Windows\CurrentVersion\Run`

// Wanted implements [Desk].
func (h Here) Wanted() (bool, error) {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, runKey, registry.QUERY_VALUE|registry.WOW64_64KEY)
	if errors.Is(err, registry.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look what starts at log-in: %w", err)
	}
	defer key.Close()
	switch _, _, err := key.GetValue(h.Entry, nil); {
	case err == nil:
		return true, nil
	case errors.Is(err, registry.ErrNotExist):
		return false, nil
	default:
		return false, fmt.Errorf("look what starts at log-in: %w", err)
	}
}

// Sessions implements [Desk].
func (Here) Sessions() (all []Place, err error) {
	var list *windows.WTS_SESSION_INFO
	var count uint32
	if err := windows.WTSEnumerateSessions(0, 0, 1, &list, &count); err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(list)))
	for _, info := range unsafe.Slice(list, count) {
		all = append(all, Place{info.SessionID, info.State == windows.WTSActive})
	}
	return all, nil
}

// Sit implements [Desk].
func (h Here) Sit(session uint32) (Seat, error) {
	var token windows.Token
	if err := windows.WTSQueryUserToken(session, &token); err != nil {
		return nil, err
	}
	return seat{h, token}, nil
}

// seat is the token of who is in a session.
type seat struct {
	here  Here
	token windows.Token
}

// Who implements [Seat]. A token has an administrator's rights where UAC would have
// split it and has not, and where there is no UAC for who has it.
func (s seat) Who() (Sitter, error) {
	user, err := s.token.GetTokenUser()
	if err != nil {
		return Sitter{}, err
	}
	var elevated, size uint32
	if err := windows.GetTokenInformation(s.token, windows.TokenElevation, (*byte)(unsafe.Pointer(&elevated)), uint32(unsafe.Sizeof(elevated)), &size); err != nil {
		return Sitter{}, err
	}
	return Sitter{Person: user.User.Sid.String(), Administrator: elevated != 0}, nil
}

// Leave implements [Seat].
func (s seat) Leave() { _ = s.token.Close() } // nothing was changed

// Start implements [Seat]. The program has that person's environment and no file of
// ours.
func (s seat) Start() error {
	h, token := s.here, s.token
	var environment *uint16
	if err := windows.CreateEnvironmentBlock(&environment, token, false); err != nil {
		return fmt.Errorf("make an environment: %w", err)
	}
	defer func() { _ = windows.DestroyEnvironmentBlock(environment) }()
	program, err1 := windows.UTF16PtrFromString(h.Program)
	line, err2 := windows.UTF16PtrFromString(windows.EscapeArg(h.Program))
	folder, err3 := windows.UTF16PtrFromString(filepath.Dir(h.Program))
	desktop, err4 := windows.UTF16PtrFromString(`winsta0\default`)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	begin := windows.StartupInfo{Desktop: desktop}
	begin.Cb = uint32(unsafe.Sizeof(begin))
	var made windows.ProcessInformation
	if err := windows.CreateProcessAsUser(token, program, line, nil, nil, false, windows.CREATE_UNICODE_ENVIRONMENT|windows.CREATE_NEW_PROCESS_GROUP,
		environment, folder, &begin, &made); err != nil {
		return fmt.Errorf("start %s: %w", h.Program, err)
	}
	return errors.Join(windows.CloseHandle(made.Thread), windows.CloseHandle(made.Process))
}
