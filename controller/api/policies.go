package api

import (
	"context"
	"net/http"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

type policiesInput struct{ Body client.PutPolicies }

func (s *server) addPolicies() {
	handle(s, route{method: http.MethodGet, path: "/policies", id: "policy-list", tag: "endpoints",
		summary: "What endpoints do, by label: the first that fits counts"},
		func(ctx context.Context, a auth.Actor, in *OrderedInput) (out client.Policies, err error) {
			p, err := s.cfg.Admin.Policies(ctx, a)
			if err == nil {
				out, err = s.policies(ctx, a, p)
			}
			if err == nil {
				out.List, err = ordered(out.Items, in, "policies", func(p client.Policy) string { return p.Name })
			}
			return out, err
		})
	handle(s, route{method: http.MethodPut, path: "/policies", id: "policy-edit", tag: "endpoints",
		summary: "Replace the whole ordered list", example: client.PutPolicies{Items: []client.Policy{
			{Name: "workstations", Labels: map[string]string{"role": "workstation"}, Mode: "ask", Mechanisms: map[string]string{"sudo": "ask"},
				Presets: []string{"Planned maintenance"}, ReasonMin: 12, Offline: &client.PolicyOffline{Rules: true}, Budget: &client.PolicyBudget{PerDaySeconds: 7200},
				Words: &client.PolicyWords{Company: "Example Ltd"}}}}},
		func(ctx context.Context, a auth.Actor, in *policiesInput) (client.Policies, error) {
			var items []store.PolicyEntry
			for _, p := range in.Body.Items {
				items = append(items, store.PolicyEntry{Name: p.Name, Labels: p.Labels, Mode: elevation.Mode(p.Mode), Mechanisms: p.Mechanisms,
					Mask: p.Mask, Presets: p.Presets, ReasonMin: p.ReasonMin, BreakGlass: p.BreakGlass, Confirm: p.Confirm,
					Offline: offlineIn(p.Offline), Budget: budgetIn(p.Budget), Words: wordsIn(p.Words), Rights: authorizationRightsIn(p.AuthorizationRights)})
			}
			p, err := s.cfg.Admin.PutPolicies(ctx, a, in.Body.Version, items)
			if err != nil {
				return client.Policies{}, err
			}
			return s.policies(ctx, a, p)
		})
}

func policiesOf(p store.Policies) client.Policies {
	out := client.Policies{Version: p.Version, ChangedBy: p.By.Name, ChangedAt: moment(p.At), List: client.List[client.Policy]{Items: []client.Policy{}, Total: int64(len(p.Items))}, Reach: []client.PolicyReach{}}
	for _, e := range p.Items {
		out.Items = append(out.Items, client.Policy{Name: e.Name, Labels: e.Labels, Mode: string(e.Mode), Mechanisms: e.Mechanisms,
			Mask: e.Mask, Presets: e.Presets, ReasonMin: e.ReasonMin, BreakGlass: e.BreakGlass, Confirm: e.Confirm,
			Offline: offlineOf(e.Offline), Budget: budgetOf(e.Budget), Words: wordsOf(e.Words), AuthorizationRights: authorizationRightsOf(e.Rights)})
	}
	return out
}

// policies are the list with whom it reaches.
func (s *server) policies(ctx context.Context, a auth.Actor, p store.Policies) (client.Policies, error) {
	out := policiesOf(p)
	reach, err := s.cfg.Admin.PolicyReach(ctx, a)
	for _, r := range reach {
		out.Reach = append(out.Reach, client.PolicyReach{Policy: r.Policy, Endpoints: r.Endpoints, Names: list(r.Names)})
	}
	return out, err
}

func authorizationRightsIn(all map[string]string) map[string]elevation.RightLevel {
	var out map[string]elevation.RightLevel // nil when there are none
	for right, level := range all {
		if out == nil {
			out = map[string]elevation.RightLevel{}
		}
		out[right] = elevation.RightLevel(level)
	}
	return out
}

func authorizationRightsOf(all map[string]elevation.RightLevel) map[string]string {
	out := map[string]string{}
	for right, level := range all {
		out[right] = string(level)
	}
	return out
}

func offlineIn(p *client.PolicyOffline) elevation.Offline {
	if p == nil {
		return elevation.Offline{}
	}
	return elevation.Offline{Rules: p.Rules, Codes: p.Codes}
}

func offlineOf(p elevation.Offline) *client.PolicyOffline {
	if p == (elevation.Offline{}) {
		return nil
	}
	return &client.PolicyOffline{Rules: p.Rules, Codes: p.Codes}
}

func budgetIn(p *client.PolicyBudget) elevation.Budget {
	if p == nil {
		return elevation.Budget{}
	}
	return elevation.Budget{PerDay: time.Duration(p.PerDaySeconds) * time.Second, Renewals: p.Renewals, Cooldown: time.Duration(p.CooldownSeconds) * time.Second}
}

func budgetOf(p elevation.Budget) *client.PolicyBudget {
	if p == (elevation.Budget{}) {
		return nil
	}
	return &client.PolicyBudget{PerDaySeconds: int64(p.PerDay / time.Second), Renewals: p.Renewals, CooldownSeconds: int64(p.Cooldown / time.Second)}
}

func wordsIn(p *client.PolicyWords) elevation.Words {
	if p == nil {
		return elevation.Words{}
	}
	return elevation.Words{Company: p.Company, Help: p.Help, Link: p.Link, Language: p.Language}
}

func wordsOf(p elevation.Words) *client.PolicyWords {
	if p == (elevation.Words{}) {
		return nil
	}
	return &client.PolicyWords{Company: p.Company, Help: p.Help, Link: p.Link, Language: p.Language}
}
