package tray

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
)

// This file finds who is at the other end of a connection of this machine in the
// list of connections that Windows has; caller_windows.go has the calls. Linux tells
// the user at once, see caller_linux.go.

// table is that list, and whose a process is.
type table interface {
	// self is the user of this program.
	self() (user string, err error)
	// read fills the list in: errShort where there is no room, and size is what the
	// system says that it needs.
	read(into []byte) (size uint32, err error)
	// user is whose a process is; those of others can not be opened.
	user(pid uint32) (string, error)
}

// errShort: the list does not fit.
var errShort = errors.New("the list of connections is longer")

const (
	tcpRow     = 24
	firstTable = 64 << 10
	maxTable   = 16 << 20
)

// mayCall lets whoever is the same user as this program call it, and nobody else,
// nor anybody who is not known.
func mayCall(from table) func(c net.Conn) bool {
	return func(c net.Conn) bool {
		own, err := from.self()
		if err != nil || own == "" {
			return false
		}
		caller, err := callerOf(from, c)
		return err == nil && caller == own
	}
}

// callerOf is the user at the other end of a connection.
func callerOf(from table, c net.Conn) (string, error) {
	theirs, err1 := netip.ParseAddrPort(c.RemoteAddr().String())
	ours, err2 := netip.ParseAddrPort(c.LocalAddr().String())
	if err := errors.Join(err1, err2); err != nil {
		return "", err
	}
	raw, err := wholeTable(from)
	if err != nil {
		return "", err
	}
	pid, err := inTable(raw, theirs, ours)
	if err != nil {
		return "", err
	}
	return from.user(pid)
}

// wholeTable reads the list, which grows while it is read.
func wholeTable(from table) ([]byte, error) {
	for size := uint32(firstTable); size <= maxTable; {
		raw := make([]byte, size)
		needs, err := from.read(raw)
		if !errors.Is(err, errShort) {
			return raw, err
		}
		size = max(needs, size) * 2
	}
	return nil, errors.New("the list of connections is too long")
}

// inTable finds the process that has the end "from" of a connection: rows of state,
// address and port of each end, process.
func inTable(raw []byte, from, to netip.AddrPort) (uint32, error) {
	if !from.Addr().Is4() || !to.Addr().Is4() || len(raw) < 4 {
		return 0, errors.New("the connection can not be in the list")
	}
	end := func(row []byte) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(row[:4])), binary.BigEndian.Uint16(row[4:]))
	}
	n := binary.LittleEndian.Uint32(raw)
	for rows := raw[4:]; n > 0 && len(rows) >= tcpRow; n, rows = n-1, rows[tcpRow:] {
		if end(rows[4:]) == from && end(rows[12:]) == to {
			return binary.LittleEndian.Uint32(rows[20:]), nil
		}
	}
	return 0, errors.New("the connection is not in the list")
}
