package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/assent-epm/assent/agent/desktop"
	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/agent/tray"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/version"
	"github.com/assent-epm/assent/shared/wire"
)

const (
	againAfter = time.Second      // at first, when the agent was away
	slowest    = 10 * time.Second // at most
	clickTime  = 20 * time.Second
	// anewAfter is how long it waits until it starts itself again, because the agent
	// is of another version: an upgrade has put a new program in its place.
	anewAfter = 5 * time.Second
)

// session is what one person's desktop offers.
type session struct {
	notices desktop.Notices // nil: there are none
	dialog  desktop.Dialog
	sits    bool            // nobody else asks for reasons here
	gone    <-chan struct{} // closed with the session; may be nil
	close   func()
}

// serve is the program, until its session ends.
func serve(ctx context.Context, runtime string, wish *tray.Wish, errs io.Writer) error {
	if done, code := apart(); done {
		if code != 0 {
			return &failure{code, "assent-tray has ended", nil}
		}
		return nil
	}
	dir, err := ownFolder()
	if err != nil {
		return &failure{exitFailed, err.Error(), nil}
	}
	one, err := claim(dir, wish)
	switch {
	case err == errOther || errors.Is(err, errOther) && err.Error() == errOther.Error():
		return nil
	case err != nil:
		return &failure{exitFailed, err.Error(), []string{"end the assent-tray that runs, and try again"}}
	}
	if home, err := os.UserHomeDir(); err == nil {
		_ = os.Chdir(home) // what is asked for is asked from there; elsewhere it is as good
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err = within(ctx, local.Client{Path: local.Address(runtime)}, dir, one, wish, slog.New(slog.NewTextHandler(errs, nil)))
	if err = errors.Join(err, one.Close()); !errors.Is(err, local.ErrVersion) {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(anewAfter):
		return anew()
	}
}

// anew starts the program that stands in this one's place by now.
func anew() error {
	self, err := os.Executable()
	if err == nil {
		_, err = os.StartProcess(self, []string{self}, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Env: os.Environ()})
	}
	if err != nil {
		return &failure{exitFailed, "it can not be started anew: " + err.Error(), nil}
	}
	return nil
}

// within serves a session with everything that it has.
func within(ctx context.Context, agent tray.Agent, dir string, one *first, wish *tray.Wish, log *slog.Logger) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	here, err := join(ctx, log)
	if err != nil {
		return &failure{exitFailed, err.Error(), []string{"assent list --watch shows the same in a terminal"}}
	}
	defer here.close()
	tongue, reasons := words.For("", os.Getenv), &words.Reasons{}
	keeper := tray.NewKeeper(agent, tongue, true, true)
	show := func(link string) error { return showPage(dir, link) }
	desk := tray.NewDesk(ctx, tray.DeskConfig{
		Form: tray.FormConfig{Agent: agent, Sits: here.sits, Tongue: tongue, Env: os.Getenv, Folder: keeper.State().Folder, Reasons: reasons, Log: log,
			Publisher: func(path string) string { return publisherOf(path, tongue) }, Programs: sync.OnceValue(func() []tray.Program { return programs(string(tongue)) }),
			Browse: browse(), Start: desktop.Start},
		Door: tray.DoorConfig{MayCall: tray.MayCall()}, Show: show, Dialog: here.dialog, Log: log,
		About: fmt.Sprintf("%s\n\n%s", version.Get(wire.Version), tongue.Say("It asks for access for you, and has no rights of its own.")),
	})
	keeper.Take, keeper.Mine = desk.Take, desk.Mine
	states := make(chan tray.State, 1)
	var work sync.WaitGroup
	work.Go(func() { keeper.Keep(ctx, func(s tray.State) { latest(states, s) }) })
	work.Go(func() { cancel(watch(ctx, keeper, here, desk, log)) })
	work.Go(func() { one.serve(desk.Open) })
	if here.gone != nil {
		work.Go(func() {
			select {
			case <-here.gone:
				cancel(nil)
			case <-ctx.Done():
			}
		})
	}
	if wish != nil {
		if err := desk.Open(*wish); err != nil {
			log.Warn("the form can not be opened", "error", err)
		}
	}
	showIcon(ctx, states, func(key string) {
		ctx, done := context.WithTimeout(ctx, clickTime)
		defer done()
		if err := desk.Click(ctx, key); err != nil {
			log.Warn("it could not be done", "what", key, "error", err)
		}
		keeper.Dirty()
	})
	cancel(nil)
	one.mute() // its end is waited for below
	work.Wait()
	desk.Close()
	if err := context.Cause(ctx); errors.Is(err, local.ErrVersion) {
		return err
	}
	return nil
}

// watch follows the agent: with messages and questions, or only for the menu where
// another program has these.
func watch(ctx context.Context, keeper *tray.Keeper, here session, desk *tray.Desk, log *slog.Logger) error {
	if !here.sits {
		return keeper.Look(ctx, againAfter, slowest)
	}
	cfg := desktop.Config{Agent: keeper, Notices: here.notices, Dialog: here.dialog, Start: desktop.Start, Env: os.Getenv, Log: log, Again: againAfter, Slowest: slowest,
		Open: func() error { return desk.Click(ctx, tray.KeyPortal) }, Runs: desk.Runs, Run: desk.Run, Page: desk.Page, LogOff: logOff(),
		Ask: func(path string, args []string) error {
			return desk.Open(tray.Wish{Path: path, Args: args, Menu: true})
		}}
	return desktop.New(cfg).Run(ctx)
}

// latest puts a state where the icon finds it; one that was not looked at yet is
// of no use any more.
func latest(states chan tray.State, s tray.State) {
	for {
		select {
		case states <- s:
			return
		default:
		}
		select {
		case <-states:
		default:
		}
	}
}
