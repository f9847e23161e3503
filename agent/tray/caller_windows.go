package tray

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/windows"
)

// MayCall says of a connection to this machine's own address whether the program at
// its other end is of this person: the kernel lists which process has it. Programs
// of others can not be opened, and are others'.
func MayCall() func(c net.Conn) bool {
	self, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return func(net.Conn) bool { return false }
	}
	own := self.User.Sid.String()
	return func(c net.Conn) bool { return ownerOf(c) == own }
}

// ownerOf is the SID of the other end of a connection, "" = not known.
func ownerOf(c net.Conn) string {
	from, err1 := netip.ParseAddrPort(c.RemoteAddr().String())
	to, err2 := netip.ParseAddrPort(c.LocalAddr().String())
	if err1 != nil || err2 != nil || !from.Addr().Is4() || !to.Addr().Is4() {
		return ""
	}
	pid, err := processOf(from, to)
	if err != nil {
		return ""
	}
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return ""
	}
	defer windows.CloseHandle(h)
	var token windows.Token
	if err := windows.OpenProcessToken(h, windows.TOKEN_QUERY, &token); err != nil {
		return ""
	}
	defer token.Close()
	user, err := token.GetTokenUser()
	if err != nil {
		return ""
	}
	return user.User.Sid.String()
}

const (
	tableOfConnections = 4 // TCP_TABLE_OWNER_PID_CONNECTIONS
	tcpRow             = 24
	maxTable           = 16 << 20
)

// processOf is the process that has the end "from" of a connection.
func processOf(from, to netip.AddrPort) (uint32, error) {
	proc := windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetExtendedTcpTable")
	if err := proc.Find(); err != nil {
		return 0, err
	}
	for size := uint32(64 << 10); size <= maxTable; {
		raw := make([]byte, size)
		code, _, _ := proc.Call(uintptr(unsafe.Pointer(&raw[0])), uintptr(unsafe.Pointer(&size)), 0, windows.AF_INET, tableOfConnections, 0)
		if windows.Errno(code) == windows.ERROR_INSUFFICIENT_BUFFER {
			size = max(size, uint32(len(raw))) * 2 // it grows while it is read
			continue
		}
		if code != 0 {
			return 0, windows.Errno(code)
		}
		return inTable(raw, from, to)
	}
	return 0, errors.New("the list of connections is too long")
}

// inTable finds a connection: rows of state, address and port of each end, process.
func inTable(raw []byte, from, to netip.AddrPort) (uint32, error) {
	end := func(row []byte) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(row[:4])), binary.BigEndian.Uint16(row[4:]))
	}
	n := int(binary.LittleEndian.Uint32(raw))
	for rows := raw[4:]; n > 0 && len(rows) >= tcpRow; n, rows = n-1, rows[tcpRow:] {
		if end(rows[4:]) == from && end(rows[12:]) == to {
			return binary.LittleEndian.Uint32(rows[20:]), nil
		}
	}
	return 0, errors.New("the connection is not in the list")
}
