package privilege

import (
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Somebody's object with a name as long as the system allows hides no job.
func TestNamesBesideALongOne(t *testing.T) {
	name, err := windows.NewNTUnicodeString(`\BaseNamedObjects\` + strings.Repeat("x", 32<<10-30))
	if err != nil {
		t.Fatal(err)
	}
	attributes := &windows.OBJECT_ATTRIBUTES{ObjectName: name}
	attributes.Length = uint32(unsafe.Sizeof(*attributes))
	var event windows.Handle
	if err := native("NtCreateEvent", uintptr(unsafe.Pointer(&event)), windows.EVENT_ALL_ACCESS, uintptr(unsafe.Pointer(attributes)), 0, 0); err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(event)
	if _, err := (processes{}).names(); err != nil {
		t.Error(err)
	}
}
