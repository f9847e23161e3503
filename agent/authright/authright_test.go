package authright

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/assent-epm/assent/agent/mactool/fakemac"
	"github.com/assent-epm/assent/shared/elevation"
)

func TestMain(m *testing.M) {
	fakemac.Main()
	os.Exit(m.Run())
}

const (
	network  = "system.preferences.network"
	printing = "system.preferences.printing"
)

// rights is a machine with two rights that administrators have.
func rights(t *testing.T) (DB, fakemac.Here) {
	t.Helper()
	rule := func() map[string]any {
		return map[string]any{"class": "user", "group": "admin", "shared": true, "timeout": 2147483647, "comment": "Checked by <Settings> & co.", "created": 538029218.67258, "modified": 538029218.67258}
	}
	h := fakemac.New(t, fakemac.Machine{Rights: map[string]map[string]any{network: rule(), printing: rule()}})
	return DB{Dir: filepath.Join(t.TempDir(), "rights"), Tools: h.Runner(), Log: slog.New(slog.DiscardHandler)}, h
}

// plain are the rules without their times.
func plain(t *testing.T, h fakemac.Here) map[string]map[string]any {
	t.Helper()
	all := h.Machine(t).Rights
	for _, rule := range all {
		for _, key := range []string{"created", "modified", "allow-root"} {
			delete(rule, key)
		}
	}
	return all
}

