//go:build !linux

package intercept

import "errors"

// TellTerminal is not there yet on this system.
func TellTerminal(int, uint64, uint32, string) error { return errors.ErrUnsupported }
