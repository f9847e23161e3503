package api

import (
	"testing"
)

// TestAddressOf is the table of who a caller is counted as.
func TestAddressOf(t *testing.T) {
	trusted, err := ParseProxies([]string{"10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48"})
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"no header":                          {"203.0.113.9:4000", nil, "203.0.113.9"},
		"an untrusted peer's header":         {"203.0.113.9:4000", []string{"198.51.100.1"}, "203.0.113.9"},
		"an untrusted peer names a proxy":    {"203.0.113.9:4000", []string{"198.51.100.1, 10.0.0.1"}, "203.0.113.9"},
		"a proxy":                            {"10.0.0.1:4000", []string{"198.51.100.1"}, "198.51.100.1"},
		"one address that is trusted":        {"192.0.2.7:4000", []string{"198.51.100.1"}, "198.51.100.1"},
		"its neighbour":                      {"192.0.2.8:4000", []string{"198.51.100.1"}, "192.0.2.8"},
		"what the caller wrote stands left":  {"10.0.0.1:4000", []string{"1.1.1.1, 2.2.2.2, 198.51.100.1"}, "198.51.100.1"},
		"two proxies":                        {"10.0.0.1:4000", []string{"1.1.1.1, 198.51.100.1, 10.9.9.9"}, "198.51.100.1"},
		"several headers":                    {"10.0.0.1:4000", []string{"1.1.1.1", "198.51.100.1", "10.9.9.9"}, "198.51.100.1"},
		"a caller who claims to be a proxy":  {"10.0.0.1:4000", []string{"10.2.2.2, 198.51.100.1"}, "198.51.100.1"},
		"only proxies":                       {"10.0.0.1:4000", []string{"10.3.3.3, 10.2.2.2"}, "10.3.3.3"},
		"a proxy without a header":           {"10.0.0.1:4000", nil, "10.0.0.1"},
		"an empty header":                    {"10.0.0.1:4000", []string{""}, "10.0.0.1"},
		"garbage":                            {"10.0.0.1:4000", []string{"198.51.100.1, unknown"}, "10.0.0.1"},
		"garbage behind another proxy":       {"10.0.0.1:4000", []string{"198.51.100.1, <x>, 10.2.2.2"}, "10.2.2.2"},
		"with a port":                        {"10.0.0.1:4000", []string{"198.51.100.1:5555"}, "198.51.100.1"},
		"IPv6":                               {"[2001:db8:1::1]:4000", []string{"2001:db8:2::5"}, "2001:db8:2::5"},
		"IPv6 with a port":                   {"[2001:db8:1::1]:4000", []string{"[2001:db8:2::5]:77"}, "2001:db8:2::5"},
		"IPv6 in brackets":                   {"[2001:db8:1::1]:4000", []string{"[2001:db8:2::5]"}, "2001:db8:2::5"},
		"an untrusted IPv6 peer":             {"[2001:db8:2::1]:4000", []string{"198.51.100.1"}, "2001:db8:2::1"},
		"IPv4 in IPv6 is the same proxy":     {"[::ffff:10.0.0.1]:4000", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"a zone makes no second address":     {"[fe80::1%eth0]:4000", nil, "fe80::1"},
		"no address at all":                  {"@", []string{"198.51.100.1"}, "@"},
		"a list of a thousand own addresses": {"203.0.113.9:1", []string{"10.0.0.1, 10.0.0.2, 10.0.0.3"}, "203.0.113.9"},
	} {
		if got := addressOf(row.peer, row.forwarded, trusted); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
		if got, want := addressOf(row.peer, row.forwarded, nil), addressOf(row.peer, nil, nil); got != want {
			t.Errorf("%s, without trusted proxies: %s, want %s", name, got, want)
		}
	}
}

func TestParseProxiesRefuses(t *testing.T) {
	for _, text := range []string{"", "proxy.example", "10.0.0.0/33", "0.0.0.0/0", "::/0", "10.0.0.1:80", "fe80::1%eth0"} {
		if got, err := ParseProxies([]string{text}); err == nil {
			t.Errorf("%q is taken as %v", text, got)
		}
	}
}
