package gateway

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/keys"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// door is a gateway over a real store and real TLS on a loopback port.
type door struct {
	t     *testing.T
	keys  *keys.Keys
	store *store.Store
	queue *answers
	gw    *Gateway
	addr  string
}

func newDoor(t *testing.T, change func(*Config)) *door {
	t.Helper()
	dir := t.TempDir()
	k, err := keys.Open(filepath.Join(dir, "keys"), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "db")})
	if err != nil {
		t.Fatal(err)
	}
	d := &door{t: t, keys: k, store: st, queue: &answers{store: st, reports: map[uint64]int{}}}
	cfg := Config{Keys: k, Store: st, Queue: d.queue, Log: slog.New(slog.DiscardHandler), Ping: 30 * time.Second}
	if change != nil {
		change(&cfg)
	}
	if d.gw, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	d.queue.wake = d.gw.Wake
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.addr = l.Addr().String()
	srv := d.gw.Server()
	var served sync.WaitGroup
	served.Go(func() { srv.ServeTLS(l, "", "") })
	t.Cleanup(func() {
		srv.Close()
		served.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := d.gw.Close(ctx); err != nil {
			t.Errorf("close gateway: %v", err)
		}
		st.Close()
	})
	return d
}

// answers is a queue that answers by the program's path.
type answers struct {
	store *store.Store
	wake  func(elevation.EndpointID)

	mu      sync.Mutex
	drafts  []elevation.RequestID
	reports map[uint64]int
	asked   int // of Progress
	at      int // work in Draft now
	most    int // at the same time
}

func (q *answers) Draft(ctx context.Context, ep elevation.EndpointID, in wire.Attempt) (queue.Answer, error) {
	q.mu.Lock()
	q.drafts = append(q.drafts, in.Request)
	q.at++
	q.most = max(q.most, q.at)
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		q.at--
		q.mu.Unlock()
	}()
	switch in.Attempt.Subject.Path {
	case "/need":
		return queue.Answer{Need: &wire.Need{Request: in.Request, ReasonMin: 8}}, nil
	case "/joined":
		return queue.Answer{Need: &wire.Need{Request: in.Request, Joined: in.Request}}, nil
	case "/closed":
		return queue.Answer{Closed: &wire.Closed{Request: in.Request, Why: wire.ClosedNeedsPerson}}, nil
	case "/invalid":
		return queue.Answer{}, elevation.ErrInvalid
	case "/limit":
		return queue.Answer{}, elevation.ErrLimit
	case "/panic":
		panic("a fault")
	case "/nothing":
		return queue.Answer{}, nil
	}
	err := q.store.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Enqueue(ep, wire.TDecision, wire.Decision{Request: in.Request, Verdict: elevation.Denied, By: "a rule"})
		return err
	})
	if err != nil {
		return queue.Answer{}, err
	}
	q.wake(ep)
	return queue.Answer{Decided: true}, nil
}

func (q *answers) Complete(_ context.Context, _ elevation.EndpointID, in wire.Complete) (wire.Progress, error) {
	return wire.Progress{Request: in.Request, Position: 1}, nil
}

func (q *answers) Withdraw(context.Context, elevation.EndpointID, wire.Withdraw) error { return nil }

func (q *answers) ExtendFrom(context.Context, elevation.EndpointID, wire.Extend) error {
	return elevation.ErrNotFound
}

func (q *answers) ResubmitFrom(context.Context, elevation.EndpointID, wire.Resubmit) error {
	return elevation.ErrConflict
}

func (q *answers) RemoveFrom(context.Context, elevation.EndpointID, wire.Remove) error { return nil }
func (q *answers) ConfirmFrom(context.Context, elevation.EndpointID, wire.Confirm) (wire.Confirming, error) {
	return wire.Confirming{}, nil
}

func (q *answers) Answer(context.Context, elevation.EndpointID, wire.Answer) error {
	return elevation.ErrNotFound
}

