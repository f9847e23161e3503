package main

import (
	"context"
	"runtime/debug"
	"time"
)

// giveBackEvery is how often memory that is no longer used goes back to the
// system. An elevation needs some for a moment, the hours between them do not.
const giveBackEvery = 30 * time.Second

func giveBack(ctx context.Context) error {
	t := time.NewTicker(giveBackEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			debug.FreeOSMemory()
		}
	}
}
