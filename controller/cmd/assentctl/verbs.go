package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// change is one thing to do to one request.
type change struct{ action, id string }

// actFlags go with every change. A verb has those that mean something for it.
type actFlags struct {
	comment, note, lasts, span, start, priority, team, group string
	yes, dryRun                                              bool
}

func (f *actFlags) add(c *cobra.Command, more ...string) {
	flags := c.Flags()
	flags.StringVar(&f.comment, "comment", "", "comment for the requester")
	flags.BoolVar(&f.yes, "yes", false, "do not ask before several ids")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print what would be done")
	for _, name := range more {
		switch name {
		case "note":
			flags.StringVar(&f.note, "note", "", "note for other approvers; the requester never reads it")
		case "for":
			flags.StringVar(&f.span, "for", "", "approve for this long, for example 30m")
		case "start":
			flags.StringVar(&f.start, "start", "", "approve from this time on, for example 2026-11-24T09:00:00Z")
		case "lasts":
			flags.StringVar(&f.lasts, "lasts", "", "once, or how long the same is approved again without asking: 8h, 7d")
		case "priority":
			flags.StringVar(&f.priority, "priority", "", "low, normal, high or urgent")
		case "team":
			flags.StringVar(&f.team, "team", "", "name or id of the team")
		case "group":
			flags.StringVar(&f.group, "group", "", "in place of ids a whole group that waits, for example program=apt (see list --group-by)")
		}
	}
}

func (f *actFlags) body() (client.Answer, error) {
	in := client.Answer{Comment: f.comment, Note: f.note, Lasts: f.lasts, Priority: f.priority, Team: f.team}
	var err error
	if in.DurationSeconds, err = secondsOf("--for", f.span); err != nil {
		return in, err
	}
	in.Start, err = momentOf("--start", f.start)
	return in, err
}

// verb makes "approval approve ID…" and its like. More names the flags that it
// has beside those of all verbs.
func (a *app) verb(name, action, short string, more ...string) *cobra.Command {
	var flags actFlags
	c := &cobra.Command{Use: name + " ID…", Short: short, Args: cobra.ArbitraryArgs}
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 && flags.group == "" {
			return usage("which request? give its id", c.CommandPath()+" ID…: the last six characters are enough; - reads ids from standard input",
				"assentctl "+c.Parent().Name()+" lists them")
		}
		return a.run(func(ctx context.Context, args []string) error {
			if action == "prioritize" && flags.priority == "" {
				return usage("which priority? give --priority low, normal, high or urgent")
			}
			if action == "ask" && flags.comment == "" && flags.note == "" {
				return usage("what do you ask? give --comment", "canned questions: assentctl approval canned")
			}
			if flags.group != "" {
				return a.actGroup(ctx, action, args, flags)
			}
			ids, err := a.gather(args)
			if err != nil {
				return err
			}
			var todo []change
			for _, id := range ids {
				todo = append(todo, change{action, id})
			}
			return a.act(ctx, todo, flags)
		})(c, args)
	}
	flags.add(c, more...)
	return c
}

// action is "approval action", several verbs at once.
func (a *app) action() *cobra.Command {
	var flags actFlags
	var approve, deny, remove []string
	c := &cobra.Command{Use: "action", Aliases: []string{"a"}, Short: "Approve, deny and remove several requests at once",
		Args: cobra.ArbitraryArgs,
		RunE: a.run(func(ctx context.Context, args []string) error {
			todo, err := a.actions(approve, deny, remove, args)
			if err != nil {
				return err
			}
			return a.act(ctx, todo, flags)
		})}
	c.Flags().StringSliceVar(&approve, "approve", nil, "approve this id; may be repeated")
	c.Flags().StringSliceVar(&deny, "deny", nil, "deny this id; may be repeated")
	c.Flags().StringSliceVar(&remove, "remove", nil, "remove this id, or @approved (and over), @denied, @expired, @escalated, @pending; may be repeated")
	flags.add(c, "note", "for", "start", "lasts")
	return c
}

// actions puts the ids behind the last flag's value to that flag, when only one
// kind of flag is there.
func (a *app) actions(approve, deny, remove, rest []string) ([]change, error) {
	kinds := []struct {
		name string
		ids  []string
	}{{"approve", approve}, {"deny", deny}, {"remove", remove}}
	var todo []change
	used := 0
	for _, k := range kinds {
		if len(k.ids) == 0 {
			continue
		}
		used++
		ids, err := a.gather(append(slices.Clone(k.ids), rest...))
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			todo = append(todo, change{k.name, id})
		}
	}
	if used == 0 {
		return nil, usage("nothing to do", "use --approve ID, --deny ID or --remove ID")
	}
	if used > 1 && len(rest) > 0 {
		return nil, usage("say for each id what to do with it: "+rest[0], "repeat the flag: --approve A --approve B --deny C")
	}
	return todo, nil
}

