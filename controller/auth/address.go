package auth

import "net/netip"

// AddressKey is what an address is counted under: whoever has an IPv6 address
// has its whole /64.
func AddressKey(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	p, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return p.String()
}
