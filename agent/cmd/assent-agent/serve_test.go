package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"strings"
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

// A part that others do without fails by itself, and what is lost is said.
func TestOptional(t *testing.T) {
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	if err := optional(log, "no rules are lent", func() error { return nil }); err != nil || said.Len() > 0 {
		t.Errorf("%v, said %s", err, &said)
	}
	if err := optional(log, "no rules are lent", func() error { return errors.New("the door is taken") }); err != nil ||
		!strings.Contains(said.String(), "no rules are lent") || !strings.Contains(said.String(), "the door is taken") {
		t.Errorf("%v, said %s", err, &said)
	}
}

func TestAfterSleep(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	woke, acts, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() { ended <- afterSleep(ctx, woke, func() { acts <- struct{}{} }) }()
	for range 2 {
		woke <- struct{}{}
		<-acts
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := afterSleep(ctx, nil, func() { t.Error("it has not slept") }); err != nil { // a system that does not tell
		t.Error(err)
	}
}

func TestLentGroup(t *testing.T) {
	if lentGroup(nil, "1000", "admin") {
		t.Error("somebody is lent a group before there is an agent")
	}
}
