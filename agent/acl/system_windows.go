package acl

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Windows is this machine.
type Windows struct{}

var _ System = Windows{}

// ClaimHere is [Claim] on this machine.
func ClaimHere(path string) error { return Claim(Windows{}, path) }

// Make makes a folder that only administrators reach, in one step.
func (Windows) Make(path string) error {
	sd, err := windows.SecurityDescriptorFromString(Secret)
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	sa := &windows.SecurityAttributes{SecurityDescriptor: sd}
	sa.Length = uint32(unsafe.Sizeof(*sa))
	return windows.CreateDirectory(name, sa)
}

// List implements [System].
func (Windows) List(path string) (List, error) { return Of(path) }

// Of reads the access list of a file or folder.
func Of(path string) (List, error) {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return List{}, fmt.Errorf("read the access list of %s: %w", path, err)
	}
	list, err := parse(sd)
	if err != nil {
		return List{}, fmt.Errorf("read the access list of %s: %w", path, err)
	}
	return list, nil
}

// OfObject reads the access list of an object of the kernel, such as a process.
func OfObject(h windows.Handle) (List, error) {
	sd, err := windows.GetSecurityInfo(h, windows.SE_KERNEL_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return List{}, fmt.Errorf("read an access list: %w", err)
	}
	list, err := parse(sd)
	if err != nil {
		return List{}, fmt.Errorf("read an access list: %w", err)
	}
	return list, nil
}

func parse(sd *windows.SECURITY_DESCRIPTOR) (List, error) {
	owner, _, err := sd.Owner()
	if err != nil {
		return List{}, err
	}
	list := List{Owner: owner.String()}
	control, _, err := sd.Control()
	if err != nil {
		return List{}, err
	}
	list.Protected = control&windows.SE_DACL_PROTECTED != 0
	dacl, _, err := sd.DACL()
	if errors.Is(err, windows.ERROR_OBJECT_NOT_FOUND) || err == nil && dacl == nil {
		list.Missing = true
		return list, nil
	}
	if err != nil {
		return List{}, err
	}
	var raw [][]byte
	for i := range uint32(dacl.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(dacl, i, &entry); err != nil {
			return List{}, err
		}
		raw = append(raw, unsafe.Slice((*byte)(unsafe.Pointer(entry)), entry.Header.AceSize))
	}
	list.Allow = entries(raw)
	runtime.KeepAlive(sd)
	return list, nil
}

// Set implements [System].
func (Windows) Set(path string, protected bool) error {
	sd, err := windows.SecurityDescriptorFromString(Secret)
	if err != nil {
		return err
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	owner, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	if err != nil {
		return err
	}
	inherits := map[bool]windows.SECURITY_INFORMATION{true: windows.PROTECTED_DACL_SECURITY_INFORMATION, false: windows.UNPROTECTED_DACL_SECURITY_INFORMATION}
	return windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION|inherits[protected], owner, nil, dacl, nil)
}

// Self is the user of this process.
func (Windows) Self() string {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return ""
	}
	return user.User.Sid.String()
}
