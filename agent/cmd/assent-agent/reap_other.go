//go:build windows || darwin

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
)

// mayReap refuses whoever can not do what the agent does.
func mayReap() error { return mayServe() }

// startReaper makes sure that grants end without this process: by a watcher that
// outlives it. stop ends it, when nothing is in force any more.
func startReaper(set *settings) (stop func(inForce bool), err error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	if exe, err = reaperProgram(set, exe); err != nil {
		return nil, fmt.Errorf("start the reaper: %w", err)
	}
	cmd := exec.Command(exe, "reap", "--watch", "--data", set.data)
	cmd.Env, cmd.Dir, cmd.SysProcAttr = apart()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the reaper: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it ends when it is stopped
		close(ended)
	}()
	return func(inForce bool) {
		if inForce {
			return // it ends what goes on without this agent
		}
		_ = cmd.Process.Kill() // it changes nothing now
		<-ended
	}, nil
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
