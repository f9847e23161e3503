package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows/registry"
)

// machine is this one's registry.
type machine struct{}

// within opens a key for what is done with it.
func within(path string, access uint32, do func(registry.Key) error) error {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, access|registry.WOW64_64KEY)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer key.Close()
	return do(key)
}

func (machine) read(path, name string) (n uint32, number bool, err error) {
	err = within(path, registry.QUERY_VALUE, func(key registry.Key) error {
		long, kind, err := key.GetIntegerValue(name)
		if errors.Is(err, registry.ErrUnexpectedType) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		n, number = uint32(long), kind == registry.DWORD
		return nil
	})
	return n, number, err
}

func (machine) write(path, name string, n uint32) error {
	return within(path, registry.SET_VALUE, func(key registry.Key) error {
		if err := key.SetDWordValue(name, n); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
		return nil
	})
}

func (machine) drop(path, name string) error {
	return within(path, registry.SET_VALUE, func(key registry.Key) error {
		if err := key.DeleteValue(name); err != nil {
			return fmt.Errorf("remove %s: %w", name, err)
		}
		return nil
	})
}

func (machine) remove(path string) error {
	if err := registry.DeleteKey(registry.LOCAL_MACHINE, path); err != nil {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return nil
}
