package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// reports is "report": alone it lists, with a name it makes one.
func (a *app) reports() *cobra.Command {
	var since, until string
	var labels []string
	c := &cobra.Command{Use: "report [NAME]", Short: "Make a report; alone: list the reports there are", Args: cobra.MaximumNArgs(1)}
	c.Flags().StringVar(&since, "since", "", "from this time: 30d (ago), 2026-11-01 or an RFC 3339 time; default 30d before --until")
	c.Flags().StringVar(&until, "until", "", "before this time; default now")
	c.Flags().StringArrayVar(&labels, "label", nil, "only endpoints with this label, k=v; may be repeated")
	c.RunE = a.run(func(ctx context.Context, args []string) error {
		q := url.Values{}
		for name, text := range map[string]string{"since": since, "until": until} {
			if text == "" {
				continue
			}
			t, err := timeOf(text, time.Now())
			if err != nil {
				return usage("--" + name + ": " + err.Error())
			}
			q.Set(name, t.UTC().Format(time.RFC3339))
		}
		if _, err := labelsOf(labels); err != nil {
			return err
		}
		if len(labels) > 0 && len(args) > 0 {
			q.Set("labels", strings.Join(labels, ","))
		}
		cl, err := a.connect()
		if err != nil {
			return err
		}
		if len(args) == 0 {
			return a.listReports(ctx, cl)
		}
		r, err := client.Get[client.Report](ctx, cl, "/reports/"+url.PathEscape(args[0]), q)
		if err != nil {
			return err
		}
		return a.printReport(r)
	})
	return c
}

func (a *app) listReports(ctx context.Context, c *client.Client) error {
	page, err := client.Get[client.List[client.ReportInfo]](ctx, c, "/reports", nil)
	if err != nil {
		return err
	}
	type R = client.ReportInfo
	return list(a, page.Items, func(r R) string { return r.Name }, []column[R]{
		{name: "name", text: func(r R) string { return r.Name }}, {name: "title", text: func(r R) string { return r.Title }}})
}

// printReport prints the table; its notes go to people, not into csv.
func (a *app) printReport(r client.Report) error {
	switch a.format {
	case "json":
		return a.write(func(w io.Writer) error { return writeJSON(w, r, true) })
	case "jsonl":
		return a.write(func(w io.Writer) error { return writeRows(w, r) })
	case "yaml":
		return a.write(func(w io.Writer) error { return writeYAML(w, r) })
	}
	var cols []column[[]string]
	for i, name := range r.Columns {
		cols = append(cols, column[[]string]{name: name, text: func(row []string) string {
			if i < len(row) {
				return row[i]
			}
			return ""
		}})
	}
	if err := list(a, r.Rows, func(row []string) string { return row[0] }, cols); err != nil || a.quiet {
		return err
	}
	for _, n := range r.Notes {
		fmt.Fprintf(a.err, "note: %s\n", inert.Text(n))
	}
	if r.Truncated {
		fmt.Fprintln(a.err, "note: there is more than is shown; take a shorter period")
	}
	return nil
}

// writeRows writes each row as an object.
func writeRows(w io.Writer, r client.Report) error {
	for _, row := range r.Rows {
		one := map[string]string{}
		for i, name := range r.Columns {
			if i < len(row) {
				one[name] = row[i]
			}
		}
		if err := writeJSON(w, one, false); err != nil {
			return err
		}
	}
	return nil
}

// timeOf reads a time as people write it in flags.
func timeOf(text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t, nil
	}
	d, err := elevation.ParseDuration(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no time: write 30d, 2026-11-01 or 2026-11-01T08:00:00Z", text)
	}
	return now.Add(-d), nil
}

func (a *app) replayRules() *cobra.Command {
	var days int
	c := &cobra.Command{Use: "replay FILE", Short: "Say what the rules of a file would have answered to real requests", Args: cobra.ExactArgs(1)}
	c.Flags().IntVar(&days, "days", 0, "how far back, 1 to 400 (30)")
	c.RunE = a.run(func(ctx context.Context, args []string) error {
		if days < 0 || days > 400 {
			return usage("--days is 1 to 400")
		}
		raw, err := a.readFile(args[0])
		if err != nil {
			return err
		}
		cl, err := a.connect()
		if err != nil {
			return err
		}
		r, err := client.Post[client.Replay](ctx, cl, "/rules/replay", client.ReplayRules{YAML: string(raw), Days: days})
		if err != nil {
			return a.ruleFaults(err, args[0])
		}
		return a.printReplay(r)
	})
	return c
}

