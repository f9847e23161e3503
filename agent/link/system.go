package link

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// This file has what a machine's own settings say of proxies: parsed and chosen
// here, read by wininternet.go and system_darwin.go. Proxies that are found by
// asking the network (WPAD) are not used: who is on the network would choose them.

// systemSetting is one place where a system keeps its proxy.
type systemSetting struct {
	from   string // for people
	server string // HOST:PORT, or several as KIND=HOST:PORT
	bypass string // hosts that are reached without it
	script string // address of a script that chooses (PAC), "" = none
}

// settings are what a system says; a script is run by the system itself.
type settings interface {
	// read lists the places, the first that says something counts.
	read() ([]systemSetting, error)
	// run is what a script says of an address: HOST:PORT parted by semicolons, ""
	// for none.
	run(script, address string) (string, error)
}

// maxThrough bounds the proxies that are tried one after the other.
const maxThrough = 4

// errScript: the system can not run a script that chooses proxies.
var errScript = errors.New("a script (PAC) chooses the proxy, and it can not be run here; give proxy = \"http://HOST:PORT\" in agent.toml")

// way is one way to the controller: through a proxy, or directly when that is nil.
type way = *url.URL

// fromSystem are the ways that the system's settings give, in order. None at all
// means that they say nothing.
func fromSystem(s settings, to *url.URL) (ways []way, from string, err error) {
	if s == nil || isLoopback(to.Hostname()) {
		return nil, "", nil
	}
	list, err := s.read()
	if err != nil {
		return nil, "the system", fmt.Errorf("read the system's proxy: %w", err)
	}
	for _, one := range list {
		switch {
		case one.script != "":
			said, err := s.run(one.script, to.String())
			if err == nil {
				ways, err = readServers(said, true)
			}
			if err != nil && one.server == "" {
				return nil, one.from, err
			}
			if err == nil {
				return ways, one.from + " (PAC)", nil
			}
		case one.server == "":
			continue
		}
		if bypassed(one.bypass, to.Hostname()) {
			return []way{nil}, one.from, nil
		}
		ways, err := readServers(one.server, false)
		return ways, one.from, err
	}
	return nil, "", nil
}

// readServers reads how Windows writes proxies: HOST:PORT, or KIND=HOST:PORT,
// parted by semicolons or blanks, of which the kind https counts, then socks. In
// what a script says, each is one to try, and nothing at all means none.
func readServers(text string, script bool) (ways []way, err error) {
	plain, socks := []way{}, []way{}
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ';' || r == ' ' || r == '\t' }) {
		kind, server, named := strings.Cut(part, "=")
		if !named {
			kind, server = "", part
		}
		kind = strings.ToLower(kind)
		if kind == "http" || kind == "ftp" {
			continue // the controller is reached by https alone
		}
		u, err := readServer(server, kind == "socks")
		if err != nil {
			return nil, err
		}
		if kind == "socks" {
			socks = append(socks, u)
			continue
		}
		plain = append(plain, u)
	}
	ways = append(plain, socks...)
	switch {
	case len(ways) == 0:
		return []way{nil}, nil
	case !script:
		return ways[:1], nil
	}
	return ways[:min(len(ways), maxThrough)], nil
}

func readServer(server string, socks bool) (way, error) {
	scheme, rest, ok := strings.Cut(server, "://")
	if !ok {
		scheme, rest = "http", server
	}
	if socks {
		scheme = "socks5"
	}
	u, err := url.Parse(scheme + "://" + strings.TrimSuffix(rest, "/"))
	if err != nil || u.Hostname() == "" || !proxyScheme(u.Scheme) || u.User != nil || u.Path != "" || u.RawQuery != "" {
		return nil, errors.New("the system's proxy is not an address like HOST:PORT")
	}
	return u, nil
}

// bypassed reports whether a list of exceptions has a host: parted by semicolons or
// commas, with * for anything, <local> for names without a dot.
func bypassed(list, host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, one := range strings.FieldsFunc(list, func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
		one = strings.ToLower(one)
		if _, network, err := net.ParseCIDR(one); err == nil {
			if ip := net.ParseIP(host); ip != nil && network.Contains(ip) {
				return true
			}
			continue
		}
		if _, rest, ok := strings.Cut(one, "://"); ok {
			one = rest
		}
		if h, _, err := net.SplitHostPort(one); err == nil {
			one = h
		}
		if one == "<local>" && !strings.Contains(host, ".") && net.ParseIP(host) == nil || one != "" && matchesStars(one, host) {
			return true
		}
	}
	return false
}

// matchesStars compares with a pattern where * is any text.
func matchesStars(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	rest, ok := strings.CutPrefix(s, parts[0])
	if !ok || len(parts) == 1 {
		return ok && rest == ""
	}
	for _, p := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, p)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// readScutil reads what scutil of macOS says of proxies: lines NAME : VALUE, and
// lists of numbered lines.
func readScutil(text string) systemSetting {
	values, inList, bypass := map[string]string{}, false, []string{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " : ")
		switch {
		case strings.HasPrefix(value, "<array>"):
			inList = name == "ExceptionsList"
		case strings.TrimSpace(line) == "}":
			inList = false
		case ok && inList:
			bypass = append(bypass, value)
		case ok:
			values[name] = value
		}
	}
	s := systemSetting{from: "the network settings", bypass: strings.Join(bypass, ";")}
	if values["ExcludeSimpleHostnames"] == "1" {
		s.bypass += ";<local>"
	}
	server := func(kind string) string {
		if values[kind+"Enable"] != "1" || values[kind+"Proxy"] == "" {
			return ""
		}
		if values[kind+"Port"] == "" {
			return values[kind+"Proxy"]
		}
		return net.JoinHostPort(values[kind+"Proxy"], values[kind+"Port"])
	}
	if s.server = server("HTTPS"); s.server == "" && server("SOCKS") != "" {
		s.server = "socks=" + server("SOCKS")
	}
	if values["ProxyAutoConfigEnable"] == "1" {
		s.script = values["ProxyAutoConfigURLString"]
	}
	return s
}
