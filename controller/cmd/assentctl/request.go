package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// request is the requester's side: one's own requests, and requests for others.
func (a *app) request() *cobra.Command {
	var flags listFlags
	ls := &cobra.Command{Use: "list", Aliases: []string{"l"}, Short: "List one's own requests", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			q, err := flags.query(time.Now())
			if err != nil {
				return err
			}
			q.Set("mine", "true")
			return a.requests(ctx, q, flags)
		})}
	flags.add(ls)
	return noun("request", "One's own requests", ls, a.approvalView(), a.requestNew(), a.requestAgain("resubmit", "Ask again for what is over"),
		a.requestAgain("extend", "Ask for more time of what is in use"),
		a.verb("cancel", "cancel", "Withdraw requests"), a.verb("checkin", "check-in", "Give back what is in use"),
		a.verb("remove", "remove", "Take ended requests off the list"),
		a.verb("answer", "answer", "Answer an approver's question (--comment)"), a.verb("nudge", "nudge", "Remind the approvers of requests"))
}

// askFlags are what every new request may say.
type askFlags struct {
	id, reason, ticket, priority, start, lasts string
}

func (f *askFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.id, "id", "", "id of the new request, made by the caller: repeated, nothing is made twice")
	c.Flags().StringVar(&f.reason, "reason", "", "why it is needed")
	c.Flags().StringVar(&f.reason, "justification", "", "the same as --reason")
	c.Flags().StringVar(&f.ticket, "ticket", "", "ticket number")
	c.Flags().StringVar(&f.priority, "priority", "", "low, normal, high or urgent")
	c.Flags().StringVar(&f.start, "start", "", "when access shall begin, for example 2026-11-24T09:00:00Z (now)")
	c.Flags().StringVar(&f.lasts, "for", "", "how long, for example 30m")
}

func (f *askFlags) times() (start *time.Time, seconds int64, err error) {
	if start, err = momentOf("--start", f.start); err != nil {
		return nil, 0, err
	}
	seconds, err = secondsOf("--for", f.lasts)
	return start, seconds, err
}

func (a *app) requestNew() *cobra.Command {
	var flags askFlags
	in := client.NewRequest{}
	c := &cobra.Command{Use: "new", Short: "Ask for access: for oneself, or as an approver for a user", Args: cobra.NoArgs,
		Long: "Ask for access: for oneself, where the account is linked to a user of the endpoint,\n" +
			"or as an approver for a user (--for-user). A program is named by an earlier request\n" +
			"of the same endpoint (--from-request). With --start it is for later."}
	flags.add(c)
	f := c.Flags()
	f.StringVar(&in.AccessType, "type", "run", "run, session or admin")
	f.StringVar(&in.Endpoint, "endpoint", "", "name or id of the endpoint; with --from-request its own")
	f.StringVar(&in.FromRequest, "from-request", "", "the request that has the program")
	f.StringVar(&in.ForUser, "for-user", "", "name of the user at the endpoint; approvers only, never for themselves")
	f.BoolVar(&in.Emergency, "emergency", false, "at once; everybody who was not asked is told, and it is reviewed afterwards")
	c.RunE = a.run(func(ctx context.Context, _ []string) error {
		var err error
		if in.Start, in.DurationSeconds, err = flags.times(); err != nil {
			return err
		}
		in.ID, in.Justification, in.Ticket, in.Priority = flags.id, flags.reason, flags.ticket, flags.priority
		cl, err := a.connect()
		if err != nil {
			return err
		}
		if in.FromRequest != "" {
			if in.FromRequest, err = requestID(ctx, cl, in.FromRequest); err != nil {
				return err
			}
			if in.Endpoint == "" {
				from, err := cl.Request(ctx, in.FromRequest)
				if err != nil {
					return err
				}
				in.Endpoint = from.Endpoint.ID
			}
		}
		if in.Endpoint == "" {
			return usage("which endpoint? give --endpoint or --from-request")
		}
		r, err := cl.File(ctx, in)
		if err != nil {
			return err
		}
		return a.asked(r, "asked")
	})
	return c
}

// requestAgain makes "request resubmit ID" and "request extend ID".
func (a *app) requestAgain(verb, short string) *cobra.Command {
	var flags askFlags
	c := &cobra.Command{Use: verb + " ID", Short: short, Args: cobra.ExactArgs(1)}
	flags.add(c)
	c.RunE = a.run(func(ctx context.Context, args []string) error {
		start, seconds, err := flags.times()
		if err != nil {
			return err
		}
		if verb == "extend" && seconds == 0 {
			return usage("how much more? give --for, for example --for 15m")
		}
		cl, err := a.connect()
		if err != nil {
			return err
		}
		id, err := requestID(ctx, cl, args[0])
		if err != nil {
			return err
		}
		r, err := cl.Again(ctx, id, verb, client.Again{ID: flags.id, Justification: flags.reason, Ticket: flags.ticket, Priority: flags.priority,
			Start: start, DurationSeconds: seconds})
		if err != nil {
			return err
		}
		return a.asked(r, "asked again")
	})
	return c
}

// asked prints a new request: whole with a format, else one line.
func (a *app) asked(r client.Request, word string) error {
	if a.format != "table" {
		return view(a, r, func(r client.Request) string { return r.ID }, viewColumns(time.Now()))
	}
	a.say("%s  %s, now %s", elevation.ShortID(r.ID), word, inert.Text(r.State))
	return nil
}

// access are the answers that last.
func (a *app) access() *cobra.Command {
	type A = client.Access
	t := thing[A]{many: "answers that last", path: "/access", prefix: elevation.AccessPrefix, id: func(x A) string { return x.ID },
		cols: []column[A]{
			{name: "id", text: func(x A) string { return x.ID }, short: func(x A) string { return elevation.ShortID(x.ID) }},
			{name: "user", text: func(x A) string { return x.User }},
			{name: "endpoint", text: func(x A) string { return first(str(x.Endpoint.Name), x.Endpoint.ID) }},
			{name: "application", text: func(x A) string { return application(client.Request{Subject: x.Subject}) }},
			{name: "until", text: func(x A) string { return when(&x.Until) }},
			{name: "by", text: func(x A) string { return x.By.Login }},
			{name: "known_by", text: func(x A) string { return x.Pin }},
			{name: "rules", text: func(x A) string { return strings.Join(x.Rules, " ") }, more: true},
			{name: "request", text: func(x A) string { return x.RequestID }, more: true},
			{name: "duration", text: func(x A) string { return elevation.FormatDuration(time.Duration(x.DurationSeconds) * time.Second) }, more: true},
		}}
	return noun("access", "Answers that last", listOf(a, t), deleteOf(a, t))
}
