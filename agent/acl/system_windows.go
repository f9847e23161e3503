package acl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Windows is this machine.
type Windows struct{}

var _ System = Windows{}

// ClaimHere is [Claim] on this machine.
func ClaimHere(path string) error {
	return Claim(Windows{}, path, func(err error) bool { return errors.Is(err, fs.ErrExist) })
}

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

// Read tells the list of a folder that is no link.
func (Windows) Read(path string) (List, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return List{}, err
	}
	if !info.IsDir() {
		return List{}, fmt.Errorf("%s is no folder", path)
	}
	return Of(path)
}

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

// Kinds of entries of an access list.
const (
	allowed     = 0
	denied      = 1
	inheritOnly = 0x8
)

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
	for i := range uint32(dacl.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(dacl, i, &entry); err != nil {
			return List{}, err
		}
		if entry.Header.AceFlags&inheritOnly != 0 || entry.Header.AceType == denied {
			continue // for what is inside, which is judged there; or only less is allowed
		}
		if entry.Header.AceType != allowed { // of a kind that is not known here: it may allow anybody everything
			list.Allow = append(list.Allow, Entry{Mask: ^uint32(0)})
			continue
		}
		sid := (*windows.SID)(unsafe.Pointer(&entry.SidStart))
		list.Allow = append(list.Allow, Entry{SID: sid.String(), Mask: uint32(entry.Mask)})
	}
	return list, nil
}

// Reset gives the folder and everything in it the list and its owner. The folder
// comes first, so that nothing is put into it meanwhile.
func (Windows) Reset(path string, ours func(owner string) bool) error {
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
	set := func(at string, inherits windows.SECURITY_INFORMATION) error {
		return windows.SetNamedSecurityInfo(at, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION|inherits, owner, nil, dacl, nil)
	}
	err = filepath.WalkDir(path, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Type()&(fs.ModeSymlink|fs.ModeIrregular) != 0 {
			return fmt.Errorf("%s leads elsewhere", at)
		}
		if list, err := Of(at); err != nil {
			return err
		} else if !ours(list.Owner) {
			return fmt.Errorf("%s: %w (%s): look into it and remove it", at, ErrForeign, list.Owner)
		}
		return set(at, windows.PROTECTED_DACL_SECURITY_INFORMATION)
	})
	if err != nil {
		return errors.Join(err, set(path, windows.UNPROTECTED_DACL_SECURITY_INFORMATION)) // the next start looks again
	}
	return nil
}

// Self is the user of this process.
func (Windows) Self() string {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return ""
	}
	return user.User.Sid.String()
}
