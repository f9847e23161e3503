package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows/registry"
)

// inRegistry is the policy with the keys that it is kept in.
type inRegistry struct{ kept, policies string }

// uac is the policy of this machine.
func uac() policy {
	return inRegistry{kept: `SOFTWARE\Assent\UAC`, policies: `SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System`}
}

const (
	markName   = "Set"    // the installation changed it
	beforeName = "Before" // what it was: a number, or an empty text
	policyName = "ConsentPromptBehaviorUser"
)

// open answers no key where there is none.
func open(path string, access uint32) (key registry.Key, is bool, err error) {
	key, err = registry.OpenKey(registry.LOCAL_MACHINE, path, access|registry.WOW64_64KEY)
	if errors.Is(err, registry.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("open %s: %w", path, err)
	}
	return key, true, nil
}

// number is a value, nil where there is none, or where it is no number.
func number(key registry.Key, name string) (*uint32, error) {
	n, _, err := key.GetIntegerValue(name)
	if errors.Is(err, registry.ErrNotExist) || errors.Is(err, registry.ErrUnexpectedType) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	short := uint32(n)
	return &short, nil
}

func (r inRegistry) changed() (*uint32, bool, error) {
	key, is, err := open(r.kept, registry.QUERY_VALUE)
	if err != nil || !is {
		return nil, false, err
	}
	defer key.Close()
	if _, _, err := key.GetValue(markName, nil); err != nil {
		if errors.Is(err, registry.ErrNotExist) {
			return nil, false, nil
		}
		return nil, false, fmt.Errorf("read %s: %w", markName, err)
	}
	before, err := number(key, beforeName)
	return before, true, err
}

func (r inRegistry) now() (*uint32, error) {
	key, is, err := open(r.policies, registry.QUERY_VALUE)
	if err != nil || !is {
		return nil, err
	}
	defer key.Close()
	return number(key, policyName)
}

func (r inRegistry) set(to *uint32) error {
	key, is, err := open(r.policies, registry.SET_VALUE)
	if err != nil || !is {
		return err
	}
	defer key.Close()
	if to != nil {
		err = key.SetDWordValue(policyName, *to)
	} else if err = key.DeleteValue(policyName); errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("give %s back: %w", policyName, err)
	}
	return nil
}

func (r inRegistry) forget() error { return remove(r.kept) }

// remove removes a key that may not be there.
func remove(path string) error {
	err := registry.DeleteKey(registry.LOCAL_MACHINE, path)
	if err != nil && !errors.Is(err, registry.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return nil
}
