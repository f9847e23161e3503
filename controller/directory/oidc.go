package directory

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// CallbackPath is where providers send people back to.
const CallbackPath = "/auth/oidc/callback"

// SignInFor is how long somebody may take at the provider.
const SignInFor = 10 * time.Minute

// Refusal is a sign-in that was refused: a sentence for the person, and why for
// the log, which may name what the provider said.
type Refusal struct {
	Sentence string
	Why      error
}

// Error is the sentence.
func (r *Refusal) Error() string { return r.Sentence }

// Unwrap gives the reason.
func (r *Refusal) Unwrap() error { return r.Why }

// begun is what a sign-in must remember. It stays with the browser, encrypted:
// whoever begins sign-ins fills nothing here.
type begun struct {
	State    string           `json:"state"`
	Nonce    string           `json:"nonce"`
	Verifier string           `json:"verifier"`
	Provider store.ProviderID `json:"provider"`
	ReturnTo string           `json:"return_to"`
	Until    time.Time        `json:"until"`
}

const cookiePurpose = "sign-in with a provider"

// Begin begins signing in with a provider, named by its id: the address to send
// the browser to, and the text of a cookie that it must bring back.
func (d *Directory) Begin(ctx context.Context, id store.ProviderID, returnTo, address string) (to, cookie string, err error) {
	if err := d.limit(d.tries, address); err != nil {
		return "", "", err
	}
	if returnTo, err = checkReturn(returnTo); err != nil {
		return "", "", err
	}
	p, err := d.enabled(ctx, id)
	if err != nil {
		return "", "", err
	}
	found, err := d.discover(ctx, p)
	if err != nil {
		return "", "", err
	}
	conf, err := d.oauth(found, p)
	if err != nil {
		return "", "", err
	}
	b := begun{State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier(), Provider: p.ID, ReturnTo: returnTo, Until: d.cfg.Now().Add(SignInFor)}
	raw, err := json.Marshal(b)
	if err != nil {
		return "", "", fmt.Errorf("remember a sign-in: %w", err)
	}
	wrapped, err := d.cfg.Wrap(cookiePurpose, raw)
	if err != nil {
		return "", "", fmt.Errorf("remember a sign-in: %w", err)
	}
	return conf.AuthCodeURL(b.State, oidc.Nonce(b.Nonce), oauth2.S256ChallengeOption(b.Verifier)), base64.RawURLEncoding.EncodeToString(wrapped), nil
}

// checkReturn takes pages of the console only.
func checkReturn(to string) (string, error) {
	if to == "" {
		return "#/", nil
	}
	to = strings.TrimPrefix(to, "/")
	if err := elevation.CheckLine("page to return to", to, 500); err != nil {
		return "", err
	}
	if !strings.HasPrefix(to, "#/") || strings.ContainsAny(to, " \"'<>\\") {
		return "", fmt.Errorf("%w: return_to is a page of the console, such as #/requests", elevation.ErrInvalid)
	}
	return to, nil
}

func random() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails: crypto/rand documents that it ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// enabled is a provider that may be used; one that is off is not found.
func (d *Directory) enabled(ctx context.Context, id store.ProviderID) (p store.Provider, err error) {
	err = d.view(ctx, func(tx *store.Tx) error { p, err = tx.Provider(id); return err })
	if err == nil && !p.Enabled {
		return store.Provider{}, fmt.Errorf("identity provider: %w", elevation.ErrNotFound)
	}
	return p, err
}

func (d *Directory) oauth(found *oidc.Provider, p store.Provider) (*oauth2.Config, error) {
	conf := &oauth2.Config{ClientID: p.ClientID, Endpoint: found.Endpoint(), RedirectURL: d.cfg.Public() + CallbackPath, Scopes: p.Scopes}
	if len(p.Secret) > 0 {
		secret, err := d.cfg.Unwrap(secretPurpose(p.ID), p.Secret)
		if err != nil {
			return nil, fmt.Errorf("read the client secret of %s: %w", p.Name, err)
		}
		conf.ClientSecret = string(secret)
	}
	return conf, nil
}

