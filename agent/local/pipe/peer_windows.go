package pipe

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Peer is who opened this accepted connection, by the token that the kernel keeps
// of them. It can be asked at any time; clients that let their identity be known
// only with what they send can not be known before that was read.
func (c *Conn) Peer() (Peer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return Peer{}, fmt.Errorf("look who is at the pipe: %w", net.ErrClosed)
	}
	type answer struct {
		facts facts
		name  string
		err   error
	}
	said := make(chan answer, 1)
	go func() { // a thread of its own: one that can not become itself again ends with this
		runtime.LockOSThread()
		f, name, reverted, err := asClient(c.h)
		if reverted {
			runtime.UnlockOSThread()
		}
		said <- answer{f, name, err}
	}()
	a := <-said
	if a.err != nil {
		return Peer{}, fmt.Errorf("look who is at the pipe: %w: %w", ErrPeer, a.err)
	}
	if err := windows.GetNamedPipeClientProcessId(c.h, &a.facts.pid); err != nil {
		return Peer{}, fmt.Errorf("look who is at the pipe: %w: %w", ErrPeer, err)
	}
	p, err := judge(a.facts)
	if err != nil {
		return Peer{}, fmt.Errorf("look who is at the pipe: %w", err)
	}
	p.Name = a.name
	return p, nil
}

// Session is in which session the client sits, as the kernel wrote it down when the
// pipe was opened: before a byte was read, and not enough to know who it is.
func (c *Conn) Session() (n uint32, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return 0, fmt.Errorf("look who is at the pipe: %w", net.ErrClosed)
	}
	r, _, err := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetNamedPipeClientSessionId").Call(uintptr(c.h), uintptr(unsafe.Pointer(&n)))
	if r == 0 {
		return 0, fmt.Errorf("look who is at the pipe: %w", err)
	}
	return n, nil
}

// asClient reads the client's token as this thread.
func asClient(h windows.Handle) (f facts, name string, reverted bool, err error) {
	if err := impersonate(h); err != nil {
		return f, "", true, err
	}
	var token windows.Token
	err = windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &token)
	if revert := windows.RevertToSelf(); revert != nil {
		return f, "", false, errors.Join(revert, err)
	}
	if err != nil {
		return f, "", true, err
	}
	defer token.Close()
	f, name, err = factsOf(token)
	return f, name, true, err
}

func impersonate(h windows.Handle) error {
	r, _, err := windows.NewLazySystemDLL("advapi32.dll").NewProc("ImpersonateNamedPipeClient").Call(uintptr(h))
	if r == 0 {
		return err
	}
	return nil
}

func factsOf(token windows.Token) (f facts, name string, err error) {
	if f.level, err = number(token, windows.TokenImpersonationLevel); err != nil {
		return f, "", err
	}
	user, err := token.GetTokenUser()
	if err != nil {
		return f, "", err
	}
	f.user = user.User.Sid.String()
	groups, err := token.GetTokenGroups()
	if err != nil {
		return f, "", err
	}
	for _, g := range groups.AllGroups() {
		f.groups = append(f.groups, g.Sid.String())
	}
	if f.session, err = number(token, windows.TokenSessionId); err != nil {
		return f, "", err
	}
	f.elevated = token.IsElevated()
	if account, domain, _, err := user.User.Sid.LookupAccount(""); err == nil {
		name = domain + `\` + account
	}
	return f, name, nil
}

func number(token windows.Token, class uint32) (n uint32, err error) {
	var size uint32
	err = windows.GetTokenInformation(token, class, (*byte)(unsafe.Pointer(&n)), uint32(unsafe.Sizeof(n)), &size)
	return n, err
}
