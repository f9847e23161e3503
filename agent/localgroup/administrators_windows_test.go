package localgroup

import (
	"errors"
	"testing"
)

// Wine has no accounts and no groups to change: its calls answer and do nothing.
// The contract is run where they are true.
func TestAdministrators(t *testing.T) {
	g := Administrators{}
	name, err := g.Name()
	if err != nil || name == "" {
		t.Fatalf("%q, %v", name, err)
	}
	list, err := g.Members()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %+v", name, list)
	const account, nobody = "S-1-5-21-0-0-0-1000", "S-1-5-21-9-9-9-4444"
	if err := g.Add(nobody); !errors.Is(err, ErrNoAccount) {
		t.Skipf("Wine puts nobody into groups, and says otherwise (%v): the contract is shown by TestMemory", err)
	}
	contract(t, g, account, nobody)
}
