package privilege

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Calls of the system that have no other door than ntdll.

// native calls a function of ntdll that answers a status.
func native(name string, args ...uintptr) error {
	proc := windows.NewLazySystemDLL("ntdll.dll").NewProc(name)
	if err := proc.Find(); err != nil {
		return fmt.Errorf("%s: %w", name, errors.ErrUnsupported)
	}
	if status, _, _ := proc.Call(args...); status != 0 {
		return windows.NTStatus(status)
	}
	return nil
}

// permanent lets the name of an object outlive whoever holds it; only the
// system may.
func (processes) permanent(job handle) error {
	return native("NtMakePermanentObject", uintptr(job))
}

func (processes) temporary(job handle) error {
	if err := native("NtMakeTemporaryObject", uintptr(job)); err != nil {
		return fmt.Errorf("let the job's name go: %w", err)
	}
	return nil
}

// Rights to a folder of objects.
const (
	directoryQuery    = 0x1
	directoryTraverse = 0x2
)

// objectEntry is one answer of the system about a folder of objects.
type objectEntry struct{ name, kind windows.NTUnicodeString }

// names lists the job objects that every session sees.
func (processes) names() ([]string, error) {
	path, err := windows.NewNTUnicodeString(`\BaseNamedObjects`)
	if err != nil {
		return nil, err
	}
	attributes := &windows.OBJECT_ATTRIBUTES{ObjectName: path}
	attributes.Length = uint32(unsafe.Sizeof(*attributes))
	var dir windows.Handle
	if err := native("NtOpenDirectoryObject", uintptr(unsafe.Pointer(&dir)), directoryQuery|directoryTraverse, uintptr(unsafe.Pointer(attributes))); err != nil {
		return nil, fmt.Errorf("open the folder of objects: %w", err)
	}
	defer windows.CloseHandle(dir)
	var names []string
	buf := make([]uint64, 160<<10/8) // anybody can make an object, and a name has up to 64 KiB
	for context, first := uint32(0), uintptr(1); ; first = 0 {
		err := native("NtQueryDirectoryObject", uintptr(dir), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)*8), 1, first, uintptr(unsafe.Pointer(&context)), 0)
		if errors.Is(err, windows.STATUS_NO_MORE_ENTRIES) {
			return names, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list the folder of objects: %w", err)
		}
		entry := (*objectEntry)(unsafe.Pointer(&buf[0]))
		if entry.kind.String() == "Job" {
			names = append(names, entry.name.String())
		}
	}
}
