package main

import (
	"errors"
	"io/fs"
	"testing"

	"golang.org/x/sys/windows/registry"
)

func TestLeftInTheRegistry(t *testing.T) {
	if key, err := registry.OpenKey(registry.LOCAL_MACHINE, enrollKey, registry.QUERY_VALUE); err == nil {
		key.Close()
		t.Skip("something is left on this machine")
	}
	t.Cleanup(func() {
		if err := registry.DeleteKey(registry.LOCAL_MACHINE, enrollKey); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	})
	key := func() registry.Key {
		t.Helper()
		key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, enrollKey, registry.ALL_ACCESS)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	contractOfLeaving(t, installerLeft{}, func(l leftover) {
		k := key()
		defer k.Close()
		if err := errors.Join(k.SetStringValue("ControllerURL", l.url), k.SetStringValue("Token", l.token), k.SetStringValue("Labels", l.label)); err != nil {
			t.Fatal(err)
		}
	})
	k := key()
	defer k.Close()
	if err := k.SetDWordValue("Token", 1); err != nil {
		t.Fatal(err)
	}
	if left, err := (installerLeft{}).read(); err == nil {
		t.Errorf("a token of another kind is read as %v", left)
	}
}
