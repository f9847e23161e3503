package doors

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"rsc.io/qr"

	"github.com/assent-epm/assent/controller"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/authenticator"
	"github.com/assent-epm/assent/e2e/desk"
)

// visitor is a person's browser: a cookie jar and an authenticator.
type visitor struct {
	*desk.Person
	d    *desk.Desk
	keys *authenticator.Authenticator
}

// visit is a browser that nobody has signed in at.
func visit(d *desk.Desk, who *desk.Person) *visitor {
	d.T.Helper()
	p := *who
	c := *who.Client
	c.Token, c.HTTP = "", &http.Client{Jar: desk.Must(cookiejar.New(nil))(d.T)}
	p.Client = &c
	return &visitor{Person: &p, d: d, keys: &authenticator.Authenticator{Origin: d.Controller.URL()}}
}

// visits is somebody's browser, just signed in with the password.
func visits(d *desk.Desk, who *desk.Person) *visitor {
	d.T.Helper()
	s := who.SignIn()
	return &visitor{Person: s, d: d, keys: &authenticator.Authenticator{Origin: d.Controller.URL()}}
}

// call does a call that must be answered with this code, "" for a success.
func (b *visitor) call(code, method, path string, body any) map[string]any {
	b.d.T.Helper()
	out, err := b.Do(method, path, body)
	if got := desk.Code(err); got != code {
		b.d.T.Errorf("%s %s by %s: %q, want %q (%v)", method, path, b.Login, got, code, err)
	}
	return out
}

// answer begins a ceremony and answers it.
func (b *visitor) answer(path string, body any, lie authenticator.Lie) map[string]any {
	b.d.T.Helper()
	asked := b.call("", "POST", path, body)
	options, _ := asked["options"].(map[string]any)
	credential := desk.Must(b.keys.Get(options, lie))(b.d.T)
	return map[string]any{"passkey": map[string]any{"ceremony": asked["ceremony"], "credential": credential}}
}

// addsPasskey registers a passkey of this browser.
func (b *visitor) addsPasskey(name string) string {
	b.d.T.Helper()
	asked := b.call("", "POST", "/me/passkeys/begin", nil)
	options, _ := asked["options"].(map[string]any)
	made := desk.Must(b.keys.Create(options, authenticator.Lie{}))(b.d.T)
	out := b.call("", "POST", "/me/passkeys", map[string]any{"ceremony": asked["ceremony"], "credential": made, "name": name})
	id, _ := out["id"].(string)
	return id
}

// addsTOTP registers an authenticator and returns its secret.
func (b *visitor) addsTOTP() string {
	b.d.T.Helper()
	out := b.call("", "POST", "/me/totp/begin", nil)
	secret, _ := out["secret"].(string)
	uri, _ := out["uri"].(string)
	if want := desk.Must(qr.Encode(uri, qr.M))(b.d.T); fmt.Sprint(out["qr"]) != fmt.Sprint(modules(want)) {
		b.d.T.Errorf("the QR code of an authenticator does not say its address: %v", out["qr"])
	}
	b.call("", "POST", "/me/totp", map[string]any{"code": b.code(secret)})
	return secret
}

// modules are the rows of a QR code, 1 where it is dark.
func modules(c *qr.Code) []string {
	rows := make([]string, c.Size)
	for y := range c.Size {
		for x := range c.Size {
			rows[y] += map[bool]string{true: "1", false: "0"}[c.Black(x, y)]
		}
	}
	return rows
}

func (b *visitor) code(secret string) string {
	b.d.T.Helper()
	return desk.Must(totp.GenerateCode(secret, b.d.Now()))(b.d.T)
}

func (b *visitor) me() client.Me {
	b.d.T.Helper()
	return desk.Must(client.Get[client.Me](b.d.T.Context(), b.Client, "/me", nil))(b.d.T)
}

// refusals counts the audit events of a refusal with this reason.
func refusals(d *desk.Desk, kind, why string) int {
	d.T.Helper()
	n := 0
	d.Eventually("the audit log has everything", func() bool {
		n = 0
		_, _, text := d.Raw(d.Admin, "GET", "/api/v1/audit?limit=500&kind="+kind, "")
		n = strings.Count(text, why)
		return n > 0
	})
	return n
}

