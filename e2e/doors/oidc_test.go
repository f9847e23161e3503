package doors

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/desk"
)

// TestA12OIDCSignsInByGroup: an account is made by a verified address, its roles
// follow the groups at each sign-in, and whoever is in none any more is out, with
// every session and token.
func TestA12OIDCSignsInByGroup(t *testing.T) {
	d := calling(t)
	p := newProvider(t, d)
	p.add(func(in *client.NewProvider) {
		in.Groups = []client.GroupRoles{{ID: "g-1", Roles: []string{"approver"}}, {ID: "g-2", Roles: []string{"auditor", "rule_author"}}}
		in.Link = &client.ProviderLink{Directory: "corp.example", UserClaim: "preferred_username"}
	})
	page := desk.Must(d.Admin.SignInPage(t.Context()))(t)
	if len(page.Providers) != 1 || page.Providers[0].ID != p.id || page.Providers[0].Name != "Example ID" {
		t.Errorf("the page offers %+v", page.Providers)
	}
	roles := func(b *traveller) string {
		t.Helper()
		me, err := b.me()
		if err != nil {
			t.Fatal(err)
		}
		return me.Login + ": " + strings.Join(me.Roles, " ")
	}
	p.is("sub-eve", "Eve@corp.example", "g-1", "unknown")
	b := p.traveller()
	if s := b.signsIn(); s != "" {
		t.Fatal(s)
	}
	if got := roles(b); got != "eve@corp.example: approver" {
		t.Errorf("the groups give %s", got)
	}
	links := desk.Must(client.Get[client.List[client.Link]](t.Context(), d.Admin.Client, "/links", nil))(t).Items
	if len(links) != 1 || *links[0].User != "Eve" || *links[0].Directory != "corp.example" || links[0].MadeBy != "identity provider Example ID" {
		t.Errorf("links: %s", desk.JSON(links))
	}
	p.is("sub-eve", "other@elsewhere.example", "g-2") // the address does not matter any more
	if s := b.signsIn(); s != "" {
		t.Fatal(s)
	}
	if got := roles(b); got != "eve@corp.example: rule_author auditor" {
		t.Errorf("other groups give %s", got)
	}
	tok := desk.Must(client.Post[client.Token](t.Context(), b.Client, "/tokens", client.NewToken{Name: "script"}))(t)
	script := desk.Must(client.New(d.URL, tok.Token))(t)
	if _, err := client.Get[client.Me](t.Context(), script, "/me", nil); err != nil {
		t.Fatal(err)
	}
	p.is("sub-eve", "eve@corp.example", "unknown")
	out := p.traveller()
	out.refused("None of your groups")
	for name, c := range map[string]*client.Client{"session": b.Client, "token": script} {
		if _, err := client.Get[client.Me](t.Context(), c, "/me", nil); desk.Code(err) != "unauthenticated" {
			t.Errorf("the %s still works: %v", name, err)
		}
	}
	p.is("sub-eve", "eve@corp.example", "g-1")
	again := p.traveller()
	if s := again.signsIn(); s != "" {
		t.Fatal(s)
	}
	if got := roles(again); got != "eve@corp.example: approver" {
		t.Errorf("back in a group gives %s", got)
	}
	for name, c := range map[string]*client.Client{"session": b.Client, "token": script} {
		if _, err := client.Get[client.Me](t.Context(), c, "/me", nil); desk.Code(err) != "unauthenticated" {
			t.Errorf("the old %s is alive again: %v", name, err)
		}
	}
	p.edit(client.EditProvider{Groups: &[]client.GroupRoles{{ID: "g-2", Roles: []string{"auditor"}}}}) // at once, for all
	if _, err := again.me(); desk.Code(err) != "unauthenticated" {
		t.Errorf("after the mapping is gone: %v", err)
	}
}

