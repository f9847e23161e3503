package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	for _, text := range []string{"first", "second"} {
		// a crash left an unfinished file
		if err := os.WriteFile(path+Unfinished, []byte("torn and longer than what follows"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := Replace(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("got %q, %v, want %q", got, err, text)
		}
		mustBeAlone(t, path)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestModeIsExact(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	path := filepath.Join(t.TempDir(), "rule")
	if err := Create(path, nil, 0o666); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// Somebody who can make names in the folder must not have us write elsewhere.
func TestLinksAreNotFollowed(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "key"), filepath.Join(t.TempDir(), "other")
	if err := os.Symlink(other, path+Unfinished); err != nil {
		t.Skip("no link can be made here: ", err)
	}
	if err := Replace(path, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(other); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("written through a link: %v", err)
	}
	mustBeAlone(t, path)
}

func TestNothingIsLeftOnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.MkdirAll(filepath.Join(path, "inside"), 0o700); err != nil { // can not be replaced
		t.Fatal(err)
	}
	if err := Replace(path, []byte("x")); err == nil {
		t.Error("replaced a folder")
	}
	mustBeAlone(t, path)
	if err := Replace(filepath.Join(filepath.Dir(path), "none", "key"), nil); err == nil {
		t.Error("wrote into a folder that is not there")
	}
	if err := Remove(filepath.Join(filepath.Dir(path), "none")); err != nil {
		t.Error(err)
	}
}

func mustBeAlone(t *testing.T, path string) {
	t.Helper()
	names, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(names) != 1 || names[0].Name() != filepath.Base(path) {
		t.Errorf("in the folder: %v, %v", names, err)
	}
}
