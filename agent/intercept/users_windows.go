package intercept

import (
	"fmt"
	"math"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/inert"
)

// Elevated is how it is called whom something runs as where nobody is named: who
// asked, with the rights of an administrator.
const Elevated = "administrator"

// profiles has the folder of every account that ever signed in.
const profiles = `SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\`

func lookupUID(uint32) (Account, error) { return Account{}, ErrNoUser }

// lookupElevated is whom a program runs as for a user.
func lookupElevated(who Account, as string) (Account, error) { return sameElevated(who, as, Elevated) }

func lookupSID(text string) (Account, error) {
	sid, err := windows.StringToSid(text)
	if err != nil {
		return Account{}, fmt.Errorf("%w: %w", ErrNoUser, err)
	}
	return accountOf(sid)
}

func lookupName(name string) (Account, error) {
	sid, _, kind, err := windows.LookupSID("", name)
	if err != nil || kind != windows.SidTypeUser {
		return Account{}, fmt.Errorf("%w: %s", ErrNoUser, inert.Text(name))
	}
	return accountOf(sid)
}

func accountOf(sid *windows.SID) (Account, error) {
	name, domain, kind, err := sid.LookupAccount("")
	if err != nil || kind != windows.SidTypeUser && kind != windows.SidTypeWellKnownGroup {
		return Account{}, fmt.Errorf("%w: %s", ErrNoUser, sid)
	}
	computer, err := windows.ComputerName()
	if err != nil {
		return Account{}, fmt.Errorf("look up %s: whose account it is: %w", sid, err)
	}
	called := name
	if kind == windows.SidTypeUser {
		called = calledIn(domain, name, computer)
	}
	a := Account{Name: called, UID: privilege.NoUID, GID: privilege.NoUID, SID: sid.String()}
	if a.Groups, err = groupsOf(domain + `\` + name); err != nil {
		return Account{}, fmt.Errorf("look up the groups of %s: %w", inert.Text(name), err)
	}
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, profiles+a.SID, registry.QUERY_VALUE)
	if err == nil {
		defer key.Close()
		if folder, _, err := key.GetStringValue("ProfileImagePath"); err == nil {
			a.Home, _ = registry.ExpandString(folder) // without one nothing is put there
		}
	}
	return a, nil
}

// groupInfo is LOCALGROUP_USERS_INFO_0.
type groupInfo struct{ name *uint16 }

// groupsOf lists the local groups of an account, also those that it has by way of
// another group.
func groupsOf(account string) ([]Group, error) {
	const indirect = 1 // LG_INCLUDE_INDIRECT
	name, err := windows.UTF16PtrFromString(account)
	if err != nil {
		return nil, err
	}
	var buf *byte
	var read, total uint32
	call := windows.NewLazySystemDLL("netapi32.dll").NewProc("NetUserGetLocalGroups")
	if err := call.Find(); err != nil {
		return nil, err
	}
	code, _, _ := call.Call(0, uintptr(unsafe.Pointer(name)), 0, indirect, uintptr(unsafe.Pointer(&buf)), math.MaxUint32,
		uintptr(unsafe.Pointer(&read)), uintptr(unsafe.Pointer(&total)))
	if buf != nil {
		defer windows.NetApiBufferFree(buf)
	}
	if code != 0 {
		return nil, windows.Errno(code)
	}
	var groups []Group
	for _, g := range unsafe.Slice((*groupInfo)(unsafe.Pointer(buf)), read) {
		groups = append(groups, Group{Name: strings.ToValidUTF8(windows.UTF16PtrToString(g.name), "?"), GID: privilege.NoUID})
	}
	return groups, nil
}
