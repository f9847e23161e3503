//go:build windows || darwin

package privilege

import "github.com/assent-epm/assent/agent/localgroup"

func administrators() (localgroup.Group, error) { return localgroup.Administrators{}, nil }
