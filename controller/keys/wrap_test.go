package keys

import (
	"bytes"
	"errors"
	"path/filepath"
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
