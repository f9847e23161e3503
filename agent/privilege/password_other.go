//go:build !linux && !windows

package privilege

import "context"

func (Passwords) check(context.Context, string, string) error { return ErrNoPassword }
func (Passwords) possible() bool                              { return false }
