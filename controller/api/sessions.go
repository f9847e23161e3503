package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/version"
	"github.com/assent-epm/assent/shared/wire"
)

type signInInput struct{ Body client.NewSession }

type passwordInput struct{ Body client.NewPassword }

func (s *server) addSessions() {
	r := route{method: http.MethodPost, path: "/sessions", id: "sign-in", tag: "sessions", status: http.StatusCreated,
		summary: "Sign in with a password, a passkey or a one-time link", hint: hint{public: true, secret: true, limit: 16 << 10},
		example: client.NewSession{Login: "bo", Password: "correct horse battery"}}
	op := s.operation(r)
	huma.Register(s.huma, op, func(ctx context.Context, in *signInInput) (*answerCookie[client.Me], error) {
		cookie, me, err := s.signIn(ctx, in.Body, callerOf(ctx).address)
		if err != nil {
			return nil, s.door.fail(ctx, err, op.Method, op.Path)
		}
		return &answerCookie[client.Me]{Status: http.StatusCreated, SetCookie: cookie, Body: me}, nil
	})
	out := s.operation(route{method: http.MethodDelete, path: "/sessions", id: "sign-out", tag: "sessions",
		status: http.StatusNoContent, summary: "Sign out", hint: hint{factor: true, seat: true}})
	huma.Register(s.huma, out, func(ctx context.Context, _ *struct{}) (*emptyCookie, error) {
		if err := s.cfg.Accounts.SignOut(ctx, callerOf(ctx).actor, callerOf(ctx).cookie); err != nil {
			return nil, s.door.fail(ctx, err, out.Method, out.Path)
		}
		return &emptyCookie{SetCookie: s.cookie("", -1)}, nil
	})
	handleEmpty(s, route{method: http.MethodPut, path: "/me/password", id: "password", tag: "sessions",
		summary: "Choose one's own password; sessions end", hint: hint{secret: true, factor: true, limit: 16 << 10}},
		func(ctx context.Context, act auth.Actor, in *passwordInput) error {
			return s.cfg.Accounts.ChangePassword(ctx, act, in.Body.Current, in.Body.Password, callerOf(ctx).address)
		})
	handle(s, route{method: http.MethodGet, path: "/me", id: "me", tag: "sessions", summary: "Who the caller is", hint: hint{factor: true, seat: true}},
		func(ctx context.Context, act auth.Actor, _ *struct{}) (client.Me, error) { return s.me(act) })
	s.addFactors()
}

func (s *server) signIn(ctx context.Context, b client.NewSession, address string) (string, client.Me, error) {
	var cookie string
	var act auth.Actor
	var err error
	switch {
	case b.Passkey != nil && b.Link == "" && b.Login == "" && b.Password == "" && b.Code == "":
		cookie, act, err = s.cfg.Accounts.SignInByPasskey(ctx, b.Passkey.Ceremony, b.Passkey.Credential, address)
	case b.Passkey != nil:
		err = fmt.Errorf("%w: a passkey says who it is: give nothing else", elevation.ErrInvalid)
	case b.Link != "" && b.Login == "" && b.Password == "" && b.Code == "":
		cookie, act, err = s.cfg.Accounts.SignInByLink(ctx, b.Link, address)
	case b.Link == "" && b.Login != "" && b.Password != "":
		cookie, act, err = s.cfg.Accounts.SignIn(ctx, b.Login, b.Password, b.Code, address)
	default:
		err = fmt.Errorf("%w: give a login and a password, or a link, or a passkey", elevation.ErrInvalid)
	}
	if err != nil {
		return "", client.Me{}, err
	}
	me, err := s.me(act)
	if err != nil {
		return "", client.Me{}, err
	}
	return s.sessionCookie(cookie), me, nil
}

// sessionCookie lasts no longer than any session does; the session's own end is
// in the database.
func (s *server) sessionCookie(value string) string {
	return s.cookie(value, int(auth.SessionLife/time.Second))
}

// cookie writes the session's cookie. Behind TLS it has the __Host- prefix; on
// plain HTTP, which is served on loopback only, browsers refuse that prefix.
func (s *server) cookie(value string, maxAge int) string {
	c := &http.Cookie{Name: s.cookieName, Value: value, Path: "/", HttpOnly: true,
		Secure: s.cfg.Secure, SameSite: http.SameSiteStrictMode, MaxAge: maxAge}
	return c.String()
}

func (s *server) me(act auth.Actor) (client.Me, error) {
	if act.User == "" {
		return client.Me{}, auth.ErrUnauthenticated
	}
	m := client.Me{Demo: s.cfg.Demo, SignedInBy: act.SeenHow, PresenceUntil: moment(act.PresentUntil()), HasPasskey: act.HasPasskey, NeedsSecondFactor: act.MissingFactor,
		ID: string(act.User), Login: act.Login, Name: act.Name, Roles: []string{}, Scope: object(act.Scope),
		Permissions: []string{}, Session: act.Session, Cluster: s.cfg.Cluster, Version: version.Get(wire.Version).Version}
	if at := act.Seat; at.Taken() {
		m.Seat = &client.Seat{Endpoint: string(at.Endpoint), User: at.Name}
	}
	for _, r := range act.Roles {
		m.Roles = append(m.Roles, string(r))
	}
	for _, p := range auth.Permissions() {
		if act.Can(p) == nil {
			m.Permissions = append(m.Permissions, string(p))
		}
	}
	if act.Session && m.Seat == nil {
		m.UndoSeconds = s.undoSeconds()
	}
	return m, nil
}
