//go:build !windows && !darwin

package localgroup

import "errors"

// Identify is of systems whose administrators are one local group.
func Identify(string) (sid string, err error) { return "", errors.ErrUnsupported }
