//go:build !linux

package setuid

import "errors"

// Usable says that there is nothing to watch on this system.
func Usable() error { return errors.ErrUnsupported }
