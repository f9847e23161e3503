package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// This file lets a person at an endpoint see their own requests in a browser
// without an account: the endpoint vouches for them, for a while, and for nobody
// and nothing else.

// Seat is one user of one endpoint, as that endpoint vouches for them: by number
// and by name, so that a number that got another name is somebody else. The zero
// value is nobody.
type Seat struct {
	Endpoint elevation.EndpointID
	UID      string
	Name     string
}

// Taken reports whether it is anybody's.
func (s Seat) Taken() bool { return s.Endpoint != "" && s.UID != "" && s.Name != "" }

// Is reports whether this user of this endpoint sits there.
func (s Seat) Is(ep elevation.EndpointID, u elevation.User) bool {
	return s.Taken() && s.Endpoint == ep && s.UID == u.UID && s.Name == u.Name
}

// id tells seats apart from each other, and from every account.
func (s Seat) id() elevation.UserID {
	h := sha256.New()
	sign.WriteParts(h, "seat", string(s.Endpoint), s.UID, s.Name)
	return elevation.UserID("seat_" + hex.EncodeToString(h.Sum(nil)[:16]))
}

// Limits of seats.
const (
	SeatLinkLife     = 2 * time.Minute  // of a link that an endpoint asked for
	SeatLife         = 30 * time.Minute // of what it opens, used or not
	MaxSeatLinks     = 3                // open, of one seat
	MaxEndpointLinks = 200              // open, of one endpoint
	maxSeatText      = 256              // bytes of a name or number
)

// ByEndpoint is how somebody is recognised for whom their endpoint vouches.
const ByEndpoint = "endpoint"

// errSeat refuses what somebody does for whom only their endpoint vouches.
var errSeat = fmt.Errorf("%w: this page is only for your own requests on this computer; sign in with an account", elevation.ErrNotAllowed)

// NewSeatLink makes a one-time link for a user of an endpoint, which vouches for
// them, and returns its secret and its end. Errors wrap [elevation.ErrInvalid],
// [elevation.ErrLimit] and, for an endpoint that is locked or gone,
// [elevation.ErrConflict].
func (a *Accounts) NewSeatLink(ctx context.Context, s Seat) (secret string, until time.Time, err error) {
	now := a.now()
	if !s.Taken() || len(s.UID) > maxSeatText || len(s.Name) > maxSeatText {
		return "", until, fmt.Errorf("%w: a link is for a user with number and name", elevation.ErrInvalid)
	}
	if err := errors.Join(elevation.CheckText("uid", s.UID, maxSeatText), elevation.CheckText("user", s.Name, maxSeatText)); err != nil {
		return "", until, err
	}
	if err := a.seatOpen(ctx, s); errors.Is(err, ErrUnauthenticated) {
		return "", until, fmt.Errorf("%w: this endpoint is locked; ask your administrator", elevation.ErrConflict)
	} else if err != nil {
		return "", until, err
	}
	if wait := a.seatLinks.TakeOrWait(string(s.id()), now); wait > 0 {
		return "", until, fmt.Errorf("%w: too many links; try again in %s", elevation.ErrLimit, elevation.FormatDuration(max(wait, time.Second)))
	}
	secret, hash := newSecret(linkPrefix)
	until = now.Add(SeatLinkLife)
	if err := a.store.InsertLink(ctx, SignInLink{Hash: hash, Seat: s, ExpiresAt: until}, now); err != nil {
		return "", until, fmt.Errorf("store a link: %w", err)
	}
	return secret, until, nil
}

// seatOpen is [ErrUnauthenticated] while the endpoint can not vouch for anybody.
func (a *Accounts) seatOpen(ctx context.Context, s Seat) error {
	open, err := a.store.Vouches(ctx, s.Endpoint)
	switch {
	case errors.Is(err, elevation.ErrNotFound), err == nil && !open:
		return ErrUnauthenticated
	case err != nil:
		return fmt.Errorf("look up endpoint: %w", err)
	}
	return nil
}

// openSeat opens the session of a seat. It ends the one that the seat had.
func (a *Accounts) openSeat(ctx context.Context, s Seat, address string) (string, Actor, error) {
	now := a.now()
	cookie, hash := newSecret(sessionPrefix)
	w := WebSession{Hash: hash, Seat: s, CreatedAt: now, LastSeenAt: now, ExpiresAt: now.Add(SeatLife), How: ByEndpoint}
	n := Note{Kind: "auth.login", Seat: s, Login: s.Name, Address: address, Why: ByEndpoint}
	if err := a.store.InsertSession(ctx, w, n); err != nil {
		return "", Actor{}, fmt.Errorf("open session: %w", err)
	}
	return cookie, inSeat(s), nil
}

// inSeat is the actor for whom an endpoint vouches: no account, no role, no scope,
// and never a proof of presence.
func inSeat(s Seat) Actor {
	return Actor{User: s.id(), Login: s.Name, Name: s.Name, Seat: s, Session: true, SeenHow: ByEndpoint}
}

// AdmitSeat refuses who has no account, and writes down what they tried. The door
// asks it about everything that is not part of the portal. [Actor.Can] and the
// domain refuse them as well.
func (a *Accounts) AdmitSeat(ctx context.Context, act Actor, what string) error {
	switch {
	case act.Seat == Seat{}:
		return nil
	case strings.HasPrefix(what, "GET "): // as in Admit
		return errSeat
	}
	return a.refused(ctx, act, what, errSeat)
}
