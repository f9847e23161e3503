package auth

import (
	"bytes"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/assent-epm/assent/e2e/authenticator"
	"github.com/assent-epm/assent/shared/elevation"
)

// codeAt is what an authenticator shows.
func codeAt(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, at)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// withTOTP gives a person an authenticator and returns its secret.
func (p *person) withTOTP(now time.Time) string {
	p.t.Helper()
	secret, _, err := p.a.BeginTOTP(p.t.Context(), p.act())
	if err != nil {
		p.t.Fatal(err)
	}
	cookie, _, err := p.a.AddTOTP(p.t.Context(), p.act(), p.cookie, codeAt(p.t, secret, now), p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.cookie = cookie
	return secret
}

func TestTOTPSignIn(t *testing.T) {
	a, m, now := factorBed(t)
	bo := signedIn(t, a, "bo")
	secret := bo.withTOTP(*now)
	if seed := m.totp["usr_bo"].Seed; bytes.Contains(seed, []byte(secret)) || bytes.Contains(seed, mustSeed(t, secret)) {
		t.Error("the seed is stored in clear")
	}
	if act := bo.act(); act.SeenHow != ByTOTP || act.Present(*now) != nil {
		t.Errorf("after adding it: %+v", act)
	}
	in := func(password, code string) error {
		_, act, err := a.SignIn(t.Context(), "bo", password, code, "192.0.2.9")
		if err == nil && act.SeenHow != ByTOTP || err != nil && act.User != "" {
			t.Errorf("signed in as %+v, %v", act, err)
		}
		return err
	}
	if err := in(goodPass, codeAt(t, secret, *now)); !errors.Is(err, ErrCode) {
		t.Errorf("the code that put it in force: %v", err)
	}
	*now = now.Add(5 * time.Minute)
	a.byLogin, a.codes = NewLimiter(1, 100, 100), NewLimiter(1, 100, 100) // these have tests of their own
	code := codeAt(t, secret, *now)
	for _, step := range []struct {
		name, password, code string
		want                 error
	}{
		{"without a code", goodPass, "", ErrCode},
		{"with a wrong password and the code", "wrong horse", code, ErrUnauthenticated},
		{"with a wrong password and no code", "wrong horse", "", ErrUnauthenticated},
		{"two steps late", goodPass, codeAt(t, secret, now.Add(-time.Minute)), ErrCode},
		{"two steps early", goodPass, codeAt(t, secret, now.Add(time.Minute)), ErrCode},
		{"text", goodPass, "abcdef", ErrCode},
		{"with the code", goodPass, code[:3] + " " + code[3:], nil},
		{"with the same code again", goodPass, code, ErrCode},
		{"one step before the used one", goodPass, codeAt(t, secret, now.Add(-30*time.Second)), ErrCode},
	} {
		if err := in(step.password, step.code); !errors.Is(err, step.want) {
			t.Errorf("%s: %v, want %v", step.name, err, step.want)
		}
	}
	for _, off := range []time.Duration{-30 * time.Second, 30 * time.Second} {
		*now = now.Add(10 * time.Minute)
		if err := in(goodPass, codeAt(t, secret, now.Add(off))); err != nil {
			t.Errorf("a clock %s off: %v", off, err)
		}
	}
}

func mustSeed(t *testing.T, secret string) []byte {
	t.Helper()
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil || len(seed) != seedLen {
		t.Fatalf("seed %d bytes: %v", len(seed), err)
	}
	return seed
}

// TestCodesAreLimited: somebody who knows the password can not try all codes, from
// wherever they come; and a right one still works after the wait.
func TestCodesAreLimited(t *testing.T) {
	a, m, now := factorBed(t)
	bo := signedIn(t, a, "bo")
	secret := bo.withTOTP(*now)
	*now = now.Add(time.Hour)
	tries := 0
	for i := range 300 { // an hour of them
		_, _, err := a.SignIn(t.Context(), "bo", goodPass, "000000", fmt.Sprintf("2001:db8:0:%x::1", i))
		if errors.Is(err, ErrCode) {
			tries++
		}
		*now = now.Add(12 * time.Second)
	}
	if tries > 5+30+1 {
		t.Errorf("%d codes were tried within an hour", tries)
	}
	if n := m.notes[len(m.notes)-1]; n.Kind != "auth.login_failed" || n.Why != "code" {
		t.Errorf("noted %+v", n)
	}
	for range 6 { // whatever is left of the allowance
		_, _, _ = a.SignIn(t.Context(), "bo", goodPass, "000000", "192.0.2.2")
	}
	if _, _, err := a.SignIn(t.Context(), "bo", goodPass, codeAt(t, secret, *now), "192.0.2.1"); !errors.Is(err, ErrRate) {
		t.Errorf("at once: %v", err)
	}
	*now = now.Add(2*time.Minute + time.Second)
	if _, _, err := a.SignIn(t.Context(), "bo", goodPass, codeAt(t, secret, *now), "192.0.2.1"); err != nil {
		t.Errorf("after the wait: %v", err)
	}
}

func TestAddTOTPRefuses(t *testing.T) {
	a, m, now := factorBed(t)
	bo := signedIn(t, a, "bo")
	add := func(code string) error {
		cookie, _, err := a.AddTOTP(t.Context(), bo.act(), bo.cookie, code, "")
		if err == nil {
			bo.cookie = cookie
		}
		return err
	}
	if err := add("123456"); !errors.Is(err, elevation.ErrConflict) {
		t.Errorf("without a beginning: %v", err)
	}
	secret, uri, err := a.BeginTOTP(t.Context(), bo.act())
	if err != nil || !strings.HasPrefix(uri, "otpauth://totp/Assent:bo?") || !strings.Contains(uri, secret) {
		t.Fatalf("%q %v", uri, err)
	}
	for range 5 {
		if err := add("000000"); !errors.Is(err, elevation.ErrInvalid) {
			t.Errorf("a wrong code: %v", err)
		}
	}
	if err := add(codeAt(t, secret, *now)); !errors.Is(err, ErrRate) {
		t.Errorf("after five wrong codes: %v", err)
	}
	*now = now.Add(CeremonyLife)
	if err := add(codeAt(t, secret, *now)); !errors.Is(err, elevation.ErrConflict) {
		t.Errorf("too late: %v", err)
	}
	if len(m.totp) != 0 {
		t.Error("an authenticator is stored")
	}
	bo = signedIn(t, a, "bo")
	bo.withTOTP(*now)
	if _, _, err := a.BeginTOTP(t.Context(), bo.act()); !errors.Is(err, elevation.ErrConflict) {
		t.Errorf("a second one: %v", err)
	}
	if err := a.RemoveTOTP(t.Context(), Actor{User: "usr_bo", Token: "tok_1", SeenAt: *now}, ""); !errors.Is(err, elevation.ErrNotAllowed) {
		t.Errorf("removed by a token: %v", err)
	}
	*now = now.Add(PresenceFor + time.Second)
	if err := a.RemoveTOTP(t.Context(), bo.act(), ""); !errors.Is(err, elevation.ErrStepUp) {
		t.Errorf("removed long after the sign-in: %v", err)
	}
	if len(m.totp) != 1 {
		t.Error("it is gone")
	}
}

// TestLinkOpensNoSecondFactor: every way in asks for the factors there are.
func TestLinkOpensNoSecondFactor(t *testing.T) {
	for name, add := range map[string]func(*person, time.Time){
		"authenticator": func(p *person, now time.Time) { p.withTOTP(now) },
		"passkey":       func(p *person, _ time.Time) { p.adds("phone") },
	} {
		a, _, now := factorBed(t)
		link, err := a.NewLink(t.Context(), "usr_bo")
		if err != nil {
			t.Fatal(err)
		}
		add(signedIn(t, a, "bo"), *now)
		if _, act, err := a.SignInByLink(t.Context(), link, ""); !errors.Is(err, ErrUnauthenticated) || act.User != "" {
			t.Errorf("%s: %+v %v", name, act, err)
		}
		a.LinksDo() // in a demonstration
		if link, err = a.NewLink(t.Context(), "usr_bo"); err != nil {
			t.Fatal(err)
		}
		if _, act, err := a.SignInByLink(t.Context(), link, ""); err != nil || act.User != "usr_bo" {
			t.Errorf("%s, in a demonstration: %+v %v", name, act, err)
		}
	}
}

func TestStepUp(t *testing.T) {
	a, m, now := factorBed(t)
	bo := signedIn(t, a, "bo")
	step := func(in Proof) error {
		old := bo.cookie
		cookie, act, err := a.StepUp(t.Context(), bo.act(), old, in, bo.address)
		if err != nil {
			return err
		}
		if bo.cookie = cookie; act.Present(*now) != nil || cookie == old {
			t.Errorf("after the proof: %+v", act)
		}
		if _, err := a.Resume(t.Context(), old); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("the old cookie: %v", err)
		}
		if n := m.notes[len(m.notes)-1]; n.Kind != "auth.step_up" {
			t.Errorf("noted %+v", n)
		}
		return nil
	}
	later := func() {
		t.Helper()
		*now = now.Add(PresenceFor + time.Second)
		if err := bo.act().Present(*now); !errors.Is(err, elevation.ErrStepUp) {
			t.Errorf("five minutes later: %v", err)
		}
	}
	later()
	if err := step(Proof{Password: "wrong horse"}); !errors.Is(err, ErrWrong) {
		t.Errorf("a wrong password: %v", err)
	}
	if err := step(Proof{Password: goodPass}); err != nil {
		t.Errorf("the password: %v", err)
	}
	until := sessionOf(m, "usr_bo").ExpiresAt

	secret := bo.withTOTP(*now)
	later()
	if err := step(Proof{Password: goodPass}); !errors.Is(err, ErrCode) {
		t.Errorf("the password without a code: %v", err)
	}
	if err := step(Proof{Password: goodPass, Code: codeAt(t, secret, *now)}); err != nil {
		t.Errorf("the password with a code: %v", err)
	}

	bo.adds("phone")
	later()
	if err := step(Proof{Password: goodPass, Code: codeAt(t, secret, *now)}); !errors.Is(err, elevation.ErrStepUp) {
		t.Errorf("the password beside a passkey: %v", err)
	}
	ask := func(lie authenticator.Lie) Proof {
		id, options, err := a.BeginStepUp(t.Context(), bo.act())
		if err != nil {
			t.Fatal(err)
		}
		answer, err := bo.keys.Get(options, lie)
		if err != nil {
			t.Fatal(err)
		}
		return Proof{Ceremony: id, Credential: answer}
	}
	if err := step(ask(authenticator.Lie{Unverified: true})); !errors.Is(err, ErrWrong) {
		t.Errorf("a passkey without verification: %v", err)
	}
	eve := signedIn(t, a, "eve")
	eve.adds("phone")
	if err := step(ask(authenticator.Lie{Key: eve.keys.Keys[0]})); !errors.Is(err, ErrWrong) {
		t.Errorf("somebody else's passkey: %v", err)
	}
	proof := ask(authenticator.Lie{})
	if _, _, err := a.StepUp(t.Context(), eve.act(), eve.cookie, proof, eve.address); !errors.Is(err, ErrWrong) {
		t.Errorf("somebody else's ceremony: %v", err)
	}
	if err := step(proof); err != nil {
		t.Errorf("the passkey: %v", err)
	}
	if err := step(proof); !errors.Is(err, ErrWrong) {
		t.Errorf("the same proof again: %v", err)
	}
	if got := sessionOf(m, "usr_bo").ExpiresAt; !got.Equal(until) {
		t.Errorf("the session lasts until %v, before %v", got, until)
	}
	if _, _, err := a.StepUp(t.Context(), Actor{User: "usr_bo", Token: "tok_1"}, bo.cookie, ask(authenticator.Lie{}), ""); !errors.Is(err, elevation.ErrNotAllowed) {
		t.Errorf("a token's proof: %v", err)
	}
	if _, _, err := a.StepUp(t.Context(), bo.act(), eve.cookie, ask(authenticator.Lie{}), "::9"); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("with somebody else's cookie: %v", err)
	}
}

