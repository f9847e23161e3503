package link

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// Errors of [Enroll].
var (
	ErrEnrolled     = errors.New("this endpoint is enrolled already; use --force to enrol it anew")
	ErrTokenRefused = errors.New("the controller does not accept this enrolment token; ask an administrator for a new one")
	ErrTryLater     = errors.New("the controller can not enrol this endpoint at the moment; try again later")
	ErrPin          = errors.New("this is not the controller that the enrolment token is for")
)

// EnrollConfig is what enrolment needs.
type EnrollConfig struct {
	URL   string // the agents' address: https://HOST:PORT
	Token string
	Dir   string // the agent's data folder
	Facts wire.Facts
	Force bool             // replace an identity that is there
	Now   func() time.Time // nil = time.Now

	Proxies Proxies
}

// Enroll makes a key, has it certified, and writes DIR/identity. The server must
// prove that it belongs to the CA whose fingerprint the token carries before it
// is sent anything. Errors: [wire.ErrEnrollToken], [ErrEnrolled], [ErrPin],
// [ErrTokenRefused], [ErrTryLater] and those of network and disk.
func Enroll(ctx context.Context, cfg EnrollConfig) (Identity, error) {
	pin, _, err := wire.ParseEnrollToken(cfg.Token)
	if err != nil {
		return Identity{}, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.URL = strings.TrimSuffix(cfg.URL, "/")
	if _, err := sessionURL(cfg.URL); err != nil {
		return Identity{}, err
	}
	if _, err := os.Lstat(identityDir(cfg.Dir)); err == nil && !cfg.Force {
		return Identity{}, ErrEnrolled
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return Identity{}, fmt.Errorf("enrol: %w", err)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Identity{}, fmt.Errorf("enrol: %w", err)
	}
	csr, err := makeCSR(key)
	if err != nil {
		return Identity{}, fmt.Errorf("enrol: %w", err)
	}
	got, ca, name, err := postEnroll(ctx, cfg, pin, csr)
	if err != nil {
		return Identity{}, fmt.Errorf("enrol: %w", err)
	}
	if name != wire.ServerName(got.Cluster) || !bytes.Equal(got.CARoot, ca) {
		return Identity{}, fmt.Errorf("enrol: %w: it answered for another cluster", ErrPin)
	}
	id := Identity{Endpoint: got.Endpoint, Cluster: got.Cluster, URL: cfg.URL, Mode: got.Mode,
		RootKeyID: got.RootKeyID, Root: got.RootKey, CA: got.CARoot, Chain: got.Chain, Key: key}
	if err := id.keep(cfg.Dir, got.KeySet); err != nil {
		return Identity{}, fmt.Errorf("enrol: %w", err)
	}
	return id, nil
}

// keep checks what enrolment gave and writes it, the state first: an identity
// without state would be damaged, a state without identity is nothing.
func (id Identity) keep(dir string, keySet []byte) error {
	if err := id.usable(); err != nil {
		return fmt.Errorf("check the controller's answer: %w", err)
	}
	set, err := sign.OpenKeySet(keySet, id.RootKeyID, id.Root, 0)
	if err != nil {
		return fmt.Errorf("check the controller's answer: key set: %w", err)
	}
	if set.Cluster != id.Cluster {
		return errors.New("check the controller's answer: the key set is of another cluster")
	}
	if err := os.RemoveAll(filepath.Join(dir, "link")); err != nil {
		return err
	}
	own := stateDir(dir, id.Endpoint)
	if err := os.MkdirAll(own, 0o700); err != nil {
		return err
	}
	if err := writeState(own, state{KeySet: keySet, Epoch: set.Epoch}, true); err != nil {
		return err
	}
	return id.save(dir)
}

func makeCSR(key ed25519.PrivateKey) ([]byte, error) {
	return x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
}

// postEnroll gives the answer with the CA and the name that the server proved.
func postEnroll(ctx context.Context, cfg EnrollConfig, pin, csr []byte) (got wire.Enrolled, ca []byte, name string, err error) {
	body, err := sign.Encode(wire.Enroll{Token: cfg.Token, CSR: csr, Facts: cfg.Facts})
	if err != nil {
		return got, nil, "", err
	}
	conf := &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{wire.ALPN, "http/1.1"},
		// The chain is checked below against the pin and nothing else.
		InsecureSkipVerify: true,
		VerifyConnection: func(c tls.ConnectionState) error {
			_, _, err := checkPin(c.PeerCertificates, pin, cfg.Now())
			if err != nil && len(c.PeerCertificates) > 0 {
				err = fmt.Errorf("%w; the certificate there was made by %q", err, c.PeerCertificates[0].Issuer.String())
			}
			return err
		},
	}
	transport := &http.Transport{DisableKeepAlives: true,
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return cfg.Proxies.dialTLS(ctx, cfg.URL, conf)
		}}
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, cfg.URL+wire.EnrollPath, bytes.NewReader(body))
	if err != nil {
		return got, nil, "", err
	}
	req.Header.Set("Content-Type", "application/cbor")
	resp, err := client.Do(req)
	if err != nil {
		return got, nil, "", err
	}
	defer resp.Body.Close()
	if resp.TLS == nil {
		return got, nil, "", ErrPin
	}
	if ca, name, err = checkPin(resp.TLS.PeerCertificates, pin, cfg.Now()); err != nil {
		return got, nil, "", err
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, wire.MaxFrame+1))
	if err != nil {
		return got, nil, "", err
	}
	switch {
	case resp.StatusCode == http.StatusForbidden:
		return got, nil, "", ErrTokenRefused
	case resp.StatusCode == http.StatusServiceUnavailable:
		return got, nil, "", ErrTryLater
	case resp.StatusCode != http.StatusOK:
		return got, nil, "", fmt.Errorf("the controller answered %s", resp.Status)
	case len(raw) > wire.MaxFrame:
		return got, nil, "", errors.New("the controller's answer is too long")
	}
	if err := sign.Decode(raw, &got); err != nil {
		return got, nil, "", fmt.Errorf("read the controller's answer: %w", err)
	}
	return got, ca, name, nil
}

// checkPin finds the pinned CA in what the server sent and verifies its leaf
// with that CA alone.
func checkPin(peer []*x509.Certificate, pin []byte, now time.Time) (ca []byte, name string, err error) {
	for _, c := range peer {
		sum := sha256.Sum256(c.Raw)
		if !bytes.Equal(sum[:], pin) {
			continue
		}
		pool := x509.NewCertPool()
		pool.AddCert(c)
		if _, err := peer[0].Verify(x509.VerifyOptions{Roots: pool, CurrentTime: now,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err != nil {
			return nil, "", fmt.Errorf("%w: %w", ErrPin, err)
		}
		if peer[0].IsCA || len(peer[0].DNSNames) != 1 {
			return nil, "", ErrPin
		}
		return c.Raw, peer[0].DNSNames[0], nil
	}
	return nil, "", ErrPin
}

// sessionURL checks a controller's address and gives that of its websocket.
func sessionURL(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("the controller's address must have the form https://HOST:PORT")
	}
	return "wss://" + u.Host + wire.SessionPath, nil
}
