package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
)

// stopEndpoint makes "endpoint lock" and "endpoint unlock".
func (a *app) stopEndpoint(name, short string, do func(*client.Client, context.Context, string, string) (client.Endpoint, error)) *cobra.Command {
	t := endpoints()
	return a.onEndpoint(name, short, func(ctx context.Context, c *client.Client, id, comment string) error {
		e, err := do(c, ctx, id, comment)
		if err != nil {
			return err
		}
		return view(a, e, t.id, t.cols)
	})
}

// revokeGrants makes "endpoint revoke-grants".
func (a *app) revokeGrants() *cobra.Command {
	return a.onEndpoint("revoke-grants", "Revoke everything that is granted on an endpoint", func(ctx context.Context, c *client.Client, id, comment string) error {
		out, err := c.RevokeGrants(ctx, id, comment)
		if err != nil {
			return err
		}
		return list(a, out.Requests, func(id string) string { return id }, []column[string]{
			{name: "revoked", text: strings.Clone, short: elevation.ShortID}})
	})
}

// onEndpoint makes a verb for one endpoint that takes a comment.
func (a *app) onEndpoint(name, short string, do func(ctx context.Context, c *client.Client, id, comment string) error) *cobra.Command {
	t := endpoints()
	var comment string
	cmd := &cobra.Command{Use: name + " ID", Short: short, Args: cobra.ExactArgs(1), ValidArgsFunction: tabThings(a, t)}
	cmd.Flags().StringVar(&comment, "comment", "", "why; whoever asks there reads it")
	cmd.RunE = a.run(func(ctx context.Context, args []string) error {
		c, err := a.connect()
		if err != nil {
			return err
		}
		id, err := find(ctx, c, t, args[0])
		if err != nil {
			return err
		}
		return do(ctx, c, id, comment)
	})
	return cmd
}
