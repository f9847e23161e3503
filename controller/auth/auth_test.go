package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// TestPermissionTable is the whole table, written once more by hand.
func TestPermissionTable(t *testing.T) {
	want := map[Role]string{
		Administrator: "requests.own requests.read requests.decide requests.revoke requests.review rules.read rules.write endpoints.read endpoints.write enrollment.read enrollment.write users.read users.write roles.write tokens.own tokens.write links.read links.write teams.write audit.read settings.read settings.write metrics requests.team reports.read alerts.read alerts.write directory.write directory.sync rights.read rights.write",
		Approver:      "requests.own requests.read requests.decide requests.revoke requests.review rules.read endpoints.read tokens.own requests.team",
		Auditor:       "requests.own requests.read requests.review rules.read endpoints.read enrollment.read users.read tokens.own links.read audit.read settings.read metrics requests.team reports.read alerts.read rights.read",
		SecurityAdmin: "requests.own requests.read requests.revoke endpoints.read tokens.own requests.team rights.read",
		RuleAuthor:    "requests.own requests.read rules.read rules.write endpoints.read tokens.own requests.team",
		Requester:     "requests.own tokens.own",
		"god":         "",
	}
	for role, list := range want {
		a := Actor{User: "usr_1", Roles: []Role{role}}
		var got []string
		for _, p := range Permissions() {
			if a.Can(p) == nil {
				got = append(got, string(p))
			}
		}
		if strings.Join(got, " ") != list {
			t.Errorf("%s may\n%s\nwant\n%s", role, strings.Join(got, " "), list)
		}
	}
}

// Who is refused learns whom to ask.
func TestRefusalNamesTheRoles(t *testing.T) {
	err := (Actor{User: "usr_1", Roles: []Role{Approver}}).Can(SettingsRead)
	if !errors.Is(err, elevation.ErrNotAllowed) || err.Error() != "not allowed: settings.read needs the role administrator or auditor" {
		t.Errorf("refused by %v", err)
	}
}

func TestNobodyMayNothing(t *testing.T) {
	for _, p := range append(Permissions(), "unknown") {
		if err := (Actor{}).Can(p); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("nobody and %s: %v", p, err)
		}
		if err := (Actor{Roles: []Role{Administrator}}).Can(p); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("roles without an account and %s: %v", p, err)
		}
		if err := (Actor{User: "usr_1"}).Can(p); !errors.Is(err, elevation.ErrNotAllowed) {
			t.Errorf("no roles and %s: %v", p, err)
		}
	}
	if err := (Actor{User: "usr_1", Roles: []Role{Administrator}}).Can("unknown"); !errors.Is(err, elevation.ErrNotAllowed) {
		t.Errorf("an unknown permission: %v", err)
	}
}

func TestTokenScopes(t *testing.T) {
	never := []Permission{RolesWrite, TokensOwn, TokensWrite, LinksWrite, SettingsWrite, DirectoryWrite}
	plain := Actor{User: "usr_1", Roles: []Role{Administrator}, Token: "tok_1"}
	full := plain
	full.Full = true
	for _, p := range Permissions() {
		if got, want := plain.Can(p) == nil, !slices.Contains(never, p); got != want {
			t.Errorf("a token without scopes may %s: %v, want %v", p, got, want)
		}
		if full.Can(p) != nil {
			t.Errorf("admin.token may not %s", p)
		}
		for _, s := range append(Scopes(), "unknown") {
			narrow := plain
			narrow.Scopes = []string{s}
			if got, want := narrow.Can(p) == nil, slices.Contains(scopePermissions(s), p); got != want {
				t.Errorf("scope %s and %s: %v, want %v", s, p, got, want)
			}
			if slices.Contains(never, p) && narrow.Can(p) == nil {
				t.Errorf("scope %s lets %s through", s, p)
			}
		}
	}
	weak := Actor{User: "usr_1", Roles: []Role{Requester}, Token: "tok_1", Scopes: []string{ScopeRequestsDecide}}
	if weak.Can(RequestsDecide) == nil {
		t.Error("a scope gives what the owner's roles do not have")
	}
}

