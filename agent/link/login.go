package link

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/assent-epm/assent/agent/keep"
	"github.com/assent-epm/assent/shared/durable"
	"github.com/assent-epm/assent/shared/sign"
)

// ProxyLogin is a name and a password for one proxy. It is sent to that one and to
// no other: a script or a setting that somebody changes must not get it.
type ProxyLogin struct {
	Proxy    string `cbor:"proxy"` // HOST:PORT
	Name     string `cbor:"name"`
	Password string `cbor:"password"`
}

const fileLogin = "proxy-login"

// maxLogin bounds name and password, in bytes.
const maxLogin = 512

// ErrLogin says that a log-in for a proxy is not one.
var ErrLogin = errors.New("a log-in for a proxy is HOST:PORT, a name without a colon, and a password")

// check refuses what could not be sent.
func (l ProxyLogin) check() error {
	u, err := url.Parse("http://" + l.Proxy)
	plain := func(s string) bool { return s != "" && len(s) <= maxLogin && !strings.ContainsAny(s, "\x00\r\n") }
	if err != nil || u.Host != l.Proxy || u.Port() == "" || u.Hostname() == "" || !plain(l.Name) || strings.Contains(l.Name, ":") || !plain(l.Password) {
		return ErrLogin
	}
	return nil
}

// SaveLogin keeps a log-in in the agent's folder, protected where the system can.
func SaveLogin(dir string, l ProxyLogin) error {
	l.Proxy = strings.ToLower(l.Proxy)
	if err := l.check(); err != nil {
		return err
	}
	if err := keep.Folder(dir); err != nil {
		return err
	}
	open, err := sign.Encode(l)
	if err != nil {
		return fmt.Errorf("keep the proxy's password: %w", err)
	}
	defer clear(open)
	raw, err := keep.Protect(open)
	if err != nil {
		return err
	}
	if err := durable.Replace(filepath.Join(dir, fileLogin), raw); err != nil {
		return fmt.Errorf("keep the proxy's password: %w", err)
	}
	return nil
}

// ForgetLogin removes it.
func ForgetLogin(dir string) error { return durable.Remove(filepath.Join(dir, fileLogin)) }

// login is what is kept for a proxy, nil = nothing. A damaged file is an error, so
// that nobody looks for the mistake at the proxy.
func login(dir string, through *url.URL) (*url.Userinfo, error) {
	if dir == "" {
		return nil, nil
	}
	path := filepath.Join(dir, fileLogin)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	raw, err := readPrivate(path)
	if err == nil {
		raw, err = keep.Reveal(raw)
	}
	if err != nil {
		return nil, fmt.Errorf("read the proxy's password: %w", err)
	}
	defer clear(raw)
	var l ProxyLogin
	if err := sign.Decode(raw, &l); err != nil {
		return nil, fmt.Errorf("read the proxy's password: %w", err)
	}
	if err := l.check(); err != nil {
		return nil, fmt.Errorf("read the proxy's password: %w", err)
	}
	if !strings.EqualFold(hostPort(through, usualPort(through)), l.Proxy) {
		return nil, nil
	}
	return url.UserPassword(l.Name, l.Password), nil
}

func usualPort(u *url.URL) string {
	switch u.Scheme {
	case "https":
		return "443"
	case "socks5", "socks5h":
		return "1080"
	}
	return "80"
}
