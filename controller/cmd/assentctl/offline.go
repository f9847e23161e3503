package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
)

// offlineCode is "approval offline-code".
func (a *app) offlineCode() *cobra.Command {
	var in client.OfflineCode
	var span string
	c := &cobra.Command{Use: "offline-code ID|new", Short: "Approve by a code that you read to somebody whose machine can not reach the controller",
		Long: "The person at the machine reads you a challenge (assent offline shows it). Make sure that you\n" +
			"know who calls. The code that is printed is good once, for that challenge. For a request that\n" +
			"never arrived give new, and the endpoint, the user and the command as you are told.",
		Example: "  assentctl approval offline-code 4F8KQ2 --code 7K2Q-M9XD\n" +
			"  assentctl approval offline-code new --code 7K2Q-M9XD --endpoint laptop-17 --user dina --command \"/usr/bin/apt-get update\"",
		Args: cobra.ExactArgs(1)}
	f := c.Flags()
	f.StringVar(&in.Code, "code", "", "the challenge as it is read to you")
	f.StringVar(&in.Comment, "comment", "", "comment for the requester")
	f.StringVar(&span, "for", "", "5m or 15m; 15m without it")
	f.StringVar(&in.Endpoint, "endpoint", "", "id or name of the endpoint, of a request that never arrived")
	f.StringVar(&in.User, "user", "", "name of the user there")
	f.StringVar(&in.Command, "command", "", "the command, with the whole path of its program")
	c.RunE = a.run(func(ctx context.Context, args []string) (err error) {
		if in.Code == "" {
			return usage("which challenge? give --code", "the person at the machine sees it with: assent offline")
		}
		if in.DurationSeconds, err = secondsOf("--for", span); err != nil {
			return err
		}
		cl, err := a.connect()
		if err != nil {
			return err
		}
		id := args[0]
		if id != "new" {
			if id, err = requestID(ctx, cl, id); err != nil {
				return err
			}
		}
		told, err := cl.OfflineCode(ctx, id, in)
		if err != nil {
			return err
		}
		return view(a, told, func(r client.OfflineCodeTold) string { return r.ID }, []column[client.OfflineCodeTold]{
			{name: "id", text: func(r client.OfflineCodeTold) string { return r.ID }, short: func(r client.OfflineCodeTold) string { return elevation.ShortID(r.ID) }},
			{name: "status", text: func(r client.OfflineCodeTold) string { return r.State }},
			{name: "code", text: func(r client.OfflineCodeTold) string { return r.OfflineCode }},
		})
	})
	return c
}
