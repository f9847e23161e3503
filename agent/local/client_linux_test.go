package local

import (
	"errors"
	"testing"
	"time"
)

// An older client, whose flaws may be known, is refused whatever it asks for; and
// nothing that a client could say or carry with it, like a name or a signature,
// is asked for.
func TestE25OldClient(t *testing.T) {
	path := open(t, &desk{}, book{})
	for _, version := range []int{0, 1, Version - 1, Version + 1} {
		c := &conn{c: unixConn{raw(t, path)}}
		if err := c.write(kAsk, ask{Version: version, What: "status"}); err != nil {
			t.Fatal(err)
		}
		f, _, err := c.read(time.Minute, 0)
		if err != nil {
			t.Fatal(err)
		}
		var a answer
		if err := f.into(&a); err != nil || f.Kind != kAnswer || a.Code != "version" || !errors.Is(a.err(), ErrVersion) || a.Status != nil {
			t.Errorf("version %d: %+v, %v", version, a, err)
		}
	}
}

// On macOS the process that asks is known by its audit token: the number of a
// process that is gone may be another program's by now.
func TestE25AuditToken(t *testing.T) {
	var token [8]uint32
	token[tokenUID], token[tokenPID] = 501, 77
	for _, row := range []struct {
		token [8]uint32
		uid   uint32
		pid   int
		want  bool
	}{{token, 501, 77, true}, {token, 502, 77, false}, {token, 501, 78, false}, {[8]uint32{}, 0, 0, false}} {
		if got := tokenOf(row.token, row.uid, row.pid); got != row.want {
			t.Errorf("uid %d, process %d: got %v", row.uid, row.pid, got)
		}
	}
}

// Who connects on macOS is who the kernel says, by a form that is known; a program is
// known only where its number and its token are of one process.
func TestCredential(t *testing.T) {
	is := credential{uid: 501, groups: []uint32{20, 80}, pid: 4711, token: [8]uint32{tokenUID: 501, tokenPID: 4711}}
	started := func(pid int) (uint64, error) { return uint64(pid) * 10, nil }
	p, err := is.peer(started)
	if err != nil || p.user != "501" || p.pid != 4711 || p.from.PID != 4711 || p.from.Started != 47110 {
		t.Errorf("%+v, %v", p, err)
	}
	other := is
	other.token[tokenPID] = 4712
	if p, err := other.peer(started); err != nil || p.user != "501" || p.pid != 0 || p.from.PID != 0 || p.from.Started != 0 {
		t.Errorf("of another process by now: %+v, %v", p, err)
	}
	gone := func(int) (uint64, error) { return 0, errors.New("gone") }
	if p, err := is.peer(gone); err != nil || p.from.Started != 0 {
		t.Errorf("of one that is gone: %+v, %v", p, err)
	}
	for name, change := range map[string]func(*credential){
		"no group":     func(c *credential) { c.groups = nil },
		"another form": func(c *credential) { c.version = 1 },
		"nobody":       func(c *credential) { c.uid = overflowID },
		"no uid":       func(c *credential) { c.uid = ^uint32(0) },
		"no gid":       func(c *credential) { c.groups = []uint32{^uint32(0)} },
		"no process":   func(c *credential) { c.pid = 0 },
	} {
		bad := is
		change(&bad)
		if p, err := bad.peer(started); err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
