package tray

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// MayCall says of a connection to this machine's own address whether the program
// at its other end is of this person: the kernel lists whose it is.
func MayCall() func(c net.Conn) bool {
	own := strconv.Itoa(os.Getuid())
	return func(c net.Conn) bool { return ownerOf(c) == own }
}

// ownerOf is the user of the other end of a connection, "" = not known.
func ownerOf(c net.Conn) string {
	from, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil || !from.Addr().Is4() {
		return ""
	}
	to, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil || !to.Addr().Is4() {
		return ""
	}
	f, err := os.Open("/proc/self/net/tcp")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if w := strings.Fields(lines.Text()); len(w) > 7 && w[1] == asKernel(from) && w[2] == asKernel(to) {
			return w[7]
		}
	}
	return ""
}

// asKernel is an address as that list has it: the bytes of the address backwards,
// since the machines that this runs on count so.
func asKernel(a netip.AddrPort) string {
	b := a.Addr().As4()
	return fmt.Sprintf("%02X%02X%02X%02X:%04X", b[3], b[2], b[1], b[0], a.Port())
}
