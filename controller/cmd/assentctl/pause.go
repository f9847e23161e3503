package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
)

const pausePrefix = "pau_"

func pauses() thing[client.Pause] {
	type P = client.Pause
	return thing[P]{many: "pauses", path: "/pauses", prefix: pausePrefix, id: func(p P) string { return p.ID },
		cols: []column[P]{
			{name: "id", text: func(p P) string { return p.ID }, short: func(p P) string { return elevation.ShortID(p.ID) }},
			{name: "what", text: pausedWhat},
			{name: "state", text: func(p P) string { return p.State }},
			{name: "until", text: func(p P) string { return when(&p.Until) }},
			{name: "by", text: func(p P) string { return p.CreatedBy }},
			{name: "comment", text: func(p P) string { return p.Comment }},
			{name: "created", text: func(p P) string { return when(&p.CreatedAt) }, more: true},
			{name: "ended", text: func(p P) string { return when(p.EndedAt) }, more: true},
			{name: "ended_by", text: func(p P) string { return p.EndedBy }, more: true},
		}}
}

func pausedWhat(p client.Pause) string {
	switch {
	case p.EndpointID != "":
		return p.EndpointID
	case len(p.Labels) == 0:
		return "every endpoint"
	}
	return pairs(p.Labels)
}

// pause is "pause": what only observes for a while.
func (a *app) pause() *cobra.Command {
	t := pauses()
	return noun("pause", "Endpoints that only observe for a while; endpoint pause makes one", listOf(a, t))
}

// which are the endpoints that a verb is for.
type which struct {
	labels []string
	all    bool
	yes    bool
}

func (w *which) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&w.labels, "label", nil, "in place of ids every endpoint with this label, k=v; may be repeated")
	f.BoolVar(&w.all, "all", false, "in place of ids every endpoint")
	f.BoolVar(&w.yes, "yes", false, "do not ask before several")
}

// read gives ids, or labels when byLabel, and asks before several.
func (w *which) read(a *app, args []string, verb string) (ids []string, labels map[string]string, byLabel bool, err error) {
	byLabel = w.all || len(w.labels) > 0
	if byLabel == (len(args) > 0) || w.all && len(w.labels) > 0 {
		return nil, nil, false, usage("which endpoints? give ids, or --label k=v, or --all")
	}
	if labels, err = labelsOf(w.labels); err != nil {
		return nil, nil, false, err
	}
	if ids, err = a.gather(args); err != nil {
		return nil, nil, false, err
	}
	if byLabel || len(ids) > 1 {
		err = a.confirm(w.yes, verb+" "+several(ids, w.labels)+"?")
	}
	return ids, labels, byLabel, err
}

