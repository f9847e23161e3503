package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
)

// editOf makes "edit": the body comes from flags, or with --from from a file.
// What has no flag stays as it is.
func editOf[In, Out any](a *app, use, short, method string, t thing[Out], flags func(*cobra.Command),
	fill func(in *In, given func(string) bool) error) *cobra.Command {
	var from string
	var in In
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1), ValidArgsFunction: tabThings(a, t)}
	flags(cmd)
	cmd.Flags().StringVar(&from, "from", "", "JSON file with the whole body, - for standard input")
	put := a.bodyFlags(cmd, &in)
	cmd.RunE = a.run(func(ctx context.Context, args []string) error {
		if from != "" {
			if err := a.bodyFrom(from, &in); err != nil {
				return err
			}
		} else if err := errors.Join(put(), fill(&in, cmd.Flags().Changed)); err != nil {
			return err
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		id, err := find(ctx, c, t, args[0])
		if err != nil {
			return err
		}
		var out Out
		if err := c.Call(ctx, method, t.path+"/"+url.PathEscape(id), nil, in, &out); err != nil {
			return err
		}
		return view(a, out, t.id, t.cols)
	})
	return cmd
}

func teams() thing[client.Team] {
	type T = client.Team
	return thing[T]{many: "teams", path: "/teams", prefix: elevation.TeamPrefix, id: func(t T) string { return t.ID },
		names: func(t T) []string { return []string{t.Name, t.ID} },
		cols: []column[T]{
			{name: "id", text: func(t T) string { return t.ID }, short: func(t T) string { return elevation.ShortID(t.ID) }},
			{name: "name", text: func(t T) string { return t.Name }},
			{name: "members", text: func(t T) string { return strings.Join(t.Members, " ") }},
			{name: "labels", text: func(t T) string { return pairs(t.Scope.Labels) }},
			{name: "access_types", text: func(t T) string { return strings.Join(t.Scope.AccessTypes, " ") }},
			{name: "hours", text: func(t T) string { return strings.TrimSpace(t.Hours + " " + t.TZ) }},
			{name: "escalate", text: func(t T) string {
				var out []string
				for _, s := range t.Escalate {
					out = append(out, elevation.FormatDuration(time.Duration(s.AfterSeconds)*time.Second)+"="+s.Team)
				}
				return strings.Join(out, " ")
			}},
		}}
}

// teamFlags are the flags of add and edit alike.
type teamFlags struct {
	name, hours, tz             string
	members, labels, types, ups []string
}

func (t *teamFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringSliceVar(&t.members, "member", nil, "login or id; all members anew; may be repeated")
	f.StringArrayVar(&t.labels, "label", nil, "k=v that the endpoints have for which it answers; the scope anew; may be repeated")
	f.StringSliceVar(&t.types, "access-type", nil, "run, session or admin (all); the scope anew; may be repeated")
	f.StringVar(&t.hours, "hours", "", `when its members answer, for example "Mon-Fri 08:00-18:00"; "" is always`)
	f.StringVar(&t.tz, "tz", "", "time zone of the hours, for example Europe/Berlin")
	f.StringArrayVar(&t.ups, "escalate", nil, "15m=TEAM: after that time TEAM may answer too; the ladder anew; may be repeated")
}

func (t *teamFlags) scope() (*client.TeamScope, error) {
	labels, err := labelsOf(t.labels)
	return &client.TeamScope{Labels: labels, AccessTypes: t.types}, err
}

func (t *teamFlags) ladder() ([]client.TeamStep, error) {
	steps := []client.TeamStep{}
	for _, text := range t.ups {
		after, team, ok := strings.Cut(text, "=")
		if !ok || team == "" {
			return nil, usage(fmt.Sprintf("--escalate: %q is not 15m=TEAM", text))
		}
		n, err := secondsOf("--escalate", after)
		if err != nil {
			return nil, err
		}
		steps = append(steps, client.TeamStep{AfterSeconds: n, Team: team})
	}
	return steps, nil
}

