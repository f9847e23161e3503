package main

import (
	"cmp"
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
)

// rights makes "rights list".
func (a *app) rights() *cobra.Command {
	type R = client.StandingRight
	var endpoint, user, kind, taken string
	cmd := &cobra.Command{Use: "list", Aliases: []string{"l"}, Short: "List who can become root without Assent", Args: cobra.NoArgs}
	cmd.Flags().StringVar(&endpoint, "endpoint", "", "only of this endpoint: name or id")
	cmd.Flags().StringVar(&user, "user", "", "only of this account on endpoints, or %group")
	cmd.Flags().StringVar(&kind, "kind", "", "sudoers, group, root_group, uid0 or polkit")
	cmd.Flags().StringVar(&taken, "taken", "", "true: only what was taken over; false: only the others")
	cmd.RunE = a.run(func(ctx context.Context, _ []string) error {
		q := url.Values{}
		for name, value := range map[string]string{"endpoint": endpoint, "user": user, "kind": kind, "taken": taken} {
			if value != "" {
				q.Set(name, value)
			}
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		rows, err := client.All[R](ctx, c, "/standing-rights", q, 0)
		if err != nil {
			return err
		}
		return list(a, rows, func(r R) string { return r.ID }, []column[R]{
			{name: "endpoint", text: func(r R) string { return cmp.Or(r.Name, r.Endpoint) }},
			{name: "user", text: func(r R) string { return cmp.Or(r.User, "%"+r.Group) }},
			{name: "via", text: func(r R) string { return cmp.Or(r.Group, r.Kind) }},
			{name: "source", text: func(r R) string { return r.Source }},
			{name: "all", text: func(r R) string { return strconv.FormatBool(r.All) }},
			{name: "nopasswd", text: func(r R) string { return strconv.FormatBool(r.NoPassword) }},
			{name: "taken", text: takenWord},
			{name: "id", text: func(r R) string { return r.ID }, more: true},
			{name: "kind", text: func(r R) string { return r.Kind }, more: true},
			{name: "rule", text: func(r R) string { return r.Text }, more: true},
			{name: "fixed", text: func(r R) string { return r.Fixed }, more: true},
			{name: "since", text: func(r R) string { return when(&r.Since) }, more: true},
		})
	})
	return noun("rights", "Standing rights: who can become root without Assent", cmd)
}

// takenWord says whether a right was taken over, and what stands in the way.
func takenWord(r client.StandingRight) string {
	switch o := r.Order; {
	case o != nil && o.DoneAt == nil:
		return strconv.FormatBool(r.Taken) + " (ordered)"
	case o != nil && !o.Done && o.Why != "":
		return strconv.FormatBool(r.Taken) + " (" + o.Why + ")"
	case !r.Taken && r.Fixed != "":
		return "never"
	}
	return strconv.FormatBool(r.Taken)
}

// orderRights makes "endpoint take-over" and "endpoint give-back".
func (a *app) orderRights(action, short string) *cobra.Command {
	t := endpoints()
	var labels, rights []string
	var all, yes bool
	var comment string
	cmd := &cobra.Command{Use: action + " [ID…]", Short: short, Args: cobra.ArbitraryArgs, ValidArgsFunction: tabThings(a, t)}
	f := cmd.Flags()
	f.StringArrayVar(&labels, "label", nil, "in place of ids every endpoint with this label, k=v; may be repeated")
	f.BoolVar(&all, "all", false, "in place of ids every endpoint")
	f.StringSliceVar(&rights, "right", nil, "only this right (see rights list --columns id); may be repeated (all that can be)")
	f.StringVar(&comment, "comment", "", "why; it is in the audit log")
	f.BoolVar(&yes, "yes", false, "do not ask before several")
	cmd.RunE = a.run(func(ctx context.Context, args []string) error {
		byLabel := all || len(labels) > 0
		if byLabel == (len(args) > 0) {
			return usage("which endpoints? give ids, or --label k=v, or --all")
		}
		if strings.TrimSpace(comment) == "" {
			return usage("why? give --comment")
		}
		which, err := labelsOf(labels)
		if err != nil {
			return err
		}
		ids, err := a.gather(args)
		if err != nil {
			return err
		}
		if byLabel || len(ids) > 1 {
			if err := a.confirm(yes, action+" the standing rights of "+several(ids, labels)+"?"); err != nil {
				return err
			}
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		results := []result{}
		if byLabel {
			if results, err = orderedByLabel(ctx, c, action, client.OrderRightsByLabel{Labels: which, Rights: rights, Comment: comment}); err != nil {
				return err
			}
		}
		for _, id := range ids {
			results = append(results, ordered(ctx, c, action, id, client.OrderRights{Rights: rights, Comment: comment}))
		}
		if err := a.results(results, false); err != nil {
			return err
		}
		return verdict(results, byLabel || len(ids) > 1)
	})
	return cmd
}

func several(ids, labels []string) string {
	switch {
	case len(labels) > 0:
		return "every endpoint with " + strings.Join(labels, ", ")
	case len(ids) == 0:
		return "every endpoint"
	}
	return strconv.Itoa(len(ids)) + " endpoints"
}

func ordered(ctx context.Context, c *client.Client, action, text string, in client.OrderRights) result {
	r := result{ID: text, Action: action}
	id, err := find(ctx, c, endpoints(), text)
	if err == nil {
		r.ID = id
		if action == "take-over" {
			_, err = c.TakeOver(ctx, id, in)
		} else {
			_, err = c.GiveBack(ctx, id, in)
		}
	}
	if err != nil {
		r.failed(err)
		return r
	}
	r.OK, r.State = true, "ordered"
	return r
}

func orderedByLabel(ctx context.Context, c *client.Client, action string, in client.OrderRightsByLabel) ([]result, error) {
	if in.Labels == nil {
		in.Labels = map[string]string{}
	}
	out, err := client.Post[client.EndpointResults](ctx, c, "/standing-rights/"+action, in)
	if err != nil {
		return nil, err
	}
	results := []result{}
	for _, e := range out.Results {
		r := result{ID: e.ID, Action: action, OK: e.OK, Error: e.Error}
		if e.OK {
			r.State = "ordered"
		} else if e.Error != nil {
			r.err = e.Error
		}
		results = append(results, r)
	}
	return results, nil
}

// standingNumber is how many standing rights an endpoint has told.
func standingNumber(e client.Endpoint) string {
	if e.StandingRights == nil {
		return ""
	}
	return strconv.Itoa(*e.StandingRights)
}
