package link

import (
	"errors"
	"fmt"
	"io/fs"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

func systemSettings() settings { return windowsSettings{winHTTP{}} }

// winHTTP is WinHTTP and the registry of this machine.
type winHTTP struct{}

var _ winInternet = winHTTP{}

// Numbers of WinHTTP.
const (
	accessNoProxy = 1
	byScript      = 2 // WINHTTP_AUTOPROXY_CONFIG_URL
	scriptWithin  = 5000
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

func (winHTTP) number(key, name string) (n uint64, there bool, err error) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, key, registry.QUERY_VALUE)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer k.Close()
	n, _, err = k.GetIntegerValue(name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	return n, true, err
}

func (winHTTP) text(key, name string) (string, error) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, key, registry.QUERY_VALUE)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer k.Close()
	text, _, err := k.GetStringValue(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return text, err
}

func (winHTTP) usual() (winProxy, error) {
	var info winProxyInfo
	if _, err := winhttp("WinHttpGetDefaultProxyConfiguration", uintptr(unsafe.Pointer(&info))); err != nil {
		return winProxy{}, err
	}
	return winProxy{access: info.access, server: taken(info.proxy), bypass: taken(info.bypass)}, nil
}

func (winHTTP) own() (server, bypass, script string, err error) {
	var own winUserProxy
	if _, err := winhttp("WinHttpGetIEProxyConfigForCurrentUser", uintptr(unsafe.Pointer(&own))); err != nil {
		return "", "", "", err
	}
	return taken(own.proxy), taken(own.bypass), taken(own.script), nil
}

func (winHTTP) script(script, address string) (winProxy, error) {
	name, err1 := windows.UTF16PtrFromString("assent")
	where, err2 := windows.UTF16PtrFromString(script)
	to, err3 := windows.UTF16PtrFromString(address)
	if err := errors.Join(err1, err2, err3); err != nil {
		return winProxy{}, err
	}
	session, err := winhttp("WinHttpOpen", uintptr(unsafe.Pointer(name)), accessNoProxy, 0, 0, 0)
	if err != nil {
		return winProxy{}, err
	}
	defer winhttp("WinHttpCloseHandle", session)
	if _, err := winhttp("WinHttpSetTimeouts", session, scriptWithin, scriptWithin, scriptWithin, scriptWithin); err != nil {
		return winProxy{}, err
	}
	options, info := winAutoProxy{flags: byScript, script: where}, winProxyInfo{}
	if _, err := winhttp("WinHttpGetProxyForUrl", session, uintptr(unsafe.Pointer(to)), uintptr(unsafe.Pointer(&options)), uintptr(unsafe.Pointer(&info))); err != nil {
		return winProxy{}, fmt.Errorf("run the script that chooses the proxy: %w", err)
	}
	return winProxy{access: info.access, server: taken(info.proxy), bypass: taken(info.bypass)}, nil
}
