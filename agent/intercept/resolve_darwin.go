package intercept

import (
	"errors"
	"os"
)

func resolve(string) (string, bool, error) { return "", false, errors.ErrUnsupported }

func ownedByRoot(string) (bool, error) { return false, errors.ErrUnsupported }

func openProgram(string) (*os.File, Identity, error) { return nil, Identity{}, errors.ErrUnsupported }

func parentProgram(int) string { return "" }

func lookupUID(uint32) (Account, error) { return Account{}, errors.ErrUnsupported }

func lookupName(string) (Account, error) { return Account{}, errors.ErrUnsupported }