// TestA12OIDCChecksEveryClaim: what the provider says is taken only when all of
// it is right, and its lies make neither session nor account.
func TestA12OIDCChecksEveryClaim(t *testing.T) {
	d := calling(t)
	p := newProvider(t, d)
	p.add(nil)
	claim := func(name string, v any) func(*provider) {
		return func(p *provider) { p.lie = func(c map[string]any) { c[name] = v } }
	}
	without := func(name string) func(*provider) {
		return func(p *provider) { p.lie = func(c map[string]any) { delete(c, name) } }
	}
	forged := func(f func(map[string]any) string) func(*provider) { return func(p *provider) { p.forge = f } }
	now := d.Now()
	const unchecked, mail, domain = "could not be checked", "not verified", "have no access"
	for _, row := range []struct {
		name  string
		lie   func(*provider)
		words string
	}{
		{"audience of another", claim("aud", "somebody-else"), unchecked},
		{"audience and another", claim("aud", []string{clientID, "somebody-else"}), unchecked},
		{"no audience", without("aud"), unchecked},
		{"asked for by another", claim("azp", "somebody-else"), unchecked},
		{"asked for by nobody", claim("azp", ""), unchecked},
		{"another nonce", claim("nonce", "n"), unchecked},
		{"no nonce", without("nonce"), unchecked},
		{"expired", claim("exp", now.Add(-time.Second).Unix()), unchecked},
		{"without an end", without("exp"), unchecked},
		{"from the future", claim("iat", now.Add(time.Hour).Unix()), unchecked},
		{"another issuer", claim("iss", "https://login.evil.example"), unchecked},
		{"the issuer with a slash", claim("iss", p.URL+"/"), unchecked},
		{"empty subject", claim("sub", ""), unchecked},
		{"blank subject", claim("sub", " "), unchecked},
		{"no subject", without("sub"), unchecked},
		{"subject with an escape", claim("sub", "\x1b[2J"), unchecked},
		{"hash of another access token", claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), unchecked},
		{"unverified address", claim("email_verified", false), mail},
		{"verified in quotes", claim("email_verified", "true"), mail},
		{"nothing about verified", without("email_verified"), mail},
		{"no address", without("email"), mail},
		{"suffix of the domain", claim("email", "eve@corp.example.evil"), domain},
		{"prefix of the domain", claim("email", "eve@evil-corp.example"), domain},
		{"below the domain", claim("email", "eve@evil.corp.example"), domain},
		{"two domains", claim("email", "eve@evil.example@corp.example"), mail},
		{"domain in a comment", claim("email", "eve@evil.example(@corp.example)"), mail},
		{"domain with a letter that looks alike", claim("email", "eve@c\u043erp.example"), mail},
		{"no signature", forged(func(c map[string]any) string {
			raw, _ := json.Marshal(c)
			return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(raw) + "."
		}), unchecked},
		{"signed with the client's secret", forged(func(c map[string]any) string { return p.sign(jose.HS256, []byte(clientSecret+"........"), c) }), unchecked},
		{"signed with the public key", forged(func(c map[string]any) string {
			raw, _ := (&jose.JSONWebKey{Key: p.key.Public()}).MarshalJSON()
			return p.sign(jose.HS256, raw, c)
		}), unchecked},
		{"signed with another key", forged(func(c map[string]any) string {
			other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			return p.sign(jose.ES256, jose.JSONWebKey{Key: other, KeyID: "1"}, c)
		}), unchecked},
		{"not a token", forged(func(map[string]any) string { return "a.b.c" }), unchecked},
		{"no id_token", func(p *provider) {
			p.answer = func(w http.ResponseWriter, _ string) bool {
				p.json(w, map[string]any{"access_token": "access", "token_type": "Bearer"})
				return true
			}
		}, unchecked},
		{"a page for a token", func(p *provider) {
			p.answer = func(w http.ResponseWriter, _ string) bool { fmt.Fprint(w, "<html>"); return true }
		}, "did not confirm"},
	} {
		d.Pass(10 * time.Second) // tries of one address are limited
		p.lies(row.lie)
		b := p.traveller()
		got := b.signsIn()
		if !strings.Contains(got, row.words) {
			t.Errorf("%s: refused with %q, want %q", row.name, got, row.words)
		}
		if me, err := b.me(); desk.Code(err) != "unauthenticated" {
			t.Errorf("%s: signed in as %+v %v", row.name, me, err)
		}
	}
	users := desk.Must(client.Get[client.List[client.User]](t.Context(), d.Admin.Client, "/users", nil))(t).Items
	if len(users) != 1 {
		t.Errorf("lies made accounts: %s", desk.JSON(users))
	}
	p.edit(client.EditProvider{Groups: &[]client.GroupRoles{{ID: "g-1", Roles: []string{"approver"}}}})
	d.Pass(10 * time.Second)
	p.lies(func(p *provider) {
		p.lie = func(c map[string]any) {
			delete(c, "groups")
			c["_claim_names"], c["_claim_sources"] = map[string]string{"groups": "s"}, map[string]any{"s": map[string]string{"endpoint": p.URL}}
		}
	})
	p.traveller().refused("too many")
	if log := audited(t, d, "auth.login_failed"); len(log) < 30 {
		t.Errorf("%d failures are in the audit log", len(log))
	}
}

// audited are the audit events of a kind, each as text.
func audited(t *testing.T, d *desk.Desk, kind string) []string {
	t.Helper()
	var out []string
	d.Eventually("the audit log has it", func() bool {
		out = nil
		page, err := d.Admin.Do("GET", "/audit?limit=500&kind="+kind, nil)
		if err != nil {
			t.Fatal(err)
		}
		items, _ := page["items"].([]any)
		for _, i := range items {
			out = append(out, desk.JSON(i))
		}
		return len(out) > 0
	})
	return out
}

