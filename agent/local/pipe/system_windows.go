package pipe

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Listen makes the pipe. [ErrTaken] when somebody has the name: what they would be
// told is not for them, so nothing is shared with them.
func Listen(name string) (*Listener, error) { return listen(here{}, name) }

// Dial opens the agent's pipe. The server learns who we are and can not act as us.
// A pipe that belongs to neither the system, the administrators nor, for a client
// without their rights, this user is refused ([ErrServer]) before a byte is sent.
func Dial(ctx context.Context, name string) (*Conn, error) { return dial(ctx, here{}, name) }

// here is the Windows that this program runs on.
type here struct{}

var _ system = here{}

const bufferSize = 64 << 10

// pipeMode refuses clients of other machines in the kernel.
const pipeMode = windows.PIPE_TYPE_BYTE | windows.PIPE_READMODE_BYTE | windows.PIPE_WAIT | windows.PIPE_REJECT_REMOTE_CLIENTS

func (here) self() (user string, elevated bool, err error) {
	own := windows.GetCurrentProcessToken()
	is, err := own.GetTokenUser()
	if err != nil {
		return "", false, err
	}
	rights, err := number(own, windows.TokenElevation)
	return is.User.Sid.String(), rights != 0, err
}

func (here) exists(name string) (bool, error) {
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return false, err
	}
	if errors.Is(waitFree(path, time.Millisecond), windows.ERROR_FILE_NOT_FOUND) {
		return false, nil
	}
	return true, nil // free, or all its ends are in use
}

func (here) free(name string, within time.Duration) {
	if path, err := windows.UTF16PtrFromString(name); err == nil {
		_ = waitFree(path, within) // who opens it then is told why not
	}
}

func waitFree(path *uint16, d time.Duration) error {
	r, _, err := windows.NewLazySystemDLL("kernel32.dll").NewProc("WaitNamedPipeW").Call(uintptr(unsafe.Pointer(path)), uintptr(d.Milliseconds()))
	if r == 0 {
		return err
	}
	return nil
}

func (here) serve(name, list string, first bool) (end, error) {
	sd, err := windows.SecurityDescriptorFromString(list)
	if err != nil {
		return nil, err
	}
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	sa := &windows.SecurityAttributes{Length: uint32(unsafe.Sizeof(windows.SecurityAttributes{})), SecurityDescriptor: sd}
	flags := map[bool]uint32{true: windows.FILE_FLAG_FIRST_PIPE_INSTANCE}[first]
	h, err := windows.CreateNamedPipe(path, windows.PIPE_ACCESS_DUPLEX|windows.FILE_FLAG_OVERLAPPED|flags, pipeMode,
		windows.PIPE_UNLIMITED_INSTANCES, bufferSize, bufferSize, 0, sa)
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return nil, ErrTaken
	}
	if err != nil {
		return nil, err
	}
	return &handle{Handle: h, name: name}, nil
}

func (here) open(name string) (end, error) {
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateFile(path, clientAccess, 0, nil, windows.OPEN_EXISTING,
		windows.FILE_FLAG_OVERLAPPED|windows.SECURITY_SQOS_PRESENT|windows.SECURITY_IDENTIFICATION, 0)
	if errors.Is(err, windows.ERROR_PIPE_BUSY) {
		return nil, errBusy
	}
	if err != nil {
		return nil, err
	}
	return &handle{Handle: h, name: name}, nil
}

func (here) event() (event, error) {
	h, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return nil, err
	}
	return bell(h), nil
}

// bell is an event of the kernel.
type bell windows.Handle

func (b bell) ring() error  { return windows.SetEvent(windows.Handle(b)) }
func (b bell) close() error { return windows.CloseHandle(windows.Handle(b)) }

// handle is an end of a pipe.
type handle struct {
	windows.Handle
	name    string
	waiting windows.Overlapped // of one meet at a time; the kernel writes to it
}

func (h *handle) close() error   { return windows.CloseHandle(h.Handle) }
func (h *handle) part() error    { return windows.DisconnectNamedPipe(h.Handle) }
func (h *handle) stream() stream { return os.NewFile(uintptr(h.Handle), h.name) }

func (h *handle) meet(over event) error {
	mine, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(mine)
	o := &h.waiting
	*o = windows.Overlapped{HEvent: mine}
	switch err = windows.ConnectNamedPipe(h.Handle, o); {
	case err == nil, errors.Is(err, windows.ERROR_PIPE_CONNECTED):
		return nil
	case errors.Is(err, windows.ERROR_NO_DATA):
		return errWent
	case !errors.Is(err, windows.ERROR_IO_PENDING):
		return err
	}
	which, err := windows.WaitForMultipleObjects([]windows.Handle{mine, windows.Handle(over.(bell))}, false, windows.INFINITE)
	var n uint32
	if err != nil || which != windows.WAIT_OBJECT_0 {
		_ = windows.CancelIoEx(h.Handle, o)                    // it may have ended just now
		_ = windows.GetOverlappedResult(h.Handle, o, &n, true) // o is the kernel's until then
		return errors.Join(net.ErrClosed, err)
	}
	return windows.GetOverlappedResult(h.Handle, o, &n, true)
}

func (h *handle) owner() (string, error) {
	sd, err := windows.GetSecurityInfo(h.Handle, windows.SE_KERNEL_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return "", err
	}
	sid, _, err := sd.Owner()
	if err != nil {
		return "", err
	}
	return sid.String(), nil
}

func (h *handle) act() error {
	r, _, err := windows.NewLazySystemDLL("advapi32.dll").NewProc("ImpersonateNamedPipeClient").Call(uintptr(h.Handle))
	if r == 0 {
		return err
	}
	return nil
}

func (*handle) revert() error { return windows.RevertToSelf() }

func (*handle) token() (token, error) {
	var t windows.Token
	if err := windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &t); err != nil {
		return nil, err
	}
	return tokenOf(t), nil
}

func (h *handle) process() (pid uint32, err error) {
	err = windows.GetNamedPipeClientProcessId(h.Handle, &pid)
	return pid, err
}

func (h *handle) session() (n uint32, err error) {
	r, _, err := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetNamedPipeClientSessionId").Call(uintptr(h.Handle), uintptr(unsafe.Pointer(&n)))
	if r == 0 {
		return 0, err
	}
	return n, nil
}

// tokenOf is a token of the kernel.
type tokenOf windows.Token

func (t tokenOf) close() { _ = windows.Token(t).Close() } // it was only read

func (t tokenOf) facts() (f facts, name string, err error) {
	is := windows.Token(t)
	if f.level, err = number(is, windows.TokenImpersonationLevel); err != nil {
		return f, "", err
	}
	user, err := is.GetTokenUser()
	if err != nil {
		return f, "", err
	}
	f.user = user.User.Sid.String()
	groups, err := is.GetTokenGroups()
	if err != nil {
		return f, "", err
	}
	for _, g := range groups.AllGroups() {
		f.groups = append(f.groups, g.Sid.String())
	}
	if f.session, err = number(is, windows.TokenSessionId); err != nil {
		return f, "", err
	}
	rights, err := number(is, windows.TokenElevation)
	if err != nil {
		return f, "", err
	}
	f.elevated = rights != 0
	if account, domain, _, err := user.User.Sid.LookupAccount(""); err == nil {
		name = domain + `\` + account
	}
	return f, name, nil
}

func number(token windows.Token, class uint32) (n uint32, err error) {
	var size uint32
	err = windows.GetTokenInformation(token, class, (*byte)(unsafe.Pointer(&n)), uint32(unsafe.Sizeof(n)), &size)
	return n, err
}
