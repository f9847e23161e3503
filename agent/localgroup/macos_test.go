// The programs of macOS that stand in for the real ones run on Unix alone.

//go:build !windows

package localgroup

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/assent-epm/assent/agent/mactool"
	"github.com/assent-epm/assent/agent/mactool/fakemac"
)

func TestMain(m *testing.M) {
	fakemac.Main()
	os.Exit(m.Run())
}

const (
	rootUUID  = "FFFFEEEE-DDDD-CCCC-BBBB-AAAA00000000"
	aliceUUID = "0A1B2C3D-0000-4000-8000-000000000501"
	bobUUID   = "0A1B2C3D-0000-4000-8000-000000000502"
	carolUUID = "0A1B2C3D-0000-4000-8000-00000000CA01"
	itUUID    = "0A1B2C3D-0000-4000-8000-0000000000F0"
	goneUUID  = "0A1B2C3D-0000-4000-8000-000000000999"
	adminUUID = "ABCDEFAB-CDEF-ABCD-EFAB-CDEF00000050"
)

// mac is a machine on which root and alice are administrators; carol is of a
// directory.
func mac(t *testing.T) (MacAdmins, fakemac.Here) {
	t.Helper()
	ways := []string{";ShadowHash;HASHLIST:<SALTED-SHA512-PBKDF2>"}
	h := fakemac.New(t, fakemac.Machine{
		Users: []fakemac.User{
			{Name: "root", UUID: rootUUID, UID: 0}, {Name: "nobody", UUID: "FFFFEEEE-DDDD-CCCC-BBBB-AAAAFFFFFFFE", UID: -2},
			{Name: "alice", UUID: aliceUUID, UID: 501, Ways: ways}, {Name: "bob", UUID: bobUUID, UID: 502, Ways: ways},
			{Name: "carol", UUID: carolUUID, UID: 1001, Ways: ways, Elsewhere: true}},
		Groups: []fakemac.Group{
			{Name: "admin", UUID: adminUUID, GID: 80, Names: []string{"root", "alice"}, UUIDs: []string{rootUUID, aliceUUID}},
			{Name: "it", UUID: itUUID, GID: 600}},
	})
	return MacAdmins{Tools: h.Runner()}, h
}

func TestMacContract(t *testing.T) {
	g, _ := mac(t)
	contract(t, g, bobUUID, goneUUID)
	contract(t, g, carolUUID, "502") // a number is no account's own: it is reused
}

