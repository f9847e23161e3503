package link

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assent-epm/assent/agent/keep"
)

// machine is a system with settings, and scripts that say what stands beside them.
type machine struct {
	list    []systemSetting
	scripts map[string]string
	broken  error
}

func (m machine) read() ([]systemSetting, error) { return m.list, m.broken }

func (m machine) run(script, address string) (string, error) {
	said, ok := m.scripts[script]
	if !ok || !strings.HasPrefix(address, "https://") {
		return "", errScript
	}
	return said, nil
}

func TestSystemSettings(t *testing.T) {
	const pac = "http://pac.example/proxy.pac"
	one := func(s systemSetting) machine {
		return machine{list: []systemSetting{{}, s, {from: "later", server: "later:9"}}}
	}
	rows := map[string]struct {
		m    machine
		host string
		want string
		err  bool
	}{
		"nothing":                      {m: machine{}, want: " "},
		"one for everything":           {m: one(systemSetting{from: "netsh", server: "p.example:3128"}), want: "http://p.example:3128 netsh"},
		"with a scheme":                {m: one(systemSetting{from: "netsh", server: "http://p.example:3128/"}), want: "http://p.example:3128 netsh"},
		"one for each kind":            {m: one(systemSetting{from: "s", server: "http=a:1;https=b:2;ftp=c:3;socks=d:4"}), want: "http://b:2 s"},
		"socks alone":                  {m: one(systemSetting{from: "s", server: "socks=d:4"}), want: "socks5://d:4 s"},
		"only for http":                {m: one(systemSetting{from: "s", server: "http=a:1"}), want: "direct s"},
		"an exception":                 {m: one(systemSetting{from: "s", server: "a:1", bypass: "*.other;*.EXAMPLE"}), want: "direct s"},
		"an exception of another name": {m: one(systemSetting{from: "s", server: "a:1", bypass: "x*.example;example;<local>"}), want: "http://a:1 s"},
		"local names":                  {m: one(systemSetting{from: "s", server: "a:1", bypass: "<local>"}), host: "assent", want: "direct s"},
		"an address is no local name":  {m: one(systemSetting{from: "s", server: "a:1", bypass: "<local>"}), host: "[fd00::1]", want: "http://a:1 s"},
		"a network":                    {m: one(systemSetting{from: "s", server: "a:1", bypass: "10.0.0.0/8"}), host: "10.1.2.3", want: "direct s"},
		"a network by stars":           {m: one(systemSetting{from: "s", server: "a:1", bypass: "10.*.3"}), host: "10.1.2.3", want: "direct s"},
		"this machine":                 {m: one(systemSetting{from: "s", server: "a:1"}), host: "127.0.0.1", want: " "},
		"a script":                     {m: machine{list: []systemSetting{{from: "s", script: pac, server: "no:1"}}, scripts: map[string]string{pac: "a:1;b:2"}}, want: "http://a:1 http://b:2 s (PAC)"},
		"a script that says none":      {m: machine{list: []systemSetting{{from: "s", script: pac}}, scripts: map[string]string{pac: ""}}, want: "direct s (PAC)"},
		"too many of a script":         {m: machine{list: []systemSetting{{from: "s", script: pac}}, scripts: map[string]string{pac: "a:1;a:2;a:3;a:4;a:5;a:6"}}, want: "http://a:1 http://a:2 http://a:3 http://a:4 s (PAC)"},
		"a script beside a proxy":      {m: machine{list: []systemSetting{{from: "s", script: pac, server: "b:2"}}}, want: "http://b:2 s"},
		"a script that is not run":     {m: machine{list: []systemSetting{{from: "s", script: pac}}}, err: true},
		"no address":                   {m: one(systemSetting{from: "s", server: "ftp://a:1"}), err: true},
		"with a password":              {m: one(systemSetting{from: "s", server: "bo:geheim@a:1"}), err: true},
		"it can not be read":           {m: machine{broken: errors.New("no")}, err: true},
	}
	for name, row := range rows {
		host := row.host
		if host == "" {
			host = "assent.example"
		}
		ways, from, err := Proxies{}.ways("https://"+host+":8443", func(string) string { return "" }, nil, row.m)
		if (err != nil) != row.err || err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := ""
		for _, w := range ways {
			if w == nil {
				got += "direct "
				continue
			}
			got += w.String() + " "
		}
		if got += from; err == nil && strings.TrimPrefix(got, "direct ") != row.want && got != row.want && !(got == "" && row.want == " ") {
			t.Errorf("%s: got %q, want %q", name, got, row.want)
		}
	}
	ways, from, err := Proxies{Setting: "none"}.ways("https://assent.example", func(string) string { return "" }, nil, one(systemSetting{from: "s", server: "a:1"}))
	if err != nil || from != "agent.toml" || len(ways) != 1 || ways[0] != nil {
		t.Errorf("none in agent.toml: %v %s %v", ways, from, err)
	}
}

