package local

import (
	"context"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// CodesOff is why there are no codes on a machine whose policy has none.
const CodesOff = "codes are not switched on for this machine"

// Offline is what is done with codes while the controller can not be reached. It
// must check itself that what waits is of that user.
type Offline interface {
	// Offline lists what of a user waits for a code.
	Offline(user string) ([]Challenge, error)
	// Redeem takes a code. The same command typed again uses what it allows.
	Redeem(user string, id elevation.RequestID, code string) error
}

// Challenge is something that waits for a code.
type Challenge struct {
	ID        elevation.RequestID `json:"id"`
	Challenge string              `json:"challenge"` // to read to an approver
	Path      string              `json:"path"`
	Args      []string            `json:"args"` // masked
	RunAs     string              `json:"run_as"`
	At        time.Time           `json:"at"`
	Until     time.Time           `json:"until"` // of the challenge
}

// Offline lists what of the caller waits for a code.
func (c Client) Offline(ctx context.Context) ([]Challenge, error) {
	a, err := c.ask(ctx, ask{What: "offline"})
	return a.Challenges, err
}

// Redeem gives the agent the code for something that waits.
func (c Client) Redeem(ctx context.Context, id, code string) error {
	_, err := c.ask(ctx, ask{What: "redeem", ID: id, Text: code})
	return err
}
