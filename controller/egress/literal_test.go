package egress

import (
	"errors"
	"net/netip"
	"testing"
)

func TestCheckHost(t *testing.T) {
	local := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for _, tt := range []struct {
		host  string
		allow []netip.Prefix
		good  bool
	}{
		{"example.org", nil, true}, {"EXAMPLE.org.", nil, true}, {"hooks.slack.com", nil, true}, {"a1.example", nil, true}, {"0xdeadbeef.example", nil, true}, {"xn--bcher-kva.example", nil, true},
		{"8.8.8.8", nil, true}, {"2606:4700::1111", nil, true}, {"[2606:4700::1111]", nil, true},
		{"127.0.0.1", nil, false}, {"127.0.0.1", local, true}, {"localhost", nil, false}, {"localhost", local, true}, {"x.localhost.", nil, false}, {"::1", local, false},
		{"0.0.0.0", local, false}, {"::ffff:169.254.169.254", nil, false}, {"::ffff:127.0.0.1", local, true}, {"169.254.169.254", nil, false}, {"fe80::1%eth0", nil, false},
		{"2130706433", local, false}, {"0x7f000001", local, false}, {"0x7f.1", local, false}, {"127.1", local, false}, {"0177.0.0.01", local, false}, {"127.0.0.0x1", local, false}, {"0x", local, false}, {"", nil, false}, {".", nil, false},
	} {
		if err := CheckHost(tt.host, tt.allow); (err == nil) != tt.good || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%q: got %v", tt.host, err)
		}
	}
}