// pauseEndpoints makes "endpoint pause".
func (a *app) pauseEndpoints() *cobra.Command {
	t := endpoints()
	var w which
	var last, comment string
	cmd := &cobra.Command{Use: "pause [ID…]", Short: "Let endpoints only observe for a while: nothing is held or asked for there", Args: cobra.ArbitraryArgs,
		ValidArgsFunction: tabThings(a, t)}
	w.flags(cmd)
	cmd.Flags().StringVar(&last, "for", "", "how long, for example 2h; 7d at most")
	cmd.Flags().StringVar(&comment, "comment", "", "why; people there read it, and it is in the audit log")
	cmd.RunE = a.run(func(ctx context.Context, args []string) error {
		seconds, err := secondsOf("--for", last)
		if err != nil {
			return err
		}
		if seconds == 0 || strings.TrimSpace(comment) == "" {
			return usage("how long and why? give --for and --comment")
		}
		ids, labels, byLabel, err := w.read(a, args, "pause")
		if err != nil {
			return err
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		p := pauses()
		if byLabel {
			made, err := c.Pause(ctx, client.NewPause{Labels: labels, DurationSeconds: seconds, Comment: comment})
			if err != nil {
				return err
			}
			return view(a, made, p.id, p.cols)
		}
		var results []result
		for _, text := range ids {
			r := result{ID: text, Action: "pause"}
			id, err := find(ctx, c, t, text)
			if err == nil {
				var made client.Pause
				r.ID = id
				made, err = c.PauseEndpoint(ctx, id, client.PauseEndpoint{DurationSeconds: seconds, Comment: comment})
				r.OK, r.State = err == nil, "paused until "+when(&made.Until)
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

// resumeEndpoints makes "endpoint resume".
func (a *app) resumeEndpoints() *cobra.Command {
	var w which
	cmd := &cobra.Command{Use: "resume [ID…]", Short: "End pauses, named by endpoints, by pauses or by their labels", Args: cobra.ArbitraryArgs,
		ValidArgsFunction: tabThings(a, endpoints())}
	w.flags(cmd)
	cmd.RunE = a.run(func(ctx context.Context, args []string) error {
		ids, labels, byLabel, err := w.read(a, args, "end the pauses of")
		if err != nil {
			return err
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		open, err := c.Pauses(ctx, true)
		if err != nil {
			return err
		}
		var results []result
		end := func(name string, chosen func(client.Pause) bool) {
			results = append(results, endPauses(ctx, c, open, name, chosen)...)
		}
		switch {
		case w.all:
			end("", func(client.Pause) bool { return true })
		case byLabel:
			end(strings.Join(w.labels, ","), func(p client.Pause) bool { return p.EndpointID == "" && maps.Equal(p.Labels, labels) })
		}
		for _, text := range ids {
			if strings.HasPrefix(text, pausePrefix) {
				end(text, func(p client.Pause) bool { return p.ID == text })
				continue
			}
			id, err := find(ctx, c, endpoints(), text)
			if err != nil {
				return err
			}
			end(id, func(p client.Pause) bool { return p.EndpointID == id })
		}
		if len(results) == 0 {
			a.say("nothing is paused")
			return nil
		}
		if err := a.results(results, false); err != nil {
			return err
		}
		return verdict(results, len(results) > 1)
	})
	return cmd
}

// endPauses ends those that are chosen; without one it says so of a name.
func endPauses(ctx context.Context, c *client.Client, open []client.Pause, name string, chosen func(client.Pause) bool) (results []result) {
	for _, p := range open {
		if !chosen(p) {
			continue
		}
		r := result{ID: p.ID, Action: "resume", OK: true, State: "ended"}
		if err := c.Resume(ctx, p.ID); err != nil {
			r.failed(err)
		}
		results = append(results, r)
	}
	if len(results) == 0 && name != "" {
		r := result{ID: name, Action: "resume"}
		r.failed(&exitError{code: exitNotFound, err: fmt.Errorf("no pause is for %s alone; assentctl pause list shows those by label", name)})
		results = append(results, r)
	}
	return results
}

// attempt is "attempt": what endpoints let go on without a question.
func (a *app) attempt() *cobra.Command {
	type S = client.SeenAttempt
	var endpoint, user, kind, since string
	var limit int
	cmd := &cobra.Command{Use: "list", Aliases: []string{"l"}, Short: "What endpoints let go on without a question, the newest first", Args: cobra.NoArgs}
	f := cmd.Flags()
	f.StringVar(&endpoint, "endpoint", "", "of this endpoint, by id or name")
	f.StringVar(&user, "user", "", "of this user there, by name or uid")
	f.StringVar(&kind, "kind", "", "observed, own, break_glass or around")
	f.StringVar(&since, "since", "", "from this time: 7d (ago), 2026-11-01 or an RFC 3339 time")
	f.IntVar(&limit, "limit", 200, "at most so many, 0 = all")
	cmd.RunE = a.run(func(ctx context.Context, _ []string) error {
		q := url.Values{}
		for k, v := range map[string]string{"endpoint": endpoint, "user": user, "kind": kind} {
			if v != "" {
				q.Set(k, v)
			}
		}
		if since != "" {
			t, err := timeOf(since, time.Now())
			if err != nil {
				return usage("--since: " + err.Error())
			}
			q.Set("since", t.UTC().Format(time.RFC3339))
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		rows, err := client.All[S](ctx, c, "/attempts", q, limit)
		if err != nil {
			return err
		}
		return list(a, rows, func(s S) string { return s.ID }, []column[S]{
			{name: "at", text: func(s S) string { return when(&s.At) }},
			{name: "kind", text: func(s S) string { return s.Kind }},
			{name: "endpoint", text: func(s S) string { return s.Endpoint }},
			{name: "user", text: func(s S) string { return s.User.Name }},
			{name: "application", text: func(s S) string { return strings.Join(append([]string{s.Path}, s.Args...), " ") }},
			{name: "times", text: func(s S) string { return strconv.Itoa(s.Times) }},
			{name: "would", text: func(s S) string { return s.Would }},
			{name: "rule", text: func(s S) string { return s.Rule }},
			{name: "run_as", text: func(s S) string { return s.RunAs }, more: true},
			{name: "mechanism", text: func(s S) string { return s.Mechanism }, more: true},
			{name: "uid", text: func(s S) string { return s.User.UID }, more: true},
		})
	})
	return noun("attempt", "What endpoints let go on without a question", cmd)
}
