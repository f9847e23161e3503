//go:build !linux && !darwin

package sudo

import "errors"

func execProgram(string, []string, []string) error { return errors.ErrUnsupported }
