package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/agent/grants"
)

func reapCommand(set *settings) *cobra.Command {
	var boot, watch bool
	c := &cobra.Command{
		Use:   "reap",
		Short: "End what is due, without the service; reads the ledger and nothing else",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if _, err := set.load(); err != nil {
				return err
			}
			if boot && watch {
				return hinted{fmt.Errorf("%w: --boot and --watch exclude each other", errUsage), "use one of them"}
			}
			return reap(c.Context(), set, boot, watch)
		},
	}
	c.Flags().BoolVar(&boot, "boot", false, "the machine has just started: end everything")
	c.Flags().BoolVar(&watch, "watch", false, "go on looking until it is stopped")
	return c
}

// reap ends what is due once, or until it is stopped. It works with the agent
// alive, stopped or dead.
func reap(ctx context.Context, set *settings, boot, watch bool) error {
	if err := mayReap(); err != nil {
		return err
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

// startWatcher starts a reaper that outlives this process. stop ends it, when
// nothing is in force any more: until then it ends what goes on without this agent.
func startWatcher(exe, data string) (stop func(inForce bool), err error) {
	cmd := exec.Command(exe, "reap", "--watch", "--data", data)
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
			return
		}
		_ = cmd.Process.Kill() // there is nothing that it could leave half done
		<-ended
	}, nil
}

// watchAlone lets one watcher per data folder work: a second one waits for the
// first. A watcher goes away when the agent that started it is gone and nothing
// is in force.
func watchAlone(ctx context.Context, set *settings, r *grants.Reaper) error {
	alive := parentAlive()
	r.Until = func() bool { return !alive() }
	for {
		lock, err := openAlone(filepath.Join(set.data, "reap.lock"))
		if err == nil {
			defer lock.Close()
			return r.Watch(ctx)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil
		}
		if r.Until() {
			return nil
		}
	}
}

// dyingFor is how long an agent that was killed may still have its files open.
const dyingFor = 2 * time.Second

// lockFolder makes sure that one agent alone uses the data folder.
func lockFolder(set *settings) (release func(), err error) {
	path := filepath.Join(set.data, "agent.lock")
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	began := time.Now()
	lock, err := openAlone(path)
	for errors.Is(err, errTaken) && time.Since(began) < dyingFor {
		<-again.C
		lock, err = openAlone(path)
	}
	if err != nil {
		return nil, hinted{fmt.Errorf("another agent uses %s: %w", set.data, err), "stop it, or give --data"}
	}
	return func() { lock.Close() }, nil
}
