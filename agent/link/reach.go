package link

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/net/proxy"
)

// Errors of reaching the controller. Each says what somebody can do about it.
var (
	ErrProxyAuth    = errors.New("the proxy wants a name and a password, or others than it got: assent-agent proxy-login keeps them")
	ErrProxyMethod  = errors.New("the proxy wants a way of logging in that this agent does not know (it knows Basic); have the controller's address allowed there without it")
	ErrProxyRefused = errors.New("the proxy does not let this connection through; have the controller's address allowed there")
	ErrInspected    = errors.New("something between this machine and the controller opens the connection (TLS inspection), or the address is another server's; have the controller's address excluded from inspection")
)

// Proxies says which proxy leads to the controller. The zero value asks the
// environment and then the system's own settings.
type Proxies struct {
	// Dir is where a log-in for a proxy is kept ([SaveLogin]); "" = nowhere.
	Dir string
	// Setting comes first: an address http://, https:// or socks5://, or "none".
	Setting string
	// NoProxy are hosts, domains and networks that are reached without it, with
	// commas, as in the variable NO_PROXY.
	NoProxy string
}

// systemProxyFiles are where distributions keep proxies for everybody: variables,
// one a line. The first that names one counts.
func systemProxyFiles() []string { return []string{"/etc/environment", "/etc/sysconfig/proxy"} }

// For is the proxy for an address https://HOST:PORT, nil for none, and where its
// setting comes from: "agent.toml", "environment", the name of a file, or what the
// system calls its settings. Where there are several it is the first.
func (p Proxies) For(address string) (*url.URL, string, error) {
	ways, from, err := p.ways(address, os.Getenv, systemProxyFiles(), systemSettings())
	if err != nil || len(ways) == 0 {
		return nil, from, err
	}
	return ways[0], from, nil
}

// ways are all of them, in the order they are tried; nil among them is directly.
func (p Proxies) ways(address string, env func(string) string, files []string, system settings) ([]way, string, error) {
	found, from, err := p.choose(address, env, files)
	if err != nil {
		return nil, from, err
	}
	ways := []way{found}
	if found == nil && from == "" {
		u, err := url.Parse(address)
		if err != nil {
			return nil, "", fmt.Errorf("read the controller's address: %w", err)
		}
		if ways, from, err = fromSystem(system, u); err != nil {
			return nil, from, err
		}
	}
	for i, w := range ways {
		if w == nil || w.User != nil {
			continue
		}
		user, err := login(p.Dir, w)
		if err != nil {
			return nil, from, err
		}
		with := *w
		with.User, ways[i] = user, &with
	}
	return ways, from, nil
}

func (p Proxies) choose(address string, env func(string) string, files []string) (*url.URL, string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, "", fmt.Errorf("read the controller's address: %w", err)
	}
	conf, from := p.config(env, files)
	if conf.HTTPSProxy == "none" {
		return nil, from, nil
	}
	if at, err := url.Parse(conf.HTTPSProxy); conf.HTTPSProxy != "" && (err != nil || at.Host == "" || !proxyScheme(at.Scheme)) {
		return nil, from, fmt.Errorf("the proxy of %s is not an address like http://HOST:PORT, https:// or socks5://", from)
	}
	found, err := conf.ProxyFunc()(u)
	if err != nil {
		return nil, from, fmt.Errorf("the proxy of %s can not be understood", from) // the error has the password
	}
	if found == nil {
		return nil, from, nil
	}
	return found, from, nil
}

func proxyScheme(s string) bool {
	return s == "http" || s == "https" || s == "socks5" || s == "socks5h"
}

func (p Proxies) config(env func(string) string, files []string) (httpproxy.Config, string) {
	if p.Setting != "" {
		return httpproxy.Config{HTTPSProxy: p.Setting, NoProxy: p.NoProxy}, "agent.toml"
	}
	pick := func(get func(string) string) httpproxy.Config {
		c := httpproxy.Config{NoProxy: p.NoProxy}
		for _, name := range []string{"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"} {
			if c.HTTPSProxy == "" {
				c.HTTPSProxy = get(name)
			}
		}
		for _, name := range []string{"no_proxy", "NO_PROXY"} {
			if c.NoProxy == "" {
				c.NoProxy = get(name)
			}
		}
		return c
	}
	if c := pick(env); c.HTTPSProxy != "" {
		return c, "environment"
	}
	for _, file := range files {
		if c := pick(variables(file)); c.HTTPSProxy != "" {
			return c, file
		}
	}
	return httpproxy.Config{}, ""
}

// variables reads a file of lines NAME=value, with or without export and quotes.
func variables(file string) func(string) string {
	raw, err := os.ReadFile(file)
	if err != nil || len(raw) > maxFile {
		return func(string) string { return "" }
	}
	found := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		line := strings.TrimPrefix(strings.TrimSpace(lines.Text()), "export ")
		if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(name, "#") {
			found[strings.TrimSpace(name)] = strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return func(name string) string { return found[name] }
}

// dialTLS connects to an address https://HOST:PORT, through the proxy if there is
// one, and does the TLS handshake.
func (p Proxies) dialTLS(ctx context.Context, address string, conf *tls.Config) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*dialTimeout)
	defer cancel()
	raw, err := p.dial(ctx, address)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, conf)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, explainTLS(err)
	}
	return conn, nil
}

