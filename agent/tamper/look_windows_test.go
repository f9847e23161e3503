package tamper

import (
	"testing"

	"golang.org/x/sys/windows/registry"
)

func TestSystem(t *testing.T) {
	tellerContract(t, system{}, func(t *testing.T, key, name, text string) {
		k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, key, registry.SET_VALUE)
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		t.Cleanup(func() { _ = registry.DeleteKey(registry.LOCAL_MACHINE, key) })
		if err := k.SetStringValue(name, text); err != nil {
			t.Fatal(err)
		}
	})
}

// The real machine can be asked, and tells the same twice. Wine has services, but no
// tasks, no list of accounts and nobody in groups.
func TestThisMachine(t *testing.T) {
	first := Take(t.Context(), "")
	kinds := map[string]int{}
	for _, thing := range first.Things {
		kinds[thing.What]++
	}
	if kinds[Service] == 0 {
		t.Errorf("it tells %v, %q", kinds, first.Faults)
	}
	t.Log(kinds, first.Faults)
	if changed := Compare(first, Take(t.Context(), "")); len(changed) > 0 {
		t.Errorf("two looks differ: %+v", changed)
	}
}
