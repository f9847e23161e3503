package link

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A machine that has slept does not wait for the end of a pause.
func TestRetryEndsAPause(t *testing.T) {
	s := newScript(t, nil)
	dir, id := enrolled(t, s)
	synctest.Test(t, func(t *testing.T) {
		id.URL = "https://127.0.0.1:1"
		tries := make(chan struct{}, 10_000)
		x := start(t, dir, id, nil)
		x.link.log = slog.New(tryCounter{slog.DiscardHandler, tries})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- x.link.Run(ctx) }()
		<-time.After(time.Hour) // pauses are long by now
		synctest.Wait()
		for range 5 {
			before := len(tries)
			x.link.Retry()
			x.link.Retry() // twice is once
			synctest.Wait()
			if got := len(tries) - before; got < 1 {
				t.Errorf("%d tries after a wake-up", got)
			}
		}
		cancel()
		<-done
	})
}

// tryCounter counts what is logged of tries.
type tryCounter struct {
	slog.Handler
	tries chan struct{}
}

func (tryCounter) Enabled(context.Context, slog.Level) bool { return true }

func (c tryCounter) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "not connected") {
		select {
		case c.tries <- struct{}{}:
		default:
		}
	}
	return nil
}
