package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	lock, err := sudoLock(ctx, log)
	if lock == nil || err != nil {
		return err
	}
	defer lock.Close()
	plugin := sudo.Plugin{Source: f.Plugin, Socket: filepath.Join(set.runtime, "plugin.sock")}
	if _, err := os.Stat(plugin.Source); errors.Is(err, fs.ErrNotExist) {
		log.Warn("sudo is not intercepted: the plugin is not built", "plugin", plugin.Source)
		<-ctx.Done()
		return nil
	}
	server, err := sudo.New(sudo.Config{Socket: plugin.Socket, Elevator: p.agent, Effects: p.agent, Salt: salt, Log: log})
	if err != nil {
		return err
	}
	if err := sudo.InstallPlugin(ctx, plugin); err != nil {
		log.Error("sudo is not intercepted", "error", err)
		<-ctx.Done()
		return nil
	}
	defer func() {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := sudo.RemovePlugin(undo, plugin); err != nil {
			log.Error("take the plugin out of sudo", "error", err)
		}
	}()
	log.Info("sudo is intercepted", "socket", plugin.Socket)
	return server.Serve(ctx)
}

// sudoLock takes the right to work with sudo on this machine; nil when ctx ended
// or another agent has it.
func sudoLock(ctx context.Context, log *slog.Logger) (io.Closer, error) {
	lock, err := sudo.Lock(sudo.LockPath)
	if errors.Is(err, sudo.ErrLocked) {
		log.Warn("sudo is not intercepted: another agent on this machine does it")
		<-ctx.Done()
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("lock sudo: %w", err)
	}
	return lock, nil
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
