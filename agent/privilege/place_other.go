//go:build !linux

package privilege

import "errors"

func resolve(string) (string, bool, error) { return "", false, errors.ErrUnsupported }

func ownedByRoot(string) (bool, error) { return false, errors.ErrUnsupported }