// TestA12PasswordAndCode: an authenticator's code after the password, once.
func TestA12PasswordAndCode(t *testing.T) {
	d := desk.New(t)
	bo := d.Person("bo", "approver")
	b := visits(d, bo)
	secret := b.addsTOTP()
	if me := b.me(); me.SignedInBy != "totp" || me.PresenceUntil == nil || me.HasPasskey {
		t.Errorf("me: %s", desk.JSON(me))
	}
	f := desk.Must(b.Factors(t.Context()))(t)
	if !f.TOTP || !f.Password || len(f.Passkeys) != 0 {
		t.Errorf("factors: %s", desk.JSON(f))
	}
	d.Pass(10 * time.Minute)
	in := func(code, password, number string) *visitor {
		t.Helper()
		fresh := visit(d, bo)
		fresh.call(code, "POST", "/sessions", client.NewSession{Login: "bo", Password: password, Code: number})
		return fresh
	}
	in("unauthenticated", "wrong horse battery", b.code(secret))
	in("code_required", desk.Password, "")
	number := b.code(secret)
	if me := in("", desk.Password, number).me(); me.SignedInBy != "totp" {
		t.Errorf("signed in by %s", me.SignedInBy)
	}
	in("code_required", desk.Password, number) // used
	d.Pass(10 * time.Minute)
	if me := in("", desk.Password, b.code(secret)).me(); me.Login != "bo" {
		t.Errorf("me: %s", desk.JSON(me))
	}
	if n := refusals(d, "auth.login_failed", `"how":"code"`); n != 1 {
		t.Errorf("%d failures with a code are in the log", n)
	}
	if n := refusals(d, "auth.factor_changed", `"act":"added"`); n != 1 {
		t.Errorf("%d additions are in the log", n)
	}
	_, _, everything := d.Raw(d.Admin, "GET", "/api/v1/audit?limit=500", "")
	if strings.Contains(everything, secret) {
		t.Error("the secret is in the log")
	}
}

// TestA12PasskeySignsIn: a passkey alone, with and without a login; lies are all
// refused in the same words.
func TestA12PasskeySignsIn(t *testing.T) {
	d := desk.New(t)
	bo := d.Person("bo", "approver")
	b := visits(d, bo)
	page := desk.Must(b.SignInPage(t.Context()))(t)
	if !page.Password || !page.Passkey || page.Providers == nil || page.Cluster == "" {
		t.Errorf("the page: %s", desk.JSON(page))
	}
	id := b.addsPasskey("phone")
	d.Pass(time.Hour)
	for _, body := range []any{struct{}{}, client.PasskeyLogin{Login: "bo"}} {
		fresh := visit(d, bo)
		fresh.keys = b.keys
		proof := fresh.answer("/sessions/passkey", body, authenticator.Lie{})
		fresh.call("", "POST", "/sessions", proof)
		if me := fresh.me(); me.Login != "bo" || me.SignedInBy != "passkey" || me.PresenceUntil == nil {
			t.Errorf("me: %s", desk.JSON(me))
		}
		fresh.call("unauthenticated", "POST", "/sessions", proof) // again
	}
	for name, lie := range map[string]authenticator.Lie{
		"another origin": {Origin: "http://localhost.evil.example"},
		"another port":   {Origin: "http://localhost:1"},
		"another domain": {RPID: "evil.example"},
		"not verified":   {Unverified: true},
		"a copy":         {Count: new(uint32(1))},
	} {
		fresh := visit(d, bo)
		fresh.keys = b.keys
		proof := fresh.answer("/sessions/passkey", client.PasskeyLogin{Login: "bo"}, lie)
		_, err := fresh.Do("POST", "/sessions", proof)
		p, ok := err.(*client.Problem)
		if !ok || p.Status != http.StatusUnauthorized || p.Detail != "not signed in" {
			t.Errorf("%s: %v", name, err)
		}
	}
	f := desk.Must(b.Factors(t.Context()))(t)
	if len(f.Passkeys) != 1 || f.Passkeys[0].ID != id || !f.Passkeys[0].Blocked || f.Passkeys[0].LastUsedAt == nil {
		t.Errorf("after a copy was seen: %s", desk.JSON(f))
	}
	nobody := visit(d, bo)
	known := nobody.call("", "POST", "/sessions/passkey", client.PasskeyLogin{Login: "bo"})["options"].(map[string]any)
	unknown := nobody.call("", "POST", "/sessions/passkey", client.PasskeyLogin{Login: "nobody"})["options"].(map[string]any)
	delete(known, "challenge")
	delete(unknown, "challenge")
	if a, b := desk.JSON(known), desk.JSON(unknown); a != b {
		t.Errorf("a login that is known is told: %s, %s", a, b)
	}
}

