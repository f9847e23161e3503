package local

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// whatDesktop is asked by a watcher that can ask its user for a reason.
const whatDesktop = "desktop"

// ErrLagged ends a watch that read too slowly: list anew, then watch again.
var ErrLagged = errors.New("too much has happened since the last notice that was read")

// watch sends notices to a client until it goes, reads too slowly, or the agent
// stops. It counts as one of the connections of its user.
func (s *Server) watch(ctx context.Context, c *conn, p peer, f frame) error {
	var q ask
	if err := f.into(&q); err != nil {
		return err
	}
	if q.Version != Version {
		return c.write(kAnswer, failing(ErrVersion))
	}
	notices, stop, err := s.cfg.Flow.Watch(p.user)
	if err != nil {
		return c.write(kAnswer, failing(err))
	}
	defer stop()
	if q.What == whatDesktop {
		defer s.cfg.Flow.Sits(p.user)()
	}
	if err := c.write(kAnswer, answer{}); err != nil { // from here on nothing is missed
		return err
	}
	gone := make(chan struct{})
	go func() { // ends with the connection, which the caller closes
		defer close(gone)
		_, _, _ = c.read(0, 0) // a client that watches says nothing more
	}()
	defer func() { _ = c.c.Close(); <-gone }()
	for {
		select {
		case n, ok := <-notices:
			if !ok {
				return c.write(kAnswer, failing(ErrLagged))
			}
			if err := c.write(kNotice, n); err != nil {
				return err
			}
		case <-gone:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// Watch calls each for what happens to the caller's requests, once ready was
// called, until ctx ends (nil), each fails (its error) or the agent is gone.
// [ErrLagged] when each was too slow.
func (c Client) Watch(ctx context.Context, ready func(), each func(Notice) error) error {
	return c.watch(ctx, "", ready, each)
}

// WatchDesktop is [Client.Watch] by a program that asks the user for reasons, as
// long as it watches.
func (c Client) WatchDesktop(ctx context.Context, ready func(), each func(Notice) error) error {
	return c.watch(ctx, whatDesktop, ready, each)
}

func (c Client) watch(ctx context.Context, what string, ready func(), each func(Notice) error) error {
	con, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer con.c.Close()
	stop := context.AfterFunc(ctx, func() { _ = con.c.Close() })
	defer stop()
	said := con.write(kWatch, ask{Version: Version, What: what})
	if errors.Is(said, os.ErrDeadlineExceeded) {
		return errors.Join(ErrNoAgent, said)
	} // after another error the agent has hung up; its last word is still to be read
	for {
		f, _, err := con.read(0, 0)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return errors.Join(ErrNoAgent, said, err)
		}
		switch f.Kind {
		case kNotice:
			var n Notice
			if err := f.into(&n); err != nil {
				return err
			}
			if err := each(n); err != nil {
				return err
			}
		case kAnswer:
			var a answer
			if err := f.into(&a); err != nil {
				return err
			}
			if err := a.err(); err != nil {
				return err
			}
			ready()
		case kEnded:
			return turnedAway(f)
		default:
			return fmt.Errorf("%w: %q", errFrame, clip(string(f.Kind)))
		}
	}
}
