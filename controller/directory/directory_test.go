package directory

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

var t0 = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func newDirectory(t *testing.T) *Directory {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "a.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	d, err := New(Config{Store: s, Outside: http.DefaultClient, Public: func() string { return "https://assent.example" }, Now: func() time.Time { return t0 },
		Open: func(context.Context, elevation.UserID, string, string) (string, auth.Actor, error) {
			return "", auth.Actor{}, nil
		},
		Wrap: func(_ string, b []byte) ([]byte, error) { return b, nil }, Unwrap: func(_ string, b []byte) ([]byte, error) { return b, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestGive: each source gives and takes its own, and nothing of the others.
func TestGive(t *testing.T) {
	d := newDirectory(t)
	by := elevation.Actor{Kind: elevation.BySystem}
	const adm, app, aud, req = auth.Administrator, auth.Approver, auth.Auditor, auth.Requester
	type step struct {
		source string
		want   []auth.Role
		floor  bool
		roles  []auth.Role // afterwards
		access bool
	}
	for name, row := range map[string]struct {
		hand  []auth.Role // nil = made by the directory
		steps []step
	}{
		"of the directory alone": {nil, []step{
			{"a", []auth.Role{app}, false, []auth.Role{app}, true},
			{"a", []auth.Role{aud}, false, []auth.Role{aud}, true},
			{"a", nil, false, []auth.Role{req}, false},
			{"a", nil, false, []auth.Role{req}, false},
			{"a", []auth.Role{app}, false, []auth.Role{app}, true}, // what an account shows without any role is no gift
			{"a", nil, false, []auth.Role{req}, false}}},
		"a floor": {nil, []step{
			{"a", nil, true, []auth.Role{req}, true},
			{"a", []auth.Role{app}, true, []auth.Role{app}, true},
			{"a", nil, true, []auth.Role{req}, true},
			{"a", nil, false, []auth.Role{req}, false}}},
		"beside what a hand gave": {[]auth.Role{app}, []step{
			{"a", []auth.Role{app, aud}, false, []auth.Role{app, aud}, true},
			{"a", nil, false, []auth.Role{app}, true},
			{"a", []auth.Role{app}, false, []auth.Role{app}, true},
			{"a", nil, true, []auth.Role{app}, true}}},
		"two sources": {nil, []step{
			{"a", []auth.Role{app}, false, []auth.Role{app}, true},
			{"b", []auth.Role{app, aud}, false, []auth.Role{app, aud}, true},
			{"a", nil, false, []auth.Role{app, aud}, true},
			{"b", []auth.Role{aud}, false, []auth.Role{aud}, true},
			{"b", nil, false, []auth.Role{req}, false},
			{"a", []auth.Role{adm}, false, []auth.Role{adm}, true}}},
	} {
		t.Run(name, func(t *testing.T) {
			u := store.User{ID: elevation.UserID(elevation.NewID(elevation.UserPrefix, t0)), Login: strings.ReplaceAll(name, " ", "-"), Roles: row.hand, CreatedAt: t0}
			for i, s := range row.steps {
				err := d.update(t.Context(), func(tx *store.Tx) error {
					if i == 0 {
						made := row.hand == nil
						if made {
							u.Roles = []auth.Role{req}
						}
						if err := tx.InsertUser(u); err != nil {
							return err
						}
						if made {
							if err := tx.PutGivenRoles(u.ID, noSource, u.Roles); err != nil {
								return err
							}
						}
						if err := tx.InsertWebSession(store.WebSession{Hash: []byte(u.ID), User: u.ID, ExpiresAt: t0.Add(time.Hour)}); err != nil {
							return err
						}
					}
					now, err := tx.User(u.ID)
					if err != nil {
						return err
					}
					after, access, err := d.give(tx, by, now, s.source, s.want, s.floor)
					if err != nil {
						return err
					}
					stored, err := tx.User(u.ID)
					if err != nil {
						return err
					}
					if !slices.Equal(after.Roles, s.roles) || !slices.Equal(stored.Roles, s.roles) || access != s.access || stored.DisabledAt.IsZero() != s.access {
						t.Errorf("step %d: %v, stored %v, access %v, disabled %v", i+1, after.Roles, stored.Roles, access, stored.DisabledAt)
					}
					if _, err := tx.WebSession([]byte(u.ID)); !s.access && !errors.Is(err, elevation.ErrNotFound) {
						t.Errorf("step %d: the session lives: %v", i+1, err)
					}
					return tx.Append(d.event(by, audit.DirectoryChanged, map[string]string{"what": "test"}))
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestReadPath(t *testing.T) {
	for in, want := range map[string]path{
		"active":                                {attr: "active"},
		"userName":                              {attr: "username"},
		"name.givenName":                        {attr: "name.givenname"},
		schemaUser + ":userName":                {attr: "username"},
		strings.ToUpper(schemaUser) + ":active": {attr: "active"},
		`members[value eq "usr_1"]`:             {attr: "members", by: "value", is: "usr_1"},
		`emails[type eq "work"].value`:          {attr: "emails", by: "type", is: "work", sub: "value"},
		`emails[ primary EQ True ].display`:     {attr: "emails", by: "primary", is: true, sub: "display"},
		`x[value eq "a\"]b"]`:                   {attr: "x", by: "value", is: `a"]b`},
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department": {attr: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:department"},
	} {
		got, err := readPath(in, schemaUser)
		if d := cmp.Diff(want, got, cmp.AllowUnexported(path{})); err != nil || d != "" {
			t.Errorf("%s: %v %s", in, err, d)
		}
	}
	for _, in := range []string{"", " ", "a b", "a[", "a[b]", `a[b co "c"]`, `a[b eq c]`, `a[b eq "c"`, `a[b eq "c" and d eq "e"]`, "1a", "a]", strings.Repeat("a", 1001), "a\x00"} {
		if got, err := readPath(in, schemaUser); err == nil {
			t.Errorf("%q is read as %+v", in, got)
		}
	}
}

func TestReadFilter(t *testing.T) {
	names := map[string]string{"username": "username", "emails": "emails", "active": "active"}
	for in, want := range map[string][]store.SCIMMatch{
		"":                                       nil,
		`userName eq "a"`:                        {{Column: "username", Value: "a"}},
		`USERNAME EQ "a and b"`:                  {{Column: "username", Value: "a and b"}},
		schemaUser + `:userName eq "a"`:          {{Column: "username", Value: "a"}},
		`userName eq "a" and active eq True`:     {{Column: "username", Value: "a"}, {Column: "active", Value: "true"}},
		`emails[type eq "work"] eq "a\"b\u0041"`: {{Column: "emails", Value: `a"bA`}},
	} {
		got, err := readFilter(in, schemaUser, names)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v %s", in, err, d)
		}
	}
	for _, in := range []string{`userName`, `userName eq`, `userName eq a`, `userName co "a"`, `not userName eq "a"`, `(userName eq "a")`, `userName eq "a" or active eq true`,
		`userName eq "a" andactive eq true`, `userName eq "a" and`, `password eq "a"`, `userName eq "a"; drop`, strings.Repeat("a", 2001)} {
		if got, err := readFilter(in, schemaUser, names); err == nil {
			t.Errorf("%q is read as %+v", in, got)
		}
	}
}

// FuzzPatch: no body makes a user or a group that breaks a rule, and none panics.
func FuzzPatch(f *testing.F) {
	for _, ops := range []string{`{"op":"replace","value":{"active":"False"}}`, `{"op":"Add","path":"emails[type eq \"work\"].value","value":"a@b"}`,
		`{"op":"remove","path":"members[value eq \"usr_1\"]"}`, `{"op":"add","path":"members","value":[{"value":"usr_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"}]}`,
		`{"op":"replace","value":{"name.givenName":"x","emails":[{"primary":"True","value":"a@b"}]}}`, `{"op":"remove","path":"emails"}`} {
		f.Add([]byte(`{"schemas":["` + schemaPatch + `"],"Operations":[` + ops + `]}`))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, schema := range []string{schemaUser, schemaGroup} {
			ops, err := readPatch(raw, schema)
			if err != nil {
				checkFault(t, err)
				continue
			}
			u := store.SCIMUser{UserName: "eve", Emails: []store.SCIMEmail{{Value: "eve@corp.example", Type: "work", Primary: true}}}
			g := group{SCIMGroup: store.SCIMGroup{Display: "g"}, members: map[elevation.UserID]bool{"usr_1": true}}
			for _, op := range ops {
				if err := patchUser(&u, op); err != nil {
					checkFault(t, err)
					break
				}
			}
			for _, op := range ops {
				if err := patchGroup(&g, op); err != nil {
					checkFault(t, err)
					break
				}
			}
			for _, s := range []string{u.UserName, u.Display, u.Given, u.Family, u.Formatted, u.ExternalID, g.Display, g.ExternalID} {
				if elevation.CheckLine("text", s, 512) != nil {
					t.Errorf("%q came through", s)
				}
			}
			for _, e := range u.Emails {
				if checkEmail(e.Value) != nil {
					t.Errorf("the address %q came through", e.Value)
				}
			}
		}
	})
}

func checkFault(t *testing.T, err error) {
	t.Helper()
	var kind *Fault
	if !errors.As(err, &kind) || kind.Type == "" || !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("%v is no fault of the caller", err)
	}
}

// TestCheckEmail: the domain is what stands behind the only @.
func TestCheckEmail(t *testing.T) {
	for _, good := range []string{"a@b.example", "a.b+c@corp.example", "ä@corp.example"} {
		if err := checkEmail(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "a", "@b", "a@", "a@b@c", "a b@c", "a@b c", "a@b,c", "<a@b>", "a@b\n", "a@b\u200b", "a@\u0441orp.example", `"a@b"@c`, "a@b(c)", "a@[127.0.0.1]", strings.Repeat("a", 250) + "@b.example"} {
		if checkEmail(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestFetchIsBounded: an answer without an end is not read to it.
func TestFetchIsBounded(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 64 {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}))
	defer srv.Close()
	resp, err := bound(srv.Client()).Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf, n := make([]byte, 1<<14), 0
	for {
		m, err := resp.Body.Read(buf)
		n += m
		if err != nil {
			if !errors.Is(err, errLong) || n > maxFetch {
				t.Errorf("after %d bytes: %v", n, err)
			}
			return
		}
	}
}
