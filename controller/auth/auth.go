// Package auth answers two questions: who is this, and what may they do.
//
// Who: a password, an API token or a browser session, each checked against what
// is stored hashed. What: one table of role × permission, narrowed by the scope
// of a token. The result is an explicit [Actor] that doors pass on to queue and
// admin, which check it; nothing is hidden in a context. The package declares
// the small store it needs; controller/store implements it.
package auth

import (
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// Role is what an account is for.
type Role string

// The roles. Permissions says what each may; rule authors so far only what every
// account may.
const (
	Administrator Role = "administrator"
	SecurityAdmin Role = "security_admin"
	RuleAuthor    Role = "rule_author"
	Approver      Role = "approver"
	Auditor       Role = "auditor"
	Requester     Role = "requester"
)

// Actor is a person who was recognised, with everything that decides what they
// may do. The zero value is nobody and may do nothing.
type Actor struct {
	User    elevation.UserID
	Login   string
	Name    string
	Roles   []Role
	Scope   map[string]string // endpoint labels; empty = all
	Token   elevation.TokenID // "" = signed in with a session
	Scopes  []string          // of the token; empty = the owner's roles without tokens, links, roles and settings
	Full    bool              // the first administrator's admin.token: not narrowed
	MadeBy  elevation.Actor   // who made the token for this account, zero when its owner did
	Session bool              // a browser session: decisions can be undone for a while
	SeenAt  time.Time         // last proof of presence, for step-up
}

// Elevation is the actor as the model and the audit log name them.
func (a Actor) Elevation() elevation.Actor {
	return elevation.Actor{Kind: elevation.ByUser, ID: string(a.User), Name: a.Login}
}
