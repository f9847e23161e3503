// Package pipe is the local door of the agent on Windows: a named pipe, and who is
// at its other end by what the kernel says of them, never by what they send.
//
// What is decided runs everywhere; system_windows.go has the calls. A name that
// somebody else has already, clients of other machines, nobodies (anonymous, or
// hiding who they are) and servers of other users are refused. A pipe of the
// client's own user is taken, as of an agent that somebody runs by hand: any program
// of theirs can show them what it likes and see what they type without a pipe. A
// client with an administrator's rights does not take it: what has fewer rights
// would speak to it as the agent. This package knows nothing of what is said through
// the pipe; that is package local.
package pipe

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Peer is who opened the other end.
type Peer struct {
	User     string // SID
	Name     string // DOMAIN\name, "" when the system does not say; only for people to read
	PID      int    // for display: a process can be gone and its number another's
	Session  uint32 // in which they sit; 0 is that of services
	Elevated bool   // they have an administrator's rights already
}

// Errors of this package.
var (
	// ErrTaken: the pipe's name belongs to another program.
	ErrTaken = errors.New("the name of the pipe is taken by another program")
	// ErrPeer: it can not be known who the client is.
	ErrPeer = errors.New("the client of the pipe does not say who it is")
	// ErrServer: the pipe is not the agent's.
	ErrServer = errors.New("the pipe belongs to somebody else than the agent")
	// ErrName: not a name of a pipe of this machine.
	ErrName = errors.New("not the name of a pipe of this machine")
)

// prefix begins every name. A name with another machine's in it would send the
// user's identity there.
const prefix = `\\.\pipe\`

// Name is that of the agent's pipe; realm is 1 to 16 lower-case letters and digits.
func Name(realm string) string { return prefix + "assent-" + realm }

func checkName(name string) error {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok || rest == "" || len(rest) > 200 || strings.ContainsAny(rest, "\\/:\x00") {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	return nil
}

// clientAccess is what a client needs: read, write, read and write attributes and
// who owns it. It is without the right to make another end for clients to meet.
const clientAccess = 0x12019b

// access is whose the pipe is and who may open it: nobody from the network and
// nobody without a name; the system and administrators fully; people who sit at
// the machine as clients.
func access(owner string) string {
	return fmt.Sprintf("O:%sD:P(D;;FA;;;NU)(D;;FA;;;AN)(A;;FA;;;SY)(A;;FA;;;BA)(A;;%#x;;;IU)", owner, clientAccess)
}

// ownerFor is whose a pipe of ours shall be, so that clients know it.
func ownerFor(self string, elevated bool) string {
	if self != sidSystem && elevated {
		return sidAdministrators
	}
	return self
}

// Well-known SIDs.
const (
	sidNetwork        = "S-1-5-2"
	sidAnonymous      = "S-1-5-7"
	sidSystem         = "S-1-5-18"
	sidAdministrators = "S-1-5-32-544"
)

// How far a client lets a server know who it is, as the system counts.
const levelIdentification = 1

// facts are what the kernel says of a client.
type facts struct {
	level    uint32
	user     string
	groups   []string
	session  uint32
	elevated bool
	pid      uint32
}

// judge turns facts into a peer, or refuses.
func judge(f facts) (Peer, error) {
	switch {
	case f.level < levelIdentification:
		return Peer{}, fmt.Errorf("%w: it came as nobody", ErrPeer)
	case !strings.HasPrefix(f.user, "S-1-"), f.user == sidAnonymous:
		return Peer{}, fmt.Errorf("%w: %q is no user", ErrPeer, f.user)
	case slices.Contains(f.groups, sidNetwork):
		return Peer{}, fmt.Errorf("%w: it comes from another machine", ErrPeer)
	case f.pid == 0:
		return Peer{}, fmt.Errorf("%w: it has no process on this machine", ErrPeer)
	}
	return Peer{User: f.user, PID: int(f.pid), Session: f.session, Elevated: f.elevated}, nil
}

// trusted judges the owner of a pipe that was opened as a client. Nobody can make
// things that belong to the system or the administrators without being one. What
// belongs to the client's user may have fewer rights than an elevated client.
func trusted(owner, self string, elevated bool) error {
	if owner == sidSystem || owner == sidAdministrators || owner != "" && owner == self && !elevated {
		return nil
	}
	return fmt.Errorf("%w: %q", ErrServer, owner)
}
