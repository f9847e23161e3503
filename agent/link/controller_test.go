package link

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// script is a controller that does what a test says: it enrols anybody, and
// runs serve for each session, with its number from 1.
type script struct {
	t       *testing.T
	cluster string
	caKey   ed25519.PrivateKey
	ca      *x509.Certificate
	root    sign.Signer
	rootPub ed25519.PublicKey
	url     string
	serve   func(n int, p *peer)
	alter   func(*wire.Enrolled) // spoils an enrolment answer

	mu       sync.Mutex
	enrolled []wire.Enroll
	sessions int
	epoch    uint64
	served   sync.WaitGroup
}

// peer is the controller's end of a session.
type peer struct {
	s     *script
	c     *websocket.Conn
	hello wire.Hello
}

func newScript(t *testing.T, serve func(n int, p *peer)) *script {
	t.Helper()
	s := &script{t: t, cluster: "ctest", serve: serve, epoch: 1}
	var err error
	_, s.caKey, err = ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(1000 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	s.ca = s.sign(ca, s.caKey.Public(), ca)
	pub, root, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.root, s.rootPub = sign.Signer{KeyID: "root-test", Key: root}, pub
	srv := httptest.NewUnstartedServer(http.HandlerFunc(s.http))
	srv.TLS = s.serverTLS(wire.ServerName(s.cluster))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	srv.StartTLS()
	s.url = srv.URL
	t.Cleanup(func() {
		srv.Close()
		s.served.Wait()
	})
	return s
}

func (s *script) sign(c *x509.Certificate, pub any, parent *x509.Certificate) *x509.Certificate {
	s.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, parent, pub, s.caKey)
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *script) leaf(pub any, use x509.ExtKeyUsage, names []string, uris []*url.URL) *x509.Certificate {
	return s.sign(&x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(99 * time.Hour), DNSNames: names, URIs: uris, ExtKeyUsage: []x509.ExtKeyUsage{use},
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true}, pub, s.ca)
}

func (s *script) serverTLS(name string) *tls.Config {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	cert := s.leaf(pub, x509.ExtKeyUsageServerAuth, []string{name}, nil)
	return &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequestClientCert, NextProtos: []string{"http/1.1"},
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw, s.ca.Raw}, PrivateKey: key}}}
}

func (s *script) clientChain(pub any, ep elevation.EndpointID) [][]byte {
	u, err := url.Parse("assent://" + s.cluster + "/endpoint/" + string(ep))
	if err != nil {
		s.t.Fatal(err)
	}
	return [][]byte{s.leaf(pub, x509.ExtKeyUsageClientAuth, nil, []*url.URL{u}).Raw, s.ca.Raw}
}

func (s *script) token() string {
	s.t.Helper()
	sum := sha256.Sum256(s.ca.Raw)
	plain, _, err := wire.NewEnrollToken(sum[:])
	if err != nil {
		s.t.Fatal(err)
	}
	return plain
}

func (s *script) keySet(epoch uint64) []byte {
	s.t.Helper()
	raw, err := s.root.Sign(sign.Keys, sign.KeySet{Cluster: s.cluster, Epoch: epoch, Keys: []sign.PublicKey{{ID: "grant-test",
		Public: s.rootPub, NotBefore: time.Now().Add(-time.Hour).UTC(), NotAfter: time.Now().Add(time.Hour).UTC()}}})
	if err != nil {
		s.t.Fatal(err)
	}
	return raw
}

func (s *script) http(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == wire.EnrollPath {
		s.enroll(w, r)
		return
	}
	up := websocket.Upgrader{}
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	s.served.Add(1)
	defer s.served.Done()
	defer c.Close()
	s.mu.Lock()
	s.sessions++
	n := s.sessions
	s.mu.Unlock()
	p := &peer{s: s, c: c}
	if f, err := p.next(); err != nil || f.Type != wire.THello || f.Into(&p.hello) != nil {
		return
	}
	s.serve(n, p)
}

func (s *script) enroll(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var in wire.Enroll
	if err := sign.Decode(raw, &in); err != nil {
		http.Error(w, "bad", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enrolled = append(s.enrolled, in)
	csr, err := x509.ParseCertificateRequest(in.CSR)
	if err != nil {
		http.Error(w, "bad", http.StatusBadRequest)
		return
	}
	ep := elevation.EndpointID(elevation.NewID(elevation.EndpointPrefix, time.Now()))
	out := wire.Enrolled{Endpoint: ep, Cluster: s.cluster, Chain: s.clientChain(csr.PublicKey, ep), CARoot: s.ca.Raw,
		RootKeyID: s.root.KeyID, RootKey: s.rootPub, KeySet: s.keySet(s.epoch), Mode: "ask"}
	if s.alter != nil {
		s.alter(&out)
	}
	body, err := sign.Encode(out)
	if err != nil {
		return
	}
	_, _ = w.Write(body)
}

func (s *script) count() (enrolled, sessions int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.enrolled), s.sessions
}

func (p *peer) next() (wire.Frame, error) {
	_, raw, err := p.c.ReadMessage()
	if err != nil {
		return wire.Frame{}, err
	}
	return wire.Decode(raw)
}

// until reads up to the next frame of a type, answering nothing.
func (p *peer) until(t wire.Type, into any) bool {
	for {
		f, err := p.next()
		if err != nil {
			return false
		}
		if f.Type == t {
			return into == nil || f.Into(into) == nil
		}
	}
}

func (p *peer) send(t wire.Type, seq uint64, message any) {
	raw, err := wire.Encode(t, seq, message)
	if err != nil {
		p.s.t.Error(err)
		return
	}
	_ = p.c.WriteMessage(websocket.BinaryMessage, raw) // the link may be gone, which tests want at times
}

func (p *peer) welcome(change func(*wire.Welcome)) {
	p.s.mu.Lock()
	ep := elevation.EndpointID("")
	epoch := p.s.epoch
	p.s.mu.Unlock()
	if certs := p.peerCerts(); len(certs) > 0 {
		ep = elevation.EndpointID(certs[0].URIs[0].Path[len("/endpoint/"):])
	}
	w := wire.Welcome{Version: 1, Endpoint: ep, Cluster: p.s.cluster, NextSeq: 1, Ratchet: []byte("ratchet"), KeySet: p.s.keySet(epoch),
		Ping: time.Second, Clock: time.Now().UTC()}
	if change != nil {
		change(&w)
	}
	p.send(wire.TWelcome, 0, w)
}

func (p *peer) peerCerts() []*x509.Certificate {
	c, ok := p.c.NetConn().(*tls.Conn)
	if !ok {
		return nil
	}
	return c.ConnectionState().PeerCertificates
}

// rest keeps the session open until the link ends it.
func (p *peer) rest() {
	for {
		if _, err := p.next(); err != nil {
			return
		}
	}
}
