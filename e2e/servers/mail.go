package servers

import (
	"crypto/tls"
	"io"
	"mime/quotedprintable"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Mail is a mail that was taken.
type Mail struct {
	To     string // more than one with spaces between
	Raw    string
	Text   string // Raw without quoted-printable, for looking words up
	Secure bool   // it came over TLS
}

// MailServer is a real mail server that keeps what it is given.
type MailServer struct {
	Port int64

	password string

	mu    sync.Mutex // guards the fields below
	mails []Mail
	fail  []error
	hold  <-chan struct{}
}

// MailConfig is how a mail server is reached. The zero value takes everything,
// in clear.
type MailConfig struct {
	TLS      *tls.Config // nil: the server knows no TLS
	Implicit bool        // TLS from the first byte, without STARTTLS
	Password string      // of "assent", without which it takes nothing; "" = nobody signs in
}

// NewMailServer serves until the test ends.
func NewMailServer(t testing.TB, cfg MailConfig) *MailServer {
	t.Helper()
	m := &MailServer{password: cfg.Password}
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &posting{m: m, c: c}, nil }))
	s.Domain, s.ErrorLog = "localhost", quiet{}
	if !cfg.Implicit {
		s.TLSConfig = cfg.TLS
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.Port = int64(l.Addr().(*net.TCPAddr).Port)
	if cfg.Implicit {
		l = tls.NewListener(l, cfg.TLS)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _, _ = s.Close(), l.Close(); <-done }) // Serve may not have begun
	return m
}

// Mails are all that were taken, in order.
func (m *MailServer) Mails() []Mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mails)
}

// Fail refuses the next recipients with these errors, in turn; nil takes one.
func (m *MailServer) Fail(errs ...error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = errs
}

// Hold lets each mail wait until the channel is closed.
func (m *MailServer) Hold(until <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hold = until
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// posting is one connection.
type posting struct {
	m  *MailServer
	c  *smtp.Conn
	in bool
	to []string
}

// AuthMechanisms says how one signs in.
func (p *posting) AuthMechanisms() []string {
	if p.m.password == "" {
		return nil
	}
	return []string{sasl.Plain}
}

// Auth compares the password.
func (p *posting) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "assent" || password != p.m.password {
			return smtp.ErrAuthFailed
		}
		p.in = true
		return nil
	}), nil
}

// Mail begins a mail.
func (p *posting) Mail(string, *smtp.MailOptions) error {
	if p.m.password != "" && !p.in {
		return smtp.ErrAuthRequired
	}
	p.to = nil
	return nil
}

// Rcpt takes a recipient.
func (p *posting) Rcpt(to string, _ *smtp.RcptOptions) error {
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	if len(p.m.fail) > 0 {
		err := p.m.fail[0]
		if p.m.fail = p.m.fail[1:]; err != nil {
			return err
		}
	}
	p.to = append(p.to, to)
	return nil
}

// Data takes the mail.
func (p *posting) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	p.m.mu.Lock()
	hold := p.m.hold
	p.m.mu.Unlock()
	if hold != nil {
		<-hold
	}
	mail := Mail{To: strings.Join(p.to, " "), Raw: string(raw)}
	_, mail.Secure = p.c.TLSConnectionState()
	if text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(mail.Raw))); err == nil {
		mail.Text = string(text)
	}
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	p.m.mails = append(p.m.mails, mail)
	return nil
}

// Reset ends a mail.
func (p *posting) Reset() {}

// Logout ends the connection.
func (p *posting) Logout() error { return nil }
