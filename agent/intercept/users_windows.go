package intercept

import (
	"math"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// Elevated is how it is called whom something runs as where nobody is named: who
// asked, with the rights of an administrator.
const Elevated = "administrator"

// profiles has the folder of every account that ever signed in.
const profiles = `SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\`

func lookupUID(uint32) (Account, error) { return Account{}, ErrNoUser }

// lookupElevated is whom a program runs as for a user.
func lookupElevated(who Account, as string) (Account, error) { return sameElevated(who, as, Elevated) }

func lookupSID(text string) (Account, error)  { return accountBySID(directory{}, text) }
func lookupName(name string) (Account, error) { return accountByName(directory{}, name) }

// directory is what this machine knows of accounts.
type directory struct{}

func (directory) bySID(text string) (principal, error) {
	sid, err := windows.StringToSid(text)
	if err != nil {
		return principal{}, err
	}
	name, domain, kind, err := sid.LookupAccount("")
	return principal{sid: sid.String(), name: name, domain: domain, kind: kind}, err
}

func (directory) byName(name string) (sid string, kind uint32, err error) {
	id, _, kind, err := windows.LookupSID("", name)
	if err != nil {
		return "", 0, err
	}
	return id.String(), kind, nil
}

func (directory) computer() (string, error) { return windows.ComputerName() }

func (directory) home(sid string) (string, error) {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, profiles+sid, registry.QUERY_VALUE)
	if err != nil {
		return "", err
	}
	defer key.Close()
	folder, _, err := key.GetStringValue("ProfileImagePath")
	if err != nil {
		return "", err
	}
	return registry.ExpandString(folder)
}

// groupInfo is LOCALGROUP_USERS_INFO_0.
type groupInfo struct{ name *uint16 }

// groups lists the local groups of an account, also those that it has by way of
// another group.
func (directory) groups(account string) ([]string, error) {
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
	var groups []string
	for _, g := range unsafe.Slice((*groupInfo)(unsafe.Pointer(buf)), read) {
		groups = append(groups, windows.UTF16PtrToString(g.name))
	}
	return groups, nil
}
