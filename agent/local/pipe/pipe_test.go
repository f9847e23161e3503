package pipe

import (
	"errors"
	"testing"
)

// The access list is what Windows enforces and Wine does not: it is asserted word
// for word. 0x12019b is without 0x4, which would let users make ends of the pipe.
func TestAccess(t *testing.T) {
	const want = "O:S-1-5-18D:P(D;;FA;;;NU)(D;;FA;;;AN)(A;;FA;;;SY)(A;;FA;;;BA)(A;;0x12019b;;;IU)"
	if got := access(ownerFor("S-1-5-18", true)); got != want {
		t.Errorf("got %s", got)
	}
	const self = "S-1-5-21-1-2-3-1001"
	if got := ownerFor(self, true); got != "S-1-5-32-544" {
		t.Errorf("an administrator's is %s", got)
	}
	if got := ownerFor(self, false); got != self {
		t.Errorf("a user's is %s", got)
	}
	if clientAccess&0x4 != 0 || clientAccess&0xc0000 != 0 {
		t.Error("clients may make ends of the pipe, or change who may")
	}
}

func TestJudge(t *testing.T) {
	const user = "S-1-5-21-1-2-3-1001"
	good := facts{level: 1, user: user, groups: []string{"S-1-5-4"}, session: 2, pid: 7}
	got, err := judge(good)
	if want := (Peer{User: user, PID: 7, Session: 2}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, change := range map[string]func(*facts){
		"anonymous level":  func(f *facts) { f.level = 0 },
		"the anonymous":    func(f *facts) { f.user = "S-1-5-7" },
		"no user":          func(f *facts) { f.user = "" },
		"from the network": func(f *facts) { f.groups = append(f.groups, "S-1-5-2") },
		"no process":       func(f *facts) { f.pid = 0 },
	} {
		f := good
		change(&f)
		if got, err := judge(f); !errors.Is(err, ErrPeer) || got != (Peer{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// Whose pipe a client takes: what its own user serves only as long as it has no more
// rights than any program of theirs.
func TestTrusted(t *testing.T) {
	const self, other = "S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1002"
	for owner, want := range map[string]error{"S-1-5-18": nil, "S-1-5-32-544": nil, self: nil, other: ErrServer, "": ErrServer, "S-1-5-32-545": ErrServer, "S-1-5-19": ErrServer} {
		if err := trusted(owner, self, false); !errors.Is(err, want) {
			t.Errorf("owner %q: %v", owner, err)
		}
		if owner == self {
			want = ErrServer
		}
		if err := trusted(owner, self, true); !errors.Is(err, want) {
			t.Errorf("owner %q, for an administrator: %v", owner, err)
		}
	}
	if err := trusted("", "", false); !errors.Is(err, ErrServer) {
		t.Errorf("nobody is nobody's: %v", err)
	}
}

func TestName(t *testing.T) {
	if err := checkName(Name("ab12")); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "assent-ab", `\\server\pipe\assent-ab`, `\\.\pipe\`, `\\.\pipe\a\b`, `\\.\pipe\..\x`, "\\\\.\\pipe\\a\x00b", `C:\assent-ab`} {
		if err := checkName(bad); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