// TestA12OIDCBelongsToOneBrowser: the way back works once, in the browser that
// began, within ten minutes, while the provider is used.
func TestA12OIDCBelongsToOneBrowser(t *testing.T) {
	d := calling(t)
	p := newProvider(t, d)
	p.add(nil)
	const again = "used before"
	t.Run("another browser", func(t *testing.T) {
		eve, mallory := p.traveller(), p.traveller()
		if s := eve.goOn(mallory.begin()); !strings.Contains(s, again) {
			t.Errorf("without anything begun: %q", s)
		}
		eve.begin()
		if s := eve.goOn(mallory.begin()); !strings.Contains(s, again) {
			t.Errorf("with another one begun: %q", s)
		}
		if _, err := eve.me(); desk.Code(err) != "unauthenticated" {
			t.Error("signed in as whoever sent the address")
		}
	})
	t.Run("replay", func(t *testing.T) {
		b := p.traveller()
		back := b.begin()
		req := desk.Must(http.NewRequestWithContext(t.Context(), "GET", back, nil))(t)
		cookies := b.HTTP.Jar.Cookies(req.URL)
		if s := b.goOn(back); s != "" {
			t.Fatal(s)
		}
		if me := desk.Must(b.me())(t); me.Login != "eve@corp.example" || !me.Session {
			t.Errorf("signed in as %+v", me)
		}
		thief := p.traveller()
		thief.HTTP.Jar.SetCookies(req.URL, cookies)
		p.mu.Lock() // a provider that takes a code twice
		p.codes[req.URL.Query().Get("code")] = p.last
		p.mu.Unlock()
		if s := thief.goOn(back); !strings.Contains(s, again) {
			t.Errorf("a second time: %q", s)
		}
	})
	t.Run("ten minutes", func(t *testing.T) {
		b := p.traveller()
		back := b.begin()
		d.Pass(10*time.Minute + time.Second)
		if s := b.goOn(back); !strings.Contains(s, again) {
			t.Errorf("too late: %q", s)
		}
	})
	t.Run("state of somebody's own making", func(t *testing.T) {
		b := p.traveller()
		back := b.begin()
		if s := b.goOn(back[:strings.LastIndex(back, "state=")] + "state="); !strings.Contains(s, again) {
			t.Errorf("no state: %q", s)
		}
	})
	t.Run("the verifier is not sent twice", func(t *testing.T) {
		b := p.traveller()
		back := b.begin()
		p.mu.Lock()
		for code, q := range p.codes {
			q.Set("code_challenge", "of-another-verifier")
			p.codes[code] = q
		}
		p.mu.Unlock()
		if s := b.goOn(back); !strings.Contains(s, "did not confirm") {
			t.Errorf("a code of another sign-in: %q", s)
		}
	})
	t.Run("turned off in between", func(t *testing.T) {
		d.Pass(time.Minute)
		b := p.traveller()
		back := b.begin()
		p.edit(client.EditProvider{Enabled: new(false)})
		if s := b.goOn(back); !strings.Contains(s, "no longer used") {
			t.Errorf("turned off: %q", s)
		}
		if _, err := client.Post[client.OIDCRedirect](t.Context(), b.Client, "/sessions/oidc", client.OIDCSignIn{Provider: p.id}); desk.Code(err) != "not_found" {
			t.Errorf("begun with a provider that is off: %v", err)
		}
		p.edit(client.EditProvider{Enabled: new(true)})
	})
	t.Run("pages of others", func(t *testing.T) {
		for _, to := range []string{"https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "#/a\"><script>", "#evil", "/api/v1/me"} {
			d.Pass(10 * time.Second)
			if _, err := client.Post[client.OIDCRedirect](t.Context(), p.traveller().Client, "/sessions/oidc", client.OIDCSignIn{Provider: p.id, ReturnTo: to}); desk.Code(err) != "invalid" {
				t.Errorf("goes on to %s: %v", to, err)
			}
		}
	})
	t.Run("too many tries", func(t *testing.T) {
		code := ""
		for range 150 {
			_, err := client.Post[client.OIDCRedirect](t.Context(), p.traveller().Client, "/sessions/oidc", client.OIDCSignIn{Provider: p.id})
			if code = desk.Code(err); code != "" {
				break
			}
		}
		if code != "rate_limited" {
			t.Errorf("ends with %q", code)
		}
	})
}

