package privilege

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/assent-epm/assent/agent/acl"
)

// guardedAttributes are an access list with its owner.
func guardedAttributes(text string) (*windows.SecurityAttributes, error) {
	sd, err := windows.SecurityDescriptorFromString(text)
	if err != nil {
		return nil, fmt.Errorf("guard the program: %w", err)
	}
	sa := &windows.SecurityAttributes{SecurityDescriptor: sd}
	sa.Length = uint32(unsafe.Sizeof(*sa))
	return sa, nil
}

// tokenDefault is TOKEN_DEFAULT_DACL.
type tokenDefault struct{ list *windows.ACL }

func (t windowsToken) guardNew(text string) error {
	sd, err := windows.SecurityDescriptorFromString(text)
	if err != nil {
		return fmt.Errorf("guard the program: %w", err)
	}
	list, _, err := sd.DACL()
	if err != nil {
		return fmt.Errorf("guard the program: %w", err)
	}
	usual := tokenDefault{list}
	if err := windows.SetTokenInformation(t.Token, windows.TokenDefaultDacl, (*byte)(unsafe.Pointer(&usual)), uint32(unsafe.Sizeof(usual))); err != nil {
		return fmt.Errorf("guard the program: who may open what it makes: %w", err)
	}
	runtime.KeepAlive(sd)
	return nil
}

func (c windowsChild) lists() (lists []acl.List, err error) {
	for _, h := range []windows.Handle{c.process, c.thread} {
		list, err := acl.OfObject(h)
		if err != nil {
			return nil, err
		}
		lists = append(lists, list)
	}
	return lists, nil
}
