package privilege

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"
)

// windowsToken is an open token of this machine.
type windowsToken struct{ windows.Token }

func (windowsSystem) sessionToken(session uint32) (winToken, error) {
	var token windows.Token
	err := windows.WTSQueryUserToken(session, &token)
	return windowsToken{token}, err
}

func (t windowsToken) close() error { return t.Close() }

func (t windowsToken) linked() (winToken, error) {
	other, err := t.GetLinkedToken()
	return windowsToken{other}, err
}

func (t windowsToken) primary() (winToken, error) {
	var primary windows.Token
	if err := windows.DuplicateTokenEx(t.Token, windows.MAXIMUM_ALLOWED, nil, windows.SecurityImpersonation, windows.TokenPrimary, &primary); err != nil {
		return nil, fmt.Errorf("make a token: %w", err)
	}
	return windowsToken{primary}, nil
}

func (t windowsToken) moveTo(session uint32) error {
	return windows.SetTokenInformation(t.Token, windows.TokenSessionId, (*byte)(unsafe.Pointer(&session)), uint32(unsafe.Sizeof(session)))
}

func (t windowsToken) read() (d tokenData, err error) {
	user, err := t.GetTokenUser()
	if err != nil {
		return d, err
	}
	d.user = user.User.Sid.String()
	if d.session, err = tokenNumber(t.Token, windows.TokenSessionId); err != nil {
		return d, err
	}
	if d.elevation, err = tokenNumber(t.Token, windows.TokenElevationType); err != nil {
		return d, err
	}
	if d.integrity, err = integrityOf(t.Token); err != nil {
		return d, err
	}
	groups, err := t.GetTokenGroups()
	if err != nil {
		return d, err
	}
	for _, g := range groups.AllGroups() {
		d.groups = append(d.groups, tokenGroup{g.Sid.String(), g.Attributes})
	}
	return d, nil
}

func factsOf(token windows.Token) (tokenFacts, error) {
	d, err := windowsToken{token}.read()
	return d.facts(), err
}

// integrityOf is the last number of the token's label.
func integrityOf(token windows.Token) (uint32, error) {
	buf := make([]uint64, 16) // a label is a SID of one number and its attributes
	var size uint32
	if err := windows.GetTokenInformation(token, windows.TokenIntegrityLevel, (*byte)(unsafe.Pointer(&buf[0])), uint32(len(buf)*8), &size); err != nil {
		return 0, fmt.Errorf("read the integrity of a token: %w", err)
	}
	sid := (*windows.Tokenmandatorylabel)(unsafe.Pointer(&buf[0])).Label.Sid
	n := uint32(sid.SubAuthorityCount())
	if n == 0 {
		return 0, errors.New("read the integrity of a token: it has none")
	}
	level := sid.SubAuthority(n - 1)
	runtime.KeepAlive(buf)
	return level, nil
}

func tokenNumber(token windows.Token, class uint32) (n uint32, err error) {
	var size uint32
	err = windows.GetTokenInformation(token, class, (*byte)(unsafe.Pointer(&n)), uint32(unsafe.Sizeof(n)), &size)
	return n, err
}
