package pipe

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// busyWait is how long one wait for a free end lasts before ctx is looked at.
const busyWait = 200 * time.Millisecond

// Dial opens the agent's pipe. The server learns who we are and can not act as us.
// A pipe that belongs to neither the system, the administrators nor this user is
// refused ([ErrServer]) before a byte is sent.
func Dial(ctx context.Context, name string) (*Conn, error) {
	if err := checkName(name); err != nil {
		return nil, fmt.Errorf("open a pipe: %w", err)
	}
	h, err := open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	if err := checkOwner(h); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", name, err), windows.CloseHandle(h))
	}
	return newConn(h, name), nil
}

func open(ctx context.Context, name string) (windows.Handle, error) {
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return windows.InvalidHandle, err
	}
	for {
		h, err := windows.CreateFile(path, clientAccess, 0, nil, windows.OPEN_EXISTING,
			windows.FILE_FLAG_OVERLAPPED|windows.SECURITY_SQOS_PRESENT|windows.SECURITY_IDENTIFICATION, 0)
		if !errors.Is(err, windows.ERROR_PIPE_BUSY) {
			return h, err
		}
		if err := ctx.Err(); err != nil {
			return windows.InvalidHandle, err
		}
		_ = waitFree(path, busyWait) // the next try says why not
	}
}

func checkOwner(h windows.Handle) error {
	sd, err := windows.GetSecurityInfo(h, windows.SE_KERNEL_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrServer, err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrServer, err)
	}
	self, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrServer, err)
	}
	return trusted(owner.String(), self.User.Sid.String())
}

// exists reports whether a pipe of that name is there, without opening it.
func exists(name string) (bool, error) {
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return false, err
	}
	err = waitFree(path, time.Millisecond)
	if errors.Is(err, windows.ERROR_FILE_NOT_FOUND) {
		return false, nil
	}
	return true, nil // free, or all its ends are in use
}

func waitFree(path *uint16, d time.Duration) error {
	r, _, err := windows.NewLazySystemDLL("kernel32.dll").NewProc("WaitNamedPipeW").Call(uintptr(unsafe.Pointer(path)), uintptr(d.Milliseconds()))
	if r == 0 {
		return err
	}
	return nil
}
