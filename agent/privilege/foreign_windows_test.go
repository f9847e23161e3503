package privilege

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Anybody may give a job of theirs any name. One that lets us not look into it is
// not ours, and keeps no grant from ending and nothing from being removed.
func TestForeignJobs(t *testing.T) {
	trees := here(t, t.TempDir())
	sd, err := windows.SecurityDescriptorFromString("D:P(D;;GA;;;WD)")
	if err != nil {
		t.Fatal(err)
	}
	sa := &windows.SecurityAttributes{SecurityDescriptor: sd}
	sa.Length = uint32(unsafe.Sizeof(*sa))
	name, err := windows.UTF16PtrFromString(`Global\` + trees.prefix() + "mallory")
	if err != nil {
		t.Fatal(err)
	}
	job, err := windows.CreateJobObject(sa, name)
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(job)
	if _, err := (processes{}).open(trees.prefix() + "mallory"); err == nil {
		t.Skip("Wine lets everybody into it")
	}
	list, err := trees.List()
	if err != nil || len(list) > 0 {
		t.Errorf("listed: %+v, %v", list, err)
	}
}
