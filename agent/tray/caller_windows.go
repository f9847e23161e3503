package tray

import (
	"net"
	"unsafe"

	"golang.org/x/sys/windows"
)

// MayCall says of a connection to this machine's own address whether the program at
// its other end is of this person: the kernel lists which process has it. Programs
// of others can not be opened, and are others'.
func MayCall() func(c net.Conn) bool { return mayCall(thisTable{}) }

// thisTable is the list of this machine's kernel.
type thisTable struct{}

const tableOfConnections = 4 // TCP_TABLE_OWNER_PID_CONNECTIONS

func (thisTable) self() (string, error) {
	own, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return "", err
	}
	return own.User.Sid.String(), nil
}

func (thisTable) read(into []byte) (size uint32, err error) {
	proc := windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetExtendedTcpTable")
	if err := proc.Find(); err != nil {
		return 0, err
	}
	size = uint32(len(into))
	code, _, _ := proc.Call(uintptr(unsafe.Pointer(&into[0])), uintptr(unsafe.Pointer(&size)), 0, windows.AF_INET, tableOfConnections, 0)
	if windows.Errno(code) == windows.ERROR_INSUFFICIENT_BUFFER {
		return size, errShort
	}
	if code != 0 {
		return 0, windows.Errno(code)
	}
	return size, nil
}

func (thisTable) user(pid uint32) (string, error) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return "", err
	}
	defer windows.CloseHandle(h)
	var token windows.Token
	if err := windows.OpenProcessToken(h, windows.TOKEN_QUERY, &token); err != nil {
		return "", err
	}
	defer token.Close()
	user, err := token.GetTokenUser()
	if err != nil {
		return "", err
	}
	return user.User.Sid.String(), nil
}
