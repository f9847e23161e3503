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

	"github.com/assent-epm/assent/agent/intercept/sudo"
)

// serveSudo makes sudo ask for as long as ctx lives. A machine where that can
// not be done keeps its sudo as it is: everything else of the agent works.
func (p *parts) serveSudo(ctx context.Context, set *settings, f file, salt []byte, log *slog.Logger) error {
	lock, err := sudo.Lock(sudo.LockPath)
	if errors.Is(err, sudo.ErrLocked) {
		return p.without(ctx, log, "another agent on this machine does it")
	}
	if err != nil {
		return fmt.Errorf("lock sudo: %w", err)
	}
	defer lock.Close()
	plugin := sudo.Plugin{Source: f.Plugin, Socket: filepath.Join(set.runtime, "plugin.sock")}
	if _, err := os.Stat(plugin.Source); errors.Is(err, fs.ErrNotExist) {
		return p.without(ctx, log, "there is no plugin at "+plugin.Source)
	}
	server, err := sudo.New(sudo.Config{Socket: plugin.Socket, Elevator: p.agent, Effects: p.agent, Salt: salt, Masks: p.agent.Masks, Log: log})
	if err != nil {
		return err
	}
	if err := sudo.InstallPlugin(ctx, plugin); err != nil {
		return p.without(ctx, log, err.Error())
	}
	defer func() {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := sudo.RemovePlugin(undo, plugin); err != nil {
			log.Error("take the plugin out of sudo", "error", err)
		}
	}()
	p.sudo.set("on")
	log.Info("sudo is intercepted", "socket", plugin.Socket)
	return server.Serve(ctx)
}

// without keeps the agent running when sudo can not be intercepted.
func (p *parts) without(ctx context.Context, log *slog.Logger, why string) error {
	log.Warn("sudo is not intercepted", "reason", why)
	p.sudo.set(why)
	<-ctx.Done()
	return nil
}

// removePlugin leaves sudo as it was, for removal.
func removePlugin(ctx context.Context) error {
	lock, err := sudo.Lock(sudo.LockPath)
	if err != nil {
		return hinted{fmt.Errorf("take the plugin out of sudo: %w", err), "stop the agent first"}
	}
	defer lock.Close()
	if _, err := sudo.CleanDropins(sudoersDir); err != nil {
		return err
	}
	return sudo.RemovePlugin(ctx, sudo.Plugin{})
}
