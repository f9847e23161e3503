package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

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
	CreatedAt  time.Time
	LastSeenAt time.Time
	ExpiresAt  time.Time
}

// SignInLink is a one-time link as it is stored.
type SignInLink struct {
	Hash      []byte
	User      elevation.UserID
	ExpiresAt time.Time
}

// Note is what happened, for the audit log.
type Note struct {
	Kind    string // "auth.login", "auth.login_failed", …
	User    elevation.UserID
	Login   string
	Address string
	Why     string
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
	InsertSession(ctx context.Context, s WebSession, n Note) error
	SessionSeen(ctx context.Context, s WebSession) error
	DeleteSession(ctx context.Context, hash []byte, n Note) error
	InsertLink(ctx context.Context, l SignInLink) error
	// PutPassword sets a password that its owner chose, so that nobody else holds
	// the account any more, and ends its sessions.
	PutPassword(ctx context.Context, id elevation.UserID, hash string, n Note) error
	// UseLink marks the link used and returns its account, once; later calls
	// and calls after its end return elevation.ErrNotFound.
	UseLink(ctx context.Context, hash []byte, now time.Time) (elevation.UserID, error)
	Record(ctx context.Context, n Note) error
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
}

// NewAccounts makes the recogniser of people over a store; now is the clock,
// which must be there.
func NewAccounts(s Store, now func() time.Time) (*Accounts, error) {
	if now == nil {
		return nil, errors.New("make accounts: no clock is given")
	}
	a := &Accounts{store: s, now: now, hashes: newHasher(2, 16),
		byLogin: NewLimiter(1.0/12, 5, 10_000), byAddr: NewLimiter(1.0/3, 20, 10_000)}
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
		if wait := a.byAddr.TakeOrWait(address, now); wait > 0 {
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
	act.Token, act.Scopes, act.Full, act.MadeBy, act.SeenAt = t.ID, t.Scopes, t.Full, t.MadeBy, t.CreatedAt
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
	act, err := a.actor(ctx, s.User)
	if err != nil {
		return Actor{}, err
	}
	act.Session, act.SeenAt = true, s.CreatedAt
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
	return Actor{User: u.ID, Login: u.Login, Name: u.Name, Roles: u.Roles, Scope: u.Scope}, nil
}

// SignIn checks a password and opens a session. The result is the text for the
// cookie. A wrong login, a wrong password and an account without one all give
// [ErrUnauthenticated] after the same work; [ErrRate] comes after five failures
// of one account or twenty of one address.
func (a *Accounts) SignIn(ctx context.Context, login, password, address string) (cookie string, act Actor, err error) {
	now := a.now()
	key := strings.ToLower(clip(login)) // accounts are found in any casing
	if wait := max(a.byLogin.Wait(key, now), a.byAddr.Wait(address, now)); wait > 0 {
		return "", Actor{}, &RateError{Wait: wait}
	}
	// Taken before the hash, so that parallel guesses count as well.
	a.byLogin.Take(key, now)
	a.byAddr.Take(address, now)
	u, err := a.store.AccountByLogin(ctx, login)
	if err != nil && !errors.Is(err, elevation.ErrNotFound) {
		return "", Actor{}, fmt.Errorf("look up account: %w", err)
	}
	stored := u.PasswordHash
	if stored == "" {
		stored = a.dummy
	}
	right, err := a.hashes.verify(ctx, stored, password)
	if err != nil {
		return "", Actor{}, err
	}
	if !right || u.ID == "" || u.PasswordHash == "" || !u.DisabledAt.IsZero() {
		n := Note{Kind: "auth.login_failed", User: u.ID, Login: clip(login), Address: address, Why: "password"}
		if err := a.store.Record(ctx, n); err != nil {
			return "", Actor{}, fmt.Errorf("record a failed sign-in: %w", err)
		}
		return "", Actor{}, ErrUnauthenticated
	}
	a.byLogin.GiveBack(key, now)
	a.byAddr.GiveBack(address, now)
	return a.open(ctx, u, address, "password")
}

// SignInByLink uses a one-time link up and opens a session.
func (a *Accounts) SignInByLink(ctx context.Context, link, address string) (cookie string, act Actor, err error) {
	now := a.now()
	if wait := a.byAddr.Wait(address, now); wait > 0 {
		return "", Actor{}, &RateError{Wait: wait}
	}
	fail := func(why string) (string, Actor, error) {
		a.byAddr.Take(address, now)
		if err := a.store.Record(ctx, Note{Kind: "auth.login_failed", Address: address, Why: why}); err != nil {
			return "", Actor{}, fmt.Errorf("record a failed sign-in: %w", err)
		}
		return "", Actor{}, ErrUnauthenticated
	}
	hash, ok := hashSecret(linkPrefix, link)
	if !ok {
		return fail("link")
	}
	id, err := a.store.UseLink(ctx, hash, now)
	if errors.Is(err, elevation.ErrNotFound) {
		return fail("link")
	} else if err != nil {
		return "", Actor{}, fmt.Errorf("use sign-in link: %w", err)
	}
	u, err := a.store.Account(ctx, id)
	if err != nil || !u.DisabledAt.IsZero() {
		return fail("account")
	}
	return a.open(ctx, u, address, "link")
}

// Open opens a session for an account that was recognised elsewhere, such as by
// an identity provider; how goes into the audit log. [ErrUnauthenticated] for an
// account that is not there or disabled.
func (a *Accounts) Open(ctx context.Context, user elevation.UserID, address, how string) (cookie string, act Actor, err error) {
	u, err := a.store.Account(ctx, user)
	switch {
	case errors.Is(err, elevation.ErrNotFound) || err == nil && (u.ID == "" || !u.DisabledAt.IsZero()):
		n := Note{Kind: "auth.login_failed", User: user, Address: address, Why: how}
		if err := a.store.Record(ctx, n); err != nil {
			return "", Actor{}, fmt.Errorf("record a failed sign-in: %w", err)
		}
		return "", Actor{}, ErrUnauthenticated
	case err != nil:
		return "", Actor{}, fmt.Errorf("look up account: %w", err)
	}
	return a.open(ctx, u, address, how)
}

func (a *Accounts) open(ctx context.Context, u Account, address, how string) (string, Actor, error) {
	now := a.now()
	cookie, hash := newSecret(sessionPrefix)
	s := WebSession{Hash: hash, User: u.ID, CreatedAt: now, LastSeenAt: now, ExpiresAt: now.Add(SessionLife)}
	n := Note{Kind: "auth.login", User: u.ID, Login: u.Login, Address: address, Why: how}
	if err := a.store.InsertSession(ctx, s, n); err != nil {
		return "", Actor{}, fmt.Errorf("open session: %w", err)
	}
	return cookie, Actor{User: u.ID, Login: u.Login, Name: u.Name, Roles: u.Roles, Scope: u.Scope,
		Session: true, SeenAt: now}, nil
}

// ChangePassword sets the password that the owner of an account has chosen. Only
// somebody who signed in may, with the present password where there is one:
// a token may be somebody else's work. Other sessions of the account end.
func (a *Accounts) ChangePassword(ctx context.Context, act Actor, current, next, address string) error {
	switch {
	case act.User == "":
		return ErrUnauthenticated
	case !act.Session || act.Token != "":
		return fmt.Errorf("%w: a token sets no password; sign in to the console", elevation.ErrNotAllowed)
	}
	u, err := a.store.Account(ctx, act.User)
	if err != nil {
		return fmt.Errorf("look up account: %w", err)
	}
	now := a.now()
	key := strings.ToLower(clip(u.Login))
	if wait := max(a.byLogin.Wait(key, now), a.byAddr.Wait(address, now)); wait > 0 {
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

// SignOut ends the session of this cookie; an unknown one is no error.
func (a *Accounts) SignOut(ctx context.Context, act Actor, cookie string) error {
	hash, ok := hashSecret(sessionPrefix, cookie)
	if !ok {
		return nil
	}
	n := Note{Kind: "auth.logout", User: act.User, Login: act.Login}
	if err := a.store.DeleteSession(ctx, hash, n); err != nil && !errors.Is(err, elevation.ErrNotFound) {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// NewLink makes a one-time sign-in link for an account and returns its secret.
func (a *Accounts) NewLink(ctx context.Context, id elevation.UserID) (string, error) {
	link, hash := newSecret(linkPrefix)
	if err := a.store.InsertLink(ctx, SignInLink{Hash: hash, User: id, ExpiresAt: a.now().Add(LinkLife)}); err != nil {
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

// Prefixes of the secrets. Those of sessions and links are never shown apart
// from where they are used.
const (
	TokenPrefix   = "ast_"
	sessionPrefix = "ses_"
	linkPrefix    = "lnk_"
	secretLen     = 32 // bytes
)

// NewToken makes an API token: the row to store and the text to show once.
func NewToken(owner elevation.UserID, name string, ttl time.Duration, now time.Time) (Token, string) {
	text, hash := newSecret(TokenPrefix)
	return Token{ID: elevation.TokenID(elevation.NewID(elevation.TokenPrefix, now)), Hash: hash, Name: name,
		Owner: owner, ExpiresAt: now.Add(ttl), CreatedAt: now}, text
}

// newSecret makes prefix + 256 random bits + a checksum that lets a typing
// mistake, and a scanner for leaked secrets, be told without the database.
func newSecret(prefix string) (text string, hash []byte) {
	b := make([]byte, secretLen)
	rand.Read(b) // never fails: crypto/rand documents that it ends the program instead
	text = prefix + base64.RawURLEncoding.EncodeToString(append(b, checksum(prefix, b)...))
	h := sha256.Sum256([]byte(text))
	return text, h[:]
}

// hashSecret returns what a secret is stored under; ok is false when it can not
// be one of that kind.
func hashSecret(prefix, text string) (hash []byte, ok bool) {
	body, ok := strings.CutPrefix(text, prefix)
	if !ok || len(body) != base64.RawURLEncoding.EncodedLen(secretLen+4) {
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || string(b[secretLen:]) != string(checksum(prefix, b[:secretLen])) {
		return nil, false
	}
	h := sha256.Sum256([]byte(text))
	return h[:], true
}

func checksum(prefix string, b []byte) []byte {
	h := sha256.Sum256(append([]byte("assent checksum "+prefix), b...))
	return h[:4]
}

// CheckLogin refuses a login that is empty, long, or has characters that could
// be mistaken in a list or a command.
func CheckLogin(login string) error {
	if login == "" || utf8.RuneCountInString(login) > MaxLogin {
		return fmt.Errorf("%w: a login has 1 to %d characters", elevation.ErrInvalid, MaxLogin)
	}
	for i, r := range login {
		letter := r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
		if !letter && (i == 0 || !strings.ContainsRune("._-@+\\", r)) {
			return fmt.Errorf("%w: a login has letters and digits, and . _ - @ + \\ after the first", elevation.ErrInvalid)
		}
	}
	for _, p := range []string{elevation.UserPrefix, elevation.TeamPrefix} {
		if strings.HasPrefix(login, p) {
			return fmt.Errorf("%w: a login does not begin like an id", elevation.ErrInvalid)
		}
	}
	return nil
}

// clip makes text of a stranger fit for the audit log.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > MaxLogin {
		s = strings.ToValidUTF8(s[:MaxLogin], "")
	}
	return strings.ReplaceAll(s, "\x00", "?")
}
