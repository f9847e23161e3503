package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// Account is a person who may sign in.
type Account struct {
	ID           elevation.UserID
	Login        string
	Name         string
	Email        string
	Roles        []Role
	Scope        map[string]string // endpoint labels; empty = all
	PasswordHash string            // argon2id in the PHC format, "" = no password
	CreatedAt    time.Time
	DisabledAt   time.Time // zero = may sign in
	// HeldBy is who made the account or set its password last, until its owner has
	// set another one: that person could sign in as them. Zero = nobody else.
	HeldBy elevation.Actor
	// These are read with the account by those who need them, and not written with it.
	HasPasskey bool
	HasTOTP    bool
	SignedInAt time.Time // the last time; zero = never, or before it was kept
}

// Token is an API token as it is stored: its hash, never itself.
type Token struct {
	ID         elevation.TokenID
	Hash       []byte // SHA-256 of the token's text
	Name       string
	Owner      elevation.UserID
	Scopes     []string
	Full       bool            // admin.token: not narrowed
	MadeBy     elevation.Actor // who made it for Owner; zero when they made it themself
	ExpiresAt  time.Time
	CreatedAt  time.Time
	LastUsedAt time.Time
}

// WebSession is a browser's session as it is stored.
type WebSession struct {
	Hash       []byte
	User       elevation.UserID
	Seat       Seat // in place of User
	CreatedAt  time.Time
	LastSeenAt time.Time
	ExpiresAt  time.Time
	How        string    // how it was opened
	SeenAt     time.Time // last proof of presence
	SeenHow    string    // what that was
}

// SignInLink is a one-time link as it is stored.
type SignInLink struct {
	Hash      []byte
	User      elevation.UserID
	Seat      Seat // in place of User
	ExpiresAt time.Time
}

// Note is what happened, for the audit log.
type Note struct {
	Kind    string // "auth.login", "auth.login_failed", …
	User    elevation.UserID
	Seat    Seat // in place of User
	Login   string
	Address string
	Why     string
	Data    map[string]string // more of it
}

// Store is what accounts need of the controller's database. Every method that
// looks something up returns an error wrapping [elevation.ErrNotFound] when it
// is not there.
type Store interface {
	Account(ctx context.Context, id elevation.UserID) (Account, error)
	AccountByLogin(ctx context.Context, login string) (Account, error)
	// InsertFirst stores the account and its token unless there is an account
	// already; made says which.
	InsertFirst(ctx context.Context, a Account, t Token) (made bool, err error)
	TokenByHash(ctx context.Context, hash []byte) (Token, error)
	TokenUsed(ctx context.Context, id elevation.TokenID, at time.Time) error
	Session(ctx context.Context, hash []byte) (WebSession, error)
	// InsertSession stores a session. That of a seat ends the others of its user.
	InsertSession(ctx context.Context, s WebSession, n Note) error
	SessionSeen(ctx context.Context, s WebSession) error
	DeleteSession(ctx context.Context, hash []byte, n Note) error
	// InsertLink stores a link; one more of a seat than [MaxSeatLinks], or of an
	// endpoint than [MaxEndpointLinks], that are open is [elevation.ErrLimit].
	InsertLink(ctx context.Context, l SignInLink, now time.Time) error
	// Vouches reports whether an endpoint may vouch for its users: it is there, not
	// locked and not in quarantine.
	Vouches(ctx context.Context, ep elevation.EndpointID) (bool, error)
	// PutPassword sets a password that its owner chose, so that nobody else holds
	// the account any more, and ends its sessions.
	PutPassword(ctx context.Context, id elevation.UserID, hash string, n Note) error
	// UseLink marks the link used and returns whose it is, once; later calls
	// and calls after its end return elevation.ErrNotFound.
	UseLink(ctx context.Context, hash []byte, now time.Time) (SignInLink, error)
	// RotateSession puts s in the place of the session old; with alone every other
	// session of the account ends too. [elevation.ErrNotFound] when old has ended.
	RotateSession(ctx context.Context, old []byte, s WebSession, alone bool, n Note) error
	Record(ctx context.Context, n Note) error
	FactorStore
}

// FirstLogin is the login of the first administrator.
const FirstLogin = "admin"

// How long things last.
const (
	SessionIdle     = 2 * time.Hour  // without a call
	SessionLife     = 12 * time.Hour // from signing in
	LinkLife        = time.Hour      // of a one-time sign-in link
	AdminTokenLife  = 24 * time.Hour
	DefaultTokenTTL = 90 * 24 * time.Hour
	MaxTokenTTL     = 366 * 24 * time.Hour
	touchEvery      = time.Minute // how exact LastUsedAt and LastSeenAt are
)

// MaxLogin is the longest login in characters.
const MaxLogin = 64