// TestA12StepUpWhereARuleAsks: presence within five minutes, always, and never by
// a token; the session gets a new cookie.
func TestA12StepUpWhereARuleAsks(t *testing.T) {
	d := desk.New(t)
	bo := d.Person("bo", "approver")
	d.Rules("rules:\n- name: there\n  match: {path: /usr/bin/mount}\n  then: require\n  require: {step_up: true}\n")
	web := d.Endpoint("web-1")
	b := visits(d, bo)
	b.Does("approve", web.Ask("eve", "/usr/bin/mount", "/a"), nil) // just signed in
	d.Pass(6 * time.Minute)
	id := web.Ask("eve", "/usr/bin/mount", "/b")
	b.Refused("step_up_required", "approve", id, nil)
	bo.Refused("step_up_required", "approve", id, nil)
	if r := d.Ctl(bo, "approval", "approve", id); r.Code != 4 {
		t.Errorf("assentctl: %d %s", r.Code, r.Err)
	}
	if n := refusals(d, "auth.refused", "step_up_required"); n < 3 {
		t.Errorf("%d refusals are in the log", n)
	}
	b.call("unauthenticated", "POST", "/sessions/step-up", client.StepUp{Password: "wrong horse battery"})
	before := cookieOf(b)
	b.call("", "POST", "/sessions/step-up", client.StepUp{Password: desk.Password})
	if cookieOf(b) == before {
		t.Error("the session has its old cookie")
	}
	if status, _, text := d.Raw(nil, "GET", "/api/v1/me", "", "Cookie", before); status != http.StatusUnauthorized {
		t.Errorf("the old cookie: %d %s", status, text)
	}
	b.Does("approve", id, nil)

	// Once there is a passkey, the password proves nothing here.
	b.addsPasskey("phone")
	d.Pass(6 * time.Minute)
	id = web.Ask("eve", "/usr/bin/mount", "/c")
	b.Refused("step_up_required", "approve", id, nil)
	b.call("step_up_required", "POST", "/sessions/step-up", client.StepUp{Password: desk.Password})
	fresh := bo.SignIn() // signing in anew with the password neither
	fresh.Refused("step_up_required", "approve", id, nil)
	b.call("", "POST", "/sessions", client.NewSession{Login: "bo", Password: desk.Password})
	b.call("unauthenticated", "POST", "/sessions/step-up", b.answer("/sessions/step-up/passkey", nil, authenticator.Lie{Unverified: true}))
	b.Refused("step_up_required", "approve", id, nil)
	proof := b.answer("/sessions/step-up/passkey", nil, authenticator.Lie{})
	b.call("", "POST", "/sessions/step-up", proof)
	b.call("unauthenticated", "POST", "/sessions/step-up", proof)
	b.Does("approve", id, nil)
}

// cookieOf is the session's cookie as a header.
func cookieOf(b *visitor) string {
	b.d.T.Helper()
	req := desk.Must(http.NewRequestWithContext(b.d.T.Context(), "GET", b.d.URL+"/", nil))(b.d.T)
	for _, c := range b.HTTP.Jar.Cookies(req.URL) {
		req.AddCookie(c)
	}
	return req.Header.Get("Cookie")
}