// Finish ends a sign-in with what the provider sent back in the query and the
// cookie that [Directory.Begin] gave. It returns the text of a session's cookie
// and the page to go on to; every refusal is a [*Refusal] or
// [auth.ErrRate], and is in the audit log.
func (d *Directory) Finish(ctx context.Context, query url.Values, cookie, address string) (session, returnTo string, err error) {
	if err := d.limit(d.tries, address); err != nil {
		return "", "", err
	}
	user, returnTo, err := d.finish(ctx, query, cookie)
	if err == nil {
		session, _, err = d.cfg.Open(ctx, user, address, "oidc")
		if err != nil {
			return "", "", fmt.Errorf("open a session: %w", err)
		}
		for range 2 { // beginning and ending: an office behind one address may all sign in
			d.tries.GiveBack(address, d.cfg.Now())
		}
		return session, returnTo, nil
	}
	var refused *Refusal
	if !errors.As(err, &refused) {
		return "", "", err
	}
	d.cfg.Log.Info("a sign-in with a provider was refused", "address", address, "error", audit.Clip(refused.Why.Error(), 300))
	data := map[string]string{"how": "oidc", "address": address, "why": audit.Clip(refused.Sentence, 300)}
	e := d.event(elevation.Actor{Kind: elevation.BySystem}, audit.AuthLoginFailed, data)
	if err := d.update(ctx, func(tx *store.Tx) error { return tx.Append(e) }); err != nil {
		return "", "", fmt.Errorf("record a failed sign-in: %w", err)
	}
	return "", "", refused
}

func refusal(sentence, format string, args ...any) error {
	return &Refusal{Sentence: sentence, Why: fmt.Errorf(format, args...)}
}

const (
	beginAgain = "This sign-in was begun in another browser, used before, or too long ago. Begin again."
	notChecked = "The identity provider's answer could not be checked. Ask an administrator: the controller's log has the reason."
)

func (d *Directory) finish(ctx context.Context, query url.Values, cookie string) (user elevation.UserID, returnTo string, err error) {
	b, err := d.remembered(ctx, query.Get("state"), cookie)
	if err != nil {
		return "", "", err
	}
	p, err := d.enabled(ctx, b.Provider)
	if errors.Is(err, elevation.ErrNotFound) {
		return "", "", refusal("This identity provider is no longer used. Sign in another way.", "provider %s is off or gone", b.Provider)
	} else if err != nil {
		return "", "", err
	}
	if iss := query.Get("iss"); iss != "" && iss != p.Issuer {
		return "", "", refusal(notChecked, "the answer is from %q, not from %q", iss, p.Issuer)
	}
	if query.Get("error") != "" {
		return "", "", refusal(p.Name+" did not let you sign in.", "the provider answered %q", query.Get("error"))
	}
	c, err := d.exchange(ctx, p, b, query.Get("code"))
	if err != nil {
		return "", "", err
	}
	user, err = d.recognise(ctx, p, c)
	return user, b.ReturnTo, err
}

// remembered opens the cookie and uses its state up, once.
func (d *Directory) remembered(ctx context.Context, state, cookie string) (b begun, err error) {
	wrapped, err := base64.RawURLEncoding.DecodeString(cookie)
	if err != nil || len(wrapped) == 0 || len(wrapped) > 4096 {
		return b, refusal(beginAgain, "there is no cookie of a sign-in")
	}
	raw, err := d.cfg.Unwrap(cookiePurpose, wrapped)
	if err == nil {
		err = json.Unmarshal(raw, &b)
	}
	if err != nil {
		return b, refusal(beginAgain, "the cookie of the sign-in is not ours: %w", err)
	}
	if b.State == "" || subtle.ConstantTimeCompare([]byte(state), []byte(b.State)) != 1 {
		return b, refusal(beginAgain, "the state is not that of this browser")
	}
	if now := d.cfg.Now(); !now.Before(b.Until) || b.Until.Sub(now) > SignInFor {
		return b, refusal(beginAgain, "the sign-in was to end by %s", b.Until)
	}
	hash := sha256.Sum256([]byte(b.State))
	err = d.update(ctx, func(tx *store.Tx) error { return tx.UseState(hash[:], b.Until) })
	if errors.Is(err, store.ErrExists) {
		return b, refusal(beginAgain, "the state was used before")
	}
	return b, err
}

