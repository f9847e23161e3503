package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// How a mail server is spoken to.
const (
	tlsStart    = "starttls" // TLS before anything else is said, or nothing is sent
	tlsImplicit = "implicit" // TLS from the first byte
	tlsNone     = "none"     // in clear, so without a password
)

// Limits of mail.
const (
	mailTime    = 30 * time.Second // for one message, everything included
	maxSubject  = 150              // characters
	maxMailText = 8000             // characters of one item
	maxMailList = 100              // items of a digest; the rest is counted
)

// emailConfig is the configuration of a channel of the kind email.
type emailConfig struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	TLS      string `json:"tls"`
	Username string `json:"username"`
	Password string `json:"password"`
	From     string `json:"from"`
	CAPEM    string `json:"ca_pem"`
}

// emailSender sends mail through one server.
type emailSender struct {
	cfg    emailConfig
	from   netmail.Address
	domain string // of Message-IDs
	tls    *tls.Config
	deps   Deps
}

func openEmail(c Channel, deps Deps) (Sender, error) {
	s := &emailSender{deps: deps}
	if err := decode(c.Config, &s.cfg); err != nil {
		return nil, err
	}
	if s.cfg.TLS == "" {
		s.cfg.TLS = tlsStart
	}
	ports := map[string]int{tlsStart: 587, tlsImplicit: 465, tlsNone: 25}
	switch {
	case ports[s.cfg.TLS] == 0:
		return nil, fmt.Errorf("%w: tls is starttls, implicit or none", elevation.ErrInvalid)
	case s.cfg.TLS == tlsNone && s.cfg.Password != "":
		return nil, fmt.Errorf("%w: a password is not sent without TLS; use starttls or implicit", elevation.ErrInvalid)
	case (s.cfg.Password == "") != (s.cfg.Username == ""):
		return nil, fmt.Errorf("%w: user name and password belong together; give both or none", elevation.ErrInvalid)
	case hasControls(s.cfg.Username) || hasControls(s.cfg.Password):
		return nil, fmt.Errorf("%w: user name or password has control characters", elevation.ErrInvalid)
	}
	if s.cfg.Port == 0 {
		s.cfg.Port = ports[s.cfg.TLS]
	}
	if err := checkHost(s.cfg.Host, s.cfg.Port, deps); err != nil {
		return nil, err
	}
	from, err := mailAddress(s.cfg.From)
	if err != nil {
		return nil, fmt.Errorf("%w: from is not an e-mail address", elevation.ErrInvalid)
	}
	s.from, s.domain = from, from.Address[strings.LastIndexByte(from.Address, '@')+1:]
	s.tls, err = tlsConfig(s.cfg.Host, s.cfg.CAPEM)
	return s, err
}