// TestA12RiskyTiersAskWhoHasAPasskey: sessions, shells and administrator access
// are approved as before by who has no passkey, and with it by who has one.
func TestA12RiskyTiersAskWhoHasAPasskey(t *testing.T) {
	d := desk.New(t)
	bo, cy := d.Person("bo", "approver"), d.Person("cy", "approver")
	web := d.Endpoint("web-1")
	b, c := visits(d, bo), visits(d, cy)
	b.addsPasskey("phone")
	d.Pass(6 * time.Minute)
	c.Does("approve", web.Ask("eve", "/usr/bin/bash"), nil)
	cy.Does("approve", web.Ask("fay", "/usr/bin/bash"), nil)
	id := web.Ask("gil", "/usr/bin/bash")
	b.Refused("step_up_required", "approve", id, nil)
	bo.Refused("step_up_required", "approve", id, nil) // nor by a token
	b.Does("approve", web.Ask("eve", "/usr/bin/id", "-u"), nil)
	bo.Does("deny", web.Ask("hal", "/usr/bin/bash"), nil) // a denial gives no power
	b.call("", "POST", "/sessions/step-up", b.answer("/sessions/step-up/passkey", nil, authenticator.Lie{}))
	b.Does("approve", id, nil)
	d.Settings(map[string]any{"step_up_risky": true})
	c.Refused("step_up_required", "approve", web.Ask("ida", "/usr/bin/bash"), nil)
}

// TestA12SecondFactorRequired: by the setting, a session of such a role can do
// nothing but add or use a factor.
func TestA12SecondFactorRequired(t *testing.T) {
	d := desk.New(t)
	bo, cy := d.Person("bo", "approver"), d.Person("cy")
	b, c := visits(d, bo), visits(d, cy)
	if status, _, text := d.Raw(d.Admin, "PUT", "/api/v1/settings", `{"require_second_factor":["god"]}`); status != http.StatusBadRequest {
		t.Errorf("an unknown role: %d %s", status, text)
	}
	d.Settings(map[string]any{"require_second_factor": []string{"approver", "administrator"}})
	web := d.Endpoint("web-1")
	id := web.Ask("eve", "/usr/bin/id", "-u")
	c.call("", "GET", "/requests", nil)
	if me := b.me(); !me.NeedsSecondFactor || len(me.Permissions) != 0 {
		t.Errorf("me: %s", desk.JSON(me))
	}
	b.call("second_factor_required", "GET", "/requests", nil)
	b.call("second_factor_required", "GET", "/counts", nil)
	b.call("second_factor_required", "POST", "/requests/"+id+"/approve", struct{}{})
	b.call("second_factor_required", "POST", "/tokens", client.NewToken{Name: "around it"})
	b.call("second_factor_required", "POST", "/requests/batch", map[string]any{"action": "approve", "ids": []string{id}})
	if status, _, text := d.Raw(nil, "GET", "/api/v1/events", "", "Cookie", cookieOf(b)); status != http.StatusForbidden {
		t.Errorf("events: %d %s", status, text)
	}
	bo.Does("claim", id, nil) // a token was made by who had signed in
	if n := refusals(d, "auth.refused", "second_factor_required"); n != 3 {
		t.Errorf("%d refusals are in the log", n)
	}
	b.addsTOTP()
	b.Does("approve", id, nil)
	if me := b.me(); me.NeedsSecondFactor {
		t.Errorf("me: %s", desk.JSON(me))
	}
}