// ErrRate means too many tries; the caller waits. See [RateError].
var ErrRate = errors.New("too many tries")

// RateError is an [ErrRate] with the time to wait.
type RateError struct{ Wait time.Duration }

// Error says how long to wait, in whole seconds.
func (e *RateError) Error() string {
	return fmt.Sprintf("%v: try again in %d s", ErrRate, e.Seconds())
}

// Unwrap makes errors.Is(err, ErrRate) true.
func (e *RateError) Unwrap() error { return ErrRate }

// Seconds is the wait in whole seconds, at least one.
func (e *RateError) Seconds() int { return max(1, int((e.Wait+time.Second-1)/time.Second)) }

// Accounts recognises people. Use [NewAccounts].
type Accounts struct {
	store   Store
	now     func() time.Time
	hashes  *hasher
	byLogin *Limiter // failed sign-ins of one account
	byAddr  *Limiter // failed sign-ins and unknown tokens from one address
	dummy   string   // a hash that no password has, compared where there is none

	linksDo   bool     // a link opens an account that has a second factor
	codes     *Limiter // codes of one account's authenticator
	stepUps   *Limiter // proofs of presence of one account
	begins    *Limiter // passkey sign-ins begun, by address and by account
	seatLinks *Limiter // links of one seat
	strangers *ceremonies
	own       *ceremonies // of people who are signed in
	wrap      Wrapper     // nil: no authenticators
	web       *relyingParty
}

// NewAccounts makes the recogniser of people over a store; now is the clock,
// which must be there.
func NewAccounts(s Store, now func() time.Time) (*Accounts, error) {
	if now == nil {
		return nil, errors.New("make accounts: no clock is given")
	}
	a := &Accounts{store: s, now: now, hashes: newHasher(2, 16),
		byLogin: NewLimiter(1.0/12, 5, 10_000), byAddr: NewLimiter(1.0/3, 20, 10_000),
		codes: NewLimiter(1.0/120, 5, 10_000), stepUps: NewLimiter(1.0/12, 5, 10_000), begins: NewLimiter(0.5, 30, 20_000),
		seatLinks: NewLimiter(1.0/12, 5, 10_000),
		strangers: newCeremonies(20_000), own: newCeremonies(20_000)}
	// The dummy has the cost of a real hash, so that an unknown login takes as
	// long as a wrong password.
	a.dummy = encodeHash(make([]byte, saltLen), make([]byte, keyLen))
	return a, nil
}

// Authenticate recognises the owner of an API token. Every refusal is
// [ErrUnauthenticated]; many well-made but unknown tokens from one address give
// [ErrRate]. A good token is never limited by what others at its address do.
func (a *Accounts) Authenticate(ctx context.Context, token, address string) (Actor, error) {
	now := a.now()
	hash, ok := hashSecret(TokenPrefix, token)
	if !ok {
		return Actor{}, ErrUnauthenticated // told by its checksum, without the database
	}
	t, err := a.store.TokenByHash(ctx, hash)
	switch {
	case errors.Is(err, elevation.ErrNotFound):
		if wait := a.byAddr.TakeOrWait(AddressKey(address), now); wait > 0 {
			return Actor{}, &RateError{Wait: wait}
		}
		return Actor{}, ErrUnauthenticated
	case err != nil:
		return Actor{}, fmt.Errorf("look up token: %w", err)
	case t.Owner == "" || !now.Before(t.ExpiresAt):
		return Actor{}, ErrUnauthenticated
	}
	act, err := a.actor(ctx, t.Owner)
	if err != nil {
		return Actor{}, err
	}
	// A token is no proof that anybody is there.
	act.Token, act.Scopes, act.Full, act.MadeBy, act.SeenHow = t.ID, t.Scopes, t.Full, t.MadeBy, ByToken
	if now.Sub(t.LastUsedAt) >= touchEvery {
		if err := a.store.TokenUsed(ctx, t.ID, now); err != nil {
			return Actor{}, fmt.Errorf("note the use of a token: %w", err)
		}
	}
	return act, nil
}

// Resume recognises the owner of a session by the text of its cookie.
func (a *Accounts) Resume(ctx context.Context, cookie string) (Actor, error) {
	hash, ok := hashSecret(sessionPrefix, cookie)
	if !ok {
		return Actor{}, ErrUnauthenticated
	}
	now := a.now()
	s, err := a.store.Session(ctx, hash)
	switch {
	case errors.Is(err, elevation.ErrNotFound):
		return Actor{}, ErrUnauthenticated
	case err != nil:
		return Actor{}, fmt.Errorf("look up session: %w", err)
	case !now.Before(s.ExpiresAt) || now.Sub(s.LastSeenAt) >= SessionIdle:
		return Actor{}, ErrUnauthenticated
	}
	var act Actor
	if s.Seat != (Seat{}) {
		act, err = inSeat(s.Seat), a.seatOpen(ctx, s.Seat)
	} else {
		act, err = a.actor(ctx, s.User)
		a.seated(&act, s)
	}
	if err != nil {
		return Actor{}, err
	}
	if now.Sub(s.LastSeenAt) >= touchEvery {
		s.LastSeenAt = now
		if err := a.store.SessionSeen(ctx, s); err != nil {
			return Actor{}, fmt.Errorf("note the use of a session: %w", err)
		}
	}
	return act, nil
}

