package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

func offlineCommand(std local.Streams, client func() local.Client) *cobra.Command {
	var format string
	c := &cobra.Command{Use: "offline [ID CODE]", Short: "Use a code that an approver told, while the controller can not be reached",
		Long: "Without arguments it lists what waits, with the challenge of each: read it to an approver,\n" +
			"by telephone for instance. With the code that they tell, the same command typed again runs\n" +
			"once, for 15 minutes at most. A wrong code can be typed five times, then all are refused\n" +
			"for a while, longer each time.",
		Example: "  assent offline\n  assent offline 4F8KQ2 7K2Q-M9XD-0ABC",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				return errors.New("give the id and the code, or neither")
			}
			return cobra.MaximumNArgs(2)(nil, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "table" && format != "json" {
				return badFormat(format, "table", "json")
			}
			if len(args) == 2 {
				if err := client().Redeem(cmd.Context(), args[0], args[1]); err != nil {
					return withoutCode(err, "assent offline lists what waits for a code")
				}
				fmt.Fprintln(std.Err, "the code is right: run the same command again, within ten minutes")
				return nil
			}
			waits, err := client().Offline(cmd.Context())
			if err != nil {
				return withoutCode(err, "codes are for when the controller can not be reached; assent status shows the connection")
			}
			if format == "json" {
				return printJSON(std.Out, append([]local.Challenge{}, waits...))
			}
			return challenges(std.Out, waits)
		}}
	c.Flags().StringVar(&format, "format", "table", "table or json")
	return c
}

// withoutCode is why nothing came of asking for codes, or of one, and what to do next.
func withoutCode(err error, next string) error {
	switch {
	case errors.Is(err, local.ErrConflict) && strings.HasSuffix(err.Error(), local.CodesOff):
		return &failure{exitState, local.CodesOff, []string{"an administrator switches them on in its policy, with offline: {codes: true}, by assentctl policy set"}}
	case errors.Is(err, local.ErrConflict):
		return &failure{exitState, strings.TrimPrefix(err.Error(), local.ErrConflict.Error()+": "), []string{next}}
	case errors.Is(err, local.ErrNotFound):
		return &failure{exitMissing, "nothing of yours waits for a code under that id", []string{next}}
	}
	return explained(err)
}

func challenges(w io.Writer, waits []local.Challenge) error {
	if len(waits) == 0 {
		_, err := fmt.Fprintln(w, "nothing waits for a code: run the command first")
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "ID\tCHALLENGE\tUNTIL\tAS\tCOMMAND")
	for _, c := range waits {
		command := strings.Join(append([]string{c.Path}, c.Args...), " ")
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", elevation.ShortID(string(c.ID)), c.Challenge, stamp(c.Until), inert.Text(c.RunAs), inert.Clip(inert.Text(command), 60))
	}
	return tw.Flush()
}