func (a *app) team() *cobra.Command {
	t := teams()
	var made, changed teamFlags
	add := addOf(a, "add NAME", "Make a team", t.path, cobra.ExactArgs(1),
		func(c *cobra.Command, _ *client.NewTeam) { made.add(c) },
		func(in *client.NewTeam, args []string) (err error) {
			in.Name, in.Members, in.Hours, in.TZ = args[0], made.members, made.hours, made.tz
			if in.Scope, err = made.scope(); err == nil {
				in.Escalate, err = made.ladder()
			}
			return err
		},
		func(out client.Team) error { return a.made(out.ID, out.Name) })
	edit := editOf(a, "edit NAME", "Change a team; what is not given stays", http.MethodPut, t,
		func(c *cobra.Command) {
			changed.add(c)
			c.Flags().StringVar(&changed.name, "name", "", "another name")
		},
		func(in *client.EditTeam, given func(string) bool) (err error) {
			if given("name") {
				in.Name = &changed.name
			}
			if given("member") {
				in.Members = &changed.members
			}
			if given("hours") {
				in.Hours = &changed.hours
			}
			if given("tz") {
				in.TZ = &changed.tz
			}
			if given("escalate") {
				steps, err := changed.ladder()
				if err != nil {
					return err
				}
				in.Escalate = &steps
			}
			if given("label") || given("access-type") {
				in.Scope, err = changed.scope()
			}
			return err
		})
	return noun("team", "Teams that answer requests", listOf(a, t), viewOf(a, t), add, edit, deleteOf(a, t))
}

func links() thing[client.Link] {
	type L = client.Link
	return thing[L]{many: "links", path: "/links", prefix: elevation.LinkPrefix, id: func(l L) string { return l.ID },
		cols: []column[L]{
			{name: "id", text: func(l L) string { return l.ID }, short: func(l L) string { return elevation.ShortID(l.ID) }},
			{name: "account", text: func(l L) string { return l.Account }},
			{name: "endpoint", text: func(l L) string { return str(l.Endpoint) }},
			{name: "directory", text: func(l L) string { return str(l.Directory) }},
			{name: "user", text: func(l L) string { return str(l.User) }},
			{name: "uid", text: func(l L) string { return str(l.UID) }},
			{name: "made_by", text: func(l L) string { return l.MadeBy }},
		}}
}

func (a *app) link() *cobra.Command {
	t := links()
	var made, changed struct{ account, endpoint, directory, user, uid string }
	add := addOf(a, "add ACCOUNT", "Tie an account to a user of an endpoint", t.path, cobra.ExactArgs(1),
		func(c *cobra.Command, _ *client.NewLink) {
			linkFlags(c, &made.endpoint, &made.directory, &made.user, &made.uid)
		},
		func(in *client.NewLink, args []string) error {
			in.Account = args[0]
			in.Endpoint, in.Directory, in.User, in.UID = some(made.endpoint), some(made.directory), some(made.user), some(made.uid)
			return nil
		},
		func(out client.Link) error { return a.made(out.ID, "link of "+out.Account) })
	edit := editOf(a, "edit ID", "Change a link; what is not given stays", http.MethodPut, t,
		func(c *cobra.Command) {
			linkFlags(c, &changed.endpoint, &changed.directory, &changed.user, &changed.uid)
			c.Flags().StringVar(&changed.account, "account", "", "login or id")
		},
		func(in *client.EditLink, _ func(string) bool) error {
			in.Account, in.Endpoint, in.Directory = some(changed.account), some(changed.endpoint), some(changed.directory)
			in.User, in.UID = some(changed.user), some(changed.uid)
			return nil
		})
	return noun("link", "Which accounts are which users of endpoints", listOf(a, t), viewOf(a, t), add, edit, deleteOf(a, t))
}

func linkFlags(c *cobra.Command, endpoint, directory, user, uid *string) {
	f := c.Flags()
	f.StringVar(endpoint, "endpoint", "", "id or name of the endpoint")
	f.StringVar(directory, "directory", "", "in place of an endpoint: a domain, for its user on every endpoint")
	f.StringVar(user, "user", "", "name of the user on the endpoint")
	f.StringVar(uid, "uid", "", "uid of the user on the endpoint")
}

