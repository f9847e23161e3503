package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
)

// watch is "approval watch": the queue on the whole terminal, with the keys of
// the console.
func (a *app) watch() *cobra.Command {
	return &cobra.Command{Use: "watch", Short: "Show the queue on the whole terminal and answer by keys", Args: cobra.NoArgs,
		Long: "Show the queue on the whole terminal, live, and answer by the keys of the console:\n" +
			"J/K move, X select, A approve, Shift+A approve with choices, D deny, C ask, Z undo;\n" +
			"? shows all of them. Without a terminal: assentctl approval list --watch.",
		RunE: a.run(func(ctx context.Context, _ []string) error {
			if !isTerminal(a.in) || !isTerminal(a.out) {
				return usage("approval watch needs a terminal", "without one: assentctl approval list --watch")
			}
			if a.env("TERM") == "dumb" {
				return usage("approval watch needs a terminal that can be drawn on, and TERM is dumb", "on this one: assentctl approval list --watch")
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			me, err := client.Get[client.Me](ctx, c, "/me", nil)
			if err != nil {
				return err
			}
			return a.watchOn(ctx, c, me)
		})}
}

// watchOn runs the screen until somebody ends it.
func (a *app) watchOn(ctx context.Context, c *client.Client, me client.Me) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := newScreen(ctx, c, me)
	s.rude = !speaksUTF8(a.env)
	s.save = saveNew
	options := []tea.ProgramOption{tea.WithContext(ctx), tea.WithInput(a.in), tea.WithOutput(a.out), tea.WithoutSignalHandler()}
	if a.plain {
		options = append(options, tea.WithColorProfile(colorprofile.ASCII))
	}
	p := tea.NewProgram(s, options...)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		err := live{c: c, up: func() { p.Send(openMsg{}) },
			each: func(e client.Event) error { p.Send(newsMsg{e.Live.Request}); return nil },
			down: func(err error, again time.Duration) { p.Send(brokenMsg{err, time.Now().Add(again)}) }}.run(ctx)
		if err != nil {
			p.Send(brokenMsg{err, time.Time{}})
		}
	}()
	_, err := p.Run()
	cancel()
	<-followed
	switch {
	case s.failed != nil:
		return s.failed
	case err != nil && !errors.Is(err, tea.ErrProgramKilled) && !errors.Is(err, tea.ErrInterrupted):
		return fmt.Errorf("draw on the terminal: %w", err)
	}
	return nil
}

// speaksUTF8 says whether the terminal shows more than ASCII.
func speaksUTF8(env func(string) string) bool {
	set := strings.ToUpper(first(env("LC_ALL"), env("LC_CTYPE"), env("LANG")))
	return set == "" || strings.Contains(set, "UTF-8") || strings.Contains(set, "UTF8")
}

// saveNew writes a file that was not there before.
func saveNew(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	return errors.Join(err, f.Close())
}
