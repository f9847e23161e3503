package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// Prefixes of ids that only these nouns have.
const (
	channelPrefix  = "chan_"
	alertPrefix    = "alert_"
	deliveryPrefix = "dlv_"
	providerPrefix = "idp_"
)

// editRead makes "edit" of a thing some of whose objects are replaced as a whole:
// what it is now is read, and the flags change single fields of it.
func editRead[In, Out any](a *app, use, short string, t thing[Out], start func(in *In, now Out, given func(prefix string) bool),
	more func(c *cobra.Command, in *In) (fill func() error)) *cobra.Command {
	var in In
	var from string
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1), ValidArgsFunction: tabThings(a, t)}
	cmd.Flags().StringVar(&from, "from", "", "JSON file with the whole body, - for standard input")
	fill := more(cmd, &in)
	put := a.bodyFlags(cmd, &in)
	cmd.RunE = a.run(func(ctx context.Context, args []string) error {
		c, err := a.connect()
		if err != nil {
			return err
		}
		id, err := find(ctx, c, t, args[0])
		if err != nil {
			return err
		}
		if from != "" {
			err = a.bodyFrom(from, &in)
		} else {
			var now Out
			if now, err = client.Get[Out](ctx, c, t.path+"/"+url.PathEscape(id), nil); err != nil {
				return err
			}
			start(&in, now, func(prefix string) bool { return givenWith(cmd, prefix) })
			if err = put(); err == nil {
				err = fill()
			}
		}
		if err != nil {
			return err
		}
		var out Out
		if err := c.Call(ctx, http.MethodPut, t.path+"/"+url.PathEscape(id), nil, in, &out); err != nil {
			return err
		}
		return view(a, out, t.id, t.cols)
	})
	return cmd
}

func nothingMore[In any](*cobra.Command, *In) func() error { return func() error { return nil } }

func channels() thing[client.Channel] {
	type C = client.Channel
	return thing[C]{many: "channels", path: "/channels", prefix: channelPrefix, id: func(c C) string { return c.ID },
		names: func(c C) []string { return []string{c.Name} },
		cols: []column[C]{
			{name: "id", text: func(c C) string { return c.ID }, short: func(c C) string { return elevation.ShortID(c.ID) }},
			{name: "name", text: func(c C) string { return c.Name }},
			{name: "kind", text: func(c C) string { return c.Kind }},
			{name: "to", text: func(c C) string {
				host := str(c.Config.Host)
				if host != "" && c.Config.Port != nil {
					host += ":" + strconv.FormatInt(*c.Config.Port, 10)
				}
				return first(str(c.Config.URL), str(c.Config.Address), host, str(c.Config.Account))
			}},
			{name: "template", text: func(c C) string { return first(str(c.Config.Template), str(c.Config.Format)) }},
			{name: "enabled", text: func(c C) string { return strconv.FormatBool(c.Enabled) }},
			{name: "disabled_why", text: func(c C) string { return c.DisabledWhy }},
			{name: "secret_set", text: func(c C) string { return strconv.FormatBool(c.SecretSet) }, more: true},
			{name: "made", text: func(c C) string { return when(&c.MadeAt) }, more: true},
		}}
}

func (a *app) channel() *cobra.Command {
	t := channels()
	add := addOf(a, "add NAME", "Make a channel: how people or systems are told", t.path, cobra.ExactArgs(1),
		func(*cobra.Command, *client.NewChannel) {},
		func(in *client.NewChannel, args []string) error { in.Name = args[0]; return nil },
		func(out client.Channel) error {
			if err := a.made(out.ID, out.Name); err != nil || out.Secret == "" || a.format == "id" {
				return err
			}
			return a.write(func(w io.Writer) error { _, err := fmt.Fprintf(w, "secret %s\n", inert.Text(out.Secret)); return err })
		})
	add.Long = "Make a channel. Its configuration by flags or by --from FILE:\n\n" +
		"  assentctl channel add Chat --kind webhook --config-url https://hooks.example.org/x --config-template slack\n" +
		"  assentctl channel add Mail --kind email --config-host mail.example.org --config-port 587 \\\n" +
		"      --config-tls starttls --config-from assent@example.org --config-username assent --config-password-file secret\n" +
		"  assentctl channel add SIEM --kind syslog --config-address logs.example.org:6514 --config-tls true --config-stream\n\n" +
		"The secret of a webhook is made, and printed once, unless one is given."
	edit := editRead(a, "edit NAME", "Change a channel; what is not given stays", t, func(in *client.EditChannel, now client.Channel, given func(string) bool) {
		if given("config-") {
			in.Config = &now.Config
		}
	}, nothingMore)
	return noun("channel", "How people and systems are told", listOf(a, t), viewOf(a, t), add, edit, deleteOf(a, t), a.testChannel(t), a.previewChannel())
}