// printReplay prints the numbers, then what would change.
func (a *app) printReplay(r client.Replay) error {
	switch a.format {
	case "json", "jsonl":
		return a.write(func(w io.Writer) error { return writeJSON(w, r, a.format == "json") })
	case "yaml":
		return a.write(func(w io.Writer) error { return writeYAML(w, r) })
	case "table":
		a.say("requests %d\nchanged %d\nnewly_approved %d\nnewly_denied %d\nnewly_asked %d\nhuman_denied %d\nminutes_saved %d",
			r.Requests, r.Changed, r.NewlyApproved, r.NewlyDenied, r.NewlyAsked, r.HumanDenied, r.MinutesSaved)
		if len(r.Changes) == 0 {
			return nil
		}
		a.say("")
	}
	type C = client.ReplayChange
	err := list(a, r.Changes, func(c C) string { return c.RequestID }, []column[C]{
		{name: "request", text: func(c C) string { return c.RequestID }, short: func(c C) string { return elevation.ShortID(c.RequestID) }},
		{name: "at", text: func(c C) string { return when(&c.At) }},
		{name: "who", text: func(c C) string { return c.Who }},
		{name: "endpoint", text: func(c C) string { return c.Endpoint }},
		{name: "what", text: func(c C) string { return c.What }},
		{name: "from", text: func(c C) string { return c.From }},
		{name: "to", text: func(c C) string { return c.To }},
		{name: "why", text: func(c C) string { return c.Why }, more: true}})
	if err == nil && a.format == "table" && !a.quiet {
		if len(r.Changes) < r.Changed {
			fmt.Fprintf(a.err, "note: the newest %d changes are shown\n", len(r.Changes))
		}
		if r.Truncated {
			fmt.Fprintln(a.err, "note: older requests were left out")
		}
	}
	return err
}

func (a *app) suggestRules() *cobra.Command {
	var days int
	c := &cobra.Command{Use: "suggest", Short: "Show rules that people's answers suggest; nothing is changed", Args: cobra.NoArgs,
		Long: "Show rules that would have answered as people did, with what speaks for each.\n" +
			"Scripts take the field yaml of --format json. A suggested rule observes\n" +
			"until a person enables it: assentctl rule apply --merge FILE, then assentctl rule enable NAME."}
	c.Flags().IntVar(&days, "days", 0, "how far back, 1 to 400 (90)")
	c.RunE = a.run(func(ctx context.Context, _ []string) error {
		if days < 0 || days > 400 {
			return usage("--days is 1 to 400")
		}
		cl, err := a.connect()
		if err != nil {
			return err
		}
		q := url.Values{}
		if days > 0 {
			q.Set("days", fmt.Sprint(days))
		}
		page, err := client.Get[client.List[client.Suggestion]](ctx, cl, "/rules/suggestions", q)
		if err != nil {
			return err
		}
		if a.format == "table" && a.columns == "" {
			return a.write(func(w io.Writer) error { return writeSuggestions(w, page.Items) })
		}
		type S = client.Suggestion
		return list(a, page.Items, func(s S) string { return s.Name }, []column[S]{
			{name: "name", text: func(s S) string { return s.Name }},
			{name: "approvals", text: func(s S) string { return fmt.Sprint(s.Approvals) }},
			{name: "endpoints", text: func(s S) string { return fmt.Sprint(s.Seen) }},
			{name: "requesters", text: func(s S) string { return strings.Join(s.Requesters, " ") }},
			{name: "approvers", text: func(s S) string { return strings.Join(s.Approvers, " ") }},
			{name: "newly_approved", text: func(s S) string { return fmt.Sprint(s.Replay.NewlyApproved) }},
			{name: "minutes_saved", text: func(s S) string { return fmt.Sprint(s.Replay.MinutesSaved) }},
			{name: "sentence", text: func(s S) string { return s.Sentence }},
			{name: "yaml", text: func(s S) string { return s.YAML }, more: true}})
	})
	return c
}

func writeSuggestions(w io.Writer, all []client.Suggestion) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "nothing to suggest: no command was approved often enough on three endpoints")
		return err
	}
	for i, s := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "# %s\n# It would have approved %d of %d requests and saved %d minutes of waiting; a person denied none of them.\n",
			inert.Text(s.Sentence), s.Replay.NewlyApproved, s.Replay.Requests, s.Replay.MinutesSaved)
		short := make([]string, 0, len(s.RequestIDs))
		for _, id := range s.RequestIDs[:min(len(s.RequestIDs), 10)] {
			short = append(short, elevation.ShortID(id))
		}
		fmt.Fprintf(w, "# Asked by %s; approved by %s; requests %s\n", inert.Text(strings.Join(slices.Clone(s.Requesters), ", ")),
			inert.Text(strings.Join(s.Approvers, ", ")), strings.Join(short, " "))
		if err := writeLines(w, s.YAML); err != nil {
			return err
		}
	}
	return nil
}
