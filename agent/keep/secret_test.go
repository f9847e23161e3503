package keep

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// protectorContract is what every system does that protects.
func protectorContract(t *testing.T, by protector) {
	t.Helper()
	for _, secret := range [][]byte{[]byte("a private key"), {0}, bytes.Repeat([]byte("k"), 5000)} {
		raw, err := protected(by, secret)
		if err != nil {
			t.Fatal(err)
		}
		if len(secret) > 1 && bytes.Contains(raw, secret) {
			t.Error("the secret stands in the file")
		}
		for range 2 { // nothing is used up
			if got, err := revealed(by, raw); err != nil || !bytes.Equal(got, secret) {
				t.Errorf("got %q, %v", got, err)
			}
		}
		for what, bad := range map[string][]byte{"changed": append(bytes.Clone(raw[:len(raw)-1]), raw[len(raw)-1]^1), "cut off": raw[:len(raw)/2], "never protected": []byte("a private key")} {
			if got, err := revealed(by, bad); err == nil {
				t.Errorf("what is %s is read as %q", what, got)
			}
		}
	}
	for _, empty := range [][]byte{nil, {}} {
		if raw, err := protected(by, empty); !errors.Is(err, errEmpty) {
			t.Errorf("nothing was protected: %q, %v", raw, err)
		}
		if got, err := revealed(by, empty); !errors.Is(err, errEmpty) {
			t.Errorf("nothing was read: %q, %v", got, err)
		}
	}
}

// safe is a machine that protects, with a key that no other has.
type safe struct{ key [32]byte }

func newSafe() (s safe) {
	rand.Read(s.key[:])
	return s
}

func (s safe) cipher() (cipher.AEAD, error) {
	block, err := aes.NewCipher(s.key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (s safe) protect(secret []byte) ([]byte, error) {
	c, err := s.cipher()
	if err != nil {
		return nil, err
	}
	return c.Seal(nil, nil, secret, nil), nil
}

func (s safe) reveal(raw []byte) ([]byte, error) {
	c, err := s.cipher()
	if err != nil {
		return nil, err
	}
	return c.Open(nil, nil, raw, nil)
}

// What one machine has protected, no other reads.
func TestSafe(t *testing.T) {
	protectorContract(t, newSafe())
	raw, err := protected(newSafe(), []byte("a private key"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := revealed(newSafe(), raw); err == nil {
		t.Errorf("another machine reads %q", got)
	}
}

// This system protects, or says that it does not and gives back what it was given.
func TestSecret(t *testing.T) {
	if Protects != (runtime.GOOS == "windows") {
		t.Error("what this system does is told wrongly")
	}
	if Protects {
		protectorContract(t, vault{})
	}
	raw, err := Protect([]byte("a private key"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Reveal(raw); err != nil || string(got) != "a private key" {
		t.Errorf("got %q, %v", got, err)
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
