package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/websocket"

	"github.com/assent-epm/assent/shared/wire"
)

// Step is one stage on the way to the controller, as [Probe] found it.
type Step struct {
	Name string
	Text string
	Err  error // nil = it is good
	Hint string
}

// Probe goes the way to the controller step by step, as far as it leads: the
// proxy, the name, the connection, TLS, and the door. It sends nothing that says
// more than that this endpoint exists, and begins no session.
func Probe(ctx context.Context, id Identity, p Proxies, now func() time.Time) []Step {
	if now == nil {
		now = time.Now
	}
	pr := &probe{id: id, proxies: p, now: now}
	for _, next := range []func(context.Context) Step{pr.proxy, pr.name, pr.connection, pr.tls, pr.door} {
		began := time.Now()
		s := next(ctx)
		if s.Name == "" {
			continue
		}
		if s.Err == nil {
			s.Text = fmt.Sprintf("%s (%v)", s.Text, time.Since(began).Round(time.Millisecond))
		}
		if pr.steps = append(pr.steps, s); s.Err != nil {
			break
		}
	}
	if pr.raw != nil {
		pr.raw.Close()
	}
	return pr.steps
}

type probe struct {
	id      Identity
	proxies Proxies
	now     func() time.Time
	steps   []Step

	through *url.URL
	raw     net.Conn
	secure  *tls.Conn
}

func (p *probe) proxy(context.Context) Step {
	s := Step{Name: "proxy"}
	through, from, err := p.proxies.For(p.id.URL)
	switch {
	case err != nil:
		s.Err, s.Hint = err, "correct proxy in agent.toml, the environment of the service, or /etc/environment"
	case through == nil:
		s.Text = "none: the controller is reached directly"
	default:
		p.through, s.Text = through, fmt.Sprintf("%s, from %s", through.Redacted(), from)
	}
	return s
}

// name looks the controller's name up; with a proxy that is the proxy's affair.
func (p *probe) name(ctx context.Context) Step {
	u, err := url.Parse(p.id.URL)
	if err != nil {
		return Step{Name: "name", Err: err, Hint: "enrol this endpoint again"}
	}
	if p.through != nil {
		u = p.through
	}
	s := Step{Name: "name", Hint: "check the name, and the name servers of this machine"}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	found, err := net.DefaultResolver.LookupHost(ctx, u.Hostname())
	if err != nil {
		s.Err = fmt.Errorf("%s could not be found", u.Hostname())
		return s
	}
	s.Text = fmt.Sprintf("%s is %s", u.Hostname(), found[0])
	return s
}

func (p *probe) connection(ctx context.Context) Step {
	s := Step{Name: "connection", Hint: "is the controller running, and does a firewall let this port through?"}
	ctx, cancel := context.WithTimeout(ctx, 2*dialTimeout)
	defer cancel()
	if p.raw, s.Err = p.proxies.dial(ctx, p.id.URL); s.Err != nil {
		if errors.Is(s.Err, ErrProxyAuth) || errors.Is(s.Err, ErrProxyMethod) || errors.Is(s.Err, ErrProxyRefused) {
			s.Hint = "ask whoever runs the proxy"
		}
		return s
	}
	s.Text = p.id.URL + " answers"
	return s
}

func (p *probe) tls(ctx context.Context) Step {
	s := Step{Name: "TLS", Hint: "have the controller's address excluded from TLS inspection; it proves itself to agents with its own certificate"}
	conf, err := p.id.tls(p.now)
	if err != nil {
		s.Err, s.Hint = err, "enrol this endpoint again"
		return s
	}
	conf.NextProtos = []string{wire.ALPN, "http/1.1"}
	p.secure = tls.Client(p.raw, conf)
	ctx, cancel := context.WithTimeout(ctx, 2*dialTimeout)
	defer cancel()
	if err := p.secure.HandshakeContext(ctx); err != nil {
		if s.Err = explainTLS(err); !errors.Is(s.Err, ErrInspected) {
			s.Hint = "something on the way may not let TLS 1.3 through"
		}
		return s
	}
	s.Text = "TLS 1.3 with the controller's own certificate"
	return s
}

// door asks for the session's websocket and goes away again before a hello.
func (p *probe) door(ctx context.Context) Step {
	s := Step{Name: "door", Hint: "something on the way may not let websockets through; ask for an exception for this address"}
	address, err := sessionURL(p.id.URL)
	if err != nil {
		s.Err = err
		return s
	}
	d := websocket.Dialer{HandshakeTimeout: dialTimeout,
		NetDialTLSContext: func(context.Context, string, string) (net.Conn, error) { return p.secure, nil }}
	conn, resp, err := d.DialContext(ctx, address, nil)
	if resp != nil {
		defer resp.Body.Close()
	}
	if err != nil {
		s.Err = fmt.Errorf("the session is not opened: %w", err)
		if resp != nil && (resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusUnauthorized) {
			s.Err, s.Hint = fmt.Errorf("%w: %s", errRefused, resp.Status), "assentctl endpoint view shows whether this endpoint is locked, quarantined or deleted"
		}
		return s
	}
	_ = conn.Close()
	s.Text = "the controller opens sessions"
	return s
}
