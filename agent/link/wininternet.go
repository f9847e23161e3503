package link

// This file has what the settings of Windows mean; system_windows.go has the calls.

// winProxy is what WinHTTP says of a proxy.
type winProxy struct {
	access         uint32 // accessNamedProxy: the others count
	server, bypass string
}

// accessNamedProxy is WINHTTP_ACCESS_TYPE_NAMED_PROXY.
const accessNamedProxy = 3

// winInternet is WinHTTP, and the registry of the machine. Settings of people are
// not read: they would choose for a program of the system.
type winInternet interface {
	number(key, name string) (n uint64, there bool, err error)
	text(key, name string) (string, error) // "" = it is not there
	usual() (winProxy, error)
	// own are the settings of the account of this program.
	own() (server, bypass, script string, err error)
	// script is what a script says of an address.
	script(script, address string) (winProxy, error)
}

// Where the machine's own settings stand, and the policy that makes them count.
const (
	internetSettings = `SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings`
	internetPolicy   = `SOFTWARE\Policies\Microsoft\Windows\CurrentVersion\Internet Settings`
)

// windowsSettings are the settings of a machine with Windows.
type windowsSettings struct{ winInternet }

// read lists what a policy sets for the whole machine, what netsh winhttp sets, and
// the settings of the account of the service. The last two are there as far as the
// system tells them.
func (w windowsSettings) read() ([]systemSetting, error) {
	machine, err := w.machine()
	if err != nil {
		return nil, err
	}
	list := []systemSetting{machine}
	if p, err := w.usual(); err == nil && p.access == accessNamedProxy {
		list = append(list, systemSetting{from: "netsh winhttp", server: p.server, bypass: p.bypass})
	}
	if server, bypass, script, err := w.own(); err == nil {
		list = append(list, systemSetting{from: "the service's internet settings", server: server, bypass: bypass, script: script})
	}
	return list, nil
}

// machine is the setting of all users, where a policy says that there is one.
func (w windowsSettings) machine() (s systemSetting, err error) {
	perUser, there, err := w.number(internetPolicy, "ProxySettingsPerUser")
	if err != nil || !there || perUser != 0 {
		return s, err
	}
	on, _, err := w.number(internetSettings, "ProxyEnable")
	if err != nil {
		return s, err
	}
	values := map[string]string{"ProxyServer": "", "ProxyOverride": "", "AutoConfigURL": ""}
	for name := range values {
		if values[name], err = w.text(internetSettings, name); err != nil {
			return systemSetting{}, err
		}
	}
	s = systemSetting{from: "the machine's internet settings", script: values["AutoConfigURL"]}
	if on != 0 {
		s.server, s.bypass = values["ProxyServer"], values["ProxyOverride"]
	}
	return s, nil
}

// run has WinHTTP fetch and run a script.
func (w windowsSettings) run(script, address string) (string, error) {
	p, err := w.script(script, address)
	if err != nil || p.access != accessNamedProxy {
		return "", err
	}
	return p.server, nil
}
