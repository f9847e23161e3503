package api

import (
	"context"
	"fmt"
	"net/http"
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
		func(ctx context.Context, a auth.Actor, _ *struct{}) (client.Ruleset, error) {
			r, err := s.cfg.Admin.Rules(ctx, a)
			if err != nil {
				return client.Ruleset{}, err
			}
			return rulesetOf(r), nil
		})
	handle(s, route{method: http.MethodGet, path: "/rules/{id}", id: "rule-view", tag: "rules", summary: "One rule in force"},
		func(ctx context.Context, a auth.Actor, in *ruleInput) (client.Rule, error) {
			r, err := s.cfg.Admin.Rule(ctx, a, elevation.RuleID(in.ID))
			return ruleOf(r), err
		})
	handle(s, route{method: http.MethodGet, path: "/rules/versions", id: "rule-versions", tag: "rules", summary: "Earlier rules, newest first"}, s.ruleVersions)
	handle(s, route{method: http.MethodPost, path: "/rules/check", id: "rule-check", tag: "rules", hint: text,
		summary: "Find faults in rules and run their tests"}, s.checkRules)
	handle(s, route{method: http.MethodPost, path: "/rules/apply", id: "rule-apply", tag: "rules", hint: text,
		summary: "Put rules in force"}, s.applyRules)
	handle(s, route{method: http.MethodPost, path: "/rules/evaluate", id: "rule-evaluate", tag: "rules",
		summary: "What the rules say of a request or an attempt"}, s.evaluate)
}

func rulesetOf(r admin.Ruleset) client.Ruleset {
	out := client.Ruleset{Version: r.Version, YAML: r.YAML, AppliedBy: r.By.Name, AppliedAt: moment(r.At), Items: []client.Rule{},
		Warnings: []client.Fault{}}
	for _, x := range r.Rules {
		out.Items = append(out.Items, ruleOf(x))
	}
	return out
}

func ruleOf(r rules.Rule) client.Rule {
	return client.Rule{ID: string(r.Name), Then: string(r.Then), Mode: string(r.Mode), Precedence: r.Precedence,
		When: r.When, Message: object(r.Message), YAML: r.YAML}
}

func faultsOf(faults []rules.Fault) []client.Fault {
	out := []client.Fault{}
	for _, f := range faults {
		out = append(out, client.Fault{Line: f.Line, Col: f.Col, Severity: string(f.Severity), Code: f.Code, Text: f.Text})
	}
	return out
}

func (s *server) ruleVersions(ctx context.Context, a auth.Actor, _ *struct{}) (client.List[client.RuleVersion], error) {
	out := client.List[client.RuleVersion]{Items: []client.RuleVersion{}}
	all, err := s.cfg.Admin.RuleVersions(ctx, a)
	for _, r := range all {
		out.Items = append(out.Items, client.RuleVersion{Version: r.Version, AppliedBy: r.By.Name, AppliedAt: r.At.UTC(), YAML: r.YAML})
	}
	out.Total = int64(len(out.Items))
	return out, err
}

func (s *server) checkRules(ctx context.Context, a auth.Actor, in *ruleTextInput) (client.RuleCheck, error) {
	faults, err := s.cfg.Admin.CheckRules(ctx, a, in.Body.YAML)
	return client.RuleCheck{OK: !rules.Failed(faults), Faults: faultsOf(faults)}, err
}

func (s *server) applyRules(ctx context.Context, a auth.Actor, in *applyInput) (client.Ruleset, error) {
	r, faults, err := s.cfg.Admin.ApplyRules(ctx, a, admin.ApplyRules{YAML: in.Body.YAML, Merge: in.Body.Merge,
		AcknowledgeDenied: in.Body.AcknowledgeDenied})
	if err != nil {
		return client.Ruleset{}, err
	}
	out := rulesetOf(r)
	out.Warnings = faultsOf(faults)
	return out, nil
}

func (s *server) evaluate(ctx context.Context, a auth.Actor, in *evaluateInput) (client.Explanation, error) {
	var o rules.Outcome
	var err error
	switch b := in.Body; {
	case b.RequestID != "" && b.Attempt == nil:
		o, err = s.cfg.Admin.EvaluateRequest(ctx, a, elevation.RequestID(b.RequestID))
	case b.RequestID == "" && b.Attempt != nil:
		var attempt rules.Input
		if attempt, err = attemptOf(*b.Attempt); err == nil {
			o, err = s.cfg.Admin.Evaluate(ctx, a, attempt)
		}
	default:
		err = fmt.Errorf("%w: give request_id or attempt", elevation.ErrInvalid)
	}
	return client.Explanation{Outcome: o.Kind.String(), Sentence: o.Sentence, Trace: trace(o.Trace)}, err
}

func attemptOf(in client.EvaluateAttempt) (rules.Input, error) {
	if !strings.HasPrefix(in.Path, "/") && !(len(in.Path) > 2 && in.Path[1] == ':') {
		return rules.Input{}, fmt.Errorf("%w: the path is not absolute", elevation.ErrInvalid)
	}
	out := rules.Input{Justification: in.Justification, Ticket: in.Ticket, Priority: elevation.Priority(in.Priority),
		Endpoint: rules.Endpoint{Labels: object(in.Labels)}}
	out.Attempt = elevation.Attempt{AccessType: elevation.AccessType(first(in.AccessType, string(elevation.Run))),
		User: elevation.User{Name: in.User, UID: in.UID, Groups: in.Groups},
		Subject: elevation.Subject{Path: in.Path, Args: list(in.Args), Cwd: in.Cwd, RunAs: first(in.RunAs, "root"),
			SHA256: strings.ToLower(in.SHA256)}}
	return out, nil
}
