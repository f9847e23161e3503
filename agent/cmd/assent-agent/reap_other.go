//go:build windows || darwin

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/assent-epm/assent/agent/grants"
)

// mayReap refuses whoever can not do what the agent does.
func mayReap() error { return mayServe() }

// startReaper makes sure that grants end without this process.
func startReaper(set *settings) (schedule func(context.Context, grants.Entry) error, stop func(inForce bool), err error) {
	exe, err := os.Executable()
	if err == nil {
		exe, err = reaperProgram(set, exe)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("start the reaper: %w", err)
	}
	stop, err = startWatcher(exe, set.data)
	return nil, stop, err
}

// undoAll gives back what was taken over and ends everything that is in force; for
// removal.
func undoAll(ctx context.Context, set *settings) error {
	if _, err := os.Stat(ledgerDir(set)); errors.Is(err, os.ErrNotExist) {
		return nil // it never served
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	var back error
	if localAdmins() != nil { // first: whatever fails below, people have their rights
		back = giveAllBack(ctx, set, log)
	}
	return errors.Join(back, undoHere(ctx, set, log), endAll(ctx, set, log))
}