// testChannel sends a message now. One that did not arrive is a failure.
func (a *app) testChannel(t thing[client.Channel]) *cobra.Command {
	return &cobra.Command{Use: "test NAME", Short: "Send a message through a channel now", Args: cobra.ExactArgs(1), ValidArgsFunction: tabThings(a, t),
		RunE: a.run(func(ctx context.Context, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			id, err := find(ctx, c, t, args[0])
			if err != nil {
				return err
			}
			r, err := c.TestChannel(ctx, id)
			if err != nil {
				return err
			}
			type R = client.ChannelTest
			err = view(a, r, func(R) string { return id }, []column[R]{
				{name: "result", text: func(r R) string {
					if r.OK {
						return "ok"
					}
					return "failed"
				}},
				{name: "status", text: func(r R) string { return number(r.Status) }}, {name: "error", text: func(r R) string { return r.Error }},
				{name: "took", text: func(r R) string { return fmt.Sprintf("%d ms", r.TookMS) }}})
			if err == nil && !r.OK {
				return &exitError{code: exitFailure, err: fmt.Errorf("the message did not arrive: %s", first(r.Error, "status "+number(r.Status))),
					hints: []string{"see what is set: assentctl channel view " + elevation.ShortID(id)}}
			}
			return err
		})}
}

// number is a count, nothing for none.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func alerts() thing[client.Alert] {
	type A = client.Alert
	return thing[A]{many: "alerts", path: "/alerts", prefix: alertPrefix, id: func(x A) string { return x.ID },
		names: func(x A) []string { return []string{x.Name} },
		cols: []column[A]{
			{name: "id", text: func(x A) string { return x.ID }, short: func(x A) string { return elevation.ShortID(x.ID) }},
			{name: "name", text: func(x A) string { return x.Name }},
			{name: "events", text: func(x A) string { return strings.Join(x.Events, " ") }},
			{name: "when", text: func(x A) string { return narrowed(x.Filter) }},
			{name: "channels", text: func(x A) string { return strings.Join(x.Channels, " ") }, short: func(x A) string { return shortAll(x.Channels) }},
			{name: "recipients", text: func(x A) string { return told(x.Recipients) }},
			{name: "digest", text: func(x A) string {
				if x.DigestSeconds == 0 {
					return ""
				}
				return elevation.FormatDuration(time.Duration(x.DigestSeconds) * time.Second)
			}},
			{name: "mandatory", text: func(x A) string { return strconv.FormatBool(x.Mandatory) }, more: true},
			{name: "enabled", text: func(x A) string { return strconv.FormatBool(x.Enabled) }},
		}}
}

func shortAll(ids []string) string {
	var out []string
	for _, id := range ids {
		out = append(out, elevation.ShortID(id))
	}
	return strings.Join(out, " ")
}

// narrowed is a filter in words.
func narrowed(f client.AlertFilter) string {
	out := []string{}
	add := func(name, value string) {
		if value != "" {
			out = append(out, name+"="+value)
		}
	}
	add("team", f.Team)
	add("user", f.User)
	if len(f.EndpointLabels) > 0 {
		add("labels", pairs(f.EndpointLabels))
	}
	add("type", f.AccessType)
	add("priority_at_least", f.PriorityAtLeast)
	if f.WaitingSeconds > 0 {
		add("waiting_longer_than", elevation.FormatDuration(time.Duration(f.WaitingSeconds)*time.Second))
	}
	if f.Caution {
		out = append(out, "caution")
	}
	return strings.Join(out, " ")
}

