package keys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string, now time.Time) *Keys {
	t.Helper()
	k, err := Open(dir, "", func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func grantOf(k *Keys) elevation.Grant {
	return elevation.Grant{Cluster: k.Cluster(), Endpoint: elevation.EndpointID(elevation.NewID("ep_", t0)),
		ID: elevation.NewGrantID(t0), Request: elevation.NewRequestID(t0), KeyEpoch: k.Epoch()}
}

func TestKeysSurviveReopening(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	a := open(t, dir, t0)
	b := open(t, dir, t0.Add(time.Hour))
	if a.Cluster() != b.Cluster() || !bytes.Equal(a.KeySet(), b.KeySet()) || !bytes.Equal(a.CAFingerprint(), b.CAFingerprint()) {
		t.Fatal("reopened keys differ")
	}
	raw, err := a.SignGrant(grantOf(a))
	if err != nil {
		t.Fatal(err)
	}
	id, root := b.Root()
	set, err := sign.OpenKeySet(b.KeySet(), id, root, 1)
	if err != nil {
		t.Fatal(err)
	}
	var g elevation.Grant
	if err := set.Open(sign.Grant, raw, t0, &g); err != nil || g.ID == "" {
		t.Fatalf("verify: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, _ := e.Info(); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
}

func TestOpenRefusesDamage(t *testing.T) {
	for name, harm := range map[string]func(dir string) error{
		"no CA":          func(d string) error { return os.Remove(filepath.Join(d, fileCA)) },
		"no CA key":      func(d string) error { return os.Remove(filepath.Join(d, fileCAKey)) },
		"no audit key":   func(d string) error { return os.Remove(filepath.Join(d, fileAudit)) },
		"no root public": func(d string) error { return os.Remove(filepath.Join(d, fileRootPub)) },
		"no key set":     func(d string) error { return os.Remove(filepath.Join(d, fileSet)) },
		"readable":       func(d string) error { return os.Chmod(filepath.Join(d, fileRoot), 0o644) },
		"other CA key": func(d string) error {
			return os.Rename(filepath.Join(d, fileAudit), filepath.Join(d, fileCAKey))
		},
		"cut wrap id":  func(d string) error { return os.Truncate(filepath.Join(d, fileWrapID), 0) },
		"cut wrap key": func(d string) error { return os.Truncate(filepath.Join(d, fileWrap), 40) },
		"cut key":      func(d string) error { return os.Truncate(filepath.Join(d, fileRoot), 40) },
		"changed set": func(d string) error {
			raw, _ := os.ReadFile(filepath.Join(d, fileSet))
			raw[len(raw)/2] ^= 1
			return os.WriteFile(filepath.Join(d, fileSet), raw, 0o600)
		},
		"link": func(d string) error {
			os.Rename(filepath.Join(d, fileSet), filepath.Join(d, "x"))
			return os.Symlink("x", filepath.Join(d, fileSet))
		},
		"empty name": func(d string) error { return os.WriteFile(filepath.Join(d, fileCluster), nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "keys")
			open(t, dir, t0)
			if err := harm(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(dir, "", nil); !errors.Is(err, ErrDamaged) {
				t.Fatalf("got %v, want ErrDamaged", err)
			}
		})
	}
}

func TestInterruptedCreationIsMadeAnew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	open(t, dir, t0)
	if err := os.Remove(filepath.Join(dir, fileCluster)); err != nil {
		t.Fatal(err)
	}
	k := open(t, dir, t0)
	if _, err := k.SignGrant(grantOf(k)); err != nil {
		t.Fatal(err)
	}
}

func TestRotation(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	first := open(t, dir, t0)
	old, err := first.SignGrant(grantOf(first))
	if err != nil {
		t.Fatal(err)
	}
	later := t0.Add(100 * 24 * time.Hour)
	second := open(t, dir, later)
	if second.Epoch() != first.Epoch()+1 {
		t.Fatalf("epoch %d after %d", second.Epoch(), first.Epoch())
	}
	id, root := second.Root()
	set, err := sign.OpenKeySet(second.KeySet(), id, root, 2)
	if err != nil {
		t.Fatal(err)
	}
	var g elevation.Grant
	if err := set.Open(sign.Grant, old, later, &g); err != nil {
		t.Errorf("a grant of the old key: %v", err)
	}
	if _, err := sign.OpenKeySet(first.KeySet(), id, root, 2); !errors.Is(err, sign.ErrEpoch) {
		t.Errorf("the old set: %v", err)
	}
	if rotated, err := second.Rotate(); rotated || err != nil {
		t.Errorf("rotated again: %v %v", rotated, err)
	}
}

func TestWithoutRootKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	first := open(t, dir, t0)
	full := errors.New("the disk is full")
	if err := ExportRoot(dir, true, func([]byte) error { return full }); !errors.Is(err, full) {
		t.Fatalf("a key that could not be kept: %v", err)
	}
	var kept []byte
	keep := func(pem []byte) error { kept = pem; return nil }
	if err := ExportRoot(dir, false, keep); err != nil || !bytes.HasPrefix(kept, []byte("-----BEGIN PRIVATE KEY-----\n")) {
		t.Fatalf("export: %v", err)
	}
	if err := ExportRoot(dir, true, keep); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, fileRoot)); err == nil {
		t.Fatal("the key is there still")
	}
	if err := ExportRoot(dir, true, keep); !errors.Is(err, ErrNoRoot) {
		t.Errorf("once more: %v", err)
	}
	k := open(t, dir, t0.Add(time.Hour))
	if _, wanted := k.RootWanted(); wanted || !bytes.Equal(k.KeySet(), first.KeySet()) {
		t.Error("it is wanted an hour later, or the set is another")
	}
	k = open(t, dir, t0.Add(100*24*time.Hour)) // due, but the old key is still good
	if _, err := k.SignGrant(grantOf(k)); err != nil {
		t.Fatal(err)
	}
	if until, wanted := k.RootWanted(); !wanted || !until.Equal(t0.Add(grantKeyLife)) {
		t.Errorf("wanted %v until %v", wanted, until)
	}
	late := t0.Add(200 * 24 * time.Hour)
	_, err := Open(dir, "", func() time.Time { return late })
	if !errors.Is(err, ErrNoRoot) || !strings.Contains(err.Error(), "put the exported PEM back as "+filepath.Join(dir, fileRoot)) {
		t.Fatalf("opened with an expired grant key and no root key: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, fileRoot), kept, 0o600); err != nil {
		t.Fatal(err)
	}
	if k = open(t, dir, late); k.Epoch() != first.Epoch()+1 {
		t.Errorf("epoch %d with the key back", k.Epoch())
	}
}

func TestSignRefuses(t *testing.T) {
	k := open(t, filepath.Join(t.TempDir(), "keys"), t0)
	for name, change := range map[string]func(*elevation.Grant){
		"other cluster": func(g *elevation.Grant) { g.Cluster = "other" },
		"no cluster":    func(g *elevation.Grant) { g.Cluster = "" },
		"no endpoint":   func(g *elevation.Grant) { g.Endpoint = "" },
		"no grant":      func(g *elevation.Grant) { g.ID = "" },
		"no request":    func(g *elevation.Grant) { g.Request = "" },
		"no epoch":      func(g *elevation.Grant) { g.KeyEpoch = 0 },
		"future epoch":  func(g *elevation.Grant) { g.KeyEpoch++ },
	} {
		t.Run(name, func(t *testing.T) {
			g := grantOf(k)
			change(&g)
			if raw, err := k.SignGrant(g); err == nil || raw != nil {
				t.Fatal("signed")
			}
			r := elevation.Revocation{Cluster: g.Cluster, Endpoint: g.Endpoint, Grant: g.ID, Request: g.Request, KeyEpoch: g.KeyEpoch}
			if raw, err := k.SignRevocation(r); err == nil || raw != nil {
				t.Fatal("signed a revocation")
			}
			am := elevation.Amendment{Cluster: g.Cluster, Endpoint: g.Endpoint, Grant: g.ID, Of: elevation.NewRequestID(t0), Request: g.Request,
				Duration: time.Hour, KeyEpoch: g.KeyEpoch}
			if raw, err := k.SignAmendment(am); err == nil || raw != nil {
				t.Fatal("signed an amendment")
			}
		})
	}
	g := grantOf(k)
	am := elevation.Amendment{Cluster: g.Cluster, Endpoint: g.Endpoint, Grant: g.ID, Of: elevation.NewRequestID(t0), Request: g.Request, Duration: time.Hour, KeyEpoch: g.KeyEpoch}
	if _, err := k.SignAmendment(am); err != nil {
		t.Fatal(err)
	}
	of, long := am, am
	of.Of, long.Duration = "", 0
	for _, bad := range []elevation.Amendment{of, long} {
		if raw, err := k.SignAmendment(bad); err == nil || raw != nil {
			t.Fatalf("signed %+v", bad)
		}
	}
	var none Keys
	if raw, err := none.SignGrant(elevation.Grant{}); err == nil || raw != nil {
		t.Fatal("the zero value signed")
	}
}

func csr(t *testing.T, key any, tmpl x509.CertificateRequest) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &tmpl, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestIssueClientIgnoresTheRequestsNames(t *testing.T) {
	k := open(t, filepath.Join(t.TempDir(), "keys"), t0)
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	ep := elevation.EndpointID(elevation.NewID("ep_", t0))
	other, _ := url.Parse("assent://" + k.Cluster() + "/endpoint/" + elevation.NewID("ep_", t0))
	chain, notAfter, err := k.IssueClient(csr(t, key, x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "root", Organization: []string{"system:masters"}},
		URIs:    []*url.URL{other}, DNSNames: []string{wire.ServerName(k.Cluster())},
		ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 3, 1, 1, 0xff}}}, // CA:TRUE
	}), ep)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	if leaf.IsCA || len(leaf.DNSNames) != 0 || len(leaf.URIs) != 1 || leaf.Subject.CommonName != string(ep) ||
		len(leaf.Subject.Organization) != 0 || len(leaf.ExtKeyUsage) != 1 || leaf.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
		t.Fatalf("names of the request got in: %v %v %v", leaf.Subject, leaf.URIs, leaf.DNSNames)
	}
	if !notAfter.Equal(t0.Add(ClientLife)) {
		t.Errorf("valid until %v", notAfter)
	}
	got, spki, err := k.VerifyClient([]*x509.Certificate{leaf}, t0)
	if err != nil || got != ep || !bytes.Equal(spki, SPKIHash(leaf.RawSubjectPublicKeyInfo)) {
		t.Fatalf("verify: %v %x %v", got, spki, err)
	}
}