// TestA12LostPhone: administrators, and "user reset" on the controller's machine,
// take the factors away; every session ends.
func TestA12LostPhone(t *testing.T) {
	d := desk.New(t)
	bo := d.Person("bo", "approver")
	dina := d.Person("dina", "security_admin")
	b := visits(d, bo)
	b.addsTOTP()
	b.addsPasskey("phone")
	if err := dina.ResetFactors(t.Context(), "bo"); desk.Code(err) != "forbidden" {
		t.Errorf("by another role: %v", err)
	}
	if err := d.Admin.ResetFactors(t.Context(), "admin"); desk.Code(err) != "forbidden" {
		t.Errorf("one's own: %v", err)
	}
	if err := d.Admin.ResetFactors(t.Context(), "nobody"); desk.Code(err) != "not_found" {
		t.Errorf("nobody's: %v", err)
	}
	ann := visits(d, d.Person("ann", "administrator"))
	ann.addsPasskey("phone")
	d.Pass(6 * time.Minute)
	if err := ann.ResetFactors(t.Context(), "bo"); desk.Code(err) != "step_up_required" {
		t.Errorf("by an administrator who may not be there: %v", err)
	}
	ann.call("", "POST", "/sessions/step-up", ann.answer("/sessions/step-up/passkey", nil, authenticator.Lie{}))
	if err := ann.ResetFactors(t.Context(), "bo"); err != nil {
		t.Fatal(err)
	}
	if n := refusals(d, "auth.factor_changed", `"act":"removed"`); n != 1 {
		t.Errorf("%d removals are in the log", n)
	}
	b.call("unauthenticated", "GET", "/me", nil)
	fresh := visit(d, bo)
	fresh.keys = b.keys
	fresh.call("unauthenticated", "POST", "/sessions", fresh.answer("/sessions/passkey", struct{}{}, authenticator.Lie{}))
	fresh.call("", "POST", "/sessions", client.NewSession{Login: "bo", Password: desk.Password})
	if f := desk.Must(fresh.Factors(t.Context()))(t); f.TOTP || len(f.Passkeys) != 0 {
		t.Errorf("factors: %s", desk.JSON(f))
	}
	fresh.addsTOTP()
	local := desk.Must(controller.OpenLocal(t.Context(), d.Data, "", nil))(t)
	defer local.Close()
	if err := local.ResetUser(t.Context(), "bo", nil, desk.Password); err != nil {
		t.Fatal(err)
	}
	visit(d, bo).call("", "POST", "/sessions", client.NewSession{Login: "bo", Password: desk.Password})
}

// TestA12TriesAreLimited: by account and by address; what a caller writes into
// X-Forwarded-For changes nothing, what a trusted proxy writes does.
func TestA12TriesAreLimited(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		proxies []string
		rotate  string // the header, with NUMBER
		want    int    // tries that were looked at, of 60 logins
	}{
		"no proxy":                        {nil, "", 20},
		"no proxy, a header that changes": {nil, "198.51.100.NUMBER", 20},
		"a proxy":                         {[]string{"127.0.0.0/8"}, "198.51.100.7", 20},
		"a proxy, callers who change":     {[]string{"127.0.0.0/8"}, "198.51.100.NUMBER", 60},
		"a proxy, a caller who claims":    {[]string{"127.0.0.0/8"}, "203.0.113.NUMBER, 198.51.100.7", 20},
		"another proxy":                   {[]string{"10.0.0.0/8"}, "198.51.100.NUMBER", 20},
	} {
		t.Run(name, func(t *testing.T) {
			d := desk.Open(t, time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), func(c *controller.Config) {
				stop := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
				c.TrustedProxy, c.Now = row.proxies, func() time.Time { return stop }
			})
			looked := 0
			for i := range 60 {
				number := strconv.Itoa(100 + i)
				in := desk.JSON(client.NewSession{Link: "lnk_" + number})
				status, header, _ := d.Raw(nil, "POST", "/api/v1/sessions", in, "X-Forwarded-For", strings.ReplaceAll(row.rotate, "NUMBER", number))
				switch {
				case status == http.StatusUnauthorized:
					looked++
				case status != http.StatusTooManyRequests || header.Get("Retry-After") == "":
					t.Fatalf("try %d: %d", i, status)
				}
			}
			if looked != row.want {
				t.Errorf("%d tries were looked at, want %d", looked, row.want)
			}
			// Who comes through a proxy is not on this machine.
			outside := http.StatusOK
			if strings.HasPrefix(name, "a proxy") {
				outside = http.StatusUnauthorized
			}
			if status, _, _ := d.Raw(nil, "GET", "/metrics", "", "X-Forwarded-For", "198.51.100.7"); status != outside {
				t.Errorf("metrics from outside: %d, want %d", status, outside)
			}
			if status, _, _ := d.Raw(nil, "GET", "/metrics", ""); status != http.StatusOK {
				t.Errorf("metrics on the machine: %d", status)
			}
		})
	}
}

