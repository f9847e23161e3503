//go:build !linux

package main

import (
	"context"
	"errors"
)

// underWine is only done on Linux.
func (r *report) underWine(context.Context) error {
	r.note("skipped group wine, tests for Windows: needs Linux")
	return nil
}

// onWine is only done on Linux.
func (r *report) onWine(context.Context, ...string) error { return errors.ErrUnsupported }
