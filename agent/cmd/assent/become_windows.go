package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
)

// become runs the job of a session, in which this process is already, to its end.
// Ctrl-C is for the job alone.
func become(program string, args []string) (code int, err error) {
	signal.Ignore(os.Interrupt)
	cmd := exec.Command(program)
	cmd.Args = args
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit):
		return exit.ExitCode(), nil
	}
	return 126, fmt.Errorf("start %s: %w", args[0], err)
}
