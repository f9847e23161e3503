package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

const sudoersDir = "/etc/sudoers.d"

func ledgerDir(set *settings) string { return filepath.Join(set.data, "grants") }

// newReaper is the reaper over this data folder. The caller closes its trees.
func newReaper(set *settings, log *slog.Logger, everything bool) (*grants.Reaper, error) {
	trees, err := privilege.NewTrees(privilege.Config{Realm: privilege.Realm(set.data), Log: log})
	if err != nil {
		return nil, err
	}
	return &grants.Reaper{Dir: ledgerDir(set), Trees: trees, Clock: grants.SystemClock, Sudoers: sudoersDir, All: everything, Log: log}, nil
}

// reap ends what is due once, or until it is stopped. It works with the agent
// alive, stopped or dead.
func reap(ctx context.Context, set *settings, boot, watch bool) error {
	if os.Geteuid() != 0 {
		return hinted{errors.New("the reaper needs root"), "run it as root"}
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	r, err := newReaper(set, log, boot)
	if err != nil {
		return err
	}
	defer r.Trees.Close()
	if watch {
		return watchAlone(ctx, set, r)
	}
	ended, _, err := r.Reap(ctx)
	if ended > 0 {
		log.Info("taken back", "grants", ended)
	}
	return err
}

// watchAlone lets one watcher per data folder work: a second one waits for the
// first. A watcher goes away when the agent that started it is gone and nothing
// is in force.
func watchAlone(ctx context.Context, set *settings, r *grants.Reaper) error {
	parent := os.Getppid()
	r.Until = func() bool { return os.Getppid() != parent }
	lock, err := os.OpenFile(filepath.Join(set.data, "reap.lock"), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("open the lock: %w", err)
	}
	defer lock.Close()
	for unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil
		}
		if r.Until() {
			return nil
		}
	}
	return r.Watch(ctx)
}

// scheduler makes sure that grants end without this process: by timers where
// systemd runs, by a watcher in its own session elsewhere. stop ends what it
// started, when nothing is in force any more.
func scheduler(set *settings) (schedule func(context.Context, grants.Entry) error, stop func(inForce bool), err error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program: %w", err)
	}
	if onSystemd() {
		t := grants.Timers{Realm: privilege.Realm(set.data), Command: []string{exe, "reap", "--data", set.data}, Clock: grants.SystemClock}
		return t.Schedule, func(bool) {}, nil
	}
	cmd := exec.Command(exe, "reap", "--watch", "--data", set.data)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start the reaper: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it ends when it is stopped
		close(ended)
	}()
	return nil, func(inForce bool) {
		if inForce {
			return // it ends what goes on without this agent
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	}, nil
}

// undoAll ends everything that is in force; for removal.
func undoAll(ctx context.Context, set *settings) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	trees, err := privilege.NewTrees(privilege.Config{Realm: privilege.Realm(set.data), Log: log})
	if err != nil {
		return err
	}
	defer trees.Close()
	ledger, err := grants.Open(ledgerDir(set))
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range ledger.All() {
		if e.State != grants.Ended {
			_, err := ledger.End(ctx, trees, e, elevation.Uninstall)
			errs = append(errs, err)
		}
	}
	r := &grants.Reaper{Dir: ledgerDir(set), Trees: trees, Clock: grants.SystemClock, Sudoers: sudoersDir, All: true, Log: log}
	_, _, err = r.Reap(ctx)
	return errors.Join(append(errs, err, removePlugin(ctx))...)
}
