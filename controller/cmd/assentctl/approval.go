package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// listFlags narrow lists of requests.
type listFlags struct {
	status, kind, user, endpoint, team, since, sort, group string
	limit                                                  int
	watch                                                  bool
}

func (l *listFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&l.status, "status", "", "available, pending, approved, active, ended, revoked, expired, denied, cancelled, escalated, pending_review, reviewed or all; several with commas")
	f.StringVar(&l.kind, "type", "", "the same as --status, or an access type: run, session, admin")
	f.StringVar(&l.user, "user", "", "name of the user at the endpoint")
	f.StringVar(&l.endpoint, "endpoint", "", "name or id of the endpoint")
	f.StringVar(&l.team, "team", "", "team that may answer")
	f.StringVar(&l.since, "since", "", "not older than this, for example 24h")
	f.StringVar(&l.sort, "sort", "", "queue, newest or a column, -column for the other way")
	f.StringVar(&l.group, "group-by", "", "groups in place of requests: program, publisher, user or endpoint")
	f.IntVar(&l.limit, "limit", 500, "at most this many rows, 0 for all")
	f.BoolVar(&l.watch, "watch", false, "go on: the list is drawn anew when something happens; without a terminal the lines that changed are printed")
}

func (l *listFlags) query(now time.Time) (url.Values, error) {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	if l.limit < 0 {
		return nil, usage("--limit is not negative")
	}
	switch l.kind {
	case "", "run", "session", "admin":
		set("access_type", l.kind)
	default:
		if l.status != "" {
			return nil, usage("give --status or --type, not both")
		}
		l.status = l.kind
	}
	set("status", l.status)
	set("user", l.user)
	set("endpoint", l.endpoint)
	set("team", l.team)
	set("sort", l.sort)
	if l.since != "" {
		d, err := elevation.ParseDuration(l.since)
		if err != nil {
			return nil, usage("--since: " + err.Error())
		}
		q.Set("since", now.Add(-d).UTC().Format(time.RFC3339))
	}
	return q, nil
}

func (a *app) approval() *cobra.Command {
	var flags listFlags
	ls := &cobra.Command{Use: "list", Aliases: []string{"l"}, Short: "List requests, pending ones unless --status says otherwise", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			q, err := flags.query(time.Now())
			if err != nil {
				return err
			}
			if !q.Has("status") {
				q.Set("status", "pending")
			}
			return a.requests(ctx, q, flags)
		})}
	flags.add(ls)
	c := noun("approval", "Requests as approvers see them", ls, a.approvalView(), a.evidence(), a.action(),
		a.verb("approve", "approve", "Approve requests", "note", "for", "start", "lasts", "group"),
		a.verb("deny", "deny", "Deny requests", "note", "group"),
		a.verb("ask", "ask", "Ask the requester something (--comment), or note something for other approvers (--note)", "note", "group"),
		a.verb("revoke", "revoke", "End what was granted", "note"), a.verb("undo", "undo", "Take an answer back while it is held"),
		a.verb("claim", "claim", "Say that you look at them, for ten minutes", "note", "group"),
		a.verb("escalate", "escalate", "Let one more team answer: the next of the ladder, or --team", "note", "team"),
		a.verb("prioritize", "prioritize", "Change the place in the queue (--priority)", "note", "priority", "group"),
		a.verb("after-review", "after-review", "Review requests after their use", "note"), a.offlineCode(), a.canned(), a.watch())
	return c
}

// requests prints a list, and with --watch again after every event.
func (a *app) requests(ctx context.Context, q url.Values, flags listFlags) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	read := reader(ctx, c, q, flags.limit)
	show := func() error {
		rows, err := read()
		if err != nil {
			return err
		}
		return list(a, rows, func(r client.Request) string { return r.ID }, requestColumns(time.Now()))
	}
	if flags.group != "" {
		q.Set("group_by", flags.group)
		read, show = nil, func() error { return a.groups(ctx, c, q, flags.limit) }
	}
	if flags.watch {
		return a.watchList(ctx, c, show, read)
	}
	return show()
}

