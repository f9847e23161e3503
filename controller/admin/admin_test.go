package admin

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/rules/cel"
)

// desk is an Admin over a real database, with people who have accounts.
type desk struct {
	*Admin
	store             *store.Store
	now               time.Time
	chief, bo, reader auth.Actor
}

func ctxOf(t testing.TB) context.Context { return t.Context() }

func newDesk(t testing.TB) *desk {
	t.Helper()
	s, err := store.Open(ctxOf(t), store.Config{Path: filepath.Join(t.TempDir(), "assent.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	d := &desk{store: s, now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	d.Admin = d.reopen(t)
	for _, p := range []struct {
		actor *auth.Actor
		login string
		role  auth.Role
	}{{&d.chief, "chief", auth.Administrator}, {&d.bo, "bo", auth.Approver}, {&d.reader, "reader", auth.Auditor}} {
		u, err := d.AddUser(ctxOf(t), Local(), NewUser{Login: p.login, Roles: []auth.Role{p.role}})
		if err != nil {
			t.Fatal(err)
		}
		*p.actor = auth.Actor{User: u.ID, Login: u.Login, Roles: u.Roles, Session: true, SeenAt: d.now}
	}
	return d
}

// reopen makes another Admin over the same database.
func (d *desk) reopen(t testing.TB) *Admin {
	t.Helper()
	clock := func() time.Time { return d.now }
	accounts, err := auth.NewAccounts(nil, clock) // hashing needs no store
	if err != nil {
		t.Fatal(err)
	}
	conditions, err := cel.New()
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(ctxOf(t), Config{Store: d.store, Passwords: accounts, Conditions: conditions, CAFingerprint: make([]byte, 32), Now: clock,
		Denied: d.denied})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// events are the kinds that were logged since the count before, and the last
// event itself.
func (d *desk) events(t testing.TB, skip int) (kinds []string, last audit.Event) {
	t.Helper()
	rows, err := d.store.AuditWaiting(ctxOf(t), 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows[skip:] {
		e, err := r.Open()
		if err != nil {
			t.Fatal(err)
		}
		kinds, last = append(kinds, e.Kind.String()), e
	}
	return kinds, last
}

func (d *desk) count(t testing.TB) int {
	kinds, _ := d.events(t, 0)
	return len(kinds)
}

func want(t testing.TB, err, sentinel error, what string) {
	t.Helper()
	if sentinel == nil && err != nil || !errors.Is(err, sentinel) {
		t.Errorf("%s: got %v, want %v", what, err, sentinel)
	}
}

// verbs are all verbs that change or show something.
func (d *desk) verbs(ctx context.Context) map[string]func(auth.Actor) error {
	return map[string]func(auth.Actor) error{
		"rules.check": func(a auth.Actor) error { _, err := d.CheckRules(ctx, a, "rules: []"); return err },
		"rules.apply": func(a auth.Actor) error {
			_, _, err := d.ApplyRules(ctx, a, ApplyRules{YAML: "rules: []"})
			return err
		},
		"rules.list":     func(a auth.Actor) error { _, err := d.Rules(ctx, a); return err },
		"rules.versions": func(a auth.Actor) error { _, err := d.RuleVersions(ctx, a); return err },
		"user.add": func(a auth.Actor) error {
			_, err := d.AddUser(ctx, a, NewUser{Login: elevation.NewID("u", d.now)})
			return err
		},
		"user.add.admin": func(a auth.Actor) error {
			_, err := d.AddUser(ctx, a, NewUser{Login: elevation.NewID("u", d.now), Roles: []auth.Role{auth.Administrator}})
			return err
		},
		"user.list": func(a auth.Actor) error { _, err := d.Users(ctx, a); return err },
		"user.edit": func(a auth.Actor) error {
			name := "Bo " + elevation.NewID("", d.now)
			_, err := d.EditUser(ctx, a, "bo", EditUser{Name: &name})
			return err
		},
		"token.add": func(a auth.Actor) error {
			_, _, err := d.AddToken(ctx, a, NewToken{Name: "x", User: "bo"})
			return err
		},
		"token.list": func(a auth.Actor) error { _, err := d.Tokens(ctx, a); return err },
		"enrollment_token.add": func(a auth.Actor) error {
			_, _, err := d.AddEnrollToken(ctx, a, NewEnrollToken{})
			return err
		},
		"enrollment_token.list": func(a auth.Actor) error { _, err := d.EnrollTokens(ctx, a); return err },
		"endpoint.list":         func(a auth.Actor) error { _, err := d.Endpoints(ctx, a, store.EndpointFilter{}); return err },
		"settings.get":          func(a auth.Actor) error { _, err := d.Settings(ctx, a); return err },
		"settings.change": func(a auth.Actor) error {
			_, err := d.EditSettings(ctx, a, func(s *store.Settings) { s.HistoryDays++ })
			return err
		},
	}
}

// Who may do what, verb by verb. What is not listed is refused.
func TestPermissions(t *testing.T) {
	d := newDesk(t)
	token := d.chief
	token.Session, token.Token = false, "tok_1"
	narrow := token
	narrow.Scopes = []string{auth.ScopeRules}
	scoped := d.chief
	scoped.Scope = map[string]string{"role": "web"}
	disabled := auth.Actor{User: "usr_x", Login: "x"}
	tests := []struct {
		who  string
		act  auth.Actor
		able string
	}{
		{"nobody", auth.Actor{}, ""},
		{"an account without roles", disabled, ""},
		{"an approver", d.bo, "endpoint.list rules.check rules.list rules.versions token.add token.list"},
		{"an auditor", d.reader, "endpoint.list enrollment_token.list rules.check rules.list rules.versions settings.get token.list user.list"},
		{"an administrator", d.chief, "everything"},
		{"a token of an administrator", token, "endpoint.list enrollment_token.add enrollment_token.list rules.apply rules.check rules.list rules.versions settings.get user.add user.list"},
		{"a token for rules", narrow, "rules.apply rules.check rules.list rules.versions"},
		{"an administrator of some endpoints", scoped, "endpoint.list enrollment_token.list rules.check rules.list rules.versions settings.get token.list user.list"},
		{"a local command", Local(), "everything"},
	}
	for _, tt := range tests {
		t.Run(tt.who, func(t *testing.T) {
			for verb, run := range d.verbs(ctxOf(t)) {
				before := d.count(t)
				err := run(tt.act)
				able := tt.able == "everything" || strings.Contains(" "+tt.able+" ", " "+verb+" ")
				if able {
					if err != nil {
						t.Errorf("%s: %v", verb, err)
					}
					continue
				}
				if !errors.Is(err, elevation.ErrNotAllowed) && !errors.Is(err, auth.ErrUnauthenticated) {
					t.Errorf("%s: got %v, want a refusal", verb, err)
				}
				kinds, _ := d.events(t, before)
				writes := !strings.HasSuffix(verb, ".list") && !strings.HasSuffix(verb, ".get") && verb != "rules.check" && verb != "rules.versions"
				if writes && tt.act.User != "" && cmp.Diff([]string{"auth.refused"}, kinds) != "" {
					t.Errorf("%s: logged %v", verb, kinds)
				}
				if tt.act.User == "" && len(kinds) > 0 {
					t.Errorf("%s: a stranger wrote %v into the log", verb, kinds)
				}
			}
		})
	}
}

func TestCheckName(t *testing.T) {
	for _, s := range []string{"a", "web-1", "Bo Chen", "ü", strings.Repeat("a", 40)} {
		want(t, checkName("name", s, 40), nil, s)
	}
	for _, s := range []string{"", " a", "a ", "a,b", "a;b", "a:b", "a/b", `a\b`, "a\x00b", "a\nb", "a\x1b[2J", "a\u0085", "a\u202eb", "a\u2028", "\xff", strings.Repeat("a", 41)} {
		want(t, checkName("name", s, 40), elevation.ErrInvalid, s)
	}
}

func TestUsers(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	before := d.count(t)
	u, err := d.AddUser(ctx, d.chief, NewUser{Login: "dina", Name: "Dina", Email: "dina@example.org", Password: "correct horse battery", Scope: map[string]string{"role": "web"}})
	if err != nil {
		t.Fatal(err)
	}
	if cmp.Diff([]auth.Role{auth.Requester}, u.Roles) != "" || !strings.HasPrefix(u.PasswordHash, "$argon2id$") || u.CreatedAt != d.now {
		t.Errorf("got %+v", u)
	}
	kinds, e := d.events(t, before)
	if cmp.Diff([]string{"user.created"}, kinds) != "" || e.Data["login"] != "dina" || e.Data["scope"] != "role=web" || e.Actor.Name != "chief" {
		t.Errorf("logged %v %v", kinds, e)
	}
	got, err := d.User(ctx, d.chief, string(u.ID))
	if err != nil || cmp.Diff(u, got) != "" {
		t.Errorf("by id: %v %v", err, cmp.Diff(u, got))
	}
	_, err = d.AddUser(ctx, d.chief, NewUser{Login: "DINA"})
	want(t, err, elevation.ErrConflict, "a login in other case")

	self, err := d.User(ctx, auth.Actor{User: u.ID, Login: "dina", Roles: u.Roles}, "dina")
	if err != nil || self.ID != u.ID {
		t.Errorf("oneself: %v", err)
	}
	_, err = d.User(ctx, auth.Actor{User: u.ID, Login: "dina", Roles: u.Roles}, "chief")
	want(t, err, elevation.ErrNotAllowed, "somebody else")
	_, err = d.User(ctx, d.chief, "nobody")
	want(t, err, elevation.ErrNotFound, "an unknown login")
	_, err = d.User(ctx, d.chief, "usr_nonsense")
	want(t, err, elevation.ErrNotFound, "an unknown id")

	before = d.count(t)
	roles, yes := []auth.Role{auth.Approver, auth.Auditor}, true
	if u, err = d.EditUser(ctx, d.chief, "dina", EditUser{Roles: &roles, Disabled: &yes}); err != nil || u.DisabledAt != d.now || len(u.Roles) != 2 {
		t.Fatalf("edit: %+v %v", u, err)
	}
	kinds, e = d.events(t, before)
	if cmp.Diff([]string{"user.changed"}, kinds) != "" || e.Data["roles"] != "approver, auditor" || e.Data["roles_before"] != "requester" || e.Data["disabled"] != "true" {
		t.Errorf("logged %v %v", kinds, e.Data)
	}
	before = d.count(t)
	if _, err = d.EditUser(ctx, d.chief, "dina", EditUser{Roles: &roles}); err != nil || d.count(t) != before {
		t.Errorf("an edit that changes nothing: %v, %d events", err, d.count(t)-before)
	}
	want(t, d.DeleteUser(ctx, d.chief, "dina"), nil, "delete")
	want(t, d.DeleteUser(ctx, d.chief, "dina"), elevation.ErrNotFound, "delete again")
	if kinds, _ := d.events(t, before); cmp.Diff([]string{"user.deleted"}, kinds) != "" {
		t.Errorf("logged %v", kinds)
	}
}

func TestUserInputIsRefused(t *testing.T) {
	d := newDesk(t)
	good := NewUser{Login: "ok"}
	tests := []struct {
		name   string
		change func(*NewUser)
	}{
		{"no login", func(u *NewUser) { u.Login = "" }},
		{"login with a comma", func(u *NewUser) { u.Login = "a,b" }},
		{"login with a backslash", func(u *NewUser) { u.Login = `CORP\bo` }},
		{"login with NUL", func(u *NewUser) { u.Login = "a\x00" }},
		{"login with an escape", func(u *NewUser) { u.Login = "a\x1b[31m" }},
		{"login like an id", func(u *NewUser) { u.Login = "usr_1" }},
		{"login with look-alikes", func(u *NewUser) { u.Login = "аdmin" }}, // the first letter is Cyrillic
		{"login too long", func(u *NewUser) { u.Login = strings.Repeat("a", 65) }},
		{"name of 1 MB", func(u *NewUser) { u.Name = strings.Repeat("a", 1<<20) }},
		{"name with a line end", func(u *NewUser) { u.Name = "a\nb" }},
		{"e-mail without @", func(u *NewUser) { u.Email = "nowhere" }},
		{"two e-mails", func(u *NewUser) { u.Email = "a@b,c@d" }},
		{"unknown role", func(u *NewUser) { u.Roles = []auth.Role{"root"} }},
		{"a role twice", func(u *NewUser) { u.Roles = []auth.Role{auth.Auditor, auth.Auditor} }},
		{"short password", func(u *NewUser) { u.Password = "short" }},
		{"password of 1 MB", func(u *NewUser) { u.Password = strings.Repeat("a", 1<<20) }},
		{"scope with a bad label", func(u *NewUser) { u.Scope = map[string]string{"role": "a;b"} }},
		{"scope with a bad name", func(u *NewUser) { u.Scope = map[string]string{"ro le": "a"} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := good
			tt.change(&in)
			before := d.count(t)
			_, err := d.AddUser(ctxOf(t), d.chief, in)
			want(t, err, elevation.ErrInvalid, "add")
			if n := d.count(t) - before; n != 0 {
				t.Errorf("%d events", n)
			}
			if err != nil && len(err.Error()) > 500 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestLastAdministratorStays(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	yes, approver, scope := true, []auth.Role{auth.Approver}, map[string]string{"a": "b"}
	attempts := map[string]func() error{
		"delete":  func() error { return d.DeleteUser(ctx, d.chief, "chief") },
		"demote":  func() error { _, err := d.EditUser(ctx, d.chief, "chief", EditUser{Roles: &approver}); return err },
		"disable": func() error { _, err := d.EditUser(ctx, d.chief, "chief", EditUser{Disabled: &yes}); return err },
		"narrow":  func() error { _, err := d.EditUser(ctx, d.chief, "chief", EditUser{Scope: &scope}); return err },
	}
	for name, try := range attempts {
		before := d.count(t)
		want(t, try(), elevation.ErrConflict, name)
		if d.count(t) != before {
			t.Errorf("%s: it was logged as done", name)
		}
	}
	if u, err := d.User(ctx, d.chief, "chief"); err != nil || !u.DisabledAt.IsZero() || !auth.Powerful(u.Roles) || len(u.Scope) > 0 {
		t.Errorf("the last administrator is %+v, %v", u, err)
	}
	if _, err := d.AddUser(ctx, d.chief, NewUser{Login: "second", Roles: []auth.Role{auth.Administrator}}); err != nil {
		t.Fatal(err)
	}
	want(t, attempts["demote"](), nil, "with a second one")
}

// Two administrators who remove each other at once do not leave nobody.
func TestAdministratorsRemoveEachOther(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	u, err := d.AddUser(ctx, d.chief, NewUser{Login: "second", Roles: []auth.Role{auth.Administrator}})
	if err != nil {
		t.Fatal(err)
	}
	second := auth.Actor{User: u.ID, Login: u.Login, Roles: u.Roles}
	errs := make(chan error, 2)
	go func() { errs <- d.DeleteUser(ctx, d.chief, "second") }()
	go func() { errs <- d.DeleteUser(ctx, second, "chief") }()
	if a, b := <-errs, <-errs; a == nil && b == nil {
		t.Error("both were deleted")
	}
}

// A scoped administrator can not make anybody who sees more.
func TestScopeIsNotEscaped(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	web := map[string]string{"role": "web"}
	u, err := d.AddUser(ctx, d.chief, NewUser{Login: "webchief", Roles: []auth.Role{auth.Administrator}, Scope: web})
	if err != nil {
		t.Fatal(err)
	}
	act := auth.Actor{User: u.ID, Login: u.Login, Roles: u.Roles, Scope: u.Scope, Session: true, SeenAt: d.now}
	_, err = d.AddUser(ctx, act, NewUser{Login: "x", Roles: []auth.Role{auth.Administrator}})
	want(t, err, elevation.ErrNotAllowed, "an account without scope")
	none := map[string]string{}
	_, err = d.EditUser(ctx, act, "webchief", EditUser{Scope: &none})
	want(t, err, elevation.ErrNotAllowed, "widen oneself")
	_, _, err = d.AddToken(ctx, act, NewToken{Name: "x", User: "chief"})
	want(t, err, elevation.ErrNotAllowed, "a token of a wider account")
	_, _, err = d.AddEnrollToken(ctx, act, NewEnrollToken{})
	want(t, err, elevation.ErrNotAllowed, "an enrolment token without the label")
	_, _, err = d.AddEnrollToken(ctx, act, NewEnrollToken{Labels: web})
	want(t, err, nil, "an enrolment token with the label")
	_, err = d.AddUser(ctx, act, NewUser{Login: "y", Scope: map[string]string{"role": "web", "site": "b"}})
	want(t, err, nil, "a narrower account")
}

func TestPasswordEndsSessions(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	s := store.WebSession{Hash: []byte("h"), User: d.bo.User, CreatedAt: d.now, LastSeenAt: d.now, ExpiresAt: d.now.Add(time.Hour)}
	if err := d.store.Update(ctx, func(tx *store.Tx) error { return tx.InsertWebSession(s) }); err != nil {
		t.Fatal(err)
	}
	pw := "another long password"
	if _, err := d.EditUser(ctx, d.chief, "bo", EditUser{Password: &pw}); err != nil {
		t.Fatal(err)
	}
	err := d.store.View(ctx, func(tx *store.Tx) error { _, err := tx.WebSession([]byte("h")); return err })
	want(t, err, elevation.ErrNotFound, "the session")
	if _, e := d.events(t, 0); e.Data["password"] != "changed" || strings.Contains(strings.Join(values(e.Data), " "), "argon2id") {
		t.Errorf("logged %v", e.Data)
	}
}

// A password that somebody else sets ends the tokens and links of the account, one
// that its owner sets keeps the tokens. Removed factors end the links.
func TestWhatEndsWithAPassword(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	word, other := "another long password", "one more long password"
	left := func() (tokens, links int) {
		t.Helper()
		all, err := d.Tokens(ctx, d.bo)
		want(t, err, nil, "list tokens")
		_ = d.store.Update(ctx, func(tx *store.Tx) error {
			if _, err := tx.UseSignInLink([]byte("link"), d.now); err == nil {
				links++
			}
			return errors.New("only a look")
		})
		return len(all), links
	}
	prepare := func() {
		t.Helper()
		_, _, err := d.AddToken(ctx, d.bo, NewToken{Name: "job"})
		want(t, err, nil, "a token")
		want(t, d.store.Update(ctx, func(tx *store.Tx) error {
			return tx.InsertSignInLink(store.SignInLink{Hash: []byte("link"), User: d.bo.User, ExpiresAt: d.now.Add(time.Hour)}, d.now)
		}), nil, "a link")
		if tokens, links := left(); tokens != 1 || links != 1 {
			t.Fatalf("at first there are %d tokens and %d links", tokens, links)
		}
	}
	prepare()
	want(t, d.ResetFactors(ctx, d.chief, "bo"), nil, "remove the factors")
	if tokens, links := left(); tokens != 1 || links != 0 {
		t.Errorf("removed factors leave %d tokens and %d links", tokens, links)
	}
	_, err := d.EditUser(ctx, d.chief, "bo", EditUser{Password: &word})
	want(t, err, nil, "by somebody else")
	prepare()
	_, err = d.EditUser(ctx, d.chief, "bo", EditUser{Password: &other})
	want(t, err, nil, "by somebody else")
	if tokens, links := left(); tokens != 0 || links != 0 {
		t.Errorf("a password by somebody else leaves %d tokens and %d links", tokens, links)
	}
	prepare()
	owner := d.bo
	owner.Roles = []auth.Role{auth.Administrator}
	_, err = d.EditUser(ctx, owner, "bo", EditUser{Password: &word})
	want(t, err, nil, "by its owner")
	if tokens, links := left(); tokens != 1 || links != 0 {
		t.Errorf("a password of one's own leaves %d tokens and %d links", tokens, links)
	}
}

// A session makes a token only for somebody who has just shown to be there; a
// token shows nothing and is asked nothing.
func TestTokensNeedPresence(t *testing.T) {
	d := newDesk(t)
	ctx := ctxOf(t)
	d.now = d.now.Add(auth.PresenceFor + time.Second)
	_, _, err := d.AddToken(ctx, d.bo, NewToken{Name: "x"})
	want(t, err, elevation.ErrStepUp, "long after signing in")
	_, _, err = d.AddToken(ctx, d.chief, NewToken{Name: "x", User: "bo"})
	want(t, err, elevation.ErrStepUp, "for somebody else")
	first := d.chief
	first.Session, first.Token, first.Full = false, "tok_1", true
	_, _, err = d.AddToken(ctx, first, NewToken{Name: "x", User: "bo"})
	want(t, err, nil, "by the first administrator's token")
	d.bo.SeenAt = d.now
	_, _, err = d.AddToken(ctx, d.bo, NewToken{Name: "x"})
	want(t, err, nil, "with presence")
}

func values(m map[string]string) (out []string) {
	for _, v := range m {
		out = append(out, v)
	}
	return out
}
