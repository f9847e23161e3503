package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/directory"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// ProviderInput names an identity provider in the path.
type ProviderInput struct {
	ID string `path:"id" maxLength:"64" example:"idp_019aa8d2-8888-7c41-9d10-3b1f0c5f2a77"`
}

type newProviderInput struct{ Body client.NewProvider }

type editProviderInput struct {
	ProviderInput
	Body client.EditProvider
}

type editDirectoryInput struct{ Body client.EditDirectory }

func (s *server) addDirectory() {
	handle(s, route{method: http.MethodGet, path: "/identity-providers", id: "provider-list", tag: "directory", summary: "List identity providers"},
		paged(s.cfg.Directory.Providers, "providers", func(p store.Provider) string { return string(p.ID) }, s.providerOf))
	handle(s, route{method: http.MethodPost, path: "/identity-providers", id: "provider-add", tag: "directory", status: http.StatusCreated,
		summary: "Let an identity provider recognise people", hint: hint{secret: true}},
		func(ctx context.Context, a auth.Actor, in *newProviderInput) (client.Provider, error) {
			p, err := s.cfg.Directory.AddProvider(ctx, a, newProvider(in.Body))
			return s.providerOf(p), err
		})
	handle(s, route{method: http.MethodGet, path: "/identity-providers/{id}", id: "provider-view", tag: "directory", summary: "See one identity provider"},
		func(ctx context.Context, a auth.Actor, in *ProviderInput) (client.Provider, error) {
			p, err := s.cfg.Directory.Provider(ctx, a, store.ProviderID(in.ID))
			return s.providerOf(p), err
		})
	handle(s, route{method: http.MethodPut, path: "/identity-providers/{id}", id: "provider-edit", tag: "directory",
		summary: "Change an identity provider; what is left out stays", example: client.EditProvider{Enabled: new(true)}},
		func(ctx context.Context, a auth.Actor, in *editProviderInput) (client.Provider, error) {
			p, err := s.cfg.Directory.EditProvider(ctx, a, store.ProviderID(in.ID), editProvider(in.Body))
			return s.providerOf(p), err
		})
	handleEmpty(s, route{method: http.MethodDelete, path: "/identity-providers/{id}", id: "provider-delete", tag: "directory",
		summary: "Delete an identity provider; what its groups gave is taken away"},
		func(ctx context.Context, a auth.Actor, in *ProviderInput) error {
			return s.cfg.Directory.DeleteProvider(ctx, a, store.ProviderID(in.ID))
		})
	handle(s, route{method: http.MethodGet, path: "/directory", id: "directory-view", tag: "directory", summary: "See what the groups of the directory mean"},
		func(ctx context.Context, a auth.Actor, _ *struct{}) (client.Directory, error) {
			d, err := s.cfg.Directory.Settings(ctx, a)
			return s.directoryOf(d), err
		})
	handle(s, route{method: http.MethodPut, path: "/directory", id: "directory-edit", tag: "directory",
		summary: "Say what the groups of the directory mean; what is left out stays"}, s.editDirectory)
}

func (s *server) editDirectory(ctx context.Context, a auth.Actor, in *editDirectoryInput) (client.Directory, error) {
	edit := directory.EditSettings{AdoptAccounts: in.Body.AdoptAccounts}
	if in.Body.Groups != nil {
		groups := []store.GroupRoles{}
		for _, g := range *in.Body.Groups {
			if (g.ID == "") == (g.ExternalID == "") {
				return client.Directory{}, fmt.Errorf("%w: name each group by its id or its external_id", elevation.ErrInvalid)
			}
			groups = append(groups, store.GroupRoles{ID: first(g.ID, g.ExternalID), Roles: rolesOf(g.Roles)})
		}
		edit.Groups = &groups
	}
	d, err := s.cfg.Directory.EditSettings(ctx, a, edit)
	return s.directoryOf(d), err
}

func (s *server) directoryOf(d directory.Settings) client.Directory {
	out := client.Directory{Groups: []client.DirectoryMapping{}, AdoptAccounts: d.AdoptAccounts, Users: int64(d.Users), Known: []client.DirectoryGroup{},
		BaseURL: s.cfg.Public() + scimPrefix}
	ours := map[string]bool{}
	for _, g := range d.Known {
		ours[g.ID] = true
		out.Known = append(out.Known, client.DirectoryGroup{ID: g.ID, ExternalID: g.ExternalID, Name: g.Display})
	}
	for _, g := range d.Groups {
		m := client.DirectoryMapping{ExternalID: g.ID, Roles: roleNames(g.Roles)}
		if ours[g.ID] || elevation.CheckID("grp_", g.ID) == nil {
			m.ID, m.ExternalID = g.ID, ""
		}
		out.Groups = append(out.Groups, m)
	}
	return out
}

func newProvider(b client.NewProvider) directory.EditProvider {
	edit := directory.EditProvider{Name: &b.Name, Issuer: &b.Issuer, ClientID: &b.ClientID, ClientSecret: &b.ClientSecret,
		CreateAccounts: &b.CreateAccounts, AllowedDomains: &b.AllowedDomains, Groups: groupsOf(&b.Groups), Link: linkClaims(b.Link), Enabled: b.Enabled}
	if b.Scopes != nil {
		edit.Scopes = &b.Scopes
	}
	if b.GroupsClaim != "" {
		edit.GroupsClaim = &b.GroupsClaim
	}
	if edit.Enabled == nil {
		edit.Enabled = new(true)
	}
	return edit
}

func editProvider(b client.EditProvider) directory.EditProvider {
	return directory.EditProvider{Name: b.Name, Issuer: b.Issuer, ClientID: b.ClientID, ClientSecret: b.ClientSecret, Scopes: b.Scopes,
		GroupsClaim: b.GroupsClaim, Groups: groupsOf(b.Groups), CreateAccounts: b.CreateAccounts, AllowedDomains: b.AllowedDomains,
		Link: linkClaims(b.Link), Enabled: b.Enabled}
}

func groupsOf(in *[]client.GroupRoles) *[]store.GroupRoles {
	if in == nil {
		return nil
	}
	out := []store.GroupRoles{}
	for _, g := range *in {
		out = append(out, store.GroupRoles{ID: g.ID, Roles: rolesOf(g.Roles)})
	}
	return &out
}

func linkClaims(l *client.ProviderLink) *store.ProviderLink {
	if l == nil {
		return nil
	}
	return &store.ProviderLink{Directory: l.Directory, UserClaim: l.UserClaim, UIDClaim: l.UIDClaim}
}

func (s *server) providerOf(p store.Provider) client.Provider {
	groups := []client.GroupRoles{}
	for _, g := range p.Groups {
		groups = append(groups, client.GroupRoles{ID: g.ID, Roles: roleNames(g.Roles)})
	}
	return client.Provider{ID: string(p.ID), Name: p.Name, Issuer: p.Issuer, ClientID: p.ClientID, SecretSet: len(p.Secret) > 0,
		Scopes: list(p.Scopes), GroupsClaim: p.GroupsClaim, Groups: groups, CreateAccounts: p.CreateAccounts, AllowedDomains: list(p.AllowedDomains),
		Link:    client.ProviderLink{Directory: p.Link.Directory, UserClaim: p.Link.UserClaim, UIDClaim: p.Link.UIDClaim},
		Enabled: p.Enabled, CallbackURL: s.cfg.Public() + directory.CallbackPath, CreatedAt: p.MadeAt.UTC()}
}
