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
	people  systemSetting // of the account
	scripts map[string]winProxy
	broken  []string // what can not be read
}

var errBroken = errors.New("no access")

func (p *pc) fails(what string) error {
	if slices.Contains(p.broken, what) {
		return errBroken
	}
	return nil
}

func (p *pc) number(key, name string) (uint64, bool, error) {
	n, there := p.numbers[key+`\`+name]
	return n, there, p.fails(key)
}

func (p *pc) text(key, name string) (string, error) { return p.texts[key+`\`+name], p.fails(key) }
func (p *pc) usual() (winProxy, error)              { return p.netsh, p.fails("netsh") }

func (p *pc) own() (server, bypass, script string, err error) {
	return p.people.server, p.people.bypass, p.people.script, p.fails("own")
}

func (p *pc) script(script, _ string) (winProxy, error) {
	said, is := p.scripts[script]
	if !is {
		return winProxy{}, errScript
	}
	return said, nil
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
	p.scripts = map[string]winProxy{"http://pac/x": {access: accessNamedProxy, server: "a:1;b:2"}}
	to := &url.URL{Scheme: "https", Host: "assent.example"}
	if ways, from, err := fromSystem(windowsSettings{p}, to); err != nil || len(ways) != 2 || ways[0].String() != "http://a:1" || from != "the machine's internet settings (PAC)" {
		t.Errorf("%v %s %v", ways, from, err)
	}
	p.scripts["http://pac/x"] = winProxy{access: 1, server: "a:1"}
	if ways, _, err := fromSystem(windowsSettings{p}, to); err != nil || len(ways) != 1 || ways[0] != nil {
		t.Errorf("it says none: %v %v", ways, err)
	}
	p.scripts = nil
	if ways, from, err := fromSystem(windowsSettings{p}, to); err != nil || len(ways) != 1 || ways[0].String() != "http://machine:1" || from != "the machine's internet settings" {
		t.Errorf("it does not run: %v %s %v", ways, from, err)
	}
}