func TestMacMembers(t *testing.T) {
	g, h := mac(t)
	h.Change(t, func(m *fakemac.Machine) {
		m.Groups[0].Names = append(m.Groups[0].Names, "leftover")
		m.Groups[0].UUIDs = append(m.Groups[0].UUIDs, strings.ToLower(bobUUID), goneUUID)
		m.Groups[0].Nested = []string{itUUID}
	})
	got, err := g.Members()
	if err != nil {
		t.Fatal(err)
	}
	want := []Member{{SID: aliceUUID, Name: "alice", Kind: User}, {SID: bobUUID, Name: "bob", Kind: User}, {SID: itUUID, Name: "it", Kind: Nested},
		{SID: goneUUID, Name: goneUUID, Kind: Unknown}, {SID: rootUUID, Name: "root", Kind: User, Disabled: true}, {SID: "leftover", Name: "leftover", Kind: Unknown}}
	slices.SortFunc(want, func(a, b Member) int { return strings.Compare(a.SID, b.SID) })
	if !slices.Equal(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
	for _, sid := range []string{bobUUID, goneUUID, "leftover", itUUID} {
		if err := g.Remove(sid); err != nil {
			t.Errorf("take %s out: %v", sid, err)
		}
		if err := g.Remove(sid); !errors.Is(err, ErrNotMember) {
			t.Errorf("take %s out again: %v", sid, err)
		}
	}
	if is := h.Machine(t).Groups[0]; !slices.Equal(is.Names, []string{"root", "alice"}) || !slices.Equal(is.UUIDs, []string{rootUUID, aliceUUID}) || len(is.Nested) > 0 {
		t.Errorf("%+v", is)
	}
	if err := g.Add(itUUID); err != nil || !slices.Equal(h.Machine(t).Groups[0].Nested, []string{itUUID}) {
		t.Errorf("a group is put back: %v", err)
	}
	if err := g.Add(itUUID); !errors.Is(err, ErrMember) {
		t.Errorf("twice: %v", err)
	}
}

// Who is administrator by another group has that for good: nothing is lent, and so
// nothing is taken.
func TestMacNested(t *testing.T) {
	g, h := mac(t)
	h.Change(t, func(m *fakemac.Machine) { m.Groups[0].Nested, m.Groups[1].Names = []string{itUUID}, []string{"bob"} })
	if err := g.Add(bobUUID); !errors.Is(err, ErrMember) {
		t.Errorf("administrator by another group: %v", err)
	}
	if is := h.Machine(t).Groups[0]; slices.Contains(is.Names, "bob") {
		t.Errorf("%+v", is)
	}
}

// What is said to be done and is not is an error; so is what can not be asked.
func TestMacDoesNotTrustWords(t *testing.T) {
	for what, say := range map[string]string{"dseditgroup -a": "lies", "dseditgroup edit": "Record was not found.", "dsmemberutil checkmembership": "no answer", "dscl -readall": "DS Error: -14009", "dscl /Groups/admin": "DS Error"} {
		g, h := mac(t)
		h.Change(t, func(m *fakemac.Machine) { m.Fail = map[string]string{what: say} })
		if err := g.Add(bobUUID); err == nil || errors.Is(err, ErrMember) || errors.Is(err, ErrNoAccount) {
			t.Errorf("%s: %v", what, err)
		}
		h.Change(t, func(m *fakemac.Machine) { m.Fail = nil })
		if _, in, err := Find(g, bobUUID); in || err != nil {
			t.Errorf("%s: in the group: %v, %v", what, in, err)
		}
	}
	for what, say := range map[string]string{"dseditgroup -d": "lies", "dsmemberutil checkmembership": "no answer"} {
		g, h := mac(t)
		if err := g.Add(bobUUID); err != nil {
			t.Fatal(err)
		}
		h.Change(t, func(m *fakemac.Machine) { m.Fail = map[string]string{what: say} })
		err := g.Remove(bobUUID)
		h.Change(t, func(m *fakemac.Machine) { m.Fail = nil })
		_, in, lookErr := Find(g, bobUUID)
		if lookErr != nil || in != (err == nil) && what == "dseditgroup -d" && in {
			t.Errorf("%s: taken out: %v, still in: %v, %v", what, err, in, lookErr)
		}
	}
	h := fakemac.New(t, fakemac.Machine{Groups: []fakemac.Group{{Name: "admin", GID: 501}}})
	if name, err := (MacAdmins{Tools: h.Runner()}).Name(); err == nil {
		t.Errorf("another group of that name: %q", name)
	}
	if list, err := (MacAdmins{Tools: mactool.System{Root: t.TempDir()}}).Members(); err == nil {
		t.Errorf("no programs: %v", list)
	}
}

func TestMacIdentify(t *testing.T) {
	g, h := mac(t)
	for user, want := range map[string]string{"501": aliceUUID, "0": rootUUID, "1001": carolUUID} {
		if got, err := g.Identify(user); got != want || err != nil {
			t.Errorf("%s: %s, %v", user, got, err)
		}
	}
	h.Change(t, func(m *fakemac.Machine) {
		m.Users = append(m.Users, fakemac.User{Name: "mallory", UUID: goneUUID, UID: 501})
	})
	for _, user := range []string{"501", "7777", "-2", "0501", "alice", "", "4294967296", "501 "} {
		if got, err := g.Identify(user); !errors.Is(err, ErrNoAccount) || got != "" {
			t.Errorf("%q: %s, %v", user, got, err)
		}
	}
	for text, want := range map[string]bool{aliceUUID: true, strings.ToLower(aliceUUID): false, "": false, aliceUUID + "0": false, "S-1-5-21-1-2-3-1001": false} {
		if IsUUID(text) != want {
			t.Errorf("%q", text)
		}
	}
}
