package localgroup

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Administrators is the administrators' group of this machine.
type Administrators struct{}

var _ Group = Administrators{}

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

// Name is what this machine calls its administrators.
func (Administrators) Name() (string, error) {
	sid, err := windows.StringToSid(AdministratorsSID)
	if err != nil {
		return "", err
	}
	name, _, _, err := sid.LookupAccount("")
	if err != nil {
		return "", fmt.Errorf("find the administrators' group: %w", err)
	}
	return name, nil
}

func (g Administrators) nameUTF16() (*uint16, error) {
	name, err := g.Name()
	if err != nil {
		return nil, err
	}
	return windows.UTF16PtrFromString(name)
}

// memberInfo is LOCALGROUP_MEMBERS_INFO_2.
type memberInfo struct {
	sid  *windows.SID
	use  uint32
	name *uint16
}

// Members lists the group.
func (g Administrators) Members() ([]Member, error) {
	name, err := g.nameUTF16()
	if err != nil {
		return nil, err
	}
	var out []Member
	var next uintptr
	for {
		var buf *byte
		var read, total uint32
		const level, most = 2, ^uint32(0)
		err := netapi("NetLocalGroupGetMembers", 0, uintptr(unsafe.Pointer(name)), level, uintptr(unsafe.Pointer(&buf)), uintptr(most),
			uintptr(unsafe.Pointer(&read)), uintptr(unsafe.Pointer(&total)), uintptr(unsafe.Pointer(&next)))
		if err != nil && !errors.Is(err, windows.ERROR_MORE_DATA) {
			return nil, fmt.Errorf("list the administrators: %w", err)
		}
		if buf != nil {
			for _, m := range unsafe.Slice((*memberInfo)(unsafe.Pointer(buf)), read) {
				out = append(out, member(m))
			}
			if freed := windows.NetApiBufferFree(buf); freed != nil {
				return nil, fmt.Errorf("list the administrators: %w", freed)
			}
		}
		if err == nil {
			break
		}
	}
	slices.SortFunc(out, func(a, b Member) int { return cmp.Compare(a.SID, b.SID) })
	return out, nil
}

func member(m memberInfo) Member {
	out := Member{SID: m.sid.String(), Kind: kindOf(m.use)}
	if m.name != nil {
		out.Name = windows.UTF16PtrToString(m.name)
	}
	if out.Name == "" || out.Kind == Unknown {
		out.Name = out.SID
	}
	if out.Kind == User {
		out.Disabled = disabled(out.Name)
	}
	return out
}

func kindOf(use uint32) Kind {
	switch use {
	case windows.SidTypeUser:
		return User
	case windows.SidTypeGroup, windows.SidTypeAlias:
		return Nested
	case windows.SidTypeWellKnownGroup:
		return Special
	}
	return Unknown
}

// disabled reports whether an account of this machine is switched off.
func disabled(name string) bool {
	computer, err := windows.ComputerName()
	domain, user, ok := strings.Cut(name, `\`)
	if err != nil || !ok || !strings.EqualFold(domain, computer) {
		return false
	}
	account, err := windows.UTF16PtrFromString(user)
	if err != nil {
		return false
	}
	var buf *byte
	if err := windows.NetUserGetInfo(nil, account, 1, &buf); err != nil {
		return false
	}
	defer windows.NetApiBufferFree(buf)
	const off = 0x2 // UF_ACCOUNTDISABLE
	return (*userInfo)(unsafe.Pointer(buf)).flags&off != 0
}

// userInfo is USER_INFO_1.
type userInfo struct {
	name, password *uint16
	age, privilege uint32
	home, comment  *uint16
	flags          uint32
	script         *uint16
}

// Add puts an account into the group.
func (g Administrators) Add(sid string) error { return g.change("NetLocalGroupAddMembers", sid) }

// Remove takes one out.
func (g Administrators) Remove(sid string) error { return g.change("NetLocalGroupDelMembers", sid) }

func (g Administrators) change(call, text string) error {
	name, err := g.nameUTF16()
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
	case err != nil:
		return fmt.Errorf("change the administrators: %w", err)
	}
	return nil
}
