package egress

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		at    string
		allow string
		ok    bool
	}{
		{"93.184.215.14", "", true},
		{"2606:2800:21f:cb07::1", "", true},
		{"127.0.0.1", "", false},
		{"127.8.9.1", "", false},
		{"::1", "", false},
		{"::ffff:127.0.0.1", "", false},
		{"::ffff:10.0.0.1", "", false},
		{"10.1.2.3", "", false},
		{"172.16.0.1", "", false},
		{"192.168.1.1", "", false},
		{"169.254.169.254", "", false},
		{"fe80::1", "", false},
		{"fd00::1", "", false},
		{"0.0.0.0", "", false},
		{"::", "", false},
		{"100.64.1.1", "", false},
		{"224.0.0.1", "", false},
		{"255.255.255.255", "", false},
		{"64:ff9b::7f00:1", "", false},
		{"2002:7f00:1::", "", false},
		{"10.1.2.3", "10.0.0.0/8", true},
		{"::ffff:10.1.2.3", "10.0.0.0/8", true},
		{"10.1.2.3", "10.1.2.4", false},
		{"127.0.0.1", "127.0.0.1", true},
		{"192.168.1.1", "10.0.0.0/8", false},
	} {
		var allow []netip.Prefix
		if tt.allow != "" {
			var err error
			if allow, err = ParseAllow([]string{tt.allow}); err != nil {
				t.Fatal(err)
			}
		}
		err := Check(netip.MustParseAddr(tt.at), allow)
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%s with %q: %v", tt.at, tt.allow, err)
		}
	}
	if err := Check(netip.Addr{}, nil); !errors.Is(err, ErrRefused) {
		t.Errorf("no address: %v", err)
	}
	for _, bad := range []string{"", "10.0.0.0/33", "host", "1.2.3"} {
		if _, err := ParseAllow([]string{bad}); err == nil {
			t.Errorf("the network %q is taken", bad)
		}
	}
}

func TestClient(t *testing.T) {
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "/home", http.StatusFound)
		}
	}))
	defer home.Close()
	if _, err := Client(nil).Get(home.URL); !errors.Is(err, ErrRefused) {
		t.Errorf("loopback is called: %v", err)
	}
	allow, err := ParseAllow([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := Client(allow).Get(home.URL + "/away")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusFound {
		t.Errorf("a redirect is followed: %d", resp.StatusCode)
	}
	t.Setenv("HTTP_PROXY", home.URL)
	if _, err := Client(nil).Get("http://192.0.2.1/"); !errors.Is(err, ErrRefused) {
		t.Errorf("a proxy of the environment is used: %v", err)
	}
}

func TestDialer(t *testing.T) {
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	_, port, _ := net.SplitHostPort(at.Addr().String())
	for _, to := range []string{"127.0.0.1", "localhost", "::ffff:127.0.0.1", "0.0.0.0"} {
		if c, err := Dialer(nil).DialContext(t.Context(), "tcp", net.JoinHostPort(to, port)); !errors.Is(err, ErrRefused) {
			t.Errorf("%s is dialled: %v", to, err)
			if err == nil {
				c.Close()
			}
		}
	}
	allow, err := ParseAllow([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Dialer(allow).DialContext(t.Context(), "tcp", at.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