// contract is what rights do on every Mac, of memory or not. right is one that nobody
// has set, and is left as it was.
func contract(t *testing.T, d DB, right string) {
	t.Helper()
	before, err := d.read(t.Context(), right)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.read(t.Context(), "com.assent-epm.of.nobody"); err == nil {
		t.Error("a right that there is not can be read")
	}
	t.Cleanup(func() { // whatever fails, it goes back
		if err := d.Restore(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for _, level := range []Level{User, Nobody, User} {
		if err := d.Set(t.Context(), map[string]Level{right: level}); err != nil {
			t.Fatalf("%s: %v", level, err)
		}
		if is, err := d.read(t.Context(), right); err != nil || same(is, before) {
			t.Errorf("%s: it is as before: %s, %v", level, is, err)
		}
		if states, err := d.States(t.Context()); err != nil || !reflect.DeepEqual(states, []State{{right, level, true}}) {
			t.Errorf("%s: %+v, %v", level, states, err)
		}
	}
	for range 2 {
		if err := d.Restore(t.Context()); err != nil {
			t.Error(err)
		}
		if after, err := d.read(t.Context(), right); err != nil || !covers(after, before) {
			t.Errorf("was %s\nis %s\n%v", before, after, err)
		}
	}
	if states, err := d.States(t.Context()); len(states) > 0 || err != nil {
		t.Errorf("%+v, %v", states, err)
	}
}

func TestContract(t *testing.T) {
	d, _ := rights(t)
	contract(t, d, printing)
}

func TestSetAndRestore(t *testing.T) {
	d, h := rights(t)
	before := plain(t, h)
	if err := d.Set(t.Context(), map[string]Level{network: User, printing: Nobody}); err != nil {
		t.Fatal(err)
	}
	is := plain(t, h)
	if r := is[network]; r["session-owner"] != true || r["authenticate-user"] != true || r["shared"] != false || r["timeout"] != 0.0 || r["group"] != nil {
		t.Errorf("%v", r)
	}
	if r := is[printing]; r["class"] != "deny" {
		t.Errorf("%v", r)
	}
	if err := d.Set(t.Context(), map[string]Level{network: Admin}); err != nil {
		t.Fatal(err)
	}
	if r := plain(t, h); r[network]["group"] != "admin" || r[network]["session-owner"] != false || !reflect.DeepEqual(r[printing], before[printing]) {
		t.Errorf("%v", r)
	}
	states, err := d.States(t.Context())
	if err != nil || !reflect.DeepEqual(states, []State{{network, Admin, true}}) {
		t.Errorf("%+v, %v", states, err)
	}
	if err := d.Restore(t.Context()); err != nil || !reflect.DeepEqual(plain(t, h), before) {
		t.Errorf("%v: %v, want %v", err, plain(t, h), before)
	}
	if states, err := d.States(t.Context()); len(states) > 0 || err != nil {
		t.Errorf("%+v, %v", states, err)
	}
}

// A new version of macOS resets its rights: it is set again, and what goes back later
// is the new version's own. What somebody else has set stays theirs.
func TestChangedBySomebodyElse(t *testing.T) {
	d, h := rights(t)
	want := map[string]Level{network: User}
	if err := d.Set(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	h.Change(t, func(m *fakemac.Machine) { m.Rights[network] = map[string]any{"class": "rule", "rule": "root-or-admin"} })
	if states, err := d.States(t.Context()); err != nil || states[0].Holds {
		t.Errorf("%+v, %v", states, err)
	}
	if err := d.Set(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if r := plain(t, h)[network]; r["session-owner"] != true {
		t.Errorf("%v", r)
	}
	if err := d.Restore(t.Context()); err != nil || plain(t, h)[network]["rule"] != "root-or-admin" {
		t.Errorf("%v, %v", plain(t, h), err)
	}
	if err := d.Set(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	h.Change(t, func(m *fakemac.Machine) { m.Rights[network] = map[string]any{"class": "deny"} })
	if err := d.Restore(t.Context()); err != nil || plain(t, h)[network]["class"] != "deny" {
		t.Errorf("%v, %v", plain(t, h), err)
	}
}

func TestRefused(t *testing.T) {
	for right, level := range map[string]Level{
		"system.login.console": Nobody, "system.privilege.admin": User, "system.privilege.taskport": Admin, "config.add.system": Nobody, "authenticate.session": Nobody,
		"system.preferences.accounts": User, "system.preferences": User, "system.install.software": User, network: "anybody", printing: "", "system.preferences.": Admin,
		"../../etc/passwd": Nobody, "-remove.x": Nobody, "a b.c": Nobody, "system": Nobody} {
		if err := elevation.CheckAuthorizationRight(right, level); err == nil {
			t.Errorf("%s for %q", right, level)
		}
		d, h := rights(t)
		before := plain(t, h)
		if err := d.Set(t.Context(), map[string]Level{right: level}); err == nil || !reflect.DeepEqual(plain(t, h), before) {
			t.Errorf("%s for %q is set: %v", right, level, err)
		}
	}
	d, _ := rights(t)
	many := map[string]Level{}
	for i := range MaxRights + 1 {
		many[fmt.Sprintf("system.preferences.x%d", i)] = Nobody
	}
	if err := d.Set(t.Context(), many); !errors.Is(err, ErrRight) {
		t.Errorf("too many: %v", err)
	}
	if err := d.Set(t.Context(), map[string]Level{"com.example.absent": Nobody, network: Nobody}); !errors.Is(err, ErrAbsent) {
		t.Errorf("none of that name: %v", err)
	}
	if states, _ := d.States(t.Context()); len(states) != 1 || !states[0].Holds {
		t.Errorf("the other one is set: %+v", states)
	}
}

// A power cut at any step loses nothing of what a right was.
func TestCrash(t *testing.T) {
	for _, step := range []string{"kept", "written", "restored"} {
		d, h := rights(t)
		before := plain(t, h)
		d.FailPoint = func(at string) {
			if at == step {
				panic("power cut")
			}
		}
		dies := func(do func() error) {
			defer func() { _ = recover() }()
			_ = do()
		}
		dies(func() error { return d.Set(t.Context(), map[string]Level{network: Nobody}) })
		dies(func() error { return d.Restore(t.Context()) })
		d.FailPoint = nil
		if err := d.Set(t.Context(), map[string]Level{network: Nobody}); err != nil || plain(t, h)[network]["class"] != "deny" {
			t.Errorf("%s: %v", step, err)
		}
		if err := d.Restore(t.Context()); err != nil || !reflect.DeepEqual(plain(t, h), before) {
			t.Errorf("%s: %v: %v", step, err, plain(t, h))
		}
	}
}

// A power cut between two settings loses nothing either: what a right was before the
// first of them goes back, and not the first of them.
func TestCrashBetweenLevels(t *testing.T) {
	for _, step := range []string{"kept", "written"} {
		for _, next := range []map[string]Level{{network: Admin}, {network: User}, nil} {
			d, h := rights(t)
			before := plain(t, h)
			if err := d.Set(t.Context(), map[string]Level{network: User}); err != nil {
				t.Fatal(err)
			}
			d.FailPoint = func(at string) {
				if at == step {
					panic("power cut")
				}
			}
			func() {
				defer func() { _ = recover() }()
				_ = d.Set(t.Context(), map[string]Level{network: Admin})
			}()
			d.FailPoint = nil
			if err := d.Set(t.Context(), next); err != nil {
				t.Errorf("%s: %v", step, err)
			}
			if r := plain(t, h)[network]; next[network] == User && r["session-owner"] != true || next[network] == Admin && r["group"] != "admin" {
				t.Errorf("%s: %v is %v", step, next, r)
			}
			if err := d.Restore(t.Context()); err != nil || !reflect.DeepEqual(plain(t, h), before) {
				t.Errorf("%s, then %v: %v: %v", step, next, err, plain(t, h)[network])
			}
		}
	}
}

// What does not last is undone and said; a damaged record is never written over.
func TestDoesNotLast(t *testing.T) {
	d, h := rights(t)
	before := plain(t, h)
	h.Change(t, func(m *fakemac.Machine) { m.Fail = map[string]string{"security write": "lies"} })
	if err := d.Set(t.Context(), map[string]Level{network: Nobody}); err == nil {
		t.Error("it is said to be set")
	}
	h.Change(t, func(m *fakemac.Machine) { m.Fail = map[string]string{"security read": "NO (-60008)"} })
	if err := d.Set(t.Context(), map[string]Level{network: Nobody}); err == nil {
		t.Error("it can not be read, and is said to be set")
	}
	h.Change(t, func(m *fakemac.Machine) { m.Fail = nil })
	if !reflect.DeepEqual(plain(t, h), before) {
		t.Errorf("%v", plain(t, h))
	}
	if err := d.Set(t.Context(), map[string]Level{network: Nobody}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.path(network), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []map[string]Level{{network: User}, nil} {
		if err := d.Set(t.Context(), want); err == nil || plain(t, h)[network]["class"] != "deny" {
			t.Errorf("%v: %v", want, err)
		}
	}
	if raw, err := os.ReadFile(d.path(network)); err != nil || string(raw) != "damaged" {
		t.Errorf("%q, %v", raw, err)
	}
}

// What the database leaves out of texts for people is no reason to keep a right.
func TestTextsThatAreLost(t *testing.T) {
	d, h := rights(t)
	if err := d.Set(t.Context(), map[string]Level{network: Nobody}); err != nil {
		t.Fatal(err)
	}
	h.Change(t, func(m *fakemac.Machine) { m.Forgets = []string{"comment"} })
	if err := d.Restore(t.Context()); err != nil || plain(t, h)[network]["group"] != "admin" {
		t.Errorf("%v: %v", err, plain(t, h))
	}
	h.Change(t, func(m *fakemac.Machine) { m.Forgets = []string{"session-owner"} })
	if err := d.Set(t.Context(), map[string]Level{network: User}); err == nil {
		t.Error("what decides is lost, and it is said to be set")
	}
}
