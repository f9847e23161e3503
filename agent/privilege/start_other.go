//go:build !linux

package privilege

import (
	"context"
	"errors"
	"syscall"
)

func (t *Trees) start(context.Context, Spec) (*Running, error) { return nil, errors.ErrUnsupported }

// Signal is not there yet on this system.
func (r *Running) Signal(syscall.Signal) error { return errors.ErrUnsupported }

// Resize is not there yet on this system.
func (r *Running) Resize(_, _ int) error { return errors.ErrUnsupported }

// IsGate reports whether this process was started by [Trees.Start] to become
// the program; never on this system.
func IsGate([]string) bool { return false }

// Gate is not there yet on this system.
func Gate() int { return 1 }