func sessionOf(m *memory, user elevation.UserID) WebSession {
	for _, s := range m.sessions {
		if s.User == user {
			return s
		}
	}
	return WebSession{}
}

func TestStepUpIsLimited(t *testing.T) {
	a, _, now := factorBed(t)
	bo := signedIn(t, a, "bo")
	n := 0
	for range 20 {
		if _, _, err := a.StepUp(t.Context(), bo.act(), bo.cookie, Proof{Password: "wrong horse"}, "192.0.2.1"); errors.Is(err, ErrWrong) {
			n++
		}
	}
	if n != 5 {
		t.Errorf("%d wrong passwords were looked at", n)
	}
	if _, _, err := a.StepUp(t.Context(), bo.act(), bo.cookie, Proof{Password: goodPass}, "192.0.2.7"); !errors.Is(err, ErrRate) {
		t.Errorf("the right one from elsewhere: %v", err)
	}
	*now = now.Add(12 * time.Second)
	if _, _, err := a.StepUp(t.Context(), bo.act(), bo.cookie, Proof{Password: goodPass}, "192.0.2.7"); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	// What strangers try at the door locks nobody out who is inside.
	for range 10 {
		_, _, _ = a.SignIn(t.Context(), "eve", "wrong horse", "", "198.51.100.1")
	}
	eve := signedInAt(t, a, "usr_eve")
	if _, _, err := a.StepUp(t.Context(), eve.act(), eve.cookie, Proof{Password: goodPass}, "192.0.2.8"); err != nil {
		t.Errorf("behind a stranger's tries: %v", err)
	}
}

