package keys

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWrap(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	k := open(t, dir, t0)
	secret := []byte("JBSWY3DPEHPK3PXP")
	wrapped, err := k.Wrap("totp usr_1", secret)
	if err != nil {
		t.Fatal(err)
	}
	again, err := k.Wrap("totp usr_1", secret)
	if err != nil || bytes.Equal(wrapped, again) || bytes.Contains(wrapped, secret) {
		t.Fatalf("wrapped twice the same, or in clear: %x %x %v", wrapped, again, err)
	}
	got, err := open(t, dir, t0).Unwrap("totp usr_1", wrapped) // also after a restart
	if err != nil || !bytes.Equal(got, secret) {
		t.Fatalf("unwrapped %q %v", got, err)
	}
	changed := bytes.Clone(wrapped)
	changed[len(changed)-1] ^= 1
	version := bytes.Clone(wrapped)
	version[0]++
	for name, row := range map[string]struct {
		keys    *Keys
		purpose string
		wrapped []byte
	}{
		"another purpose": {k, "totp usr_2", wrapped},
		"no purpose":      {k, "", wrapped},
		"changed":         {k, "totp usr_1", changed},
		"another version": {k, "totp usr_1", version},
		"cut":             {k, "totp usr_1", wrapped[:8]},
		"empty":           {k, "totp usr_1", nil},
		"another key":     {open(t, filepath.Join(t.TempDir(), "keys"), t0), "totp usr_1", wrapped},
		"no key":          {&Keys{}, "totp usr_1", wrapped},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := row.keys.Unwrap(row.purpose, row.wrapped); !errors.Is(err, ErrUnwrap) || got != nil {
				t.Fatalf("got %q %v", got, err)
			}
		})
	}
	if _, err := k.Wrap("", secret); err == nil {
		t.Error("wrapped without a purpose")
	}
	if _, err := (&Keys{}).Wrap("totp", secret); err == nil {
		t.Error("wrapped without a key")
	}
}

// The key may be kept in a file elsewhere. Another key than that of before is never
// taken, and a lost one is not made anew.
func TestWrapFile(t *testing.T) {
	dir, elsewhere := filepath.Join(t.TempDir(), "keys"), t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(elsewhere, name)
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := strings.Repeat("0123456789abcdef", 4)
	given := file("given", good+"\n", 0o400)
	link := filepath.Join(elsewhere, "link")
	if err := os.Symlink(given, link); err != nil {
		t.Fatal(err)
	}
	opened := func(file string) *Keys {
		t.Helper()
		k, err := Open(dir, file, nil)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	wrapped, err := opened(given).Wrap("totp", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, fileWrap)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder has a key too: %v", err)
	}
	if got, err := opened(link).Unwrap("totp", wrapped); err != nil || string(got) != "secret" {
		t.Errorf("by a link: %q %v", got, err)
	}
	for name, row := range map[string]struct{ path, says string }{
		"none":          {"", "give the file that has it with --key-file"},
		"no such file":  {filepath.Join(elsewhere, "nothing"), "64 hexadecimal digits"},
		"another key":   {file("other", strings.Repeat("a", 64), 0o600), "another than that of before"},
		"for everybody": {file("readable", good, 0o644), "mode 0600, 0400 or 0440"},
		"for its group": {file("written", good, 0o460), "mode 0600, 0400 or 0440"},
		"a folder":      {elsewhere, "must be a file"},
		"short":         {file("short", good[:62], 0o600), "64 hexadecimal digits"},
		"long":          {file("long", good+good+good, 0o600), "64 hexadecimal digits"},
		"empty":         {file("empty", "", 0o600), "64 hexadecimal digits"},
	} {
		if _, err := Open(dir, row.path, nil); !errors.Is(err, ErrWrapKey) || !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), good[:16]) {
			t.Errorf("%s: %v", name, err)
		}
	}

	if err := os.Chmod(given, 0o440); err != nil {
		t.Fatal(err)
	}
	opened(given)

	// The folder's own key is moved away, as from a folder of an older version, which
	// has to say first which key it was.
	dir = filepath.Join(t.TempDir(), "keys")
	if wrapped, err = opened("").Wrap("totp", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	own, id := filepath.Join(dir, fileWrap), filepath.Join(dir, fileWrapID)
	if _, err := Open(dir, given, nil); !errors.Is(err, ErrWrapKey) || !strings.Contains(err.Error(), own+" is there too") {
		t.Errorf("another key beside the folder's own: %v", err)
	}
	if err := errors.Join(os.Remove(id), os.Rename(own, own+".away")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, given, nil); !errors.Is(err, ErrWrapKey) || !strings.Contains(err.Error(), "start once without --key-file") {
		t.Errorf("a key of which nothing is known: %v", err)
	}
	if _, err := Open(dir, "", nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("a lost key of which nothing is known: %v", err)
	}
	if err := os.Rename(own+".away", own); err != nil {
		t.Fatal(err)
	}
	opened("")
	moved := filepath.Join(elsewhere, "moved")
	if err := os.Rename(own, moved); err != nil {
		t.Fatal(err)
	}
	if got, err := opened(moved).Unwrap("totp", wrapped); err != nil || string(got) != "secret" {
		t.Errorf("moved: %q %v", got, err)
	}
	if _, err := Open(dir, "", nil); !errors.Is(err, ErrWrapKey) {
		t.Errorf("without it: %v", err)
	}
}
