package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/installer/msi"
)

// signingKey is a key with a certificate for code, as PEM files.
func signingKey(t *testing.T) signing {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Assent test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := signing{cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	err = errors.Join(os.WriteFile(s.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(s.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestD4SignWindows: an MSI and a program are signed with a key that is given, the
// commands of WINDOWS.md verify them, and a changed byte is found.
func TestD4SignWindows(t *testing.T) {
	testgroup.Need(t, "packages")
	s := signingKey(t)
	files := map[string][]byte{}
	for _, name := range msi.Names() {
		files[name] = []byte(name)
	}
	plain := filepath.Join(t.TempDir(), "plain.msi")
	if err := (msi.Package{Version: "1.2.3", Arch: "amd64", Date: time.Unix(1767225600, 0), Files: files}).Build(t.Context(), t.TempDir(), plain); err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(t.TempDir(), "undo.exe")
	cmd := exec.Command("go", "build", "-o", exe, "./msi/undo")
	cmd.Env = append(os.Environ(), "GOOS=windows", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	for _, path := range []string{plain, exe} {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		signedBytes, err := s.windows(t.Context(), t.TempDir(), filepath.Base(path), raw)
		if err != nil {
			t.Fatal(err)
		}
		verify := func(raw []byte) error {
			to := filepath.Join(t.TempDir(), filepath.Base(path))
			if err := os.WriteFile(to, raw, 0o600); err != nil {
				return err
			}
			out, err := exec.Command("osslsigncode", "verify", "-CAfile", s.cert, "-in", to).CombinedOutput()
			if err == nil && !strings.Contains(string(out), "Signature verification: ok") {
				err = errors.New(string(out))
			}
			return err
		}
		if err := verify(signedBytes); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if verify(raw) == nil {
			t.Errorf("%s without a signature is taken", path)
		}
		signedBytes[len(raw)/2] ^= 1
		if verify(signedBytes) == nil {
			t.Errorf("%s was changed and is taken", path)
		}
	}
}

// TestD4SignHook: the hook gets what is to be signed, and its failure fails.
func TestD4SignHook(t *testing.T) {
	hook := filepath.Join(t.TempDir(), "hook")
	text := "#!/bin/sh\nset -eu\n[ \"$1\" = program ] || exit 7\n{ cat \"$2\"; echo signed; } >\"$3\"\n"
	if err := os.WriteFile(hook, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	s := signing{hook: hook}
	got, err := s.macos(t.Context(), t.TempDir(), "program", "assent", []byte("a "))
	if err != nil || string(got) != "a signed\n" {
		t.Errorf("%q %v", got, err)
	}
	if _, err := s.macos(t.Context(), t.TempDir(), "package", "x.pkg", nil); err == nil {
		t.Error("a failed signature passed")
	}
	if got, err := (signing{}).macos(t.Context(), "", "package", "x.pkg", []byte("x")); err != nil || string(got) != "x" {
		t.Errorf("%q %v", got, err)
	}
	for _, wrong := range []signing{{cert: "x"}, {key: "x"}, {stamp: "x"}} {
		if wrong.check() == nil {
			t.Errorf("%+v is taken", wrong)
		}
	}
}
