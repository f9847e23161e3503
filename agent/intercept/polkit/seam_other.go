//go:build !linux

package polkit

import "io"

// IsHelper reports false: there is no polkit on this system.
func IsHelper([]string) bool { return false }

// Help is not supported on this system.
func Help([]string, io.Writer) int { return 1 }
