package api

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/directory"
	"github.com/assent-epm/assent/controller/store"
)

type oidcInput struct{ Body client.OIDCSignIn }

// addOIDC adds signing in with an identity provider: where to send the browser,
// and the address that providers send it back to, which is no operation of REST.
func (s *server) addOIDC() {
	op := s.operation(route{method: http.MethodPost, path: "/sessions/oidc", id: "sign-in-provider", tag: "sessions",
		summary: "Begin signing in with an identity provider", hint: hint{public: true, secret: true, limit: 16 << 10}})
	huma.Register(s.huma, op, func(ctx context.Context, in *oidcInput) (*answerCookie[client.OIDCRedirect], error) {
		to, cookie, err := s.cfg.Directory.Begin(ctx, store.ProviderID(in.Body.Provider), in.Body.ReturnTo, callerOf(ctx).address)
		if err != nil {
			return nil, s.door.fail(ctx, err, op.Method, op.Path)
		}
		return &answerCookie[client.OIDCRedirect]{Status: http.StatusOK, SetCookie: s.oidcCookie(cookie, int(directory.SignInFor/time.Second)), Body: client.OIDCRedirect{URL: to}}, nil
	})
	s.mux.HandleFunc("GET "+directory.CallbackPath, s.callback)
}

// oidcCookie keeps what a sign-in must remember. It is Lax, because the browser
// comes back from another site, and opens nothing by itself.
func (s *server) oidcCookie(value string, maxAge int) string {
	c := &http.Cookie{Name: s.oidcCookieName(), Value: value, Path: "/", HttpOnly: true, Secure: s.cfg.Secure, SameSite: http.SameSiteLaxMode, MaxAge: maxAge}
	return c.String()
}

func (s *server) oidcCookieName() string { return s.cookieName + "_oidc" }

// onward is a page that goes on by itself: a redirect would not bring the
// session's cookie, which is not sent to whoever comes from another site.
const onward = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Signed in</title>` +
	`<meta http-equiv="refresh" content="0;url={{.}}"></head><body><p>Signed in. <a href="{{.}}">Go on</a></p></body></html>`

// callback ends a sign-in at a provider.
func (s *server) callback(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Add("Set-Cookie", s.oidcCookie("", -1))
	if err := checkURL(r.URL); err != nil {
		s.turnAway(w, r, "The identity provider's answer can not be read. Begin again.")
		return
	}
	cookie := ""
	if c, err := r.Cookie(s.oidcCookieName()); err == nil {
		cookie = c.Value
	}
	session, to, err := s.cfg.Directory.Finish(r.Context(), r.URL.Query(), cookie, s.door.address(r))
	var refused *directory.Refusal
	switch {
	case errors.As(err, &refused):
		s.turnAway(w, r, refused.Sentence)
		return
	case errors.Is(err, auth.ErrRate):
		s.turnAway(w, r, "There were too many tries. Wait a minute and begin again.")
		return
	case errors.Is(err, auth.ErrUnauthenticated):
		s.turnAway(w, r, "Your account is disabled. Ask an administrator.")
		return
	case err != nil:
		s.cfg.Log.Error("a sign-in with a provider failed", "error", err)
		s.turnAway(w, r, "Something unexpected went wrong. The controller's log has the reason.")
		return
	}
	page, err := template.New("onward").Parse(onward)
	if err != nil {
		s.door.refuse(w, r, err)
		return
	}
	h.Add("Set-Cookie", s.sessionCookie(session))
	h.Set("Content-Type", "text/html; charset=utf-8")
	_ = page.Execute(w, "/"+to) // the peer is gone: there is nobody left to tell
}

// turnAway sends somebody back to the page for signing in, with a sentence.
func (s *server) turnAway(w http.ResponseWriter, r *http.Request, sentence string) {
	http.Redirect(w, r, "/#/sign-in?error="+url.QueryEscape(sentence), http.StatusSeeOther)
}
