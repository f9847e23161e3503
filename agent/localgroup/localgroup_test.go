package localgroup

import (
	"errors"
	"slices"
	"testing"
)

// contract is what every group does. account is one of the machine that is not in
// it, and is left as it was; nobody is the SID of no account.
func contract(t *testing.T, g Group, account, nobody string) {
	t.Helper()
	if name, err := g.Name(); name == "" || err != nil {
		t.Errorf("name %q, %v", name, err)
	}
	before, err := g.Members()
	if err != nil {
		t.Fatal(err)
	}
	if _, in, err := Find(g, account); in || err != nil {
		t.Fatalf("in it at first: %v, %v", in, err)
	}
	if err := g.Remove(account); !errors.Is(err, ErrNotMember) {
		t.Errorf("take out who is not in: %v", err)
	}
	if err := g.Add(nobody); !errors.Is(err, ErrNoAccount) {
		t.Errorf("put nobody in: %v", err)
	}
	if err := g.Add(account); err != nil {
		t.Fatal(err)
	}
	m, in, err := Find(g, account)
	if !in || err != nil || m.Kind != User || m.Name == "" {
		t.Errorf("put in: %+v, %v, %v", m, in, err)
	}
	if err := g.Add(account); !errors.Is(err, ErrMember) {
		t.Errorf("put in twice: %v", err)
	}
	if err := g.Remove(account); err != nil {
		t.Error(err)
	}
	after, err := g.Members()
	if err != nil || !slices.Equal(before, after) {
		t.Errorf("was %+v, is %+v, %v", before, after, err)
	}
}

func TestMemory(t *testing.T) {
	g := &Memory{Called: "Administratoren", Accounts: []Member{{SID: "S-1-5-21-1-2-3-500", Name: `PC\Administrator`, Kind: User}, {SID: "S-1-5-21-1-2-3-1001", Name: `PC\alice`, Kind: User}}}
	if err := g.Add("S-1-5-21-1-2-3-500"); err != nil {
		t.Fatal(err)
	}
	contract(t, g, "S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-4444")
	g.Accounts = g.Accounts[1:]
	if m, in, err := Find(g, "S-1-5-21-1-2-3-500"); !in || err != nil || m.Kind != Unknown {
		t.Errorf("whose account is gone: %+v, %v, %v", m, in, err)
	}
}
