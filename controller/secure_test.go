package controller

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
)

// certificate makes one for 127.0.0.1 and a pool that trusts it.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		Subject: pkix.Name{CommonName: "console"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(cert)
	return certFile, keyFile, pool
}

// TestBehindTLS: beyond loopback there is TLS, a cookie with the __Host- prefix,
// and metrics want a token.
func TestBehindTLS(t *testing.T) {
	cert, key, pool := certificate(t)
	data, out := t.TempDir(), &bytes.Buffer{}
	c, err := New(t.Context(), Config{Data: data, Listen: "0.0.0.0:0", AgentListen: "127.0.0.1:0", TLSCert: cert, TLSKey: key, Out: out})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	_, port, err := net.SplitHostPort(c.Addr())
	if err != nil {
		t.Fatal(err)
	}
	base := "https://127.0.0.1:" + port
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	link := strings.TrimSpace(out.String()[strings.Index(out.String(), "link=")+5:])
	resp, err := web.Post(base+"/api/v1/sessions", "application/json", strings.NewReader(`{"link":"`+link+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 201 || len(resp.Cookies()) != 1 {
		t.Fatalf("sign in: %d", resp.StatusCode)
	}
	if ck := resp.Cookies()[0]; ck.Name != "__Host-assent_session" || !ck.Secure || !ck.HttpOnly || ck.Path != "/" || ck.Domain != "" || ck.SameSite != http.SameSiteStrictMode {
		t.Errorf("the cookie is %v", ck)
	}
	token, err := os.ReadFile(filepath.Join(data, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	for auth, want := range map[string]int{"": 401, "Bearer " + strings.TrimSpace(string(token)): 200} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", base+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		if auth != "" {
			req.Header.Set("Authorization", auth)
		}
		resp, err := web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("metrics: %d, want %d", resp.StatusCode, want)
		}
	}
}

// TestNothingOutsideTheScope walks every operation with an id: what belongs to
// an endpoint outside of the caller's scope is not there for them.
func TestNothingOutsideTheScope(t *testing.T) {
	b := start(t)
	doc, _ := b.document()
	scope := map[string]string{"role": "db"}
	callers := map[string]*client.Client{"approver": b.person("dee", scope, "approver"), "administrator": b.person("ada", scope, "administrator"),
		"auditor": b.person("aud", scope, "auditor")}
	n := 0
	for path, verbs := range doc.Paths {
		if !strings.Contains(path, "/requests/{id}") && !strings.Contains(path, "/endpoints/{id}") {
			continue
		}
		for verb, op := range verbs {
			name := strings.ToUpper(verb) + " " + path
			for who, c := range callers {
				n++
				target := b.target(t, name, b.endpoint("x", map[string]string{"role": "web"}), n)
				var body *bytes.Reader
				if op.RequestBody != nil {
					body = bytes.NewReader([]byte(orderBody(path)))
				}
				// An auditor and an approver may delete and change no endpoint at all.
				want := http.StatusNotFound
				changes := verb == "delete" || verb == "patch" || strings.HasSuffix(path, "lock") ||
					strings.HasSuffix(path, "take-over") || strings.HasSuffix(path, "give-back") || strings.HasSuffix(path, "/pause")
				if changes && who != "administrator" || (strings.HasSuffix(path, "revoke-grants") || strings.HasSuffix(path, "offline-code")) && who == "auditor" {
					want = http.StatusForbidden
				}
				if got := b.status(strings.ToUpper(verb), target, c.Token, body); got != want {
					t.Errorf("%s by a scoped %s: %d, want %d", name, who, got, want)
				}
			}
		}
	}
	if n == 0 {
		t.Error("no operation was tried")
	}
}

// TestForwardedAddressesAreNotBelieved: a made-up X-Forwarded-For does not give
// new tries.
func TestForwardedAddressesAreNotBelieved(t *testing.T) {
	b := start(t)
	limited := false
	for i := range 30 {
		status, _, _ := b.call("POST", "/api/v1/sessions", "", strings.NewReader(`{"link":"lnk_x"}`), "X-Forwarded-For", "10.0.0."+string(rune('0'+i%10)), "X-Real-IP", "10.1.0.1")
		limited = limited || status == http.StatusTooManyRequests
	}
	if !limited {
		t.Error("thirty wrong links from one address are not limited")
	}
}
