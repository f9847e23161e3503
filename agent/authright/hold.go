package authright

import (
	"context"
	"maps"
	"time"
)

// again is between two looks whether the rights are as they were set: a new version of
// macOS sets its own.
const again = 10 * time.Minute

// Wanted is what is to be set: the machine's own file, and before it the policy.
func Wanted(file, policy map[string]Level) map[string]Level {
	all := maps.Clone(file)
	if all == nil {
		all = map[string]Level{}
	}
	maps.Copy(all, policy)
	return all
}

// Holder keeps the rights as they are wanted.
type Holder struct {
	DB     DB
	File   map[string]Level        // the machine's own, may be nil
	Policy func() map[string]Level // what the policy in force names, may be nil
	Due    <-chan struct{}         // the policy is another one; may be nil
	Again  time.Duration           // between two looks without news, 0 = ten minutes
	Held   func(error)             // after each look, may be nil
}

// Run sets the rights, those of a new policy at once, and puts back what neither names
// any more. It ends with ctx; what is set stays until [DB.Restore].
func (h Holder) Run(ctx context.Context) error {
	if h.Again <= 0 {
		h.Again = again
	}
	tick := time.NewTicker(h.Again)
	defer tick.Stop()
	for {
		err := h.DB.Set(ctx, Wanted(h.File, h.Policy()))
		if err != nil && ctx.Err() == nil {
			h.DB.Log.Error("authorization rights", "error", err)
		}
		if h.Held != nil {
			h.Held(err)
		}
		select {
		case <-tick.C:
		case <-h.Due:
		case <-ctx.Done():
			return nil
		}
	}
}
