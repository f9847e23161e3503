package api

import (
	"context"
	"net/http"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

type policiesInput struct{ Body client.PutPolicies }

func (s *server) addPolicies() {
	handle(s, route{method: http.MethodGet, path: "/policies", id: "policy-list", tag: "endpoints",
		summary: "What endpoints do, by label: the first that fits counts"},
		func(ctx context.Context, a auth.Actor, _ *struct{}) (client.Policies, error) {
			p, err := s.cfg.Admin.Policies(ctx, a)
			return policiesOf(p), err
		})
	handle(s, route{method: http.MethodPut, path: "/policies", id: "policy-edit", tag: "endpoints",
		summary: "Replace the whole ordered list", example: client.PutPolicies{Items: []client.Policy{
			{Name: "workstations", Labels: map[string]string{"role": "workstation"}, Mode: "ask", Mechanisms: map[string]string{"sudo": "ask"},
				Presets: []string{"Planned maintenance"}, ReasonMin: 12}}}},
		func(ctx context.Context, a auth.Actor, in *policiesInput) (client.Policies, error) {
			var items []store.PolicyEntry
			for _, p := range in.Body.Items {
				items = append(items, store.PolicyEntry{Name: p.Name, Labels: p.Labels, Mode: elevation.Mode(p.Mode), Mechanisms: p.Mechanisms,
					Mask: p.Mask, Presets: p.Presets, ReasonMin: p.ReasonMin, BreakGlass: p.BreakGlass, Confirm: p.Confirm})
			}
			p, err := s.cfg.Admin.PutPolicies(ctx, a, items)
			return policiesOf(p), err
		})
}

func policiesOf(p store.Policies) client.Policies {
	out := client.Policies{Version: p.Version, ChangedBy: p.By.Name, ChangedAt: moment(p.At), Items: []client.Policy{}}
	for _, e := range p.Items {
		out.Items = append(out.Items, client.Policy{Name: e.Name, Labels: e.Labels, Mode: string(e.Mode), Mechanisms: e.Mechanisms,
			Mask: e.Mask, Presets: e.Presets, ReasonMin: e.ReasonMin, BreakGlass: e.BreakGlass, Confirm: e.Confirm})
	}
	return out
}
