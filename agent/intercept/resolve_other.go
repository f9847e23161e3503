//go:build !linux

package intercept

import (
	"errors"
	"os"
)

func openProgram(string) (*os.File, Identity, error) { return nil, Identity{}, errors.ErrUnsupported }

func parentProgram(int) string { return "" }

func lookupUID(uint32) (Account, error) { return Account{}, errors.ErrUnsupported }

func lookupName(string) (Account, error) { return Account{}, errors.ErrUnsupported }