func requestColumns(now time.Time) []column[client.Request] {
	type R = client.Request
	account := func(r R) string {
		if r.User.Account == nil {
			return ""
		}
		return r.User.Account.Login
	}
	return []column[R]{
		{name: "id", text: func(r R) string { return r.ID }, short: func(r R) string { return elevation.ShortID(r.ID) }},
		{name: "status", text: status},
		{name: "type", text: func(r R) string { return r.AccessType }},
		{name: "user", text: func(r R) string { return r.User.Name }},
		{name: "endpoint", text: func(r R) string { return first(str(r.Endpoint.Name), r.Endpoint.ID) }},
		{name: "application", text: application, tight: func(r R) string { return strings.TrimPrefix(application(r), folder(r.Subject.Path)) }},
		{name: "justification", text: func(r R) string { return str(r.Justification) }},
		{name: "waited", text: func(r R) string { return waited(r, now) }},
		{name: "priority", text: func(r R) string { return r.Priority.Value }},
		{name: "expires", text: func(r R) string { return when(r.ExpiresAt) }, short: func(r R) string { return expires(r, now) }},
		{name: "created", text: func(r R) string { return when(r.SubmittedAt) }, short: func(r R) string { return clock(r.SubmittedAt, now) }},
		{name: "account", text: account, more: true},
		{name: "ticket", text: func(r R) string { return str(r.Ticket) }, more: true},
		{name: "requested_for", text: func(r R) string { return requestedFor(r) }, more: true},
		{name: "approvals", text: func(r R) string { return fmt.Sprintf("%d/%d", r.Approvals.Have, r.Approvals.Need) }, more: true},
		{name: "endpoint_ip", text: func(r R) string { return str(r.Endpoint.IP) }, more: true},
		{name: "rule", text: func(r R) string { return strings.Join(r.Rules, " ") }, more: true},
		{name: "reviewers", text: reviewers, more: true},
		{name: "caution", text: func(r R) string { return strings.Join(cautions(r), "; ") }, lines: cautions, more: true},
	}
}

// expires says of what waits how long it still does.
func expires(r client.Request, now time.Time) string {
	if r.State != "pending" || r.ExpiresAt == nil {
		return ""
	}
	return span(r.ExpiresAt.Sub(now))
}

// clock is a time as a narrow column has it: today's hour, else the day.
func clock(t *time.Time, now time.Time) string {
	switch {
	case t == nil || t.IsZero():
		return ""
	case now.Sub(*t) < 20*time.Hour && t.Sub(now) < 20*time.Hour:
		return t.Local().Format("15:04")
	}
	return t.Local().Format("01-02")
}

func status(r client.Request) string {
	if r.State == "pending" && r.Decision != nil {
		return r.Decision.Verdict + ", can be undone"
	}
	return r.State
}