// fits leaves out of a body what the action does not take: "approval action
// --approve A --deny B --for 30m" shortens the approval alone.
func fits(action string, in client.Answer) client.Answer {
	if action != "approve" {
		in.DurationSeconds, in.Start, in.Lasts = 0, nil, ""
	}
	if action == "remove" {
		in.Note = ""
	}
	return in
}

// groups prints requests by what they have in common.
func (a *app) groups(ctx context.Context, c *client.Client, q url.Values, limit int) error {
	rows, err := client.All[client.RequestGroup](ctx, c, "/requests", q, limit)
	if err != nil {
		return err
	}
	type G = client.RequestGroup
	now := time.Now()
	return list(a, rows, func(g G) string { return g.By + "=" + g.Key }, []column[G]{
		{name: "group", text: func(g G) string { return g.By + "=" + g.Key }},
		{name: "name", text: func(g G) string { return g.Name }},
		{name: "count", text: func(g G) string { return fmt.Sprint(g.Count) }},
		{name: "waited", text: func(g G) string { return span(now.Sub(g.OldestAt)) }},
		{name: "application", text: func(g G) string { return application(g.Sample) }},
		{name: "user", text: func(g G) string { return g.Sample.User.Name }},
		{name: "endpoint", text: func(g G) string { return first(str(g.Sample.Endpoint.Name), g.Sample.Endpoint.ID) }},
	})
}

// actGroup does one thing to everything that waits in a group.
func (a *app) actGroup(ctx context.Context, action string, args []string, flags actFlags) error {
	by, key, ok := strings.Cut(flags.group, "=")
	if !ok || len(args) > 0 {
		return usage("--group is BY=KEY and stands in place of ids", "groups: assentctl approval list --group-by program")
	}
	in, err := flags.body()
	if err != nil {
		return err
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	group, err := findGroup(ctx, c, by, key)
	if err != nil {
		return err
	}
	if flags.dryRun {
		a.say("would %s %d, the first of them: %s", action, group.Count, inert.Text(application(group.Sample)))
		return nil
	}
	if err := a.confirm(flags.yes, fmt.Sprintf("%s %d of %s?", action, group.Count, flags.group)); err != nil {
		return err
	}
	out, err := client.Post[client.BatchResults](ctx, c, "/requests/batch", client.Batch{Action: action, Group: &client.GroupKey{By: by, Key: group.Key},
		Comment: in.Comment, Note: in.Note, DurationSeconds: in.DurationSeconds, Start: in.Start, Lasts: in.Lasts, Priority: in.Priority, Team: in.Team})
	if err != nil {
		return err
	}
	results := []result{}
	for _, r := range out.Results {
		one := result{ID: r.ID, Action: action, OK: r.OK, State: r.State, Error: r.Error}
		if r.Error != nil {
			one.err = r.Error
		}
		results = append(results, one)
	}
	if err := a.results(results, false); err != nil {
		return err
	}
	if out.RuleFrom != nil && a.format == "table" && !a.quiet {
		fmt.Fprintf(a.err, "hint: a rule can answer these from now on: assentctl rule from %s\n", elevation.ShortID(*out.RuleFrom))
	}
	return verdict(results, true)
}

// findGroup reads one group of what waits.
func findGroup(ctx context.Context, c *client.Client, by, key string) (client.RequestGroup, error) {
	groups, err := client.All[client.RequestGroup](ctx, c, "/requests", url.Values{"status": {"pending"}, "group_by": {by}}, 0)
	if err != nil {
		return client.RequestGroup{}, err
	}
	i := slices.IndexFunc(groups, func(g client.RequestGroup) bool { return g.Key == key || g.Name == key })
	if i < 0 {
		return client.RequestGroup{}, &exitError{code: exitNotFound, err: fmt.Errorf("nothing waits in the group %s=%s", by, key)}
	}
	return groups[i], nil
}

// canned prints the texts to choose from.
func (a *app) canned() *cobra.Command {
	return &cobra.Command{Use: "canned", Short: "List the texts for questions and denials to choose from", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			texts, err := client.Get[client.CannedTexts](ctx, c, "/canned", nil)
			if err != nil {
				return err
			}
			type row struct {
				Kind string `json:"kind"`
				Text string `json:"text"`
			}
			rows := []row{}
			for _, t := range texts.Questions {
				rows = append(rows, row{"question", t})
			}
			for _, t := range texts.Denials {
				rows = append(rows, row{"denial", t})
			}
			return list(a, rows, func(r row) string { return r.Text }, []column[row]{
				{name: "kind", text: func(r row) string { return r.Kind }}, {name: "text", text: func(r row) string { return r.Text }}})
		})}
}
