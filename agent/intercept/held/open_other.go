//go:build !darwin

package held

import (
	"errors"
	"fmt"
)

// Usable says that this system has other ways.
func Usable() error { return fmt.Errorf("hold programs as they start: %w", errors.ErrUnsupported) }

// Open makes no source here.
func Open() (Source, error) { return nil, Usable() }
