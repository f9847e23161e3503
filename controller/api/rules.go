package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/assent-epm/assent/controller/admin"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules"
)

type ruleInput struct {
	ID string `path:"id" maxLength:"200" example:"apt-update"`
}

type ruleTextInput struct{ Body client.RuleText }

type applyInput struct{ Body client.ApplyRules }

type evaluateInput struct{ Body client.Evaluate }

func (s *server) addRules() {
	text := hint{limit: maxRuleBody}
	handle(s, route{method: http.MethodGet, path: "/rules", id: "rule-list", tag: "rules", summary: "The rules in force"},
		func(ctx context.Context, a auth.Actor, in *OrderedInput) (out client.Ruleset, err error) {
			r, err := s.cfg.Admin.Rules(ctx, a)
			if err == nil {
				out, err = s.rulesetOf(ctx, a, r, nil)
			}
			if err == nil {
				out.List, err = ordered(out.Items, in, "rules", func(r client.Rule) string { return r.ID })
			}
			return out, err
		})
	handle(s, route{method: http.MethodGet, path: "/rules/{id}", id: "rule-view", tag: "rules", summary: "One rule in force"}, s.viewRule)
	handle(s, route{method: http.MethodPost, path: "/rules", id: "rule-add", tag: "rules", status: http.StatusCreated, hint: text,
		summary: "Add one rule; the others stay as they are written"}, s.addRule)
	handle(s, route{method: http.MethodPut, path: "/rules/{id}", id: "rule-edit", tag: "rules", hint: text,
		summary: "Change one rule, or whether it enforces or observes"}, s.editRule)
	handleEmpty(s, route{method: http.MethodDelete, path: "/rules/{id}", id: "rule-delete", tag: "rules", summary: "Remove one rule"}, s.removeRule)
	handle(s, route{method: http.MethodGet, path: "/rules/versions", id: "rule-versions", tag: "rules", summary: "Earlier rules, newest first"}, s.ruleVersions)
	handle(s, route{method: http.MethodGet, path: "/rules/versions/{version}", id: "rule-version", tag: "rules",
		summary: "One version of the rules, and what differs from another"}, s.ruleVersion)
	handle(s, route{method: http.MethodPost, path: "/rules/rollback", id: "rule-rollback", tag: "rules",
		summary: "Put an earlier version in force again, as a new one"}, s.rollback)
	handle(s, route{method: http.MethodPost, path: "/rules/check", id: "rule-check", tag: "rules", hint: text,
		summary: "Find faults in rules and run their tests"}, s.checkRules)
	handle(s, route{method: http.MethodPost, path: "/rules/draft", id: "rule-draft", tag: "rules", hint: text,
		summary: "One rule as text and as fields, and all rules with it"}, s.draftRule)
	handle(s, route{method: http.MethodPost, path: "/rules/apply", id: "rule-apply", tag: "rules", hint: text,
		summary: "Put rules in force"}, s.applyRules)
	handle(s, route{method: http.MethodPost, path: "/rules/evaluate", id: "rule-evaluate", tag: "rules",
		summary: "What the rules say of a request or an attempt",
		example: client.Evaluate{Attempt: &client.EvaluateAttempt{Path: "/usr/bin/apt", Args: []string{"update"}, User: "dina"}}}, s.evaluate)
	handle(s, route{method: http.MethodGet, path: "/rules/proposals", id: "proposal-list", tag: "rules",
		summary: "Changes of the rules that wait for a second person"}, s.proposals)
	handle(s, route{method: http.MethodGet, path: "/rules/proposals/{id}", id: "proposal-view", tag: "rules",
		summary: "One of them, with what it changes"}, s.proposal)
	handle(s, route{method: http.MethodPost, path: "/rules/proposals/{id}/confirm", id: "proposal-confirm", tag: "rules",
		summary: "Put a proposed change in force, as the second person"}, s.confirm)
	handle(s, route{method: http.MethodPost, path: "/rules/proposals/{id}/reject", id: "proposal-reject", tag: "rules",
		summary: "End a proposed change"}, s.reject)
	handle(s, route{method: http.MethodGet, path: "/requests/{id}/rule", id: "request-rule", tag: "rules",
		summary: "The narrowest rule that would have approved this request"}, s.ruleFrom)
	s.addPacks()
	s.addPolicies()
}

func (s *server) rulesetOf(ctx context.Context, a auth.Actor, r admin.Ruleset, faults []rules.Fault) (client.Ruleset, error) {
	out := client.Ruleset{Version: r.Version, YAML: r.YAML, AppliedBy: r.By.Name, AppliedAt: moment(r.At), List: client.List[client.Rule]{Items: []client.Rule{}, Total: int64(len(r.Rules))},
		Warnings: faultsOf(faults), Packs: []client.PackName{}, Proposal: proposalOf(r.Proposal)}
	for _, x := range r.Rules {
		out.Items = append(out.Items, ruleOf(x))
	}
	all, err := s.cfg.Admin.Packs(ctx, a)
	for _, p := range all {
		out.Packs = append(out.Packs, client.PackName{Name: p.Name, State: string(p.State)})
	}
	return out, err
}

