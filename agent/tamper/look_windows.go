package tamper

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc/mgr"

	"github.com/assent-epm/assent/agent/localgroup"
)

func (l *look) all() { l.ask(system{}) }

// system is this machine.
type system struct{}

var _ teller = system{}

func (system) administrators() (string, []localgroup.Member, error) {
	name, err := localgroup.Administrators{}.Name()
	if err != nil {
		return "", nil, err
	}
	members, err := localgroup.Administrators{}.Members()
	return name, members, err
}

// userInfo is USER_INFO_1.
type userInfo struct {
	name, password *uint16
	age, privilege uint32
	home, comment  *uint16
	flags          uint32
	script         *uint16
}

func (system) accounts() (out []account, err error) {
	const (
		normal = 0x2 // FILTER_NORMAL_ACCOUNT
		off    = 0x2 // UF_ACCOUNTDISABLE
		most   = ^uint32(0)
	)
	var resume uint32
	for {
		var buf *byte
		var read, total uint32
		err := windows.NetUserEnum(nil, 1, normal, &buf, most, &read, &total, &resume)
		if err != nil && !errors.Is(err, windows.ERROR_MORE_DATA) {
			return nil, fmt.Errorf("list the accounts: %w", err)
		}
		if buf != nil {
			for _, u := range unsafe.Slice((*userInfo)(unsafe.Pointer(buf)), read) {
				out = append(out, account{name: windows.UTF16PtrToString(u.name), off: u.flags&off != 0, extra: fmt.Sprintf("%#x", u.flags)})
			}
			if freed := windows.NetApiBufferFree(buf); freed != nil {
				return nil, freed
			}
		}
		if err == nil {
			return out, nil
		}
	}
}

func (system) services() (out []service, err error) {
	m, err := mgr.Connect()
	if err != nil {
		return nil, err
	}
	defer func() { _ = m.Disconnect() }() // only read
	names, err := m.ListServices()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		one, err := serviceOf(m, name)
		if err != nil {
			one = service{name: name, unread: true}
		}
		out = append(out, one)
	}
	return out, nil
}

func serviceOf(m *mgr.Mgr, name string) (service, error) {
	text, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return service{}, err
	}
	h, err := windows.OpenService(m.Handle, text, windows.SERVICE_QUERY_CONFIG)
	if err != nil {
		return service{}, err
	}
	s := &mgr.Service{Name: name, Handle: h}
	defer s.Close()
	c, err := s.Config()
	if err != nil {
		return service{}, err
	}
	return service{name: name, runs: c.BinaryPathName, as: c.ServiceStartName, start: c.StartType}, nil
}

func (system) values(path string) (out []value, err error) {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.QUERY_VALUE)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer key.Close()
	names, err := key.ReadValueNames(0)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, _, err := key.GetStringValue(name)
		if errors.Is(err, registry.ErrUnexpectedType) {
			list, _, more := key.GetStringsValue(name)
			text, err = strings.Join(list, " "), more
		}
		if errors.Is(err, registry.ErrUnexpectedType) {
			n, _, more := key.GetIntegerValue(name)
			text, err = fmt.Sprint(n), more
		}
		out = append(out, value{key: path, name: name, text: text, unread: err != nil})
	}
	return out, nil
}

func (system) tasks() string {
	root, err := windows.GetSystemWindowsDirectory()
	if err != nil {
		return ""
	}
	return root + `\System32\Tasks`
}
