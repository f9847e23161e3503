package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/agent/local"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

func listCommand(std local.Streams, client func() local.Client) *cobra.Command {
	var status, format string
	var watch bool
	c := &cobra.Command{Use: "list", Short: "List your requests on this machine, and questions about them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "table" && format != "json" {
				return badFormat(format, "table", "json")
			}
			if watch {
				return follow(cmd.Context(), std, client(), format == "json")
			}
			items, more, err := client().List(cmd.Context())
			if err != nil {
				return explained(err)
			}
			items = ofStatus(items, status)
			if format == "json" {
				return printJSON(std.Out, items)
			}
			if err := table(std.Out, items, time.Now()); err != nil {
				return err
			}
			if more {
				fmt.Fprintln(std.Err, "older ones are left out")
			}
			return nil
		}}
	c.Flags().BoolVar(&watch, "watch", false, "print what happens to them from now on, a line for each step")
	c.Flags().StringVar(&status, "status", "", "only these, like pending or ended,denied")
	c.Flags().StringVar(&format, "format", "table", "table or json")
	return c
}

// follow prints notices until it is interrupted.
func follow(ctx context.Context, std local.Streams, client local.Client, asJSON bool) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	out := json.NewEncoder(std.Out)
	err := client.Watch(ctx, func() { fmt.Fprintln(std.Err, "watching; Ctrl-C ends it") }, func(n local.Notice) error {
		if asJSON {
			return out.Encode(n)
		}
		_, err := fmt.Fprintln(std.Out, stamp(n.At), inert.Text(n.Line))
		return err
	})
	return explained(err)
}

func ofStatus(items []local.Item, status string) []local.Item {
	kept := []local.Item{}
	for _, it := range items {
		if status == "" || status == "all" {
			kept = append(kept, it)
			continue
		}
		for _, s := range strings.Split(status, ",") {
			if it.State == s || s == "available" && it.State == "active" {
				kept = append(kept, it)
			}
		}
	}
	return kept
}

func table(w io.Writer, items []local.Item, now time.Time) error {
	if len(items) == 0 {
		_, err := fmt.Fprintln(w, "no requests")
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "ID\tSTATE\tAGE\tAS\tCOMMAND\tREASON")
	for _, it := range items {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", elevation.ShortID(string(it.ID)), inert.Text(it.State), age(now.Sub(it.At)),
			inert.Text(it.RunAs), inert.Clip(commandLine(it), 60), inert.Clip(inert.Text(it.Justification), 40))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if err := standing(w, items); err != nil {
		return err
	}
	return questions(w, items)
}

// standing prints below a list what moves now: who looks at a request, until when
// an approval can be used, when what is in use ends.
func standing(w io.Writer, items []local.Item) error {
	before := "\n"
	for _, it := range items {
		text := ""
		switch {
		case it.State == "pending" && it.SeenBy != "":
			text = it.SeenBy + " is looking at it"
		case it.State == "available" && !it.Until.IsZero():
			text = "approved by " + it.By + "; run the same command before " + stamp(it.Until)
		case it.State == "active" && !it.Until.IsZero():
			text = "it ends at " + stamp(it.Until)
		default:
			continue
		}
		if _, err := fmt.Fprintf(w, "%s%s: %s\n", before, elevation.ShortID(string(it.ID)), inert.Text(text)); err != nil {
			return err
		}
		before = ""
	}
	return nil
}

// questions prints what approvers want to know, below a list.
func questions(w io.Writer, items []local.Item) error {
	for _, it := range items {
		if it.Question == "" {
			continue
		}
		id := elevation.ShortID(string(it.ID))
		_, err := fmt.Fprintf(w, "\n%s: %s asks: %s\n  answer it with: assent answer %s TEXT\n", id, inert.Text(it.Asker), inert.Text(it.Question), id)
		if err != nil {
			return err
		}
	}
	return nil
}

func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(d, 0)/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dd", d/(24*time.Hour))
}

// whole is the program, or what is asked for in place of one.
func whole(it local.Item) string {
	switch {
	case it.Path != "":
		return it.Path
	case it.Access == "admin":
		return "administrator"
	case len(it.Args) > 0:
		return "session for:"
	}
	return "session"
}

