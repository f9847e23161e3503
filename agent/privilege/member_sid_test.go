package privilege

import (
	"errors"
	"testing"

	"github.com/assent-epm/assent/agent/localgroup"
)

func pcGroup() *localgroup.Memory {
	return &localgroup.Memory{Called: "Administratoren", Accounts: []localgroup.Member{{SID: aliceSID, Name: `PC7\Alice Smith`, Kind: localgroup.User}}}
}

func aliceForAWhile() Membership {
	return Membership{Group: "Administratoren", User: `PC7\Alice Smith`, SID: aliceSID, UID: NoUID, GID: NoUID}
}

func isIn(t *testing.T, g localgroup.Group, want bool) {
	t.Helper()
	if _, in, err := localgroup.Find(g, aliceSID); in != want || err != nil {
		t.Errorf("in the group: %v, %v", in, err)
	}
}

func TestAdministratorForAWhile(t *testing.T) {
	g, m := pcGroup(), aliceForAWhile()
	if err := m.Valid(); err != nil {
		t.Fatal(err)
	}
	if err := m.joinSID(g, func() error { isIn(t, g, false); return nil }); err != nil {
		t.Fatal(err)
	}
	isIn(t, g, true)
	if err := m.joinSID(g, func() error { t.Error("written down for nothing"); return nil }); !errors.Is(err, ErrMember) {
		t.Errorf("a second time: %v", err)
	}
	for range 2 { // taking back what is back is no error
		if err := m.leaveSID(g); err != nil {
			t.Error(err)
		}
		isIn(t, g, false)
	}
	refused := errors.New("the ledger is full")
	if err := m.joinSID(g, func() error { return refused }); !errors.Is(err, refused) {
		t.Error(err)
	}
	isIn(t, g, false)
	g.Accounts = nil
	if err := m.joinSID(g, func() error { return nil }); !errors.Is(err, ErrAccount) {
		t.Errorf("without an account: %v", err)
	}
}

// A change that fails half way, or can not be read back, leaves nobody in, or says
// that it does not know.
func TestAdministratorFails(t *testing.T) {
	broken := errors.New("the service does not answer")
	for _, what := range []string{"add", "remove", "members"} {
		g, m := pcGroup(), aliceForAWhile()
		if what == "remove" {
			if err := g.Add(aliceSID); err != nil {
				t.Fatal(err)
			}
		}
		g.Fail = func(asked string) error {
			if asked == what {
				return broken
			}
			return nil
		}
		do := m.leaveSID
		if what != "remove" {
			do = func(g localgroup.Group) error { return m.joinSID(g, func() error { return nil }) }
		}
		if err := do(g); !errors.Is(err, broken) {
			t.Errorf("%s: %v", what, err)
		}
		g.Fail = nil
		isIn(t, g, what == "remove")
	}
	late, m := pcGroup(), aliceForAWhile()
	looks := 0
	late.Fail = func(asked string) error {
		if asked == "members" {
			if looks++; looks == 2 {
				return broken
			}
		}
		return nil
	}
	if err := m.joinSID(late, func() error { return nil }); !errors.Is(err, broken) {
		t.Errorf("read back: %v", err)
	}
	isIn(t, late, false)
}

func TestMembershipOfOneKind(t *testing.T) {
	for name, change := range map[string]func(*Membership){
		"the system":     func(m *Membership) { m.SID = "S-1-5-18" },
		"a group":        func(m *Membership) { m.SID = "S-1-5-32-545" },
		"no name":        func(m *Membership) { m.User = "" },
		"no group":       func(m *Membership) { m.Group = "" },
		"root's number":  func(m *Membership) { m.UID = 0 },
		"a file of Unix": func(m *Membership) { m.File = "/etc/group" },
	} {
		m := aliceForAWhile()
		change(&m)
		if err := m.Valid(); err == nil {
			t.Errorf("%s: it is valid", name)
		}
		if err := m.Join(func() error { t.Errorf("%s: written down", name); return nil }); err == nil {
			t.Errorf("%s: joined", name)
		}
	}
}
