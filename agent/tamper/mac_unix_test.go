//go:build linux || darwin

package tamper

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/assent-epm/assent/agent/localgroup"
)

// mac is a little one: files below a folder, and who is administrator.
type mac struct {
	root   string
	admins []localgroup.Member
	broken error
}

func (m *mac) administrators() (string, []localgroup.Member, error) {
	return localgroup.MacAdmin, m.admins, m.broken
}

func (m *mac) take() Snapshot {
	l := &look{ctx: context.Background(), root: m.root, s: Snapshot{Things: map[string]Thing{}}}
	l.mac(m)
	return l.s
}

func (m *mac) put(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(m.root, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

const macUsers = "/private/var/db/dslocal/nodes/Default/users/"

func newMac(t *testing.T) *mac {
	m := &mac{root: t.TempDir(), admins: []localgroup.Member{{SID: "A-1", Name: "root"}}}
	m.put(t, macUsers+"bo.plist", "bplist00 first log-in")
	m.put(t, "/etc/sudoers", "root ALL=(ALL) ALL\n")
	return m
}

// macContract is what every Mac tells: its administrators, and the same twice.
func macContract(t *testing.T, from groupTeller) {
	t.Helper()
	for range 2 {
		group, members, err := from.administrators()
		if err != nil || group != localgroup.MacAdmin || len(members) == 0 || slices.ContainsFunc(members, func(m localgroup.Member) bool { return m.SID == "" || m.Name == "" }) {
			t.Errorf("%s: %+v %v", group, members, err)
		}
	}
}

func TestMac(t *testing.T) { macContract(t, newMac(t)) }

// Everything by which somebody stays an administrator of a Mac is seen, each by its
// kind, and a log-in of somebody is no change.
func TestWhatWasChangedOnAMac(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m *mac)
		want   string
	}{
		"nothing":          {func(*mac) {}, ""},
		"a log-in":         {func(m *mac) { m.put(t, macUsers+"bo.plist", "bplist00 another log-in") }, ""},
		"an administrator": {func(m *mac) { m.admins = append(m.admins, localgroup.Member{SID: "A-2", Name: "bo"}) }, "admin_group admin:A-2 added"},
		"an account":       {func(m *mac) { m.put(t, macUsers+"eve.plist", "x") }, "account eve added"},
		"a rule of sudo":   {func(m *mac) { m.put(t, "/etc/sudoers.d/eve", "eve ALL=(ALL) NOPASSWD: ALL\n") }, "sudoers /etc/sudoers.d/eve added"},
		"sudoers":          {func(m *mac) { m.put(t, "/etc/sudoers", "eve ALL=(ALL) ALL\n") }, "sudoers /etc/sudoers changed"},
		"a daemon":         {func(m *mac) { m.put(t, "/Library/LaunchDaemons/x.plist", "x") }, "service /Library/LaunchDaemons/x.plist added"},
		"an agent":         {func(m *mac) { m.put(t, "/Library/LaunchAgents/x.plist", "x") }, "service /Library/LaunchAgents/x.plist added"},
		"a helper":         {func(m *mac) { m.put(t, "/Library/PrivilegedHelperTools/x", "x") }, "service /Library/PrivilegedHelperTools/x added"},
		"cron":             {func(m *mac) { m.put(t, "/usr/lib/cron/tabs/root", "* * * * * id\n") }, "cron /usr/lib/cron/tabs/root added"},
		"at":               {func(m *mac) { m.put(t, "/private/var/at/tabs/root", "* * * * * id\n") }, "cron /private/var/at/tabs/root added"},
		"emond":            {func(m *mac) { m.put(t, "/etc/emond.d/rules/x.plist", "x") }, "cron /etc/emond.d/rules/x.plist added"},
		"PAM":              {func(m *mac) { m.put(t, "/etc/pam.d/sudo", "auth sufficient pam_permit.so\n") }, "pam /etc/pam.d/sudo added"},
		"keys":             {func(m *mac) { m.put(t, "/etc/ssh/sshd_config.d/x", "PermitRootLogin yes\n") }, "authorized_keys /etc/ssh/sshd_config.d/x added"},
		"a log-in plug-in": {func(m *mac) { m.put(t, "/Library/Security/SecurityAgentPlugins/x.bundle/x", "x") }, "loader /Library/Security/SecurityAgentPlugins/x.bundle/x added"},
		"no directory":     {func(m *mac) { m.broken = errors.New("no answer") }, "admin_group admin:A-1 removed, unknown  changed"},
		"no accounts":      {func(m *mac) { _ = os.RemoveAll(filepath.Join(m.root, macUsers)) }, "account bo removed, unknown  changed"},
	} {
		m := newMac(t)
		before := m.take()
		if len(before.Things) != 3 || len(before.Faults) != 0 {
			t.Fatalf("before: %+v", before)
		}
		c.change(m)
		var got []string
		for _, change := range Compare(before, m.take()) {
			got = append(got, change.What+" "+change.Name+" "+change.How)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
