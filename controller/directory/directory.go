// Package directory keeps accounts in step with a company's own directory: it
// lets identity providers recognise people (OpenID Connect), takes users and
// groups from a directory (SCIM 2.0), and lets devices ask for a token that
// somebody who is signed in allows (as RFC 8628 does).
//
// It decides who somebody is and which roles their groups give; what roles may do
// is the work of auth. It calls providers over egress only, and a provider's word
// is never taken for more than its own people.
//
// Read roles.go for what groups give and take, providers.go and oidc.go for
// signing in, scim.go and the files beside it for SCIM, device.go for devices.
package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// Config names what the directory needs; everything but Log must be there.
type Config struct {
	Store *store.Store
	// Open opens a session for an account; [auth.Accounts.Open] does.
	Open func(ctx context.Context, user elevation.UserID, address, how string) (cookie string, act auth.Actor, err error)
	// Wrap and Unwrap keep secrets in the database and in cookies.
	Wrap    func(purpose string, plain []byte) ([]byte, error)
	Unwrap  func(purpose string, wrapped []byte) ([]byte, error)
	Outside *http.Client   // over egress
	Allow   []netip.Prefix // networks that Outside may call although they are not public
	Public  func() string  // the console's address, known before anything is served
	Now     func() time.Time
	Log     *slog.Logger // nil discards
}

// Directory is what the package does. Use [New].
type Directory struct {
	cfg     Config
	outside *http.Client  // bounded in time and size
	tries   *auth.Limiter // of signing in, by address
	asked   *auth.Limiter // of devices that begin, by address
	guessed *auth.Limiter // of codes of devices that there are not, by address
	codes   *auth.Limiter // of typed codes, by account

	mu    sync.Mutex // guards the fields below
	known map[store.ProviderID]*discovered
	polls map[string]poll // by the hash of the device's code
}

// New makes a directory.
func New(cfg Config) (*Directory, error) {
	if cfg.Store == nil || cfg.Open == nil || cfg.Wrap == nil || cfg.Unwrap == nil || cfg.Outside == nil || cfg.Public == nil || cfg.Now == nil {
		return nil, errors.New("make the directory: a part of its configuration is missing")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Directory{cfg: cfg, outside: bound(cfg.Outside), tries: auth.NewLimiter(1, 60, 10_000), asked: auth.NewLimiter(1.0/3, 20, 10_000),
		guessed: auth.NewLimiter(1.0/3, 20, 10_000), codes: auth.NewLimiter(1.0/6, 10, 10_000),
		known: map[store.ProviderID]*discovered{}, polls: map[string]poll{}}, nil
}

// may checks a permission for all endpoints and logs a refusal.
func (d *Directory) may(ctx context.Context, act auth.Actor, p auth.Permission, what string) error {
	if err := act.Can(p); err != nil {
		return d.refuse(ctx, act, what, err)
	}
	if len(act.Scope) > 0 {
		return d.refuse(ctx, act, what, fmt.Errorf("%w: your account is limited to some endpoints, and this is for all of them", elevation.ErrNotAllowed))
	}
	return nil
}

// refuse logs that act was not allowed to do what, and returns why.
func (d *Directory) refuse(ctx context.Context, act auth.Actor, what string, why error) error {
	if act.User == "" {
		return why // nobody: the door counts those
	}
	e := d.event(act.Elevation(), audit.AuthRefused, map[string]string{"act": what, "why": audit.Clip(why.Error(), 500)})
	if err := d.update(ctx, func(tx *store.Tx) error { return tx.Append(e) }); err != nil {
		return fmt.Errorf("record a refusal: %w", err)
	}
	return why
}

func (d *Directory) event(by elevation.Actor, k audit.Kind, data map[string]string) audit.Event {
	return audit.Event{At: d.cfg.Now(), Kind: k, Actor: by, Data: data}
}

func (d *Directory) view(ctx context.Context, fn func(*store.Tx) error) error {
	return d.cfg.Store.View(ctx, fn)
}

func (d *Directory) update(ctx context.Context, fn func(*store.Tx) error) error {
	return d.cfg.Store.Update(ctx, fn)
}

// limit takes one try of an address, or of the network that its owner has.
func (d *Directory) limit(of *auth.Limiter, address string) error {
	if wait := of.TakeOrWait(auth.AddressKey(address), d.cfg.Now()); wait > 0 {
		return &auth.RateError{Wait: wait}
	}
	return nil
}

// checkEmail refuses what is no single e-mail address, so that its domain is what
// stands behind its only @.
func checkEmail(s string) error {
	if err := elevation.CheckLine("e-mail address", s, 254); err != nil {
		return err
	}
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || domain == "" || strings.ContainsAny(s, " ,;<>\"\\()[]") || strings.Contains(domain, "@") || !isASCII(domain) {
		return fmt.Errorf("%w: %q is no e-mail address", elevation.ErrInvalid, audit.Clip(s, 80))
	}
	return nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}
