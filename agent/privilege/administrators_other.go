//go:build !windows && !darwin

package privilege

import (
	"errors"

	"github.com/assent-epm/assent/agent/localgroup"
)

func administrators() (localgroup.Group, error) { return nil, errors.ErrUnsupported }
