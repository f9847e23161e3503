package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"testing"
)

// TestLasting: a daemon that only stops says nothing; one that is stopped because
// Assent is being removed takes leave first, while everything still runs. A mark
// of an earlier removal does not count.
func TestLasting(t *testing.T) {
	set := &settings{data: t.TempDir()}
	markRemoval(set)
	for _, removed := range []bool{false, true} {
		ctx, stop := context.WithCancel(t.Context())
		took := false
		inner, end := lasting(ctx, set, func(ctx context.Context) { took = ctx.Err() == nil })
		unmark := func() {}
		if removed {
			unmark = markRemoval(set)
		}
		stop()
		<-inner.Done()
		if took != removed {
			t.Errorf("removed %v: leave was taken: %v", removed, took)
		}
		end()
		unmark()
		if _, err := os.Lstat(removingMark(set)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("removed %v: the mark stays: %v", removed, err)
		}
	}
	markRemoval(&settings{data: t.TempDir() + "/never"})() // where the agent never ran
}
