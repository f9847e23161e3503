package api

import (
	"context"
	"net/http"

	"github.com/assent-epm/assent/controller/admin"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
)

// LinkInput names a link in the path.
type LinkInput struct {
	ID string `path:"id" maxLength:"64" example:"link_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"`
}

type newLinkInput struct{ Body client.NewLink }

type editLinkInput struct {
	LinkInput
	Body client.EditLink
}

type editEndpointInput struct {
	ID   string `path:"id" maxLength:"64" example:"ep_019aa8d2-2222-7c41-9d10-3b1f0c5f2a77"`
	Body client.EditEndpoint
}

func (s *server) addLinks() {
	handle(s, route{method: http.MethodGet, path: "/links", id: "link-list", tag: "people", summary: "List which accounts are which users of endpoints"},
		paged(s.cfg.Admin.Links, "links", func(l admin.Link) string { return string(l.ID) }, linkOf))
	handle(s, route{method: http.MethodPost, path: "/links", id: "link-add", tag: "people", status: http.StatusCreated,
		summary: "Tie an account to a user of an endpoint",
		example: map[string]string{"account": "bo", "endpoint": "web-1", "user": "bchen"}},
		func(ctx context.Context, a auth.Actor, in *newLinkInput) (client.Link, error) {
			b := in.Body
			l, err := s.cfg.Admin.AddLink(ctx, a, admin.EditLink{Account: &b.Account, Endpoint: b.Endpoint, Directory: b.Directory, User: b.User, UID: b.UID})
			return linkOf(l), err
		})
	handle(s, route{method: http.MethodGet, path: "/links/{id}", id: "link-view", tag: "people", summary: "See one link"},
		func(ctx context.Context, a auth.Actor, in *LinkInput) (client.Link, error) {
			l, err := s.cfg.Admin.Link(ctx, a, elevation.LinkID(in.ID))
			return linkOf(l), err
		})
	handle(s, route{method: http.MethodPut, path: "/links/{id}", id: "link-edit", tag: "people", summary: "Change a link; what is left out stays",
		example: map[string]string{"user": "bchen"}},
		func(ctx context.Context, a auth.Actor, in *editLinkInput) (client.Link, error) {
			b := in.Body
			l, err := s.cfg.Admin.EditLink(ctx, a, elevation.LinkID(in.ID),
				admin.EditLink{Account: b.Account, Endpoint: b.Endpoint, Directory: b.Directory, User: b.User, UID: b.UID})
			return linkOf(l), err
		})
	handleEmpty(s, route{method: http.MethodDelete, path: "/links/{id}", id: "link-delete", tag: "people", summary: "Free an account from a user"},
		func(ctx context.Context, a auth.Actor, in *LinkInput) error {
			return s.cfg.Admin.DeleteLink(ctx, a, elevation.LinkID(in.ID))
		})
	handle(s, route{method: http.MethodPatch, path: "/endpoints/{id}", id: "endpoint-edit", tag: "endpoints",
		summary: "Change an endpoint's labels; routing, scopes and policies follow"},
		func(ctx context.Context, a auth.Actor, in *editEndpointInput) (client.Endpoint, error) {
			e, err := s.cfg.Admin.EditEndpoint(ctx, a, elevation.EndpointID(in.ID), admin.EditEndpoint{Labels: in.Body.Labels})
			if err != nil {
				return client.Endpoint{}, err
			}
			return s.endpoint(ctx, a, e)
		})
}

func linkOf(l admin.Link) client.Link {
	return client.Link{ID: string(l.ID), Account: l.Login, AccountID: string(l.User), Endpoint: text(l.Endpoint),
		EndpointID: text(string(l.Link.Link.Endpoint)), Directory: text(l.Directory), User: text(l.Name), UID: text(l.UID),
		MadeBy: l.By.Name, MadeAt: l.MadeAt.UTC()}
}