func TestCovers(t *testing.T) {
	rows := []struct {
		name          string
		scope, labels map[string]string
		want          bool
	}{
		{"no scope", nil, nil, true},
		{"same", map[string]string{"role": "db"}, map[string]string{"role": "db", "site": "b"}, true},
		{"other value", map[string]string{"role": "db"}, map[string]string{"role": "web"}, false},
		{"missing", map[string]string{"role": "db"}, nil, false},
		{"empty value is not missing", map[string]string{"role": ""}, nil, false},
		{"one of two", map[string]string{"role": "db", "site": "b"}, map[string]string{"role": "db"}, false},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			if got := (Actor{Scope: r.scope}).Covers(r.labels); got != r.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestFirstAndAuthenticate(t *testing.T) {
	a, m, now := bed(t)
	ctx := t.Context()
	acc, token, made, err := a.First(ctx)
	if err != nil || !made {
		t.Fatal(made, err)
	}
	if _, again, made, err := a.First(ctx); made || again != "" || err != nil {
		t.Errorf("first a second time: %v %v", made, err)
	}
	act, err := a.Authenticate(ctx, token, "::1")
	if err != nil || act.User != acc.ID || !act.Full || act.Session {
		t.Fatalf("got %+v, %v", act, err)
	}
	for hash := range m.tokens {
		if strings.Contains(hash, token) || len(hash) != 32 {
			t.Error("the token is stored in clear")
		}
	}
	for name, bad := range map[string]string{"empty": "", "cut": token[:len(token)-1], "longer": token + "a", "last changed": token[:len(token)-1] + "-",
		"other prefix": "xst_" + token[4:], "a session's": "ses_" + token[4:], "spaces": " " + token} {
		if _, err := a.Authenticate(ctx, bad, name); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, foreign := NewToken(acc.ID, "x", time.Hour, *now)
	if _, err := a.Authenticate(ctx, foreign, "::1"); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("an unknown token: %v", err)
	}
	before := m.touched
	*now = now.Add(30 * time.Second)
	_, _ = a.Authenticate(ctx, token, "::1")
	if m.touched != before {
		t.Error("the last use is written at every call")
	}
	*now = noon.Add(AdminTokenLife)
	if _, err := a.Authenticate(ctx, token, "::1"); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("at its end: %v", err)
	}
	*now = noon
	acc.DisabledAt = noon
	m.accounts[acc.ID] = acc
	if _, err := a.Authenticate(ctx, token, "::1"); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("a disabled owner: %v", err)
	}
	acc.DisabledAt = time.Time{}
	m.accounts[acc.ID] = acc
	for i := range 25 {
		_, foreign := NewToken(acc.ID, "x", time.Hour, *now)
		_, err = a.Authenticate(ctx, foreign, "flood")
		if i == 24 && !errors.Is(err, ErrRate) {
			t.Errorf("25 unknown tokens from one address: %v", err)
		}
	}
	if _, err := a.Authenticate(ctx, token, "flood"); err != nil {
		t.Errorf("a good token from the same address: %v", err)
	}
}

