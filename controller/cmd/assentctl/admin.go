package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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

// thing is a noun whose rows are listed, viewed and deleted by id.
type thing[T any] struct {
	many         string // in words
	path, prefix string
	id           func(T) string
	names        func(T) []string // other names that are taken for the id
	cols         []column[T]
}

func listOf[T any](a *app, t thing[T]) *cobra.Command {
	return &cobra.Command{Use: "list", Aliases: []string{"l"}, Short: "List " + t.many, Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			rows, err := client.All[T](ctx, c, t.path, nil, 0)
			if err != nil {
				return err
			}
			return list(a, rows, t.id, t.cols)
		})}
}

// find reads the list once and finds the row of a name, an id or an ending.
func find[T any](ctx context.Context, c *client.Client, t thing[T], text string) (string, error) {
	if elevation.CheckID(t.prefix, text) == nil {
		return text, nil
	}
	rows, err := client.All[T](ctx, c, t.path, nil, 0)
	if err != nil {
		return "", err
	}
	for _, r := range rows {
		if t.names == nil {
			break
		}
		for _, n := range t.names(r) {
			if strings.EqualFold(n, text) {
				return t.id(r), nil
			}
		}
	}
	id, err := resolve(text, t.prefix, func() ([]string, error) { return idsOf(rows, t.id), nil })
	if err != nil && t.names != nil && codeOf(err) == exitUsage && !strings.Contains(err.Error(), "several") {
		return "", &exitError{code: exitNotFound, err: fmt.Errorf("there is no %q", text)}
	}
	return id, err
}

func viewOf[T any](a *app, t thing[T]) *cobra.Command {
	return &cobra.Command{Use: "view ID", Short: "Show one of the " + t.many, Args: cobra.ExactArgs(1), ValidArgsFunction: tabThings(a, t),
		RunE: a.run(func(ctx context.Context, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			id, err := find(ctx, c, t, args[0])
			if err != nil {
				return err
			}
			row, err := client.Get[T](ctx, c, t.path+"/"+url.PathEscape(id), nil)
			if err != nil {
				return err
			}
			return view(a, row, t.id, t.cols)
		})}
}

