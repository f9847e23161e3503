package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/assent-epm/assent/agent"
	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/elevation"
)

// This file has the parts of the daemon, and of what works without it, that are the
// same on every system.

func ledgerDir(set *settings) string { return filepath.Join(set.data, "grants") }

// newReaper is the reaper over this data folder. The caller closes its trees.
func newReaper(set *settings, log *slog.Logger, everything bool) (*grants.Reaper, error) {
	trees, err := privilege.NewTrees(privilege.Config{Realm: privilege.Realm(set.data), Log: log})
	if err != nil {
		return nil, err
	}
	return &grants.Reaper{Dir: ledgerDir(set), Trees: trees, Clock: grants.SystemClock, Sudoers: sudoersDir, All: everything, Log: log}, nil
}

// endAll ends everything that is in force, for removal.
func endAll(ctx context.Context, set *settings, log *slog.Logger) error {
	r, err := newReaper(set, log, true)
	if err != nil {
		return err
	}
	defer r.Trees.Close()
	ledger, err := grants.Open(r.Dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range ledger.All() {
		if e.State != grants.Ended {
			_, err := ledger.End(ctx, r.Trees, e, elevation.Uninstall)
			errs = append(errs, err)
		}
	}
	_, _, err = r.Reap(ctx)
	return errors.Join(append(errs, err)...)
}

// takeBack is one pass of the reaper before anything is served: it also ends
// what a damaged ledger can not name. What can not be ended now is tried again
// by the reaper, which runs beside the agent.
func takeBack(ctx context.Context, set *settings, trees *privilege.Trees, log *slog.Logger) {
	r := &grants.Reaper{Dir: ledgerDir(set), Trees: trees, Clock: grants.SystemClock, Sudoers: sudoersDir, Log: log}
	if _, _, err := r.Reap(ctx); err != nil {
		log.Error("take back what was left", "error", err)
	}
}

// granted is what this endpoint has granted, and what ends that.
type granted struct {
	trees    *privilege.Trees
	ledger   *grants.Ledger
	schedule func(context.Context, grants.Entry) error // nil: what is due is found by looking

	stopReaper func(inForce bool)
}

// openGranted takes back what was left, before anything is served, and makes sure
// that grants end without this process. The caller closes it.
func openGranted(ctx context.Context, set *settings, log *slog.Logger) (g granted, err error) {
	if g.trees, err = privilege.NewTrees(privilege.Config{Realm: privilege.Realm(set.data), Log: log}); err != nil {
		return g, err
	}
	takeBack(ctx, set, g.trees, log)
	if g.ledger, err = grants.Open(ledgerDir(set)); err == nil {
		g.schedule, g.stopReaper, err = startReaper(set)
	}
	if err != nil {
		g.trees.Close()
	}
	return g, err
}

func (g granted) close() {
	g.stopReaper(inForce(g.ledger))
	g.trees.Close()
}

// lentGroup reports whether somebody is in a group only for a while; before there is
// an agent nobody is.
func lentGroup(a *agent.Agent, user, group string) bool {
	return a != nil && a.LentGroup(user, group)
}

// optional runs a part without which everything else goes on; without says what is
// lost with it.
func optional(log *slog.Logger, without string, part func() error) error {
	if err := part(); err != nil {
		log.Error(without, "error", err)
	}
	return nil
}

// afterSleep does something each time the machine has slept, until ctx ends.
func afterSleep(ctx context.Context, woke <-chan struct{}, act func()) error {
	for {
		select {
		case <-woke:
			act()
		case <-ctx.Done():
			return nil
		}
	}
}

// removingMark stands while Assent is being removed from this machine.
func removingMark(set *settings) string { return filepath.Join(set.data, "removing") }

// markRemoval lets a daemon that is stopped now know that it is for good, so that
// it tells whoever waits. done takes the mark away; one that stays is taken away
// by the next daemon. Neither may keep Assent from being removed.
func markRemoval(set *settings) (done func()) {
	_ = os.WriteFile(removingMark(set), nil, 0o600) // without it people read that their request is kept
	return func() { _ = durable.Remove(removingMark(set)) }
}

// lasting ends when ctx does, and where Assent is being removed not before
// farewell has ended.
func lasting(ctx context.Context, set *settings, farewell func(context.Context)) (context.Context, context.CancelFunc) {
	_ = durable.Remove(removingMark(set)) // of a removal that did not come to its end
	inner, end := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if _, err := os.Lstat(removingMark(set)); err == nil {
			farewell(inner)
		}
		end(context.Cause(ctx))
	})
	return inner, func() { stop(); end(nil) }
}

func inForce(l *grants.Ledger) bool {
	for _, e := range l.All() {
		if e.State == grants.Armed || e.State == grants.Active {
			return true
		}
	}
	return false
}

// quiet makes the ordinary stop no error.
func quiet(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func level(verbose bool) slog.Level {
	if verbose {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// loadSalt reads the salt of argument digests, or makes it once.
func loadSalt(path string) ([]byte, error) {
	salt, err := os.ReadFile(path)
	if err == nil && len(salt) == 32 {
		return salt, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the salt: %w", err)
	}
	salt = make([]byte, 32)
	rand.Read(salt)
	if err := durable.Replace(path, salt); err != nil {
		return nil, fmt.Errorf("write the salt: %w", err)
	}
	return salt, nil
}
