//go:build !windows

package publisher

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/testgroup"
	"github.com/assent-epm/assent/shared/elevation"
)

// trusting is a system that trusts one maker, whatever they signed.
func trusting(cert *x509.Certificate) truster {
	return func(string, *os.File) ([][]byte, error) { return [][]byte{cert.Raw}, nil }
}

// house makes a key and the certificate of a maker of programs.
func house(t *testing.T, dir, name string, ec bool) (cert *x509.Certificate, certPath, keyPath string) {
	t.Helper()
	var public, private any
	if ec {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		public, private = &k.PublicKey, k
	} else {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		public, private = &k.PublicKey, k
	}
	like := &x509.Certificate{SerialNumber: big.NewInt(77), Subject: pkix.Name{CommonName: name, Organization: []string{"Office"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}
	raw, err := x509.CreateCertificate(rand.Reader, like, like, public, private)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(raw); err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certPath, keyPath = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for path, block := range map[string]*pem.Block{certPath: {Type: "CERTIFICATE", Bytes: raw}, keyPath: {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, certPath, keyPath
}

// sign has another program sign the file, as makers of programs do.
func sign(t *testing.T, dir, cert, key, hash string) string {
	t.Helper()
	testgroup.Need(t, "osslsigncode")
	in, out := filepath.Join(dir, "plain.exe"), filepath.Join(dir, "signed.exe")
	if err := os.WriteFile(in, program(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(out); err != nil {
		t.Fatal(err)
	}
	said, err := exec.CommandContext(t.Context(), "osslsigncode", "sign", "-certs", cert, "-key", key, "-h", hash, "-n", "Tool", "-in", in, "-out", out).CombinedOutput()
	if err != nil {
		t.Fatalf("osslsigncode: %v\n%s", err, said)
	}
	return out
}

func TestSignedByAnotherProgram(t *testing.T) {
	dir := t.TempDir()
	for name, row := range map[string]struct {
		ec   bool
		hash string
	}{"RSA": {false, "sha256"}, "RSA and SHA-512": {false, "sha512"}, "ECDSA": {true, "sha256"}} {
		cert, certPath, keyPath := house(t, dir, "Maker of Tools", row.ec)
		path := sign(t, dir, certPath, keyPath, row.hash)
		got, err := ask(t, path, trusting(cert))
		if err != nil || got.Name != "Maker of Tools" || len(got.Thumbprint) != 64 || got != named(cert) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if got, err := ask(t, path, (&winlab{}).trust); !errors.Is(err, ErrUntrusted) || got != (elevation.Publisher{}) {
			t.Errorf("%s, not trusted: %+v, %v", name, got, err)
		}
		other, _, _ := house(t, dir, "Somebody else", row.ec)
		if got, err := ask(t, path, trusting(other)); !errors.Is(err, ErrSignature) || got != (elevation.Publisher{}) {
			t.Errorf("%s, another signer than stands in it: %+v, %v", name, got, err)
		}
	}
}

// Every byte counts: a changed file has no publisher, but for its checksum, which
// no signature is about, and what stands behind the signature's own end.
func TestChangedAfterwards(t *testing.T) {
	dir := t.TempDir()
	cert, certPath, keyPath := house(t, dir, "Maker of Tools", true)
	good, err := os.ReadFile(sign(t, dir, certPath, keyPath, "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := signer(bytes.NewReader(good), int64(len(good))); err != nil || !got.Equal(cert) {
		t.Fatal(err)
	}
	where, err := find(bytes.NewReader(good), int64(len(good)))
	if err != nil {
		t.Fatal(err)
	}
	for at := range int64(len(good)) {
		if at >= where.checksum && at < where.checksum+4 || at >= where.begin+8 && at%7 != 0 {
			continue
		}
		bad := bytes.Clone(good)
		bad[at] ^= 0x10
		if got, err := signer(bytes.NewReader(bad), int64(len(bad))); err == nil && at < where.begin {
			t.Errorf("byte %d of %d changed: signed by %s", at, len(good), got.Subject)
		}
	}
	for name, bad := range map[string][]byte{
		"something added": append(bytes.Clone(good), "more"...),
		"cut off":         good[:len(good)-8],
		"emptied":         append(bytes.Clone(good[:where.begin]), make([]byte, where.end-where.begin)...),
	} {
		if _, err := signer(bytes.NewReader(bad), int64(len(bad))); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
