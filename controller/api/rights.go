package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

type standingInput struct {
	PageInput
	Endpoint string `query:"endpoint" maxLength:"200" doc:"Id or name."`
	User     string `query:"user" maxLength:"200" doc:"Account on the endpoint, or %group."`
	Kind     string `query:"kind" enum:"sudoers,group,root_group,uid0,polkit"`
	Taken    string `query:"taken" enum:"true,false" doc:"Only those that were taken over, or only the others."`
	Q        string `query:"q" maxLength:"200" doc:"Text anywhere in it."`
	Labels   string `query:"labels" maxLength:"2000" doc:"Only of endpoints with these labels, as k=v,k=v." example:"role=web"`
}

type orderInput struct {
	ID   string `path:"id" maxLength:"64" example:"ep_019aa8d2-2222-7c41-9d10-3b1f0c5f2a77"`
	Body client.OrderRights
}

type orderByLabelInput struct{ Body client.OrderRightsByLabel }

// addRights serves who can become root without Assent, and what is done about it.
func (s *server) addRights() {
	handle(s, route{method: http.MethodGet, path: "/standing-rights", id: "standing-right-list", tag: "endpoints",
		summary: "Who can become root without Assent"}, s.listStanding)
	for _, verb := range []struct {
		name, summary string
		act           elevation.RightsAct
	}{
		{"take-over", "Remove standing rights, and keep what is needed to give them back", elevation.TakeOver},
		{"give-back", "Put standing rights back that were taken over", elevation.GiveBack},
	} {
		handle(s, route{method: http.MethodPost, path: "/endpoints/{id}/" + verb.name, id: "endpoint-" + verb.name, tag: "endpoints", summary: verb.summary},
			func(ctx context.Context, a auth.Actor, in *orderInput) (client.RightsOrder, error) {
				o, err := s.cfg.Queue.OrderRights(ctx, a, elevation.EndpointID(in.ID),
					queue.NewOrder{Act: verb.act, Rights: in.Body.Rights, Comment: in.Body.Comment})
				return orderOf(o), err
			})
		handle(s, route{method: http.MethodPost, path: "/standing-rights/" + verb.name, id: "standing-right-" + verb.name, tag: "endpoints",
			summary: verb.summary + ", on every endpoint with these labels"},
			func(ctx context.Context, a auth.Actor, in *orderByLabelInput) (client.EndpointResults, error) {
				out := client.EndpointResults{Results: []client.EndpointResult{}}
				done, err := s.cfg.Queue.OrderRightsByLabel(ctx, a, in.Body.Labels,
					queue.NewOrder{Act: verb.act, Rights: in.Body.Rights, Comment: in.Body.Comment})
				for _, d := range done {
					r := client.EndpointResult{ID: string(d.Endpoint), OK: d.Err == nil}
					if d.Err != nil {
						r.Error = s.door.fail(ctx, d.Err, http.MethodPost, "/standing-rights/"+verb.name).Problem
					}
					out.Results = append(out.Results, r)
				}
				return out, err
			})
	}
}

func orderOf(o store.RightsOrder) client.RightsOrder {
	return client.RightsOrder{ID: o.ID, Endpoint: string(o.Endpoint), Action: string(o.Act), Rights: list(o.Rights), By: o.By.Name, Comment: o.Comment, At: o.At.UTC()}
}

func (s *server) listStanding(ctx context.Context, a auth.Actor, in *standingInput) (client.List[client.StandingRight], error) {
	f := queue.StandingFilter{Endpoint: in.Endpoint, User: in.User, Kind: elevation.RightKind(in.Kind), Text: in.Q}
	labels, err := labelsIn(in.Labels)
	if err != nil {
		return client.List[client.StandingRight]{Items: []client.StandingRight{}}, err
	}
	f.Labels = labels
	if in.Taken != "" {
		taken := in.Taken == "true"
		f.Taken = &taken
	}
	all, err := s.cfg.Queue.StandingRights(ctx, a, f)
	if err != nil {
		return client.List[client.StandingRight]{Items: []client.StandingRight{}}, err
	}
	name := strings.Join([]string{"standing-rights", in.Endpoint, in.User, in.Kind, in.Taken, in.Q, in.Labels}, " ")
	return paginate(all, &in.PageInput, name, func(r queue.StandingRight) string { return string(r.Endpoint.ID) + " " + r.ID }, standingOf)
}

func standingOf(r queue.StandingRight) client.StandingRight {
	out := client.StandingRight{ID: r.ID, Endpoint: string(r.Endpoint.ID), Name: r.Endpoint.Name, Kind: string(r.Kind), User: r.User, Group: r.Group,
		Source: r.Source, Text: r.Text, NoPassword: r.NoAsk, All: r.All, Fixed: r.Fixed, Taken: r.Taken, Since: r.Since.UTC(), SeenAt: r.SeenAt.UTC()}
	if l := r.Last; l.ID != "" {
		out.Order = &client.StandingLastOrder{ID: l.ID, Action: string(l.Act), By: l.By.Name, At: l.At.UTC(), DoneAt: moment(l.DoneAt), Done: l.Done, Why: l.Why}
	}
	return out
}

// counted puts to endpoints the version of their policy and the number of standing
// rights, as far as the caller may know of them.
func (s *server) counted(ctx context.Context, a auth.Actor, list ...*client.Endpoint) error {
	counts, err := s.cfg.Queue.RightsCounts(ctx, a)
	if err != nil {
		return err
	}
	ids := make([]elevation.EndpointID, 0, len(list))
	for _, e := range list {
		ids = append(ids, elevation.EndpointID(e.ID))
	}
	sent, err := s.cfg.Admin.PolicyVersions(ctx, ids)
	for _, e := range list {
		if v, ok := sent[elevation.EndpointID(e.ID)]; ok {
			e.PolicyVersion = &v
		}
		if n, ok := counts[elevation.EndpointID(e.ID)]; ok {
			e.StandingRights = &n
		}
	}
	return err
}
