package keys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

const (
	caLife     = 30 * 365 * 24 * time.Hour
	serverLife = 30 * 24 * time.Hour
	// ClientLife is how long an endpoint's certificate is valid; the endpoint
	// renews it at half of it.
	ClientLife = 30 * 24 * time.Hour
	// ClientGrace is how long after its end a certificate is still accepted from
	// an endpoint that is listed, so that a machine can come back from a shelf.
	ClientGrace = 90 * 24 * time.Hour
	maxCSR      = 8 << 10 // bytes
)

// Errors of the certificate functions.
var (
	ErrCSR    = errors.New("not a usable certificate request")
	ErrClient = errors.New("not a certificate of an endpoint of this cluster")
)

// CAFingerprint is the SHA-256 of the agents' CA certificate; enrolment tokens
// carry it.
func (k *Keys) CAFingerprint() []byte {
	sum := sha256.Sum256(k.ca.Raw)
	return sum[:]
}

// CA is the certificate of the agents' CA in DER.
func (k *Keys) CA() []byte { return k.ca.Raw }

// SPKIHash is the SHA-256 of a public key's SubjectPublicKeyInfo: what the store
// knows an endpoint by.
func SPKIHash(subjectPublicKeyInfo []byte) []byte {
	sum := sha256.Sum256(subjectPublicKeyInfo)
	return sum[:]
}

// ParseCSR checks a certificate request's size, self-signature and kind of key,
// and gives the hash of the key. Everything else in it is ignored.
func ParseCSR(der []byte) (spki []byte, err error) {
	csr, err := parseCSR(der)
	if err != nil {
		return nil, err
	}
	return SPKIHash(csr.RawSubjectPublicKeyInfo), nil
}

func parseCSR(der []byte) (*x509.CertificateRequest, error) {
	if len(der) == 0 || len(der) > maxCSR {
		return nil, fmt.Errorf("%w: %d bytes", ErrCSR, len(der))
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCSR, err)
	}
	switch key := csr.PublicKey.(type) {
	case ed25519.PublicKey:
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return nil, fmt.Errorf("%w: only the curve P-256 is accepted", ErrCSR)
		}
	default:
		return nil, fmt.Errorf("%w: only Ed25519 and P-256 keys are accepted", ErrCSR)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCSR, err)
	}
	return csr, nil
}

// IssueClient makes the certificate of an endpoint from the controller's own
// template. Of the request only the public key is used. The chain is DER, leaf
// first.
func (k *Keys) IssueClient(csrDER []byte, ep elevation.EndpointID) (chain [][]byte, notAfter time.Time, err error) {
	if err := elevation.CheckID(elevation.EndpointPrefix, string(ep)); err != nil {
		return nil, time.Time{}, fmt.Errorf("issue certificate: %w", err)
	}
	csr, err := parseCSR(csrDER)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("issue certificate: %w", err)
	}
	now := k.now()
	leaf := k.template(now, ClientLife)
	leaf.Subject = pkix.Name{CommonName: string(ep)}
	leaf.URIs = []*url.URL{k.endpointURI(ep)}
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, leaf, k.ca, csr.PublicKey, k.caKey)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("issue certificate: %w", err)
	}
	return [][]byte{der, k.ca.Raw}, leaf.NotAfter, nil
}

func (k *Keys) endpointURI(ep elevation.EndpointID) *url.URL {
	return &url.URL{Scheme: "assent", Host: k.cluster, Path: "/endpoint/" + string(ep)}
}

func (k *Keys) template(now time.Time, life time.Duration) *x509.Certificate {
	var serial [16]byte
	rand.Read(serial[:])
	serial[0] &= 0x7f
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial[:]),
		NotBefore:    now.Add(-clockSlack), NotAfter: now.Add(life),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
}

