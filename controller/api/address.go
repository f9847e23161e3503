package api

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/assent-epm/assent/shared/elevation"
)

// ParseProxies reads the networks of trusted proxies: prefixes or addresses.
func ParseProxies(texts []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, t := range texts {
		p, err := netip.ParsePrefix(t)
		if ip, one := netip.ParseAddr(t); err != nil && one == nil && ip.Zone() == "" {
			p, err = ip.Prefix(ip.BitLen())
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("%w: trusted proxy %q is no network like 10.0.0.0/8", elevation.ErrInvalid, t)
		case p.Bits() == 0:
			return nil, fmt.Errorf("%w: trusted proxy %q is everybody; name the proxies", elevation.ErrInvalid, t)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// address is the caller's network address, by which strangers are limited and
// which stands in the audit log.
func (d *door) address(r *http.Request) string {
	return addressOf(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), d.proxies)
}

// addressOf is the one place where an address is decided. X-Forwarded-For counts
// only when the peer is a trusted proxy, and then from the right: each proxy adds
// the address that it saw itself, so the first one from the right that is no
// trusted proxy is the caller, and whatever stands left of it is their own text.
// What is no address ends the walk at the proxy that passed it on.
func addressOf(peer string, forwarded []string, trusted []netip.Prefix) string {
	at, ok := hostAddress(peer)
	if !ok {
		return peer
	}
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	for i := len(hops) - 1; i >= 0 && within(at, trusted); i-- {
		next, ok := hostAddress(strings.TrimSpace(hops[i]))
		if !ok {
			break
		}
		at = next
	}
	return at.String()
}

// hostAddress reads an address with or without a port.
func hostAddress(s string) (netip.Addr, bool) {
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	}
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, false
	}
	return ip.Unmap().WithZone(""), true
}

func within(ip netip.Addr, nets []netip.Prefix) bool {
	for _, n := range nets {
		if n.Contains(ip) {
			return true
		}
	}
	return false
}

func isLoopback(address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && ip.IsLoopback()
}
