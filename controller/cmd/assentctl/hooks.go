package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

const hookPrefix = "hook_"

// hook is the noun of ways in for other systems.
func (a *app) hook() *cobra.Command {
	type H = client.Hook
	t := thing[H]{many: "hooks", path: "/hooks", prefix: hookPrefix, id: func(h H) string { return h.ID },
		names: func(h H) []string { return []string{h.Name} },
		cols: []column[H]{
			{name: "id", text: func(h H) string { return h.ID }, short: func(h H) string { return elevation.ShortID(h.ID) }},
			{name: "name", text: func(h H) string { return h.Name }},
			{name: "kind", text: func(h H) string { return h.Kind }},
			{name: "made_by", text: func(h H) string { return h.MadeBy }},
			{name: "made", text: func(h H) string { return when(&h.MadeAt) }, more: true},
			{name: "used", text: func(h H) string { return when(h.UsedAt) }},
		}}
	add := addOf(a, "add NAME", "Let another system say something of requests; its secret is shown once", t.path, cobra.ExactArgs(1),
		func(*cobra.Command, *client.NewHook) {},
		func(in *client.NewHook, args []string) error { in.Name = args[0]; return nil },
		func(h H) error {
			if err := a.made(h.ID, h.Name); err != nil || a.format == "id" {
				return err
			}
			return a.write(func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "address %s/api/v1/hooks/%s\nsecret %s\n", inert.Text(a.address), inert.Text(h.ID), inert.Text(h.Secret))
				return err
			})
		})
	return noun("hook", "Ways in for other systems; they never decide anything", listOf(a, t), add, deleteOf(a, t))
}

// previewChannel shows what a template makes of an example.
func (a *app) previewChannel() *cobra.Command {
	var in client.PreviewTemplate
	var file string
	c := &cobra.Command{Use: "preview", Short: "Show what a template makes of an example", Args: cobra.NoArgs}
	c.Flags().StringVar(&file, "body-file", "", "file with a template of one's own, - for standard input")
	c.Flags().StringVar(&in.Template, "template", "", "slack, teams, jira, servicenow or pagerduty")
	c.Flags().StringVar(&in.Kind, "kind", "", "kind of the event of the example, or digest or test (request.submitted)")
	_ = c.RegisterFlagCompletionFunc("template", words("slack", "teams", "jira", "servicenow", "pagerduty"))
	c.RunE = a.run(func(ctx context.Context, _ []string) error {
		if file != "" {
			raw, err := a.readFile(file)
			if err != nil {
				return err
			}
			in.Body = string(raw)
		}
		cl, err := a.connect()
		if err != nil {
			return err
		}
		p, err := cl.PreviewTemplate(ctx, in)
		if err != nil {
			return err
		}
		if a.format == "json" {
			return a.write(func(w io.Writer) error { return writeJSON(w, p, true) })
		}
		return a.write(func(w io.Writer) error { return writeLines(w, p.Body) })
	})
	return c
}
