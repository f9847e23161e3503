package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/agent/desktop"
	"github.com/assent-epm/assent/agent/local"
)

// anewAfter is how long it waits until it starts itself again, because the agent
// is of another version: an upgrade has put a new program in its place.
const anewAfter = 5 * time.Second

func desktopCommand(std local.Streams, client func() local.Client) *cobra.Command {
	return &cobra.Command{Use: "desktop", Short: "Show notices in this desktop session, and ask for reasons there", Hidden: true,
		Long: "Show notices in this desktop session, and ask for reasons there.\n\n" +
			"A session starts it by itself (/etc/xdg/autostart/assent-desktop.desktop); one is enough for it.\n" +
			"It has no rights of its own.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			self, err := os.Executable()
			if err != nil {
				return &failure{exitFailed, "this program can not be found: " + err.Error(), nil}
			}
			cfg := desktop.Config{Agent: client(), Dialog: desktop.Programs{}, Start: desktop.Start, Env: os.Getenv,
				Log: slog.New(slog.NewTextHandler(std.Err, nil))}
			if portal, _, err := cmd.Root().Find([]string{"portal"}); err == nil && portal.Name() == "portal" {
				cfg.Open = func() error { return desktop.Start("/", []string{self, "--runtime", runtimeOf(cfg.Agent), "portal"}) }
			}
			if err := serveDesktop(ctx, cfg); !errors.Is(err, local.ErrVersion) {
				return err
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(anewAfter):
			}
			err = syscall.Exec(strings.TrimSuffix(self, " (deleted)"), os.Args, os.Environ())
			return &failure{exitFailed, "it can not be started anew: " + err.Error(), nil}
		}}
}

// runtimeOf is the folder of the socket that the agent is spoken with at.
func runtimeOf(a desktop.Agent) string {
	c, _ := a.(local.Client)
	return strings.TrimSuffix(c.Path, "/agent.sock")
}

// serveDesktop serves this session until it ends.
func serveDesktop(ctx context.Context, cfg desktop.Config) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var why error
	var work sync.WaitGroup
	defer work.Wait()
	if address := desktop.SessionBus(os.Getenv); address != "" {
		bus, err := desktop.Connect(ctx, address)
		switch {
		case errors.Is(err, desktop.ErrRuns):
			return nil
		case err != nil:
			why = err
		default:
			defer bus.Close()
			cfg.Notices = bus
			work.Go(func() { <-bus.Done(); cancel() }) // the session has ended
		}
	}
	screen := os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != ""
	if cfg.Notices == nil && !screen {
		text := "there is no desktop session here"
		if why != nil {
			text += fmt.Sprintf(": %v", why)
		}
		return &failure{exitFailed, text, []string{"assent list --watch shows the same in a terminal"}}
	}
	return desktop.New(cfg).Run(ctx)
}
