package main

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-epm/assent/agent/authright"
	"github.com/assent-epm/assent/agent/keep"
	"github.com/assent-epm/assent/agent/localgroup"
	"github.com/assent-epm/assent/agent/mactool"
	"github.com/assent-epm/assent/shared/elevation"
)

func TestToolChecks(t *testing.T) {
	for name, row := range map[string]struct {
		look func(string) (bool, error)
		want string
	}{
		"good": {func(string) (bool, error) { return true, nil }, checkOK},
		"absent": {func(path string) (bool, error) {
			return true, map[bool]error{true: errors.New("none")}[path == string(mactool.Dscl)]
		}, checkFail},
		"changed": {func(path string) (bool, error) { return path != string(mactool.Visudo), nil }, checkFail},
	} {
		if got := toolChecks(row.look); len(got) != 1 || got[0].Level != row.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestAdminChecks(t *testing.T) {
	root := localgroup.Member{SID: "r", Name: "root", Kind: localgroup.User, Disabled: true}
	alice := localgroup.Member{SID: "a", Name: "alice", Kind: localgroup.User}
	g := &localgroup.Memory{Called: "admin", Accounts: []localgroup.Member{root, alice}}
	if err := g.Add("r"); err != nil {
		t.Fatal(err)
	}
	if got := adminChecks(g); got[0].Level != checkWarn {
		t.Errorf("%+v", got)
	}
	if err := g.Add("a"); err != nil {
		t.Fatal(err)
	}
	if got := adminChecks(g); got[0].Level != checkOK || got[0].Text != "administrators: alice" {
		t.Errorf("%+v", got)
	}
	g.Fail = func(string) error { return errors.New("no answer") }
	if got := adminChecks(g); got[0].Level != checkFail {
		t.Errorf("%+v", got)
	}
}

func TestRightChecks(t *testing.T) {
	want := map[string]authright.Level{"a.held": authright.User, "b.changed": authright.Admin, "c.absent": authright.Nobody, "d.other": authright.Admin}
	states := []authright.State{{Right: "a.held", Level: authright.User, Holds: true}, {Right: "b.changed", Level: authright.Admin}, {Right: "d.other", Level: authright.User, Holds: true}, {Right: "e.left", Level: authright.User, Holds: true}}
	var got []string
	for _, c := range rightChecks(want, states) {
		got = append(got, c.Level+" "+strings.Fields(c.Text)[0])
	}
	if text := strings.Join(got, ", "); text != "ok a.held, warn b.changed, warn d.other, warn e.left, warn c.absent" {
		t.Error(text)
	}
}

func TestRightsOfTheConfiguration(t *testing.T) {
	for name, row := range map[string]struct {
		rights map[string]authright.Level
		system string
		good   bool
	}{
		"none":           {nil, "linux", true},
		"a Mac":          {map[string]authright.Level{"system.preferences.printing": "user"}, "darwin", true},
		"another system": {map[string]authright.Level{"system.preferences.printing": "user"}, "linux", false},
		"too much":       {map[string]authright.Level{"system.privilege.admin": "user"}, "darwin", false},
		"a wrong word":   {map[string]authright.Level{"system.preferences.printing": "everybody"}, "darwin", false},
	} {
		if err := (file{Rights: row.rights}).rightsAreOurs(row.system); (err == nil) != row.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSudoCheck(t *testing.T) {
	if a, b, c := sudoCheck("/private/etc/sudoers.d", nil), sudoCheck("", nil), sudoCheck("", errors.New("others can write it")); a.Level != checkOK || b.Level != checkWarn || b.Hint == "" || c.Level != checkWarn {
		t.Errorf("%+v %+v %+v", a, b, c)
	}
}

// A policy for Macs that reaches another system is said, and nothing else.
func TestRightsOfAPolicyElsewhere(t *testing.T) {
	set := &settings{data: t.TempDir()}
	if got := lookAtForeignRights(t.Context(), set, file{}); len(got) != 0 {
		t.Errorf("without a policy: %+v", got)
	}
	for n, p := range []elevation.Policy{{}, {Rights: map[string]authright.Level{"system.preferences.network": authright.Admin}}} {
		if err := keep.Write(filepath.Join(set.data, "policy"), p); err != nil {
			t.Fatal(err)
		}
		got := lookAtForeignRights(t.Context(), set, file{})
		if len(got) != n || n == 1 && (got[0].Level != checkWarn || !strings.Contains(got[0].Text, "ignored")) {
			t.Errorf("%+v", got)
		}
		if len(policyRights(set)) != n {
			t.Errorf("%+v", policyRights(set))
		}
	}
}

// Sudo is lent rules only where it reads them, and for a program that is root's alone.
func TestLending(t *testing.T) {
	broken := errors.New("broken")
	yes, no, fails := func() (bool, error) { return true, nil }, func() (bool, error) { return false, nil }, func() (bool, error) { return true, broken }
	own, lost := func() (string, error) { return "/Library/Assent/bin/assent-agent", nil }, func() (string, error) { return "", broken }
	mine, theirs, unknown := func(string) (bool, error) { return true, nil }, func(string) (bool, error) { return false, nil }, func(string) (bool, error) { return true, broken }
	for name, row := range map[string]struct {
		reads func() (bool, error)
		own   func() (string, error)
		only  func(string) (bool, error)
		dir   string
		bad   bool
	}{
		"it can be":         {yes, own, mine, "/rules", false},
		"it reads none":     {no, own, mine, "", false},
		"not known if":      {fails, own, mine, "", true},
		"no program":        {yes, lost, mine, "", true},
		"others change it":  {yes, own, theirs, "", true},
		"not known whether": {yes, own, unknown, "", true},
	} {
		if dir, err := lending("/rules", row.reads, row.own, row.only); dir != row.dir || (err != nil) != row.bad {
			t.Errorf("%s: %q, %v", name, dir, err)
		}
	}
}
