package privilege

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// This file has the calls of the log-on service for [wayLogon]. It was never run on
// Windows: what comes out is judged as any other token.

const s4uLogon = 12 // MSV1_0_S4U_LOGON and KERB_S4U_LOGON

type lsaString struct {
	length, maximum uint16
	buffer          *byte
}

// s4uRequest is both packages' message: the text follows it in one block.
type s4uRequest struct {
	kind, flags  uint32
	user, domain windows.NTUnicodeString
}

type tokenSource struct {
	name [8]byte
	luid windows.LUID
}

func (windowsSystem) logOn(as winLogOn) (winToken, error) {
	groups, err := addedGroups(as.groups)
	if err != nil {
		return nil, err
	}
	request, err := newS4U(as.account, as.domain)
	if err != nil {
		return nil, err
	}
	lsa := windows.NewLazySystemDLL("secur32.dll")
	var handle, mode uintptr
	if err := status(lsa, "LsaRegisterLogonProcess", uintptr(unsafe.Pointer(ansi("assent"))), uintptr(unsafe.Pointer(&handle)), uintptr(unsafe.Pointer(&mode))); err != nil {
		return nil, err
	}
	defer lsa.NewProc("LsaDeregisterLogonProcess").Call(handle)
	var pack uint32
	if err := status(lsa, "LsaLookupAuthenticationPackage", handle, uintptr(unsafe.Pointer(ansi(as.pack))), uintptr(unsafe.Pointer(&pack))); err != nil {
		return nil, err
	}
	source := tokenSource{name: [8]byte{'A', 's', 's', 'e', 'n', 't'}}
	var profile, profileSize, token, sub uintptr
	var luid windows.LUID
	var quotas [12]uintptr
	err = status(lsa, "LsaLogonUser", handle, uintptr(unsafe.Pointer(ansi("assent"))), uintptr(as.kind), uintptr(pack),
		uintptr(unsafe.Pointer(&request[0])), uintptr(len(request)*8), uintptr(unsafe.Pointer(groups)), uintptr(unsafe.Pointer(&source)),
		uintptr(unsafe.Pointer(&profile)), uintptr(unsafe.Pointer(&profileSize)), uintptr(unsafe.Pointer(&luid)), uintptr(unsafe.Pointer(&token)),
		uintptr(unsafe.Pointer(&quotas)), uintptr(unsafe.Pointer(&sub)))
	if err != nil {
		return nil, err
	}
	if profile != 0 {
		lsa.NewProc("LsaFreeReturnBuffer").Call(profile)
	}
	return windowsToken{windows.Token(token)}, nil
}

// moreGroups is what the system adds to a new token (TOKEN_GROUPS).
type moreGroups struct {
	count  uint32
	groups [2]windows.SIDAndAttributes
}

func addedGroups(list []tokenGroup) (*moreGroups, error) {
	out := &moreGroups{count: uint32(len(list))}
	for i, g := range list {
		sid, err := windows.StringToSid(g.sid)
		if err != nil {
			return nil, err
		}
		out.groups[i] = windows.SIDAndAttributes{Sid: sid, Attributes: g.attributes}
	}
	return out, nil
}

// newS4U writes the message and the text that it points to into one block.
func newS4U(account, domain string) ([]uint64, error) {
	user, err := windows.UTF16FromString(account)
	if err != nil {
		return nil, err
	}
	realm, err := windows.UTF16FromString(domain)
	if err != nil {
		return nil, err
	}
	head := int(unsafe.Sizeof(s4uRequest{}))
	block := make([]uint64, (head+2*(len(user)+len(realm))+7)/8)
	text := unsafe.Slice((*uint16)(unsafe.Add(unsafe.Pointer(&block[0]), head)), len(user)+len(realm))
	copy(text, user)
	copy(text[len(user):], realm)
	r := (*s4uRequest)(unsafe.Pointer(&block[0]))
	r.kind = s4uLogon
	r.user = windows.NTUnicodeString{Length: uint16(2*len(user) - 2), MaximumLength: uint16(2 * len(user)), Buffer: &text[0]}
	r.domain = windows.NTUnicodeString{Length: uint16(2*len(realm) - 2), MaximumLength: uint16(2 * len(realm)), Buffer: &text[len(user)]}
	return block, nil
}

func ansi(text string) *lsaString {
	raw := append([]byte(text), 0)
	return &lsaString{length: uint16(len(text)), maximum: uint16(len(raw)), buffer: &raw[0]}
}

func status(dll *windows.LazyDLL, name string, args ...uintptr) error {
	proc := dll.NewProc(name)
	if err := proc.Find(); err != nil {
		return err
	}
	if code, _, _ := proc.Call(args...); code != 0 {
		return fmt.Errorf("%s: %w", name, windows.NTStatus(code))
	}
	return nil
}
