//go:build !linux

package grants

import (
	"context"
	"errors"
)

// Timers asks the service manager to run the reaper at the end of each grant.
type Timers struct {
	Realm   string
	Command []string
	Clock   Clock
}

// Schedule is not there yet on this system.
func (Timers) Schedule(context.Context, Entry) error { return errors.ErrUnsupported }
