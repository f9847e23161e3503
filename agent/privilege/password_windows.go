package privilege

import (
	"context"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

func (Passwords) possible() bool { return true }

func (Passwords) check(_ context.Context, user, password string) error {
	return checkLogOn(windowsLogOns{}, user, password)
}

// windowsLogOns is the log-on service of this machine.
type windowsLogOns struct{}

func (windowsLogOns) name(sid string) (account, domain string, err error) {
	s, err := windows.StringToSid(sid)
	if err != nil {
		return "", "", fmt.Errorf("read a SID: %w", err)
	}
	account, domain, _, err = s.LookupAccount("")
	return account, domain, err
}

// Numbers of LogonUser: a log-on by the network starts nothing, and needs no right
// to sit at the machine.
const (
	logOnByNetwork = 3
	logOnProvider  = 0
)

func (windowsLogOns) logOn(account, domain, password string) (string, error) {
	name, err1 := windows.UTF16PtrFromString(account)
	realm, err2 := windows.UTF16PtrFromString(domain)
	secret, err3 := windows.UTF16FromString(password)
	if err := errors.Join(err1, err2, err3); err != nil {
		return "", errors.New("the name or the password is no text")
	}
	defer clear(secret)
	var token windows.Token
	proc := windows.NewLazySystemDLL("advapi32.dll").NewProc("LogonUserW")
	if err := proc.Find(); err != nil {
		return "", err
	}
	ok, _, err := proc.Call(uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(realm)), uintptr(unsafe.Pointer(&secret[0])),
		logOnByNetwork, logOnProvider, uintptr(unsafe.Pointer(&token)))
	if ok == 0 {
		var code windows.Errno
		if errors.As(err, &code) {
			return "", logOnError(code)
		}
		return "", err
	}
	defer token.Close()
	user, err := token.GetTokenUser()
	if err != nil {
		return "", fmt.Errorf("look whose log-on it was: %w", err)
	}
	return user.User.Sid.String(), nil
}
