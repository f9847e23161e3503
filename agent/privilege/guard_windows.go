package privilege

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/assent-epm/assent/agent/acl"
)

// guardedAttributes are the access list and the owner of a process with rights, and
// of its threads.
func guardedAttributes() (*windows.SecurityAttributes, error) {
	sd, err := windows.SecurityDescriptorFromString("O:BA" + acl.Guarded)
	if err != nil {
		return nil, fmt.Errorf("guard the program: %w", err)
	}
	sa := &windows.SecurityAttributes{SecurityDescriptor: sd}
	sa.Length = uint32(unsafe.Sizeof(*sa))
	return sa, nil
}

// tokenDefault is TOKEN_DEFAULT_DACL.
type tokenDefault struct{ list *windows.ACL }

// guardToken has what a program makes, such as further processes, guarded as it is.
func guardToken(token windows.Token) error {
	sd, err := windows.SecurityDescriptorFromString(acl.Guarded)
	if err != nil {
		return fmt.Errorf("guard the program: %w", err)
	}
	list, _, err := sd.DACL()
	if err != nil {
		return fmt.Errorf("guard the program: %w", err)
	}
	usual := tokenDefault{list}
	if err := windows.SetTokenInformation(token, windows.TokenDefaultDacl, (*byte)(unsafe.Pointer(&usual)), uint32(unsafe.Sizeof(usual))); err != nil {
		return fmt.Errorf("guard the program: who may open what it makes: %w", err)
	}
	runtime.KeepAlive(sd)
	return nil
}

// guarded reads back that nobody else can open a process or thread.
func guarded(handles ...windows.Handle) error {
	for _, h := range handles {
		list, err := acl.OfObject(h)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrIdentity, err)
		}
		if !list.Exclusive() {
			return fmt.Errorf("%w: others than administrators could open it", ErrIdentity)
		}
	}
	return nil
}
