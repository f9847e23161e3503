package notify

import (
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/assent-epm/assent/controller/egress"
	"github.com/assent-epm/assent/e2e/servers"
	"github.com/assent-epm/assent/shared/elevation"
)

const mailPassword = "right password"

// newMailServer is a mail server that knows [mailPassword], or nobody.
func newMailServer(t *testing.T, cfg *tls.Config, implicit, auth bool) *servers.MailServer {
	t.Helper()
	c := servers.MailConfig{TLS: cfg, Implicit: implicit}
	if auth {
		c.Password = mailPassword
	}
	return servers.NewMailServer(t, c)
}

// mailFields are a configuration that works with a mail server of these tests.
func mailFields(m *servers.MailServer, a *servers.Authority, more map[string]any) map[string]any {
	f := map[string]any{"host": "localhost", "port": m.Port, "tls": "starttls", "from": "Assent <assent@example.org>", "ca_pem": a.PEM,
		"username": "assent", "password": mailPassword}
	for k, v := range more {
		if f[k] = v; v == nil {
			delete(f, k)
		}
	}
	return f
}

// readMail takes a mail apart: its headers, its text and its HTML.
func readMail(t *testing.T, raw string) (h netmail.Header, text, page string) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return m.Header, text, page
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			page = string(body)
		} else {
			text = string(body)
		}
	}
}

func TestMailIsSent(t *testing.T) {
	a := servers.NewAuthority(t)
	for name, tt := range map[string]struct {
		implicit, auth bool
		more           map[string]any
		secure         bool
	}{
		"starttls":         {auth: true, secure: true},
		"implicit":         {implicit: true, auth: true, more: map[string]any{"tls": "implicit"}, secure: true},
		"without password": {more: map[string]any{"username": nil, "password": nil}, secure: true},
		"in clear":         {more: map[string]any{"tls": "none", "username": nil, "password": nil, "ca_pem": nil}},
	} {
		t.Run(name, func(t *testing.T) {
			server := newMailServer(t, a.Server("localhost"), tt.implicit, tt.auth)
			s := opened(t, Email, local(t), mailFields(server, a, tt.more))
			m := Example("request.submitted", "https://assent.example")
			for range 2 { // a retry has the same id
				if res, err := send(t, s, m); err != nil || res != (Result{}) {
					t.Fatalf("%+v %v", res, err)
				}
			}
			mails := server.Mails()
			if len(mails) != 2 || mails[0].To != "bo@example.org" || mails[0].Secure != tt.secure {
				t.Fatalf("%d mails: %+v", len(mails), mails)
			}
			h, text, page := readMail(t, mails[0].Raw)
			again, _, _ := readMail(t, mails[1].Raw)
			if h.Get("Message-ID") != "<"+m.ID+"@example.org>" || again.Get("Message-ID") != h.Get("Message-ID") {
				t.Errorf("ids %q and %q", h.Get("Message-ID"), again.Get("Message-ID"))
			}
			if h.Get("Auto-Submitted") != "auto-generated" || h.Get("References") != "<"+m.Dedup+"@example.org>" || h.Get("From") != `"Assent" <assent@example.org>` {
				t.Errorf("headers %v", h)
			}
			link := "https://assent.example/#/requests/" + m.Dedup
			if !strings.Contains(text, link) || !strings.Contains(page, `href="`+link+`"`) || !strings.Contains(text, "ubu-0810") {
				t.Errorf("text %s\npage %s", text, page)
			}
			if strings.Contains(page, "<img") || strings.Contains(page, "src=") || strings.Count(page, "http") != 1 {
				t.Errorf("the page fetches something: %s", page)
			}
		})
	}
}