// told are recipients in words.
func told(r client.AlertRecipients) string {
	out := append(append([]string{}, r.Users...), r.Teams...)
	out = append(out, r.Roles...)
	if r.Answerers {
		out = append(out, "who can answer")
	}
	if r.Requester {
		out = append(out, "who asked")
	}
	return strings.Join(out, " ")
}

func (a *app) alert() *cobra.Command {
	t := alerts()
	add := addOf(a, "add NAME", "Tell somebody of something", t.path, cobra.ExactArgs(1),
		func(*cobra.Command, *client.NewAlert) {},
		func(in *client.NewAlert, args []string) error { in.Name = args[0]; return nil },
		func(out client.Alert) error { return a.made(out.ID, out.Name) })
	add.Long = "Tell somebody of something, for example of urgent requests that have waited for ten minutes:\n\n" +
		"  assentctl alert add Waiting --event request.submitted --channel Chat \\\n" +
		"      --filter-priority-at-least urgent --filter-waiting-longer-than 10m"
	edit := editRead(a, "edit NAME", "Change an alert; what is not given stays", t, func(in *client.EditAlert, now client.Alert, given func(string) bool) {
		if given("filter-") {
			in.Filter = &now.Filter
		}
		if given("recipients-") {
			in.Recipients = &now.Recipients
		}
	}, nothingMore)
	return noun("alert", "What is told to whom", listOf(a, t), viewOf(a, t), add, edit, deleteOf(a, t))
}

func deliveryColumns() []column[client.Delivery] {
	type D = client.Delivery
	return []column[D]{
		{name: "id", text: func(d D) string { return d.ID }, short: func(d D) string { return elevation.ShortID(d.ID) }},
		{name: "state", text: func(d D) string { return d.State }},
		{name: "kind", text: func(d D) string { return d.Kind }},
		{name: "alert", text: func(d D) string { return first(d.AlertName, d.Alert) }},
		{name: "channel", text: func(d D) string { return first(d.ChannelName, d.Channel) }},
		{name: "recipient", text: func(d D) string { return d.Recipient }},
		{name: "request", text: func(d D) string { return d.Request }, short: func(d D) string { return elevation.ShortID(d.Request) }},
		{name: "tries", text: func(d D) string { return number(d.Tries) }},
		{name: "next", text: func(d D) string { return when(d.NextAt) }},
		{name: "error", text: func(d D) string { return d.LastError }},
		{name: "created", text: func(d D) string { return when(&d.CreatedAt) }, more: true},
		{name: "sent", text: func(d D) string { return when(d.SentAt) }, more: true},
		{name: "message", text: func(d D) string { return d.Message }, more: true},
	}
}

// delivery is what was told, and what still waits to be.
func (a *app) delivery() *cobra.Command {
	type D = client.Delivery
	var channel, state, request string
	var limit int
	ls := &cobra.Command{Use: "list", Aliases: []string{"l"}, Short: "List what was told or waits to be told, the newest first", Args: cobra.NoArgs}
	ls.Flags().StringVar(&channel, "channel", "", "only through this channel: name or id")
	ls.Flags().StringVar(&state, "state", "", "waiting, sent, failed or dropped")
	ls.Flags().StringVar(&request, "request", "", "only of this request")
	ls.Flags().IntVar(&limit, "limit", 500, "at most this many rows, 0 for all")
	_ = ls.RegisterFlagCompletionFunc("state", words("waiting", "sent", "failed", "dropped"))
	ls.RunE = a.run(func(ctx context.Context, _ []string) error {
		c, err := a.connect()
		if err != nil {
			return err
		}
		q := url.Values{}
		if request != "" {
			if request, err = requestID(ctx, c, request); err != nil {
				return err
			}
		}
		if channel != "" {
			if channel, err = find(ctx, c, channels(), channel); err != nil {
				return err
			}
		}
		for name, value := range map[string]string{"channel": channel, "state": state, "request": request} {
			if value != "" {
				q.Set(name, value)
			}
		}
		rows, err := c.Deliveries(ctx, q, limit)
		if err != nil {
			return err
		}
		return list(a, rows, func(d D) string { return d.ID }, deliveryColumns())
	})
	retry := &cobra.Command{Use: "retry ID…", Short: "Try deliveries again now", Args: cobra.MinimumNArgs(1)}
	retry.RunE = a.run(func(ctx context.Context, args []string) error { return a.retry(ctx, args) })
	return noun("delivery", "What was told to whom", ls, retry)
}

