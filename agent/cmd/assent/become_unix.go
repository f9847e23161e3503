//go:build !windows

package main

import (
	"fmt"
	"os"
	"syscall"
)

// become makes this process the job of a session.
func become(program string, args []string) (code int, err error) {
	return 126, fmt.Errorf("start %s: %w", args[0], syscall.Exec(program, args, os.Environ()))
}