func (q *answers) Report(_ context.Context, _ elevation.EndpointID, in wire.Report) error {
	switch in.Grant {
	case "":
		return elevation.ErrNotFound
	case "panic":
		panic("a fault")
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reports[in.Seq]++
	return nil
}

func (q *answers) Progress(_ context.Context, _ elevation.EndpointID, id elevation.RequestID) (wire.Progress, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.asked++; q.asked > 3 {
		return wire.Progress{}, elevation.ErrNotPending
	}
	return wire.Progress{Request: id, Position: q.asked}, nil
}

func system() elevation.Actor { return elevation.Actor{Kind: elevation.BySystem} }

// token makes an enrolment token; change may spoil it.
func (d *door) token(change func(*store.EnrollToken)) string {
	d.t.Helper()
	plain, hash, err := wire.NewEnrollToken(d.keys.CAFingerprint())
	if err != nil {
		d.t.Fatal(err)
	}
	now := time.Now()
	row := store.EnrollToken{ID: elevation.TokenID(elevation.NewID(elevation.TokenPrefix, now)), Hash: hash, ExpiresAt: now.Add(time.Hour),
		MaxUses: 1, Mode: "ask", CreatedAt: now, CreatedBy: system(), Labels: map[string]string{"role": "test"}}
	if change != nil {
		change(&row)
	}
	err = d.store.Update(d.t.Context(), func(tx *store.Tx) error {
		if err := tx.InsertEnrollToken(row); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: now, Kind: audit.EnrollTokenCreated, Actor: system()})
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return plain
}

func (d *door) client(cert *tls.Certificate) *tls.Config {
	pool := x509.NewCertPool()
	ca, err := x509.ParseCertificate(d.keys.CA())
	if err != nil {
		d.t.Fatal(err)
	}
	pool.AddCert(ca)
	conf := &tls.Config{RootCAs: pool, ServerName: wire.ServerName(d.keys.Cluster()), MinVersion: tls.VersionTLS13}
	if cert != nil {
		conf.Certificates = []tls.Certificate{*cert}
	}
	return conf
}

func (d *door) http() *http.Client {
	tr := &http.Transport{TLSClientConfig: d.client(nil)}
	d.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 30 * time.Second}
}

// post sends an enrolment as it is and gives status and body.
func (d *door) post(c *http.Client, body []byte, header http.Header) (int, []byte) {
	d.t.Helper()
	req, err := http.NewRequest(http.MethodPost, "https://"+d.addr+wire.EnrollPath, bytes.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", cborType)
	for k, v := range header {
		req.Header[k] = v
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Error(err)
	}
	return resp.StatusCode, out
}

func newCSR(t *testing.T, tmpl *x509.CertificateRequest) (ed25519.PrivateKey, []byte) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key, csrFor(t, key, tmpl)
}

