package keep

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// A secret comes back as it was; where the system protects, its text is not in the
// file and a changed file is refused.
func TestSecret(t *testing.T) {
	for _, secret := range [][]byte{[]byte("a private key"), {0}, bytes.Repeat([]byte("k"), 5000)} {
		raw, err := Protect(secret)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Reveal(raw); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("got %q, %v", got, err)
		}
		if !Protects {
			continue
		}
		if len(secret) > 1 && bytes.Contains(raw, secret) {
			t.Error("the secret stands in the file")
		}
		raw[len(raw)-1] ^= 1
		if _, err := Reveal(raw); err == nil {
			t.Error("a changed secret is read")
		}
	}
	if Protects != (runtime.GOOS == "windows") {
		t.Error("what this system does is told wrongly")
	}
}

func TestFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "above", "Assent")
	for range 2 {
		if err := Folder(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := Write(filepath.Join(path, "file"), "text"); err != nil {
		t.Error(err)
	}
	taken := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(taken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Folder(taken); err == nil {
		t.Error("a file is taken for a folder")
	}
}
