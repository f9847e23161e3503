package tray

import (
	"net"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/windows"
)

// The kernel says which process has the other end of a connection, and whose it is.
// Somebody else's can not be shown: Wine has one person.
func TestWhoseConnection(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialled.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	from, to := netip.MustParseAddrPort(c.RemoteAddr().String()), netip.MustParseAddrPort(c.LocalAddr().String())
	if pid, err := processOf(from, to); err != nil || pid != uint32(os.Getpid()) {
		t.Errorf("process %d, %v, want %d", pid, err, os.Getpid())
	}
	if _, err := processOf(netip.AddrPortFrom(from.Addr(), from.Port()^1), to); err == nil {
		t.Error("a connection that is not there has a process")
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	if got := ownerOf(c); got != user.User.Sid.String() || !MayCall()(c) {
		t.Errorf("it is of %q", got)
	}
}
