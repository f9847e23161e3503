//go:build !linux

package accounts

import (
	"context"
	"errors"
)

// Lock is for Linux.
func Lock(context.Context, string) (release func(), err error) { return nil, errors.ErrUnsupported }