func ruleOf(r rules.Rule) client.Rule {
	return client.Rule{ID: string(r.Name), Then: string(r.Then), Mode: string(r.Mode), Precedence: r.Precedence,
		When: r.When, Message: object(r.Message), YAML: r.YAML, Pack: r.Pack, What: r.What(), Terms: r.Terms()}
}

func faultsOf(faults []rules.Fault) []client.Fault {
	out := []client.Fault{}
	for _, f := range faults {
		out = append(out, client.Fault{Line: f.Line, Col: f.Col, Severity: string(f.Severity), Code: f.Code, Text: f.Text})
	}
	return out
}

// maxCompared bounds the text that one list of versions compares, in bytes.
const maxCompared = 4 << 20

func (s *server) ruleVersions(ctx context.Context, a auth.Actor, in *OrderedInput) (client.List[client.RuleVersion], error) {
	var out []client.RuleVersion
	all, err := s.cfg.Admin.RuleVersions(ctx, a)
	if err != nil {
		return client.List[client.RuleVersion]{}, err
	}
	budget := maxCompared
	for i, r := range all {
		before := ""
		if i+1 < len(all) {
			before = all[i+1].YAML
		}
		if budget -= len(before) + len(r.YAML); budget < 0 {
			before = r.YAML // too much to look at: nothing is said of what changed
		}
		out = append(out, versionOf(r, before))
	}
	return ordered(out, in, "versions", func(v client.RuleVersion) string { return strconv.FormatInt(v.Version, 10) })
}

func (s *server) checkRules(ctx context.Context, a auth.Actor, in *ruleTextInput) (client.RuleCheck, error) {
	faults, err := s.cfg.Admin.CheckRules(ctx, a, in.Body.YAML)
	return client.RuleCheck{OK: !rules.Failed(faults), Faults: faultsOf(faults)}, err
}

func (s *server) applyRules(ctx context.Context, a auth.Actor, in *applyInput) (client.Ruleset, error) {
	r, faults, err := s.cfg.Admin.ApplyRules(ctx, a, admin.ApplyRules{YAML: in.Body.YAML, Merge: in.Body.Merge,
		AcknowledgeDenied: in.Body.AcknowledgeDenied, Base: in.Body.Base, Comment: in.Body.Comment})
	if err != nil {
		return client.Ruleset{}, err
	}
	return s.rulesetOf(ctx, a, r, faults)
}

func (s *server) evaluate(ctx context.Context, a auth.Actor, in *evaluateInput) (client.Explanation, error) {
	b := in.Body
	if (b.RequestID == "") == (b.Attempt == nil) {
		return client.Explanation{}, fmt.Errorf("%w: give request_id or attempt", elevation.ErrInvalid)
	}
	var o rules.Outcome
	var line elevation.TraceLine
	var err error
	if b.Attempt == nil {
		if o, err = s.cfg.Admin.EvaluateRequest(ctx, a, elevation.RequestID(b.RequestID)); err == nil && b.Rule != "" {
			line, err = s.cfg.Admin.WhyNotRequest(ctx, a, elevation.RuleID(b.Rule), elevation.RequestID(b.RequestID))
		}
	} else {
		var attempt rules.Input
		if attempt, err = attemptOf(*b.Attempt); err != nil {
			return client.Explanation{}, err
		}
		if o, err = s.cfg.Admin.Evaluate(ctx, a, attempt); err == nil && b.Rule != "" {
			line, err = s.cfg.Admin.WhyNot(ctx, a, elevation.RuleID(b.Rule), attempt)
		}
	}
	if b.Rule != "" {
		o.Trace = []elevation.TraceLine{line}
	}
	return client.Explanation{Outcome: o.Kind.String(), Sentence: o.Sentence, Trace: trace(o.Trace)}, err
}

func attemptOf(in client.EvaluateAttempt) (rules.Input, error) {
	if !strings.HasPrefix(in.Path, "/") && !(len(in.Path) > 2 && in.Path[1] == ':') {
		return rules.Input{}, fmt.Errorf("%w: the path is not absolute", elevation.ErrInvalid)
	}
	out := rules.Input{Justification: in.Justification, Ticket: in.Ticket, Priority: elevation.Priority(in.Priority),
		Endpoint: rules.Endpoint{ID: elevation.EndpointID(in.Endpoint), Labels: object(in.Labels), Can: rules.Current()}}
	out.Attempt = elevation.Attempt{AccessType: elevation.AccessType(first(in.AccessType, string(elevation.Run))),
		User: elevation.User{Name: in.User, UID: in.UID, Groups: in.Groups},
		Subject: elevation.Subject{Path: in.Path, Args: list(in.Args), Cwd: in.Cwd, RunAs: first(in.RunAs, "root"),
			SHA256: strings.ToLower(in.SHA256), Product: in.Product, Version: in.Version, Parent: in.Parent, Marks: in.Marks,
			Publisher: elevation.Publisher{Thumbprint: strings.ToLower(in.Thumbprint)}}}
	return out, nil
}
