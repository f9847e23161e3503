package tamper

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assent-epm/assent/shared/wire"
)

// machine is a small one below a folder.
func machine(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/bash\nbob:x:1002:1002::/home/bob:/bin/sh\n", "etc/group": "sudo:x:27:carol\nusers:x:100:bob\n",
		"etc/shadow": "root:*:1:0:9:7:::\nbob:$6$x:1:0:9:7:::\n", "etc/sudoers": "root ALL=(ALL) ALL\n", "etc/pam.d/su": "auth required\n",
		"etc/systemd/system/a.service": "[Service]\n", "etc/cron.d/a": "# none\n", "usr/bin/su": "su", "home/bob/.ssh/authorized_keys": "ssh-ed25519 AAAA bob\n",
	} {
		put(t, root, name, text, 0o644)
	}
	return root
}

func put(t *testing.T, root, name, text string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsLeftChanged(t *testing.T) {
	root := machine(t)
	before := Take(t.Context(), root)
	if got := Compare(before, Take(t.Context(), root)); got != nil {
		t.Fatalf("nothing was changed: %+v", got)
	}
	put(t, root, "etc/group", "sudo:x:27:carol,bob\nusers:x:100:bob\n", 0o644)
	put(t, root, "etc/passwd", "root:x:0:0:root:/root:/bin/bash\nbob:x:1002:1002::/home/bob:/bin/sh\ntoor:x:0:0::/:/bin/sh\n", 0o644)
	put(t, root, "etc/shadow", "root:$6$new:1:0:9:7:::\nbob:$6$x:1:0:9:7:::\n", 0o640)
	put(t, root, "etc/sudoers.d/x", "# mine\nbob ALL=(ALL) NOPASSWD: ALL\n", 0o440)
	put(t, root, "etc/sudoers.d/zz-assent-1002-gr_x", "bob ALL=(ALL) ALL\n", 0o440) // whoever is root can borrow the name
	put(t, root, "etc/systemd/system/b.timer", "[Timer]\n", 0o644)
	put(t, root, "etc/cron.d/a", "* * * * * root id\n", 0o644)
	put(t, root, "etc/pam.d/su", "auth sufficient pam_permit.so\n", 0o644)
	put(t, root, "usr/bin/su", "su", 0o755|os.ModeSetuid)
	put(t, root, "home/bob/.ssh/authorized_keys", "ssh-ed25519 AAAA bob\nssh-ed25519 BBBB eve\n", 0o644)
	if err := os.Remove(filepath.Join(root, "etc/systemd/system/a.service")); err != nil {
		t.Fatal(err)
	}
	want := []wire.Change{
		{What: "account", Name: "root (password)", How: "changed", Text: "was is locked, is has a password"},
		{What: "account", Name: "toor", How: "added", Text: "number 0, group 0, shell /bin/sh"},
		{What: "admin_group", Name: "sudo:bob", How: "added", Text: "bob is in the group sudo"},
		{What: "authorized_keys", Name: "/home/bob/.ssh/authorized_keys", How: "changed", Text: "was 1 keys, is 2 keys"},
		{What: "cron", Name: "/etc/cron.d/a", How: "changed", Text: "* * * * * root id"},
		{What: "pam", Name: "/etc/pam.d/su", How: "changed"},
		{What: "setuid", Name: "/usr/bin/su", How: "added", Text: fmt.Sprintf("runs as user %d", os.Getuid())},
		{What: "sudoers", Name: "/etc/sudoers.d/x", How: "added", Text: "bob ALL=(ALL) NOPASSWD: ALL"},
		{What: "sudoers", Name: "/etc/sudoers.d/zz-assent-1002-gr_x", How: "added", Text: "bob ALL=(ALL) ALL"},
		{What: "timer", Name: "/etc/systemd/system/b.timer", How: "added"},
		{What: "unit", Name: "/etc/systemd/system/a.service", How: "removed"},
	}
	raw, err := before.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, Compare(again, Take(t.Context(), root))); d != "" {
		t.Error(d)
	}
}

// What users can put there holds nothing up and is not followed: a link out of a
// home, a pipe that nobody writes, a key file that is a folder.
func TestLookIsNotLedAstray(t *testing.T) {
	root := machine(t)
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("1\n2\n3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(root, "home/bob/.ssh/authorized_keys")
	if err := os.Remove(keys); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, keys); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(keys+"2", 0o755); err != nil {
		t.Fatal(err)
	}
	s := Take(t.Context(), root)
	for k := range s.Things {
		if s.Things[k].What == Keys && s.Things[k].Name != "/etc/ssh" {
			t.Errorf("it was followed: %+v", s.Things[k])
		}
	}
}

func TestChangesAreBounded(t *testing.T) {
	a, b := Snapshot{}, Snapshot{Things: map[string]Thing{}}
	for i := range maxChanges + 7 {
		name := fmt.Sprintf("%05d", i)
		b.Things[name] = Thing{What: Unit, Name: name}
	}
	got := Compare(a, b)
	if len(got) != maxChanges+1 || got[maxChanges].Text != "and 7 more" {
		t.Errorf("%d, the last is %+v", len(got), got[len(got)-1])
	}
	l := &look{ctx: t.Context(), s: Snapshot{Things: map[string]Thing{}}}
	for i := range maxThings + 5 {
		l.add(Unit, fmt.Sprint(i), "", "")
	}
	if len(l.s.Things) != maxThings || len(l.s.Faults) != 1 {
		t.Errorf("%d things, faults %v", len(l.s.Things), l.s.Faults)
	}
}
