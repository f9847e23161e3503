package link

import (
	"errors"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pc is a machine with Windows: a registry, and what WinHTTP knows.
type pc struct {
	numbers map[string]uint64 // by key and name
	texts   map[string]string
	netsh   winProxy
	people  systemSetting       // of the account
	scripts map[string]winProxy // what they say, by script and address
	broken  []string            // what can not be read
}

var errBroken = errors.New("no access")

func (p *pc) fails(what string) error {
	if slices.Contains(p.broken, what) {
		return errBroken
	}
	return nil
}

func (p *pc) number(key, name string) (uint64, bool, error) {
	if _, other := p.texts[key+`\`+name]; other {
		return 0, true, errBroken
	}
	n, there := p.numbers[key+`\`+name]
	return n, there, p.fails(key)
}

func (p *pc) text(key, name string) (string, error) {
	if _, other := p.numbers[key+`\`+name]; other {
		return "", errBroken
	}
	return p.texts[key+`\`+name], p.fails(key)
}

func (p *pc) usual() (winProxy, error) { return p.netsh, p.fails("netsh") }

func (p *pc) own() (server, bypass, script string, err error) {
	return p.people.server, p.people.bypass, p.people.script, p.fails("own")
}

func (p *pc) script(script, address string) (winProxy, error) {
	said, is := p.scripts[script+" "+address]
	if !is {
		return winProxy{}, errScript
	}
	return said, nil
}

// internet is a machine that a contract is run on. Its script sends assent.example to
// two proxies and everybody else to none.
type internet struct {
	winInternet
	pac     string
	setTo   func(key, name string, n uint32) error
	setText func(key, name, text string) error
}

// internetContract is what every machine does. What an administrator sets for all
// users of the machine is found.
func internetContract(t *testing.T, m internet) {
	t.Helper()
	s, to := windowsSettings{m}, &url.URL{Scheme: "https", Host: "assent.example:8443"}
	if n, there, err := m.number(internetSettings+`\none`, "none"); n != 0 || there || err != nil {
		t.Errorf("what is not there: %d %v %v", n, there, err)
	}
	if text, err := m.text(internetSettings+`\none`, "none"); text != "" || err != nil {
		t.Errorf("what is not there: %q %v", text, err)
	}
	if err := errors.Join(m.setTo(internetSettings, "ProxyEnable", 1), m.setText(internetSettings, "ProxyServer", "http=a:1;https=proxy.example:3128")); err != nil {
		t.Fatal(err)
	}
	if ways, from, err := fromSystem(s, to); err != nil || from == "the machine's internet settings" {
		t.Errorf("without the policy: %v %s %v", ways, from, err)
	}
	if err := m.setTo(internetPolicy, "ProxySettingsPerUser", 0); err != nil {
		t.Fatal(err)
	}
	if ways, from, err := fromSystem(s, to); err != nil || len(ways) != 1 || ways[0].String() != "http://proxy.example:3128" || from != "the machine's internet settings" {
		t.Errorf("with the policy: %v %s %v", ways, from, err)
	}
	if err := m.setText(internetSettings, "AutoConfigURL", m.pac); err != nil {
		t.Fatal(err)
	}
	ways, from, err := fromSystem(s, to)
	if err != nil || from != "the machine's internet settings (PAC)" || len(ways) == 0 || ways[0].String() != "http://one.example:1" {
		t.Errorf("a script: %v %s %v", ways, from, err)
	}
	other := &url.URL{Scheme: "https", Host: "other.example"}
	if ways, _, err := fromSystem(s, other); err != nil || len(ways) != 1 || ways[0] != nil {
		t.Errorf("a script that says none: %v %v", ways, err)
	}
	if err := errors.Join(m.setText(internetSettings, "ProxyEnable", "yes"), m.setTo(internetSettings, "ProxyServer", 1)); err != nil {
		t.Fatal(err)
	}
	if n, _, err := m.number(internetSettings, "ProxyEnable"); err == nil {
		t.Errorf("a text is read as the number %d", n)
	}
	if text, err := m.text(internetSettings, "ProxyServer"); err == nil {
		t.Errorf("a number is read as the text %q", text)
	}
	if ways, _, err := fromSystem(s, to); err == nil {
		t.Errorf("settings of another kind are passed over: %v", ways)
	}
}

func TestPC(t *testing.T) {
	p := &pc{numbers: map[string]uint64{}, texts: map[string]string{}, scripts: map[string]winProxy{
		"http://pac/x https://assent.example:8443": {access: accessNamedProxy, server: "one.example:1;two.example:2"}, "http://pac/x https://other.example": {access: 1}}}
	internetContract(t, internet{p, "http://pac/x",
		func(key, name string, n uint32) error {
			delete(p.texts, key+`\`+name)
			p.numbers[key+`\`+name] = uint64(n)
			return nil
		},
		func(key, name, text string) error {
			delete(p.numbers, key+`\`+name)
			p.texts[key+`\`+name] = text
			return nil
		}})
}

// office is a machine whose administrators have said everything.
func office() *pc {
	return &pc{numbers: map[string]uint64{internetPolicy + `\ProxySettingsPerUser`: 0, internetSettings + `\ProxyEnable`: 1},
		texts: map[string]string{internetSettings + `\ProxyServer`: "machine:1", internetSettings + `\ProxyOverride`: "*.local", internetSettings + `\AutoConfigURL`: "http://pac/x"},
		netsh: winProxy{access: accessNamedProxy, server: "netsh:2", bypass: "b"}, people: systemSetting{server: "own:3", bypass: "c", script: "http://pac/own"}}
}

// Which of the settings of Windows count.
func TestSettingsOfWindows(t *testing.T) {
	machine := systemSetting{from: "the machine's internet settings", server: "machine:1", bypass: "*.local", script: "http://pac/x"}
	netsh := systemSetting{from: "netsh winhttp", server: "netsh:2", bypass: "b"}
	own := systemSetting{from: "the service's internet settings", server: "own:3", bypass: "c", script: "http://pac/own"}
	none := systemSetting{}
	off := machine
	off.server, off.bypass = "", ""
	for name, row := range map[string]struct {
		change func(p *pc)
		want   []systemSetting
		err    error
	}{
		"everything":                   {func(*pc) {}, []systemSetting{machine, netsh, own}, nil},
		"no policy":                    {func(p *pc) { delete(p.numbers, internetPolicy+`\ProxySettingsPerUser`) }, []systemSetting{none, netsh, own}, nil},
		"people choose for themselves": {func(p *pc) { p.numbers[internetPolicy+`\ProxySettingsPerUser`] = 1 }, []systemSetting{none, netsh, own}, nil},
		"it is switched off":           {func(p *pc) { p.numbers[internetSettings+`\ProxyEnable`] = 0 }, []systemSetting{off, netsh, own}, nil},
		"it was never switched on":     {func(p *pc) { delete(p.numbers, internetSettings+`\ProxyEnable`) }, []systemSetting{off, netsh, own}, nil},
		"netsh says none":              {func(p *pc) { p.netsh.access = 1 }, []systemSetting{machine, own}, nil},
		"netsh can not be asked":       {func(p *pc) { p.broken = []string{"netsh", "own"} }, []systemSetting{machine}, nil},
		"the policy can not be read":   {func(p *pc) { p.broken = []string{internetPolicy} }, nil, errBroken},
		"the settings can not be read": {func(p *pc) { p.broken = []string{internetSettings} }, nil, errBroken},
	} {
		p := office()
		row.change(p)
		got, err := windowsSettings{p}.read()
		if diff := cmp.Diff(row.want, got, cmp.AllowUnexported(systemSetting{})); diff != "" || !errors.Is(err, row.err) {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

// A script names a proxy, or says that there is none whatever else stands there.
func TestScriptOfWindows(t *testing.T) {
	p := office()
	p.scripts = map[string]winProxy{"http://pac/x https://assent.example": {access: accessNamedProxy, server: "a:1;b:2"}}
	to := &url.URL{Scheme: "https", Host: "assent.example"}
	if ways, from, err := fromSystem(windowsSettings{p}, to); err != nil || len(ways) != 2 || ways[0].String() != "http://a:1" || from != "the machine's internet settings (PAC)" {
		t.Errorf("%v %s %v", ways, from, err)
	}
	p.scripts["http://pac/x https://assent.example"] = winProxy{access: 1, server: "a:1"}
	if ways, _, err := fromSystem(windowsSettings{p}, to); err != nil || len(ways) != 1 || ways[0] != nil {
		t.Errorf("it says none: %v %v", ways, err)
	}
	p.scripts = nil
	if ways, from, err := fromSystem(windowsSettings{p}, to); err != nil || len(ways) != 1 || ways[0].String() != "http://machine:1" || from != "the machine's internet settings" {
		t.Errorf("it does not run: %v %s %v", ways, from, err)
	}
}
