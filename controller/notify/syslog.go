package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/shared/elevation"
)

// Times of a connection to a log server.
const (
	syslogConnect = 10 * time.Second
	syslogWrite   = 15 * time.Second
	syslogBye     = 2 * time.Second // until the other side has read everything and closes
)

// syslogConfig is the configuration of a channel of the kind syslog.
type syslogConfig struct {
	Address  string `json:"address"` // host:port
	TLS      *bool  `json:"tls"`     // nil = yes
	CAPEM    string `json:"ca_pem"`
	Format   string `json:"format"`
	Stream   bool   `json:"stream"`   // the whole log from a saved cursor
	Facility *int   `json:"facility"` // nil = log audit
}

// syslogSender writes lines of RFC 5424 with counted octets (RFC 6587, 3.4.1) over
// TLS (RFC 5425) or TCP. TCP tells nobody that a line was read, so each message has a
// connection of its own, whose orderly end says that all of it was.
type syslogSender struct {
	cfg  syslogConfig
	host string
	form audit.Format
	head audit.Header
	tls  *tls.Config // nil = TCP
	deps Deps
}

func openSyslog(c Channel, deps Deps) (Sender, error) {
	s := &syslogSender{deps: deps, head: audit.Header{Facility: audit.LogAudit}}
	if err := decode(c.Config, &s.cfg); err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(s.cfg.Address)
	n, err2 := strconv.Atoi(port)
	if err != nil || err2 != nil {
		return nil, fmt.Errorf("%w: the address is host:port", elevation.ErrInvalid)
	}
	if err := checkHost(host, n, deps); err != nil {
		return nil, err
	}
	s.host = host
	switch s.cfg.Format {
	case "", "rfc5424", string(audit.FormatSyslog):
		s.form = audit.FormatSyslog
	case string(audit.FormatCEF), string(audit.FormatOCSF):
		s.form = audit.Format(s.cfg.Format)
	default:
		return nil, fmt.Errorf("%w: the format is rfc5424, cef or ocsf", elevation.ErrInvalid)
	}
	if f := s.cfg.Facility; f != nil {
		if *f < 0 || *f > 23 {
			return nil, fmt.Errorf("%w: the facility is from 0 to 23", elevation.ErrInvalid)
		}
		s.head.Facility = *f
	}
	if u, err := url.Parse(deps.Public); err == nil {
		s.head.Host = u.Hostname()
	}
	if s.cfg.TLS == nil || *s.cfg.TLS {
		if s.tls, err = tlsConfig(host, s.cfg.CAPEM); err != nil {
			return nil, err
		}
		return s, nil
	}
	if s.cfg.CAPEM != "" {
		return nil, fmt.Errorf("%w: ca_pem is of no use without tls", elevation.ErrInvalid)
	}
	return s, nil
}

// Send writes the message, each item of a digest as a line of its own.
func (s *syslogSender) Send(ctx context.Context, m Message) (Result, error) {
	items := m.Items
	if len(items) == 0 {
		items = []Message{m}
	}
	var frames []byte
	for _, x := range items {
		line, err := s.line(x, m.ID)
		if err != nil {
			return Result{Permanent: true}, fmt.Errorf("write a line: %w", err)
		}
		frames = append(frames, frame(line)...)
	}
	w, err := s.dial(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := w.write(frames); err != nil {
		w.close()
		return Result{}, describeCall(ctx, "write to the log server", err)
	}
	if _, reset := w.bye(syslogBye); reset {
		return Result{}, errors.New("the log server has cut the connection before it had read everything")
	}
	return Result{}, nil
}

// line is a message as a line. What is no event, a test for example, is written as
// words in each form.
func (s *syslogSender) line(m Message, delivery string) (string, error) {
	head := s.head
	head.Extra = []string{"delivery", delivery}
	if len(m.Event) > 0 {
		e, err := audit.ReadShown(m.Event)
		if err == nil {
			return e.Framed(s.form, head)
		}
		if !errors.Is(err, audit.ErrInvalid) {
			return "", err
		}
	}
	return audit.SyslogLine(head, 3, m.At, m.Kind, append([]string{"request", m.Dedup}, head.Extra...), m.Title), nil
}

// frame counts the octets of a line.
func frame(line string) []byte {
	return append(strconv.AppendInt(nil, int64(len(line)), 10), " "+line...)
}

// dial connects, and shakes hands when the channel wants TLS.
func (s *syslogSender) dial(ctx context.Context) (*wire, error) {
	ctx, cancel := context.WithTimeout(ctx, syslogConnect)
	defer cancel()
	raw, err := s.deps.Dial(ctx, "tcp", s.cfg.Address)
	if err != nil {
		return nil, describeCall(ctx, "reach the log server", err)
	}
	w := &wire{Conn: raw, raw: raw, over: make(chan struct{})}
	if s.tls != nil {
		secure := tls.Client(raw, s.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, describeCall(ctx, "reach the log server", err)
		}
		w.Conn = secure
	}
	go w.listen()
	return w, nil
}

// wire is a connection on which the other side says nothing: what it does say is
// thrown away, and its end is noticed.
type wire struct {
	net.Conn
	raw  net.Conn
	over chan struct{} // closed when the other side has ended the connection
	end  error         // how; read after over
	sent int64         // bytes; used by the writer only
}

func (w *wire) listen() {
	defer close(w.over)
	buf := make([]byte, 512)
	for {
		if _, err := w.Read(buf); err != nil {
			w.end = err
			return
		}
	}
}

// broken reports whether the other side has ended the connection.
func (w *wire) broken() bool {
	select {
	case <-w.over:
		return true
	default:
		return false
	}
}

func (w *wire) write(frames []byte) error {
	if err := w.SetWriteDeadline(time.Now().Add(syslogWrite)); err != nil {
		return err
	}
	n, err := w.Write(frames)
	w.sent += int64(n)
	return err
}

// bye says that nothing more comes and waits until the other side, having read
// everything, closes too. It reports whether that was seen, or whether the
// connection was cut before.
func (w *wire) bye(within time.Duration) (read, reset bool) {
	closer, ok := w.Conn.(interface{ CloseWrite() error })
	if !ok || w.broken() || closer.CloseWrite() != nil {
		w.close()
		return false, true
	}
	if w.Conn != w.raw { // behind the end of TLS, that of TCP
		if tcp, ok := w.raw.(interface{ CloseWrite() error }); ok {
			_ = tcp.CloseWrite()
		}
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	defer w.close()
	select {
	case <-w.over: // a reset would say that something was not read
		read = errors.Is(w.end, io.EOF) || errors.Is(w.end, io.ErrUnexpectedEOF)
		return read, !read
	case <-timer.C:
		return false, false
	}
}

// close ends the connection and waits for listen.
func (w *wire) close() {
	_ = w.SetDeadline(time.Unix(1, 0))
	_ = w.Conn.Close()
	<-w.over
}
