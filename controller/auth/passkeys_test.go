package auth

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/authenticator"
	"github.com/assent-epm/assent/shared/elevation"
)

const (
	origin   = "https://assent.example"
	goodPass = "correct horse"
)

// person is somebody at a browser.
type person struct {
	t       *testing.T
	a       *Accounts
	login   string
	cookie  string
	address string
	keys    *authenticator.Authenticator
}

// factorBed is accounts with bo and eve, who both have the password, and a key.
func factorBed(t *testing.T) (*Accounts, *memory, *time.Time) {
	t.Helper()
	a, m, now := bed(t)
	a.hashes.derive = func(password, salt []byte) []byte { // tests of passwords pay the cost
		return append(bytes.Repeat([]byte{7}, keyLen-8), append(password, salt...)[:8]...)
	}
	hash, err := a.HashPassword(t.Context(), goodPass)
	if err != nil {
		t.Fatal(err)
	}
	m.accounts["usr_bo"] = Account{ID: "usr_bo", Login: "bo", Roles: []Role{Approver}, PasswordHash: hash}
	m.accounts["usr_eve"] = Account{ID: "usr_eve", Login: "eve", Roles: []Role{Approver}, PasswordHash: hash}
	if err := a.UseFactors(box{}, origin); err != nil {
		t.Fatal(err)
	}
	return a, m, now
}

// signedIn signs in with the password.
func signedIn(t *testing.T, a *Accounts, login string) *person {
	t.Helper()
	p := &person{t: t, a: a, login: login, address: "192.0.2.1", keys: &authenticator.Authenticator{Origin: origin}}
	cookie, _, err := a.SignIn(t.Context(), login, goodPass, "", p.address)
	if err != nil {
		t.Fatal(err)
	}
	p.cookie = cookie
	return p
}

// act is who the session says it is.
func (p *person) act() Actor {
	p.t.Helper()
	act, err := p.a.Resume(p.t.Context(), p.cookie)
	if err != nil {
		p.t.Fatal(err)
	}
	return act
}