func TestVerifyClientRefuses(t *testing.T) {
	k := open(t, filepath.Join(t.TempDir(), "keys"), t0)
	stranger := open(t, filepath.Join(t.TempDir(), "keys"), t0)
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	ep := elevation.EndpointID(elevation.NewID("ep_", t0))
	leafOf := func(k *Keys) *x509.Certificate {
		chain, _, err := k.IssueClient(csr(t, key, x509.CertificateRequest{}), ep)
		if err != nil {
			t.Fatal(err)
		}
		leaf, _ := x509.ParseCertificate(chain[0])
		return leaf
	}
	server, err := k.serverCertificate()
	if err != nil {
		t.Fatal(err)
	}
	serverLeaf, _ := x509.ParseCertificate(server.Certificate[0])
	for name, row := range map[string]struct {
		peer []*x509.Certificate
		at   time.Time
		ok   bool
	}{
		"good":             {[]*x509.Certificate{leafOf(k)}, t0, true},
		"in grace":         {[]*x509.Certificate{leafOf(k)}, t0.Add(ClientLife + ClientGrace - time.Hour), true},
		"after grace":      {[]*x509.Certificate{leafOf(k)}, t0.Add(ClientLife + ClientGrace + time.Hour), false},
		"not yet valid":    {[]*x509.Certificate{leafOf(k)}, t0.Add(-2 * time.Hour), false},
		"none":             {nil, t0, false},
		"other CA":         {[]*x509.Certificate{leafOf(stranger)}, t0, false},
		"a server's":       {[]*x509.Certificate{serverLeaf}, t0, false},
		"the CA's own":     {[]*x509.Certificate{k.ca}, t0, false},
		"other CA claimed": {[]*x509.Certificate{leafOf(stranger), k.ca}, t0, false},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := k.VerifyClient(row.peer, row.at); (err == nil) != row.ok {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestParseCSRRefuses(t *testing.T) {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	good := csr(t, key, x509.CertificateRequest{})
	small, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	broken := bytes.Clone(good)
	broken[len(broken)-1] ^= 1
	for name, row := range map[string]struct {
		der []byte
		ok  bool
	}{
		"Ed25519":         {good, true},
		"P-256":           {csr(t, p256, x509.CertificateRequest{}), true},
		"P-384":           {csr(t, p384, x509.CertificateRequest{}), false},
		"RSA":             {csr(t, small, x509.CertificateRequest{}), false},
		"empty":           {nil, false},
		"garbage":         {[]byte("garbage"), false},
		"signature wrong": {broken, false},
		"cut":             {good[:len(good)-5], false},
		"trailing":        {append(bytes.Clone(good), 0), false},
		"too large":       {csr(t, key, x509.CertificateRequest{Subject: pkix.Name{CommonName: strings.Repeat("x", 9000)}}), false},
	} {
		t.Run(name, func(t *testing.T) {
			if spki, err := ParseCSR(row.der); (err == nil) != row.ok || (len(spki) == 32) != row.ok || err != nil && !errors.Is(err, ErrCSR) {
				t.Fatalf("got %x %v", spki, err)
			}
		})
	}
}

func TestServerCertificateIsRenewed(t *testing.T) {
	now := t0
	k, err := Open(filepath.Join(t.TempDir(), "keys"), "", func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	get := func() []byte {
		c, err := k.ServerTLS().GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Certificate[0]
	}
	a := get()
	now = t0.Add(serverLife / 3)
	if !bytes.Equal(a, get()) {
		t.Error("renewed too early")
	}
	now = t0.Add(serverLife/2 + time.Hour)
	if bytes.Equal(a, get()) {
		t.Error("not renewed at half its life")
	}
}
