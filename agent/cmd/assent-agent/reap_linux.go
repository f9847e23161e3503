package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"syscall"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/privilege"
)

const sudoersDir = "/etc/sudoers.d"

// mayReap refuses whoever is not root.
func mayReap() error {
	if os.Geteuid() != 0 {
		return hinted{errors.New("the reaper needs root"), "run it as root"}
	}
	return nil
}

// startReaper makes sure that grants end without this process: by timers where
// systemd runs, by a watcher in its own session elsewhere.
func startReaper(set *settings) (schedule func(context.Context, grants.Entry) error, stop func(inForce bool), err error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program: %w", err)
	}
	if onSystemd() {
		t := grants.Timers{Realm: privilege.Realm(set.data), Command: []string{exe, "reap", "--data", set.data}, Clock: grants.SystemClock}
		return t.Schedule, func(bool) {}, nil
	}
	stop, err = startWatcher(exe, set.data)
	return nil, stop, err
}

// apart is how the watcher is started: in a session of its own, outlives the agent.
func apart() (env []string, dir string, attr *syscall.SysProcAttr) {
	return []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, "/", &syscall.SysProcAttr{Setsid: true}
}

// undoAll ends everything that is in force; for removal.
func undoAll(ctx context.Context, set *settings) error {
	f, err := set.load()
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	errs := []error{giveAllBack(ctx, set, log)} // first: whatever fails below, people have their rights
	err = endAll(ctx, set, log)
	return errors.Join(append(errs, err, removePlugin(ctx, f.Plugin), removeMechanisms())...)
}
