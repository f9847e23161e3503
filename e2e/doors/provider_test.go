package doors

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/desk"
)

// noon is a Tuesday.
func noon() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

// calling opens a desk that may call this machine.
func calling(t *testing.T) *desk.Desk {
	t.Helper()
	t.Parallel()
	return desk.Open(t, noon(), func(c *controller.Config) { c.NotifyAllow = []string{"127.0.0.0/8", "::1"} })
}

// provider is an identity provider that does what OpenID Connect asks, and lies
// where a test tells it to.
type provider struct {
	*httptest.Server
	t   *testing.T
	d   *desk.Desk
	key *ecdsa.PrivateKey
	id  string // at the controller

	mu     sync.Mutex // guards the fields below
	claims map[string]any
	lie    func(claims map[string]any)                       // changes the claims before they are signed
	forge  func(claims map[string]any) string                // signs instead
	answer func(w http.ResponseWriter, token string) bool    // answers the token endpoint instead
	serve  func(w http.ResponseWriter, r *http.Request) bool // answers anything instead
	codes  map[string]url.Values
	last   url.Values // what the last code was for
}

const (
	clientID     = "assent"
	clientSecret = "a secret of the provider"
)

func newProvider(t *testing.T, d *desk.Desk) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{t: t, d: d, key: key, codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.json(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		serve := p.serve
		p.mu.Unlock()
		if serve == nil || !serve(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(p.Close)
	p.is("sub-eve", "eve@corp.example")
	return p
}

// is says whom the provider recognises from now on.
func (p *provider) is(subject, email string, groups ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims = map[string]any{"sub": subject, "email": email, "email_verified": true, "name": "Eve Example", "groups": groups, "preferred_username": strings.Split(email, "@")[0]}
}

func (p *provider) discovery(w http.ResponseWriter, _ *http.Request) {
	p.json(w, map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"ES256"}, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}})
}

func (p *provider) json(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.t.Error(err)
	}
}

// authorize signs the person in and sends them back with a code.
func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for name, want := range map[string]string{"client_id": clientID, "response_type": "code", "code_challenge_method": "S256", "redirect_uri": p.d.Controller.URL() + "/auth/oidc/callback"} {
		if q.Get(name) != want {
			p.t.Errorf("the provider is asked with %s %q, want %q", name, q.Get(name), want)
		}
	}
	if len(q.Get("state")) < 40 || len(q.Get("nonce")) < 40 || len(q.Get("code_challenge")) < 43 || !strings.Contains(q.Get("scope"), "openid") {
		p.t.Errorf("the provider is asked with %v", q)
	}
	code := fmt.Sprintf("code-%d", time.Now().UnixNano())
	p.mu.Lock()
	p.codes[code], p.last = q, q
	p.mu.Unlock()
	http.Redirect(w, r, q.Get("redirect_uri")+"?code="+code+"&state="+url.QueryEscape(q.Get("state")), http.StatusFound)
}

// token checks the client, the code and its verifier, and answers with a token.
func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	p.mu.Lock()
	asked, known := p.codes[r.FormValue("code")]
	delete(p.codes, r.FormValue("code"))
	claims, lie, forge, answer := maps.Clone(p.claims), p.lie, p.forge, p.answer
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if secret, _ = url.QueryUnescape(secret); id != clientID || secret != clientSecret || !known ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") || r.FormValue("redirect_uri") != asked.Get("redirect_uri") {
		w.WriteHeader(http.StatusBadRequest)
		p.json(w, map[string]string{"error": "invalid_grant", "error_description": "nothing that a log may have"})
		return
	}
	now := p.d.Now()
	claims["iss"], claims["aud"], claims["nonce"] = p.URL, clientID, asked.Get("nonce")
	claims["iat"], claims["exp"] = now.Unix(), now.Add(5*time.Minute).Unix()
	if lie != nil {
		lie(claims)
	}
	text := ""
	if forge != nil {
		text = forge(claims)
	} else {
		text = p.sign(jose.ES256, jose.JSONWebKey{Key: p.key, KeyID: "1"}, claims)
	}
	if answer == nil || !answer(w, text) {
		p.json(w, map[string]any{"access_token": "access", "token_type": "Bearer", "expires_in": 300, "id_token": text})
	}
}

