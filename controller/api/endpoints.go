package api

import (
	"context"
	"maps"
	"net/http"
	"time"

	"github.com/assent-epm/assent/controller/admin"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// PageInput asks for one page of a list.
type PageInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor string `query:"cursor" maxLength:"2048" doc:"next_cursor of the page before."`
}

type endpointListInput struct {
	PageInput
	Name string `query:"name" maxLength:"200" doc:"Exactly this name."`
	Q    string `query:"q" maxLength:"200" doc:"Text in the name."`
}

type endpointInput struct {
	ID string `path:"id" maxLength:"64" example:"ep_019aa8d2-2222-7c41-9d10-3b1f0c5f2a77"`
}

type tokenInput struct {
	ID string `path:"id" maxLength:"64" example:"tok_019aa8d2-4444-7c41-9d10-3b1f0c5f2a77"`
}

type newEnrollTokenInput struct{ Body client.NewEnrollToken }

func (s *server) addEndpoints() {
	handle(s, route{method: http.MethodGet, path: "/endpoints", id: "endpoint-list", tag: "endpoints", summary: "List endpoints"}, s.listEndpoints)
	handle(s, route{method: http.MethodGet, path: "/endpoints/{id}", id: "endpoint-view", tag: "endpoints", summary: "See one endpoint"},
		func(ctx context.Context, a auth.Actor, in *endpointInput) (client.Endpoint, error) {
			e, err := s.cfg.Admin.Endpoint(ctx, a, elevation.EndpointID(in.ID))
			return s.endpointOf(e), err
		})
	handleEmpty(s, route{method: http.MethodDelete, path: "/endpoints/{id}", id: "endpoint-delete", tag: "endpoints",
		summary: "Delete an endpoint and ban its key"},
		func(ctx context.Context, a auth.Actor, in *endpointInput) error {
			if err := s.cfg.Admin.DeleteEndpoint(ctx, a, elevation.EndpointID(in.ID)); err != nil {
				return err
			}
			s.cfg.Removed(elevation.EndpointID(in.ID))
			return s.cfg.Queue.EndpointDeleted(ctx)
		})
	handle(s, route{method: http.MethodGet, path: "/enrollment-tokens", id: "enrollment-token-list", tag: "endpoints",
		summary: "List enrolment tokens"}, s.listEnrollTokens)
	handle(s, route{method: http.MethodPost, path: "/enrollment-tokens", id: "enrollment-token-add", tag: "endpoints", status: http.StatusCreated,
		summary: "Make an enrolment token", hint: hint{secret: true}}, s.addEnrollToken)
	handleEmpty(s, route{method: http.MethodDelete, path: "/enrollment-tokens/{id}", id: "enrollment-token-delete", tag: "endpoints",
		summary: "Withdraw an enrolment token"},
		func(ctx context.Context, a auth.Actor, in *tokenInput) error {
			return s.cfg.Admin.DeleteEnrollToken(ctx, a, elevation.TokenID(in.ID))
		})
}

func (s *server) listEndpoints(ctx context.Context, a auth.Actor, in *endpointListInput) (client.List[client.Endpoint], error) {
	all, err := s.cfg.Admin.Endpoints(ctx, a, store.EndpointFilter{Name: in.Name, Text: in.Q})
	if err != nil {
		return client.List[client.Endpoint]{Items: []client.Endpoint{}}, err
	}
	return paginate(all, &in.PageInput, "endpoints "+in.Name+" "+in.Q, func(e store.Endpoint) string { return string(e.ID) }, s.endpointOf)
}

func (s *server) endpointOf(e store.Endpoint) client.Endpoint {
	return client.Endpoint{ID: string(e.ID), Name: e.Name, OS: text(e.Facts.OS), OSVersion: text(e.Facts.OSVersion),
		Arch: text(e.Facts.Arch), IP: text(e.Facts.IP), AgentVersion: text(e.Facts.AgentVersion), Labels: e.EffectiveLabels(),
		Reported: object(maps.Clone(e.Facts.Reported)), Mode: e.Mode, Connected: s.cfg.Connected(e.ID), Locked: e.Locked,
		LockedAt: moment(e.Lock.At), LockedBy: text(e.Lock.By.Name), LockedWhy: text(e.Lock.Why),
		Quarantined: e.Quarantined, EnrolledAt: e.EnrolledAt.UTC(), LastSeenAt: moment(e.LastSeen), CertNotAfter: moment(e.CertNotAfter)}
}

func (s *server) listEnrollTokens(ctx context.Context, a auth.Actor, in *PageInput) (client.List[client.EnrollToken], error) {
	all, err := s.cfg.Admin.EnrollTokens(ctx, a)
	if err != nil {
		return client.List[client.EnrollToken]{Items: []client.EnrollToken{}}, err
	}
	return paginate(all, in, "enrollment-tokens", func(t store.EnrollToken) string { return string(t.ID) }, enrollTokenOf)
}

func enrollTokenOf(t store.EnrollToken) client.EnrollToken {
	return client.EnrollToken{ID: string(t.ID), ExpiresAt: t.ExpiresAt.UTC(), MaxUses: t.MaxUses, Uses: t.Uses, Labels: object(t.Labels),
		AcceptLabels: list(t.AcceptLabels), Mode: t.Mode, CreatedBy: t.CreatedBy.Name, CreatedAt: t.CreatedAt.UTC()}
}

func (s *server) addEnrollToken(ctx context.Context, a auth.Actor, in *newEnrollTokenInput) (client.EnrollToken, error) {
	b := in.Body
	t, plain, err := s.cfg.Admin.AddEnrollToken(ctx, a, admin.NewEnrollToken{TTL: time.Duration(b.TTLSeconds) * time.Second,
		MaxUses: b.MaxUses, Labels: b.Labels, AcceptLabels: b.AcceptLabels, Mode: b.Mode})
	if err != nil {
		return client.EnrollToken{}, err
	}
	out := enrollTokenOf(t)
	out.Token = plain
	return out, nil
}