// some is nil for nothing.
func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func delegations() thing[client.Delegation] {
	type D = client.Delegation
	return thing[D]{many: "delegations", path: "/delegations", prefix: elevation.AwayPrefix, id: func(d D) string { return d.ID },
		cols: []column[D]{
			{name: "id", text: func(d D) string { return d.ID }, short: func(d D) string { return elevation.ShortID(d.ID) }},
			{name: "user", text: func(d D) string { return d.User }},
			{name: "delegate", text: func(d D) string { return d.Delegate }},
			{name: "from", text: func(d D) string { return when(&d.From) }},
			{name: "until", text: func(d D) string { return when(&d.Until) }},
			{name: "made_by", text: func(d D) string { return d.MadeBy }},
		}}
}

func (a *app) delegation() *cobra.Command {
	t := delegations()
	var user, delegate, start, until, span, start2, until2 string
	add := addOf(a, "add DELEGATE", "Let somebody answer in your place for a while", t.path, cobra.ExactArgs(1),
		func(c *cobra.Command, _ *client.NewDelegation) {
			c.Flags().StringVar(&user, "user", "", "who is away (you)")
			c.Flags().StringVar(&start, "start", "", "from when, for example 2026-12-24T18:00:00+01:00 (now)")
			c.Flags().StringVar(&until, "until", "", "until when")
			c.Flags().StringVar(&span, "for", "", "in place of --until: for how long, for example 7d")
		},
		func(in *client.NewDelegation, args []string) (err error) {
			in.Delegate, in.User = args[0], user
			if in.From, err = momentOf("--start", start); err != nil {
				return err
			}
			end, err := momentOf("--until", until)
			if err != nil {
				return err
			}
			switch {
			case end != nil && span == "":
				in.Until = *end
			case end == nil && span != "":
				n, err := secondsOf("--for", span)
				if err != nil {
					return err
				}
				from := time.Now()
				if in.From != nil {
					from = *in.From
				}
				in.Until = from.Add(time.Duration(n) * time.Second)
			default:
				return usage("give --until or --for")
			}
			return nil
		},
		func(out client.Delegation) error { return a.made(out.ID, out.Delegate+" for "+out.User) })
	edit := editOf(a, "edit ID", "Change a delegation; what is not given stays", http.MethodPut, t,
		func(c *cobra.Command) {
			f := c.Flags()
			f.StringVar(&delegate, "delegate", "", "who answers")
			f.StringVar(&start2, "start", "", "from when")
			f.StringVar(&until2, "until", "", "until when")
		},
		func(in *client.EditDelegation, _ func(string) bool) (err error) {
			in.Delegate = some(delegate)
			if in.From, err = momentOf("--start", start2); err == nil {
				in.Until, err = momentOf("--until", until2)
			}
			return err
		})
	return noun("delegation", "Who stands in for whom", listOf(a, t), viewOf(a, t), add, edit, deleteOf(a, t))
}

func momentOf(flag, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, usage(fmt.Sprintf("%s: %q is no time like 2026-12-24T18:00:00+01:00", flag, text))
	}
	return &at, nil
}

// editEndpoint is PATCH, which changes what it names.
func (a *app) editEndpoint() *cobra.Command {
	var labels []string
	return editOf(a, "edit ID", "Change the labels of an endpoint", http.MethodPatch, endpoints(),
		func(c *cobra.Command) {
			c.Flags().StringArrayVar(&labels, "label", nil, "k=v; all labels anew; may be repeated; --label= takes all away")
		},
		func(in *client.EditEndpoint, given func(string) bool) error {
			if !given("label") {
				return usage("say which labels it has: --label k=v")
			}
			out := map[string]string{}
			if len(labels) > 1 || len(labels) == 1 && labels[0] != "" {
				var err error
				if out, err = labelsOf(labels); err != nil {
					return err
				}
			}
			in.Labels = &out
			return nil
		})
}