func TestPasswords(t *testing.T) {
	a, m, now := bed(t)
	ctx := t.Context()
	hash, err := a.HashPassword(ctx, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=65536,t=2,p=1$") {
		t.Errorf("the hash is %s", hash)
	}
	if other, _ := a.HashPassword(ctx, "correct horse"); other == hash {
		t.Error("two hashes of one password are equal")
	}
	m.accounts["usr_1"] = Account{ID: "usr_1", Login: "bo", Roles: []Role{Approver}, PasswordHash: hash}
	m.accounts["usr_2"] = Account{ID: "usr_2", Login: "none"}
	m.accounts["usr_3"] = Account{ID: "usr_3", Login: "off", PasswordHash: hash, DisabledAt: noon}
	m.accounts["usr_4"] = Account{ID: "usr_4", Login: "odd", PasswordHash: "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA"}
	for _, r := range []struct{ login, password string }{{"bo", "wrong"}, {"bo", ""}, {"none", ""}, {"none", "x"}, {"nobody", "x"},
		{"off", "correct horse"}, {"odd", "x"}, {"bo", strings.Repeat("a", 300)}} {
		if _, _, err := a.SignIn(ctx, r.login, r.password, "", r.login+r.password); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("%q with %q: %v", r.login, r.password, err)
		}
	}
	if len(m.notes) != 8 || m.notes[0].Kind != "auth.login_failed" {
		t.Errorf("%d notes: %+v", len(m.notes), m.notes)
	}
	*now = noon.Add(time.Hour)
	cookie, act, err := a.SignIn(ctx, "BO", "correct horse", "", "::1")
	if err != nil || !act.Session || act.User != "usr_1" {
		t.Fatal(act, err)
	}
	if again, err := a.Resume(ctx, cookie); err != nil || again.User != "usr_1" || !again.Session {
		t.Errorf("resumed %+v, %v", again, err)
	}
	if _, err := a.Resume(ctx, strings.Replace(cookie, "ses_", "ast_", 1)); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("a cookie of another kind: %v", err)
	}
	*now = now.Add(SessionIdle)
	if _, err := a.Resume(ctx, cookie); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("an idle session: %v", err)
	}
	// With a call in between it lives on, but not for ever.
	cookie, _, err = a.SignIn(ctx, "bo", "correct horse", "", "::1")
	if err != nil {
		t.Fatal(err)
	}
	signedIn := *now
	for now.Sub(signedIn) < SessionLife-time.Hour {
		*now = now.Add(time.Hour)
		if _, err := a.Resume(ctx, cookie); err != nil {
			t.Fatalf("after %v: %v", now.Sub(signedIn), err)
		}
	}
	*now = now.Add(time.Hour)
	if _, err := a.Resume(ctx, cookie); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("after %v: %v", now.Sub(signedIn), err)
	}
}

func TestRoleTakenAwayMidSession(t *testing.T) {
	a, m, _ := bed(t)
	m.accounts["usr_1"] = Account{ID: "usr_1", Login: "bo", Roles: []Role{Administrator}}
	link, err := a.NewLink(t.Context(), "usr_1")
	if err != nil {
		t.Fatal(err)
	}
	cookie, _, err := a.SignInByLink(t.Context(), link, "::1")
	if err != nil {
		t.Fatal(err)
	}
	m.accounts["usr_1"] = Account{ID: "usr_1", Login: "bo", Roles: []Role{Requester}}
	if act, err := a.Resume(t.Context(), cookie); err != nil || act.Can(SettingsWrite) == nil {
		t.Errorf("the role is still there: %+v %v", act, err)
	}
	if err := a.SignOut(t.Context(), Actor{User: "usr_1"}, cookie); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Resume(t.Context(), cookie); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("after signing out: %v", err)
	}
}

