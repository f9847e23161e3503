// Package auth answers two questions: who is this, and what may they do.
//
// Who: a password with or without an authenticator's code, a passkey, an API
// token or a browser session, each checked against what is stored hashed or
// wrapped. What: one table of role × permission, narrowed by the scope of a token.
// The result is an explicit [Actor] that doors pass on to queue and admin, which
// check it; nothing is hidden in a context. The package declares the small store
// it needs. Read accounts.go, signin.go, seat.go and stepup.go, then
// permission.go.
package auth

import (
	"fmt"
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
	SeenAt  time.Time         // last proof of presence, zero with a token
	SeenHow string            // what that was, such as [ByPasskey]

	// Seat is set for who has no account: their endpoint vouches for them. They may
	// do [RequestsOwn] and nothing else; User is then no account's id.
	Seat Seat

	HasPasskey    bool // so presence is proved with it alone
	MissingFactor bool // may only add or use a second factor
}

// How somebody proved who they are.
const (
	ByPassword = "password"
	ByTOTP     = "totp" // a password and an authenticator's code
	ByPasskey  = "passkey"
	ByOIDC     = "oidc"
	ByLink     = "link"
	ByToken    = "token"
)

// strong reports whether this way counts as two factors: a passkey verifies its
// user itself, and an identity provider is trusted to.
func strong(how string) bool { return how == ByTOTP || how == ByPasskey || how == ByOIDC }

// PresenceFor is how long a proof of presence is good.
const PresenceFor = 5 * time.Minute

// PresentUntil is when the last proof of presence ends, zero when there is none:
// a token is none, and once an account has a passkey nothing else is.
func (a Actor) PresentUntil() time.Time {
	if !a.Session || a.Token != "" || a.Seat != (Seat{}) || a.SeenAt.IsZero() || a.HasPasskey && a.SeenHow != ByPasskey {
		return time.Time{}
	}
	return a.SeenAt.Add(PresenceFor)
}

// Present is nil when the actor has just proved to be there, else an error
// wrapping [elevation.ErrStepUp] that says how to.
func (a Actor) Present(now time.Time) error {
	until := a.PresentUntil()
	if !until.IsZero() && !now.After(until) && !a.SeenAt.After(now) {
		return nil
	}
	how := "confirm it with your password in the console, or sign in again,"
	if a.HasPasskey {
		how = "confirm it with your passkey in the console"
	}
	return fmt.Errorf("%w: %s and repeat this within %s", elevation.ErrStepUp, how, elevation.FormatDuration(PresenceFor))
}

// Elevation is the actor as the model and the audit log name them.
func (a Actor) Elevation() elevation.Actor {
	if a.Seat != (Seat{}) { // the endpoint says who it is
		return elevation.Actor{Kind: elevation.ByEndpoint, ID: string(a.Seat.Endpoint), Name: a.Seat.Name}
	}
	return elevation.Actor{Kind: elevation.ByUser, ID: string(a.User), Name: a.Login}
}