// exchange turns the code into what the provider says of the person, checked.
func (d *Directory) exchange(ctx context.Context, p store.Provider, b begun, code string) (c claims, err error) {
	if code == "" || len(code) > 4096 {
		return c, refusal(notChecked, "there is no code")
	}
	found, err := d.discover(ctx, p)
	if err != nil {
		return c, refusal(p.Name+" does not answer. Try again, or sign in another way.", "%w", err)
	}
	conf, err := d.oauth(found, p)
	if err != nil {
		return c, err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, d.outside), 2*fetchTime)
	defer cancel()
	token, err := conf.Exchange(ctx, code, oauth2.VerifierOption(b.Verifier))
	if err != nil {
		var answer *oauth2.RetrieveError
		if errors.As(err, &answer) { // its text has the whole answer
			err = fmt.Errorf("the provider answered %q", answer.ErrorCode)
		}
		return c, refusal(p.Name+" did not confirm the sign-in. Begin again.", "exchange the code: %w", err)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return c, refusal(notChecked, "there is no id_token")
	}
	id, err := found.Verifier(&oidc.Config{ClientID: p.ClientID, Now: d.cfg.Now}).Verify(ctx, raw)
	if err != nil {
		return c, refusal(notChecked, "check the id_token: %w", err)
	}
	if err := checkToken(id, p, b, token.AccessToken, d.cfg.Now()); err != nil {
		return c, refusal(notChecked, "check the id_token: %w", err)
	}
	all := map[string]json.RawMessage{}
	if err := id.Claims(&all); err != nil {
		return c, refusal(notChecked, "read the id_token: %w", err)
	}
	if err := d.complete(ctx, found, p, token, id.Subject, all); err != nil {
		return c, refusal(notChecked, "ask for the user: %w", err)
	}
	return readClaims(p, id.Subject, all)
}

// checkToken checks what the library leaves to its caller.
func checkToken(id *oidc.IDToken, p store.Provider, b begun, access string, now time.Time) error {
	var also struct {
		Party *string `json:"azp"`
	}
	if err := id.Claims(&also); err != nil {
		return fmt.Errorf("read the claims: %w", err)
	}
	switch {
	case len(id.Audience) != 1 || id.Audience[0] != p.ClientID:
		return fmt.Errorf("it is for %q", id.Audience)
	case also.Party != nil && *also.Party != p.ClientID:
		return fmt.Errorf("it was asked for by %q", *also.Party)
	case b.Nonce == "" || subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(b.Nonce)) != 1:
		return errors.New("its nonce is another one")
	case id.Issuer != p.Issuer:
		return fmt.Errorf("it is from %q", id.Issuer)
	case !now.Before(id.Expiry):
		return fmt.Errorf("it ended at %s", id.Expiry)
	case id.IssuedAt.After(now.Add(5 * time.Minute)):
		return fmt.Errorf("it is from the future: %s", id.IssuedAt)
	case strings.TrimSpace(id.Subject) == "" || elevation.CheckLine("subject", id.Subject, 255) != nil:
		return errors.New("it names nobody")
	case id.AccessTokenHash != "":
		return id.VerifyAccessToken(access)
	}
	return nil
}

// complete asks the provider for claims that it leaves out of its tokens.
func (d *Directory) complete(ctx context.Context, found *oidc.Provider, p store.Provider, token *oauth2.Token, subject string, all map[string]json.RawMessage) error {
	_, groups := all[p.GroupsClaim]
	_, email := all["email"]
	if found.UserInfoEndpoint() == "" || email && (groups || len(p.Groups) == 0) {
		return nil
	}
	info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return fmt.Errorf("read the user's claims: %s", audit.Clip(err.Error(), 200))
	}
	if info.Subject != subject {
		return errors.New("the provider tells of somebody else")
	}
	more := map[string]json.RawMessage{}
	if err := info.Claims(&more); err != nil {
		return fmt.Errorf("read the user's claims: %w", err)
	}
	for name, value := range more {
		if _, there := all[name]; !there && (!email || name != "email_verified") {
			all[name] = value
		}
	}
	return nil
}