// explainTLS says of a certificate that is not the controller's whose it is.
func explainTLS(err error) error {
	var wrong *tls.CertificateVerificationError
	if errors.As(err, &wrong) && len(wrong.UnverifiedCertificates) > 0 {
		return fmt.Errorf("%w; the certificate there was made by %q", ErrInspected, wrong.UnverifiedCertificates[0].Issuer.String())
	}
	return fmt.Errorf("TLS: %w", err)
}

// dial connects to an address https://HOST:PORT.
func (p Proxies) dial(ctx context.Context, address string) (net.Conn, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	target := hostPort(u, "443")
	ways, from, err := p.ways(address, os.Getenv, systemProxyFiles(), systemSettings())
	if err != nil {
		return nil, err
	}
	return dialWays(ctx, ways, from, target)
}

// dialWays tries one way after the other; no way at all is directly.
func dialWays(ctx context.Context, ways []way, from, target string) (net.Conn, error) {
	if len(ways) == 0 {
		ways = []way{nil}
	}
	d := &net.Dialer{Timeout: dialTimeout}
	var errs []error
	for _, through := range ways {
		conn, err := dialBy(ctx, d, through, from, target)
		if err == nil {
			return conn, nil
		}
		if errs = append(errs, err); ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func dialBy(ctx context.Context, d *net.Dialer, through way, from, target string) (net.Conn, error) {
	if through == nil {
		return d.DialContext(ctx, "tcp", target)
	}
	conn, err := connectThrough(ctx, d, through, target)
	if err != nil {
		return nil, fmt.Errorf("through the proxy %s of %s: %w", through.Redacted(), from, err)
	}
	return conn, nil
}

func hostPort(u *url.URL, port string) string {
	if u.Port() != "" {
		port = u.Port()
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func connectThrough(ctx context.Context, d *net.Dialer, through *url.URL, target string) (net.Conn, error) {
	if strings.HasPrefix(through.Scheme, "socks5") {
		var auth *proxy.Auth
		if through.User != nil {
			password, _ := through.User.Password()
			auth = &proxy.Auth{User: through.User.Username(), Password: password}
		}
		s, err := proxy.SOCKS5("tcp", hostPort(through, usualPort(through)), auth, d)
		if err != nil {
			return nil, err
		}
		with, ok := s.(proxy.ContextDialer)
		if !ok {
			return nil, errors.ErrUnsupported
		}
		return with.DialContext(ctx, "tcp", target)
	}
	conn, err := d.DialContext(ctx, "tcp", hostPort(through, usualPort(through)))
	if err != nil {
		return nil, err
	}
	if through.Scheme == "https" {
		secure := tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: through.Hostname()})
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, fmt.Errorf("TLS with the proxy: %w", err)
		}
		conn = secure
	}
	if err := connectHTTP(ctx, conn, through.User, target); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// connectHTTP asks an HTTP proxy for a tunnel (RFC 9110, section 9.3.6).
func connectHTTP(ctx context.Context, conn net.Conn, user *url.Userinfo, target string) error {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(dialTimeout)
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{}}
	if user != nil {
		password, _ := user.Password()
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := req.Write(conn); err != nil {
		return fmt.Errorf("ask the proxy: %w", err)
	}
	// One byte at a time, so that nothing that belongs to the tunnel is read.
	resp, err := http.ReadResponse(bufio.NewReaderSize(&byteByByte{conn: conn, left: 64 << 10}, 16), req)
	if err != nil {
		return fmt.Errorf("read the proxy's answer: %w", err)
	}
	switch {
	case resp.StatusCode == http.StatusOK:
		return conn.SetDeadline(time.Time{})
	case resp.StatusCode == http.StatusProxyAuthRequired && knowsBasic(resp.Header.Values("Proxy-Authenticate")):
		return ErrProxyAuth
	case resp.StatusCode == http.StatusProxyAuthRequired:
		return ErrProxyMethod
	case resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusMethodNotAllowed:
		return fmt.Errorf("%w: it answered %d", ErrProxyRefused, resp.StatusCode)
	}
	return fmt.Errorf("the proxy answered %d", resp.StatusCode)
}

// knowsBasic reports whether a proxy lets people log in with a name and a password;
// one that does not say is asked so.
func knowsBasic(offers []string) bool {
	for _, o := range offers {
		if method, _, _ := strings.Cut(strings.TrimSpace(o), " "); strings.EqualFold(method, "basic") {
			return true
		}
	}
	return len(offers) == 0
}

// byteByByte reads single bytes, as many as are left.
type byteByByte struct {
	conn net.Conn
	left int
}

func (b *byteByByte) Read(p []byte) (int, error) {
	if b.left--; b.left < 0 {
		return 0, errors.New("the answer is too long")
	}
	return b.conn.Read(p[:1])
}