// hasControls says that a text could end a line or a field of a protocol.
func hasControls(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// checkHost checks where a channel that is not HTTP connects to.
func checkHost(host string, port int, deps Deps) error {
	if host == "" || len(host) > 253 || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`/@"<>[]\`, r) }) {
		return fmt.Errorf("%w: the host is a name or an address", elevation.ErrInvalid)
	}
	if port < 1 || port > 65535 {
		return fmt.Errorf("%w: the port is from 1 to 65535", elevation.ErrInvalid)
	}
	if deps.Refuse == nil {
		return nil
	}
	if err := deps.Refuse(host); err != nil {
		return fmt.Errorf("%w: %w", elevation.ErrInvalid, err)
	}
	return nil
}

// tlsConfig trusts the given authority, or those of the system when there is none.
func tlsConfig(host, caPEM string) (*tls.Config, error) {
	cfg := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if caPEM != "" {
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM([]byte(caPEM)) {
			return nil, fmt.Errorf("%w: ca_pem holds no certificate in PEM form", elevation.ErrInvalid)
		}
	}
	return cfg, nil
}

// mailAddress reads one address and refuses what could break a header or an
// envelope.
func mailAddress(text string) (netmail.Address, error) {
	if len(text) > 400 || hasControls(text) {
		return netmail.Address{}, errors.New("not an e-mail address")
	}
	a, err := netmail.ParseAddress(text)
	if err != nil || hasControls(a.Address) || hasControls(a.Name) || strings.ContainsAny(a.Address, "<>\" ") || len(a.Address) > 254 {
		return netmail.Address{}, errors.New("not an e-mail address")
	}
	return *a, nil
}

// Send sends one mail to the recipient of the message.
func (s *emailSender) Send(ctx context.Context, m Message) (Result, error) {
	to, err := mailAddress(m.To.Email)
	if err != nil {
		return Result{Permanent: true}, errors.New("the recipient has no e-mail address that can be used")
	}
	msg, err := s.compose(m, to.Address)
	if err != nil {
		return Result{Permanent: true}, fmt.Errorf("compose a mail: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, mailTime)
	defer cancel()
	client, err := s.client(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("prepare a mail: %w", err)
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return Result{Status: smtpCode(err)}, describeMail(ctx, "reach the mail server", err)
	}
	err = client.SendWithSMTPClient(conn, msg)
	if msg.IsDelivered() { // whatever came after the server has taken it
		err = nil
	}
	_ = client.CloseWithSMTPClient(conn)
	code := smtpCode(err)
	return Result{Status: code, Permanent: code >= 500}, describeMail(ctx, "send a mail", err)
}

// client makes what speaks to the server within ctx.
func (s *emailSender) client(ctx context.Context) (*mail.Client, error) {
	dial := func(_ context.Context, network, address string) (net.Conn, error) {
		conn, err := s.deps.Dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
		if s.cfg.TLS != tlsImplicit {
			return conn, nil
		}
		secure := tls.Client(conn, s.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return secure, nil
	}
	policy := mail.NoTLS
	if s.cfg.TLS == tlsStart {
		policy = mail.TLSMandatory
	}
	opts := []mail.Option{mail.WithPort(s.cfg.Port), mail.WithTimeout(mailTime), mail.WithTLSConfig(s.tls), mail.WithTLSPolicy(policy),
		mail.WithDialContextFunc(dial), mail.WithHELO(s.domain), mail.WithoutNoop()}
	if s.cfg.Username != "" {
		opts = append(opts, mail.WithSMTPAuthCustom(&passwordAuth{user: s.cfg.Username, password: s.cfg.Password, host: s.cfg.Host}))
	}
	return mail.NewClient(s.cfg.Host, opts...)
}

// passwordAuth signs in with the best way that the server offers, and only after
// TLS.
type passwordAuth struct {
	user, password, host string
	smtp.Auth
}

// Start chooses the way.
func (a *passwordAuth) Start(server *smtp.ServerInfo) (string, []byte, error) {
	if !server.TLS {
		return "", nil, errors.New("a password is not sent without TLS")
	}
	offers := func(name string) bool {
		return slices.ContainsFunc(server.Auth, func(s string) bool { return strings.EqualFold(s, name) })
	}
	switch {
	case offers("SCRAM-SHA-256"):
		a.Auth = smtp.ScramSHA256Auth(a.user, a.password)
	case offers("PLAIN"):
		a.Auth = smtp.PlainAuth("", a.user, a.password, a.host, false)
	case offers("LOGIN"):
		a.Auth = smtp.LoginAuth(a.user, a.password, a.host, false)
	default:
		return "", nil, errors.New("the mail server offers no way to sign in that is known here")
	}
	return a.Auth.Start(server)
}

// smtpCode is the code that the server answered with, 0 when it did not.
func smtpCode(err error) int {
	var sent *mail.SendError
	if errors.As(err, &sent) && sent.ErrorCode() != 0 {
		return sent.ErrorCode()
	}
	var said *textproto.Error
	if errors.As(err, &said) {
		return said.Code
	}
	return 0
}

// describeMail says what is wrong in our words: what a server answers may have
// anything in it.
func describeMail(ctx context.Context, act string, err error) error {
	if err == nil {
		return nil
	}
	switch code := smtpCode(err); {
	case code == 535 || code == 534 || code == 530:
		return fmt.Errorf("%s: it refuses the user name and password (%d)", act, code)
	case code >= 500:
		return fmt.Errorf("%s: it was refused for good (%d)", act, code)
	case code >= 400:
		return fmt.Errorf("%s: it was refused for now (%d)", act, code)
	}
	return describeCall(ctx, act, err)
}

// describeCall is the same for whatever ended a connection.
func describeCall(ctx context.Context, act string, err error) error {
	var cert *tls.CertificateVerificationError
	var timeout net.Error
	switch {
	case errors.As(err, &cert):
		return fmt.Errorf("%s: its certificate is not trusted: %s", act, inert.Clip(inert.Text(cert.Err.Error()), 200))
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%s: it takes too long", act)
	}
	return fmt.Errorf("%s: %s", act, inert.Clip(inert.Text(err.Error()), 200))
}

// compose writes the mail: a plain text and the same as simple HTML.
func (s *emailSender) compose(m Message, to string) (*mail.Msg, error) {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	name := s.from.Name
	if name == "" {
		name = "Assent"
	}
	if err := msg.FromFormat(inert.Text(name), s.from.Address); err != nil {
		return nil, err
	}
	if err := msg.To(to); err != nil {
		return nil, err
	}
	msg.Subject(inert.Clip(inert.Text(m.Title), maxSubject))
	msg.SetMessageIDWithValue(idText(m.ID) + "@" + s.domain)
	msg.SetDateWithValue(m.At)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	if m.Dedup != "" { // mails about one request stand together
		msg.SetGenHeader(mail.HeaderReferences, "<"+idText(m.Dedup)+"@"+s.domain+">")
	}
	text, page, err := mailBody(m)
	if err != nil {
		return nil, err
	}
	msg.SetBodyString(mail.TypeTextPlain, text)
	msg.AddAlternativeString(mail.TypeTextHTML, page)
	return msg, nil
}

// idText keeps what may stand in a Message-ID.
func idText(id string) string {
	return strings.Map(func(r rune) rune {
		if tokenRune(r) || r == '.' {
			return r
		}
		return '_'
	}, id)
}