func TestMailWithHostileText(t *testing.T) {
	a := servers.NewAuthority(t)
	server := newMailServer(t, a.Server("localhost"), false, true)
	s := opened(t, Email, local(t), mailFields(server, a, nil))
	m := evil("request.denied")
	m.ID, m.Dedup = "dlv_1>\r\nX-Evil: 1", "req_1\r\nBcc: x@example.org"
	if _, err := send(t, s, m); err != nil {
		t.Fatal(err)
	}
	mails := server.Mails()
	if len(mails) != 1 || strings.Contains(mails[0].To, " ") {
		t.Fatalf("%d mails: %+v", len(mails), mails)
	}
	h, text, page := readMail(t, mails[0].Raw)
	for name := range h {
		switch name {
		case "Bcc", "X-Evil", "Cc":
			t.Errorf("a header of a stranger: %s", name)
		}
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
	if err != nil || strings.ContainsAny(subject, "\r\n\x1b\x00") || !strings.HasPrefix(subject, `x\r\nBcc`) {
		t.Errorf("subject %q %v", subject, err)
	}
	if strings.ContainsAny(text+page, "\x1b\x00\u202e\a") || strings.Contains(page, "<script") || strings.Contains(page, "<b>") {
		t.Errorf("text %q\npage %q", text, page)
	}
	for _, to := range []string{"", "bo", "bo@example.org\r\nRCPT TO:<x@example.org>", "a@b.example, c@d.example", "<bo@example.org> <x@example.org>", "bo @example.org"} {
		m := Example(KindTest, "https://assent.example")
		m.To.Email = to
		if res, err := send(t, s, m); err == nil || !res.Permanent {
			t.Errorf("a mail to %q: %+v %v", to, res, err)
		}
	}
}

func TestMailDigest(t *testing.T) {
	a := servers.NewAuthority(t)
	server := newMailServer(t, a.Server("localhost"), false, true)
	s := opened(t, Email, local(t), mailFields(server, a, nil))
	m := Example(KindDigest, "https://assent.example")
	for len(m.Items) < maxMailList+7 {
		m.Items = append(m.Items, evil("request.submitted"))
	}
	if _, err := send(t, s, m); err != nil {
		t.Fatal(err)
	}
	_, text, page := readMail(t, server.Mails()[0].Raw)
	if strings.Count(text, "/#/requests/") != maxMailList || strings.Count(page, "<h2") != maxMailList ||
		!strings.Contains(text, "and 7 more") || !strings.Contains(page, "and 7 more") {
		t.Errorf("%d links, %d heads", strings.Count(text, "/#/requests/"), strings.Count(page, "<h2"))
	}
}

func TestMailRefused(t *testing.T) {
	a, other := servers.NewAuthority(t), servers.NewAuthority(t)
	temporary := &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "try \x1b[31mlater"}
	forGood := &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	for name, tt := range map[string]struct {
		cert      string // name in the certificate
		plain     bool   // the server knows no TLS
		more      map[string]any
		fail      []error
		want      string
		permanent bool
		status    int
	}{
		"name of the certificate": {cert: "mail.example.org", want: "certificate is not trusted"},
		"authority":               {more: map[string]any{"ca_pem": other.PEM}, want: "certificate is not trusted"},
		"password":                {more: map[string]any{"password": "wrong password"}, want: "refuses the user name and password (535)", status: 535},
		"no STARTTLS":             {plain: true, want: "STARTTLS", more: map[string]any{"username": nil, "password": nil}},
		"no password given":       {more: map[string]any{"username": nil, "password": nil}, want: "refused for good (502)|refuses the user name", status: 502, permanent: true},
		"for now":                 {fail: []error{temporary}, want: "refused for now (451)", status: 451},
		"for good":                {fail: []error{forGood}, want: "refused for good (550)", status: 550, permanent: true},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.cert == "" {
				tt.cert = "localhost"
			}
			cfg := a.Server(tt.cert)
			if tt.plain {
				cfg = nil
			}
			server := newMailServer(t, cfg, false, !tt.plain)
			server.Fail(tt.fail...)
			s := opened(t, Email, local(t), mailFields(server, a, tt.more))
			res, err := send(t, s, Example("request.submitted", "https://assent.example"))
			if err == nil || res.Permanent != tt.permanent || res.Status != tt.status {
				t.Fatalf("%+v %v", res, err)
			}
			found := false
			for want := range strings.SplitSeq(tt.want, "|") {
				found = found || strings.Contains(err.Error(), want)
			}
			if !found || strings.Contains(err.Error(), "later") || strings.Contains(err.Error(), "such user") || strings.Contains(err.Error(), "password\"") ||
				strings.ContainsAny(err.Error(), "\x1b\r\n") || strings.Contains(err.Error(), "wrong password") {
				t.Errorf("error %q, want %q", err, tt.want)
			}
			if len(server.Mails()) != 0 {
				t.Error("a mail came through")
			}
			if len(tt.fail) > 0 && !tt.permanent { // it works when it is tried again
				if _, err := send(t, s, Example("request.submitted", "https://assent.example")); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestMailWaitsNoLongerThanItIsTold(t *testing.T) {
	a := servers.NewAuthority(t)
	server := newMailServer(t, a.Server("localhost"), false, true)
	slow := make(chan struct{})
	server.Hold(slow)
	s := opened(t, Email, local(t), mailFields(server, a, nil))
	done := make(chan error, 1)
	ctx, cancel := contextFor(t, 300*time.Millisecond)
	defer cancel()
	go func() {
		_, err := s.Send(ctx, Example("request.submitted", "https://assent.example"))
		done <- err
	}()
	err := <-done
	close(slow)
	if err == nil || !strings.Contains(err.Error(), "takes too long") {
		t.Errorf("a slow server: %v", err)
	}
}

func TestMailGoesWhereItMay(t *testing.T) {
	a := servers.NewAuthority(t)
	server := newMailServer(t, a.Server("localhost"), false, true)
	s := opened(t, Email, depsFor(nil), mailFields(server, a, nil))
	if _, err := send(t, s, Example(KindTest, "")); err == nil || !strings.Contains(err.Error(), "not public") {
		t.Errorf("a mail server on this machine: %v", err)
	}
	refusing := local(t)
	refusing.Refuse = func(host string) error { return egress.ErrRefused }
	if _, err := open(Channel{Kind: Email, Config: config(t, mailFields(server, a, nil))}, refusing); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("a literal address: %v", err)
	}
	for name, more := range map[string]map[string]any{
		"clear password": {"tls": "none"}, "half": {"password": nil}, "tls": {"tls": "maybe"}, "host": {"host": "mail/evil"}, "no host": {"host": ""},
		"host with lines": {"host": "localhost\r\nX"}, "port": {"port": 70000}, "from": {"from": "nobody"}, "from with lines": {"from": "a@b.example\r\nBcc: x@y.example"},
		"authority": {"ca_pem": "none"}, "user": {"username": "a\nb"}, "unknown": {"colour": "red"},
	} {
		if _, err := open(Channel{Kind: Email, Config: config(t, mailFields(server, a, more))}, local(t)); !errors.Is(err, elevation.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
