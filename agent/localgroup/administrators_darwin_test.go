package localgroup

import (
	"os"
	"strconv"
	"testing"
)

// What a Mac says itself has the form that is read here.
func TestAdministratorsOfThisMac(t *testing.T) {
	g := Administrators{}
	list, err := g.Members()
	if err != nil {
		t.Fatal(err)
	}
	root, in, err := Find(g, "FFFFEEEE-DDDD-CCCC-BBBB-AAAA00000000")
	if err != nil || !in || root.Name != "root" || root.Kind != User {
		t.Errorf("root among %+v: %v", list, err)
	}
	sid, err := Identify(strconv.Itoa(os.Getuid()))
	if err != nil || !IsUUID(sid) {
		t.Errorf("%q, %v", sid, err)
	}
	people, groups, err := Directory()
	if err != nil || len(people) == 0 || len(groups) == 0 {
		t.Errorf("%d people, %d groups, %v", len(people), len(groups), err)
	}
	account := os.Getenv("ASSENT_TEST_ACCOUNT")
	if os.Geteuid() != 0 || account == "" {
		t.Skip("the contract changes who is administrator: it needs root and ASSENT_TEST_ACCOUNT, the number of an account that is none")
	}
	if sid, err = Identify(account); err != nil {
		t.Fatal(err)
	}
	contract(t, g, sid, "0A1B2C3D-0000-4000-8000-000000000999")
}
