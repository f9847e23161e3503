package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/inert"
)

// ruleEdits are the verbs that change single rules or go back in time.
func (a *app) ruleEdits() []*cobra.Command {
	return []*cobra.Command{a.switchRule("enable", "enforce", "Let rules decide"), a.switchRule("disable", "observe", "Let rules only observe: they show in traces and decide nothing"),
		a.addRule(), a.editRule(), a.deleteRule(), a.diffRules(), a.rollbackRules(), a.ruleFrom(), a.tryRules(),
		a.proposals(), a.answerProposal("confirm", "Put a proposed change in force, as the second person"), a.answerProposal("reject", "End a proposed change")}
}

func (a *app) switchRule(verb, mode, short string) *cobra.Command {
	var ack bool
	c := &cobra.Command{Use: verb + " NAME…", Short: short, Args: cobra.MinimumNArgs(1)}
	c.Flags().BoolVar(&ack, "acknowledge-denied", false, "also when a person's denial would be approved from now on")
	c.RunE = a.run(func(ctx context.Context, args []string) error {
		cl, err := a.connect()
		if err != nil {
			return err
		}
		var last error
		for _, name := range args {
			var r client.Rule
			err := cl.Call(ctx, "PUT", "/rules/"+url.PathEscape(name), nil, client.EditRule{Mode: mode, AcknowledgeDenied: ack}, &r)
			switch {
			case err != nil:
				last = &exitError{code: codeOf(err), err: fmt.Errorf("%s: %w", name, err)}
				if len(args) > 1 {
					fmt.Fprintf(a.err, "%s: %s\n", inert.Text(name), inert.Text(sentence(err)))
					last = &exitError{code: exitSomeFailed}
				}
			case r.Proposal != nil:
				a.waits(r.Proposal)
			default:
				a.say("%s: %s", inert.Text(name), mode)
			}
		}
		return last
	})
	return c
}

// waits says that a change needs a second person.
func (a *app) waits(p *client.Proposal) {
	a.say("%s waits for a second person: %s", p.ID, inert.Text(p.Why))
	if !a.quiet {
		fmt.Fprintf(a.err, "hint: somebody else runs: assentctl rule confirm %s\n", p.ID)
	}
}

func (a *app) addRule() *cobra.Command {
	var ack bool
	c := &cobra.Command{Use: "add FILE", Short: "Add one rule from a file; the others stay as they are written", Args: cobra.ExactArgs(1)}
	c.Flags().BoolVar(&ack, "acknowledge-denied", false, "also when a person's denial would be approved from now on")
	c.RunE = a.run(func(ctx context.Context, args []string) error {
		raw, err := a.readFile(args[0])
		if err != nil {
			return err
		}
		cl, err := a.connect()
		if err != nil {
			return err
		}
		r, err := client.Post[client.Rule](ctx, cl, "/rules", client.EditRule{YAML: string(raw), AcknowledgeDenied: ack})
		return a.changed(args[0], r, err)
	})
	return c
}

func (a *app) editRule() *cobra.Command {
	var ack bool
	c := &cobra.Command{Use: "edit NAME FILE", Short: "Put one rule from a file in the place of another", Args: cobra.ExactArgs(2)}
	c.Flags().BoolVar(&ack, "acknowledge-denied", false, "also when a person's denial would be approved from now on")
	c.RunE = a.run(func(ctx context.Context, args []string) error {
		raw, err := a.readFile(args[1])
		if err != nil {
			return err
		}
		cl, err := a.connect()
		if err != nil {
			return err
		}
		var r client.Rule
		err = cl.Call(ctx, "PUT", "/rules/"+url.PathEscape(args[0]), nil, client.EditRule{YAML: string(raw), AcknowledgeDenied: ack}, &r)
		return a.changed(args[1], r, err)
	})
	return c
}