// adds adds a passkey and keeps the new cookie.
func (p *person) adds(name string) Passkey {
	p.t.Helper()
	id, options, err := p.a.BeginAddPasskey(p.t.Context(), p.act())
	if err != nil {
		p.t.Fatal(err)
	}
	made, err := p.keys.Create(options, authenticator.Lie{})
	if err != nil {
		p.t.Fatal(err)
	}
	key, cookie, err := p.a.AddPasskey(p.t.Context(), p.act(), p.cookie, id, made, name, p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.cookie = cookie
	return key
}

// comes signs in with a passkey, from scratch.
func (p *person) comes(login string, lie authenticator.Lie) (string, Actor, error) {
	p.t.Helper()
	id, options, err := p.a.BeginPasskey(login, p.address)
	if err != nil {
		return "", Actor{}, err
	}
	answer, err := p.keys.Get(options, lie)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.a.SignInByPasskey(p.t.Context(), id, answer, p.address)
}

func TestPasskeySignIn(t *testing.T) {
	a, m, now := factorBed(t)
	bo := signedIn(t, a, "bo")
	key := bo.adds("phone")
	if act := bo.act(); !act.HasPasskey || act.SeenHow != ByPasskey || act.Present(*now) != nil {
		t.Errorf("after adding a passkey: %+v", act)
	}
	for _, login := range []string{"", "bo", "BO"} {
		*now = now.Add(time.Hour)
		_, act, err := bo.comes(login, authenticator.Lie{})
		if err != nil || act.User != "usr_bo" || act.SeenHow != ByPasskey || act.Present(*now) != nil {
			t.Fatalf("as %q: %+v %v", login, act, err)
		}
	}
	stored := m.passkeys[0]
	if stored.SignCount != 3 || !stored.LastUsedAt.Equal(*now) || key.ID != stored.ID {
		t.Errorf("stored %+v", stored)
	}
	if n := m.notes[len(m.notes)-1]; n.Kind != "auth.login" || n.Why != ByPasskey {
		t.Errorf("noted %+v", n)
	}
}

// TestPasskeyLies changes one thing of an answer that is right in all others.
func TestPasskeyLies(t *testing.T) {
	a, m, _ := factorBed(t)
	bo, eve := signedIn(t, a, "bo"), signedIn(t, a, "eve")
	bo.adds("phone")
	eve.adds("phone")
	other := eve.keys.Keys[0]
	for name, lie := range map[string]authenticator.Lie{
		"another origin":                     {Origin: "https://assent.example.evil.example"},
		"an origin with another port":        {Origin: "https://assent.example:8443"},
		"an origin without TLS":              {Origin: "http://assent.example"},
		"a subdomain":                        {Origin: "https://login.assent.example"},
		"another domain":                     {RPID: "evil.example"},
		"the domain above":                   {RPID: "example"},
		"not verified":                       {Unverified: true},
		"nobody there":                       {Absent: true},
		"a forged signature":                 {Forged: true},
		"another challenge":                  {Challenge: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
		"an answer for a new passkey":        {Type: "webauthn.create"},
		"inside another page":                {Cross: true},
		"somebody else's name":               {User: []byte("usr_eve")},
		"nobody's name":                      {User: []byte("usr_none")},
		"no name":                            {User: []byte{}},
		"somebody else's key under my name":  {Key: other, User: []byte("usr_bo")},
		"my key under somebody else's id":    {Name: other.ID},
		"my key under the id of no key":      {Name: bytes.Repeat([]byte{9}, 32)},
		"somebody else's key under my key's": {Key: other, Name: bo.keys.Keys[0].ID},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(m.notes)
			bo.address = name // addresses have limits of their own
			_, act, err := bo.comes("", lie)
			if !errors.Is(err, ErrUnauthenticated) || act.User != "" {
				t.Fatalf("got %+v %v", act, err)
			}
			if n := m.notes[len(m.notes)-1]; len(m.notes) != before+1 || n.Kind != "auth.login_failed" || n.Address != name {
				t.Errorf("noted %+v", n)
			}
		})
	}
	bo.address = "::1"
	if _, act, err := bo.comes("eve", authenticator.Lie{}); !errors.Is(err, ErrUnauthenticated) || act.User != "" {
		t.Errorf("bo's key where eve was named: %+v %v", act, err)
	}
	if _, _, err := bo.comes("bo", authenticator.Lie{}); err != nil {
		t.Errorf("the truth: %v", err)
	}
}

func TestPasskeyAnswerIsGoodOnce(t *testing.T) {
	a, _, now := factorBed(t)
	bo := signedIn(t, a, "bo")
	bo.adds("phone")
	begin := func() (string, map[string]any) {
		id, options, err := a.BeginPasskey("", bo.address)
		if err != nil {
			t.Fatal(err)
		}
		// Without a counter, which would tell a replay by itself.
		answer, err := bo.keys.Get(options, authenticator.Lie{Count: new(uint32(0))})
		if err != nil {
			t.Fatal(err)
		}
		return id, answer
	}
	id, answer := begin()
	if _, _, err := a.SignInByPasskey(t.Context(), id, answer, bo.address); err != nil {
		t.Fatal(err)
	}
	refused := func(what, id string, answer map[string]any) {
		t.Helper()
		if _, act, err := a.SignInByPasskey(t.Context(), id, answer, bo.address); !errors.Is(err, ErrUnauthenticated) || act.User != "" {
			t.Errorf("%s: %+v %v", what, act, err)
		}
	}
	refused("the same answer again", id, answer)
	second, _ := begin()
	refused("an old answer to a new ceremony", second, answer)
	refused("an unknown ceremony", "x", answer)
	id, answer = begin()
	refused("nothing", id, nil)
	refused("the right answer after a wrong one", id, answer)
	id, answer = begin()
	*now = now.Add(CeremonyLife)
	refused("too late", id, answer)
	id, answer = begin()
	act := bo.act()
	if _, _, err := a.StepUp(t.Context(), act, bo.cookie, Proof{Ceremony: id, Credential: answer}, bo.address); !errors.Is(err, ErrWrong) {
		t.Errorf("a sign-in's answer as a proof of presence: %v", err)
	}
}

