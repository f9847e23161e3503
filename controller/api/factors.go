package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"rsc.io/qr"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
)

type passkeyLoginInput struct{ Body client.PasskeyLogin }

type stepUpInput struct{ Body client.StepUp }

type newPasskeyInput struct{ Body client.NewPasskey }

type totpInput struct{ Body client.TOTPCode }

type passkeyInput struct {
	ID string `path:"id" maxLength:"128" doc:"Id of the passkey." example:"pk_019aa8d2-7777-7c41-9d10-3b1f0c5f2a77"`
}

// smallSecret is for calls that carry or answer secrets and are open to whoever
// must have a second factor first.
func smallSecret() hint { return hint{secret: true, factor: true, limit: 64 << 10} }

func (s *server) addFactors() {
	handle(s, route{method: http.MethodGet, path: "/sign-in", id: "sign-in-page", tag: "sessions", hint: hint{public: true},
		summary: "What the page for signing in offers"}, s.signInPage)
	s.addStepUp()
	own := hint{factor: true}
	handle(s, route{method: http.MethodGet, path: "/me/factors", id: "factors", tag: "sessions", hint: own,
		summary: "See one's own passkeys and authenticator"}, s.factors)
	handle(s, route{method: http.MethodPost, path: "/me/passkeys/begin", id: "passkey-begin", tag: "sessions", hint: smallSecret(),
		summary: "Begin to add a passkey"}, func(ctx context.Context, act auth.Actor, _ *struct{}) (client.Ceremony, error) {
		id, options, err := s.cfg.Accounts.BeginAddPasskey(ctx, act)
		return client.Ceremony{Ceremony: id, Options: options}, err
	})
	handleSession(s, route{method: http.MethodPost, path: "/me/passkeys", id: "passkey-add", tag: "sessions", status: http.StatusCreated,
		hint: smallSecret(), summary: "Add a passkey; other sessions end"}, s.addPasskey)
	handleEmpty(s, route{method: http.MethodDelete, path: "/me/passkeys/{id}", id: "passkey-delete", tag: "sessions", hint: own,
		summary: "Remove one's own passkey"}, func(ctx context.Context, act auth.Actor, in *passkeyInput) error {
		return s.cfg.Accounts.RemovePasskey(ctx, act, in.ID, callerOf(ctx).address)
	})
	handle(s, route{method: http.MethodPost, path: "/me/totp/begin", id: "totp-begin", tag: "sessions", hint: smallSecret(),
		summary: "Begin to add an authenticator"}, func(ctx context.Context, act auth.Actor, _ *struct{}) (client.TOTPSecret, error) {
		secret, uri, err := s.cfg.Accounts.BeginTOTP(ctx, act)
		if err != nil {
			return client.TOTPSecret{}, err
		}
		rows, err := qrRows(uri)
		return client.TOTPSecret{Secret: secret, URI: uri, QR: rows}, err
	})
	handleSession(s, route{method: http.MethodPost, path: "/me/totp", id: "totp-add", tag: "sessions", hint: smallSecret(),
		summary: "Put the authenticator in force with its first code; other sessions end"}, s.addTOTP)
	handleEmpty(s, route{method: http.MethodDelete, path: "/me/totp", id: "totp-delete", tag: "sessions", hint: own,
		summary: "Remove one's own authenticator"}, func(ctx context.Context, act auth.Actor, _ *struct{}) error {
		return s.cfg.Accounts.RemoveTOTP(ctx, act, callerOf(ctx).address)
	})
	handleEmpty(s, route{method: http.MethodDelete, path: "/users/{id}/factors", id: "user-factors-delete", tag: "people",
		summary: "Take away the passkeys and the authenticator of somebody who lost them; their sessions end"},
		func(ctx context.Context, act auth.Actor, in *UserInput) error {
			return s.cfg.Admin.ResetFactors(ctx, act, in.ID)
		})
}

// qrRows draws a text as a QR code, so that no client needs to know how: a row
// is a text of 1 (dark) and 0 (light). The light border is not in it.
func qrRows(text string) ([]string, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return nil, fmt.Errorf("make a QR code: %w", err)
	}
	rows := make([]string, code.Size)
	for y := range rows {
		row := make([]byte, code.Size)
		for x := range row {
			row[x] = '0'
			if code.Black(x, y) {
				row[x] = '1'
			}
		}
		rows[y] = string(row)
	}
	return rows, nil
}

