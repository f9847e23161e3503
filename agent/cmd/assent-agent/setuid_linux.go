package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/assent-epm/assent/agent/intercept/setuid"
	"github.com/assent-epm/assent/agent/intercept/sudo"
	"github.com/assent-epm/assent/shared/elevation"
)

const setuidLock = "/run/assent-setuid.lock" // of the one agent that holds programs here

// setuidHere says why setuid programs can not be watched, nil = they can.
func setuidHere() error { return setuid.Usable() }

// serveSetuid watches setuid programs for as long as ctx lives. A machine where
// that can not be done keeps the rest of the agent.
func (p *parts) serveSetuid(ctx context.Context, set *settings, salt []byte, log *slog.Logger, on func()) error {
	lock, err := sudo.Lock(setuidLock)
	if errors.Is(err, sudo.ErrLocked) {
		return errElsewhere
	}
	if err != nil {
		return fmt.Errorf("lock setuid programs: %w", err)
	}
	defer lock.Close()
	w, err := setuid.New(setuid.Config{On: on, Known: filepath.Join(set.data, "setuid"), Elevator: p.agent, Effects: p.agent, House: p.agent, Desk: p.agent,
		Holds: func() bool { return p.agent.Holds(elevation.BySetuid) }, Salt: salt, Log: log})
	if err != nil {
		return err
	}
	return w.Run(ctx)
}
