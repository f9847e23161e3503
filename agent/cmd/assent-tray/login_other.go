//go:build !linux

package main

import (
	"io"

	"github.com/spf13/cobra"
)

// loginCommands: launchd keeps the tray of a Mac, the agent that of Windows.
func loginCommands(*string, io.Writer) []*cobra.Command { return nil }
