package standing

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/assent-epm/assent/agent/localgroup"
	"github.com/assent-epm/assent/shared/elevation"
)

const (
	pc     = "S-1-5-21-1-2-3"
	domain = "S-1-5-21-7-8-9"
)

// office is a machine of Windows: the built-in administrator is switched off.
func office(t *testing.T, cfg Config, in ...string) (*Standing, *localgroup.Memory) {
	t.Helper()
	g := &localgroup.Memory{Called: "Administratoren", Accounts: []localgroup.Member{
		{SID: pc + "-500", Name: `PC7\Administrator`, Kind: localgroup.User, Disabled: true},
		{SID: pc + "-1001", Name: `PC7\alice`, Kind: localgroup.User},
		{SID: pc + "-1002", Name: `PC7\bob`, Kind: localgroup.User},
		{SID: domain + "-512", Name: `OFFICE\Domain Admins`, Kind: localgroup.Nested},
		{SID: domain + "-1201", Name: `OFFICE\Helpdesk`, Kind: localgroup.Nested},
		{SID: "S-1-5-11", Name: `NT AUTHORITY\Authenticated Users`, Kind: localgroup.Special},
	}}
	for _, sid := range in {
		if err := g.Add(sid); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Data, cfg.Admins = t.TempDir(), g
	return openOffice(t, cfg), g
}

func openOffice(t *testing.T, cfg Config) *Standing {
	t.Helper()
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func rightOf(t *testing.T, s *Standing, name string) elevation.Right {
	t.Helper()
	for _, r := range s.Scan().Rights {
		if r.User == name || r.User == "" && r.Group == name {
			return r
		}
	}
	t.Fatalf("%s has no right in %+v", name, s.Scan())
	return elevation.Right{}
}

func TestAdministratorsAreFound(t *testing.T) {
	s, g := office(t, Config{BreakGlass: func() string { return `OFFICE\Helpdesk` }, Lent: func(user, group string) bool { return user == pc+"-1002" && group == "Administratoren" }},
		pc+"-500", pc+"-1001", pc+"-1002", domain+"-512", domain+"-1201", "S-1-5-11")
	g.Accounts = append(g.Accounts, localgroup.Member{SID: domain + "-4000", Name: `OFFICE\gone`, Kind: localgroup.User})
	if err := g.Add(domain + "-4000"); err != nil {
		t.Fatal(err)
	}
	g.Accounts = g.Accounts[:len(g.Accounts)-1]
	f := s.Scan()
	var got []string
	for _, r := range f.Rights {
		if r.Kind != elevation.RightGroup || !r.All || r.ID == "" || r.Source != "local group Administratoren" {
			t.Errorf("%+v", r)
		}
		got = append(got, r.User+"|"+r.Group+"|"+r.Fixed)
	}
	slices.Sort(got)
	want := []string{
		domain + "-4000|Administratoren|",
		`PC7\Administrator|Administratoren|it is the administrator that Windows has built in`,
		`PC7\alice|Administratoren|`,
		`|NT AUTHORITY\Authenticated Users|it is no account: Windows counts people to it by how they come`,
		`|OFFICE\Domain Admins|`,
		`|OFFICE\Helpdesk|it belongs to the break-glass group`,
	}
	slices.Sort(want)
	if !slices.Equal(got, want) || len(f.Faults) > 0 {
		t.Errorf("found\n%s\nwant\n%s\nfaults %v", strings.Join(got, "\n"), strings.Join(want, "\n"), f.Faults)
	}
	g.Fail = func(string) error { return errors.New("the service does not answer") }
	if f := s.Scan(); len(f.Rights) > 0 || len(f.Faults) == 0 {
		t.Errorf("what can not be read is said: %+v", f)
	}
}

func TestAdministratorsAreTakenAndGivenBack(t *testing.T) {
	s, g := office(t, Config{}, pc+"-500", pc+"-1001", domain+"-512")
	before, _ := g.Members()
	alice, admins := rightOf(t, s, `PC7\alice`), rightOf(t, s, `OFFICE\Domain Admins`)
	done, refused := s.TakeOver(t.Context(), "ro_1", []string{alice.ID, rightOf(t, s, `PC7\Administrator`).ID, "none"})
	if !slices.Equal(done, []string{alice.ID}) || len(refused) != 2 {
		t.Fatalf("done %v, refused %+v", done, refused)
	}
	if _, in, err := localgroup.Find(g, pc+"-1001"); in || err != nil {
		t.Errorf("alice is in the group: %v", err)
	}
	if f := s.Scan(); len(f.Taken) != 1 || f.Taken[0].ID != alice.ID {
		t.Errorf("taken %+v", f.Taken)
	}
	if done, refused := s.TakeOver(t.Context(), "ro_2", []string{admins.ID}); len(done) > 0 || len(refused) != 1 || refused[0].Why != "it is the last administrator" {
		t.Errorf("the last one: done %v, refused %+v", done, refused)
	}
	if done, _ := s.TakeOver(t.Context(), "ro_3", []string{alice.ID}); len(done) != 1 {
		t.Error("one that is taken already counts as done")
	}
	back, err := s.GiveBack(t.Context(), nil)
	if err != nil || len(back) != 1 || back[0].Err != nil || back[0].Said != "" {
		t.Errorf("given back: %+v, %v", back, err)
	}
	if after, _ := g.Members(); !slices.Equal(before, after) {
		t.Errorf("was %+v, is %+v", before, after)
	}
	if f := s.Scan(); len(f.Taken) != 0 {
		t.Errorf("still taken: %+v", f.Taken)
	}
}

// An account that is gone goes back to nobody: its SID is never another's.
func TestGoneAdministrator(t *testing.T) {
	s, g := office(t, Config{}, pc+"-1001", pc+"-1002")
	if done, refused := s.TakeOver(t.Context(), "ro_1", []string{rightOf(t, s, `PC7\bob`).ID}); len(done) != 1 {
		t.Fatal(refused)
	}
	g.Accounts = slices.DeleteFunc(g.Accounts, func(m localgroup.Member) bool { return m.SID == pc+"-1002" })
	back, err := s.GiveBack(t.Context(), nil)
	if err != nil || len(back) != 1 || back[0].Said != `not put back: there is no account PC7\bob any more` || back[0].Err != nil {
		t.Errorf("%+v, %v", back, err)
	}
	if f := s.Scan(); len(f.Taken) != 0 {
		t.Errorf("still taken: %+v", f.Taken)
	}
}

// A crash at any step leaves the right as it was, or taken, or given back: never
// lost.
func TestAdministratorsAfterACrash(t *testing.T) {
	for _, step := range []string{"planned", "changed", "checked", "returning", "restored", "returned"} {
		t.Run(step, func(t *testing.T) {
			crash := false
			cfg := Config{FailPoint: func(at string) {
				if crash && at == step {
					panic("power cut")
				}
			}}
			s, g := office(t, cfg, pc+"-1001", pc+"-1002")
			before, _ := g.Members()
			id := rightOf(t, s, `PC7\bob`).ID
			crash = true
			dies(func() { s.TakeOver(t.Context(), "ro_1", []string{id}) })
			dies(func() { _, _ = s.GiveBack(t.Context(), nil) })
			crash = false
			again := openOffice(t, s.cfg)
			if f := again.Scan(); len(f.Rights)+len(f.Taken) != 2 {
				t.Errorf("after the crash: %+v", f)
			}
			if _, err := again.GiveBack(t.Context(), nil); err != nil {
				t.Error(err)
			}
			if after, _ := g.Members(); !slices.Equal(before, after) {
				t.Errorf("was %+v, is %+v", before, after)
			}
		})
	}
}

// dies runs do and survives its power cut.
func dies(do func()) {
	defer func() { _ = recover() }()
	do()
}

// What could not be taken is as it was.
func TestTakingFails(t *testing.T) {
	s, g := office(t, Config{}, pc+"-1001", pc+"-1002")
	id := rightOf(t, s, `PC7\bob`).ID
	g.Fail = func(what string) error {
		if what == "remove" {
			return errors.New("access is denied")
		}
		return nil
	}
	if done, refused := s.TakeOver(t.Context(), "ro_1", []string{id}); len(done) > 0 || len(refused) != 1 || !strings.Contains(refused[0].Why, "access is denied") {
		t.Errorf("done %v, refused %+v", done, refused)
	}
	g.Fail = nil
	if f := s.Scan(); len(f.Rights) != 2 || len(f.Taken) != 0 {
		t.Errorf("%+v", f)
	}
}
