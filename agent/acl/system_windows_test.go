package acl

import (
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/windows"
)

// TestWindows: where the modes of the system below stand in place of lists, as in
// Wine, what they say is not asserted.
func TestWindows(t *testing.T) {
	here := Windows{}
	path := filepath.Join(t.TempDir(), "probe")
	if err := here.Make(path); err != nil {
		t.Fatal(err)
	}
	l, err := here.List(path)
	if err != nil {
		t.Fatal(err)
	}
	if contract(t, here, l.secret()); !l.secret() {
		t.Skipf("Wine has the modes of the system below in place of lists: %+v", l)
	}
}

// A list as Windows writes it down is read as what it says.
func TestListAsWritten(t *testing.T) {
	sd, err := windows.SecurityDescriptorFromString("O:BAD:P(D;;FA;;;WD)(A;OICIIO;FA;;;BU)(A;;FR;;;S-1-5-21-1-2-3-1001)(A;;FA;;;SY)")
	if err != nil {
		t.Fatal(err)
	}
	got, err := parse(sd)
	want := []Entry{{user, 0x120089}, {system, full}}
	if err != nil || got.Owner != administrators || !got.Protected || got.Missing || !slices.Equal(got.Allow, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	open, err := windows.SecurityDescriptorFromString("O:SY")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parse(open); err != nil || !got.Missing || got.Owner != system {
		t.Errorf("without a list: %+v, %v", got, err)
	}
}
