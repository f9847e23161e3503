package egress

import (
	"fmt"
	"net/netip"
	"strings"
)

// CheckHost refuses a host that could only be an address which [Check] refuses,
// so that it is told already when somebody writes it down, with [ErrRefused]. All
// other names are judged when they are called. Addresses in forms that only some
// programs read (2130706433, 0x7f.1, 127.1) are refused whatever they mean.
func CheckHost(host string, allow []netip.Prefix) error {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if at, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return Check(at, allow)
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		if Check(netip.IPv6Loopback(), allow) == nil {
			return nil
		}
		return Check(netip.AddrFrom4([4]byte{127, 0, 0, 1}), allow)
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == "" || strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") && strings.Trim(last[2:], "0123456789abcdef") == "" {
		return fmt.Errorf("%w: %s is no name, and no address in its usual form", ErrRefused, host)
	}
	return nil
}
