package main

import (
	"testing"

	"golang.org/x/sys/windows/registry"
)

func machines() map[string]func(*testing.T) machine {
	return map[string]func(*testing.T) machine{"memory": inMemory, "registry": withRegistry}
}

// withRegistry is a policy in keys of this test.
func withRegistry(t *testing.T) machine {
	const folder = `SOFTWARE\AssentTest`
	r := inRegistry{folder + `\UAC`, folder + `\System`}
	put := func(path, name string, value *uint32) {
		key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, path, registry.SET_VALUE)
		if err == nil && value != nil {
			err = key.SetDWordValue(name, *value)
		}
		if err == nil && value == nil {
			err = key.SetStringValue(name, "") // as the package writes what is not there
		}
		if err != nil {
			t.Fatal(err)
		}
		_ = key.Close()
	}
	put(r.policies, policyName, number32(refuse))
	t.Cleanup(func() {
		for _, path := range []string{r.kept, r.policies, folder} {
			if err := remove(path); err != nil {
				t.Error(err)
			}
		}
	})
	return machine{r, func(before *uint32) {
		put(r.kept, markName, number32(1))
		put(r.kept, beforeName, before)
	}, func(to *uint32) {
		if err := r.set(to); err != nil {
			t.Fatal(err)
		}
	}}
}
