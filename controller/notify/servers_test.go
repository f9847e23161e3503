package notify

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/assent-epm/assent/controller/egress"
)

// hostile is what somebody would write to break out of any of the formats.
const hostile = "x\r\nBcc: all@example.org\r\n\r\n.\r\nMAIL FROM:<evil> <!channel> @everyone <@U1> *b* [l](http://evil) <script>alert(1)</script> " +
	"\x1b[31m\x1b]0;t\a \u202egpj.exe \"}],\"x\":[{\" [code]<b>x</b>[/code] a|b=c ]\\ \x00"

// local are deps that may call this machine.
func local(t *testing.T) Deps {
	t.Helper()
	allow, err := egress.ParseAllow([]string{"127.0.0.0/8", "::1"})
	if err != nil {
		t.Fatal(err)
	}
	return depsFor(allow)
}

func depsFor(allow []netip.Prefix) Deps {
	return Deps{HTTP: egress.Client(allow), Dial: egress.Dialer(allow).DialContext, Refuse: func(string) error { return nil },
		Public: "https://assent.example", Log: slog.New(slog.DiscardHandler), Now: time.Now}
}

// authority signs certificates for servers of the test.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	PEM  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key = a.sign(&x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.PEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
	return a
}

func (a *authority) sign(shape *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	shape.NotBefore, shape.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = shape, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, shape, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// server is the configuration of a server that has this name.
func (a *authority) server(name string) *tls.Config {
	cert, key := a.sign(&x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
}

// mailServer is a real SMTP server that keeps what it is given.
type mailServer struct {
	*smtp.Server
	port int

	mu     sync.Mutex // guards the fields below
	mails  []string
	to     []string
	fail   []error         // for the next recipients, in turn
	wait   <-chan struct{} // before a mail is taken
	secure []bool
}

// listen begins to serve; TLS from the first byte with implicit.
func newMailServer(t *testing.T, cfg *tls.Config, implicit, auth bool) *mailServer {
	t.Helper()
	m := &mailServer{}
	m.Server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &mailSession{m: m, c: c, auth: auth}, nil }))
	m.Domain, m.ErrorLog = "localhost", quietLog{}
	if !implicit {
		m.TLSConfig = cfg
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.port = l.Addr().(*net.TCPAddr).Port
	if implicit {
		l = tls.NewListener(l, cfg)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = m.Serve(l) }()
	t.Cleanup(func() { _, _ = m.Close(), l.Close(); <-done }) // Serve may not have begun
	return m
}

type quietLog struct{}

func (quietLog) Printf(string, ...any) {}
func (quietLog) Println(...any)        {}

func (m *mailServer) got() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.mails...)
}

type mailSession struct {
	m    *mailServer
	c    *smtp.Conn
	auth bool
	in   bool
}

func (s *mailSession) AuthMechanisms() []string {
	if !s.auth {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "assent" || password != "right password" {
			return smtp.ErrAuthFailed
		}
		s.in = true
		return nil
	}), nil
}

func (s *mailSession) Mail(string, *smtp.MailOptions) error {
	if s.auth && !s.in {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if len(s.m.fail) > 0 {
		err := s.m.fail[0]
		if s.m.fail = s.m.fail[1:]; err != nil {
			return err
		}
	}
	s.m.to = append(s.m.to, to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.m.mu.Lock()
	wait := s.m.wait
	s.m.mu.Unlock()
	if wait != nil {
		<-wait
	}
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	_, secure := s.c.TLSConnectionState()
	s.m.mails, s.m.secure = append(s.m.mails, string(raw)), append(s.m.secure, secure)
	return nil
}

func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }

// sink is a log server that reads counted octets.
type sink struct {
	t    *testing.T
	addr string
	cfg  *tls.Config

	mu    sync.Mutex // guards the fields below
	l     net.Listener
	conns map[net.Conn]bool
	lines []string
	limit int // lines of one connection, after which it is cut; 0 = none
	deaf  bool
	wg    sync.WaitGroup
}

func newSink(t *testing.T, cfg *tls.Config) *sink {
	t.Helper()
	s := &sink{t: t, addr: "127.0.0.1:0", cfg: cfg, conns: map[net.Conn]bool{}}
	s.start()
	t.Cleanup(s.stop)
	return s
}

// start listens at the address that it had before.
func (s *sink) start() {
	s.t.Helper()
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	s.l, s.addr = l, l.Addr().String()
	s.mu.Unlock()
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if s.cfg != nil {
				c = tls.Server(c, s.cfg)
			}
			s.mu.Lock()
			s.conns[c] = true
			deaf := s.deaf
			s.mu.Unlock()
			if !deaf {
				s.wg.Go(func() { s.read(c) })
			}
		}
	})
}