// TestA12TokensAreTheirOwners: a token decides nothing of its owner's, is worth
// what the owner's roles are at that moment, and ends.
func TestA12TokensAreTheirOwners(t *testing.T) {
	d := desk.New(t)
	bo := d.Person("bo", "approver")
	web := d.Endpoint("web-1")
	if err := d.Admin.Call(t.Context(), "POST", "/links", nil, client.NewLink{Account: "bo", Endpoint: new(string(web.ID)), User: new("bo")}, nil); err != nil {
		t.Fatal(err)
	}
	own := web.Ask("bo", "/usr/bin/id", "-u")
	token := d.Token("bo", "requests.decide")
	token.Refused("self_approval", "approve", own, nil)
	bo.Refused("self_approval", "approve", own, nil)
	other := web.Ask("eve", "/usr/bin/id", "-u")
	d.Token("bo", "requests.read").Refused("forbidden", "approve", other, nil)
	for name, body := range map[string]string{"a password": `{"password":"another horse battery"}`} {
		if status, _, text := d.Raw(bo, "PUT", "/api/v1/me/password", body); status != http.StatusForbidden {
			t.Errorf("%s by a token: %d %s", name, status, text)
		}
	}
	for _, path := range []string{"/me/passkeys/begin", "/me/totp/begin", "/sessions/step-up/passkey"} {
		if _, err := bo.Do("POST", path, nil); desk.Code(err) != "forbidden" {
			t.Errorf("%s by a token: %v", path, err)
		}
	}
	roles := []string{"requester"}
	if err := d.Admin.Call(t.Context(), "PUT", "/users/bo", nil, client.EditUser{Roles: &roles}, nil); err != nil {
		t.Fatal(err)
	}
	token.Refused("not_found", "approve", other, nil) // not theirs to see any more
	roles = []string{"approver"}
	off := true
	if err := d.Admin.Call(t.Context(), "PUT", "/users/bo", nil, client.EditUser{Roles: &roles}, nil); err != nil {
		t.Fatal(err)
	}
	token.Does("claim", other, nil)
	if err := d.Admin.Call(t.Context(), "PUT", "/users/bo", nil, client.EditUser{Disabled: &off}, nil); err != nil {
		t.Fatal(err)
	}
	token.Refused("unauthenticated", "approve", other, nil)
	cy := d.Person("cy", "approver")
	d.Pass(367 * 24 * time.Hour)
	if _, err := cy.Do("GET", "/me", nil); desk.Code(err) != "unauthenticated" {
		t.Errorf("after its time: %v", err)
	}
}

// TestA12ApprovingAndWritingRulesAreApart: who answers writes no rules, and who
// writes rules answers nothing.
func TestA12ApprovingAndWritingRulesAreApart(t *testing.T) {
	d := desk.New(t)
	bo, ray := d.Person("bo", "approver"), d.Person("ray", "rule_author")
	web := d.Endpoint("web-1")
	id := web.Ask("eve", "/usr/bin/id", "-u")
	ray.Refused("forbidden", "approve", id, nil)
	ray.Refused("forbidden", "deny", id, nil)
	rules := json.RawMessage(`{"yaml":"rules:\n- name: x\n  match: {path: /usr/bin/x, args: []}\n  then: approve\n"}`)
	if _, err := bo.Do("POST", "/rules/apply", rules); desk.Code(err) != "forbidden" {
		t.Errorf("rules by an approver: %v", err)
	}
	if _, err := ray.Do("POST", "/rules/apply", rules); err != nil {
		t.Errorf("rules by their author: %v", err)
	}
	bo.Does("approve", id, nil)
}
