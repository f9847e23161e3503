package tray

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
)

// connected is the end of a server of a connection within this program.
func connected(t *testing.T) net.Conn {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	dialled, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dialled.Close() })
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// tableContract is what every list does that has a connection within this program,
// which is process pid of a user.
func tableContract(t *testing.T, from table, c net.Conn, user string, pid uint32) {
	t.Helper()
	if own, err := from.self(); own != user || err != nil {
		t.Errorf("this program is %q's, %v", own, err)
	}
	if size, err := from.read(make([]byte, 8)); !errors.Is(err, errShort) || size <= 8 {
		t.Errorf("without room: %d, %v", size, err)
	}
	raw, err := wholeTable(from)
	if err != nil {
		t.Fatal(err)
	}
	theirs, ours := netip.MustParseAddrPort(c.RemoteAddr().String()), netip.MustParseAddrPort(c.LocalAddr().String())
	if got, err := inTable(raw, theirs, ours); got != pid || err != nil {
		t.Errorf("process %d, %v, want %d", got, err, pid)
	}
	if got, err := inTable(raw, netip.AddrPortFrom(theirs.Addr(), theirs.Port()^1), ours); err == nil {
		t.Errorf("a connection that is not there has process %d", got)
	}
	if got, err := from.user(pid); got != user || err != nil {
		t.Errorf("the process is %q's, %v", got, err)
	}
	if got, err := from.user(0xfffffff0); err == nil {
		t.Errorf("a process that is not there is %q's", got)
	}
	if !mayCall(from)(c) {
		t.Error("a program of the same person may not call")
	}
}

// kernel is a machine with connections and processes. Those of others can not be
// opened by this program.
type kernel struct {
	own      string
	rows     [][2]netip.AddrPort
	pids     []uint32
	users    map[uint32]string
	grows    int // rows that come each time that the list is looked at
	selfFail error
}

func (k *kernel) self() (string, error) { return k.own, k.selfFail }

func (k *kernel) user(pid uint32) (string, error) {
	if who, is := k.users[pid]; is && who == k.own {
		return who, nil
	}
	return "", os.ErrPermission
}

func (k *kernel) read(into []byte) (uint32, error) {
	for range k.grows {
		k.connect("10.0.0.1:1", "10.0.0.2:2", 4)
	}
	raw := binary.LittleEndian.AppendUint32(nil, uint32(len(k.rows)))
	for i, ends := range k.rows {
		raw = binary.LittleEndian.AppendUint32(raw, 5) // established
		for _, end := range ends {
			ip := end.Addr().As4()
			raw = binary.BigEndian.AppendUint16(append(raw, ip[:]...), end.Port())
			raw = append(raw, 0, 0)
		}
		raw = binary.LittleEndian.AppendUint32(raw, k.pids[i])
	}
	if len(raw) > len(into) {
		return uint32(len(raw)), errShort
	}
	return uint32(copy(into, raw)), nil
}

func (k *kernel) connect(from, to string, pid uint32) {
	k.rows = append(k.rows, [2]netip.AddrPort{netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)})
	k.pids = append(k.pids, pid)
}

// both puts both ends of a connection into the list.
func (k *kernel) both(from, to string, caller, own uint32) {
	k.connect(to, from, own)
	k.connect(from, to, caller)
}

func TestKernel(t *testing.T) {
	c := connected(t)
	k := &kernel{own: "mia", users: map[uint32]string{7: "mia"}}
	k.both(c.RemoteAddr().String(), c.LocalAddr().String(), 7, 7)
	tableContract(t, k, c, "mia", 7)
}

// between is a connection of two addresses.
type between struct {
	net.Conn
	from, to string
}

func (b between) RemoteAddr() net.Addr { return name(b.from) }
func (b between) LocalAddr() net.Addr  { return name(b.to) }

type name string

func (name) Network() string  { return "tcp" }
func (n name) String() string { return string(n) }

// The caller is who has the other end, not who has the same address or port, and who
// is not known may not call.
func TestWhoMayCall(t *testing.T) {
	const from, to = "127.0.0.1:50001", "127.0.0.1:9000"
	call := between{from: from, to: to}
	for what, row := range map[string]struct {
		change func(k *kernel)
		call   between
		may    bool
	}{
		"a program of the same person": {func(k *kernel) { k.both(from, to, 7, 9) }, call, true},
		"behind many others": {func(k *kernel) {
			for range 9000 {
				k.connect("127.0.0.1:50001", "127.0.0.1:9001", 8)
			}
			k.both(from, to, 7, 9)
		}, call, true},
		"somebody else's program":          {func(k *kernel) { k.both(from, to, 8, 9) }, call, false},
		"another port of theirs":           {func(k *kernel) { k.both("127.0.0.1:50002", to, 7, 9); k.both(from, to, 8, 9) }, call, false},
		"the same port of another address": {func(k *kernel) { k.both("127.0.0.2:50001", to, 7, 9); k.both(from, to, 8, 9) }, call, false},
		"the same program elsewhere":       {func(k *kernel) { k.both(from, "127.0.0.1:9001", 7, 9) }, call, false},
		"our own end alone":                {func(k *kernel) { k.connect(to, from, 9) }, call, false},
		"nothing":                          {func(*kernel) {}, call, false},
		"a program that is gone":           {func(k *kernel) { k.both(from, to, 70, 9) }, call, false},
		"IPv6":                             {func(k *kernel) { k.both(from, to, 7, 9) }, between{from: "[::1]:50001", to: "[::1]:9000"}, false},
		"no address":                       {func(k *kernel) { k.both(from, to, 7, 9) }, between{from: "pipe", to: to}, false},
		"a list without an end":            {func(k *kernel) { k.both(from, to, 7, 9); k.grows = 800_000 }, call, false},
		"it is not known who we are":       {func(k *kernel) { k.both(from, to, 7, 9); k.selfFail = errors.New("no token") }, call, false},
		"we are nobody":                    {func(k *kernel) { k.both(from, to, 70, 9); k.own = ""; k.users[70] = "" }, call, false},
	} {
		k := &kernel{own: "mia", users: map[uint32]string{7: "mia", 9: "mia", 8: "bob"}}
		row.change(k)
		if got := mayCall(k)(row.call); got != row.may {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// A list that says that it is longer than it is, or is cut, is read as far as it goes.
func TestTableOfOddLength(t *testing.T) {
	k := &kernel{}
	k.connect("127.0.0.1:1", "127.0.0.1:2", 7)
	raw := make([]byte, firstTable)
	n, err := k.read(raw)
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(raw, 1<<31)
	from, to := netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.1:2")
	if pid, err := inTable(raw[:n], from, to); pid != 7 || err != nil {
		t.Errorf("%d, %v", pid, err)
	}
	for n := range n {
		if pid, err := inTable(raw[:n], from, to); err == nil {
			t.Errorf("of %d bytes: process %d", n, pid)
		}
	}
}