// changed tells what became of a changed rule.
func (a *app) changed(file string, r client.Rule, err error) error {
	if err != nil {
		return a.ruleFaults(err, file)
	}
	for _, f := range r.Warnings {
		fmt.Fprintf(a.err, "%s: %s [%s]\n", f.Severity, inert.Text(f.Text), f.Code)
	}
	if a.format == "json" {
		return a.write(func(w io.Writer) error { return writeJSON(w, r, true) })
	}
	if r.Proposal != nil {
		a.waits(r.Proposal)
		return nil
	}
	a.say("%s", inert.Text(r.ID))
	return nil
}

func (a *app) deleteRule() *cobra.Command {
	var ack bool
	c := &cobra.Command{Use: "delete NAME", Short: "Remove one rule", Args: cobra.ExactArgs(1)}
	c.Flags().BoolVar(&ack, "acknowledge-denied", false, "also when a person's denial would be approved from now on")
	c.RunE = a.run(func(ctx context.Context, args []string) error {
		cl, err := a.connect()
		if err != nil {
			return err
		}
		var q url.Values
		if ack {
			q = url.Values{"acknowledge_denied": {"true"}}
		}
		if err := cl.Call(ctx, "DELETE", "/rules/"+url.PathEscape(args[0]), q, nil, nil); err != nil {
			return a.ruleFaults(err, args[0])
		}
		a.say("%s is removed", inert.Text(args[0]))
		return nil
	})
	return c
}

func (a *app) diffRules() *cobra.Command {
	return &cobra.Command{Use: "diff VERSION [OTHER]", Short: "Show what a version changed against the one before, or another one", Args: cobra.RangeArgs(1, 2),
		RunE: a.run(func(ctx context.Context, args []string) error {
			q := url.Values{}
			for _, n := range args {
				if _, err := strconv.ParseUint(n, 10, 32); err != nil {
					return usage(fmt.Sprintf("%q is no version", n), "see: assentctl rule versions")
				}
			}
			if len(args) == 2 {
				q.Set("against", args[1])
			}
			cl, err := a.connect()
			if err != nil {
				return err
			}
			d, err := client.Get[client.RuleDiff](ctx, cl, "/rules/versions/"+args[0], q)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.write(func(w io.Writer) error { return writeJSON(w, d, true) })
			}
			return a.write(func(w io.Writer) error { return writeLines(w, d.Diff) })
		})}
}

func (a *app) rollbackRules() *cobra.Command {
	var ack bool
	c := &cobra.Command{Use: "rollback VERSION", Short: "Put an earlier version in force again, as a new one", Args: cobra.ExactArgs(1)}
	c.Flags().BoolVar(&ack, "acknowledge-denied", false, "also when a person's denial would be approved from now on")
	c.RunE = a.run(func(ctx context.Context, args []string) error {
		n, err := strconv.ParseUint(args[0], 10, 32)
		if err != nil {
			return usage(fmt.Sprintf("%q is no version", args[0]), "see: assentctl rule versions")
		}
		cl, err := a.connect()
		if err != nil {
			return err
		}
		set, err := client.Post[client.Ruleset](ctx, cl, "/rules/rollback", client.Rollback{Version: int64(n), AcknowledgeDenied: ack})
		return a.applied(args[0], set, err)
	})
	return c
}

func (a *app) ruleFrom() *cobra.Command {
	return &cobra.Command{Use: "from REQUEST", Short: "Write the narrowest rule that would have approved a request, with its tests", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			cl, err := a.connect()
			if err != nil {
				return err
			}
			id, err := requestID(ctx, cl, args[0])
			if err != nil {
				return err
			}
			m, err := client.Get[client.MadeRule](ctx, cl, "/requests/"+url.PathEscape(id)+"/rule", nil)
			if err != nil {
				return err
			}
			for _, f := range m.Faults {
				fmt.Fprintf(a.err, "line %d: %s: %s [%s]\n", f.Line, f.Severity, inert.Text(f.Text), f.Code)
			}
			if a.format == "json" {
				return a.write(func(w io.Writer) error { return writeJSON(w, m, true) })
			}
			return a.write(func(w io.Writer) error { return writeLines(w, m.YAML) })
		})}
}