// application is the command line. Arguments with spaces are quoted, so that
// nobody takes two arguments for one.
func application(r client.Request) string {
	words := []string{whole(r)}
	for _, arg := range r.Subject.Args {
		if arg == "" || strings.ContainsAny(arg, " \t\n'\"\\$`|&;<>(){}*?!#~") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// whole is the program, or what is asked for in place of one.
func whole(r client.Request) string {
	switch {
	case r.Subject.Path != "":
		return r.Subject.Path
	case r.AccessType == string(elevation.Admin):
		return "administrator"
	case r.AccessType == string(elevation.Session) && len(r.Subject.Args) > 0:
		return "session for:"
	case r.AccessType == string(elevation.Session):
		return "session in a terminal"
	}
	return ""
}

// ranInside are the commands of a session.
func ranInside(r client.Request) string {
	lines := make([]string, len(r.Listed))
	for i, l := range r.Listed {
		lines[i] = l.At.Local().Format("15:04:05") + " " + application(client.Request{Subject: client.Subject{Path: l.Path, Args: l.Args}})
		if l.RunAs != "root" && l.RunAs != "" {
			lines[i] += " as " + l.RunAs
		}
	}
	return strings.Join(lines, "; ")
}

// leftChanged is what an administrator for a while left changed.
func leftChanged(r client.Request) string {
	lines := make([]string, len(r.Changes))
	for i, c := range r.Changes {
		lines[i] = c.What + " " + c.Name + " " + c.How
		if c.Text != "" {
			lines[i] += " (" + c.Text + ")"
		}
	}
	return strings.Join(lines, "; ")
}

// folder is what narrow columns leave out of a path: the folders that hold a
// system's own programs, and no other, so that apt is never somebody's apt.
func folder(path string) string {
	for _, f := range []string{"/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"} {
		if rest, ok := strings.CutPrefix(path, f); ok && !strings.Contains(rest, "/") {
			return f
		}
	}
	return ""
}

// waited is how long a request waited for its answer, or waits already.
func waited(r client.Request, now time.Time) string {
	if r.SubmittedAt == nil {
		return ""
	}
	until := now
	switch {
	case r.Decision != nil:
		until = r.Decision.At
	case r.State != "pending" && r.ExpiresAt != nil && r.ExpiresAt.Before(now):
		until = *r.ExpiresAt
	}
	return span(until.Sub(*r.SubmittedAt))
}

func requestedFor(r client.Request) string {
	text := ""
	if r.Requested.DurationSeconds != nil {
		text = elevation.FormatDuration(time.Duration(*r.Requested.DurationSeconds) * time.Second)
	}
	if r.Requested.Start != nil {
		text = strings.TrimSpace(text + " from " + when(r.Requested.Start))
	}
	return text
}

func reviewers(r client.Request) string {
	var names []string
	for _, v := range r.Reviews {
		names = append(names, first(v.By.Login, v.By.ID)+" "+v.Verdict)
	}
	return strings.Join(names, ", ")
}

// cautions are reasons for care, each with its fact.
func cautions(r client.Request) []string {
	var facts []string
	for _, c := range r.Caution {
		facts = append(facts, c.Reason+": "+c.Fact)
	}
	return facts
}

// viewColumns are the lines of one request.
func viewColumns(now time.Time) []column[client.Request] {
	type R = client.Request
	cols := requestColumns(now)
	extra := []column[R]{
		{name: "run_as", text: func(r R) string { return r.Subject.RunAs }},
		{name: "cwd", text: func(r R) string { return str(r.Subject.Cwd) }},
		{name: "sha256", text: func(r R) string { return str(r.Subject.SHA256) }},
		{name: "parent", text: func(r R) string { return str(r.Subject.Parent) }},
		{name: "delivery", text: func(r R) string { return r.Delivery }},
		{name: "listed", text: ranInside},
		{name: "changes", text: leftChanged},
		{name: "decision", text: decision},
		{name: "grant", text: func(r R) string {
			if r.Grant == nil {
				return ""
			}
			return r.Grant.ID
		}},
		{name: "end_reason", text: func(r R) string { return str(r.EndReason) }},
		{name: "granted", text: granted},
		{name: "can_answer", text: canAnswer},
		{name: "claimed", text: func(r R) string {
			if r.Claim == nil {
				return ""
			}
			return r.Claim.By.Login + " until " + when(&r.Claim.Until)
		}},
		{name: "escalated", text: func(r R) string {
			var names []string
			for _, e := range r.Escalations {
				names = append(names, e.Name)
			}
			return strings.Join(names, ", ")
		}},
		{name: "questions", text: questions},
		{name: "notes", text: func(r R) string {
			var lines []string
			for _, n := range r.Notes {
				lines = append(lines, n.By.Login+": "+n.Text)
			}
			return strings.Join(lines, "; ")
		}},
		{name: "after_review", text: afterReview},
	}
	return append(cols, extra...)
}

func decision(r client.Request) string {
	if r.Decision == nil {
		return ""
	}
	by := str(r.Decision.Rule)
	if r.Decision.By != nil {
		by = r.Decision.By.Login
	}
	text := fmt.Sprintf("%s by %s at %s", r.Decision.Verdict, by, when(&r.Decision.At))
	if c := str(r.Decision.Comment); c != "" {
		text += ": " + c
	}
	return text
}

func granted(r client.Request) string {
	if r.Granted == nil {
		return ""
	}
	text := elevation.FormatDuration(time.Duration(r.Granted.DurationSeconds) * time.Second)
	if r.Granted.Start != nil {
		text += " from " + when(r.Granted.Start)
	}
	return text
}

func canAnswer(r client.Request) string {
	switch {
	case r.Queue == nil:
		return ""
	case len(r.Queue.CanAnswer) > 0:
		return strings.Join(r.Queue.CanAnswer, ", ")
	case r.Queue.CanAnswerFrom != nil:
		return "nobody before " + when(r.Queue.CanAnswerFrom)
	}
	return "nobody"
}

func questions(r client.Request) string {
	var lines []string
	for _, q := range r.Questions {
		lines = append(lines, q.By.Login+" asks: "+q.Text+" - "+first(str(q.Answer), "not answered yet"))
	}
	return strings.Join(lines, "; ")
}

func afterReview(r client.Request) string {
	switch a := r.AfterReview; {
	case a == nil:
		return ""
	case a.By != nil:
		return strings.TrimSuffix("by "+a.By.Login+" at "+when(a.At)+": "+str(a.Comment), ": ")
	case a.DueAt != nil:
		return "due since " + when(a.DueAt) + ", by " + a.Team
	default:
		return "afterwards by " + a.Team
	}
}

func (a *app) approvalView() *cobra.Command {
	var timeline, explain bool
	c := &cobra.Command{Use: "view ID", Short: "Show one request", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error { return a.viewRequest(ctx, args[0], timeline, explain) })}
	c.Flags().BoolVar(&timeline, "timeline", false, "show what happened to it")
	c.Flags().BoolVar(&explain, "explain", false, "show why rules answered as they did")
	return c
}

func (a *app) viewRequest(ctx context.Context, text string, timeline, explain bool) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	id, err := requestID(ctx, c, text)
	if err != nil {
		return err
	}
	if timeline && explain && (a.format != "table" || a.output != "") {
		return usage("--timeline and --explain are two answers", "ask for one of them at a time with --format or --output")
	}
	if timeline {
		t, err := client.Get[client.Timeline](ctx, c, "/requests/"+id+"/timeline", nil)
		if err != nil {
			return err
		}
		type I = client.TimelineItem
		err = list(a, t.Items, func(I) string { return id }, []column[I]{
			{name: "at", text: func(i I) string { return when(&i.At) }}, {name: "kind", text: func(i I) string { return i.Kind }},
			{name: "by", text: func(i I) string { return i.By }}, {name: "text", text: func(i I) string { return i.Text }}})
		if err != nil || !explain {
			return err
		}
	}
	if explain {
		return a.explain(ctx, c, id)
	}
	r, err := c.Request(ctx, id)
	if err != nil {
		return err
	}
	return view(a, r, func(r client.Request) string { return r.ID }, viewColumns(time.Now()))
}

func (a *app) explain(ctx context.Context, c *client.Client, id string) error {
	e, err := client.Get[client.Explanation](ctx, c, "/requests/"+id+"/explain", nil)
	if err != nil {
		return err
	}
	if a.format == "table" {
		a.say("%s: %s", inert.Text(e.Outcome), inert.Text(e.Sentence))
	} else if a.format == "json" {
		return a.write(func(w io.Writer) error { return writeJSON(w, e, true) })
	}
	type L = client.TraceLine
	return list(a, e.Trace, func(l L) string { return l.Rule }, []column[L]{
		{name: "rule", text: func(l L) string { return l.Rule }},
		{name: "matched", text: func(l L) string { return fmt.Sprint(l.Matched) }},
		{name: "why", text: func(l L) string { return l.Why }}})
}
