package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-epm/assent/e2e/testgroup"
)

// TestD3EnrollFile: the file with the token is read only when root alone could
// have written and read it, and nothing in it is run.
func TestD3EnrollFile(t *testing.T) {
	testgroup.Need(t, "root")
	t.Setenv("ASSENT_CONTROLLER_URL", "")
	t.Setenv("ASSENT_ENROLL_TOKEN", "")
	const good = "# for the desk\nASSENT_CONTROLLER_URL=https://c:8443\nASSENT_ENROLL_TOKEN=\"asn1_x\"\n"
	dir := t.TempDir()
	path := filepath.Join(dir, "enroll")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		for _, err := range []error{os.RemoveAll(path), os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if url, token, from, err := enrollment(path); url+token+from != "" || err != nil {
		t.Errorf("no file: %q %q %q %v", url, token, from, err)
	}
	write(good, 0o600)
	if url, token, from, err := enrollment(path); url != "https://c:8443" || token != "asn1_x" || from != path || err != nil {
		t.Errorf("%q %q %q %v", url, token, from, err)
	}
	for name, spoil := range map[string]func(){
		"readable by others":   func() { write(good, 0o644) },
		"another owner":        func() { write(good, 0o600); _ = os.Chown(path, 41000, 0) },
		"a second name":        func() { write(good, 0o600); _ = os.Link(path, filepath.Join(dir, "second")) },
		"too large":            func() { write(good+strings.Repeat("#\n", enrollSize), 0o600) },
		"a command":            func() { write("touch /tmp/owned\n", 0o600) },
		"another name":         func() { write(good+"PATH=/tmp\n", 0o600) },
		"no token":             func() { write("ASSENT_CONTROLLER_URL=https://c:8443\n", 0o600) },
		"a link":               func() { write(good, 0o600); _ = os.Rename(path, path+"2"); _ = os.Symlink(path+"2", path) },
		"a folder of its name": func() { _ = os.RemoveAll(path); _ = os.Mkdir(path, 0o700) },
	} {
		spoil()
		if _, token, _, err := enrollment(path); err == nil || token != "" {
			t.Errorf("%s is taken: %v", name, err)
		}
		_ = os.Remove(filepath.Join(dir, "second"))
	}
}

// TestD3InstallWithoutToken: installed, not started, one line that says what to do.
func TestD3InstallWithoutToken(t *testing.T) {
	testgroup.Need(t, "root")
	t.Setenv("ASSENT_CONTROLLER_URL", "")
	t.Setenv("ASSENT_ENROLL_TOKEN", "")
	base := t.TempDir()
	data := filepath.Join(base, "data")
	var out, errs bytes.Buffer
	if code := run([]string{"install", "--package", "--data", data}, &out, &errs); code != exitNotEnrolled {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	if info, err := os.Lstat(data); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info, err)
	}
	link := filepath.Join(base, "link")
	if err := os.Symlink(data, link); err != nil {
		t.Fatal(err)
	}
	if code := run([]string{"install", "--package", "--data", link}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "is not a folder of root") {
		t.Errorf("a linked data folder: exit %d: %s", code, errs.String())
	}
}
