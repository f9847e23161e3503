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
func (Here) Sessions() ([]Session, error) {
	var list *windows.WTS_SESSION_INFO
	var count uint32
	if err := windows.WTSEnumerateSessions(0, 0, 1, &list, &count); err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(list)))
	var all []Session
	for _, info := range unsafe.Slice(list, count) {
		if info.State != windows.WTSActive {
			continue
		}
		token, person, err := loggedIn(info.SessionID)
		if err != nil {
			continue // nobody is in it yet, or any more
		}
		_ = token.Close() // it was only read
		all = append(all, Session{info.SessionID, person})
	}
	return all, nil
}

// loggedIn is the token of who is in a session, which the caller closes.
func loggedIn(session uint32) (token windows.Token, person string, err error) {
	if err := windows.WTSQueryUserToken(session, &token); err != nil {
		return 0, "", fmt.Errorf("find who is in session %d: %w", session, err)
	}
	user, err := token.GetTokenUser()
	if err != nil {
		return 0, "", errors.Join(fmt.Errorf("read who is in session %d: %w", session, err), token.Close())
	}
	return token, user.User.Sid.String(), nil
}

// elevationFull is a token that UAC would have split, and has not.
const elevationFull = 2

// Start implements [Desk].
func (h Here) Start(s Session) error {
	token, person, err := loggedIn(s.ID)
	if err != nil {
		return err
	}
	defer token.Close()
	if person != s.Person {
		return fmt.Errorf("session %d is somebody else's now", s.ID)
	}
	var kind, size uint32
	if err := windows.GetTokenInformation(token, windows.TokenElevationType, (*byte)(unsafe.Pointer(&kind)), uint32(unsafe.Sizeof(kind)), &size); err != nil {
		return fmt.Errorf("read what rights session %d has: %w", s.ID, err)
	}
	if kind == elevationFull {
		return ErrAdministrator
	}
	return h.run(token)
}

// run starts the program with a token, with that person's environment and no file
// of ours.
func (h Here) run(token windows.Token) error {
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
