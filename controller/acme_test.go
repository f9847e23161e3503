package controller_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/acme"

	"github.com/assent-epm/assent/controller"
)

// authority is a small certificate authority that speaks ACME (RFC 8555) and
// proves names by TLS-ALPN-01 (RFC 8737) on one address. It believes signatures
// of accounts; everything else is as a real one does it.
type authority struct {
	*httptest.Server
	key  *ecdsa.PrivateKey
	cert *x509.Certificate

	mu     sync.Mutex // guards the fields below
	dial   string     // where the name is
	host   string
	proven bool
	issued []byte
	orders int
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, cert: &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour), KeyUsage: x509.KeyUsageCertSign}}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.Server = httptest.NewServer(http.HandlerFunc(a.answer))
	t.Cleanup(a.Close)
	return a
}

func (a *authority) answer(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Replay-Nonce", rand.Text())
	say := func(code int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(body)
	}
	state := map[bool]string{false: "pending", true: "valid"}
	order := func() map[string]any {
		o := map[string]any{"status": "pending", "identifiers": []map[string]string{{"type": "dns", "value": a.host}},
			"authorizations": []string{a.URL + "/authz"}, "finalize": a.URL + "/finalize"}
		if a.proven {
			o["status"] = "ready"
		}
		if a.issued != nil {
			o["status"], o["certificate"] = "valid", a.URL+"/cert"
		}
		return o
	}
	challenge := func() map[string]any {
		return map[string]any{"type": "tls-alpn-01", "url": a.URL + "/challenge", "token": "the-token", "status": state[a.proven]}
	}
	switch r.URL.Path {
	case "/directory":
		say(200, map[string]string{"newNonce": a.URL + "/nonce", "newAccount": a.URL + "/account", "newOrder": a.URL + "/order", "revokeCert": a.URL + "/revoke", "keyChange": a.URL + "/key"})
	case "/nonce":
	case "/account":
		w.Header().Set("Location", a.URL+"/account/1")
		say(201, map[string]string{"status": "valid"})
	case "/order":
		var in struct{ Identifiers []struct{ Value string } }
		_ = json.Unmarshal(payload(r), &in)
		a.host, a.proven, a.issued = in.Identifiers[0].Value, false, nil
		a.orders++
		w.Header().Set("Location", a.URL+"/order/1")
		say(201, order())
	case "/order/1":
		say(200, order())
	case "/authz":
		say(200, map[string]any{"status": state[a.proven], "identifier": map[string]string{"type": "dns", "value": a.host}, "challenges": []any{challenge()}})
	case "/challenge":
		a.proven = prove(a.dial, a.host) == nil
		say(200, challenge())
	case "/finalize":
		var in struct{ CSR string }
		_ = json.Unmarshal(payload(r), &in)
		if a.proven {
			a.issued = a.issue(in.CSR)
		}
		say(200, order())
	case "/cert":
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		_, _ = w.Write(a.issued)
	default:
		say(404, map[string]string{"detail": r.URL.Path})
	}
}

func payload(r *http.Request) []byte {
	var body struct{ Payload string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	raw, _ := base64.RawURLEncoding.DecodeString(body.Payload)
	return raw
}

// prove asks whoever serves the name for the certificate of the challenge.
func prove(address, host string) error {
	c, err := tls.Dial("tcp", address, &tls.Config{ServerName: host, NextProtos: []string{acme.ALPNProto}, InsecureSkipVerify: true})
	if err != nil {
		return err
	}
	defer c.Close()
	leaf := c.ConnectionState().PeerCertificates[0]
	for _, e := range leaf.Extensions {
		if e.Id.String() == "1.3.6.1.5.5.7.1.31" && len(leaf.DNSNames) == 1 && leaf.DNSNames[0] == host {
			return nil
		}
	}
	return fmt.Errorf("%s does not prove %s", address, host)
}

func (a *authority) issue(csr string) []byte {
	raw, _ := base64.RawURLEncoding.DecodeString(csr)
	req, err := x509.ParseCertificateRequest(raw)
	if err != nil {
		return nil
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: req.DNSNames, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(60 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.cert, req.PublicKey, a.key)
	if err != nil {
		return nil
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})...)
}

// TestD5ACME: the console gets its certificate by itself, proves its name on its
// own address, serves no other name, and has the certificate after a restart.
func TestD5ACME(t *testing.T) {
	ca := newAuthority(t)
	data := filepath.Join(t.TempDir(), "data")
	const host = "assent.example.test"
	for round := range 2 {
		c, err := controller.New(t.Context(), controller.Config{Data: data, Listen: "127.0.0.1:0", AgentListen: "127.0.0.1:0", ACME: host,
			ACMEDirectory: ca.URL + "/directory", ACMEClient: ca.Client(), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ca.mu.Lock()
		ca.dial = c.Addr()
		ca.mu.Unlock()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		roots := x509.NewCertPool()
		roots.AddCert(ca.cert)
		dial := func(name string) error {
			conn, err := tls.Dial("tcp", c.Addr(), &tls.Config{ServerName: name, RootCAs: roots})
			if err == nil {
				err = conn.Close()
			}
			return err
		}
		if err := dial(host); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		if err := dial("other.example.test"); err == nil {
			t.Error("another name is served")
		}
		if c.URL() != "https://"+host {
			t.Errorf("the console is at %s", c.URL())
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if ca.orders != 1 {
		t.Errorf("%d certificates were ordered, want 1", ca.orders)
	}
	var nothing bytes.Buffer
	for _, bad := range []controller.Config{{ACME: "localhost"}, {ACME: "10.0.0.1"}, {ACME: "a.example/x"}, {ACME: "*.example.com"},
		{ACME: host, TLSCert: "x.pem"}, {ACME: host, ACMEDirectory: "http://ca.example/directory"}} {
		bad.Data, bad.Listen, bad.AgentListen, bad.Out = filepath.Join(t.TempDir(), "data"), "127.0.0.1:0", "127.0.0.1:0", &nothing
		if c, err := controller.New(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "ACME") && !strings.Contains(err.Error(), "acme") && !strings.Contains(err.Error(), "authority") {
			t.Errorf("%q %q: %v", bad.ACME, bad.ACMEDirectory, err)
			if c != nil {
				_ = c.Close()
			}
		}
	}
}
