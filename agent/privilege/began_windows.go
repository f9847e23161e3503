package privilege

import (
	"context"
	"errors"
)

// Becomes is of systems that have sudo.
func Becomes(int, uint64) (began func(context.Context) error, err error) {
	return nil, errors.ErrUnsupported
}