func deleteOf[T any](a *app, t thing[T]) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{Use: "delete ID…", Short: "Delete " + t.many, Args: cobra.MinimumNArgs(1), ValidArgsFunction: tabThings(a, t)}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask before several ids")
	cmd.RunE = a.run(func(ctx context.Context, args []string) error {
		ids, err := a.gather(args)
		if err != nil {
			return err
		}
		if len(ids) > 1 {
			if err := a.confirm(yes, fmt.Sprintf("delete %d?", len(ids))); err != nil {
				return err
			}
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		var results []result
		for _, text := range ids {
			r := result{ID: text, Action: "delete", OK: true, State: "deleted"}
			id, err := find(ctx, c, t, text)
			if err == nil {
				r.ID = id
				err = c.Call(ctx, http.MethodDelete, t.path+"/"+url.PathEscape(id), nil, nil, nil)
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
	})
	return cmd
}

// bodyFrom reads the whole body of a call from a JSON file.
func (a *app) bodyFrom(file string, in any) error {
	raw, err := a.readFile(file)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(in); err != nil {
		return usage(fmt.Sprintf("%s: %v", file, err))
	}
	return nil
}

// addOf makes "add": the body comes from flags, or with --from from a file.
func addOf[In, Out any](a *app, use, short, path string, args cobra.PositionalArgs, flags func(*cobra.Command, *In),
	fill func(in *In, args []string) error, show func(Out) error) *cobra.Command {
	var in In
	var from string
	cmd := &cobra.Command{Use: use, Short: short}
	flags(cmd, &in)
	cmd.Flags().StringVar(&from, "from", "", "JSON file with the whole body, - for standard input")
	put := a.bodyFlags(cmd, &in)
	_, word, _ := strings.Cut(use, " ")
	word = strings.ToLower(word) // "add NAME" takes --name in its place
	named := func(list []string) []string {
		if f := cmd.Flags().Lookup(word); len(list) == 0 && word != "" && f != nil && f.Changed {
			return []string{f.Value.String()}
		}
		return list
	}
	cmd.Args = func(c *cobra.Command, list []string) error {
		if from != "" {
			return cobra.NoArgs(c, list)
		}
		return args(c, named(list))
	}
	cmd.RunE = a.run(func(ctx context.Context, list []string) error {
		if from != "" {
			if err := a.bodyFrom(from, &in); err != nil {
				return err
			}
		} else if err := errors.Join(put(), fill(&in, named(list))); err != nil {
			return err
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		out, err := client.Post[Out](ctx, c, path, in)
		if err != nil {
			return err
		}
		if a.format == "json" || a.format == "jsonl" || a.format == "yaml" {
			return view(a, out, func(Out) string { return "" }, nil)
		}
		return show(out)
	})
	return cmd
}

func endpoints() thing[client.Endpoint] {
	type E = client.Endpoint
	return thing[E]{many: "endpoints", path: "/endpoints", prefix: elevation.EndpointPrefix, id: func(e E) string { return e.ID },
		names: func(e E) []string { return []string{e.Name} },
		cols: []column[E]{
			{name: "id", text: func(e E) string { return e.ID }, short: func(e E) string { return elevation.ShortID(e.ID) }},
			{name: "name", text: func(e E) string { return e.Name }},
			{name: "connected", text: func(e E) string { return strconv.FormatBool(e.Connected) }},
			{name: "mode", text: func(e E) string { return e.Mode }},
			{name: "locked", text: func(e E) string { return strconv.FormatBool(e.Locked) }, more: true},
			{name: "standing_rights", text: standingNumber},
			{name: "locked_why", text: func(e E) string { return str(e.LockedWhy) }, more: true},
			{name: "policy", text: func(e E) string { return str(e.Policy) }, more: true},
			{name: "paused_until", text: func(e E) string { return when(e.PausedUntil) }, more: true},
			{name: "os", text: func(e E) string { return first(str(e.OSVersion), str(e.OS)) }},
			{name: "agent", text: func(e E) string { return str(e.AgentVersion) }},
			{name: "labels", text: func(e E) string { return pairs(e.Labels) }},
			{name: "last_seen", text: func(e E) string { return when(e.LastSeenAt) }},
			{name: "ip", text: func(e E) string { return str(e.IP) }, more: true},
			{name: "arch", text: func(e E) string { return str(e.Arch) }, more: true},
			{name: "enrolled", text: func(e E) string { return when(&e.EnrolledAt) }, more: true},
			{name: "reported", text: func(e E) string { return pairs(e.Reported) }, more: true},
		}}
}

func (a *app) endpoint() *cobra.Command {
	t := endpoints()
	return noun("endpoint", "Enrolled machines", listOf(a, t), viewOf(a, t), a.editEndpoint(),
		a.stopEndpoint("lock", "Let nothing new be elevated on an endpoint, and revoke what was granted there", (*client.Client).LockEndpoint),
		a.stopEndpoint("unlock", "End the lock of an endpoint", (*client.Client).UnlockEndpoint), a.revokeGrants(),
		a.orderRights("take-over", "Remove standing rights of endpoints, and keep what is needed to give them back"),
		a.orderRights("give-back", "Put standing rights back that were taken over"), a.pauseEndpoints(), a.resumeEndpoints(), deleteOf(a, t))
}

func (a *app) enrollToken() *cobra.Command {
	type T = client.EnrollToken
	t := thing[T]{many: "enrolment tokens", path: "/enrollment-tokens", prefix: elevation.TokenPrefix, id: func(t T) string { return t.ID },
		cols: []column[T]{
			{name: "id", text: func(t T) string { return t.ID }, short: func(t T) string { return elevation.ShortID(t.ID) }},
			{name: "uses", text: func(t T) string { return fmt.Sprintf("%d/%d", t.Uses, t.MaxUses) }},
			{name: "expires", text: func(t T) string { return when(&t.ExpiresAt) }},
			{name: "mode", text: func(t T) string { return str(t.Mode) }},
			{name: "labels", text: func(t T) string { return pairs(t.Labels) }},
			{name: "accept_labels", text: func(t T) string { return strings.Join(t.AcceptLabels, " ") }},
			{name: "created_by", text: func(t T) string { return t.CreatedBy }},
		}}
	var ttl string
	var labels []string
	add := addOf(a, "add", "Make an enrolment token; it is shown once", t.path, cobra.NoArgs,
		func(c *cobra.Command, in *client.NewEnrollToken) {
			c.Flags().StringVar(&ttl, "ttl", "", "how long it can be used, for example 24h")
			c.Flags().IntVar(&in.MaxUses, "max-uses", 0, "how many machines may enrol with it (1)")
			c.Flags().StringArrayVar(&labels, "label", nil, "k=v that its machines get; may be repeated")
			c.Flags().StringSliceVar(&in.AcceptLabels, "accept-label", nil, "label that its machines may say of themselves; may be repeated")
			c.Flags().StringVar(&in.Mode, "mode", "", "observe or ask (ask; what a package enrols observes)")
		},
		func(in *client.NewEnrollToken, _ []string) (err error) {
			if in.TTLSeconds, err = secondsOf("--ttl", ttl); err != nil {
				return err
			}
			in.Labels, err = labelsOf(labels)
			return err
		},
		func(out T) error {
			return a.write(func(w io.Writer) error { _, err := fmt.Fprintln(w, inert.Text(out.Token)); return err })
		})
	return noun("enroll-token", "Tokens with which machines enrol", listOf(a, t), add, deleteOf(a, t))
}

func secondsOf(flag, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	d, err := elevation.ParseDuration(text)
	if err != nil {
		return 0, usage(flag + ": " + err.Error())
	}
	return int64(d / time.Second), nil
}

func labelsOf(list []string) (map[string]string, error) {
	var out map[string]string
	for _, text := range list {
		k, v, ok := strings.Cut(text, "=")
		if !ok || k == "" {
			return nil, usage(fmt.Sprintf("%q is not k=v", text))
		}
		if out == nil {
			out = map[string]string{}
		}
		out[k] = v
	}
	return out, nil
}
