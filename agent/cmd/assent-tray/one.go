package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/assent-epm/assent/agent/tray"
)

// A person's programs find each other at a socket in a folder that is theirs
// alone. Whoever holds the lock beside it is the first one.

const (
	maxWish    = 256 << 10 // bytes
	wishWithin = 5 * time.Second
)

// errOther says that another one runs, which took the wish.
var errOther = errors.New("assent-tray runs already")

// first is this program as the one that others find.
type first struct {
	lock io.Closer
	l    net.Listener // nil: this system has no such sockets, and others only end
}

// claim makes this program the first in a folder, or hands its wish to the one
// that is: [errOther].
func claim(dir string, wish *tray.Wish) (*first, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a folder of your own: %w", err)
	}
	if err := private(dir); err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "assent-tray.sock")
	lock, err := hold(filepath.Join(dir, "assent-tray.lock"))
	if err != nil {
		return nil, errors.Join(errOther, hand(socket, wish))
	}
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, errors.Join(fmt.Errorf("listen for others: %w", err), lock.Close())
	}
	l, err := net.Listen("unix", socket)
	if errors.Is(err, errNoSockets) {
		return &first{lock: lock}, nil
	}
	if err == nil {
		err = os.Chmod(socket, 0o600)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen for others: %w", err), lock.Close())
	}
	return &first{lock, l}, nil
}

// hand gives a wish to the first one. Without a wish nothing is to be done.
func hand(socket string, wish *tray.Wish) error {
	if wish == nil {
		return nil
	}
	var d net.Dialer
	ctx, cancel := context.WithTimeout(context.Background(), wishWithin)
	defer cancel()
	c, err := d.DialContext(ctx, "unix", socket)
	for err != nil && ctx.Err() == nil { // it may just be beginning
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
		c, err = d.DialContext(ctx, "unix", socket)
	}
	if err != nil {
		return fmt.Errorf("reach the one that runs: %w", err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(wishWithin)) // it has deadlines
	if err := json.NewEncoder(c).Encode(wish); err != nil {
		return fmt.Errorf("reach the one that runs: %w", err)
	}
	var answer struct{ Error string }
	if err := json.NewDecoder(io.LimitReader(c, maxWish)).Decode(&answer); err != nil {
		return fmt.Errorf("reach the one that runs: %w", err)
	}
	if answer.Error != "" {
		return errors.New(answer.Error)
	}
	return nil
}

// serve takes wishes of others until it is closed.
func (f *first) serve(grant func(tray.Wish) error) {
	for f.l != nil {
		c, err := f.l.Accept()
		if err != nil {
			return
		}
		f.one(c, grant)
	}
}

func (f *first) one(c net.Conn, grant func(tray.Wish) error) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(wishWithin)) // as above
	if !same(c) {
		return
	}
	var w tray.Wish
	answer := struct{ Error string }{}
	err := json.NewDecoder(io.LimitReader(c, maxWish)).Decode(&w)
	if err == nil {
		err = grant(w)
	}
	if err != nil {
		answer.Error = err.Error()
	}
	_ = json.NewEncoder(c).Encode(answer) // whoever has gone does not miss it
}

// mute takes no wishes any more.
func (f *first) mute() {
	if f.l != nil {
		_ = f.l.Close() // it may be closed already
	}
}

// Close makes room for the next one.
func (f *first) Close() error {
	f.mute()
	return f.lock.Close()
}
