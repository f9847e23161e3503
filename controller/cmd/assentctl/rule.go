package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/inert"
	"github.com/assent-epm/assent/shared/rules"
	"github.com/assent-epm/assent/shared/rules/cel"
)

// maxRules bounds a file of rules.
const maxRules = rules.MaxYAML

func (a *app) rule() *cobra.Command {
	ls := &cobra.Command{Use: "list", Short: "List the rules in force", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			set, err := a.ruleset(ctx)
			if err != nil {
				return err
			}
			return list(a, set.Items, func(r client.Rule) string { return r.ID }, ruleColumns())
		})}
	show := &cobra.Command{Use: "view NAME", Short: "Show one rule", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error { return a.viewRule(ctx, args[0]) })}
	check := &cobra.Command{Use: "check FILE", Short: "Find faults in a file and run its tests; needs no controller", Args: cobra.ExactArgs(1),
		RunE: a.run(func(_ context.Context, args []string) error { return a.checkRules(args[0]) })}
	export := &cobra.Command{Use: "export", Short: "Print the rules in force as they were applied", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			set, err := a.ruleset(ctx)
			if err != nil {
				return err
			}
			return a.write(func(w io.Writer) error { _, err := io.WriteString(w, set.YAML); return err })
		})}
	versions := &cobra.Command{Use: "versions", Short: "List earlier rules", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error { return a.ruleVersions(ctx) })}
	verbs := append([]*cobra.Command{show, check, a.applyRules(), export, versions, a.replayRules(), a.suggestRules()}, a.ruleEdits()...)
	return noun("rule", "Rules that answer without a person", ls, verbs...)
}

func (a *app) ruleset(ctx context.Context) (client.Ruleset, error) {
	c, err := a.connect()
	if err != nil {
		return client.Ruleset{}, err
	}
	return client.Get[client.Ruleset](ctx, c, "/rules", nil)
}

func ruleColumns() []column[client.Rule] {
	type R = client.Rule
	return []column[R]{
		{name: "name", text: func(r R) string { return r.ID }},
		{name: "then", text: func(r R) string { return r.Then }},
		{name: "mode", text: func(r R) string { return r.Mode }},
		{name: "precedence", text: func(r R) string { return strconv.Itoa(r.Precedence) }},
		{name: "when", text: func(r R) string { return r.When }},
		{name: "message", text: func(r R) string { return r.Message["en"] }},
	}
}

func (a *app) viewRule(ctx context.Context, name string) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	r, err := client.Get[client.Rule](ctx, c, "/rules/"+url.PathEscape(name), nil)
	if err != nil {
		return err
	}
	if a.format == "table" && a.columns == "" {
		return a.write(func(w io.Writer) error { return writeLines(w, r.YAML) })
	}
	return view(a, r, func(r client.Rule) string { return r.ID }, ruleColumns())
}

func (a *app) ruleVersions(ctx context.Context) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	page, err := client.Get[client.List[client.RuleVersion]](ctx, c, "/rules/versions", nil)
	if err != nil {
		return err
	}
	type V = client.RuleVersion
	return list(a, page.Items, func(v V) string { return strconv.FormatInt(v.Version, 10) }, []column[V]{
		{name: "version", text: func(v V) string { return strconv.FormatInt(v.Version, 10) }},
		{name: "applied_by", text: func(v V) string { return v.AppliedBy }},
		{name: "applied_at", text: func(v V) string { return when(&v.AppliedAt) }},
		{name: "added", text: func(v V) string { return strings.Join(v.Added, " ") }},
		{name: "changed", text: func(v V) string { return strings.Join(v.Changed, " ") }},
		{name: "removed", text: func(v V) string { return strings.Join(v.Removed, " ") }}})
}

// checkRules prints faults as compilers do. Warnings alone are good.
func (a *app) checkRules(file string) error {
	raw, err := a.readFile(file)
	if err != nil {
		return err
	}
	conditions, err := cel.New()
	if err != nil {
		return err
	}
	set, faults := rules.Parse(raw, rules.WithConditions(conditions)) // which teams there are, the controller knows
	if set != nil {
		faults = append(faults, set.Test()...)
	}
	if err := a.faults(file, faults); err != nil {
		return err
	}
	if a.format == "table" {
		a.say("%s: %s, good", inert.Text(file), count(set.Len(), "rule"))
	}
	return nil
}

func (a *app) faults(file string, faults []rules.Fault) error {
	err := a.write(func(w io.Writer) error {
		if a.format == "json" {
			out := []client.Fault{}
			for _, f := range faults {
				out = append(out, client.Fault{Line: f.Line, Col: f.Col, Severity: string(f.Severity), Code: f.Code, Text: f.Text})
			}
			return writeJSON(w, out, true)
		}
		for _, f := range faults {
			if _, err := fmt.Fprintln(w, inert.Text(f.Format(file))); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && rules.Failed(faults) {
		return &exitError{code: exitFailure}
	}
	return err
}

func (a *app) readFile(file string) ([]byte, error) {
	in := a.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, usage(err.Error())
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxRules+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if len(raw) > maxRules {
		return nil, usage(fmt.Sprintf("%s is larger than %d bytes", file, maxRules))
	}
	return raw, nil
}

func (a *app) applyRules() *cobra.Command {
	var in client.ApplyRules
	c := &cobra.Command{Use: "apply FILE", Short: "Put rules in force", Args: cobra.ExactArgs(1)}
	c.Flags().BoolVar(&in.Merge, "merge", false, "replace or add only the rules that the file names")
	c.Flags().BoolVar(&in.AcknowledgeDenied, "acknowledge-denied", false, "also when a person's denial would be approved from now on")
	c.RunE = a.run(func(ctx context.Context, args []string) error {
		raw, err := a.readFile(args[0])
		if err != nil {
			return err
		}
		in.YAML = string(raw)
		c, err := a.connect()
		if err != nil {
			return err
		}
		set, err := client.Post[client.Ruleset](ctx, c, "/rules/apply", in)
		return a.applied(args[0], set, err)
	})
	return c
}

// applied tells what became of a change of all rules.
func (a *app) applied(file string, set client.Ruleset, err error) error {
	if err != nil {
		return a.ruleFaults(err, file)
	}
	for _, f := range set.Warnings {
		fmt.Fprintf(a.err, "%s:%d:%d: %s: %s [%s]\n", inert.Text(file), f.Line, f.Col, f.Severity, inert.Text(f.Text), f.Code)
	}
	switch {
	case a.format == "json":
		return a.write(func(w io.Writer) error { return writeJSON(w, set, true) })
	case set.Proposal != nil:
		a.waits(set.Proposal)
	default:
		a.say("version %d is in force: %s", set.Version, count(len(set.Items), "rule"))
	}
	return nil
}
