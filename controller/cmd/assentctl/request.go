package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

// request is the requester's side: one's own requests.
func (a *app) request() *cobra.Command {
	var flags listFlags
	ls := &cobra.Command{Use: "list", Aliases: []string{"l"}, Short: "List one's own requests", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			q, err := flags.query(time.Now())
			if err != nil {
				return err
			}
			q.Set("mine", "true")
			return a.requests(ctx, q, flags)
		})}
	flags.add(ls)
	return noun("request", "One's own requests", ls, a.approvalView(),
		a.verb("cancel", "cancel", "Withdraw requests"), a.verb("checkin", "check-in", "Give back what is in use"),
		a.verb("remove", "remove", "Take ended requests off the list"))
}