// actor loads the account anew at each call, so that a role taken away or an
// account disabled counts from the next call on.
func (a *Accounts) actor(ctx context.Context, id elevation.UserID) (Actor, error) {
	u, err := a.store.Account(ctx, id)
	switch {
	case errors.Is(err, elevation.ErrNotFound):
		return Actor{}, ErrUnauthenticated
	case err != nil:
		return Actor{}, fmt.Errorf("look up account: %w", err)
	case !u.DisabledAt.IsZero():
		return Actor{}, ErrUnauthenticated
	}
	return recognised(u), nil
}

func recognised(u Account) Actor {
	return Actor{User: u.ID, Login: u.Login, Name: u.Name, Roles: u.Roles, Scope: u.Scope, HasPasskey: u.HasPasskey}
}

// seated adds what a session says of its owner.
func (a *Accounts) seated(act *Actor, s WebSession) {
	act.Session, act.SeenAt, act.SeenHow = true, s.SeenAt, s.SeenHow
	if strong(s.How) || strong(s.SeenHow) {
		return
	}
	must := a.store.SecondFactorRoles()
	act.MissingFactor = slices.ContainsFunc(act.Roles, func(r Role) bool { return slices.Contains(must, r) })
}

// ChangePassword sets the password that the owner of an account has chosen. Only
// somebody who signed in may, with the present password, and just there where
// there is none or a passkey: a token may be somebody else's work. The sessions of
// the account end.
func (a *Accounts) ChangePassword(ctx context.Context, act Actor, current, next, address string) error {
	if err := inSession(act, "sets no password"); err != nil {
		return err
	}
	u, err := a.store.Account(ctx, act.User)
	if err != nil {
		return fmt.Errorf("look up account: %w", err)
	}
	now := a.now()
	if u.HasPasskey || u.PasswordHash == "" { // it opens a door that nothing else here asks for
		if err := act.Present(now); err != nil {
			return a.refused(ctx, act, "password", err)
		}
	}
	key := strings.ToLower(clip(u.Login))
	if wait := max(a.byLogin.Wait(key, now), a.byAddr.Wait(AddressKey(address), now)); wait > 0 {
		return &RateError{Wait: wait}
	}
	if u.PasswordHash != "" {
		a.byLogin.Take(key, now)
		right, err := a.hashes.verify(ctx, u.PasswordHash, current)
		if err != nil {
			return err
		}
		if !right {
			return fmt.Errorf("%w: the present password is another one", elevation.ErrNotAllowed)
		}
		a.byLogin.GiveBack(key, now)
		if current == next {
			return fmt.Errorf("%w: choose another password than the present one", elevation.ErrInvalid)
		}
	}
	hash, err := a.HashPassword(ctx, next)
	if err != nil {
		return err
	}
	if err := a.store.PutPassword(ctx, u.ID, hash, Note{Kind: "user.changed", User: u.ID, Login: u.Login, Address: address, Why: "own password"}); err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	return nil
}

// NewLink makes a one-time sign-in link for an account and returns its secret.
func (a *Accounts) NewLink(ctx context.Context, id elevation.UserID) (string, error) {
	link, hash := newSecret(linkPrefix)
	if err := a.store.InsertLink(ctx, SignInLink{Hash: hash, User: id, ExpiresAt: a.now().Add(LinkLife)}, a.now()); err != nil {
		return "", fmt.Errorf("store sign-in link: %w", err)
	}
	return link, nil
}

// First makes the account "admin" with the role administrator and its
// admin.token when there is no account yet. made is false, and the token empty,
// when there is one.
func (a *Accounts) First(ctx context.Context) (acc Account, token string, made bool, err error) {
	now := a.now()
	acc = Account{ID: elevation.UserID(elevation.NewID(elevation.UserPrefix, now)), Login: FirstLogin,
		Name: "First administrator", Roles: []Role{Administrator}, CreatedAt: now}
	t, token := NewToken(acc.ID, "admin.token", AdminTokenLife, now)
	t.Full = true
	made, err = a.store.InsertFirst(ctx, acc, t)
	if err != nil || !made {
		return Account{}, "", false, err
	}
	return acc, token, true, nil
}
