package main

import (
	"context"
	"errors"
	"log/slog"
)

// This file decides how the service answers a manager that speaks with it while it
// serves, as that of Windows does; run_windows.go translates.

// errNoManager: this process was not started by the service manager.
var errNoManager = errors.New("there is no service manager")

// underManager serves under the manager if that has started this process, and in the
// foreground otherwise. parent is the program that did.
func underManager(parent string, err error, manager, foreground func() error) error {
	if !byManager(parent, err) {
		return foreground()
	}
	if err := manager(); !errors.Is(err, errNoManager) {
		return err
	}
	return foreground()
}

// order is what the manager wants.
type order struct {
	kind  orderKind
	event uint32 // of power; see resumes
}

type orderKind int

// The kinds of orders. Others are not for us.
const (
	orderOther orderKind = iota
	orderTell            // which phase it is
	orderStop
	orderPower
)

// phase is what the service says of itself.
type phase int

// The phases of a service.
const (
	phaseStarts phase = iota
	phaseRuns
	phaseStops
)

// managed is the service under its manager.
type managed struct {
	settle func(context.Context) error // what the installer could not; a failure keeps nobody from serving
	serve  func(ctx context.Context, woke <-chan struct{}) error
	log    *slog.Logger
}

// follow serves, and does what the manager wants meanwhile. It returns when serving
// has ended; an error has the manager start the service again.
func follow[T any](ctx context.Context, d managed, asked <-chan T, read func(T) order, tell func(phase)) error {
	tell(phaseStarts)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	woke := make(chan struct{}, 1) // the machine has slept
	ended := make(chan error, 1)
	go func() {
		if err := d.settle(ctx); err != nil {
			d.log.Warn("the service goes on without being settled", "error", err)
		}
		ended <- d.serve(ctx, woke)
	}()
	is := phaseRuns
	tell(is)
	for {
		select {
		case err := <-ended:
			if err != nil {
				d.log.Error("the service ends", "error", err)
			}
			return err
		case a := <-asked:
			switch o := read(a); o.kind {
			case orderTell:
				tell(is)
			case orderStop:
				is = phaseStops
				tell(is)
				stop()
			case orderPower:
				if resumes(o.event) {
					select {
					case woke <- struct{}{}:
					default: // it is known already
					}
				}
			case orderOther:
			}
		}
	}
}
