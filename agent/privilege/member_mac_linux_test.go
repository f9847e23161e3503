package privilege

import (
	"slices"
	"testing"

	"github.com/assent-epm/assent/agent/localgroup"
	"github.com/assent-epm/assent/agent/mactool/fakemac"
)

// Whoever changes who they are while they are administrator is none afterwards, and
// neither is somebody who gets their name later. Who was put in for good stays.
func TestMacAdministratorBecomesAnother(t *testing.T) {
	const mia, other = "0A1B2C3D-0000-4000-8000-000000000501", "0A1B2C3D-0000-4000-8000-000000000777"
	ways := []string{";ShadowHash;"}
	for name, row := range map[string]struct {
		change func(*fakemac.Machine)
		names  []string
		uuids  []string
	}{
		"nothing":            {func(*fakemac.Machine) {}, []string{"root"}, nil},
		"another number":     {func(m *fakemac.Machine) { m.Users[0].UUID = other }, []string{"root"}, nil},
		"another name":       {func(m *fakemac.Machine) { m.Users[0].Name = "mia2" }, []string{"root"}, nil},
		"no account":         {func(m *fakemac.Machine) { m.Users = nil }, []string{"root"}, nil},
		"somebody else here": {func(m *fakemac.Machine) { m.Users[0].UUID = other; m.Groups[0].UUIDs = []string{other} }, []string{"root", "mia"}, []string{other}},
	} {
		h := fakemac.New(t, fakemac.Machine{Users: []fakemac.User{{Name: "mia", UUID: mia, UID: 501, Ways: ways}},
			Groups: []fakemac.Group{{Name: "admin", GID: 80, Names: []string{"root"}}}})
		g := localgroup.MacAdmins{Tools: h.Runner()}
		m := Membership{Group: "admin", GID: localgroup.MacAdminGID, User: "mia", UID: 501, SID: mia}
		if err := m.joinBy(g, func() error { return nil }); err != nil {
			t.Fatal(err)
		}
		h.Change(t, row.change)
		for range 2 {
			if _, err := m.leaveBy(g); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if is := h.Machine(t).Groups[0]; !slices.Equal(is.Names, row.names) || len(is.UUIDs) != len(row.uuids) {
			t.Errorf("%s: %v %v", name, is.Names, is.UUIDs)
		}
	}
}
