package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/inert"
)

// pack is the noun of starter packs.
func (a *app) pack() *cobra.Command {
	type P = client.Pack
	ls := &cobra.Command{Use: "list", Short: "List the starter packs of rules", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			cl, err := a.connect()
			if err != nil {
				return err
			}
			page, err := client.Get[client.List[P]](ctx, cl, "/packs", nil)
			if err != nil {
				return err
			}
			return list(a, page.Items, func(p P) string { return p.Name }, []column[P]{{name: "name", text: func(p P) string { return p.Name }},
				{name: "version", text: func(p P) string { return strconv.Itoa(p.Version) }}, {name: "state", text: func(p P) string { return p.State }},
				{name: "rules", text: func(p P) string { return strconv.Itoa(len(p.Rules)) }}, {name: "title", text: func(p P) string { return p.Title }}})
		})}
	show := &cobra.Command{Use: "view NAME", Short: "Print the rules of a pack", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			cl, err := a.connect()
			if err != nil {
				return err
			}
			page, err := client.Get[client.List[P]](ctx, cl, "/packs", nil)
			if err != nil {
				return err
			}
			for _, p := range page.Items {
				if p.Name == args[0] {
					return a.write(func(w io.Writer) error { return writeLines(w, p.YAML) })
				}
			}
			return &exitError{code: exitNotFound, err: fmt.Errorf("no pack is called %q", args[0])}
		})}
	var mode string
	var ack bool
	on := &cobra.Command{Use: "enable NAME", Short: "Put a pack in force", Args: cobra.ExactArgs(1)}
	on.Flags().StringVar(&mode, "mode", "enforce", "enforce, observe, or for the pack deny ask")
	on.Flags().BoolVar(&ack, "acknowledge-denied", false, "also when a person's denial would be approved from now on")
	on.RunE = a.run(func(ctx context.Context, args []string) error {
		return a.switchPack(ctx, args[0], "enable", client.SwitchPack{Mode: mode, AcknowledgeDenied: ack}, nil)
	})
	var ackOff bool
	off := &cobra.Command{Use: "disable NAME", Short: "Switch a pack off", Args: cobra.ExactArgs(1)}
	off.Flags().BoolVar(&ackOff, "acknowledge-denied", false, "also when a person's denial would be approved from now on")
	off.RunE = a.run(func(ctx context.Context, args []string) error {
		var q url.Values
		if ackOff {
			q = url.Values{"acknowledge_denied": {"true"}}
		}
		return a.switchPack(ctx, args[0], "disable", nil, q)
	})
	return noun("pack", "Starter packs of rules", ls, show, on, off)
}

func (a *app) switchPack(ctx context.Context, name, verb string, body any, q url.Values) error {
	cl, err := a.connect()
	if err != nil {
		return err
	}
	var p client.Pack
	if err := cl.Call(ctx, "POST", "/packs/"+url.PathEscape(name)+"/"+verb, q, body, &p); err != nil {
		return err
	}
	switch {
	case a.format == "json":
		return a.write(func(w io.Writer) error { return writeJSON(w, p, true) })
	case p.Proposal != nil:
		a.waits(p.Proposal)
	default:
		a.say("%s: %s", inert.Text(p.Name), p.State)
	}
	return nil
}

// policy is the ordered list of what endpoints do, by label.
func (a *app) policy() *cobra.Command {
	read := func(ctx context.Context) (client.Policies, error) {
		cl, err := a.connect()
		if err != nil {
			return client.Policies{}, err
		}
		return client.Get[client.Policies](ctx, cl, "/policies", nil)
	}
	show := &cobra.Command{Use: "view", Short: "Show the policies of endpoints; the first that fits counts", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			p, err := read(ctx)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.write(func(w io.Writer) error { return writeJSON(w, p, true) })
			}
			if a.format == "yaml" {
				return a.write(func(w io.Writer) error { return writeYAML(w, client.PutPolicies{Items: p.Items}) })
			}
			return a.listPolicies(p)
		})}
	set := &cobra.Command{Use: "set FILE", Short: "Replace the list by one in JSON or YAML, as view --format yaml prints it", Args: cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			raw, err := a.readFile(args[0])
			if err != nil {
				return err
			}
			var in client.PutPolicies
			if err := readStrict(raw, &in); err != nil {
				return usage(args[0]+": "+err.Error(), "see: assentctl policy view --format yaml")
			}
			if err := checkRights(args[0], raw, in.Items); err != nil {
				return err
			}
			cl, err := a.connect()
			if err != nil {
				return err
			}
			var p client.Policies
			if err := cl.Call(ctx, "PUT", "/policies", nil, in, &p); err != nil {
				return err
			}
			if a.format == "json" {
				return a.write(func(w io.Writer) error { return writeJSON(w, p, true) })
			}
			a.say("version %d: %d policies", p.Version, len(p.Items))
			return nil
		})}
	return noun("policy", "What endpoints do, by label", show, set)
}

// listPolicies shows the list, and says on the side which endpoints none is for.
func (a *app) listPolicies(p client.Policies) error {
	type P = client.Policy
	reach := map[string]int{}
	for _, r := range p.Reach {
		reach[r.Policy] = r.Endpoints
	}
	if r := unreached(p); r != "" && !a.quiet {
		fmt.Fprintln(a.err, "note: "+r)
	}
	return list(a, p.Items, func(p P) string { return p.Name }, []column[P]{{name: "name", text: func(p P) string { return p.Name }},
		{name: "labels", text: func(p P) string { return pairs(p.Labels) }}, {name: "mode", text: func(p P) string { return p.Mode }},
		{name: "endpoints", text: func(p P) string { return strconv.Itoa(reach[p.Name]) }},
		{name: "mechanisms", text: func(p P) string { return pairs(p.Mechanisms) }},
		{name: "presets", text: func(p P) string { return strings.Join(p.Presets, " | ") }},
		{name: "reason_min", text: func(p P) string { return strconv.Itoa(p.ReasonMin) }},
		{name: "mask", text: func(p P) string { return strings.Join(p.Mask, " ") }},
		{name: "confirm", text: func(p P) string { return p.Confirm }}})
}

// unreached says which endpoints no policy is for, "" = none.
func unreached(p client.Policies) string {
	for _, r := range p.Reach {
		if r.Policy != "" || r.Endpoints == 0 {
			continue
		}
		more := ""
		if r.Endpoints > len(r.Names) {
			more = ", …"
		}
		return fmt.Sprintf("no policy is for %d endpoints: %s%s", r.Endpoints, inert.Text(strings.Join(r.Names, ", ")), more)
	}
	return ""
}

// readStrict reads JSON or YAML without unknown fields.
func readStrict(raw []byte, into any) error {
	asJSON, err := yaml.YAMLToJSON(raw)
	if err != nil {
		return fmt.Errorf("it is neither JSON nor YAML: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(asJSON))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}
