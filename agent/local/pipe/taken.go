package pipe

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// WhenFree opens a door as soon as its name is free: while somebody else has it
// nobody can ask, and nothing else stops. The zero value and no error mean that ctx
// has ended.
func WhenFree[T any](ctx context.Context, again time.Duration, log *slog.Logger, open func() (T, error)) (door T, err error) {
	for said := ""; ; {
		door, err := open()
		if err == nil || !errors.Is(err, ErrTaken) {
			return door, err
		}
		if err.Error() != said { // the same is said once
			said = err.Error()
			log.Error("nobody of this machine can ask: find the program that has the name, and end it", "error", err)
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return door, nil
		}
	}
}