// handleSession registers an operation that gives the caller's session a new
// cookie.
func handleSession[In, Out any](s *server, r route, h func(context.Context, caller, *In) (cookie string, out Out, err error)) {
	op := s.operation(r)
	huma.Register(s.huma, op, func(ctx context.Context, in *In) (*answerCookie[Out], error) {
		cookie, out, err := h(ctx, callerOf(ctx), in)
		if err != nil {
			return nil, s.door.fail(ctx, err, op.Method, op.Path)
		}
		return &answerCookie[Out]{Status: op.DefaultStatus, SetCookie: s.sessionCookie(cookie), Body: out}, nil
	})
}

// addStepUp adds how presence is proved, at the sign-in and again.
func (s *server) addStepUp() {
	handle(s, route{method: http.MethodPost, path: "/sessions/passkey", id: "sign-in-passkey", tag: "sessions",
		summary: "Begin to sign in with a passkey", hint: hint{public: true, secret: true, limit: 16 << 10}},
		func(ctx context.Context, _ auth.Actor, in *passkeyLoginInput) (client.Ceremony, error) {
			id, options, err := s.cfg.Accounts.BeginPasskey(in.Body.Login, callerOf(ctx).address)
			return client.Ceremony{Ceremony: id, Options: options}, err
		})
	handle(s, route{method: http.MethodPost, path: "/sessions/step-up/passkey", id: "step-up-passkey", tag: "sessions", hint: smallSecret(),
		summary: "Begin to prove presence with a passkey"}, func(ctx context.Context, act auth.Actor, _ *struct{}) (client.Ceremony, error) {
		id, options, err := s.cfg.Accounts.BeginStepUp(ctx, act)
		return client.Ceremony{Ceremony: id, Options: options}, err
	})
	handleSession(s, route{method: http.MethodPost, path: "/sessions/step-up", id: "step-up", tag: "sessions", hint: smallSecret(),
		summary: "Prove presence again: with a passkey once there is one, else with the password"},
		func(ctx context.Context, c caller, in *stepUpInput) (string, client.Me, error) {
			proof := auth.Proof{Password: in.Body.Password, Code: in.Body.Code}
			if p := in.Body.Passkey; p != nil {
				proof.Ceremony, proof.Credential = p.Ceremony, p.Credential
			}
			cookie, act, err := s.cfg.Accounts.StepUp(ctx, c.actor, c.cookie, proof, c.address)
			if err != nil {
				return "", client.Me{}, err
			}
			me, err := s.me(act)
			return cookie, me, err
		})
}

func (s *server) signInPage(ctx context.Context, _ auth.Actor, _ *struct{}) (client.SignInPage, error) {
	page := client.SignInPage{Password: true, Passkey: s.cfg.Accounts.OffersPasskeys(), Providers: []client.SignInProvider{}, Cluster: s.cfg.Cluster}
	if s.cfg.Providers != nil {
		all, err := s.cfg.Providers(ctx)
		if err != nil {
			return client.SignInPage{}, err
		}
		page.Providers = append(page.Providers, all...)
	}
	return page, nil
}

func (s *server) factors(ctx context.Context, act auth.Actor, _ *struct{}) (client.Factors, error) {
	f, err := s.cfg.Accounts.Factors(ctx, act)
	out := client.Factors{Passkeys: []client.Passkey{}, TOTP: f.TOTP, Password: f.Password}
	for _, k := range f.Passkeys {
		out.Passkeys = append(out.Passkeys, passkeyOf(k))
	}
	return out, err
}

func passkeyOf(k auth.Passkey) client.Passkey {
	return client.Passkey{ID: k.ID, Name: k.Name, CreatedAt: k.CreatedAt.UTC(), LastUsedAt: moment(k.LastUsedAt), Blocked: !k.BlockedAt.IsZero()}
}

func (s *server) addPasskey(ctx context.Context, c caller, in *newPasskeyInput) (string, client.Passkey, error) {
	b := in.Body
	k, cookie, err := s.cfg.Accounts.AddPasskey(ctx, c.actor, c.cookie, b.Ceremony, b.Credential, b.Name, c.address)
	return cookie, passkeyOf(k), err
}

func (s *server) addTOTP(ctx context.Context, c caller, in *totpInput) (string, client.Factors, error) {
	cookie, act, err := s.cfg.Accounts.AddTOTP(ctx, c.actor, c.cookie, in.Body.Code, c.address)
	if err != nil {
		return "", client.Factors{}, err
	}
	f, err := s.factors(ctx, act, nil)
	return cookie, f, err
}
