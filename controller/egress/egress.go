// Package egress is the one way in which the controller calls somebody else's
// address: a dialer, and a client over it, that go where administrators may send
// them and nowhere else.
//
// Addresses come from settings, so whoever may change settings could point the
// controller at what only it can reach: itself, its neighbours, the metadata
// service of a cloud. The address is therefore judged when the connection is
// made, after every name was resolved; private destinations need the consent of
// whoever starts the controller. No redirect is followed, nothing of the
// environment (proxies, credentials) is used, and connections are not kept.
package egress

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// ErrRefused means that the destination is one that the controller does not call.
var ErrRefused = errors.New("the controller does not call this address")

// Limits of one call.
const (
	dialTime    = 5 * time.Second
	answerTime  = 30 * time.Second
	maxHeader   = 64 << 10
	maxInFlight = 64 // to one host
)

// Dialer makes a dialer that connects to addresses that may be called, and to no
// other: every address that a name stands for is judged when it is dialled. allow
// are the networks that may be called although they are not public.
func Dialer(allow []netip.Prefix) *net.Dialer {
	return &net.Dialer{Timeout: dialTime, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %s", ErrRefused, address)
		}
		return Check(at.Addr(), allow)
	}}
}

// Client makes a client for HTTP calls over [Dialer].
func Client(allow []netip.Prefix) *http.Client {
	return &http.Client{
		Timeout: answerTime,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		Transport: &http.Transport{
			DialContext:         Dialer(allow).DialContext,
			TLSHandshakeTimeout: dialTime, ResponseHeaderTimeout: answerTime, MaxResponseHeaderBytes: maxHeader,
			DisableKeepAlives: true, MaxConnsPerHost: maxInFlight,
		},
	}
}

// Check refuses an address that is not public, unless one of the networks has
// it, with [ErrRefused].
func Check(at netip.Addr, allow []netip.Prefix) error {
	at = at.Unmap().WithZone("")
	for _, p := range allow {
		if p.Contains(at) {
			return nil
		}
	}
	if !at.IsValid() || !at.IsGlobalUnicast() || at.IsPrivate() || at.IsLoopback() || at.IsLinkLocalUnicast() || special(at) {
		return fmt.Errorf("%w: %s is not public; start the controller with --notify-allow to permit it", ErrRefused, at)
	}
	return nil
}

// special are networks that look public to the standard library and are not:
// shared, reserved, for documentation and tests, and those that carry the
// addresses of others inside.
func special(at netip.Addr) bool {
	for _, s := range [...]string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10",
	} {
		if netip.MustParsePrefix(s).Contains(at) {
			return true
		}
	}
	return false
}

// ParseAllow reads networks, each an address or a CIDR prefix.
func ParseAllow(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			at, err2 := netip.ParseAddr(s)
			if err2 != nil {
				return nil, fmt.Errorf("the network %q is not an address or a prefix like 10.0.0.0/8", s)
			}
			p = netip.PrefixFrom(at.Unmap(), at.Unmap().BitLen())
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
