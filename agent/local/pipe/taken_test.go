package pipe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Somebody has the name of the door: it is said once, tried again and again, and
// opened when they are gone. Other errors end it.
func TestTakenDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const again = 5 * time.Second
		var log strings.Builder
		tries, began := 0, time.Now()
		door, err := WhenFree(t.Context(), again, slog.New(slog.NewTextHandler(&log, nil)), func() (*int, error) {
			if tries++; tries < 5 {
				return nil, fmt.Errorf("listen: %w", ErrTaken)
			}
			return new(int), nil
		})
		if err != nil || door == nil || tries != 5 || time.Since(began) != 4*again {
			t.Errorf("%v, %v after %d tries and %v", door, err, tries, time.Since(began))
		}
		if strings.Count(log.String(), "nobody of this machine can ask") != 1 {
			t.Errorf("it says: %s", log.String())
		}
		broken := errors.New("no pipes")
		if _, err := WhenFree(t.Context(), again, slog.New(slog.DiscardHandler), func() (*int, error) { return nil, broken }); !errors.Is(err, broken) {
			t.Errorf("another error: %v", err)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		door, err = WhenFree(ctx, again, slog.New(slog.DiscardHandler), func() (*int, error) { return nil, ErrTaken })
		if err != nil || door != nil {
			t.Errorf("stopped: %v, %v", door, err)
		}
	})
}
