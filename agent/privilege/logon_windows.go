package privilege

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"
)

// This file is the way of [wayLogon]: the log-on service makes a token of a person
// without their password (S4U), as it does for an ssh server that knows a person by
// their key. The kind is that of the network, which everybody may log on by; that
// of tasks (batch) needs a right that people do not have. It was never run on
// Windows: what comes out is checked by settle, and refused when it is not an
// administrator's token of the same person.

const (
	packageLocal  = "MICROSOFT_AUTHENTICATION_PACKAGE_V1_0"
	packageDomain = "Kerberos"
	s4uLogon      = 12 // MSV1_0_S4U_LOGON and KERB_S4U_LOGON
	logonNetwork  = 3
)

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

// logOn makes a token of the session's person with the administrators' group and
// the session's log-on group in it, which their windows ask for.
func logOn(s Spec, session windows.Token) (windows.Token, error) {
	user, err := session.GetTokenUser()
	if err != nil {
		return 0, err
	}
	account, domain, _, err := user.User.Sid.LookupAccount("")
	if err != nil {
		return 0, fmt.Errorf("find the account: %w", err)
	}
	computer, err := windows.ComputerName()
	if err != nil {
		return 0, err
	}
	groups, err := logonGroups(session)
	if err != nil {
		return 0, err
	}
	lsa := windows.NewLazySystemDLL("secur32.dll")
	var handle, mode uintptr
	if err := status(lsa, "LsaRegisterLogonProcess", uintptr(unsafe.Pointer(ansi("assent"))), uintptr(unsafe.Pointer(&handle)), uintptr(unsafe.Pointer(&mode))); err != nil {
		return 0, err
	}
	defer lsa.NewProc("LsaDeregisterLogonProcess").Call(handle)
	name := packageDomain
	if domain == computer {
		name = packageLocal
	}
	var pack uint32
	if err := status(lsa, "LsaLookupAuthenticationPackage", handle, uintptr(unsafe.Pointer(ansi(name))), uintptr(unsafe.Pointer(&pack))); err != nil {
		return 0, err
	}
	request, err := newS4U(account, domain)
	if err != nil {
		return 0, err
	}
	source := tokenSource{name: [8]byte{'A', 's', 's', 'e', 'n', 't'}}
	var profile, profileSize, token, sub uintptr
	var luid windows.LUID
	var quotas [12]uintptr
	err = status(lsa, "LsaLogonUser", handle, uintptr(unsafe.Pointer(ansi("assent"))), logonNetwork, uintptr(pack),
		uintptr(unsafe.Pointer(&request[0])), uintptr(len(request)*8), uintptr(unsafe.Pointer(groups)), uintptr(unsafe.Pointer(&source)),
		uintptr(unsafe.Pointer(&profile)), uintptr(unsafe.Pointer(&profileSize)), uintptr(unsafe.Pointer(&luid)), uintptr(unsafe.Pointer(&token)),
		uintptr(unsafe.Pointer(&quotas)), uintptr(unsafe.Pointer(&sub)))
	runtime.KeepAlive(session)
	if err != nil {
		return 0, fmt.Errorf("log %s on: %w", s.Requester.Name, err)
	}
	if profile != 0 {
		lsa.NewProc("LsaFreeReturnBuffer").Call(profile)
	}
	return linkedIfSplit(windows.Token(token))
}

// linkedIfSplit is the half of a token that counts, where UAC has split it.
func linkedIfSplit(token windows.Token) (windows.Token, error) {
	kind, err := tokenNumber(token, windows.TokenElevationType)
	if err == nil && kind != elevationLimited {
		return token, nil
	}
	defer token.Close()
	if err != nil {
		return 0, err
	}
	return token.GetLinkedToken()
}

// moreGroups is what the system adds to a new token (TOKEN_GROUPS).
type moreGroups struct {
	count  uint32
	groups [2]windows.SIDAndAttributes
}

func logonGroups(session windows.Token) (*moreGroups, error) {
	admins, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	if err != nil {
		return nil, err
	}
	const on = windows.SE_GROUP_ENABLED | windows.SE_GROUP_ENABLED_BY_DEFAULT | windows.SE_GROUP_MANDATORY
	out := &moreGroups{count: 1}
	out.groups[0] = windows.SIDAndAttributes{Sid: admins, Attributes: on | windows.SE_GROUP_OWNER}
	groups, err := session.GetTokenGroups()
	if err != nil {
		return nil, err
	}
	for _, g := range groups.AllGroups() {
		if g.Attributes&windows.SE_GROUP_LOGON_ID != 0 {
			sid, err := g.Sid.Copy()
			if err != nil {
				return nil, err
			}
			out.count, out.groups[1] = 2, windows.SIDAndAttributes{Sid: sid, Attributes: on | windows.SE_GROUP_LOGON_ID}
		}
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
