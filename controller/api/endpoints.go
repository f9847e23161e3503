package api

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/admin"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/version"
	"github.com/assent-epm/assent/shared/wire"
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

	Labels string `query:"labels" maxLength:"2000" doc:"Only those with these labels, as k=v,k=v." example:"role=web"`
	Mode   string `query:"mode" enum:"off,observe,ask" doc:"As it counts now."`
	State  string `query:"state" enum:"online,away,locked,quarantined,paused,old" doc:"Away: not connected. Old: its agent has another version than the controller."`
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
			if err != nil {
				return client.Endpoint{}, err
			}
			return s.endpoint(ctx, a, e)
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
		summary: "List enrolment tokens"},
		paged(s.cfg.Admin.EnrollTokens, "enrollment-tokens", func(t store.EnrollToken) string { return string(t.ID) }, s.enrollTokenOf))
	handle(s, route{method: http.MethodPost, path: "/enrollment-tokens", id: "enrollment-token-add", tag: "endpoints", status: http.StatusCreated,
		summary: "Make an enrolment token", hint: hint{secret: true}}, s.addEnrollToken)
	handleEmpty(s, route{method: http.MethodDelete, path: "/enrollment-tokens/{id}", id: "enrollment-token-delete", tag: "endpoints",
		summary: "Withdraw an enrolment token"},
		func(ctx context.Context, a auth.Actor, in *tokenInput) error {
			return s.cfg.Admin.DeleteEnrollToken(ctx, a, elevation.TokenID(in.ID))
		})
}

func (s *server) listEndpoints(ctx context.Context, a auth.Actor, in *endpointListInput) (client.List[client.Endpoint], error) {
	labels, err := labelsIn(in.Labels)
	if err != nil {
		return client.List[client.Endpoint]{Items: []client.Endpoint{}}, err
	}
	all, err := s.cfg.Admin.Endpoints(ctx, a, store.EndpointFilter{Name: in.Name, Text: in.Q, Scope: labels})
	if err != nil {
		return client.List[client.Endpoint]{Items: []client.Endpoint{}}, err
	}
	all = slices.DeleteFunc(all, func(e store.Endpoint) bool { return !s.inState(e, in.Mode, in.State) })
	name := strings.Join([]string{"endpoints", in.Name, in.Q, in.Labels, in.Mode, in.State}, " ")
	page, err := paginate(all, &in.PageInput, name, func(e store.Endpoint) string { return string(e.ID) }, s.endpointOf)
	if err != nil {
		return page, err
	}
	var rows []*client.Endpoint
	for i := range page.Items {
		rows = append(rows, &page.Items[i])
	}
	return page, s.counted(ctx, a, rows...)
}

// endpoint is one endpoint whole.
func (s *server) endpoint(ctx context.Context, a auth.Actor, e store.Endpoint) (client.Endpoint, error) {
	out := s.endpointOf(e)
	err := s.counted(ctx, a, &out)
	return out, err
}

// inState reports whether an endpoint is what a list is narrowed to.
func (s *server) inState(e store.Endpoint, mode, state string) bool {
	p := s.cfg.Admin.InForce(e)
	if mode != "" && mode != string(cmp.Or(p.Mode, elevation.ModeAsk)) {
		return false
	}
	switch state {
	case "online":
		return s.cfg.Connected(e.ID)
	case "away":
		return !s.cfg.Connected(e.ID)
	case "locked":
		return e.Locked
	case "quarantined":
		return e.Quarantined
	case "paused":
		return p.Paused != nil
	case "old":
		return e.Facts.AgentVersion != version.Get(wire.Version).Version
	}
	return true
}

func (s *server) endpointOf(e store.Endpoint) client.Endpoint {
	p, paused := s.cfg.Admin.InForce(e), (*time.Time)(nil)
	if p.Paused != nil {
		paused = moment(p.Paused.Until)
	}
	return client.Endpoint{ID: string(e.ID), Name: e.Name, OS: text(e.Facts.OS), OSVersion: text(e.Facts.OSVersion),
		Arch: text(e.Facts.Arch), IP: text(e.Facts.IP), AgentVersion: text(e.Facts.AgentVersion), Labels: e.EffectiveLabels(),
		GivenLabels: object(maps.Clone(e.Labels)), Capabilities: list(e.Capabilities), ClockOffMS: s.clockOff(e.ID),
		Reported: object(maps.Clone(e.Facts.Reported)), Mode: string(cmp.Or(p.Mode, elevation.ModeAsk)), Policy: text(p.Name), PausedUntil: paused, Connected: s.cfg.Connected(e.ID), Locked: e.Locked,
		LockedAt: moment(e.Lock.At), LockedBy: text(e.Lock.By.Name), LockedWhy: text(e.Lock.Why),
		Quarantined: e.Quarantined, EnrolledAt: e.EnrolledAt.UTC(), LastSeenAt: moment(e.LastSeen), CertNotAfter: moment(e.CertNotAfter)}
}

// agents is where endpoints enrol.
func (s *server) agents() string {
	if s.cfg.Agents == nil {
		return ""
	}
	return s.cfg.Agents()
}

// clockOff is how far the clock of a connected endpoint was ahead.
func (s *server) clockOff(id elevation.EndpointID) *int64 {
	if s.cfg.ClockOff == nil {
		return nil
	}
	d, ok := s.cfg.ClockOff(id)
	if !ok {
		return nil
	}
	ms := d.Milliseconds()
	return &ms
}

func (s *server) enrollTokenOf(t store.EnrollToken) client.EnrollToken {
	return client.EnrollToken{ID: string(t.ID), ExpiresAt: t.ExpiresAt.UTC(), MaxUses: t.MaxUses, Uses: t.Uses, Labels: object(t.Labels),
		AcceptLabels: list(t.AcceptLabels), Mode: text(t.Mode), Controller: s.agents(), CreatedBy: t.CreatedBy.Name, CreatedAt: t.CreatedAt.UTC()}
}

func (s *server) addEnrollToken(ctx context.Context, a auth.Actor, in *newEnrollTokenInput) (client.EnrollToken, error) {
	b := in.Body
	t, plain, err := s.cfg.Admin.AddEnrollToken(ctx, a, admin.NewEnrollToken{TTL: time.Duration(b.TTLSeconds) * time.Second,
		MaxUses: b.MaxUses, Labels: b.Labels, AcceptLabels: b.AcceptLabels, Mode: b.Mode})
	if err != nil {
		return client.EnrollToken{}, err
	}
	out := s.enrollTokenOf(t)
	out.Token = plain
	return out, nil
}