// signedInAt opens a session past the door.
func signedInAt(t *testing.T, a *Accounts, id elevation.UserID) *person {
	t.Helper()
	cookie, act, err := a.Open(t.Context(), id, "192.0.2.1", ByOIDC)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t: t, a: a, login: act.Login, cookie: cookie, address: "192.0.2.1", keys: &authenticator.Authenticator{Origin: origin}}
}

// TestPresence is the table of what proves presence.
func TestPresence(t *testing.T) {
	for name, row := range map[string]struct {
		act Actor
		ok  bool
	}{
		"nobody":                      {Actor{}, false},
		"just signed in":              {Actor{Session: true, SeenAt: noon, SeenHow: ByPassword}, true},
		"five minutes ago":            {Actor{Session: true, SeenAt: noon.Add(-PresenceFor), SeenHow: ByPassword}, true},
		"longer ago":                  {Actor{Session: true, SeenAt: noon.Add(-PresenceFor - 1), SeenHow: ByPassword}, false},
		"in the future":               {Actor{Session: true, SeenAt: noon.Add(time.Second), SeenHow: ByPassword}, false},
		"never":                       {Actor{Session: true, SeenHow: ByPassword}, false},
		"a token":                     {Actor{Token: "tok_1", SeenAt: noon}, false},
		"a token in a session":        {Actor{Session: true, Token: "tok_1", SeenAt: noon}, false},
		"a password beside a passkey": {Actor{Session: true, SeenAt: noon, SeenHow: ByPassword, HasPasskey: true}, false},
		"a code beside a passkey":     {Actor{Session: true, SeenAt: noon, SeenHow: ByTOTP, HasPasskey: true}, false},
		"a provider beside a passkey": {Actor{Session: true, SeenAt: noon, SeenHow: ByOIDC, HasPasskey: true}, false},
		"a passkey":                   {Actor{Session: true, SeenAt: noon, SeenHow: ByPasskey, HasPasskey: true}, true},
	} {
		if err := row.act.Present(noon); (err == nil) != row.ok || err != nil && !errors.Is(err, elevation.ErrStepUp) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSecondFactorRequired: a session of such a role is worth nothing but adding
// or using a factor, whichever door asks.
func TestSecondFactorRequired(t *testing.T) {
	a, m, now := factorBed(t)
	m.must = []Role{Approver}
	bo := signedIn(t, a, "bo")
	act := bo.act()
	for _, p := range Permissions() {
		if err := act.Can(p); !errors.Is(err, ErrSecondFactor) {
			t.Errorf("%s: %v", p, err)
		}
	}
	if err := a.Admit(t.Context(), act, "POST /api/v1/requests"); !errors.Is(err, ErrSecondFactor) {
		t.Errorf("admitted: %v", err)
	}
	if n := m.notes[len(m.notes)-1]; n.Kind != "auth.refused" || n.Data["why"] != "second_factor_required" {
		t.Errorf("noted %+v", n)
	}
	secret := bo.withTOTP(*now)
	if act := bo.act(); act.MissingFactor || act.Can(RequestsRead) != nil || a.Admit(t.Context(), act, "x") != nil {
		t.Errorf("with a factor: %+v", act)
	}
	*now = now.Add(time.Hour)
	if _, act, err := a.SignIn(t.Context(), "bo", goodPass, codeAt(t, secret, *now), "::1"); err != nil || act.MissingFactor {
		t.Errorf("signed in with both: %+v %v", act, err)
	}
	if act := signedInAt(t, a, "usr_eve").act(); act.MissingFactor {
		t.Error("somebody whom a provider vouches for lacks a factor")
	}
	eve := signedIn(t, a, "eve")
	eve.adds("phone")
	if act := eve.act(); act.MissingFactor {
		t.Error("a passkey that was just added is no factor")
	}
	m.must = []Role{Administrator}
	if act := signedIn(t, a, "eve").act(); act.MissingFactor {
		t.Error("somebody without such a role lacks a factor")
	}
}

// TestStepUpWithoutPassword: whom a provider vouches for signs in again.
func TestStepUpWithoutPassword(t *testing.T) {
	a, m, _ := factorBed(t)
	u := m.accounts["usr_bo"]
	u.PasswordHash = ""
	m.accounts["usr_bo"] = u
	bo := signedInAt(t, a, "usr_bo")
	for _, password := range []string{"", goodPass} {
		if _, _, err := a.StepUp(t.Context(), bo.act(), bo.cookie, Proof{Password: password}, ""); !errors.Is(err, elevation.ErrStepUp) {
			t.Errorf("with %q: %v", password, err)
		}
	}
}

// TestPasswordBesidePasskey: who stole a cookie sets no password for later.
func TestPasswordBesidePasskey(t *testing.T) {
	a, _, now := factorBed(t)
	bo := signedIn(t, a, "bo")
	bo.adds("phone")
	*now = now.Add(PresenceFor + time.Second)
	if err := a.ChangePassword(t.Context(), bo.act(), goodPass, "another horse", ""); !errors.Is(err, elevation.ErrStepUp) {
		t.Errorf("got %v", err)
	}
}
