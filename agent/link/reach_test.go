package link

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func TestProxiesChoose(t *testing.T) {
	file := filepath.Join(t.TempDir(), "environment")
	if err := os.WriteFile(file, []byte("# proxy\nexport https_proxy=\"http://from-file:3128\"\nno_proxy=inside.example,10.0.0.0/8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const to = "https://assent.example:8443"
	rows := map[string]struct {
		p    Proxies
		env  map[string]string
		file bool
		to   string
		want string // address and where it comes from
	}{
		"nothing":                     {to: to},
		"setting":                     {p: Proxies{Setting: "http://a:1"}, env: map[string]string{"HTTPS_PROXY": "http://b:2"}, to: to, want: "http://a:1 agent.toml"},
		"none wins over environment":  {p: Proxies{Setting: "none"}, env: map[string]string{"HTTPS_PROXY": "http://b:2"}, to: to},
		"setting with exceptions":     {p: Proxies{Setting: "http://a:1", NoProxy: ".example"}, to: to},
		"environment":                 {env: map[string]string{"HTTPS_PROXY": "http://b:2"}, file: true, to: to, want: "http://b:2 environment"},
		"for everything":              {env: map[string]string{"ALL_PROXY": "socks5://b:2"}, to: to, want: "socks5://b:2 environment"},
		"environment with exceptions": {env: map[string]string{"https_proxy": "http://b:2", "no_proxy": "assent.example"}, to: to},
		"file":                        {file: true, to: to, want: "http://from-file:3128 file"},
		"file with exceptions":        {file: true, to: "https://inside.example"},
		"file with networks":          {file: true, to: "https://10.1.2.3:443"},
		"loopback is never proxied":   {p: Proxies{Setting: "http://a:1"}, to: "https://127.0.0.1:8443"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			var files []string
			if row.file {
				files = []string{file + ".missing", file}
			}
			u, from, err := row.p.choose(row.to, func(n string) string { return row.env[n] }, files)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if u != nil {
				got = u.String() + " " + strings.Replace(from, file, "file", 1)
			}
			if got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
	for _, bad := range []string{"host:3128", "ftp://a:1", "http://", "http://a:b:c", "http://bo:geheim@%zz"} {
		if _, _, err := (Proxies{Setting: bad}).For(to); err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}

// httpProxy is a proxy that tunnels for who knows the password.
func httpProxy(t *testing.T, password string, refuse int, used *atomic.Int32) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		used.Add(1)
		want := "Basic " + base64.StdEncoding.EncodeToString([]byte("bo:"+password))
		switch {
		case r.Method != http.MethodConnect:
			http.Error(w, "only tunnels", http.StatusBadRequest)
			return
		case refuse != 0:
			http.Error(w, "no", refuse)
			return
		case password != "" && r.Header.Get("Proxy-Authorization") != want:
			http.Error(w, "who are you", http.StatusProxyAuthRequired)
			return
		}
		far, err := net.Dial("tcp", r.Host)
		if err != nil {
			http.Error(w, "not reached", http.StatusBadGateway)
			return
		}
		defer far.Close()
		near, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer near.Close()
		_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\nX-Long: "+strings.Repeat("x", 3000)+"\r\n\r\n")
		go func() { _, _ = io.Copy(far, near); far.Close() }()
		_, _ = io.Copy(near, far)
	})
}

// socksProxy is a SOCKS5 proxy (RFC 1928) without a password.
func socksProxy(t *testing.T, used *atomic.Int32) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				hello := make([]byte, 2)
				if _, err := io.ReadFull(r, hello); err != nil {
					return
				}
				if _, err := r.Discard(int(hello[1])); err != nil {
					return
				}
				_, _ = c.Write([]byte{5, 0})
				head := make([]byte, 4)
				if _, err := io.ReadFull(r, head); err != nil {
					return
				}
				size := 4 // an address of IPv4
				if head[3] == 3 {
					n, err := r.ReadByte()
					if err != nil {
						return
					}
					size = int(n)
				}
				address := make([]byte, size+2)
				if _, err := io.ReadFull(r, address); err != nil {
					return
				}
				host := string(address[:size])
				if head[3] == 1 {
					host = net.IP(address[:4]).String()
				}
				far, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.ParseIP(host), Port: int(binary.BigEndian.Uint16(address[size:]))})
				if err != nil {
					return
				}
				defer far.Close()
				used.Add(1)
				_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
				go func() { _, _ = io.Copy(far, r); far.Close() }()
				_, _ = io.Copy(c, far)
			}()
		}
	}()
	return "socks5://" + l.Addr().String()
}

// TestDialThroughProxies goes through real proxies to a real TLS server.
func TestDialThroughProxies(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	defer server.Close()
	pool := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	conf := func() *tls.Config { return &tls.Config{RootCAs: pool, ServerName: "example.com"} }
	var used atomic.Int32
	plain := func(password string, refuse int) string {
		s := httptest.NewServer(httpProxy(t, password, refuse, &used))
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	closed := plain("geheim", 0)
	rows := map[string]struct {
		proxy string
		want  error
	}{
		"http":               {"http://" + plain("", 0), nil},
		"with a password":    {"http://bo:geheim@" + closed, nil},
		"without a password": {"http://" + closed, ErrProxyAuth},
		"a wrong password":   {"http://bo:falsch@" + closed, ErrProxyAuth},
		"refused":            {"http://" + plain("", 403), ErrProxyRefused},
		"socks5":             {socksProxy(t, &used), nil},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			used.Store(0)
			through, err := url.Parse(row.proxy)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := connectThrough(t.Context(), &net.Dialer{}, through, server.Listener.Addr().String())
			if !errors.Is(err, row.want) {
				t.Fatalf("got %v, want %v", err, row.want)
			}
			if used.Load() == 0 {
				t.Error("the proxy was not asked")
			}
			if err != nil {
				return
			}
			c := tls.Client(raw, conf())
			defer c.Close()
			if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(c)
			if err != nil || !strings.HasSuffix(string(answer), "hello") {
				t.Errorf("got %q %v", answer, err)
			}
		})
	}
	_, err := Proxies{Setting: "http://bo:falsch@" + closed}.dialTLS(t.Context(), "https://assent.example:8443", conf())
	if !errors.Is(err, ErrProxyAuth) || strings.Contains(err.Error(), "falsch") || !strings.Contains(err.Error(), closed) {
		t.Errorf("got %v", err)
	}
	_, err = Proxies{Setting: "none"}.dialTLS(context.Background(), server.URL, &tls.Config{ServerName: "example.com"})
	if !errors.Is(err, ErrInspected) || !strings.Contains(err.Error(), "Acme Co") {
		t.Errorf("a certificate of somebody else: %v", err)
	}
}
