package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// result is what came of one id, as --format json prints it.
type result struct {
	ID     string          `json:"id"`
	Action string          `json:"action"`
	OK     bool            `json:"ok"`
	State  string          `json:"state,omitempty"`
	Error  *client.Problem `json:"error,omitempty"`
	err    error
}

// act does every change, each on its own, and prints a line for each.
func (a *app) act(ctx context.Context, todo []change, flags actFlags) error {
	body, err := flags.body()
	if err != nil {
		return err
	}
	if len(todo) == 0 {
		return usage("no id was given")
	}
	several := len(todo) > 1 || strings.HasPrefix(todo[0].id, "@")
	if several && !flags.dryRun {
		if err := a.confirm(flags.yes, question(todo)); err != nil {
			return err
		}
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	if todo, err = expand(ctx, c, todo); err != nil {
		return err
	}
	results := []result{}
	for _, t := range todo {
		results = append(results, a.one(ctx, c, t, body, flags.dryRun))
	}
	if err := a.results(results, flags.dryRun); err != nil {
		return err
	}
	return verdict(results, several)
}

// question is asked before several ids.
func question(todo []change) string {
	count := map[string]int{}
	var order, sets []string
	for _, t := range todo {
		if strings.HasPrefix(t.id, "@") {
			sets = append(sets, t.action+" every "+strings.TrimPrefix(t.id, "@")+" request")
			continue
		}
		if count[t.action]++; count[t.action] == 1 {
			order = append(order, t.action)
		}
	}
	var parts []string
	for _, action := range order {
		parts = append(parts, fmt.Sprintf("%s %d", action, count[action]))
	}
	return strings.Join(append(parts, sets...), ", ") + "?"
}

// expand replaces sets such as @denied by the ids that are in them.
func expand(ctx context.Context, c *client.Client, todo []change) ([]change, error) {
	var out []change
	for _, t := range todo {
		set, ok := strings.CutPrefix(t.id, "@")
		if !ok {
			out = append(out, t)
			continue
		}
		switch set {
		case "approved", "denied", "expired", "escalated", "pending":
		default:
			return nil, usage("there is no set @"+set, "sets: @approved @denied @expired @escalated @pending")
		}
		if t.action != "remove" {
			return nil, usage("only --remove takes a set")
		}
		if set == "approved" {
			set = "ended" // what is approved and not over is revoked, not removed
		}
		rows, err := client.All[client.Request](ctx, c, "/requests", url.Values{"status": {set}}, 0)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			out = append(out, change{t.action, r.ID})
		}
	}
	return out, nil
}

func (a *app) one(ctx context.Context, c *client.Client, t change, body client.Answer, dry bool) result {
	r := result{ID: t.id, Action: t.action}
	id, err := requestID(ctx, c, t.id)
	if err == nil {
		r.ID = id
		var now client.Request
		if dry {
			now, err = c.Request(ctx, id)
		} else {
			now, err = c.Act(ctx, id, t.action, fits(t.action, body))
		}
		r.State = now.State
	}
	if err == nil {
		r.OK = true
		return r
	}
	r.failed(err)
	if r.Error != nil && r.Error.Code == "step_up_required" {
		a.stepUp = r.ID
	}
	return r
}

// link is the console's page of a request, where its approver signs in again.
func (a *app) page(id string) string { return strings.TrimSuffix(a.address, "/") + "/#/requests/" + id }

// failed puts an error into the result, as the controller's where it is one.
func (r *result) failed(err error) {
	r.OK, r.State, r.err = false, "", err
	if !errors.As(err, &r.Error) {
		r.Error = &client.Problem{Title: "failed", Detail: err.Error(), Code: "failed"}
	}
}

// results prints what came of each id. Errors of a table go to standard error.
func (a *app) results(all []result, dry bool) error {
	if a.format != "table" {
		return list(a, all, func(r result) string { return r.ID }, []column[result]{
			{name: "id", text: func(r result) string { return r.ID }},
			{name: "action", text: func(r result) string { return r.Action }},
			{name: "ok", text: func(r result) string { return fmt.Sprint(r.OK) }},
			{name: "state", text: func(r result) string { return r.State }},
			{name: "error", text: func(r result) string {
				if r.err == nil {
					return ""
				}
				return sentence(r.err)
			}}})
	}
	return a.write(func(w io.Writer) error {
		for _, r := range all {
			if !r.OK {
				if len(all) > 1 {
					fmt.Fprintf(a.err, "%s  %s: %s\n", inert.Text(elevation.ShortID(r.ID)), r.Action, inert.Text(sentence(r.err)))
					if r.Error != nil && r.Error.Code == "step_up_required" {
						fmt.Fprintf(a.err, "hint: open %s\n", inert.Text(a.page(r.ID)))
					}
				}
				continue
			}
			if a.quiet {
				continue
			}
			word := past(r.Action)
			if dry {
				word = "would " + r.Action
			}
			if r.State != word { // "denied", but "approved, now available"
				word += ", now " + inert.Text(r.State)
			}
			if _, err := fmt.Fprintf(w, "%s  %s\n", elevation.ShortID(r.ID), word); err != nil {
				return err
			}
		}
		return nil
	})
}

func past(action string) string {
	switch action {
	case "approve":
		return "approved"
	case "deny":
		return "denied"
	case "revoke":
		return "revoked"
	case "undo":
		return "taken back"
	case "cancel":
		return "cancelled"
	case "check-in":
		return "checked in"
	case "remove":
		return "removed"
	case "ask":
		return "asked"
	case "answer":
		return "answered"
	case "nudge":
		return "reminded"
	case "claim":
		return "claimed"
	case "escalate":
		return "escalated"
	case "prioritize":
		return "moved in the queue"
	case "after-review":
		return "reviewed"
	case "delete":
		return "deleted"
	case "take-over":
		return "taking over"
	case "give-back":
		return "giving back"
	case "retry":
		return "tried again"
	}
	return action
}

// verdict is the exit of several results: one id gives its own code.
func verdict(all []result, several bool) error {
	failed := 0
	var last error
	for _, r := range all {
		if !r.OK {
			failed++
			last = r.err
		}
	}
	switch {
	case failed == 0:
		return nil
	case !several:
		return last
	}
	return &exitError{code: exitSomeFailed, err: fmt.Errorf("%d of %d failed", failed, len(all))}
}
