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
