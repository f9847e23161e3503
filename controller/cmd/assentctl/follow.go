package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/inert"
)

// The longest wait before a broken stream is tried again.
const longestBreak = 8 * time.Second

// live keeps a stream of events open as long as ctx lives. After a break it goes
// on behind the last event that it saw.
type live struct {
	c    *client.Client
	up   func()                               // it is open: read anew what is shown
	each func(client.Event) error             // an event; an error ends it
	down func(err error, again time.Duration) // it broke and is tried again after that time
}

func (l live) run(ctx context.Context) error {
	after, wait := "", time.Second
	for {
		err := l.c.Listen(ctx, after, func() {
			wait = time.Second
			l.up()
		}, func(e client.Event) error {
			if e.ID != "" {
				after = e.ID
			}
			return l.each(e)
		})
		if ctx.Err() != nil {
			return nil // stopped by the person who watched
		}
		if !passing(err) {
			return err
		}
		l.down(err, wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
		wait = min(2*wait, longestBreak)
	}
}

// passing are errors that go away by themselves.
func passing(err error) bool {
	if errors.Is(err, client.ErrUnreachable) {
		return true
	}
	var p *client.Problem
	return errors.As(err, &p) && (p.Status == 429 || p.Status >= 500)
}

// watchList shows a list anew, or where there is no terminal the lines that
// changed, whenever something happens.
func (a *app) watchList(ctx context.Context, c *client.Client, show func() error, read func() ([]client.Request, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	var stream sync.WaitGroup
	defer func() {
		cancel()
		stream.Wait()
	}()
	news, ended := make(chan struct{}, 1), make(chan error, 1)
	tell := func() {
		select {
		case news <- struct{}{}:
		default:
		}
	}
	stream.Go(func() {
		ended <- live{c: c, up: tell, each: func(e client.Event) error {
			if e.Kind == "reset" || e.Live.Request != nil {
				tell()
			}
			return nil
		}, down: a.broken}.run(ctx)
	})
	draw := a.redrawn(show, read == nil)
	if draw == nil {
		draw = a.changes(ctx, c, read)
	}
	for {
		select {
		case <-news:
			if err := draw(); err != nil && ctx.Err() == nil {
				if !passing(err) {
					return err
				}
				time.AfterFunc(time.Second, tell)
			}
		case err := <-ended:
			return err
		}
	}
}

// broken tells people that what they see is not live.
func (a *app) broken(err error, again time.Duration) {
	if !a.quiet {
		fmt.Fprintf(a.err, "note: not live (%s), trying again in %s\n", inert.Text(sentence(err)), again)
	}
}

// redrawn draws the whole list at the top of the terminal; nil where there is none.
// Formats that are one whole are written as a whole each time.
func (a *app) redrawn(show func() error, whole bool) func() error {
	switch {
	case a.format == "json" || a.format == "yaml" || a.output != "":
		return show
	case a.format == "table" && a.terminal() > 0 && a.env("TERM") != "dumb":
		return func() error {
			fmt.Fprint(a.out, "\x1b[H\x1b[2J")
			if err := show(); err != nil {
				return err
			}
			fmt.Fprintf(a.out, "\nlive at %s, Ctrl+C ends it\n", time.Now().Format(time.TimeOnly))
			return nil
		}
	case whole:
		return show
	}
	return nil
}

// changes prints the rows that are new or changed since the last time, and last
// those that left the list, as they now are.
func (a *app) changes(ctx context.Context, c *client.Client, read func() ([]client.Request, error)) func() error {
	seen, begun := map[string]string{}, false
	return func() error {
		rows, err := read()
		if err != nil {
			return err
		}
		now, out := map[string]string{}, []client.Request{}
		for _, r := range rows {
			now[r.ID] = fingerprint(r)
			if seen[r.ID] != now[r.ID] {
				out = append(out, r)
			}
		}
		for id := range seen {
			if _, still := now[id]; still {
				continue
			}
			r, err := c.Request(ctx, id)
			if codeOf(err) == exitNotFound {
				continue
			} else if err != nil {
				return err
			}
			out = append(out, r)
		}
		seen = now
		bare := *a
		bare.quiet, bare.headless = a.quiet || begun, begun
		begun = true
		return list(&bare, out, func(r client.Request) string { return r.ID }, requestColumns(time.Now()))
	}
}

// fingerprint changes when a request does. That others are before it in the queue
// is no change of its own.
func fingerprint(r client.Request) string {
	r.Queue = nil
	raw, err := json.Marshal(r)
	if err != nil {
		return r.State
	}
	return string(raw)
}

// reader reads the rows of a list.
func reader(ctx context.Context, c *client.Client, q url.Values, limit int) func() ([]client.Request, error) {
	return func() ([]client.Request, error) { return client.All[client.Request](ctx, c, "/requests", q, limit) }
}

// isTerminal says whether a stream of this call is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}