func TestScutil(t *testing.T) {
	const text = `<dictionary> {
  ExceptionsList : <array> {
    0 : *.local
    1 : 169.254/16
  }
  ExcludeSimpleHostnames : 1
  FTPPassive : 1
  HTTPEnable : 1
  HTTPPort : 80
  HTTPProxy : web.example
  HTTPSEnable : 1
  HTTPSPort : 3128
  HTTPSProxy : proxy.example
  ProxyAutoConfigEnable : 1
  ProxyAutoConfigURLString : http://pac.example/x.pac
  SOCKSEnable : 0
}
`
	want := systemSetting{from: "the network settings", server: "proxy.example:3128", bypass: "*.local;169.254/16;<local>", script: "http://pac.example/x.pac"}
	if diff := cmp.Diff(want, readScutil(text), cmp.AllowUnexported(systemSetting{})); diff != "" {
		t.Error(diff)
	}
	socks := "<dictionary> {\n  HTTPSEnable : 0\n  HTTPSProxy : old\n  SOCKSEnable : 1\n  SOCKSPort : 1080\n  SOCKSProxy : s.example\n}\n"
	if got := readScutil(socks).server; got != "socks=s.example:1080" {
		t.Errorf("socks: %q", got)
	}
	for _, text := range []string{"", "<dictionary> {\n  FTPPassive : 1\n}\n", "no text of it"} {
		if got := readScutil(text); got.server+got.script != "" {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// Where one proxy is gone the next one is tried, and the way around them last.
func TestNextProxy(t *testing.T) {
	target := httptest.NewServer(http.NotFoundHandler())
	defer target.Close()
	host := strings.TrimPrefix(target.URL, "http://")
	var used atomic.Int32
	open := httptest.NewServer(httpProxy(t, "", 0, &used))
	defer open.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	u := func(s string) way { w, _ := url.Parse(s); return w }
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for i, ways := range [][]way{{u(gone.URL), u(open.URL), nil}, {u(gone.URL), nil}, {nil}, nil} {
		conn, err := dialWays(ctx, ways, "a script", host)
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		conn.Close()
	}
	if used.Load() != 1 {
		t.Errorf("the second was used %d times", used.Load())
	}
	if _, err := dialWays(ctx, []way{u(gone.URL), u(gone.URL)}, "a script", host); err == nil || strings.Count(err.Error(), "a script") != 2 {
		t.Errorf("none is there: %v", err)
	}
}

// A log-in goes to its proxy alone, and is kept where nobody else reads it.
func TestProxyLogin(t *testing.T) {
	dir := t.TempDir()
	l := ProxyLogin{Proxy: "Proxy.example:3128", Name: "bo", Password: "geheim:&1"}
	if err := SaveLogin(dir, l); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, fileLogin))
	if err != nil || keep.Protects && strings.Contains(string(raw), "geheim") {
		t.Errorf("the file: %q, %v", raw, err)
	}
	given := func(proxy string) string {
		t.Helper()
		ways, _, err := Proxies{Dir: dir, Setting: proxy}.ways("https://assent.example", func(string) string { return "" }, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(ways[0].User)
	}
	for proxy, want := range map[string]string{
		"http://proxy.example:3128": "bo:geheim%3A&1", "http://PROXY.example:3128": "bo:geheim%3A&1",
		"http://proxy.example": "", "http://proxy.example:3129": "", "http://evil.example:3128": "",
		"http://mia:own@proxy.example:3128": "mia:own",
	} {
		if got := given(proxy); got != want {
			t.Errorf("%s gets %q, want %q", proxy, got, want)
		}
	}
	for name, bad := range map[string]ProxyLogin{
		"no port": {"p", "bo", "x"}, "no name": {"p:1", "", "x"}, "no password": {"p:1", "bo", ""}, "a colon": {"p:1", "b:o", "x"}, "a line": {"p:1", "bo", "x\r\nHost: y"},
		"a scheme": {"http://p:1", "bo", "x"}, "too long": {"p:1", "bo", strings.Repeat("x", maxLogin+1)}, "a path": {"p:1/x", "bo", "x"}, "a person": {"bo@p:1", "bo", "x"},
	} {
		if err := SaveLogin(dir, bad); !errors.Is(err, ErrLogin) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, fileLogin), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := (Proxies{Dir: dir, Setting: "http://proxy.example:3128"}).ways("https://assent.example", func(string) string { return "" }, nil, nil); err == nil {
		t.Error("a damaged file is no file")
	}
	if err := ForgetLogin(dir); err != nil || given("http://proxy.example:3128") != "" {
		t.Errorf("forgotten: %v", err)
	}
}

// A proxy that wants what this agent does not know is not asked for a password.
func TestProxyMethods(t *testing.T) {
	for offers, want := range map[string]error{"Negotiate|NTLM": ErrProxyMethod, "Negotiate|basic realm=\"x\"": ErrProxyAuth, "": ErrProxyAuth} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for _, o := range strings.Split(offers, "|") {
				if o != "" {
					w.Header().Add("Proxy-Authenticate", o)
				}
			}
			w.WriteHeader(http.StatusProxyAuthRequired)
		}))
		_, err := Proxies{Setting: srv.URL}.dial(t.Context(), "https://assent.example")
		if !errors.Is(err, want) {
			t.Errorf("%q: %v", offers, err)
		}
		srv.Close()
	}
}
