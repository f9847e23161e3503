package main

import (
	"errors"
	"io/fs"
	"testing"

	"golang.org/x/sys/windows/registry"
)

func registries() map[string]func(*testing.T) place {
	return map[string]func(*testing.T) place{"memory": inMemory, "registry": inRegistry}
}

// inRegistry is a policy in keys of this test.
func inRegistry(t *testing.T) place {
	const folder = `SOFTWARE\AssentTest`
	p := policy{machine{}, folder + `\UAC`, folder + `\System`}
	t.Cleanup(func() {
		for _, path := range []string{p.kept, p.policies, folder} {
			if err := p.remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
		}
	})
	return place{p, func(path, name string, value any) {
		key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, path, registry.SET_VALUE|registry.WOW64_64KEY)
		if err != nil {
			t.Fatal(err)
		}
		defer key.Close()
		switch value := value.(type) {
		case uint32:
			err = key.SetDWordValue(name, value)
		case string:
			err = key.SetStringValue(name, value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}}
}
