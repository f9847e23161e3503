package localgroup

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Administrators is the administrators' group of this machine.
type Administrators struct{}

var _ Group = Administrators{}

func (Administrators) here() windowsAdmins { return windowsAdmins{netAPI{}} }

// Name is what this machine calls its administrators.
func (g Administrators) Name() (string, error) { return g.here().Name() }

// Members lists the group.
func (g Administrators) Members() ([]Member, error) { return g.here().Members() }

// Add puts an account into the group.
func (g Administrators) Add(sid string) error { return g.here().Add(sid) }

// Remove takes one out.
func (g Administrators) Remove(sid string) error { return g.here().Remove(sid) }

// netAPI is the accounts of this machine.
type netAPI struct{}

var _ accounts = netAPI{}

// Errors of the system about members of local groups.
const (
	noSuchMember = windows.Errno(1387)
	notInAlias   = windows.Errno(1377)
	inAlias      = windows.Errno(1378)
)

// netapi calls a function that answers an error number.
func netapi(name string, args ...uintptr) error {
	proc := windows.NewLazySystemDLL("netapi32.dll").NewProc(name)
	if err := proc.Find(); err != nil {
		return err
	}
	if code, _, _ := proc.Call(args...); code != 0 {
		return windows.Errno(code)
	}
	return nil
}

// Computer implements [accounts].
func (netAPI) Computer() (string, error) { return windows.ComputerName() }

// NameOf implements [accounts].
func (netAPI) NameOf(text string) (string, error) {
	sid, err := windows.StringToSid(text)
	if err != nil {
		return "", err
	}
	name, _, _, err := sid.LookupAccount("")
	return name, err
}

// memberInfo is LOCALGROUP_MEMBERS_INFO_2.
type memberInfo struct {
	sid  *windows.SID
	use  uint32
	name *uint16
}

// Members implements [accounts].
func (netAPI) Members(group string) (out []entry, err error) {
	name, err := windows.UTF16PtrFromString(group)
	if err != nil {
		return nil, err
	}
	var next uintptr
	for {
		var buf *byte
		var read, total uint32
		const level, most = 2, ^uint32(0)
		err := netapi("NetLocalGroupGetMembers", 0, uintptr(unsafe.Pointer(name)), level, uintptr(unsafe.Pointer(&buf)), uintptr(most),
			uintptr(unsafe.Pointer(&read)), uintptr(unsafe.Pointer(&total)), uintptr(unsafe.Pointer(&next)))
		if err != nil && !errors.Is(err, windows.ERROR_MORE_DATA) {
			return nil, err
		}
		if buf != nil {
			for _, m := range unsafe.Slice((*memberInfo)(unsafe.Pointer(buf)), read) {
				out = append(out, entry{SID: m.sid.String(), Use: m.use, Name: windows.UTF16PtrToString(m.name)})
			}
			if freed := windows.NetApiBufferFree(buf); freed != nil {
				return nil, freed
			}
		}
		if err == nil {
			return out, nil
		}
	}
}

// Flags implements [accounts].
func (netAPI) Flags(user string) (uint32, error) {
	account, err := windows.UTF16PtrFromString(user)
	if err != nil {
		return 0, err
	}
	var buf *byte
	if err := windows.NetUserGetInfo(nil, account, 1, &buf); err != nil {
		return 0, err
	}
	defer windows.NetApiBufferFree(buf)
	return (*userInfo)(unsafe.Pointer(buf)).flags, nil
}

// userInfo is USER_INFO_1.
type userInfo struct {
	name, password *uint16
	age, privilege uint32
	home, comment  *uint16
	flags          uint32
	script         *uint16
}

// Add implements [accounts].
func (netAPI) Add(group, sid string) error { return change("NetLocalGroupAddMembers", group, sid) }

// Remove implements [accounts].
func (netAPI) Remove(group, sid string) error { return change("NetLocalGroupDelMembers", group, sid) }

func change(call, group, text string) error {
	name, err := windows.UTF16PtrFromString(group)
	if err != nil {
		return err
	}
	sid, err := windows.StringToSid(text)
	if err != nil {
		return fmt.Errorf("%w: %q", ErrNoAccount, text)
	}
	one := sid // LOCALGROUP_MEMBERS_INFO_0
	err = netapi(call, 0, uintptr(unsafe.Pointer(name)), 0, uintptr(unsafe.Pointer(&one)), 1)
	switch {
	case errors.Is(err, inAlias):
		return ErrMember
	case errors.Is(err, notInAlias):
		return ErrNotMember
	case errors.Is(err, noSuchMember), errors.Is(err, windows.ERROR_NONE_MAPPED):
		return ErrNoAccount
	}
	return err
}
