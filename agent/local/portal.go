package local

import (
	"context"
	"time"
)

// Portal gives people a link to their own requests.
type Portal interface {
	// Portal makes a link for this user, and for nobody else.
	// [ErrOffline] when the controller can not be asked.
	Portal(ctx context.Context, user string) (PortalLink, error)
}

// PortalLink is an address that works once. Whoever has it is the person.
type PortalLink struct {
	URL   string    `cbor:"url" json:"url"`
	Until time.Time `cbor:"until" json:"expires_at"`
}

// Portal asks for a link to the caller's own requests.
func (c Client) Portal(ctx context.Context) (PortalLink, error) {
	a, err := c.ask(ctx, ask{What: "portal"})
	if err != nil || a.Portal == nil {
		return PortalLink{}, err
	}
	return *a.Portal, nil
}
