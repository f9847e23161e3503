package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func reapCommand(set *settings) *cobra.Command {
	var boot, watch bool
	c := &cobra.Command{
		Use:   "reap",
		Short: "End what is due, without the service; reads the ledger and nothing else",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if _, err := set.load(); err != nil {
				return err
			}
			if boot && watch {
				return hinted{fmt.Errorf("%w: --boot and --watch exclude each other", errUsage), "use one of them"}
			}
			return reap(c.Context(), set, boot, watch)
		},
	}
	c.Flags().BoolVar(&boot, "boot", false, "the machine has just started: end everything")
	c.Flags().BoolVar(&watch, "watch", false, "go on looking until it is stopped")
	return c
}
