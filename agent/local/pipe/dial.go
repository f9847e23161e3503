package pipe

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// busyWait is how long one wait for a free end lasts before ctx is looked at.
const busyWait = 200 * time.Millisecond

func dial(ctx context.Context, sys system, name string) (*Conn, error) {
	if err := checkName(name); err != nil {
		return nil, fmt.Errorf("open a pipe: %w", err)
	}
	e, err := open(ctx, sys, name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	if err := checkOwner(sys, e); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", name, err), e.close())
	}
	return newConn(e, name), nil
}

func open(ctx context.Context, sys system, name string) (end, error) {
	for {
		e, err := sys.open(name)
		if !errors.Is(err, errBusy) {
			return e, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sys.free(name, busyWait) // the next try says why not
	}
}

func checkOwner(sys system, e end) error {
	owner, err := e.owner()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrServer, err)
	}
	self, elevated, err := sys.self()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrServer, err)
	}
	return trusted(owner, self, elevated)
}