func TestLinkWorksOnce(t *testing.T) {
	a, m, now := bed(t)
	m.accounts["usr_1"] = Account{ID: "usr_1", Login: "bo"}
	link, err := a.NewLink(t.Context(), "usr_1")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	won := make(chan string, 50)
	for i := range 50 {
		wg.Go(func() {
			if cookie, _, err := a.SignInByLink(t.Context(), link, fmt.Sprint(i)); err == nil {
				won <- cookie
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("the link worked %d times", len(won))
	}
	late, err := a.NewLink(t.Context(), "usr_1")
	if err != nil {
		t.Fatal(err)
	}
	*now = now.Add(LinkLife)
	if _, _, err := a.SignInByLink(t.Context(), late, "::1"); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("after its end: %v", err)
	}
}

func TestSignInLimits(t *testing.T) {
	a, m, now := bed(t)
	a.hashes.derive = func(_, _ []byte) []byte { return []byte("cheap") } // limits, not hashes, are tested
	m.accounts["usr_1"] = Account{ID: "usr_1", Login: "bo"}
	try := func(login, address string) error {
		_, _, err := a.SignIn(t.Context(), login, "x", "", address)
		return err
	}
	for i := range 5 {
		if err := try([]string{"bo", "BO", "bO", "Bo", "bo"}[i], fmt.Sprint("10.0.0.", i)); !errors.Is(err, ErrUnauthenticated) {
			t.Fatalf("try %d: %v", i, err)
		}
	}
	var rate *RateError
	if err := try("bo", "10.0.0.99"); !errors.As(err, &rate) || rate.Seconds() != 12 {
		t.Errorf("the sixth try of one account, from another address: %v", err)
	}
	*now = now.Add(12 * time.Second)
	if err := try("bo", "10.0.0.99"); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("after waiting: %v", err)
	}
	for i := range 20 {
		_ = try(fmt.Sprint("user", i), "10.9.9.9")
	}
	if err := try("another", "10.9.9.9"); !errors.Is(err, ErrRate) {
		t.Errorf("the 21st try from one address: %v", err)
	}
}

func TestHasherIsBounded(t *testing.T) {
	h := newHasher(1, 2)
	h.slots <- struct{}{} // somebody hashes
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if _, err := h.key(ctx, "x", make([]byte, saltLen)); !errors.Is(err, context.Canceled) {
				t.Errorf("waiting ended with %v", err)
			}
		})
	}
	for h.waiting.Load() < 2 {
	}
	if _, err := h.key(ctx, "x", make([]byte, saltLen)); !errors.Is(err, ErrRate) {
		t.Errorf("the third: %v", err)
	}
	cancel()
	wg.Wait()
}

func TestLimiterIsBounded(t *testing.T) {
	l := NewLimiter(1, 1, 100)
	for i := range 10_000 {
		l.Take(fmt.Sprint(i), noon)
	}
	if n := len(l.buckets); n > 100 {
		t.Errorf("%d buckets", n)
	}
	if l.TakeOrWait("a", noon) != 0 || l.TakeOrWait("a", noon) != time.Second || l.TakeOrWait("a", noon.Add(time.Second)) != 0 {
		t.Error("one a second is not kept")
	}
	if l.Wait("a", noon.Add(-time.Hour)) == 0 {
		t.Error("a clock that goes back refills")
	}
}

func TestCheckLogin(t *testing.T) {
	for _, good := range []string{"bo", "bo.chen", "a", "0", "bo@example.org", `corp\bo`, "a-b_c+d", strings.Repeat("a", 64)} {
		if err := CheckLogin(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "-bo", ".bo", "bo chen", "bo\n", "bo\x00", "bø", "usr_x", "team_x", strings.Repeat("a", 65), "b\u202eo", "b/o", "b:o"} {
		if err := CheckLogin(bad); !errors.Is(err, elevation.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzDecodeHash(f *testing.F) {
	f.Add(encodeHash(make([]byte, saltLen), make([]byte, keyLen)))
	f.Add("$argon2id$v=19$m=65536,t=2,p=1$$")
	f.Fuzz(func(t *testing.T, s string) {
		if salt, key, ok := decodeHash(s); ok && (len(salt) != saltLen || len(key) != keyLen) {
			t.Errorf("%q is taken", s)
		}
	})
}

// TestLimiterCountsEveryTry: a try that is nearly there was once let through for
// nothing, when what was missing of it was rounded to no time.
func TestLimiterCountsEveryTry(t *testing.T) {
	l, now, n := NewLimiter(1.0/120, 5, 10), noon, 0
	for range 3000 {
		if l.TakeOrWait("x", now) == 0 {
			n++
		}
		now = now.Add(12 * time.Second)
	}
	if n > 5+300 {
		t.Errorf("%d tries in the time of 300", n)
	}
}
