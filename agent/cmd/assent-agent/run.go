package main

import (
	"errors"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"
)

func runCommand(set *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Run the agent in the foreground, under any service manager or none",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if _, err := set.load(); err != nil {
				return err
			}
			s, err := newService(c.Context(), set)
			if errors.Is(err, service.ErrNoServiceSystemDetected) {
				return serve(c.Context(), set)
			}
			if err != nil {
				return err
			}
			return runService(c.Context(), set, s)
		},
	}
}
