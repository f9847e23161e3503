package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/intercept/polkit"
	"github.com/assent-epm/assent/agent/intercept/sudo"
)

const (
	polkitLock = "/run/assent-polkit.lock" // of the one agent that works with polkit here
	polkitUser = "polkitd"
	ruleLook   = time.Minute // how often the rule is looked after
)

// mechanisms serves polkit and setuid programs beside sudo.
func (p *parts) mechanisms(ctx context.Context, g *errgroup.Group, set *settings, f file, salt []byte, log *slog.Logger) {
	if f.polkit() {
		p.serve(ctx, g, "polkit", func(ctx context.Context, on func()) error { return p.servePolkit(ctx, set, salt, log, on) }, func() {})
	} else if err := polkit.RemoveRule(polkit.Rule{}); err != nil {
		log.Warn("remove the rule for polkit", "error", err)
	}
	if f.setuid() {
		p.serve(ctx, g, "setuid", func(ctx context.Context, on func()) error { return p.serveSetuid(ctx, set, salt, log, on) }, func() {})
	}
}

// mechanismCapabilities is what of polkit and setuid programs this machine has.
func mechanismCapabilities(f file) []string {
	var list []string
	if f.polkit() && polkitHere() == nil {
		list = append(list, "polkit")
	}
	if f.setuid() && setuidHere() == nil {
		list = append(list, "setuid")
	}
	return list
}

// polkitHere says why polkit can not be asked to ask, nil = it can.
func polkitHere() error {
	if info, err := os.Stat(filepath.Dir(polkit.RulePath)); err != nil || !info.IsDir() {
		return polkit.ErrNoPolkit
	}
	if _, err := intercept.LookupName(polkitUser); err != nil {
		return fmt.Errorf("there is no user %s: %w", polkitUser, err)
	}
	return nil
}

// servePolkit makes polkit ask for as long as ctx lives. A machine where that can
// not be done keeps its polkit as it is.
func (p *parts) servePolkit(ctx context.Context, set *settings, salt []byte, log *slog.Logger, on func()) error {
	if err := polkitHere(); err != nil {
		return err
	}
	who, err := intercept.LookupName(polkitUser)
	if err != nil {
		return err
	}
	lock, err := sudo.Lock(polkitLock)
	if errors.Is(err, sudo.ErrLocked) {
		return errElsewhere
	}
	if err != nil {
		return fmt.Errorf("lock polkit: %w", err)
	}
	defer lock.Close()
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	rule := polkit.Rule{Program: exe, Socket: filepath.Join(set.runtime, "polkit.sock")}
	server, err := polkit.New(polkit.Config{Socket: rule.Socket, Asker: who.UID, Elevator: p.agent, Effects: p.agent, House: p.agent, Desk: p.agent,
		Salt: salt, Masks: p.agent.Masks, Log: log})
	if err != nil {
		return err
	}
	l, err := server.Listen()
	if err != nil {
		return err
	}
	if err := polkit.InstallRule(rule); err != nil {
		return errors.Join(err, l.Close())
	}
	defer func() {
		if err := polkit.RemoveRule(rule); err != nil {
			log.Error("take the rule out of polkit", "error", err)
		}
	}()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return server.Serve(ctx, l) })
	g.Go(func() error { return keepRule(ctx, rule, log) })
	on()
	log.Info("polkit is intercepted", "socket", rule.Socket)
	return g.Wait()
}

// keepRule puts the rule back when somebody took it away.
func keepRule(ctx context.Context, rule polkit.Rule, log *slog.Logger) error {
	t := time.NewTicker(ruleLook)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			if err := polkit.InstallRule(rule); err != nil {
				log.Warn("look after the rule for polkit", "error", err)
			}
		}
	}
}

// removeMechanisms leaves polkit as it was, for removal.
func removeMechanisms() error {
	err := polkit.RemoveRule(polkit.Rule{})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
