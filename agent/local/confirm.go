package local

import (
	"context"
	"fmt"

	"github.com/assent-epm/assent/shared/elevation"
)

// Confirms takes what people confirm with where it is not asked for at a prompt.
type Confirms interface {
	// Confirm takes the password that an approval of the user waits for; "" = they
	// leave it. [ErrConflict] when nothing of theirs waits for one.
	Confirm(user string, id elevation.RequestID, password string) error
}

// Confirm gives the password with which the caller confirms an approval; "" leaves
// it. What comes of it is told to who watches.
func (c Client) Confirm(ctx context.Context, id, password string) error {
	_, err := c.ask(ctx, ask{What: "password", ID: id, Text: password})
	return err
}

// confirm takes a password of a user's. Nothing of it is in an error or a log.
func confirm(c Confirms, user string, q ask) error {
	switch {
	case c == nil:
		return fmt.Errorf("%w: this agent takes no passwords", ErrConflict)
	case elevation.CheckID(elevation.RequestPrefix, q.ID) != nil:
		return ErrNotFound
	}
	return c.Confirm(user, elevation.RequestID(q.ID), q.Text)
}
