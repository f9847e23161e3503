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

	"github.com/assent-epm/assent/agent/intercept/sudo"
)

// errElsewhere: two agents that work on the same thing would undo each other.
var errElsewhere = errors.New("another agent on this machine does it")

// serveSudo makes sudo ask for as long as ctx lives. A machine where that can
// not be done keeps its sudo as it is: everything else of the agent works. The
// socket listens before sudo is told of it, and on is called after both.
func (p *parts) serveSudo(ctx context.Context, set *settings, f file, salt []byte, log *slog.Logger, on func()) error {
	lock, err := sudo.Lock(sudo.LockPath)
	if errors.Is(err, sudo.ErrLocked) {
		return errElsewhere
	}
	if err != nil {
		return fmt.Errorf("lock sudo: %w", err)
	}
	defer lock.Close()
	plugin := sudo.Plugin{Source: f.Plugin, Socket: filepath.Join(set.runtime, "plugin.sock")}
	if _, err := os.Stat(plugin.Source); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no plugin at %s", plugin.Source)
	}
	server, err := sudo.New(sudo.Config{Socket: plugin.Socket, Elevator: p.agent, Effects: p.agent, House: p.agent, Sessions: p.agent, Salt: salt, Masks: p.agent.Masks, Voice: p.voice(), Log: log})
	if err != nil {
		return err
	}
	if err := server.Listen(); err != nil {
		return err
	}
	g, serving := errgroup.WithContext(ctx)
	serving, stop := context.WithCancel(serving)
	g.Go(func() error { return server.Serve(serving) })
	defer func() {
		stop()
		_ = g.Wait()
	}()
	if err := sudo.InstallPlugin(ctx, plugin); err != nil {
		return err
	}
	defer func() {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := sudo.RemovePlugin(undo, plugin); err != nil {
			log.Error("take the plugin out of sudo", "error", err)
		}
	}()
	on()
	log.Info("sudo is intercepted", "socket", plugin.Socket)
	return g.Wait()
}

// removePlugin leaves sudo as it was, for removal. source is the plugin that came
// with this program; one that a package brought is left to the package.
func removePlugin(ctx context.Context, source string) error {
	lock, err := sudo.Lock(sudo.LockPath)
	if err != nil {
		return hinted{fmt.Errorf("take the plugin out of sudo: %w", err), "stop the agent first"}
	}
	defer lock.Close()
	if _, err := sudo.CleanDropins(sudoersDir); err != nil {
		return err
	}
	return sudo.RemovePlugin(ctx, sudo.Plugin{Source: source})
}
