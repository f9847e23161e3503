package privilege

import (
	"errors"
	"fmt"
	"strings"

	"github.com/assent-epm/assent/agent/acl"
	"github.com/assent-epm/assent/agent/localgroup"
)

// winToken is an open token of Windows. Who has one closes it.
type winToken interface {
	read() (tokenData, error)
	linked() (winToken, error)  // the other half of a split one
	primary() (winToken, error) // a copy that a process can be made with
	moveTo(session uint32) error
	guardNew(list string) error // what its processes make gets this access list
	close() error
}

// tokenData are what the system says of a token.
type tokenData struct {
	user      string // SID
	session   uint32
	elevation uint32 // see wayFor
	integrity uint32
	groups    []tokenGroup
}

// tokenGroup is one group of a token, and what it counts for.
type tokenGroup struct {
	sid        string
	attributes uint32
}

// What a group of a token counts for (SE_GROUP_*).
const (
	groupMandatory = 0x1
	groupByDefault = 0x2
	groupEnabled   = 0x4
	groupOwner     = 0x8
	groupDenyOnly  = 0x10
	groupLogOn     = 0xc0000000
)

// facts are what is compared with who a program shall run as.
func (d tokenData) facts() tokenFacts {
	f := tokenFacts{user: d.user, session: d.session, integrity: d.integrity}
	for _, g := range d.groups {
		if g.sid == localgroup.AdministratorsSID && g.attributes&(groupEnabled|groupDenyOnly) == groupEnabled {
			f.admin = true
		}
	}
	return f
}

// tokenFor is the token of the program: of the person in their session, with an
// administrator's rights unless it is their own program. How is wayFor's choice.
func (w winStart) tokenFor(s Spec) (winToken, error) {
	session, err := w.sys.sessionToken(s.Requester.Session)
	if err != nil {
		return nil, fmt.Errorf("%w: nobody is logged on to session %d: %w", ErrIdentity, s.Requester.Session, err)
	}
	defer session.close()
	now, err := session.read()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	if now.user != s.Requester.SID {
		return nil, fmt.Errorf("%w: session %d is of %s now", ErrIdentity, s.Requester.Session, now.user)
	}
	how, err := wayFor(s.Own, now.elevation)
	if err != nil {
		return nil, err
	}
	token, err := w.primary(how, session, now)
	if err != nil {
		return nil, fmt.Errorf("%w: by the way %q: %w", ErrIdentity, how, err)
	}
	err = settle(s, token)
	if err == nil && !s.Own {
		err = token.guardNew(acl.Guarded)
	}
	if err != nil {
		return nil, errors.Join(err, token.close())
	}
	return token, nil
}

// primary makes a token for a process out of that of a session.
func (w winStart) primary(how way, session winToken, now tokenData) (winToken, error) {
	switch how {
	case wayLinked:
		return primaryOf(session.linked())
	case wayLogon:
		return primaryOf(w.logOn(session, now))
	default:
		return session.primary()
	}
}

// primaryOf has a process' token in place of one that nothing else is wanted of.
func primaryOf(from winToken, err error) (winToken, error) {
	if err != nil {
		return nil, err
	}
	defer from.close()
	return from.primary()
}

// settle puts the token into the person's session and reads it back.
func settle(s Spec, token winToken) error {
	now, err := token.read()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	if now.session != s.Requester.Session {
		if err := token.moveTo(s.Requester.Session); err != nil {
			return fmt.Errorf("%w: move the token to session %d: %w", ErrIdentity, s.Requester.Session, err)
		}
	}
	return s.verifyToken(token)
}

// verifyToken reads a token and compares it with who the program shall run as.
func (s Spec) verifyToken(token winToken) error {
	is, err := token.read()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	return s.checkToken(is.facts())
}

// winLogOn is how somebody is logged on without their password.
type winLogOn struct {
	pack            string // who knows them
	kind            uint32
	account, domain string
	groups          []tokenGroup // which the system adds; two at most
}

const (
	packageLocal  = "MICROSOFT_AUTHENTICATION_PACKAGE_V1_0"
	packageDomain = "Kerberos"
	// logonNetwork is the kind that everybody may log on by; that of tasks (batch)
	// needs a right that people do not have.
	logonNetwork = 3
)

// logOn makes a token of the session's person with the administrators' group and
// the session's log-on group in it, which their windows ask for.
//
// This is the way of [wayLogon]: the log-on service makes a token of a person without
// their password (S4U), as it does for an ssh server that knows a person by their key.
// What comes out is checked by settle, and refused when it is not an administrator's
// token of the same person.
func (w winStart) logOn(session winToken, now tokenData) (winToken, error) {
	of, err := w.sys.facts(session)
	if err != nil {
		return nil, err
	}
	as := winLogOn{pack: packageDomain, kind: logonNetwork, account: of.User, domain: of.Domain}
	if strings.EqualFold(of.Domain, of.Computer) {
		as.pack = packageLocal
	}
	const on = groupEnabled | groupByDefault | groupMandatory
	as.groups = []tokenGroup{{localgroup.AdministratorsSID, on | groupOwner}}
	for _, g := range now.groups {
		if g.attributes&groupLogOn != 0 {
			as.groups = append(as.groups, tokenGroup{g.sid, on | groupLogOn})
			break // a session has one
		}
	}
	token, err := w.sys.logOn(as)
	if err != nil {
		return nil, fmt.Errorf("log %s on: %w", of.User, err)
	}
	return linkedIfSplit(token)
}

// linkedIfSplit is the half of a token that counts, where UAC has split it.
func linkedIfSplit(token winToken) (winToken, error) {
	is, err := token.read()
	if err == nil && is.elevation != elevationLimited {
		return token, nil
	}
	defer token.close()
	if err != nil {
		return nil, err
	}
	return token.linked()
}