// TestA12OIDCProviderThatMisbehaves: no provider holds the controller up, fills
// it, or leads it somewhere else.
func TestA12OIDCProviderThatMisbehaves(t *testing.T) {
	d := calling(t)
	begin := func(t *testing.T, p *provider) string {
		t.Helper()
		_, err := client.Post[client.OIDCRedirect](t.Context(), p.traveller().Client, "/sessions/oidc", client.OIDCSignIn{Provider: p.id})
		return desk.Code(err)
	}
	metadata := make(chan string, 100) // a service of the neighbourhood that nobody may be led to
	inner := newProvider(t, d)
	inner.serve = func(_ http.ResponseWriter, r *http.Request) bool { metadata <- r.URL.Path; return false }
	at := func(path string, do http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == path {
				do(w, r)
			}
			return r.URL.Path == path
		}
	}
	huge := func(w http.ResponseWriter, _ *http.Request) {
		block := []byte(strings.Repeat(" ", 1<<16))
		for range 1 << 10 {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}
	away := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, inner.URL+r.URL.Path, http.StatusFound)
	}
	slow := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	said := func(change func(map[string]any)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			issuer := "http://" + r.Host
			doc := map[string]any{"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token", "jwks_uri": issuer + "/keys"}
			change(doc)
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(doc)
		}
	}
	const discovery = "/.well-known/openid-configuration"
	n := 0
	for name, do := range map[string]http.HandlerFunc{
		"huge": huge, "elsewhere": away, "slow": slow,
		"another issuer": said(func(m map[string]any) { m["issuer"] = "https://login.evil.example" }),
		"script":         said(func(m map[string]any) { m["authorization_endpoint"] = "javascript:alert(1)" }),
		"file":           said(func(m map[string]any) { m["token_endpoint"] = "file:///etc/passwd" }),
		"nothing":        said(func(m map[string]any) { delete(m, "jwks_uri") }),
		"a page":         func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"an error of 1 MB": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			fmt.Fprint(w, strings.Repeat("x", 1<<20))
		},
	} {
		n++
		p := newProvider(t, d)
		p.add(func(in *client.NewProvider) { in.Name = fmt.Sprintf("P %d", n) })
		p.lies(func(p *provider) { p.serve = at(discovery, do) })
		if code := begin(t, p); code != "provider_unavailable" {
			t.Errorf("discovery %s: %q", name, code)
		}
	}
	for path, rows := range map[string]map[string]http.HandlerFunc{
		"/token": {"huge": huge, "elsewhere": away}, "/keys": {"huge": huge, "elsewhere": away},
	} {
		for name, do := range rows {
			n++
			d.Pass(time.Minute)
			p := newProvider(t, d)
			p.add(func(in *client.NewProvider) { in.Name = fmt.Sprintf("P %d", n) })
			b := p.traveller()
			back := b.begin()
			p.lies(func(p *provider) { p.serve = at(path, do) })
			if s := b.goOn(back); !strings.Contains(s, "did not confirm") && !strings.Contains(s, "could not be checked") {
				t.Errorf("%s %s: %q", path, name, s)
			}
		}
	}
	select {
	case path := <-metadata:
		t.Errorf("the controller was led to %s", path)
	default:
	}
}

// TestA12OIDCAddressesAreJudged: a provider's address is judged when it is saved,
// where that says enough, and when it is called.
func TestA12OIDCAddressesAreJudged(t *testing.T) {
	t.Parallel()
	d := desk.Open(t, noon())
	for issuer, want := range map[string]string{
		"https://169.254.169.254": "invalid", "https://127.0.0.1": "invalid", "https://[::1]": "invalid", "https://10.1.2.3:8443": "invalid",
		"http://login.example.com": "invalid", "ftp://login.example.com": "invalid", "https://": "invalid", "login.example.com": "invalid",
		"https://user:pw@login.example.com": "invalid", "https://login.example.com?x=1": "invalid", "https://login.example.com#x": "invalid",
		"https://login.example.com": "",
	} {
		_, err := d.Admin.AddProvider(t.Context(), client.NewProvider{Name: issuer[:min(len(issuer), 90)], Issuer: issuer, ClientID: "a"})
		if got := desk.Code(err); got != want {
			t.Errorf("%s: %q, want %q", issuer, got, want)
		}
	}
	p := newProvider(t, d)
	p.serve = func(_ http.ResponseWriter, r *http.Request) bool { t.Errorf("called %s", r.URL); return false }
	port := p.URL[strings.LastIndexByte(p.URL, ':'):]
	made := desk.Must(d.Admin.AddProvider(t.Context(), client.NewProvider{Name: "near", Issuer: "http://localhost" + port, ClientID: "a"}))(t)
	p.id = made.ID
	if _, err := client.Post[client.OIDCRedirect](t.Context(), p.traveller().Client, "/sessions/oidc", client.OIDCSignIn{Provider: p.id}); desk.Code(err) != "provider_unavailable" {
		t.Errorf("a name of this machine: %v", err)
	}
}
