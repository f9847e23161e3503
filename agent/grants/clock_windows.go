package grants

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

func systemMoment() Moment {
	m := Moment{Wall: time.Now().UTC().Round(0)}
	m.Boot = sinceBoot()
	if id, err := bootID(); err == nil {
		m.BootID = id
	}
	return m
}

// sinceBoot runs on while the machine sleeps and can not be set. 0 = it can not be
// read, and then everything is due.
func sinceBoot() time.Duration {
	precise := windows.NewLazySystemDLL("kernelbase.dll").NewProc("QueryInterruptTimePrecise")
	if precise.Find() == nil {
		var since uint64 // in steps of 100 ns
		precise.Call(uintptr(unsafe.Pointer(&since)))
		return time.Duration(since) * 100
	}
	return sinceBootCoarse()
}

// sinceBootCoarse is the same in steps of milliseconds, for systems without the other.
func sinceBootCoarse() time.Duration {
	ms, _, _ := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetTickCount64").Call()
	return time.Duration(ms) * time.Millisecond
}

// bootKey lasts until the machine stops: Windows never writes it to the disk.
// Administrators alone can make or change it, and a changed one ends everything.
const bootKey = `SOFTWARE\AssentBoot`

const bootValue = "ID"

// bootID is a text that is another one after each start of the machine.
func bootID() (string, error) { return markedBoot(volatileKey(bootKey), time.Sleep) }

// volatileKey is a key of the registry that is gone after the next start.
type volatileKey string

func (k volatileKey) read() (string, error) {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, string(k), registry.QUERY_VALUE)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read which start of the machine this is: %w", err)
	}
	defer key.Close()
	id, _, err := key.GetStringValue(bootValue)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return id, err
}

func (k volatileKey) claim() (bool, error) {
	const created = 1 // REG_CREATED_NEW_KEY
	key, how, err := k.open()
	if err != nil {
		return false, err
	}
	return how == created, key.Close()
}

func (k volatileKey) write(id string) error {
	key, _, err := k.open()
	if err != nil {
		return err
	}
	return errors.Join(key.SetStringValue(bootValue, id), key.Close())
}

// open opens the key, and makes it where there is none; how tells which it was.
func (k volatileKey) open() (key registry.Key, how uint32, err error) {
	const (
		volatileOnly = 1 // REG_OPTION_VOLATILE
		setValue     = 0x2
	)
	path, err := windows.UTF16PtrFromString(string(k))
	if err != nil {
		return 0, 0, err
	}
	var h windows.Handle
	code, _, _ := windows.NewLazySystemDLL("advapi32.dll").NewProc("RegCreateKeyExW").Call(uintptr(windows.HKEY_LOCAL_MACHINE),
		uintptr(unsafe.Pointer(path)), 0, 0, volatileOnly, setValue, 0, uintptr(unsafe.Pointer(&h)), uintptr(unsafe.Pointer(&how)))
	if code != 0 {
		return 0, 0, fmt.Errorf("note this start of the machine: %w", windows.Errno(code))
	}
	return registry.Key(h), how, nil
}