func (a *app) tryRules() *cobra.Command {
	var in client.EvaluateAttempt
	var request, rule string
	c := &cobra.Command{Use: "evaluate [--request ID] [-- PATH ARG…]", Short: "Say what the rules answer to a request or an attempt, and why", Args: cobra.ArbitraryArgs}
	c.Flags().StringVar(&request, "request", "", "of this request")
	c.Flags().StringVar(&rule, "rule", "", "why, or why not, this rule")
	c.Flags().StringVar(&in.User, "user", "", "as this user")
	c.Flags().StringSliceVar(&in.Groups, "group", nil, "in these groups")
	c.Flags().StringToStringVar(&in.Labels, "label", nil, "on an endpoint with these labels")
	c.Flags().StringVar(&in.SHA256, "sha256", "", "of the program")
	c.Flags().StringVar(&in.Ticket, "ticket", "", "with this ticket")
	c.RunE = a.run(func(ctx context.Context, args []string) error {
		if (request == "") == (len(args) == 0) {
			return usage("give --request ID, or -- PATH ARG…")
		}
		cl, err := a.connect()
		if err != nil {
			return err
		}
		ask := client.Evaluate{Rule: rule}
		if request != "" {
			if ask.RequestID, err = requestID(ctx, cl, request); err != nil {
				return err
			}
		} else {
			in.Path, in.Args = args[0], args[1:]
			ask.Attempt = &in
		}
		x, err := client.Post[client.Explanation](ctx, cl, "/rules/evaluate", ask)
		if err != nil {
			return err
		}
		if a.format == "json" {
			return a.write(func(w io.Writer) error { return writeJSON(w, x, true) })
		}
		return a.write(func(w io.Writer) error {
			fmt.Fprintf(w, "%s: %s\n", x.Outcome, inert.Text(x.Sentence))
			for _, l := range x.Trace {
				sign := "no "
				if l.Matched {
					sign = "yes"
				}
				if _, err := fmt.Fprintf(w, "  %s  %s: %s\n", sign, inert.Text(l.Rule), inert.Text(l.Why)); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return c
}

func (a *app) proposals() *cobra.Command {
	var all bool
	c := &cobra.Command{Use: "proposals [ID]", Short: "List changes of the rules that wait for a second person, or show one", Args: cobra.MaximumNArgs(1)}
	c.Flags().BoolVar(&all, "all", false, "also those that were answered")
	c.RunE = a.run(func(ctx context.Context, args []string) error {
		cl, err := a.connect()
		if err != nil {
			return err
		}
		type P = client.Proposal
		cols := []column[P]{{name: "id", text: func(p P) string { return p.ID }}, {name: "state", text: func(p P) string { return p.State }},
			{name: "what", text: func(p P) string { return p.What }}, {name: "proposed_by", text: func(p P) string { return p.ProposedBy }},
			{name: "proposed_at", text: func(p P) string { return when(&p.ProposedAt) }}, {name: "why", text: func(p P) string { return p.Why }}}
		if len(args) == 1 {
			p, err := client.Get[P](ctx, cl, "/rules/proposals/"+url.PathEscape(args[0]), nil)
			if err != nil || a.format != "table" {
				if err != nil {
					return err
				}
				return view(a, p, func(p P) string { return p.ID }, cols)
			}
			return a.write(func(w io.Writer) error { return writeLines(w, p.Diff) })
		}
		var q url.Values
		if all {
			q = url.Values{"all": {"true"}}
		}
		page, err := client.Get[client.List[P]](ctx, cl, "/rules/proposals", q)
		if err != nil {
			return err
		}
		return list(a, page.Items, func(p P) string { return p.ID }, cols)
	})
	return c
}

func (a *app) answerProposal(verb, short string) *cobra.Command {
	return &cobra.Command{Use: verb + " ID", Short: short, Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			cl, err := a.connect()
			if err != nil {
				return err
			}
			path := "/rules/proposals/" + url.PathEscape(args[0]) + "/" + verb
			if verb == "confirm" {
				set, err := client.Post[client.Ruleset](ctx, cl, path, nil)
				return a.applied(args[0], set, err)
			}
			p, err := client.Post[client.Proposal](ctx, cl, path, nil)
			if err != nil {
				return err
			}
			a.say("%s: %s", p.ID, p.State)
			return nil
		})}
}