// commandLine shows a command on one line. Arguments with anything but plain
// characters are quoted, so that no two commands look alike.
func commandLine(it local.Item) string {
	parts := []string{inert.Text(whole(it))}
	for _, a := range it.Args {
		shown := inert.Text(a)
		if a == "" || strings.Trim(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,@%+*") != "" {
			shown = "'" + strings.ReplaceAll(shown, "'", `'\''`) + "'"
		}
		parts = append(parts, shown)
	}
	return strings.Join(parts, " ")
}

func viewCommand(std local.Streams, client func() local.Client) *cobra.Command {
	var format string
	var timeline, qr bool
	c := &cobra.Command{Use: "view ID", Short: "Show one of your requests", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return badFormat(format, "text", "json")
			}
			it, err := client().View(cmd.Context(), args[0])
			if err != nil {
				return explained(err)
			}
			if qr || os.Getenv("ASSENT_QR") == "1" {
				if err := local.DrawQR(std.Err, it.Beside); err != nil && qr {
					return &failure{exitFailed, err.Error(), []string{"the code in words stands in assent view"}}
				}
			}
			if format == "json" {
				return printJSON(std.Out, it)
			}
			if err := details(std.Out, it); err != nil || !timeline {
				return err
			}
			return story(std.Out, it.Timeline)
		}}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	c.Flags().BoolVar(&qr, "qr", false, "draw a QR code for somebody beside you who can answer")
	c.Flags().BoolVar(&timeline, "timeline", false, "show also what happened, as this machine knows it")
	return c
}

// story prints what happened, oldest first.
func story(w io.Writer, events []local.Event) error {
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, e := range events {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", stamp(e.At), inert.Text(e.Kind), inert.Text(e.By), inert.Text(e.Text))
	}
	return tw.Flush()
}

func answerCommand(std local.Streams, client func() local.Client) *cobra.Command {
	return &cobra.Command{Use: "answer ID TEXT...", Short: "Answer an approver's question about a request that waits",
		Example: "  assent answer 9fd3b7 \"the certificate expires tonight\"",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := reasonText(strings.Join(args[1:], " "))
			if err != nil {
				return err
			}
			it, err := client().Answer(cmd.Context(), args[0], text)
			return shown(std, it, err)
		}}
}

func extendCommand(std local.Streams, client func() local.Client) *cobra.Command {
	var more, reason string
	c := &cobra.Command{Use: "extend ID --for TIME", Short: "Ask for more time for what is in use",
		Long: "Ask for more time for what is in use.\n\n" +
			"It is a request of its own, whose id is printed. Until somebody says yes the old end stands.",
		Example: "  assent extend 9fd3b7 --for 30m --reason \"the restore is at 80 %\"",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := duration(more)
			if err != nil || d == 0 {
				return &failure{exitUsage, "say how much more time is needed", []string{"like --for 30m"}}
			}
			text, err := reasonText(reason)
			if err != nil {
				return err
			}
			it, err := client().Extend(cmd.Context(), args[0], d, text)
			return shown(std, it, err)
		}}
	c.Flags().StringVar(&more, "for", "", "how much more time, like 30m or 2h")
	c.Flags().StringVar(&reason, "reason", "", "why more time is needed")
	return c
}

func resubmitCommand(std local.Streams, client func() local.Client) *cobra.Command {
	var reason string
	c := &cobra.Command{Use: "resubmit ID", Short: "Ask again for what was denied, revoked or ran out",
		Long: "Ask again for what was denied, revoked or ran out.\n\n" +
			"The new request's id is printed. Once it is approved, the same command typed again runs.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := reasonText(reason)
			if err != nil {
				return err
			}
			it, err := client().Resubmit(cmd.Context(), args[0], text)
			return shown(std, it, err)
		}}
	c.Flags().StringVar(&reason, "reason", "", "a new reason (else the one of before)")
	return c
}

func reasonText(s string) (string, error) {
	if s = strings.TrimSpace(s); len(s) > maxText {
		return "", &failure{exitUsage, fmt.Sprintf("the text has at most %d bytes", maxText), nil}
	}
	return s, nil
}

// shown prints the id and the state of a request that something was done to.
func shown(std local.Streams, it local.Item, err error) error {
	if err != nil {
		return explained(err)
	}
	_, err = fmt.Fprintf(std.Out, "%s %s\n", it.ID, inert.Text(it.State))
	return err
}