// stop ends the server and cuts its connections.
func (s *sink) stop() {
	s.mu.Lock()
	_ = s.l.Close()
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

func (s *sink) read(c net.Conn) {
	defer c.Close()
	in, n := bufio.NewReader(c), 0
	for {
		count, err := in.ReadString(' ')
		if err != nil {
			return
		}
		size, err := strconv.Atoi(strings.TrimSuffix(count, " "))
		if err != nil || size <= 0 {
			s.t.Errorf("a frame that begins with %q", count)
			return
		}
		raw := make([]byte, size)
		if _, err := io.ReadFull(in, raw); err != nil {
			return
		}
		s.mu.Lock()
		s.lines = append(s.lines, string(raw))
		n++
		cut := s.limit > 0 && n >= s.limit
		s.mu.Unlock()
		if cut {
			return
		}
	}
}

func (s *sink) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.lines...)
}

// eventually waits until something holds that happens by itself.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	end := time.NewTimer(20 * time.Second)
	defer end.Stop()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-end.C:
			t.Fatalf("it does not come to be that %s", what)
		}
	}
}

// config writes a configuration.
func config(t *testing.T, fields map[string]any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// must opens a channel.
func opened(t *testing.T, kind string, deps Deps, fields map[string]any) Sender {
	t.Helper()
	s, err := open(Channel{ID: "chan_1", Name: "test", Kind: kind, Config: config(t, fields)}, deps)
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := s.(io.Closer); ok {
		t.Cleanup(func() { _ = c.Close() })
	}
	return s
}

// evil is an example whose every text is hostile.
func evil(kind string) Message {
	m := Example(kind, "https://assent.example")
	m.Title, m.Text, m.To.Name = hostile, hostile+"\n"+hostile, hostile
	var r map[string]any
	if err := json.Unmarshal(m.Request, &r); err == nil {
		r["justification"], r["user"].(map[string]any)["display"], r["endpoint"].(map[string]any)["name"] = hostile, hostile, hostile
		r["subject"].(map[string]any)["path"], r["subject"].(map[string]any)["args"] = "/"+hostile, []string{hostile}
		r["caution"] = []map[string]string{{"reason": "x", "fact": hostile}}
		m.Request, _ = json.Marshal(r)
	}
	var e map[string]any
	if err := json.Unmarshal(m.Event, &e); err == nil {
		e["actor"].(map[string]any)["name"], e["data"] = hostile, map[string]string{"comment": hostile}
		m.Event, _ = json.Marshal(e)
	}
	return m
}

// huge is a message whose texts are longer than anybody takes.
func huge(kind string) Message {
	m := evil(kind)
	long := strings.Repeat(`<&>"\`, 6000)
	m.Title, m.Text = long, strings.Repeat(long+"\n", 20)
	var r map[string]any
	if err := json.Unmarshal(m.Request, &r); err == nil {
		r["justification"] = long
		r["subject"].(map[string]any)["args"] = []string{long, long}
		m.Request, _ = json.Marshal(r)
	}
	return m
}

func send(t *testing.T, s Sender, m Message) (Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return s.Send(ctx, m)
}

func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}