func (a *app) retry(ctx context.Context, args []string) error {
	ids, err := a.gather(args)
	if err != nil {
		return err
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	t := thing[client.Delivery]{path: "/deliveries", prefix: deliveryPrefix, id: func(d client.Delivery) string { return d.ID }}
	var results []result
	for _, text := range ids {
		r := result{ID: text, Action: "retry"}
		id, err := find(ctx, c, t, text)
		if err == nil {
			r.ID = id
			var d client.Delivery
			d, err = c.RetryDelivery(ctx, id)
			r.OK, r.State = err == nil, d.State
		}
		if err != nil {
			r.failed(err)
		}
		results = append(results, r)
	}
	if err := a.results(results, false); err != nil {
		return err
	}
	return verdict(results, len(ids) > 1)
}

func providers() thing[client.Provider] {
	type P = client.Provider
	return thing[P]{many: "identity providers", path: "/identity-providers", prefix: providerPrefix, id: func(p P) string { return p.ID },
		names: func(p P) []string { return []string{p.Name} },
		cols: []column[P]{
			{name: "id", text: func(p P) string { return p.ID }, short: func(p P) string { return elevation.ShortID(p.ID) }},
			{name: "name", text: func(p P) string { return p.Name }},
			{name: "issuer", text: func(p P) string { return p.Issuer }},
			{name: "client_id", text: func(p P) string { return p.ClientID }},
			{name: "groups", text: func(p P) string {
				var out []string
				for _, g := range p.Groups {
					out = append(out, g.ID+"="+strings.Join(g.Roles, ","))
				}
				return strings.Join(out, " ")
			}},
			{name: "domains", text: func(p P) string { return strings.Join(p.AllowedDomains, " ") }},
			{name: "creates", text: func(p P) string { return strconv.FormatBool(p.CreateAccounts) }},
			{name: "enabled", text: func(p P) string { return strconv.FormatBool(p.Enabled) }},
			{name: "callback", text: func(p P) string { return p.CallbackURL }, more: true},
			{name: "secret_set", text: func(p P) string { return strconv.FormatBool(p.SecretSet) }, more: true},
		}}
}

// groupsOf reads ID=role,role.
func groupsOf(list []string) ([]client.GroupRoles, error) {
	out := []client.GroupRoles{}
	for _, text := range list {
		i := strings.LastIndex(text, "=")
		if i < 1 {
			return nil, usage(fmt.Sprintf("--group: %q is not ID=role,role", text))
		}
		out = append(out, client.GroupRoles{ID: text[:i], Roles: strings.Split(text[i+1:], ",")})
	}
	return out, nil
}

const groupHelp = "ID=role,role: what being in the group with this stable id gives; all groups anew; may be repeated"

func (a *app) provider() *cobra.Command {
	t := providers()
	var groups []string
	add := addOf(a, "add NAME", "Let people sign in with an identity provider", t.path, cobra.ExactArgs(1),
		func(c *cobra.Command, _ *client.NewProvider) {
			c.Flags().StringArrayVar(&groups, "group", nil, groupHelp)
		},
		func(in *client.NewProvider, args []string) (err error) {
			in.Name = args[0]
			in.Groups, err = groupsOf(groups)
			return err
		},
		func(out client.Provider) error {
			if err := a.made(out.ID, out.Name); err != nil || a.format == "id" {
				return err
			}
			a.say("tell the provider to send people back to %s", inert.Text(out.CallbackURL))
			return nil
		})
	edit := editRead(a, "edit NAME", "Change an identity provider; what is not given stays", t,
		func(in *client.EditProvider, now client.Provider, given func(string) bool) {
			if given("link-") {
				in.Link = &now.Link
			}
		},
		func(c *cobra.Command, in *client.EditProvider) func() error {
			var groups []string
			c.Flags().StringArrayVar(&groups, "group", nil, groupHelp)
			return func() error {
				if !c.Flags().Changed("group") {
					return nil
				}
				all, err := groupsOf(groups)
				in.Groups = &all
				return err
			}
		})
	return noun("provider", "Identity providers with which people sign in", listOf(a, t), viewOf(a, t), add, edit, deleteOf(a, t))
}
