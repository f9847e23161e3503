//go:build windows || darwin

package main

import (
	"context"
	"fmt"
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
