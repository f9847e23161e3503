package privilege

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"
)

// tokenFor is the token of the program: of the person in their session, with an
// administrator's rights unless it is their own program. How is wayFor's choice.
func tokenFor(s Spec) (windows.Token, error) {
	var session windows.Token
	if err := windows.WTSQueryUserToken(s.Requester.Session, &session); err != nil {
		return 0, fmt.Errorf("%w: nobody is logged on to session %d: %w", ErrIdentity, s.Requester.Session, err)
	}
	defer session.Close()
	user, err := session.GetTokenUser()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	if sid := user.User.Sid.String(); sid != s.Requester.SID {
		return 0, fmt.Errorf("%w: session %d is of %s now", ErrIdentity, s.Requester.Session, sid)
	}
	kind, err := tokenNumber(session, windows.TokenElevationType)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	how, err := wayFor(s.Own, kind)
	if err != nil {
		return 0, err
	}
	var from windows.Token
	switch how {
	case wayLinked:
		from, err = session.GetLinkedToken()
	case wayLogon:
		from, err = logOn(s, session)
	default:
		err = windows.DuplicateHandle(windows.CurrentProcess(), windows.Handle(session), windows.CurrentProcess(), (*windows.Handle)(&from), 0, false, windows.DUPLICATE_SAME_ACCESS)
	}
	if err != nil {
		return 0, fmt.Errorf("%w: by the way %q: %w", ErrIdentity, how, err)
	}
	defer from.Close()
	var primary windows.Token
	if err := windows.DuplicateTokenEx(from, windows.MAXIMUM_ALLOWED, nil, windows.SecurityImpersonation, windows.TokenPrimary, &primary); err != nil {
		return 0, fmt.Errorf("%w: make a token: %w", ErrIdentity, err)
	}
	err = settle(s, primary)
	if err == nil && !s.Own {
		err = guardToken(primary)
	}
	if err != nil {
		return 0, errors.Join(err, primary.Close())
	}
	return primary, nil
}

// settle puts the token into the person's session and reads it back.
func settle(s Spec, token windows.Token) error {
	if now, err := tokenNumber(token, windows.TokenSessionId); err != nil || now != s.Requester.Session {
		number := s.Requester.Session
		if err := windows.SetTokenInformation(token, windows.TokenSessionId, (*byte)(unsafe.Pointer(&number)), uint32(unsafe.Sizeof(number))); err != nil {
			return fmt.Errorf("%w: move the token to session %d: %w", ErrIdentity, number, err)
		}
	}
	facts, err := factsOf(token)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	return s.checkToken(facts)
}

func factsOf(token windows.Token) (tokenFacts, error) {
	user, err := token.GetTokenUser()
	if err != nil {
		return tokenFacts{}, err
	}
	f := tokenFacts{user: user.User.Sid.String()}
	if f.session, err = tokenNumber(token, windows.TokenSessionId); err != nil {
		return tokenFacts{}, err
	}
	if f.integrity, err = integrityOf(token); err != nil {
		return tokenFacts{}, err
	}
	groups, err := token.GetTokenGroups()
	if err != nil {
		return tokenFacts{}, err
	}
	for _, g := range groups.AllGroups() {
		const counts = windows.SE_GROUP_ENABLED | windows.SE_GROUP_USE_FOR_DENY_ONLY
		if g.Attributes&counts == windows.SE_GROUP_ENABLED && g.Sid.IsWellKnown(windows.WinBuiltinAdministratorsSid) {
			f.admin = true
		}
	}
	return f, nil
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