func details(w io.Writer, it local.Item) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := lines(tw)
	line("id", string(it.ID))
	line("state", it.State)
	line("command", commandLine(it))
	line("as", it.RunAs)
	line("in", it.Cwd)
	line("by means of", it.Mechanism)
	line("reason", it.Justification)
	line("ticket", it.Ticket)
	if it.Wants != nil && it.Wants.Password != "" {
		line("password", "it is asked for in a dialog on your desktop")
	}
	if it.Question != "" {
		line("question", it.Asker+" asks: "+it.Question)
		line("", "answer it with: assent answer "+elevation.ShortID(string(it.ID))+" TEXT")
	}
	line("looked at by", it.SeenBy)
	if it.Code != "" {
		line("somebody beside you", strings.TrimSpace(it.Beside+" (or "+it.Code+" in the console)"))
	}
	line("more time for", string(it.Extends))
	line("asked before as", string(it.Previous))
	line("asked", stamp(it.At))
	line("changed", stamp(it.ChangedAt))
	line("from", stamp(it.From))
	line("until", stamp(it.Until))
	line("answered by", it.By)
	line("answer", it.Text)
	line("end", string(it.EndReason))
	if it.Exit != nil {
		line("exit code", fmt.Sprint(*it.Exit))
	}
	line("grant", string(it.Grant))
	return tw.Flush()
}

// lines prints what has a value as a name and its value.
func lines(w io.Writer) func(name, value string) {
	return func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, inert.Text(value))
		}
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05 MST")
}

func actCommand(std local.Streams, client func() local.Client, verb, short string, act func(local.Client, context.Context, string) (local.Item, error)) *cobra.Command {
	return &cobra.Command{Use: verb + " ID", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			it, err := act(client(), cmd.Context(), args[0])
			return shown(std, it, err)
		}}
}

func statusCommand(std local.Streams, client func() local.Client, code *int) *cobra.Command {
	var format string
	c := &cobra.Command{Use: "status", Short: "Show how the agent of this machine is",
		Long: "Show how the agent of this machine is.\n\nExit: 0 connected, 1 without controller, 69 without agent.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return badFormat(format, "text", "json")
			}
			st, err := client().Status(cmd.Context())
			if err != nil {
				return explained(err)
			}
			if !st.Connected {
				*code = exitFailed
			}
			if format == "json" {
				return printJSON(std.Out, st)
			}
			return showStatus(std.Out, st)
		}}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

func showStatus(w io.Writer, st local.Status) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := lines(tw)
	connection := "connected"
	if !st.Connected {
		connection = "not connected"
	}
	if !st.Since.IsZero() {
		connection += " since " + stamp(st.Since)
	}
	line("controller", strings.TrimSpace(st.Controller+" "+connection))
	line("endpoint", st.Endpoint)
	line("mode", st.Mode)
	line("pause", paused(st))
	line("policy", st.Policy)
	line("sudo", st.Sudo)
	for _, m := range st.Mechanisms {
		switch {
		case m.Text == "on", m.Name == "sudo" && m.Again.IsZero():
		case m.Again.IsZero():
			line(m.Name, m.Text)
		default:
			line(m.Name, "not intercepted, tried again at "+m.Again.Local().Format(time.TimeOnly)+": "+inert.Text(m.Text))
		}
	}
	line("locked", st.Locked)
	line("containment", st.Containment)
	line("waiting", fmt.Sprint(st.Waiting))
	if st.Questions > 0 {
		line("questions", fmt.Sprintf("%d to answer; assent list shows them", st.Questions))
	}
	line("in force", fmt.Sprint(st.InForce))
	line("today", budget(st.Budget))
	line("agent", st.Version)
	return tw.Flush()
}

// budget says how long somebody may still be elevated today.
func budget(b *local.Budget) string {
	switch {
	case b == nil:
		return ""
	case b.Text != "":
		return b.Text
	}
	var parts []string
	if b.PerDay > 0 {
		parts = append(parts, fmt.Sprintf("%v left of %v", time.Duration(b.Left)*time.Second, time.Duration(b.PerDay)*time.Second))
	}
	if b.Renewals > 0 {
		parts = append(parts, fmt.Sprintf("used %d of %d times", b.Times, b.Renewals+1))
	}
	return strings.Join(parts, ", ")
}

// paused says how long the machine only observes, and by whose word.
func paused(st local.Status) string {
	if st.PausedUntil.IsZero() {
		return ""
	}
	text := "until " + stamp(st.PausedUntil) + " by " + st.PausedBy
	if st.PausedWhy != "" {
		text += ": " + st.PausedWhy
	}
	return text
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
