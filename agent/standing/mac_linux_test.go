package standing

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/assent-epm/assent/agent/localgroup"
	"github.com/assent-epm/assent/agent/mactool/fakemac"
	"github.com/assent-epm/assent/shared/elevation"
)

func TestMain(m *testing.M) {
	fakemac.Main()
	os.Exit(m.Run())
}

const (
	macAlice = "0A1B2C3D-0000-4000-8000-000000000501"
	macBob   = "0A1B2C3D-0000-4000-8000-000000000502"
	macIT    = "0A1B2C3D-0000-4000-8000-0000000000F0"
)

// newMac is a Mac whose directory is asked by its programs, with sudo's files in a
// folder; the accounts are in no file.
func newMac(t *testing.T, more map[string]string) (*box, fakemac.Here) {
	t.Helper()
	ways := []string{";ShadowHash;HASHLIST:<SALTED-SHA512-PBKDF2>"}
	h := fakemac.New(t, fakemac.Machine{
		Users: []fakemac.User{{Name: "root", UUID: macRoot, UID: 0}, {Name: "toor", UUID: "0A1B2C3D-0000-4000-8000-00000000F00F", UID: 0},
			{Name: "alice", UUID: macAlice, UID: 501, Ways: ways}, {Name: "bob", UUID: macBob, UID: 502, Ways: ways},
			{Name: "carol", UUID: "0A1B2C3D-0000-4000-8000-000000000503", UID: 503, Ways: ways}},
		Groups: []fakemac.Group{{Name: "admin", GID: 80, Names: []string{"root", "alice", "bob"}, UUIDs: []string{macRoot, macAlice, macBob}},
			{Name: "wheel", GID: 0, Names: []string{"root"}}, {Name: "staff", GID: 20}, {Name: "it", UUID: macIT, GID: 600, Names: []string{"carol"}}},
	})
	all := map[string]string{"etc/sudoers": "root ALL = (ALL) ALL\n%admin ALL = (ALL) ALL\n#includedir /etc/sudoers.d\n", "etc/sudoers.d/.keep": ""}
	for name, text := range more {
		all[name] = text
	}
	b := newBox(t, all)
	g := localgroup.MacAdmins{Tools: h.Runner()}
	b.cfg.Admins, b.cfg.People = g, g.Directory
	b.open()
	return b, h
}

func lines(f Found) (out []string) {
	for _, r := range f.Rights {
		out = append(out, strings.Join([]string{string(r.Kind), r.User, r.Group, r.Source, r.Fixed}, "|"))
	}
	slices.Sort(out)
	return out
}

func TestMacRights(t *testing.T) {
	b, h := newMac(t, map[string]string{"etc/sudoers.d/ops": "carol ALL=(ALL) NOPASSWD: ALL\n%it ALL=(root) /usr/sbin/softwareupdate\n"})
	h.Change(t, func(m *fakemac.Machine) { m.Groups[0].Nested = []string{macIT} })
	f := b.s.Scan()
	want := []string{"group|alice|admin|local group admin|", "group|bob|admin|local group admin|", "group|root|admin|local group admin|it is root", "group||it|local group admin|",
		"sudoers|carol||/etc/sudoers.d/ops:1|", "sudoers||it|/etc/sudoers.d/ops:2|", "uid0|toor||local account toor|the account is root itself under another name"}
	if got := lines(f); !slices.Equal(got, want) || len(f.Faults) > 0 {
		t.Errorf("found\n%s\nwant\n%s\nfaults %v", strings.Join(got, "\n"), strings.Join(want, "\n"), f.Faults)
	}
	h.Change(t, func(m *fakemac.Machine) { m.Fail = map[string]string{"dscl": "the directory does not answer"} })
	if f := b.s.Scan(); len(f.Faults) == 0 {
		t.Errorf("what can not be read is said: %+v", f)
	}
}

// Both halves are taken and given back, and the Mac is as it was.
func TestMacTakenAndGivenBack(t *testing.T) {
	b, h := newMac(t, map[string]string{"etc/sudoers.d/ops": "carol, bob ALL=(ALL) NOPASSWD: ALL\n"})
	files, groups := b.all(), h.Machine(t).Groups
	id := func(kind elevation.RightKind, user string) string {
		t.Helper()
		for _, r := range b.s.Scan().Rights {
			if r.Kind == kind && r.User == user {
				return r.ID
			}
		}
		t.Fatalf("%s has no right in %+v", user, b.s.Scan())
		return ""
	}
	ids := []string{id(elevation.RightGroup, "bob"), id(elevation.RightSudoers, "carol")}
	last := id(elevation.RightGroup, "alice")
	if done, refused := b.s.TakeOver(t.Context(), "ro_1", ids); !slices.Equal(done, ids) || len(refused) > 0 {
		t.Fatalf("%v, %+v", done, refused)
	}
	if done, refused := b.s.TakeOver(t.Context(), "ro_2", []string{last}); len(done) > 0 || len(refused) != 1 || refused[0].Why != "it is the last administrator" {
		t.Errorf("the last one, though a rule of sudo is left: %v, %+v", done, refused)
	}
	if g := h.Machine(t).Groups[0]; slices.Contains(g.Names, "bob") || slices.Contains(g.UUIDs, macBob) {
		t.Errorf("%+v", g)
	}
	if raw, err := os.ReadFile(filepath.Join(b.root, "etc/sudoers.d/ops")); err != nil || strings.Contains(strings.Split(string(raw), "#")[0], "carol") {
		t.Errorf("%s, %v", raw, err)
	}
	b.open() // another start changes nothing
	if f := b.s.Scan(); len(f.Taken) != 2 {
		t.Errorf("%+v", f.Taken)
	}
	back, err := b.s.GiveBack(t.Context(), nil)
	if err != nil || len(back) != 2 || back[0].Err != nil || back[1].Err != nil {
		t.Fatalf("%+v, %v", back, err)
	}
	b.same(files)
	if g := h.Machine(t).Groups[0]; !slices.Equal(g.Names, groups[0].Names) || !slices.Equal(g.UUIDs, groups[0].UUIDs) {
		t.Errorf("%+v", g)
	}
}

// A group in the group is taken and given back as a whole; who has no account any more
// gets nothing.
func TestMacGroupsAndGone(t *testing.T) {
	b, h := newMac(t, nil)
	h.Change(t, func(m *fakemac.Machine) { m.Groups[0].Nested = []string{macIT} })
	var ids []string
	for _, r := range b.s.Scan().Rights {
		if r.Group == "it" || r.User == "bob" {
			ids = append(ids, r.ID)
		}
	}
	if done, refused := b.s.TakeOver(t.Context(), "ro_1", ids); len(done) != 2 || len(h.Machine(t).Groups[0].Nested) > 0 {
		t.Fatalf("%v, %+v", done, refused)
	}
	h.Change(t, func(m *fakemac.Machine) {
		m.Users = slices.DeleteFunc(m.Users, func(u fakemac.User) bool { return u.Name == "bob" })
		m.Users = append(m.Users, fakemac.User{Name: "bob", UUID: "0A1B2C3D-0000-4000-8000-00000000BBBB", UID: 502})
	})
	back, err := b.s.GiveBack(t.Context(), nil)
	if err != nil || len(back) != 2 {
		t.Fatalf("%+v, %v", back, err)
	}
	g := h.Machine(t).Groups[0]
	if !slices.Equal(g.Nested, []string{macIT}) || slices.Contains(g.Names, "bob") {
		t.Errorf("%+v", g)
	}
}
