package link

import (
	"errors"
	"fmt"
	"io/fs"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// thisSystem asks WinHTTP and the settings of the machine. Settings of people are
// not read: they would choose for a program of the system.
type thisSystem struct{}

func systemSettings() settings { return thisSystem{} }

// Where the machine's own settings stand, and the policy that makes them count.
const (
	internetSettings = `SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings`
	internetPolicy   = `SOFTWARE\Policies\Microsoft\Windows\CurrentVersion\Internet Settings`
)

// Numbers of WinHTTP.
const (
	accessNoProxy    = 1
	accessNamedProxy = 3
	byScript         = 2 // WINHTTP_AUTOPROXY_CONFIG_URL
	scriptWithin     = 5000
)

type winProxyInfo struct {
	access        uint32
	proxy, bypass *uint16
}

type winAutoProxy struct {
	flags, detect uint32
	script        *uint16
	reserved      uintptr
	reserved2     uint32
	logon         int32 // 0: no password of this machine goes to whoever has the script
}

type winUserProxy struct {
	detect                int32
	script, proxy, bypass *uint16
}

func winhttp(name string, args ...uintptr) (uintptr, error) {
	proc := windows.NewLazySystemDLL("winhttp.dll").NewProc(name)
	if err := proc.Find(); err != nil {
		return 0, err
	}
	r, _, err := proc.Call(args...)
	if r == 0 {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// taken is a text that WinHTTP has made, whose memory is given back.
func taken(text *uint16) string {
	if text == nil {
		return ""
	}
	s := windows.UTF16PtrToString(text)
	_, _, _ = windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalFree").Call(uintptr(unsafe.Pointer(text)))
	return s
}

// read lists what a policy sets for the whole machine, what netsh winhttp sets, and
// the settings of the account of the service.
func (thisSystem) read() ([]systemSetting, error) {
	var list []systemSetting
	machine, err := machineSetting()
	if err != nil {
		return nil, err
	}
	list = append(list, machine)
	var info winProxyInfo
	if _, err := winhttp("WinHttpGetDefaultProxyConfiguration", uintptr(unsafe.Pointer(&info))); err == nil {
		one := systemSetting{from: "netsh winhttp", server: taken(info.proxy), bypass: taken(info.bypass)}
		if info.access == accessNamedProxy {
			list = append(list, one)
		}
	}
	var own winUserProxy
	if _, err := winhttp("WinHttpGetIEProxyConfigForCurrentUser", uintptr(unsafe.Pointer(&own))); err == nil {
		list = append(list, systemSetting{from: "the service's internet settings", server: taken(own.proxy), bypass: taken(own.bypass), script: taken(own.script)})
	}
	return list, nil
}

// machineSetting is that of all users, where a policy says that there is one.
func machineSetting() (s systemSetting, err error) {
	policy, err := registry.OpenKey(registry.LOCAL_MACHINE, internetPolicy, registry.QUERY_VALUE)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	defer policy.Close()
	if each, _, err := policy.GetIntegerValue("ProxySettingsPerUser"); err != nil || each != 0 {
		return s, nil
	}
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, internetSettings, registry.QUERY_VALUE)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	defer key.Close()
	s.from = "the machine's internet settings"
	text := func(name string) string {
		value, _, err := key.GetStringValue(name)
		if err != nil {
			return ""
		}
		return value
	}
	if on, _, err := key.GetIntegerValue("ProxyEnable"); err == nil && on != 0 {
		s.server, s.bypass = text("ProxyServer"), text("ProxyOverride")
	}
	s.script = text("AutoConfigURL")
	return s, nil
}

// run has WinHTTP fetch and run a script.
func (thisSystem) run(script, address string) (string, error) {
	name, err1 := windows.UTF16PtrFromString("assent")
	where, err2 := windows.UTF16PtrFromString(script)
	to, err3 := windows.UTF16PtrFromString(address)
	if err := errors.Join(err1, err2, err3); err != nil {
		return "", err
	}
	session, err := winhttp("WinHttpOpen", uintptr(unsafe.Pointer(name)), accessNoProxy, 0, 0, 0)
	if err != nil {
		return "", err
	}
	defer winhttp("WinHttpCloseHandle", session)
	if _, err := winhttp("WinHttpSetTimeouts", session, scriptWithin, scriptWithin, scriptWithin, scriptWithin); err != nil {
		return "", err
	}
	options, info := winAutoProxy{flags: byScript, script: where}, winProxyInfo{}
	if _, err := winhttp("WinHttpGetProxyForUrl", session, uintptr(unsafe.Pointer(to)), uintptr(unsafe.Pointer(&options)), uintptr(unsafe.Pointer(&info))); err != nil {
		return "", fmt.Errorf("run the script that chooses the proxy: %w", err)
	}
	server, _ := taken(info.proxy), taken(info.bypass)
	if info.access != accessNamedProxy {
		return "", nil
	}
	return server, nil
}