func (p *provider) sign(alg jose.SignatureAlgorithm, key any, claims map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	raw, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	sig, err := signer.Sign(raw)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	text, err := sig.CompactSerialize()
	if err != nil {
		p.t.Error(err)
	}
	return text
}

// lies changes what the provider answers from now on.
func (p *provider) lies(change func(*provider)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lie, p.forge, p.answer, p.serve = nil, nil, nil, nil
	if change != nil {
		change(p)
	}
}

// add makes the provider known to the controller.
func (p *provider) add(change func(*client.NewProvider)) {
	p.t.Helper()
	in := client.NewProvider{Name: "Example ID", Issuer: p.URL, ClientID: clientID, ClientSecret: clientSecret, CreateAccounts: true, AllowedDomains: []string{"corp.example"}}
	if change != nil {
		change(&in)
	}
	made := desk.Must(p.d.Admin.AddProvider(p.t.Context(), in))(p.t)
	if !made.SecretSet || strings.Contains(desk.JSON(made), clientSecret) {
		p.t.Errorf("the secret is shown: %s", desk.JSON(made))
	}
	p.id = made.ID
}

// edit changes the provider at the controller.
func (p *provider) edit(in client.EditProvider) {
	p.t.Helper()
	desk.Must(p.d.Admin.EditProvider(p.t.Context(), p.id, in))(p.t)
}

// traveller is somebody with a browser of their own, who goes between the sites.
type traveller struct {
	*client.Client
	t *testing.T
	p *provider
}

func (p *provider) traveller() *traveller {
	p.t.Helper()
	jar := desk.Must(cookiejar.New(nil))(p.t)
	c := desk.Must(client.New(p.d.Controller.URL(), ""))(p.t)
	c.HTTP = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &traveller{Client: c, t: p.t, p: p}
}

// begin asks where to go and goes there; it gives the address that the provider
// sends the browser back to.
func (b *traveller) begin() string {
	b.t.Helper()
	to := desk.Must(client.Post[client.OIDCRedirect](b.t.Context(), b.Client, "/sessions/oidc", client.OIDCSignIn{Provider: b.p.id, ReturnTo: "#/requests?status=all"}))(b.t)
	resp := b.get(to.URL)
	return resp.Header.Get("Location")
}

func (b *traveller) get(address string) *http.Response {
	b.t.Helper()
	req := desk.Must(http.NewRequestWithContext(b.t.Context(), "GET", address, nil))(b.t)
	resp := desk.Must(b.HTTP.Do(req))(b.t)
	resp.Body.Close()
	return resp
}

// goOn comes back from the provider; it gives the sentence of a refusal.
func (b *traveller) goOn(back string) string {
	b.t.Helper()
	resp := b.get(back)
	_, sentence, refused := strings.Cut(resp.Header.Get("Location"), "/#/sign-in?error=")
	switch {
	case refused && resp.StatusCode == http.StatusSeeOther:
		return desk.Must(url.QueryUnescape(sentence))(b.t)
	case resp.StatusCode == http.StatusOK && resp.Header.Get("Location") == "":
		return ""
	}
	b.t.Errorf("the way back answers %s %v", resp.Status, resp.Header)
	return resp.Status
}

// signsIn goes the whole way and gives the sentence of a refusal.
func (b *traveller) signsIn() string {
	b.t.Helper()
	return b.goOn(b.begin())
}

// me is who the browser is signed in as, and why not.
func (b *traveller) me() (client.Me, error) {
	b.t.Helper()
	return client.Get[client.Me](b.t.Context(), b.Client, "/me", nil)
}

// refused is signsIn that must be refused with these words, without a session.
func (b *traveller) refused(words string) {
	b.t.Helper()
	if got := b.signsIn(); !strings.Contains(got, words) {
		b.t.Errorf("refused with %q, want %q", got, words)
	}
	if me, err := b.me(); desk.Code(err) != "unauthenticated" {
		b.t.Errorf("signed in as %+v %v", me, err)
	}
}
