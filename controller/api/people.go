package api

import (
	"context"
	"net/http"
	"time"

	"github.com/assent-epm/assent/controller/admin"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// UserInput names an account in the path.
type UserInput struct {
	ID string `path:"id" maxLength:"128" doc:"Id or login." example:"bo"`
}

type newUserInput struct{ Body client.NewUser }

type editUserInput struct {
	UserInput
	Body client.EditUser
}

type newTokenInput struct{ Body client.NewToken }

type editTokenInput struct {
	ID   string `path:"id" maxLength:"64" example:"tok_019aa8d2-4444-7c41-9d10-3b1f0c5f2a77"`
	Body client.EditToken
}

func (s *server) addPeople() {
	handle(s, route{method: http.MethodGet, path: "/users", id: "user-list", tag: "people", summary: "List accounts"},
		paged(s.cfg.Admin.Users, "users", func(u store.User) string { return string(u.ID) }, userOf))
	handle(s, route{method: http.MethodPost, path: "/users", id: "user-add", tag: "people", status: http.StatusCreated,
		summary: "Make an account"}, s.addUser)
	handle(s, route{method: http.MethodGet, path: "/users/{id}", id: "user-view", tag: "people", summary: "See one account"},
		func(ctx context.Context, a auth.Actor, in *UserInput) (client.User, error) {
			u, err := s.cfg.Admin.User(ctx, a, in.ID)
			return userOf(u), err
		})
	handle(s, route{method: http.MethodPut, path: "/users/{id}", id: "user-edit", tag: "people",
		summary: "Change an account; what is left out stays"}, s.editUser)
	handleEmpty(s, route{method: http.MethodDelete, path: "/users/{id}", id: "user-delete", tag: "people", summary: "Delete an account"},
		func(ctx context.Context, a auth.Actor, in *UserInput) error {
			return s.cfg.Admin.DeleteUser(ctx, a, in.ID)
		})
	handle(s, route{method: http.MethodGet, path: "/tokens", id: "token-list", tag: "people", summary: "List API tokens"},
		paged(s.cfg.Admin.Tokens, "tokens", func(t store.APIToken) string { return string(t.ID) }, tokenOf))
	handle(s, route{method: http.MethodPost, path: "/tokens", id: "token-add", tag: "people", status: http.StatusCreated,
		summary: "Make an API token", hint: hint{secret: true}}, s.addToken)
	handle(s, route{method: http.MethodGet, path: "/tokens/{id}", id: "token-view", tag: "people", summary: "See one API token, without what it opens"},
		func(ctx context.Context, a auth.Actor, in *tokenInput) (client.Token, error) {
			t, err := s.cfg.Admin.Token(ctx, a, elevation.TokenID(in.ID))
			return tokenOf(t), err
		})
	handle(s, route{method: http.MethodPut, path: "/tokens/{id}", id: "token-edit", tag: "people",
		summary: "Rename an API token or take scopes from it; what is left out stays", example: client.EditToken{Name: new("nightly export")}},
		func(ctx context.Context, a auth.Actor, in *editTokenInput) (client.Token, error) {
			t, err := s.cfg.Admin.EditToken(ctx, a, elevation.TokenID(in.ID), admin.EditToken{Name: in.Body.Name, Scopes: in.Body.Scopes})
			return tokenOf(t), err
		})
	handleEmpty(s, route{method: http.MethodDelete, path: "/tokens/{id}", id: "token-delete", tag: "people", summary: "Withdraw an API token"},
		func(ctx context.Context, a auth.Actor, in *tokenInput) error {
			return s.cfg.Admin.DeleteToken(ctx, a, elevation.TokenID(in.ID))
		})
}

func userOf(u store.User) client.User {
	return client.User{ID: string(u.ID), Login: u.Login, Name: u.Name, Email: u.Email, Roles: roleNames(u.Roles), Scope: object(u.Scope),
		HasPassword: u.PasswordHash != "", HasPasskey: u.HasPasskey, HasTOTP: u.HasTOTP, SignedInAt: moment(u.SignedInAt), CreatedAt: u.CreatedAt.UTC(), DisabledAt: moment(u.DisabledAt)}
}

func roleNames(roles []auth.Role) []string {
	out := []string{}
	for _, r := range roles {
		out = append(out, string(r))
	}
	return out
}

func rolesOf(names []string) []auth.Role {
	var out []auth.Role
	for _, n := range names {
		out = append(out, auth.Role(n))
	}
	return out
}

func (s *server) addUser(ctx context.Context, a auth.Actor, in *newUserInput) (client.User, error) {
	b := in.Body
	u, err := s.cfg.Admin.AddUser(ctx, a, admin.NewUser{Login: b.Login, Name: b.Name, Email: b.Email, Password: b.Password,
		Roles: rolesOf(b.Roles), Scope: b.Scope})
	return userOf(u), err
}

func (s *server) editUser(ctx context.Context, a auth.Actor, in *editUserInput) (client.User, error) {
	b := in.Body
	edit := admin.EditUser{Name: b.Name, Email: b.Email, Password: b.Password, Disabled: b.Disabled}
	if b.Roles != nil {
		roles := rolesOf(*b.Roles)
		edit.Roles = &roles
	}
	if b.Scope != nil {
		edit.Scope = (*map[string]string)(&b.Scope)
	}
	u, err := s.cfg.Admin.EditUser(ctx, a, in.ID, edit)
	return userOf(u), err
}

func tokenOf(t store.APIToken) client.Token {
	return client.Token{ID: string(t.ID), Name: t.Name, User: string(t.Owner), Scopes: list(t.Scopes), ExpiresAt: t.ExpiresAt.UTC(),
		CreatedAt: t.CreatedAt.UTC(), LastUsedAt: moment(t.LastUsedAt)}
}

func (s *server) addToken(ctx context.Context, a auth.Actor, in *newTokenInput) (client.Token, error) {
	b := in.Body
	t, plain, err := s.cfg.Admin.AddToken(ctx, a, admin.NewToken{Name: b.Name, User: b.User, Scopes: b.Scopes,
		TTL: time.Duration(b.TTLSeconds) * time.Second})
	if err != nil {
		return client.Token{}, err
	}
	out := tokenOf(t)
	out.Token = plain
	return out, nil
}