// TestPasskeyCounter: a counter that does not grow means a copy; then neither the
// copy nor the original is believed any more.
func TestPasskeyCounter(t *testing.T) {
	a, m, _ := factorBed(t)
	bo := signedIn(t, a, "bo")
	bo.adds("phone")
	if _, _, err := bo.comes("", authenticator.Lie{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := bo.comes("", authenticator.Lie{Count: new(uint32(1))}); !errors.Is(err, ErrUnauthenticated) {
		t.Fatalf("the same counter again: %v", err)
	}
	if n := m.notes[len(m.notes)-2]; n.Kind != "auth.factor_changed" || n.Data["act"] != "blocked" {
		t.Errorf("noted %+v", n)
	}
	if _, _, err := bo.comes("", authenticator.Lie{Count: new(uint32(100))}); !errors.Is(err, ErrUnauthenticated) {
		t.Fatalf("a blocked passkey: %v", err)
	}
	if act := bo.act(); !act.HasPasskey {
		t.Error("a blocked passkey lets a password prove presence")
	}
}

// TestPasskeyWithoutCounter: many authenticators always say zero.
func TestPasskeyWithoutCounter(t *testing.T) {
	a, _, _ := factorBed(t)
	bo := signedIn(t, a, "bo")
	bo.adds("phone")
	for range 3 {
		if _, _, err := bo.comes("", authenticator.Lie{Count: new(uint32(0))}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPasskeyOfDisabledAccount(t *testing.T) {
	a, m, now := factorBed(t)
	bo := signedIn(t, a, "bo")
	bo.adds("phone")
	u := m.accounts["usr_bo"]
	u.DisabledAt = *now
	m.accounts["usr_bo"] = u
	if _, _, err := bo.comes("", authenticator.Lie{}); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("got %v", err)
	}
}

// TestBeginTellsNothing: the answer for somebody with a passkey, somebody without
// and nobody differs in the challenge only.
func TestBeginTellsNothing(t *testing.T) {
	a, _, _ := factorBed(t)
	signedIn(t, a, "bo").adds("phone")
	var shapes []string
	for _, login := range []string{"bo", "eve", "nobody", ""} {
		_, options, err := a.BeginPasskey(login, "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		if options["userVerification"] != "required" || options["rpId"] != "assent.example" {
			t.Errorf("options %v", options)
		}
		delete(options, "challenge")
		shapes = append(shapes, fmt.Sprint(options))
	}
	for _, s := range shapes {
		if s != shapes[0] {
			t.Errorf("%s is not %s", s, shapes[0])
		}
	}
}

func TestAddPasskeyRefuses(t *testing.T) {
	a, m, now := factorBed(t)
	bo, eve := signedIn(t, a, "bo"), signedIn(t, a, "eve")
	offer := func(p *person, lie authenticator.Lie) (string, map[string]any) {
		id, options, err := a.BeginAddPasskey(t.Context(), p.act())
		if err != nil {
			t.Fatal(err)
		}
		made, err := p.keys.Create(options, lie)
		if err != nil {
			t.Fatal(err)
		}
		return id, made
	}
	for name, lie := range map[string]authenticator.Lie{
		"another origin":    {Origin: "https://evil.example"},
		"another domain":    {RPID: "evil.example"},
		"not verified":      {Unverified: true},
		"another challenge": {Challenge: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
		"another type":      {Type: "webauthn.get"},
	} {
		id, made := offer(bo, lie)
		if _, _, err := a.AddPasskey(t.Context(), bo.act(), bo.cookie, id, made, "x", ""); !errors.Is(err, elevation.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	id, made := offer(bo, authenticator.Lie{})
	if _, _, err := a.AddPasskey(t.Context(), eve.act(), eve.cookie, id, made, "x", ""); !errors.Is(err, elevation.ErrConflict) {
		t.Errorf("into somebody else's account: %v", err)
	}
	if _, _, err := a.AddPasskey(t.Context(), bo.act(), bo.cookie, id, made, " ", ""); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("without a name: %v", err)
	}
	if _, _, err := a.AddPasskey(t.Context(), Actor{User: "usr_bo", Token: "tok_1"}, bo.cookie, id, made, "x", ""); !errors.Is(err, elevation.ErrNotAllowed) {
		t.Errorf("by a token: %v", err)
	}
	if len(m.passkeys) != 0 {
		t.Fatalf("%d passkeys are stored", len(m.passkeys))
	}
	// A credential that is known already is taken into no second account.
	bo.adds("phone")
	known := bo.keys.Keys[len(bo.keys.Keys)-1]
	id, made = offer(eve, authenticator.Lie{Name: known.ID})
	if _, _, err := a.AddPasskey(t.Context(), eve.act(), eve.cookie, id, made, "x", ""); !errors.Is(err, elevation.ErrConflict) {
		t.Errorf("a known credential: %v", err)
	}
	*now = now.Add(PresenceFor + time.Second)
	for name, act := range map[string]Actor{"long ago": bo.act(), "by a token": {User: "usr_bo", Token: "tok_1", SeenAt: *now}} {
		_, _, err := a.BeginAddPasskey(t.Context(), act)
		if !errors.Is(err, elevation.ErrStepUp) && !errors.Is(err, elevation.ErrNotAllowed) {
			t.Errorf("%s: %v", name, err)
		}
		if err := a.RemovePasskey(t.Context(), act, m.passkeys[0].ID, ""); !errors.Is(err, elevation.ErrStepUp) && !errors.Is(err, elevation.ErrNotAllowed) {
			t.Errorf("remove, %s: %v", name, err)
		}
		if n := m.notes[len(m.notes)-1]; n.Kind != "auth.refused" || n.User != "usr_bo" {
			t.Errorf("%s: noted %+v", name, n)
		}
	}
}

func TestMostPasskeys(t *testing.T) {
	a, m, _ := factorBed(t)
	bo := signedIn(t, a, "bo")
	for i := range MaxPasskeys {
		bo.keys = &authenticator.Authenticator{Origin: origin}
		bo.adds(fmt.Sprint("key ", i))
	}
	if _, _, err := a.BeginAddPasskey(t.Context(), bo.act()); !errors.Is(err, elevation.ErrLimit) || len(m.passkeys) != MaxPasskeys {
		t.Errorf("one more: %v, %d stored", err, len(m.passkeys))
	}
}

func TestWherePasskeysAre(t *testing.T) {
	for public, want := range map[string]bool{
		"https://assent.example":      true,
		"https://assent.example:8443": true,
		"http://localhost:8080":       true,
		"http://assent.example":       false,
		"https://192.0.2.1":           false,
		"http://127.0.0.1:8080":       false,
		"https://[::1]:8080":          false,
		"https://intranet":            false, // the library wants a dot
	} {
		a, _, _ := bed(t)
		if err := a.UseFactors(box{}, public); err != nil || a.OffersPasskeys() != want {
			t.Errorf("%s: %v %v", public, a.OffersPasskeys(), err)
		}
		if _, _, err := a.BeginPasskey("", ""); (err == nil) != want {
			t.Errorf("%s: begin: %v", public, err)
		}
	}
}

func TestBeginIsLimited(t *testing.T) {
	tries := func(a *Accounts, login func(int) string, address func(int) string) int {
		for i := range 200 {
			if _, _, err := a.BeginPasskey(login(i), address(i)); errors.Is(err, ErrRate) {
				return i
			}
		}
		return -1
	}
	same := func(s string) func(int) string { return func(int) string { return s } }
	each := func(form string) func(int) string { return func(i int) string { return fmt.Sprintf(form, i) } }
	for name, row := range map[string]struct {
		login, address func(int) string
		want           int
	}{
		"one address":             {each("p%d"), same("192.0.2.1"), 30},
		"one IPv6 network":        {same(""), each("2001:db8::%x"), 30},
		"one login":               {same("bo"), each("192.0.2.%d"), 30},
		"other IPv6 networks":     {same(""), each("2001:db8:0:%x::1"), -1},
		"nobody, from everywhere": {same(""), each("192.0.2.%d"), -1},
	} {
		a, _, _ := factorBed(t)
		if got := tries(a, row.login, row.address); got != row.want {
			t.Errorf("%s: refused after %d, want %d", name, got, row.want)
		}
	}
}

func TestCeremoniesAreBounded(t *testing.T) {
	s := newCeremonies(100)
	first := s.add(ceremony{kind: forSignIn}, noon)
	for range 99 {
		s.add(ceremony{kind: forSignIn}, noon)
	}
	if len(s.byID) != 100 || s.order.Len() != 100 {
		t.Fatalf("%d and %d", len(s.byID), s.order.Len())
	}
	newest := s.add(ceremony{kind: forSignIn}, noon)
	if _, ok := s.take(first, forSignIn, "", noon); ok || len(s.byID) != 100 {
		t.Errorf("the oldest is there, of %d", len(s.byID))
	}
	if _, ok := s.take(newest, forStepUp, "", noon); ok {
		t.Error("taken for something else")
	}
	if _, ok := s.take(newest, forSignIn, "usr_1", noon); ok {
		t.Error("taken by somebody")
	}
	if _, ok := s.take(newest, forSignIn, "", noon); !ok {
		t.Error("the newest is not there")
	}
	mine := s.add(ceremony{kind: forStepUp, user: "usr_1"}, noon)
	for range perUser {
		s.add(ceremony{kind: forStepUp, user: "usr_1"}, noon)
	}
	if _, ok := s.take(mine, forStepUp, "usr_1", noon); ok || len(s.byUser["usr_1"]) != perUser {
		t.Errorf("one person has %d", len(s.byUser["usr_1"]))
	}
	s.add(ceremony{kind: forSignIn}, noon.Add(CeremonyLife))
	if len(s.byID) != 1 || len(s.byUser) != 0 || s.order.Len() != 1 {
		t.Errorf("%d, %d and %d are left after their time", len(s.byID), len(s.byUser), s.order.Len())
	}
}

// TestMutilatedAnswers: whatever is not an answer is refused like a wrong one.
func TestMutilatedAnswers(t *testing.T) {
	a, _, now := factorBed(t)
	bo := signedIn(t, a, "bo")
	bo.adds("phone")
	texts := []any{nil, "", "!", 7, -1.5, true, []any{}, map[string]any{}, "AAAA", strings.Repeat("A", 5000)}
	for _, inside := range []bool{false, true} {
		for _, field := range []string{"id", "rawId", "type", "response", "clientExtensionResults", "authenticatorAttachment",
			"clientDataJSON", "authenticatorData", "signature", "userHandle"} {
			for i, text := range texts {
				if inside && (field == "userHandle" || field == "authenticatorAttachment") && text == nil {
					continue
				}
				*now = now.Add(time.Minute)
				bo.address = fmt.Sprint("192.0.2.", i)
				id, options, err := a.BeginPasskey("", bo.address)
				if err != nil {
					t.Fatal(err)
				}
				answer, err := bo.keys.Get(options, authenticator.Lie{})
				if err != nil {
					t.Fatal(err)
				}
				part := answer
				if inside {
					part, _ = answer["response"].(map[string]any)
				}
				if _, there := part[field]; !there || field == "authenticatorAttachment" || field == "clientExtensionResults" {
					continue // extra fields, and what nothing reads, do no harm
				}
				part[field] = text
				if _, act, err := a.SignInByPasskey(t.Context(), id, answer, bo.address); !errors.Is(err, ErrUnauthenticated) || act.User != "" {
					t.Errorf("%s is %v: %+v %v", field, text, act, err)
				}
				made := map[string]any{"id": text, "rawId": text, "type": "public-key", "response": map[string]any{"clientDataJSON": text, "attestationObject": text}}
				own, _, err := a.BeginAddPasskey(t.Context(), Actor{User: "usr_bo", Session: true, SeenAt: *now, SeenHow: ByPasskey, HasPasskey: true})
				if err != nil {
					t.Fatal(err)
				}
				if _, _, err := a.AddPasskey(t.Context(), bo.actor(), bo.cookie, own, made, "x", ""); !errors.Is(err, elevation.ErrInvalid) {
					t.Errorf("a new passkey of %v: %v", text, err)
				}
			}
		}
	}
}

// actor is the person as a session would have them, however long ago.
func (p *person) actor() Actor { return Actor{User: "usr_bo", Login: p.login, Session: true} }
