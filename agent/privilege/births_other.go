//go:build !windows

package privilege

import "errors"

func (osTrees) births(TreeRef) (newcomers, error) { return nil, errors.ErrUnsupported }