func csrFor(t *testing.T, key ed25519.PrivateKey, tmpl *x509.CertificateRequest) []byte {
	t.Helper()
	if tmpl == nil {
		tmpl = &x509.CertificateRequest{}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, tmpl, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := sign.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// member is an enrolled endpoint.
type member struct {
	d    *door
	id   elevation.EndpointID
	cert tls.Certificate
	key  ed25519.PrivateKey
}

func (d *door) enroll() *member {
	d.t.Helper()
	key, csr := newCSR(d.t, nil)
	status, body := d.post(d.http(), encode(d.t, wire.Enroll{Token: d.token(nil), CSR: csr, Facts: wire.Facts{Hostname: "box"}}), nil)
	if status != http.StatusOK {
		d.t.Fatalf("enrol: %d %s", status, body)
	}
	var out wire.Enrolled
	if err := sign.Decode(body, &out); err != nil {
		d.t.Fatal(err)
	}
	return &member{d: d, id: out.Endpoint, key: key, cert: tls.Certificate{Certificate: out.Chain, PrivateKey: key}}
}

// line is one raw websocket.
type line struct {
	t *testing.T
	c *websocket.Conn
}

func (m *member) tryDial(header http.Header) (*line, *http.Response, error) {
	dialer := websocket.Dialer{TLSClientConfig: m.d.client(&m.cert), HandshakeTimeout: 10 * time.Second}
	c, resp, err := dialer.Dial("wss://"+m.d.addr+wire.SessionPath, header)
	if err != nil {
		return nil, resp, err
	}
	m.d.t.Cleanup(func() { c.Close() })
	return &line{t: m.d.t, c: c}, resp, nil
}

func (m *member) dial() *line {
	m.d.t.Helper()
	l, _, err := m.tryDial(nil)
	if err != nil {
		m.d.t.Fatal(err)
	}
	return l
}

// session dials and says hello.
func (m *member) session(hello wire.Hello) (*line, wire.Welcome) {
	m.d.t.Helper()
	l := m.dial()
	if hello.Versions == nil {
		hello.Versions = []int{wire.Version}
	}
	l.send(wire.THello, 0, hello)
	var w wire.Welcome
	l.want(wire.TWelcome, &w)
	return l, w
}

func (l *line) send(t wire.Type, seq uint64, message any) {
	l.t.Helper()
	raw, err := wire.Encode(t, seq, message)
	if err != nil {
		l.t.Fatal(err)
	}
	l.raw(raw)
}

func (l *line) raw(raw []byte) {
	l.t.Helper()
	if err := l.c.WriteMessage(websocket.BinaryMessage, raw); err != nil {
		l.t.Fatalf("write: %v", err)
	}
}

func (l *line) next() (wire.Frame, error) {
	if err := l.c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return wire.Frame{}, err
	}
	_, raw, err := l.c.ReadMessage()
	if err != nil {
		return wire.Frame{}, err
	}
	return wire.Decode(raw)
}

// want reads one frame of a type into a message.
func (l *line) want(t wire.Type, into any) wire.Frame {
	l.t.Helper()
	f, err := l.next()
	if err != nil {
		l.t.Fatalf("want %s: %v", t, err)
	}
	if f.Type != t {
		var e wire.Error
		if f.Type == wire.TError && f.Into(&e) == nil {
			l.t.Fatalf("got error %+v, want %s", e, t)
		}
		l.t.Fatalf("got %s, want %s", f.Type, t)
	}
	if into != nil {
		if err := f.Into(into); err != nil {
			l.t.Fatal(err)
		}
	}
	return f
}

// gone waits until the server has ended the session; what it still says is
// given back.
func (l *line) gone() (said []wire.Frame) {
	l.t.Helper()
	for {
		f, err := l.next()
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			l.t.Fatal("the session goes on")
		}
		if err != nil {
			return said
		}
		said = append(said, f)
	}
}

// alive shows that a session is served.
func (l *line) alive() {
	l.t.Helper()
	l.send(wire.TPing, 0, wire.Ping{N: 77})
	var p wire.Ping
	l.want(wire.TPong, &p)
	if p.N != 77 {
		l.t.Fatalf("pong %d", p.N)
	}
}

func attempt(path string) wire.Attempt {
	return wire.Attempt{Request: elevation.NewRequestID(time.Now()), Attempt: elevation.Attempt{AccessType: elevation.Run,
		Subject: elevation.Subject{Path: path}}}
}

// change edits the row of an endpoint.
func (m *member) change(edit func(*store.Endpoint)) {
	m.d.t.Helper()
	err := m.d.store.Update(m.d.t.Context(), func(tx *store.Tx) error {
		row, err := tx.Endpoint(m.id)
		if err != nil {
			return err
		}
		edit(&row)
		if err := tx.PutEndpoint(row); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: time.Now(), Kind: audit.EndpointChanged, Actor: system(), Endpoint: m.id})
	})
	if err != nil {
		m.d.t.Fatal(err)
	}
}

func (m *member) row() (row store.Endpoint) {
	m.d.t.Helper()
	err := m.d.store.View(m.d.t.Context(), func(tx *store.Tx) (err error) {
		row, err = tx.Endpoint(m.id)
		return err
	})
	if err != nil {
		m.d.t.Fatal(err)
	}
	return row
}

// enqueue commits n durable frames of some size without waking anybody.
func (m *member) enqueue(n, size int) {
	m.d.t.Helper()
	err := m.d.store.Update(m.d.t.Context(), func(tx *store.Tx) error {
		for range n {
			if _, err := tx.Enqueue(m.id, wire.TQuestion, wire.Question{Text: strings.Repeat("x", size)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		m.d.t.Fatal(err)
	}
}
