//go:build linux || darwin

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-epm/assent/agent/mactool"
	"github.com/assent-epm/assent/e2e/testgroup"
)

// TestLeftOnAMac: the property list beside a profile is read only when root alone
// could have written and read it, adds what the profile does not say, and is gone
// once it was used.
func TestLeftOnAMac(t *testing.T) {
	testgroup.Need(t, "root")
	dir := t.TempDir()
	path := filepath.Join(dir, "enroll.plist")
	plist := func(keys map[string]any) string {
		t.Helper()
		raw, err := mactool.WritePlist(keys)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	good := plist(map[string]any{"ControllerURL": "https://c:8443", "EnrollToken": "asn1_x\n", "Labels": "ring=1"})
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	profile := leftover{url: "https://profile:8443"}
	beside := func(profile leftover) leftBeside {
		return leftBeside{func() (leftover, error) { return profile, nil }, path}
	}
	if left, err := beside(profile).read(); err != nil || left != profile {
		t.Errorf("no file: %+v %v", left, err)
	}
	contractOfLeaving(t, beside(leftover{}), func(leftover) { write(good, 0o600) })
	unread := leftBeside{func() (leftover, error) { return leftover{}, errors.New("the profile is damaged") }, path}
	if left, err := unread.read(); err == nil || left != (leftover{}) {
		t.Errorf("a profile that can not be read: %+v %v", left, err)
	}
	for name, c := range map[string]struct {
		profile, want leftover
	}{
		"the file alone":           {leftover{}, leftover{"https://c:8443", "asn1_x", "ring=1"}},
		"a profile without token":  {profile, leftover{"https://profile:8443", "asn1_x", "ring=1"}},
		"a profile that says all":  {leftover{"https://p", "asn1_p", "a=b"}, leftover{"https://p", "asn1_p", "a=b"}},
		"a profile of labels only": {leftover{label: "ring=2"}, leftover{"https://c:8443", "asn1_x", "ring=2"}},
	} {
		write(good, 0o600)
		left, err := beside(c.profile).read()
		if err != nil || left != c.want {
			t.Errorf("%s: %+v %v", name, left, err)
			continue
		}
		if err := beside(c.profile).forget(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the token is still there: %v", name, err)
		}
	}
	for name, spoil := range map[string]func(){
		"readable by others":      func() { write(good, 0o644) },
		"a group may write":       func() { write(good, 0o620) },
		"another owner":           func() { write(good, 0o600); _ = os.Chown(path, 41000, 0) },
		"a second name":           func() { write(good, 0o600); _ = os.Link(path, filepath.Join(dir, "second")) },
		"too large":               func() { write(good+strings.Repeat("\n", enrollSize), 0o600) },
		"lines instead of a list": func() { write("ASSENT_CONTROLLER_URL=https://c:8443\nASSENT_ENROLL_TOKEN=asn1_x\n", 0o600) },
		"the binary form":         func() { write("bplist00\xd3", 0o600) },
		"cut off":                 func() { write(good[:len(good)-30], 0o600) },
		"another key":             func() { write(plist(map[string]any{"EnrollToken": "asn1_x", "Program": "/tmp/x"}), 0o600) },
		"a key twice":             func() { write(strings.Replace(good, "<dict>", "<dict><key>Labels</key><string/>", 1), 0o600) },
		"a token of numbers":      func() { write(plist(map[string]any{"EnrollToken": int64(1)}), 0o600) },
		"a link":                  func() { write(good, 0o600); _ = os.Rename(path, path+"2"); _ = os.Symlink(path+"2", path) },
		"a folder of its name":    func() { _ = os.RemoveAll(path); _ = os.Mkdir(path, 0o700) },
	} {
		spoil()
		left, err := beside(profile).read()
		if err == nil || left != (leftover{}) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "asn1_x") {
			t.Errorf("%s is taken: %+v %v", name, left, err)
		}
		_ = os.Remove(filepath.Join(dir, "second"))
	}
}
