package machine

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

const (
	maxMachines = 100
	prefixBits  = 24
)

// Interface names have at most 15 characters.
func bridgeName(lab string) string        { return "asb" + lab }
func vethName(lab string, n int) string   { return "asv" + lab + strconv.Itoa(n) }
func network(third byte) netip.Addr       { return netip.AddrFrom4([4]byte{10, 231, third, 1}) }
func isVeth(lab string, name string) bool { return len(name) > 9 && name[:9] == "asv"+lab }

// machineAddr is the address of the n-th machine on the network of the host.
func machineAddr(host netip.Addr, n int) netip.Addr {
	bytes := host.As4()
	bytes[3] = byte(10 + n)
	return netip.AddrFrom4(bytes)
}

// hardware is a locally administered address that belongs to one IP address, so
// that a machine is found at once after it was booted again.
func hardware(addr netip.Addr) string {
	b := addr.As4()
	return fmt.Sprintf("02:61:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3])
}

// addBridge makes the private network, on the first range that nobody here uses.
func addBridge(ctx context.Context, name string) (netip.Addr, error) {
	used, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("list addresses: %w", err)
	}
	for third := 1; third < 255; third++ {
		host := network(byte(third))
		if taken(used, host) {
			continue
		}
		// A bridge without an address of its own takes one from its ports, and
		// changes it when they come and go; then nobody finds the host for a while.
		if err := ip(ctx, "link", "add", name, "address", hardware(host), "type", "bridge"); err != nil {
			return netip.Addr{}, err
		}
		if err := ip(ctx, "address", "add", netip.PrefixFrom(host, prefixBits).String(), "dev", name); err != nil {
			return netip.Addr{}, err
		}
		return host, ip(ctx, "link", "set", name, "up")
	}
	return netip.Addr{}, fmt.Errorf("every private range is in use, remove old bridges (ip link)")
}

func taken(used []net.Addr, host netip.Addr) bool {
	for _, addr := range used {
		if ipnet, ok := addr.(*net.IPNet); ok && ipnet.Contains(host.AsSlice()) {
			return true
		}
	}
	return false
}

// plug connects the network namespace of a process to the bridge, as eth0.
func plug(ctx context.Context, bridge, veth string, addr netip.Addr, pid int) error {
	// After a power cut the kernel takes the old namespace apart in its own time,
	// and our end of the old cable with it; it must be gone before the new one.
	if _, err := net.InterfaceByName(veth); err == nil {
		_ = ip(ctx, "link", "del", veth) // it may just have gone by itself
	}
	if err := ip(ctx, "link", "add", veth, "type", "veth", "peer", "name", "eth0", "address", hardware(addr), "netns", strconv.Itoa(pid)); err != nil {
		return err
	}
	if err := ip(ctx, "link", "set", veth, "master", bridge, "up"); err != nil {
		return err
	}
	inside := [][]string{
		{"address", "add", netip.PrefixFrom(addr, prefixBits).String(), "dev", "eth0"},
		{"link", "set", "eth0", "up"},
		{"link", "set", "lo", "up"},
	}
	for _, args := range inside {
		if err := ipInside(ctx, pid, args...); err != nil {
			return err
		}
	}
	return nil
}

// Unplug takes the machine off the network, Plug puts it back.
func (m *Machine) Unplug(ctx context.Context) error { return ip(ctx, "link", "set", m.veth, "down") }

// Plug ends what Unplug did.
func (m *Machine) Plug(ctx context.Context) error { return ip(ctx, "link", "set", m.veth, "up") }
