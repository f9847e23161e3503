package api

import (
	"context"
	"net/http"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
)

type stopInput struct {
	ID   string `path:"id" maxLength:"64" example:"ep_019aa8d2-2222-7c41-9d10-3b1f0c5f2a77"`
	Body *client.Why
}

func (in *stopInput) comment() string {
	if in.Body == nil {
		return ""
	}
	return in.Body.Comment
}

// addLocks serves what stops a whole endpoint.
func (s *server) addLocks() {
	for _, verb := range []struct {
		name, summary string
		do            func(context.Context, auth.Actor, elevation.EndpointID, string) error
	}{
		{"lock", "Let nothing new be elevated on an endpoint, and revoke what was granted there", s.cfg.Queue.Lock},
		{"unlock", "End the lock of an endpoint", s.cfg.Queue.Unlock},
	} {
		handle(s, route{method: http.MethodPost, path: "/endpoints/{id}/" + verb.name, id: "endpoint-" + verb.name, tag: "endpoints",
			summary: verb.summary, example: client.Why{Comment: "the machine is lost"}},
			func(ctx context.Context, a auth.Actor, in *stopInput) (client.Endpoint, error) {
				id := elevation.EndpointID(in.ID)
				if err := verb.do(ctx, a, id, in.comment()); err != nil {
					return client.Endpoint{}, err
				}
				e, err := s.cfg.Admin.Endpoint(ctx, a, id)
				if err != nil {
					return client.Endpoint{}, err
				}
				return s.endpoint(ctx, a, e)
			})
	}
	handle(s, route{method: http.MethodPost, path: "/endpoints/{id}/revoke-grants", id: "endpoint-revoke-grants", tag: "endpoints",
		summary: "Revoke everything that is granted on an endpoint", example: client.Why{Comment: "the change is called off"}},
		func(ctx context.Context, a auth.Actor, in *stopInput) (client.Revoked, error) {
			ids, err := s.cfg.Queue.RevokeGrants(ctx, a, elevation.EndpointID(in.ID), in.comment())
			out := client.Revoked{Requests: []string{}}
			for _, id := range ids {
				out.Requests = append(out.Requests, string(id))
			}
			return out, err
		})
}