// VerifyClient checks the certificate that a peer proved to hold: made by this
// cluster's CA for an endpoint, and not longer out of date than [ClientGrace].
// Whether the endpoint is listed with that key, the caller must look up.
func (k *Keys) VerifyClient(peer []*x509.Certificate, now time.Time) (ep elevation.EndpointID, spki []byte, err error) {
	if len(peer) == 0 {
		return "", nil, fmt.Errorf("%w: none was sent", ErrClient)
	}
	leaf := peer[0]
	at := now
	if now.After(leaf.NotAfter) && now.Before(leaf.NotAfter.Add(ClientGrace)) {
		at = leaf.NotAfter
	}
	roots := x509.NewCertPool()
	roots.AddCert(k.ca)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrClient, err)
	}
	if leaf.IsCA || len(leaf.URIs) != 1 {
		return "", nil, fmt.Errorf("%w: it names no endpoint", ErrClient)
	}
	_, id, _ := strings.Cut(leaf.URIs[0].Path, "/endpoint/")
	ep = elevation.EndpointID(id)
	if elevation.CheckID(elevation.EndpointPrefix, id) != nil || leaf.URIs[0].String() != k.endpointURI(ep).String() {
		return "", nil, fmt.Errorf("%w: it names no endpoint", ErrClient)
	}
	return ep, SPKIHash(leaf.RawSubjectPublicKeyInfo), nil
}

// ServerTLS is the agents' door: TLS 1.3 only, the fixed server name, no
// session tickets (a ban must not be outlived by one), HTTP/1.1 for the
// websocket. A client certificate is asked for but checked by the gateway, for
// enrolment has none yet.
func (k *Keys) ServerTLS() *tls.Config {
	clients := x509.NewCertPool()
	clients.AddCert(k.ca)
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}, SessionTicketsDisabled: true,
		ClientAuth: tls.RequestClientCert, ClientCAs: clients,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.serverCertificate() },
	}
}

// serverCert is made anew by each process and never stored.
type serverCert struct {
	cert    *tls.Certificate
	renewAt time.Time
}

func (k *Keys) serverCertificate() (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	if k.server != nil && now.Before(k.server.renewAt) {
		return k.server.cert, nil
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	leaf := k.template(now, serverLife)
	leaf.NotBefore = k.ca.NotBefore // endpoints' clocks may be far behind
	leaf.Subject = pkix.Name{CommonName: "Assent gateway"}
	leaf.DNSNames = []string{wire.ServerName(k.cluster)}
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, leaf, k.ca, key.Public(), k.caKey)
	if err != nil {
		return nil, fmt.Errorf("issue gateway certificate: %w", err)
	}
	cert := &tls.Certificate{Certificate: [][]byte{der, k.ca.Raw}, PrivateKey: key}
	k.server = &serverCert{cert: cert, renewAt: now.Add(serverLife / 2)}
	return cert, nil
}

func (k *Keys) makeCA() (der []byte, err error) {
	t := k.template(k.now(), caLife)
	t.Subject = pkix.Name{CommonName: "Assent agents " + k.cluster}
	t.IsCA, t.MaxPathLenZero = true, true
	t.KeyUsage = x509.KeyUsageCertSign
	if der, err = x509.CreateCertificate(rand.Reader, t, t, k.caKey.Public(), k.caKey); err != nil {
		return nil, fmt.Errorf("make the agents' CA: %w", err)
	}
	k.ca, err = x509.ParseCertificate(der)
	return der, err
}

func (k *Keys) loadCA() error {
	data, err := k.read(fileCA)
	if err != nil {
		return err
	}
	block, rest := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) != 0 {
		return fmt.Errorf("%w: %s is no certificate", ErrDamaged, fileCA)
	}
	if k.ca, err = x509.ParseCertificate(block.Bytes); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, fileCA, err)
	}
	if pub, ok := k.ca.PublicKey.(ed25519.PublicKey); !ok || !pub.Equal(k.caKey.Public()) {
		return fmt.Errorf("%w: %s and %s do not belong together", ErrDamaged, fileCA, fileCAKey)
	}
	return nil
}
